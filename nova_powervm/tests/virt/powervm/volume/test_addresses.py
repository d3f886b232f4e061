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

"""At which addresses an LPAR finds its volumes."""

from unittest import mock

from nova import exception as nova_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.volume import addresses
from nova_powervm.virt.powervm.volume import driver
from nova_powervm.virt.powervm.volume import mapped_volume

LUA = '0x%02x00000000000000'


def mapping(udid, unit):
    """A mapping of a volume at an address."""
    return mock.Mock(
        backing_storage=pvm_stg.PV.bld(None, 'hdisk1', udid=udid),
        target_dev=mock.Mock(lua=LUA % unit))


class AddressesTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance(system_metadata={})

    def volume(self, name, boot=False, **data):
        return mapped_volume.MappedVolume(None, self.instance, driver.Volume(
            {'serial': name, 'data': {'target_UDID': 'udid ' + name, **data}},
            boot=boot))

    def choose(self, *volumes, mappings=(), replaced=None):
        """The addresses that volumes get, as hexadecimal units."""
        addresses.choose(self.instance, volumes, mappings, replaced=replaced)
        return [int(vol.volume.data['target_LUA'], 16) >> 56
                for vol in volumes]

    def keep(self, name, unit):
        """Have Nova know the address of a volume."""
        self.instance.system_metadata['powervm_volume_' + name] = (
            LUA % unit + ' udid')

    def test_new_ones(self):
        self.assertEqual([0x81, 0x90, 0x91], self.choose(
            self.volume('a', boot=True), self.volume('b'), self.volume('c')))

    def test_what_is_mapped_stays(self):
        """On each path it has the address that it has on one."""
        self.assertEqual([0x95, 0x90], self.choose(
            self.volume('a', target_LUA=LUA % 0x93), self.volume('b'),
            mappings=[mapping('udid a', 0x95)]))

    def test_address_of_before(self):
        self.keep('b', 0x97)
        self.assertEqual([0x94, 0x97], self.choose(
            self.volume('a', target_LUA=LUA % 0x94), self.volume('b')))

    def test_address_that_is_taken(self):
        self.assertEqual([0x91], self.choose(
            self.volume('a', target_LUA=LUA % 0x90),
            mappings=[mapping('udid of another', 0x90)]))

    def test_two_with_the_same_address(self):
        self.assertEqual([0x94, 0x90], self.choose(
            self.volume('a', target_LUA=LUA % 0x94),
            self.volume('b', target_LUA=LUA % 0x94)))

    def test_address_of_a_volume_that_is_away(self):
        """It is taken last."""
        self.keep('away', 0x90)
        self.assertEqual([0x91], self.choose(self.volume('a')))

    def test_replacement(self):
        self.assertEqual([0x95], self.choose(
            self.volume('new'), mappings=[mapping('udid old', 0x95)],
            replaced=self.volume('old')))

    def test_no_address_is_left(self):
        self.assertRaises(
            nova_exc.VolumeAttachFailed, self.choose, self.volume('a'),
            mappings=[mapping('udid %d' % unit, unit)
                      for unit in range(0x90, 0xc0)])
