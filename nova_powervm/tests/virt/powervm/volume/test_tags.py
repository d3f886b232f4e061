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

"""Addresses of volumes as guests know them."""

import unittest

from nova_powervm.virt.powervm.volume import tags


class AddressTest(unittest.TestCase):

    def test_linux(self):
        for lua, address in (('0x8100000000000000', '0:0:1:0'),
                             ('0x9000000000000000', '0:0:16:0'),
                             ('0xbf00000000000000', '0:0:63:0'),
                             ('0x8122000000000000', '0:1:1:2')):
            self.assertEqual(address, tags.scsi_address(lua))
