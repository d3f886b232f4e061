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

"""Profiles with many LPARs that are not Nova's."""

import json
import os

from nova_powervm.simulator import profile

#: Enough for the largest crowd and for the servers.
_MEMORY_MB = 1048576
_PROCESSORS = 96


def write_crowd(folder, count, model='default'):
    """Write a profile: one of ours with more LPARs on its first host.

    :param folder: str, where the file shall be.
    :param count: int, how many LPARs.
    :param model: str, name of the profile that it is like.
    :returns: str, its path.
    """
    data = profile.load(model)
    host = data['hosts'][0]
    host['crowd'] = {'count': count, 'mappings': count}
    host['system'].update(memory_mb=_MEMORY_MB, processors=_PROCESSORS)
    path = os.path.join(folder, 'crowd-%d.yaml' % count)
    with open(path, 'w') as out:
        # JSON is YAML too.
        json.dump(data, out, indent=1)
    return path
