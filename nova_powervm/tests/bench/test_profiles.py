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

import fixtures
import testtools

from nova_powervm.simulator import profile
from nova_powervm.tests.bench import profiles


class ProfilesTest(testtools.TestCase):

    def test_a_crowd_is_added_to_the_default_profile(self):
        folder = self.useFixture(fixtures.TempDir()).path

        loaded = profile.load(profiles.write_crowd(folder, 500))

        self.assertEqual(500, loaded['hosts'][0]['crowd']['count'])
        plain = profile.load('default')
        self.assertEqual(plain['hosts'][0]['vioses'],
                         loaded['hosts'][0]['vioses'])
