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

"""Disks of nova-powervm 9.0.0; functional/test_upgrade.py has more."""

from unittest import mock

import fixtures
from nova import objects
from nova.objects import instance as instance_obj
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg
import testtools

from nova_powervm.virt.powervm.disk import legacy
from nova_powervm.virt.powervm.storage import vios_mappings

UUID = '3e865d14-8c1e-4615-b73f-f11eaecabfbe'


def make_server(**attrs):
    values = dict(id=1, uuid=UUID, image_ref='image', system_metadata={})
    return instance_obj.Instance(**{**values, **attrs})


class LegacyCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = mock.Mock(nodename='node')
        self.disk_dvr = mock.Mock(storage_class=pvm_stg.VDisk)

    def take_over(self, *servers):
        with mock.patch.object(objects.InstanceList, 'get_by_host',
                               return_value=list(servers)):
            legacy.take_over(self.host, self.disk_dvr,
                             self.host.active_vioses)


class LegacyTest(LegacyCase):

    def test_names(self):
        """Those that 9.0.0 gave."""
        server = make_server()
        self.assertEqual('b_instance_3e86',
                         legacy.legacy_name(server, pvm_stg.VDisk))
        self.assertEqual('boot_instance_00000001',
                         legacy.legacy_name(server, pvm_stg.LU))

    def test_no_request_without_candidates(self):
        self.take_over(
            make_server(image_ref=''),
            make_server(system_metadata={'powervm_boot_disk': 'b_a_b'}))
        self.host.active_vioses.assert_not_called()

    def test_platform_does_not_answer(self):
        self.host.active_vioses.side_effect = pvm_exc.Error('no')
        server = make_server()
        self.take_over(server)
        self.assertIsNone(legacy.boot_disk_name(server))

    def test_not_mapped(self):
        self.host.active_vioses.return_value = [mock.Mock(scsi_mappings=[])]
        server = make_server()
        self.take_over(server)
        self.assertIsNone(legacy.boot_disk_name(server))


class PoolTest(LegacyCase):
    """Somebody else may have a logical unit with such a name."""

    NAME = 'boot_instance_00000001'

    def setUp(self):
        super().setUp()
        self.disk_dvr = mock.Mock(storage_class=pvm_stg.LU)
        self.save = self.useFixture(fixtures.MockPatchObject(
            instance_obj.Instance, 'save')).mock

    def map(self, *udids):
        """Map units to the server, each on one VIOS."""
        self.host.active_vioses.return_value = [
            mock.Mock(udid=udid) for udid in udids]
        self.useFixture(fixtures.MockPatchObject(
            vios_mappings, 'find_mapping', lambda vios_w, *args: mock.Mock(
                backing_storage=mock.Mock(udid=vios_w.udid))))

    def noted(self):
        return [call.args[1].udid
                for call in self.disk_dvr.note_own.call_args_list]

    def test_identity_comes_with_the_name(self):
        self.map('27a', '27a')
        server = make_server()
        self.take_over(server)
        self.assertEqual(self.NAME, legacy.boot_disk_name(server))
        self.assertEqual(['27a'], self.noted())

    def test_name_of_an_earlier_version(self):
        self.map('27a')
        self.take_over(make_server(
            system_metadata={'powervm_boot_disk': self.NAME}))
        self.assertEqual(['27a'], self.noted())

    def test_is_known(self):
        self.take_over(make_server(system_metadata={
            'powervm_boot_disk': self.NAME,
            'powervm_lu_' + self.NAME: 'pool 27a'}))
        self.host.active_vioses.assert_not_called()

    def test_several(self):
        self.map('27a', '27b')
        server = make_server()
        self.take_over(server)
        self.assertIsNone(legacy.boot_disk_name(server))
        self.assertEqual([], self.noted())
