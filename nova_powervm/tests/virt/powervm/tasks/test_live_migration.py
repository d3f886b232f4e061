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

"""Tasks of live migrations."""

from unittest import mock

from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm.live import attachments
from nova_powervm.virt.powervm.live import keys
from nova_powervm.virt.powervm.live import records
from nova_powervm.virt.powervm.live import running
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.tasks import live_migration as tf_live
from nova_powervm.virt.powervm.vif import events
from nova_powervm.virt.powervm.vif import sea
from nova_powervm.virt.powervm.volume import departure
from nova_powervm.virt.powervm.volume import instance_volumes


class LiveMigrationTasksTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.config_drive = mock.NonCallableMock(spec=media.ConfigDrive)
        self.flags(group='powervm', send_vif_events=True)

    def prepare(self, switch='ETHERNET0', **attrs):
        task = tf_live.PreparePorts(
            self.host, self.instance,
            [(base.make_vif(number, **attrs),) * 2 for number in (1, 2)],
            {base.PORT % number: switch for number in (1, 2)})
        return task, task.execute()

    def macs_told(self, action):
        """MACs of the ports that the agent was told about."""
        return [detail['mac'] for _data, detail in self.custom_events()
                if detail['action'] == action]

    def test_authorize_key(self):
        known = mock.NonCallableMock(spec=keys.Keys)
        tf_live.AuthorizeKey(known, 'ssh-rsa').execute()
        known.authorize.assert_called_once_with('ssh-rsa')

    def test_prepare_ports(self):
        self.custom_events()
        task, vlans = self.prepare()
        self.assertEqual({}, vlans)
        found = self.custom_events()
        self.assertEqual(
            ['FA163E000001', 'FA163E000002'],
            [detail['mac'] for _data, detail in found])
        for data, detail in found:
            self.assertEqual(('plug', 'pvm_sea', 'NOVA_PVM_VIF'), (
                detail['action'], detail['type'], detail['provider']))
            self.assertIn('/LogicalPartition/21B2C3D4-0000-4000-8000-'
                          '000000000001/ClientNetworkAdapter/', data)
        task.revert(None, None)
        self.assertEqual(['FA163E000001', 'FA163E000002'],
                         self.macs_told('unplug'))

    def test_prepare_ports_of_no_agent(self):
        self.custom_events()
        details = {'powervm_agentless': True, 'physical_network': 'default'}
        self.assertEqual({}, self.prepare(
            details=dict(details, vlan='77'))[1])
        bridge, = self.host.bridges.all()
        self.assertIn(77, bridge.tagged)
        self.assertEqual(
            {'fa:16:3e:00:00:01': bridge.pvid,
             'fa:16:3e:00:00:02': bridge.pvid},
            self.prepare(details=dict(details, network_type='flat'))[1])
        self.assertEqual([], self.custom_events())

    def test_prepare_ports_of_another_switch(self):
        exc = self.assertRaises(nova_exc.VirtualInterfacePlugException,
                                self.prepare, switch='ETHERNET1')
        self.assertIn('on virtual switch ETHERNET0 of this host, and on '
                      'ETHERNET1', str(exc))

    def test_leave_ports(self):
        self.custom_events()
        with mock.patch.object(
                sea.SeaVifDriver, 'unplug_without_lpar',
                side_effect=[pvm_exc.Error('broken'), None]):
            tf_live.LeavePorts(
                self.host, self.instance,
                [base.make_vif(1), base.make_vif(2)]).execute()
        self.assertEqual(['FA163E000002'], self.macs_told('unplug'))
        self.assertIn('broken', self.logger.output)

    def test_announce_ports(self):
        self.custom_events()
        task = tf_live.AnnouncePorts(
            self.host, self.instance, [base.make_vif(1), base.make_vif(2)],
            events.PLUG)
        task.execute()
        self.assertEqual(['FA163E000001', 'FA163E000002'],
                         self.macs_told('plug'))
        self.simulated.faults.add({
            'method': 'PUT', 'path': '/Event', 'effect': 'status',
            'status': 500})
        task.execute()
        self.assertEqual(['FA163E000002'], self.macs_told('plug'))

    def test_submit(self):
        migration = mock.NonCallableMock(spec=running.Migration)
        tf_live.SubmitMigration(migration, {'a': 'b'}).execute()
        migration.submit.assert_called_once_with({'a': 'b'})

    def test_unload_config_drive(self):
        tf_live.UnloadCfgDrive(self.host, self.config_drive,
                               self.instance).execute()
        self.config_drive.detach.assert_called_once_with(
            self.instance, mock.ANY)

    def test_restore_config_drive(self):
        task = tf_live.RestoreCfgDrive(
            self.host, self.config_drive, 'context', self.instance, ['vif'],
            no_slots.NO_SLOTS)
        task.execute()
        self.config_drive.create.assert_called_once_with(
            'context', self.instance, [], ['vif'], None, mgmt_cna=None)
        self.config_drive.attach.assert_called_once_with(
            self.instance, self.config_drive.create.return_value, mock.ANY)
        self.config_drive.create.side_effect = pvm_exc.Error('broken')
        task.execute()
        self.assertIn('broken', self.logger.output)

    def test_delete_config_drive(self):
        task = tf_live.DeleteVOptOfMoved(self.config_drive, self.instance)
        task.execute()
        self.config_drive.delete.assert_called_once_with(
            self.instance, may_wait=True)
        self.config_drive.delete.side_effect = pvm_exc.Error('broken')
        task.execute()
        self.assertIn('broken', self.logger.output)

    def test_forget_state(self):
        self.create_lpar(self.instance)
        uuid = self.lpar(self.instance).uuid
        self.host.partition_states.ask(uuid)
        tf_live.ForgetState(self.host, self.instance).execute()
        self.assertIsNone(self.host.partition_states.known(uuid))

    def test_forget_attachments(self):
        with mock.patch.object(attachments, 'forget') as forget:
            tf_live.ForgetAttachments(self.instance).execute()
            forget.assert_called_once_with(self.instance)
            forget.side_effect = pvm_exc.Error('broken')
            tf_live.ForgetAttachments(self.instance).execute()
        self.assertIn('broken', self.logger.output)

    def test_check_is_awaited(self):
        with mock.patch.object(records, 'check_is_awaited') as check:
            tf_live.CheckIsAwaited(self.host, self.instance, 'now',
                                   {'a': 'b'}).execute()
        check.assert_called_once_with(self.host, self.instance, {'a': 'b'})

    def test_prepare_volumes(self):
        found = mock.NonCallableMock(
            spec=instance_volumes.InstanceVolumes, instance=self.instance)
        disk_dvr = mock.Mock(capabilities={'shared_storage': True},
                             vios_uuids=['vios'])
        task = tf_live.PrepareVolumes(self.host, disk_dvr, found, {'a': []})
        self.assertEqual(found.prepare_target.return_value, task.execute())
        disk_dvr.capabilities['shared_storage'] = False
        task.execute()
        self.assertEqual([mock.call({'a': []}, ['vios']),
                          mock.call({'a': []}, [])],
                         found.prepare_target.mock_calls)
        with mock.patch.object(departure, 'forget') as forget:
            task.revert(None, None)
        forget.assert_called_once_with(self.host, self.instance,
                                       found.known_udids.return_value)

    def test_note_departure(self):
        """What the target can do later keeps nobody from going on."""
        found = mock.NonCallableMock(spec=instance_volumes.InstanceVolumes)
        found.note_departure.side_effect = [None, ValueError('no database')]
        task = tf_live.NoteDeparture(found, 'compute2')
        for _time in range(2):
            task.execute()
        self.assertEqual([mock.call('compute2')] * 2,
                         found.note_departure.mock_calls)
        self.assertIn('no database', self.logger.output)

    def test_note_volumes(self):
        found = mock.NonCallableMock(
            spec=instance_volumes.InstanceVolumes,
            xag=[vios_mappings.SCSI_MAPPING])
        task = tf_live.NoteVolumes(self.host, found)
        self.requests()
        task.execute()
        self.assertEqual(['GET VirtualIOServer'], self.requests())
        (vioses,), _kwargs = found.note_on_target.call_args
        self.assertEqual(len(self.simulated.store.all('VirtualIOServer')),
                         len(vioses))
        self.simulated.faults.add({'path': '/VirtualIOServer', 'count': 0,
                                   'effect': 'status', 'status': 500})
        task.execute()
        found.note_on_target.assert_called_with(None)
