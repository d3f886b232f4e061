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
import types
from unittest import mock
import uuid

import fixtures
from nova.compute import vm_states
from nova import objects
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import vios_file

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm import cleanup
from nova_powervm.virt.powervm.cleanup import mappings
from nova_powervm.virt.powervm.cleanup import platform_snapshot
from nova_powervm.virt.powervm.cleanup import uploads
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import mgmt
from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import stale

SNAPSHOT = ['GET VirtualIOServer']
LAUNCHED = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc)
AIX = 'p_series_aix73.iso'


class CleanupTestCase(base.StorageTestCase):
    """Servers, and what Nova knows of them.

    :ivar instances: Nova's servers on this host.
    :ivar deleted: those that were on it when Nova deleted them.
    :ivar moved: those that have moved from here, or to here, and are
        elsewhere.
    :ivar kept: those of all hosts that have system_metadata.
    """

    def setUp(self):
        super().setUp()
        self.instances, self.deleted, self.moved = [], [], []
        self.kept = []
        self.queries = []
        self.image_id = self.glance.add(b'PowerVM!' * 1000)
        for owner, name, func in (
                ('InstanceList', 'get_by_host',
                 lambda context, host: self._as_list(self.instances)),
                ('InstanceList', 'get_by_filters', self._find),
                ('MigrationList', 'get_by_filters',
                 lambda context, filters: [
                     types.SimpleNamespace(instance_uuid=instance.uuid)
                     for instance in self.moved])):
            self.useFixture(fixtures.MockPatchObject(
                getattr(platform_snapshot.objects, owner), name,
                side_effect=func))

    @staticmethod
    def _as_list(instances):
        """What Nova returns; it is no list, and cannot be added to one."""
        return platform_snapshot.objects.InstanceList(objects=list(instances))

    def _find(self, *args, **kwargs):
        return self._as_list(self._filter(*args, **kwargs))

    def _filter(self, context, filters, expected_attrs=None):
        self.assertEqual('yes', context.read_deleted)
        self.queries.append(filters)
        if 'host' in filters:
            self.assertEqual({'host': self.host.nodename, 'deleted': True,
                              'soft_deleted': False}, filters)
            for instance in self.deleted:
                instance.deleted, instance.host = True, self.host.nodename
            return list(self.deleted)
        if 'system_metadata' in filters:
            return [instance for instance in self.kept
                    if filters['system_metadata'].items() <=
                    instance.system_metadata.items()]
        return [instance for instance in self.moved
                if instance.uuid in filters['uuid']]

    def make_server(self, number=1, **attrs):
        return self.make_instance(number, **dict(
            {'uuid': str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number))),
             'launched_at': LAUNCHED, 'host': 'another', 'deleted': False},
            **attrs))

    def connect_disk(self, instance):
        """Make an LPAR with a disk."""
        adapter = localdisk.LocalStorage(self.host, self.glance)
        self.create_lpar(instance)
        disk = adapter.create_disk_from_image(
            self.context, instance, self.glance.meta(self.image_id))
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            adapter.connect_disk(instance, disk, stg)
        self.simulated.journal.clear()

    def delete_lpar(self, instance):
        self.host.adapter.delete('LogicalPartition',
                                 root_id=vm.get_lpar_uuid(instance))
        self.simulated.journal.clear()

    def work(self):
        disk = localdisk.LocalStorage(self.host, self.glance)
        drive = media.ConfigDrive(self.host, self.vios().uuid)
        self.simulated.journal.clear()
        return cleanup.Work(self.host, disk, drive,
                            mock.create_autospec(stale.StaleVolumes),
                            mgmt.ManagementPartition(self.host),
                            platform_snapshot.PlatformSnapshot(self.host))

    def start(self):
        """Clean up as a start of nova-compute does."""
        work = self.work()
        cleanup.start(work)
        return work


class MappingTest(CleanupTestCase):

    def setUp(self):
        super().setUp()
        self.instance = self.make_server(1)
        self.other = self.make_server(2)
        self.connect_disk(self.other)
        self.before = self.disk_names(), self.mappings()

    def remove(self):
        mappings.remove(self.host,
                        platform_snapshot.PlatformSnapshot(self.host))

    def lose(self):
        """Delete the LPAR of a server."""
        self.connect_disk(self.instance)
        self.delete_lpar(self.instance)

    def test_nothing_to_do(self):
        before = self.state()
        self.remove()
        self.assertEqual(SNAPSHOT, self.requests())
        self.assertEqual(([], before), (self.queries, self.state()))

    def test_server_that_nova_has_deleted(self):
        self.deleted = [self.instance]
        self.lose()
        threads = set(threading.enumerate())
        self.start()
        self.assertEqual(self.before, (self.disk_names(), self.mappings()))
        self.assertEqual(set(), {
            thread for thread in set(threading.enumerate()) - threads
            if thread.name.startswith('ThreadPoolExecutor')})

    def test_server_that_has_lost_its_lpar(self):
        self.instances = [self.instance, self.other]
        self.lose()
        before = self.state()
        self.start()
        self.assertEqual(before, self.state())

    def test_server_of_another_compute(self):
        """Nova tells this host nothing of it, so it is not ours."""
        self.lose()
        before = self.state()
        self.start()
        self.assertEqual(before, self.state())

    def test_server_that_is_elsewhere(self):
        self.moved = [self.instance]
        self.lose()
        before = self.disk_names()
        work = self.start()
        self.assertEqual((before, self.before[1]),
                         (self.disk_names(), self.mappings()))
        self.assertIn('Nova has the server on host another',
                      self.logger.output)
        self.instance.deleted = True
        cleanup.periodic(work)
        self.assertEqual(self.before, (self.disk_names(), self.mappings()))
        self.simulated.journal.clear()
        cleanup.periodic(work)
        self.assertEqual([], self.requests())

    def test_server_that_does_something(self):
        """It may be about to come back."""
        self.moved = [self.instance]
        self.instance.task_state = 'resize_reverting'
        self.lose()
        before = self.state()
        self.start()
        self.assertEqual(before, self.state())

    def test_adapters_of_a_server_that_does_something(self):
        """A Fibre Channel mapping tells the ID of its LPAR only."""
        with mock.patch.object(objects.Instance, 'save'):
            host_record.keep_id(self.instance, self.host.nodename, 70)
        self.moved = [self.instance]
        for task_state, found, awaited in (
                ('rebooting_hard', set(), {70}), (None, {70}, set())):
            self.instance.task_state = task_state
            snapshot = self.work().snapshot
            self.assertEqual(found, snapshot.departed_ids({70, 71}))
            self.assertEqual(awaited, snapshot.awaited)

    def test_server_without_host(self):
        """It was here, if Nova keeps that; else it is not ours."""
        self.lose()
        self.kept = [self.instance]
        self.instance.host = None
        before = self.state()
        for vm_state, was_here, goes in (
                (vm_states.SHELVED_OFFLOADED, False, False),
                (vm_states.BUILDING, True, False),
                (vm_states.ERROR, True, True)):
            self.instance.vm_state = vm_state
            self.instance.system_metadata = (
                host_record.host_metadata(self.host.nodename) if was_here else
                host_record.host_metadata('another'))
            self.start()
            self.assertEqual(goes, before != self.state())
        self.instance.deleted = True
        self.start()
        self.assertEqual(self.before, (self.disk_names(), self.mappings()))

    def test_partition_of_its_operator(self):
        """An operator deletes an LPAR and keeps its disk and its medium."""
        self.lose()
        group = self.group()
        with self.site.lock:
            for name in list(group.disks):
                if name not in self.before[0]:
                    group.disks['oracle_data'] = group.disks.pop(name)
                    group.disks['oracle_data'].name = 'oracle_data'
            group.touch()
        before = self.state()
        self.deleted = [self.instance]
        self.start()
        self.assertEqual(before, self.state())

    def test_vios_that_is_down(self):
        """What it has is removed when it is back."""
        self.deleted = [self.instance]
        self.lose()
        vios = self.vios()
        work = self.work()
        vios.rmc = 'inactive'
        vios.touch()
        before = self.mappings()
        cleanup.start(work)
        self.assertEqual({vios.uuid}, work.unseen)
        self.assertEqual(before, self.mappings())
        cleanup.periodic(work)
        self.assertEqual(before, self.mappings())
        vios.rmc = 'active'
        vios.touch()
        cleanup.periodic(work)
        self.assertEqual(self.before, (self.disk_names(), self.mappings()))

    def test_one_that_fails_stops_no_other(self):
        self.break_request('status', path='File', count=0, status=500,
                           message='Not now')
        self.deleted = [self.instance]
        self.lose()
        self.start()
        self.assertIn('Cleaning up broken uploads failed: HTTP error 500',
                      self.logger.output)
        self.assertEqual(self.before, (self.disk_names(), self.mappings()))


class UploadsTest(CleanupTestCase):

    def setUp(self):
        super().setUp()
        self.broken = uploads.BrokenUploads(self.host)

    def upload(self, name, vios='vios1'):
        kind = (vios_file.FileType.MEDIA_ISO if name.endswith('.iso')
                else vios_file.FileType.DISK_IMAGE)
        vios_file.File.bld(self.host.adapter, name, kind,
                           self.vios(vios).uuid).create()

    def remove(self):
        self.simulated.journal.clear()
        self.broken.find(platform_snapshot.PlatformSnapshot(self.host))
        self.broken.remove()
        return sorted(file_w.file_name for file_w in vios_file.File.get(
            self.host.adapter, service='web', xag=[]))

    def test_nothing_is_there(self):
        self.remove()
        self.assertEqual(2 * ['GET File'], self.requests())

    def test_ours_and_others(self):
        ours = [media.get_cfg_drv_name(self.make_server()),
                names.group_image('id', 'content'),
                names.pool_image('id', 'content')]
        others = ['cfg_1.iso', 'i_2', 'i_%s_%s' % (25 * 'a', 13 * 'b'),
                  'i_oraclebackups', 'mine.iso', AIX]
        for name in ours + others:
            self.upload(name)
        self.assertEqual(others, self.remove())

    def test_of_another_host(self):
        """An HMC has the uploads of all its hosts."""
        name = names.group_image('id', 'content')
        self.upload(name)
        gone = platform_snapshot.PlatformSnapshot(self.host)
        gone.vioses = []
        self.broken.find(gone)
        self.broken.remove()
        self.assertEqual([name], [file_w.file_name for file_w in (
            vios_file.File.get(self.host.adapter, service='web', xag=[]))])

    def test_refused(self):
        """The periodic task tries again."""
        self.upload(names.group_image('id', 'content'))
        self.break_request('status', method='DELETE', path='File', count=2,
                           status=500, message='Not now')
        work = self.work()
        for left, are_done in ((1, False), (1, False), (0, True)):
            (cleanup.periodic if work.has_failed else cleanup.start)(work)
            self.assertEqual(left, len(self.host.upload_files()))
            self.assertEqual(are_done, not work.has_failed)

    def test_one_that_goes_meanwhile(self):
        self.upload(names.group_image('id', 'content'))
        self.break_request('status', method='DELETE', path='File', status=404)
        self.remove()


class ConfigDriveTest(CleanupTestCase):

    def setUp(self):
        super().setUp()
        self.drive = media.ConfigDrive(self.host, self.vios().uuid)
        self.instance = self.make_server()
        self.name = media.get_cfg_drv_name(self.instance)

    def add(self, *names):
        group = self.drive._repository.find()

        def add(vg_w):
            vg_w.vmedia_repos[0].optical_media.extend(
                pvm_stg.VOptMedia.bld(vg_w.adapter, name, size=0.01)
                for name in names)
            vg_w.update()
        group.edit(add)
        self.simulated.journal.clear()

    def left(self):
        self.drive.clean(platform_snapshot.PlatformSnapshot(self.host))
        return sorted(self.vios().repository.media)

    def test_nothing_is_there(self):
        self.assertEqual([], self.left())
        self.assertEqual(['GET VolumeGroup', *SNAPSHOT, 'GET VolumeGroup'],
                         self.requests())

    def test_ours_and_others(self):
        self.deleted = [self.instance]
        strange = media.get_cfg_drv_name(self.make_server(2))
        others = sorted(['cfg_.iso', 'cfg_mine.iso', 'rhel9.iso', strange,
                         'ocfg_%s' % self.name[5:]])
        self.add(self.name, *others)
        self.assertEqual(others, self.left())
        self.assertEqual(1, self.requests().count('POST VolumeGroup'))

    def test_a_server_of_nova(self):
        self.instances = self.deleted = [self.instance]
        self.add(self.name)
        self.assertEqual([self.name], self.left())

    def test_a_server_that_has_an_lpar(self):
        self.deleted = [self.instance]
        self.create_lpar(self.instance)
        self.add(self.name)
        self.assertEqual([self.name], self.left())

    def test_no_repository(self):
        group = self.group('rootvg')
        group.repository = None
        group.touch()
        self.drive.clean(platform_snapshot.PlatformSnapshot(self.host))
        self.assertNotIn('POST VolumeGroup', self.requests())
