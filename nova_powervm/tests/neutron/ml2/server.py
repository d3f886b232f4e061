#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Neutron's API on a free port of 127.0.0.1, until the process is ended.

Usage: server.py FOLDER

FOLDER has neutron.conf and plugins/ml2/ml2_conf.ini; the database goes there,
too. When the API is ready, the script prints a line of JSON: its port, and the
top-level modules that Neutron has loaded. This is a script, not a module of
the tests: importing those would load Nova.
"""

import json
import os
import sys
from wsgiref import simple_server

import sqlalchemy


def serve(folder):
    """Start the API as its WSGI servers do, with an empty database.

    :param folder: str
    """
    # Neutron logs to the standard output.
    ready = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    os.environ['OS_NEUTRON_CONFIG_DIR'] = folder
    sys.argv[1:] = []
    from neutron.db.migration.models import head
    head.get_metadata().create_all(
        sqlalchemy.create_engine('sqlite:///%s/neutron.sqlite' % folder))
    from neutron.wsgi import api
    server = simple_server.make_server('127.0.0.1', 0, api.application)
    print(json.dumps([server.server_port, sorted(
        {name.partition('.')[0] for name in sys.modules})]), file=ready,
        flush=True)
    server.serve_forever()


if __name__ == '__main__':
    serve(sys.argv[1])
