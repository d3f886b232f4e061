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

"""What is removed when nova-compute starts, and what is not."""

import datetime
import threading
import uuid

import fixtures
from nova.compute import task_states
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import vios_file

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm.cleanup import census
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import scrub
from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm import vm

CENSUS = ['GET VirtualIOServer', 'GET LogicalPartition']
UPLOADS = ['GET File']
LAUNCHED = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc)


class ScrubTestCase(base.StorageTestCase):
    """Servers, and what Nova knows of them.

    :ivar instances: Nova's servers on this host.
    """

    def setUp(self):
        super().setUp()
        self.instances = []
        self.image_id = self.glance.add(b'PowerVM!' * 1000)
        self.useFixture(fixtures.MockPatchObject(
            census.objects.InstanceList, 'get_by_host',
            side_effect=lambda context, host: list(self.instances)))

    def make_server(self, number=1, **attrs):
        return self.make_instance(number, **dict(
            {'uuid': str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number))),
             'launched_at': LAUNCHED}, **attrs))

    def connect_disk(self, instance):
        """Make an LPAR with a disk."""
        adapter = localdisk.LocalStorage(self.host, self.glance)
        self.create_lpar(instance)
        disk = adapter.create_disk_from_image(
            self.context, instance, self.glance.meta(self.image_id))
        with storage.StorageTransaction.immediate(self.host, 'test') as stg:
            adapter.connect_disk(instance, disk, stg)
        self.simulated.journal.clear()

    def delete_lpar(self, instance):
        self.host.adapter.delete('LogicalPartition',
                                 root_id=vm.get_pvm_uuid(instance))
        self.simulated.journal.clear()

    def scrub(self):
        scrub.scrub(self.host, census.Census(self.host))

    def upload(self, name):
        vios_file.File.bld(
            self.host.adapter, name, vios_file.FileType.MEDIA_ISO,
            self.vios().uuid).create()


class NothingTest(ScrubTestCase):

    def test_nothing_to_do(self):
        self.connect_disk(self.make_server())
        before, threads = self.state(), threading.active_count()
        self.scrub()
        self.assertEqual(CENSUS + UPLOADS, self.requests())
        self.assertEqual(before, self.state())
        self.assertEqual(threads, threading.active_count())

    def test_the_management_partition_is_known_then(self):
        expected = self.host.mgmt_uuid
        host = self.connect_host(self.simulated)
        scrub.scrub(host, census.Census(host))
        self.simulated.journal.clear()
        self.assertEqual(expected, host.mgmt_uuid)
        self.assertFalse(host.mgmt_is_vios)
        self.assertEqual([], self.requests())

    def test_it_is_not_vital(self):
        self.break_request('status', path='VirtualIOServer', count=0,
                           status=500, message='Not now')
        self.upload('cfg_1.iso')
        self.scrub()
        self.assertIn('Stale storage could not be removed: HTTP error 500',
                      self.logger.output)
        self.assertIn('DELETE File', self.requests())


class StorageTest(ScrubTestCase):

    def setUp(self):
        super().setUp()
        self.instance = self.make_server(1)
        self.other = self.make_server(2)
        self.connect_disk(self.other)

    def test_an_lpar_is_gone(self):
        before = self.disk_names(), self.mappings()
        self.connect_disk(self.instance)
        self.delete_lpar(self.instance)
        threads = set(threading.enumerate())
        self.scrub()
        self.assertEqual(before, (self.disk_names(), self.mappings()))
        for thread in set(threading.enumerate()) - threads:
            # The others are those of the simulated site.
            if thread.name.startswith('ThreadPoolExecutor'):
                thread.join(60)
                self.assertFalse(thread.is_alive(), thread)

    def lose(self, **attrs):
        """Delete the LPAR of a server that Nova has."""
        self.instances = [self.make_server(1, **attrs), self.other]
        self.connect_disk(self.instance)
        self.delete_lpar(self.instance)
        before = self.state()
        self.scrub()
        return before

    def test_a_server_has_lost_its_lpar(self):
        before = self.lose()
        self.assertEqual(before, self.state())
        self.assertIn(self.instance.uuid, self.logger.output)

    def test_a_server_is_being_deleted(self):
        self.assertNotEqual(
            self.lose(task_state=task_states.DELETING), self.state())

    def test_a_server_that_never_ran(self):
        self.assertNotEqual(self.lose(launched_at=None), self.state())

    def test_a_vios_is_down(self):
        self.connect_disk(self.instance)
        self.delete_lpar(self.instance)
        vios = self.vios()
        vios.rmc = 'inactive'
        vios.touch()
        self.scrub()
        self.assertEqual(CENSUS + UPLOADS, self.requests())


class UploadsTest(ScrubTestCase):

    def test_our_uploads(self):
        for name in ('cfg_1.iso', 'i_2', 'p_3', 'mine.iso'):
            self.upload(name)
        self.scrub()
        self.assertEqual(
            ['mine.iso'],
            [file_w.file_name for file_w in vios_file.File.get(
                self.host.adapter, service='web', xag=[])])

    def test_an_upload_that_goes_meanwhile(self):
        self.upload('cfg_1.iso')
        self.break_request('status', method='DELETE', path='File', status=404)
        self.scrub()
        self.assertNotIn('could not be removed', self.logger.output)


class ConfigDriveTest(ScrubTestCase):
    """Config drives of servers that are not here any more."""

    def setUp(self):
        super().setUp()
        self.drive = media.ConfigDrive(self.host, self.vios().uuid)
        self.instance = self.make_server()
        self.name = media.get_cfg_drv_name(self.instance)

    def add(self, *names):
        group = self.drive._find_repository()

        def add(vg_w):
            vg_w.vmedia_repos[0].optical_media.extend(
                pvm_stg.VOptMedia.bld(vg_w.adapter, name, size=0.01)
                for name in names)
            vg_w.update()
        group.edit(add)
        self.simulated.journal.clear()

    def left(self):
        self.drive.scrub(census.Census(self.host))
        return sorted(self.vios().repository.media)

    def test_nothing_is_there(self):
        self.assertEqual([], self.left())
        self.assertEqual(2 * ['GET VolumeGroup'], self.requests())

    def test_servers_that_are_not_here(self):
        others = ['cfg_.iso', 'cfg_mine.iso', 'linux.iso', 'ocfg_%s' % (
            self.name[4:])]
        self.add(self.name, media.get_cfg_drv_name(self.make_server(2)),
                 *others)
        self.assertEqual(others, self.left())
        self.assertEqual(1, self.requests().count('POST VolumeGroup'))

    def test_a_server_of_nova(self):
        self.instances = [self.instance]
        self.add(self.name)
        self.assertEqual([self.name], self.left())

    def test_a_server_that_migrates_away(self):
        # Nova has it on the other host.
        instance = self.make_server(
            uuid='a1b2c3d4-1234-4000-8000-000000000003')
        self.create_lpar(instance)
        name = media.get_cfg_drv_name(instance)
        self.add(name)
        self.assertEqual([name], self.left())

    def test_mapped_to_another_partition(self):
        self.create_lpar(self.make_server(2))
        self.add(self.name)
        with storage.StorageTransaction.immediate(self.host, 'test') as stg:
            stg.map(self.vios().uuid, vm.get_pvm_uuid(self.make_server(2)),
                    pvm_stg.VOptMedia.bld_ref(self.host.adapter, self.name))
        self.assertEqual([self.name], self.left())

    def test_no_repository(self):
        group = self.group('rootvg')
        group.repository = None
        group.touch()
        self.drive.scrub(census.Census(self.host))
        self.assertNotIn('POST VolumeGroup', self.requests())

    def test_it_is_not_vital(self):
        self.break_request('status', path='VolumeGroup', status=500)
        self.assertEqual([], self.left())
        self.assertIn('it is left behind for now', self.logger.output)
