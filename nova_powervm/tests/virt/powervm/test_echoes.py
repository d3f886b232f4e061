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

"""Events that the driver has caused itself."""

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import echoes

UUID = 'a1b2c3d4-0000-4000-8000-000000000001'


class EchoesTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 100
        self.echoes = echoes.Echoes(lambda: self.now)

    def test_not_announced(self):
        self.assertFalse(self.echoes.take(UUID))

    def test_each_announcement_counts_once(self):
        self.echoes.expect(UUID)
        self.echoes.expect(UUID.upper())
        self.assertEqual([True, True, False],
                         [self.echoes.take(UUID) for _time in range(3)])

    def test_of_another_object(self):
        self.echoes.expect(UUID)
        self.assertFalse(self.echoes.take(UUID[:-1] + '2'))

    def test_too_late(self):
        self.echoes.expect(UUID)
        self.now += echoes.SECONDS + 1
        self.assertFalse(self.echoes.take(UUID))
