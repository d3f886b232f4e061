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

"""Which media repository is used."""

import fixtures
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.media import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import media

UPLOAD = ['PUT File', 'PUT contents', 'DELETE File']
DISCOVERY = ['GET VolumeGroup']


class RepositoryTestCase(base.MediaTestCase):

    def test_of_another_vios(self):
        for preferred, feeds in (('vios2', 2), (None, 1)):
            self.drive = self.restart(preferred)
            self.create()
            self.assertEqual(feeds, self.requests().count('GET VolumeGroup'))
            self.drive.delete(self.instance)
            self.assertEqual(self.before, self.state())

    def test_preferred(self):
        self.use_repository_of('vios2')
        self.drive = self.restart('vios2')
        self.create()
        self.assertEqual(DISCOVERY + UPLOAD, self.requests())
        self.assertEqual(([], [self.name]), (
            self.media_names('vios1'), self.media_names('vios2')))

    def test_made_on_the_preferred_vios(self):
        self.drop_repository()
        self.flags(vopt_media_rep_size=3, group='powervm')
        self.drive = self.restart('vios2')
        self.create()
        self.assertEqual(1, self.requests().count('POST VolumeGroup'))
        self.assertEqual((None, [self.name]), (
            self.media_names('vios1'), self.media_names('vios2')))
        self.assertEqual(3 * 1024 ** 3, self.vios('vios2').repository.size)

    def test_made_in_the_group_of_the_option(self):
        self.drop_repository()
        self.flags(vopt_media_volume_group='datavg', group='powervm')
        self.drive = self.restart(None)
        self.create()
        self.assertIsNotNone(self.group('datavg').repository)

    def test_not_made_to_clean_up(self):
        self.drop_repository()
        self.transaction(self.drive.detach)
        self.drive.delete(self.instance)
        self.assertEqual(self.before, self.state())

    def test_no_volume_group(self):
        self.drop_repository()
        self.flags(vopt_media_volume_group='nonesuch', group='powervm')
        error = self.assertRaises(exception.NoMediaRepoVolumeGroupFound,
                                  self.create)
        self.assertIn('nonesuch', str(error))
        self.assertEqual(self.before, self.state())

    def test_not_made_on_the_management_partition(self):
        self.drop_repository()
        self.useFixture(fixtures.MonkeyPatch(
            'pypowervm.wrappers.virtual_io_server.VIOS.is_mgmt_partition',
            True))
        self.assertRaises(exception.NoMediaRepoVolumeGroupFound, self.create)

    def test_looked_for_again_after_a_failure(self):
        self.create()
        self.use_repository_of('vios2')
        self.group('rootvg').repository = None
        self.group('rootvg').touch()
        other = self.make_server(2)
        self.assertRaises(pvm_exc.HttpError, self.create, other)
        self.create(other)
        self.assertEqual([media.get_cfg_drv_name(other)],
                         self.media_names('vios2'))
