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

"""What the support matrix claims and no other test is about."""

import copy

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import test_cold_migration


class FilePoolMoveTest(platforms.FilePool,
                       test_cold_migration.LocalDiskMoveTest):
    """Two hosts, each with files of its own."""

    @classmethod
    def load_profile(cls):
        profile = powervm_fixtures.load_profile('two-host')
        model = powervm_fixtures.load_profile(
            'mgmt-vios')['hosts'][0]['vioses'][0]
        files = next(group for group in model['volume_groups']
                     if group['kind'] == 'file')
        for host in profile['hosts']:
            host['vioses'][0]['volume_groups'].append(copy.deepcopy(files))
        return profile
