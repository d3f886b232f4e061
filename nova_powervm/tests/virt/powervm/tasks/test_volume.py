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

"""What the tasks on volumes do, and how they are undone, on a site."""

import io
from unittest import mock

import fixtures
from nova import exception as nova_exc
from nova import objects
from oslo_serialization import jsonutils
from oslo_utils import units
from pypowervm import exceptions as pvm_exc
from testtools import matchers

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import site
from nova_powervm.tests.virt.powervm.volume import test_npiv
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm.tasks import base as tf_base
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import volume as tf_vol
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import copying
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import owners
from nova_powervm.virt.powervm.volume import tags
from nova_powervm.virt.powervm.volume import vscsi

setUpModule = base.set_up_module

LUA = '0x%02x00000000000000'


class VolumeTasksTestCase(base.TaskTestCase):
    """A server that is off, and volumes.

    :cvar STRATEGY: how they are attached.
    """

    STRATEGY = 'vscsi'

    def setUp(self):
        super().setUp()
        self.flags(group='powervm', fc_attach_strategy=self.STRATEGY)
        # There is no database.
        self.useFixture(fixtures.MockPatchObject(
            owners, 'is_of_others', return_value=False))
        self.create_lpar()

    def volume_id(self, number=1):
        return site.VOLUME % self.volume_number(number)

    def volume_number(self, number):
        """The number on the site of one of the test's own volumes."""
        return 100 * self.number + number

    def volumes(self, *numbers, instance=None):
        """The InstanceVolumes of volumes; all are multiattach."""
        instance = instance or self.instance
        bdms = []
        for number in numbers:
            [vol] = self.platform.volume(
                instance, self.volume_number(number)).volumes
            vol.connection_info['multiattach'] = True
            bdms.append({'connection_info': vol.connection_info})
        return volume.build_all(self.host, instance, bdms)

    def connect(self, volumes):
        """Connect volumes before the test begins; returns what it found."""
        stg = self.transaction(volumes)
        discovered = volumes.discover()
        volumes.connect(stg, discovered)
        stg.execute()
        self.requests()
        return discovered

    def edits_of(self, task_class, *numbers, **kwargs):
        """Make a function that makes a flow of a task that queues edits."""
        # Cinder exports them before Nova asks the driver for anything.
        self.volumes(*numbers)

        def build():
            volumes = self.volumes(*numbers)
            stg = self.transaction(volumes)
            tasks = [task_class(volumes, stg, **kwargs),
                     tf_stg.UpdateVioses(stg)]
            if 'discovered_volumes' in tasks[0].requires:
                tasks.insert(0, tf_vol.DiscoverVolumes(volumes))
            return tasks
        return build

    def connected(self, instance=None):
        """[(VIOS name, volume id), ...] of a server's disks."""
        with self.site.lock:
            return sorted(
                (disk.vios, disk.volume) for disk in
                self.simulated.lpar_disks(self.simulated.store.get(
                    'LogicalPartition',
                    vm.get_lpar_uuid(instance or self.instance))))

    def on_each(self, *numbers):
        return sorted((vios, self.volume_id(number))
                      for vios in ('vios1', 'vios2') for number in numbers)

    def assert_not_undone(self, name, *tasks):
        """Run a flow that fails, and whose one task cannot be undone.

        What made the flow fail is raised, with the name of that task, and
        the tasks before it are undone nevertheless.
        """
        earlier = base.Witness()
        error = self.assertRaises(base.TheEnd, self.run_flow, earlier, *tasks)
        self.assertEqual([name], tf_base.failed_reverts(error))
        self.assertTrue(earlier.reverted)

    def refuse_all(self):
        self.simulated.faults.add(dict(base.EFFECTS['refused'], count=0))

    def fail_discovery(self):
        self.simulated.faults.add({
            'effect': 'job_failed', 'count': 0, 'message': 'No answer',
            'path': 'do/LUARecovery'})

    def other_server(self):
        """One more server that has volumes in the same way."""
        other = site.make_instance(3000 + self.number)
        vm.create_lpar(self.host, other)
        return other


class CheckTest(VolumeTasksTestCase):

    def attach(self, volumes):
        return tf_vol.CheckAttach(self.host, self.instance, volumes)

    def detach(self, volumes):
        return tf_vol.CheckDetach(self.host, self.instance, volumes)

    def lose_rmc(self):
        """Have the server on, but without a connection to its guest."""
        with self.site.lock:
            self.lpar.set_state('running')
            self.lpar.set_rmc('inactive')

    def test_fine(self):
        self.run_flow(self.attach(self.volumes(1)))
        self.run_flow(self.detach(self.volumes(1)))

    def test_without_rmc(self):
        self.lose_rmc()
        for check, failure in (
                (self.attach, nova_exc.VolumeAttachFailed),
                (self.detach, nova_exc.DeviceDetachFailed)):
            exc = self.assertRaises(failure, self.run_flow,
                                    check(self.volumes(1)))
            self.assertIn('RMC', str(exc))
            self.assertIn(self.volume_id(), str(exc))

    def test_volume_that_changes_no_adapter(self):
        self.lose_rmc()
        self.requests()
        self.run_flow(self.attach(mock.Mock(needs_io_change=False)))
        self.run_flow(self.detach(mock.Mock(disconnect_changes_io=False)))
        self.assertEqual([], self.requests())

    def test_no_lpar(self):
        """It cannot get a volume, but what it left can be removed."""
        vm.delete_lpar(self.host, self.instance)
        self.assertRaises(nova_exc.InstanceNotFound, self.run_flow,
                          self.attach(self.volumes(1)))
        self.run_flow(self.detach(self.volumes(1)))

    def test_undone(self):
        volumes = mock.Mock(needs_io_change=False)
        self.run_to_the_end(self.attach(volumes))
        volumes.give_up.assert_called_once_with()
        self.lose_rmc()
        volumes = mock.Mock(needs_io_change=True)
        self.run_broken(self.attach(volumes))
        volumes.give_up.assert_called_once_with()


class ConnectTest(VolumeTasksTestCase):

    def test_connect(self):
        self.run_flow(*self.edits_of(tf_vol.ConnectVolumes, 1, 2)())
        self.assertEqual(self.on_each(1, 2), self.connected())

    def test_connect_undone(self):
        self.assert_undone(self.edits_of(tf_vol.ConnectVolumes, 1))

    def test_connect_undone_beside_another_volume(self):
        self.connect(self.volumes(1))
        self.assert_undone(self.edits_of(tf_vol.ConnectVolumes, 2, 3),
                           once=True)

    def test_connect_undone_of_a_volume_that_is_shared(self):
        """The other server keeps it, and the VIOSes their devices."""
        other = self.other_server()
        self.connect(self.volumes(1, instance=other))
        self.assert_undone(self.edits_of(tf_vol.ConnectVolumes, 1),
                           once=True)
        self.assertEqual(self.on_each(1), self.connected(other))

    def test_connect_for_good(self):
        seen, _requests = self.run_to_the_end(
            *self.edits_of(tf_vol.RestoreVolumes, 1)())
        self.assertEqual(self.on_each(1), self.connected())
        self.assert_site(seen)

    def test_volume_that_no_vios_sees(self):
        build = self.edits_of(tf_vol.ConnectVolumes, 1)
        before = self.platform.state()
        self.fail_discovery()
        self.assertRaises(nova_exc.VolumeAttachFailed, self.run_flow,
                          *build())
        self.simulated.faults.clear()
        self.assert_site(before)

    def test_connection_that_cannot_be_undone(self):
        """What made the flow fail is told, and other reverts are run."""
        self.assert_not_undone('connect_volumes',
                               *self.edits_of(tf_vol.ConnectVolumes, 1)(),
                               base.Stop(self.refuse_all))

    def test_reconnect(self):
        """A volume that is lost does not hinder the others."""
        volumes = self.volumes(1, 2)
        with self.site.lock:
            self.site.san.unexport(self.volume_id(2))
        stg = self.transaction(volumes)
        result = self.run_flow(tf_vol.DiscoverVolumes(volumes),
                               tf_vol.ReconnectVolumes(volumes, stg),
                               tf_stg.UpdateVioses(stg))
        self.assertEqual([volumes.volumes[1]], result['bad_volumes'])
        self.assertEqual(self.on_each(1), self.connected())


class DisconnectTest(VolumeTasksTestCase):

    def test_disconnect(self):
        build = self.edits_of(tf_vol.DisconnectVolumes, 1)
        before = self.platform.state()
        self.connect(self.volumes(1))
        self.run_flow(*build())
        self.assert_site(before)

    def test_server_that_goes(self):
        for going in (True, False):
            volumes = mock.Mock()
            tf_vol.DisconnectVolumes(volumes, 'transaction',
                                     server_going=going).execute()
            volumes.disconnect.assert_called_once_with(
                'transaction', server_going=going)

    def test_undone(self):
        """They are where they were, at the same addresses."""
        self.connect(self.volumes(1, 2))
        self.assert_undone(
            self.edits_of(tf_vol.ReleaseVolumes, 1, 2))

    def test_for_good(self):
        self.connect(self.volumes(1))
        seen, _requests = self.run_to_the_end(
            *self.edits_of(tf_vol.DisconnectVolumes, 1)())
        self.assertEqual([], self.connected())
        self.assert_site(seen)

    def test_that_cannot_be_undone(self):
        self.connect(self.volumes(1))
        self.assert_not_undone(
            'release_volumes',
            *self.edits_of(tf_vol.ReleaseVolumes, 1)(),
            base.Stop(self.fail_discovery))

    def test_one_of_them_cannot_be_undone(self):
        """No VIOS sees it any more; the server has the other one again."""
        self.connect(self.volumes(1, 2))
        self.assert_not_undone(
            'release_volumes',
            *self.edits_of(tf_vol.ReleaseVolumes, 1, 2)(),
            base.Stop(lambda: self.site.san.unexport(self.volume_id(1))))
        self.assertEqual(self.on_each(2), self.connected())

    def test_one_of_them_cannot_be_read(self):
        """A failure with one volume says nothing of the other one."""
        self.connect(self.volumes(1, 2))
        tasks = self.edits_of(tf_vol.ReleaseVolumes, 1, 2)()
        connect = vscsi.VscsiTransport.connect

        def connect_others(transport, *args, **kwargs):
            if self.volume_id(1) in [vol.id for vol in transport.volumes]:
                raise pvm_exc.Error('Broken')
            connect(transport, *args, **kwargs)

        self.useFixture(fixtures.MockPatchObject(
            vscsi.VscsiTransport, 'connect', connect_others))
        self.assert_not_undone('release_volumes', *tasks, base.Stop())
        self.assertEqual(self.on_each(2), self.connected())


class NpivTest(VolumeTasksTestCase):
    """All volumes of a server share its adapters."""

    STRATEGY = 'npiv'

    def setUp(self):
        super().setUp()
        self.database = test_npiv.Database()
        for name, double in (
                ('save', lambda instance: self.database.save(instance)),
                ('get_by_uuid', self.database.get_by_uuid)):
            self.useFixture(fixtures.MockPatchObject(objects.Instance, name,
                                                     double))
        self.flags(group='powervm', fabrics=list(test_npiv.PORTS),
                   ports_per_fabric=1)
        cfg.register_fabrics()
        self.flags(group='powervm', **{
            'fabric_%s_port_wwpns' % fabric: wwpns
            for fabric, wwpns in test_npiv.PORTS.items()})
        fabrics.validate(self.host)
        self.connect(self.volumes(9, instance=self.other_server()))
        # As Nova does before: it asks for the WWPNs of a server, and keeps
        # them.
        self.volumes(1, 2)

    def test_connect_undone(self):
        self.assert_undone(self.edits_of(tf_vol.ConnectVolumes, 1))

    def test_connect_undone_beside_another_volume(self):
        """Adapters that were there before stay."""
        self.connect(self.volumes(1))
        self.assert_undone(self.edits_of(tf_vol.ConnectVolumes, 2),
                           changes=False, once=True)

    def test_disconnect_undone(self):
        self.instance.task_state = 'resize_migrating'
        self.connect(self.volumes(1))
        self.assert_undone(
            self.edits_of(tf_vol.ReleaseVolumes, 1, server_going=True))

    def test_wwpns_that_were_never_used_are_forgotten(self):
        self.assertNotEqual([], list(fabrics.known_to(self.instance)))
        self.run_to_the_end(tf_vol.CheckAttach(
            self.host, self.instance, self.volumes(1)))
        self.assertEqual([], list(fabrics.known_to(self.instance)))

    def test_wwpns_that_are_in_use_stay(self):
        self.connect(self.volumes(1))
        before = dict(self.instance.system_metadata)
        self.run_to_the_end(tf_vol.CheckAttach(
            self.host, self.instance, self.volumes(2)))
        self.assertEqual(before, self.instance.system_metadata)


class NovaTest(VolumeTasksTestCase):
    """What Nova is told of volumes."""

    def setUp(self):
        super().setUp()
        self.both = self.volumes(1, 2)
        self.discovered = self.connect(self.both)
        self.kept = self.both.addresses(self.discovered)
        self.instance.system_metadata[
            'powervm_volume_' + self.volume_id(3)] = LUA % 0x92 + ' udid'

    def test_save(self):
        """There may be others, of which nothing is said."""
        self.run_flow(base.Provide(discovered_volumes=self.discovered),
                      tf_vol.SaveVolumes(self.both))
        self.assertEqual(self.kept, self.addresses)
        self.assertEqual([LUA % 0x90, LUA % 0x91],
                         [address.lua for address in self.kept.values()])

    def test_save_all(self):
        """What is not among all volumes of a server is forgotten."""
        bdms = [mock.Mock(), mock.Mock()]
        self.run_flow(base.Provide(discovered_volumes=self.discovered),
                      tf_vol.SaveVolumes(self.both, bdms))
        self.assertEqual({**self.kept, self.volume_id(3): None},
                         self.addresses)
        for bdm in bdms:
            bdm.save.assert_called_once_with()

    def test_forget(self):
        self.run_flow(tf_vol.ForgetVolumes(self.volumes(1)))
        self.assertEqual({self.volume_id(1): None}, self.addresses)

    def test_save_swap(self):
        old, new = self.volumes(1), self.volumes(2)
        discovered = self.connect(new)
        self.run_flow(base.Provide(discovered_new=discovered),
                      tf_vol.SaveSwap(self.instance, old, new))
        self.assertEqual(
            dict.fromkeys(self.kept, self.kept[self.volume_id(2)]),
            self.addresses)

    def test_note_swap(self):
        """The note has all that takes the swap back; a revert removes it."""
        old, new = self.volumes(1), self.volumes(2)
        with mock.patch.object(server_notes, 'note') as note:
            self.run_flow(tf_vol.NoteSwap(self.instance, old, new, True))
        notes = note.call_args.args[1]
        self.assertThat(max(map(len, notes.values())), matchers.LessThan(256))
        self.assertEqual(
            {'old': self.volume_id(1), 'was_on': True,
             'new': new.volumes[0].connection_info},
            jsonutils.loads(''.join(notes.values())))
        self.instance.system_metadata.update(notes)
        with mock.patch.object(server_notes, 'note') as note:
            self.run_to_the_end(tf_vol.NoteSwap(self.instance, old, new, True))
        note.assert_called_with(self.instance, dict.fromkeys(notes))

    def test_tags(self):
        with mock.patch.object(tags, 'update') as update:
            self.run_flow(tf_vol.TagDevices(self.instance))
        update.assert_called_once_with(self.instance)
        self.assertEqual({}, self.addresses)

    def test_tags_of_volumes_that_come_later(self):
        """Their addresses are kept before the guest is told."""
        new = self.volumes(4)
        new.volumes[0].data['target_UDID'] = 'udid'
        told = []
        with mock.patch.object(tags, 'update', lambda instance: told.append(
                dict(self.addresses))):
            self.run_flow(tf_vol.TagDevices(self.instance, new))
        self.assertEqual([{self.volume_id(4): (LUA % 0x90, 'udid')}], told)

    def test_extend(self):
        with self.site.lock:
            self.site.san.extend_volume(self.volume_id(1),
                                        2 * site.VOLUME_SIZE)
        self.run_flow(tf_vol.ExtendVolume(self.volumes(1),
                                          2 * site.VOLUME_SIZE))
        self.assertEqual({2 * site.VOLUME_SIZE // units.Mi}, {
            disk['capacity_mb'] for name in ('vios1', 'vios2')
            for disk in self.vios(name).state()['physical_volumes']
            if disk.get('volume') == self.volume_id(1)})


class CheckSwapTest(VolumeTasksTestCase):

    def setUp(self):
        super().setUp()
        self.copier = copying.VolumeCopier(self.host, self.platform.mgmt)

    def check(self, may_stop=True, **attributes):
        volumes = [mock.Mock(can_be_copied=True, **attributes)
                   for _number in range(2)]
        self.run_flow(tf_vol.CheckSwap(
            *volumes, self.copier, may_stop))

    def test_check(self):
        self.check()
        exc = self.assertRaises(nova_exc.VolumeRebaseFailed, self.check,
                                may_stop=False)
        self.assertIn('swap_volume_stops_server', str(exc))

    def test_volumes_that_cannot_be_copied(self):
        for old, new in ((True, False), (False, True)):
            self.assertRaises(
                nova_exc.VolumeRebaseFailed, self.run_flow, tf_vol.CheckSwap(
                    mock.Mock(can_be_copied=old),
                    mock.Mock(can_be_copied=new), self.copier, True))

    def test_host_that_cannot_copy(self):
        self.copier = mock.Mock(why_not=lambda: 'no reason')
        exc = self.assertRaises(nova_exc.VolumeRebaseFailed, self.check)
        self.assertIn('no reason', str(exc))


class SwapTest(VolumeTasksTestCase):

    def setUp(self):
        super().setUp()
        self.copier = copying.VolumeCopier(self.host, self.platform.mgmt)
        self.volumes(2)
        self.connect(self.volumes(1))

    def copy(self):
        """The tasks of a swap, with volumes as Nova knows them."""
        old, new = self.volumes(1), self.volumes(2)
        return [tf_vol.DiscoverSwap(old, new),
                tf_vol.CopyVolume(self.copier, old, new),
                *self.replace(old, new)]

    def replace(self, old, new):
        stg = self.transaction(old, new)
        return [tf_vol.ReplaceVolume(old, new, stg),
                tf_stg.UpdateVioses(stg)]

    def discover_and_replace(self):
        old, new = self.volumes(1), self.volumes(2)
        return [tf_vol.DiscoverSwap(old, new), *self.replace(old, new)]

    def test_swap(self):
        with self.site.lock:
            self.site.san.volume(self.volume_id(1)).disk.write(
                io.BytesIO(b'Hello'))
        self.run_flow(*self.copy())
        self.assertEqual(self.on_each(2), self.connected())
        self.assertEqual(
            b'Hello', self.site.san.volume(self.volume_id(2)).disk.read(0, 5))

    def test_copy_undone(self):
        """Also when it is not known whether the volumes were lent."""
        self.assert_undone(lambda: self.copy()[:2])

    def test_replacement_undone(self):
        """The old volume is back in its place, on each path."""
        self.assert_undone(self.discover_and_replace)

    def test_copy_that_cannot_be_undone(self):
        self.assert_not_undone('copy_volume', *self.copy()[:2],
                               base.Stop(self.refuse_all))

    def test_replacement_that_cannot_be_undone(self):
        """The new volume is gone, though the old one does not come back."""
        self.assert_not_undone('replace_volume', *self.discover_and_replace(),
                               base.Stop(self.fail_discovery))
        self.assertEqual([], self.connected())

    def test_new_volume_stays_but_the_old_one_is_back(self):
        def refuse_once():
            self.simulated.faults.add({
                'effect': 'status', 'status': 500, 'method': 'GET',
                'path': 'VirtualIOServer', 'nth': 1})
        self.assert_not_undone('replace_volume', *self.discover_and_replace(),
                               base.Stop(refuse_once))
        self.assertEqual(self.on_each(1, 2), self.connected())
