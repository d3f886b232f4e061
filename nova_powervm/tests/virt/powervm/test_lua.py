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

"""Logical unit addresses of AIX and of Linux VIOSes."""

from unittest import mock

from oslotest import base
from pypowervm.tests.test_utils import pvmhttp
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import boot_path
from nova_powervm.virt.powervm import lua
from nova_powervm.virt.powervm.slots import plan
from nova_powervm.virt.powervm.slots import slot_map
from nova_powervm.virt.powervm.volume import addresses
from nova_powervm.virt.powervm.volume import driver
from nova_powervm.virt.powervm.volume import mapped_volume


class LuaTest(base.BaseTestCase):

    def test_plain(self):
        for text, address in (
                ('0x8100000000000000', '0x8100000000000000'),
                ('8100000000000000', '0x8100000000000000'),
                ('0x1', '0x0000000000000001'), ('lun1', None), ('lun10', None),
                ('', None), (None, None)):
            self.assertEqual(address, lua.plain(text))


class LinuxViosTest(base.BaseTestCase):
    """The mappings of a Linux VIOS, as pypowervm has captured them."""

    def setUp(self):
        super().setUp()
        response = pvmhttp.load_pvm_resp(
            'fake_vios_hosting_vios_feed.txt').get_response()
        self.vioses = pvm_vios.VIOS.wrap(response)
        self.mappings = [mapping for vios_w in self.vioses
                         for mapping in vios_w.scsi_mappings
                         if mapping.target_dev is not None and
                         (mapping.target_dev.lua or '').startswith('lun')]

    def test_addresses(self):
        self.assertEqual({'lun1', 'lun2'}, {
            mapping.target_dev.lua for mapping in self.mappings})
        self.assertEqual({None}, set(map(lua.address, self.mappings)))

    def test_plan(self):
        mappings = [mock.Mock(target_dev=mapping.target_dev, **{
            'client_adapter.lpar_slot_num': 2}) for mapping in self.mappings]
        self.assertEqual(set(), plan.luas(mappings, 2))
        self.assertEqual({'a disk': None}, plan._addresses(
            {slot_map.NAMES: {'a disk': 'lun1'}}))

    def test_boot_device(self):
        for mapping in self.mappings:
            self.assertIsNone(boot_path.scsi_path(mapping))

    def test_volume_gets_an_address(self):
        mapping = self.mappings[0]
        instance = mock.Mock(uuid='1' * 8 + '-1111-4111-8111-' + '1' * 12,
                             system_metadata={})
        new = driver.Volume({'serial': 'volume', 'data': {}})
        addresses.choose(instance, [mapped_volume.MappedVolume(
            None, instance, new)], self.mappings)
        self.assertEqual('0x9000000000000000', new.data['target_LUA'])
        self.assertIsInstance(mapping.backing_storage, pvm_stg.VDisk)
