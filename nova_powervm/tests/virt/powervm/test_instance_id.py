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

"""Ids of servers of 9.0.0 on config drives; scenarios/ has more."""

from unittest import mock

from nova.compute import vm_states
from nova import exception as nova_exc
from nova import objects
from oslo_utils import timeutils
import testtools

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import granted
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import instance_id
from nova_powervm.virt.powervm import made_of

UUID = 'f1b2c3d4-0000-4000-8000-000000000001'
LEGACY_ID = '71b2c3d4-0000-4000-8000-000000000001'
DISK = {'powervm_boot_disk': 'b_instance_f1b2'}


class InstanceIdTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        patch = mock.patch.object(objects.Instance, 'save')
        self.save = patch.start()
        self.addCleanup(patch.stop)

    def make(self, notes=(), **attrs):
        values = dict(uuid=UUID, image_ref='', vm_state=vm_states.ACTIVE,
                      launched_at=timeutils.utcnow(),
                      system_metadata=dict(notes))
        return base.make_instance(**{**values, **attrs})

    def kept(self, *args, **attrs):
        instance = self.make(*args, **attrs)
        instance_id.keep(instance)
        return instance_id.guest_id(instance)

    def test_each_first_digit(self):
        """The first bit of an LPAR's UUID is 0."""
        for digit in '0123456789abcdef':
            uuid = digit + UUID[1:]
            self.assertEqual('01234567'[int(digit, 16) % 8] + UUID[1:],
                             self.kept(uuid=uuid))

    def test_notes_that_come_before(self):
        """As of a server that is unshelved, with what placement grants."""
        notes = {granted.NOTES + 'compute1_1': 'VCPU=2',
                 made_of.NOTES: '', made_of.NOTES + '_os_distro': 'rhel'}
        self.assertEqual(LEGACY_ID, self.kept(notes))
        self.assertEqual(UUID, self.kept(dict(notes, powervm_lu_x='y')))

    def test_known_by_its_disk(self):
        self.assertEqual(LEGACY_ID, self.kept(DISK, image_ref='image'))

    def test_without_disk(self):
        """9.0.0 has made these notes, too."""
        self.assertEqual(LEGACY_ID, self.kept({
            'mgmt_interface_mac': 'fa163e000001', 'fabric_state_A':
            'inst_mapped', 'image_os_distro': 'rhel'}))

    def test_shelved(self):
        self.assertEqual(LEGACY_ID, self.kept(
            image_ref='image', vm_state=vm_states.SHELVED_OFFLOADED))

    def test_what_this_driver_made(self):
        for notes in (host_record.host_metadata('compute1'),
                      {'powervm_lpar_id_a': '3'},
                      dict(DISK, **host_record.host_metadata('compute1')),
                      {'powervm_volume_1': '0x81'}):
            self.assertEqual(UUID, self.kept(notes), notes)

    def test_disk_with_a_name_of_ours(self):
        self.assertEqual(UUID, self.kept(image_ref='image'))

    def test_new_server(self):
        self.assertEqual(UUID, self.kept(launched_at=None))
        self.save.assert_not_called()

    def test_found_out_once(self):
        instance = self.make()
        instance_id.keep(instance)
        host_record.keep_host(instance, 'compute1')
        instance_id.keep(instance)
        self.assertEqual(LEGACY_ID, instance_id.guest_id(instance))
        self.assertEqual(2, self.save.call_count)

    def test_start(self):
        """One that is deleted meanwhile does not hinder it."""
        gone, there = self.make(), self.make()
        gone.save = mock.Mock(side_effect=nova_exc.InstanceNotFound(
            instance_id=UUID))
        with mock.patch.object(objects.InstanceList, 'get_by_host',
                               return_value=[gone, there]) as look:
            instance_id.take_over('compute1')
        self.assertEqual('compute1', look.call_args.args[1])
        self.assertEqual(LEGACY_ID, instance_id.guest_id(there))
