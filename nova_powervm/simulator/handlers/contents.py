# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The contents of files: /rest/api/web/File/contents/<UUID of the File>."""

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import uploads
from nova_powervm.simulator import response


def handle(endpoint, request, path):
    """Take the bytes of an upload; site.lock is not held.

    :param path: list of str, what comes after ``contents`` in the URL
    """
    request.check_method('PUT', 'POST')
    if len(path) != 1:
        raise errors.NotAllowed('%s is not possible here' % request.method)
    with endpoint.site.lock:
        host = endpoint.get('File', path[0]).host
    uploads.receive(host, path[0], request)
    return response.empty()
