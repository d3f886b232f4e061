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

"""The life of config drives, and what fails."""

import itertools
import os

from nova import exception as nova_exc
from oslo_concurrency import processutils
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.media import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import uploads

UPLOAD = ['PUT File', 'PUT contents', 'DELETE File']
DISCOVERY = ['GET VolumeGroup']
DELETE = ['GET VolumeGroup', 'POST VolumeGroup']
MAPPING = ['GET VirtualIOServer', 'POST VirtualIOServer']


class LifeTestCase(base.MediaTestCase):

    def test_name(self):
        self.assertEqual('cfg_00000001123440008000000000000.iso', self.name)
        self.assertEqual(37, len(self.name))

    def test_life(self):
        self.create_lpar(self.instance)
        self.before = self.state()
        medium = self.create()
        self.assertEqual(DISCOVERY + UPLOAD, self.requests())
        self.assertEqual([self.name], self.media_names())
        self.transaction(self.drive.attach, medium)
        self.assertEqual(MAPPING, self.requests())
        self.assertEqual([(self.name, 'lpar1')], self.mappings())
        self.transaction(self.drive.detach)
        self.assertEqual(MAPPING, self.requests())
        self.drive.delete(self.instance)
        self.assertEqual(DELETE, self.requests())
        self.assertEqual(self.before, self.state())
        self.assertEqual([], os.listdir(self.tempdir))

    def test_second_server(self):
        self.create()
        self.simulated.journal.clear()
        self.create(self.make_server(2))
        self.assertEqual(UPLOAD, self.requests())

    def test_without_lpar_and_after_a_restart(self):
        self.create_lpar(self.instance)
        self.transaction(self.drive.attach, self.create())
        self.host.adapter.delete('LogicalPartition',
                                 root_id=self.lpar(self.instance).uuid)
        self.drive = self.restart()
        self.transaction(self.drive.detach)
        self.assertEqual(DISCOVERY + MAPPING, self.requests())
        self.drive.delete(self.instance)
        self.assertEqual(self.before, self.state())

    def test_attach_again(self):
        self.create_lpar(self.instance)
        self.before = self.state()
        medium = self.create()
        self.simulated.journal.clear()
        for expected in (MAPPING[:1] + DISCOVERY + MAPPING[1:], MAPPING[:1]):
            self.transaction(self.drive.attach_again)
            self.assertEqual(expected, self.requests())
            self.assertEqual([(self.name, 'lpar1')], self.mappings())
        self.assertEqual(self.vios().uuid, medium.vios_uuid)
        self.transaction(self.drive.detach)
        self.drive.delete(self.instance)
        self.transaction(self.drive.attach_again)
        self.assertEqual(self.before, self.state())

    def test_nothing_there(self):
        self.transaction(self.drive.detach)
        self.drive.delete(self.instance)
        self.assertEqual(self.before, self.state())
        self.assertNotIn('POST VolumeGroup', self.requests())

    def test_made_while_another_repository_was_in_use(self):
        self.create_lpar(self.instance)
        self.use_repository_of('vios2')
        self.before = self.state()
        self.drive = self.restart('vios2')
        self.transaction(self.drive.attach, self.create())
        self.assertEqual([self.name], self.media_names('vios2'))
        self.drive = self.restart('vios1')
        self.transaction(self.drive.detach)
        self.drive.delete(self.instance)
        self.assertEqual(self.before, self.state())


class ViosDownTestCase(base.ViosBase):
    """The VIOS that has the repository is down; the other one is not."""

    def test_create_on_the_other(self):
        self.set_vios(False)
        self.attach()
        self.assertEqual([(self.name, 'lpar1')], self.mappings('vios2'))
        self.set_vios(True)
        self.destroy()
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())

    def test_create_on_the_other_when_it_goes_down_later(self):
        self.create(self.make_server(2))
        self.set_vios(False)
        self.attach()
        self.assertEqual([self.name], self.media_names('vios2'))
        self.set_vios(True)
        self.destroy()
        self.drive.delete(self.make_server(2))
        self.assertEqual(self.before, self.state())

    def test_back_to_the_preferred_one(self):
        self.set_vios(False)
        self.create()
        self.drive.delete(self.instance)
        self.set_vios(True)
        self.set_vios(False, 'vios2')
        self.create()
        self.assertEqual([self.name], self.media_names('vios1'))

    def test_all_down(self):
        self.set_vios(False)
        self.set_vios(False, 'vios2')
        error = self.assertRaises(exception.NoMediaRepoVolumeGroupFound,
                                  self.create)
        self.assertIn('rootvg', str(error))

    def test_upload_fails_though_it_is_up(self):
        self.break_request('status', 'PUT', 'File', status=500)
        self.assertRaises(pvm_exc.HttpError, self.create)
        self.assertEqual([], self.media_names('vios2'))

    def test_delete_later(self):
        self.attach()
        self.set_vios(False)
        self.destroy()
        self.host.adapter.delete('LogicalPartition',
                                 root_id=self.lpar(self.instance).uuid)
        self.create_lpar(self.instance)
        self.drive.clean_periodically()
        self.assertEqual([self.name], self.media_names('vios1'))
        self.set_vios(True)
        self.simulated.journal.clear()
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())
        self.simulated.journal.clear()
        self.drive.clean_periodically()
        self.assertEqual([], self.requests())

    def test_delete_later_what_may_be_on_the_one_that_is_down(self):
        """Another repository is in use meanwhile."""
        self.attach()
        self.drive = self.restart('vios2')
        self.set_vios(False)
        self.destroy()
        self.set_vios(True)
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())

    def test_goes_down_between_unmapping_and_deletion(self):
        self.attach()
        self.transaction(self.drive.detach)
        self.set_vios(False)
        self.drive.delete(self.instance)
        self.set_vios(True)
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())

    def test_periodic_clean_fails_and_is_tried_again(self):
        self.create()
        self.set_vios(False)
        self.drive.delete(self.instance)
        self.set_vios(True)
        self.break_request('status', 'POST', 'VolumeGroup', status=500)
        self.drive.clean_periodically()
        self.assertEqual([self.name], self.media_names('vios1'))
        self.drive.clean_periodically()
        self.assertEqual([], self.media_names('vios1'))

    def test_fails_where_nobody_asks_again(self):
        """The server has left this host, and its LPAR is gone."""
        self.create()
        self.break_request('status', 'POST', 'VolumeGroup', status=500)
        self.drive.delete(self.instance, may_wait=True)
        self.assertEqual([self.name], self.media_names('vios1'))
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())

    def test_server_comes_back_before_it_is_deleted(self):
        self.create()
        self.break_request('status', 'POST', 'VolumeGroup', status=500)
        self.drive.delete(self.instance, may_wait=True)
        self.attach()
        self.drive.clean_periodically()
        self.assertEqual([self.name], self.media_names('vios1'))
        self.assertEqual([(self.name, 'lpar1')], self.mappings())
        self.destroy()
        self.assertEqual(self.before, self.state())


class FailureTestCase(base.MediaTestCase):

    def assert_nothing_left(self):
        self.assertEqual(self.before, self.state())
        self.assertEqual([], os.listdir(self.tempdir))

    def test_every_request_broken(self):
        for effect, more in (('status', {'status': 500}),
                             ('drop_before', {}), ('drop_after', {})):
            for number in itertools.count(1):
                self.drive = self.restart()
                fault = self.break_request(effect, nth=number, **more)
                try:
                    self.create()
                except pvm_exc.Error:
                    self.assert_nothing_left()
                self.simulated.faults.clear()
                self.drive.delete(self.instance)
                self.assert_nothing_left()
                if not fault.applied:
                    break
            self.assertEqual(5, number)

    def test_crash_at_every_request(self):
        for effect in ('drop_before', 'drop_after'):
            for number in itertools.count(1):
                self.drive = self.restart()
                last = self.break_request(effect, nth=number)
                self.break_request('drop_before', nth=number + 1, count=0)
                try:
                    self.create()
                except pvm_exc.Error:
                    pass
                self.simulated.faults.clear()
                self.drive = self.restart()
                self.drive.delete(self.instance)
                uploads.delete_files(self.host, [self.name],
                                     self.vios().uuid)
                self.assert_nothing_left()
                if not last.applied:
                    break
            self.assertEqual(5, number)

    def test_no_iso_builder(self):
        self.flags(mkisofs_cmd='/nonesuch/mkisofs')
        self.assertRaises((OSError, processutils.ProcessExecutionError),
                          self.create)
        self.assert_nothing_left()

    def test_format_that_is_no_medium(self):
        self.flags(config_drive_format='vfat')
        self.assertRaises(nova_exc.ConfigDriveUnsupportedFormat, self.create)
        self.assert_nothing_left()
