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

"""Volumes that servers see themselves (NPIV), on the simulator."""

from unittest import mock

from nova.compute import task_states
from nova.compute import vm_states
from nova import exception as nova_exc
from nova.network import model
from nova import objects
from pypowervm import exceptions as pvm_exc

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.volume import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import fabrics

VOLUME = base.VOLUME
PORTS = {'A': ['10000090FA1BA101', '10000090FA1BA201'],
         'AB': ['10000090FA1BA102', '10000090FA1BA202']}
ID_KEY = 'powervm_lpar_id'


class Database:
    """What Nova keeps of servers: {uuid: their system_metadata}."""

    def __init__(self):
        self.kept = {}

    def save(self, instance):
        if self.kept.get(instance.uuid) == 'deleted':
            raise nova_exc.InstanceNotFound(instance_id=instance.uuid)
        self.kept[instance.uuid] = dict(instance.system_metadata)

    def get_by_uuid(self, context, uuid, expected_attrs=()):
        if self.kept.get(uuid) == 'deleted':
            raise nova_exc.InstanceNotFound(instance_id=uuid)
        return objects.Instance(
            uuid=uuid, system_metadata=dict(self.kept.get(uuid, {})))


class NpivTestCase(base.VolumeTestCase):

    STRATEGY = 'npiv'

    def setUp(self):
        super().setUp()
        self.database = Database()
        for name, double in (
                ('save', lambda instance: self.database.save(instance)),
                ('get_by_uuid', self.database.get_by_uuid)):
            patch = mock.patch.object(objects.Instance, name, double)
            patch.start()
            self.addCleanup(patch.stop)
        self.configure(**PORTS)

    def configure(self, ports_per_fabric=1, **ports):
        self.flags(group='powervm', fabrics=list(ports),
                   ports_per_fabric=ports_per_fabric)
        cfg.register_fabrics()
        self.flags(group='powervm', **{
            'fabric_%s_port_wwpns' % fabric: wwpns
            for fabric, wwpns in ports.items()})
        fabrics.validate(self.host)
        self.host.fc_ports()
        self.requests()

    def make_instance(self, number=1, **attrs):
        attrs.setdefault('image_ref', 'image')
        attrs.setdefault('info_cache', objects.InstanceInfoCache(
            network_info=model.NetworkInfo()))
        return super().make_instance(number, **attrs)

    def kept(self, instance=None):
        """What Nova keeps of the adapters of a server: dict."""
        return {key: value for key, value in self._metadata(instance).items()
                if not key.startswith(ID_KEY)}

    def kept_id(self):
        """The partition ids that Nova keeps of the server: str, or None."""
        return self._metadata().get('%s_%s' % (ID_KEY, self.host.nodename))

    def _metadata(self, instance=None):
        return self.database.kept.get((instance or self.instance).uuid, {})

    def adapters(self, instance=None):
        """{WWPN: (VIOS name, port name)} of a server, by first WWPN."""
        name = self.lpar(instance or self.instance).name
        return {mapping['wwpns'][0].upper(): (vios.name, mapping['port'])
                for vios in self.vioses()
                for mapping in vios.state()['fc_mappings']
                if mapping['lpar'] == name}

    def port(self, vios, name):
        return next(port for port in self.vios(vios).fc_ports
                    if port.name == name)

    def set_port(self, vios, name, up):
        with self.site.lock:
            self.san.set_port(self.port(vios, name).wwpn, up)

    def use_port(self, vios, name, count):
        """Let others have adapters on a port."""
        with self.site.lock:
            self.port(vios, name).used = count
            self.vios(vios).touch('Other')

    def lose_adapters(self, name):
        """Take the adapters that a VIOS has."""
        vios = self.vios(name)
        with self.site.lock:
            for mapping in vios.fc_mappings:
                mapping.release_slots()
                mapping.move(None)
                self.simulated.remove(self.simulated.store.get(
                    'VirtualFibreChannelClientAdapter', mapping.adapter_uuid))
            vios.fc_mappings = []
            vios.touch()

    def fail_write(self, name):
        self.simulated.faults.add({
            'effect': 'status', 'status': 500, 'method': 'POST',
            'path': 'VirtualIOServer/%s' % self.vios(name).uuid, 'nth': 1})

    def undo(self, volumes):
        volumes.disconnect_now(self.discovered)

    def states(self):
        return {fabric: self.kept().get('fabric_state_' + fabric)
                for fabric in ('A', 'AB')}


class PropertiesTest(NpivTestCase):

    def test_hostname(self):
        self.flags(host='a-very-long-name-of-a-host')
        self.assertEqual(
            'a-very-long-name-of-_instance-00000001',
            volume.connector_properties(self.host, self.instance)['host'])


class ConnectedTestCase(NpivTestCase):

    def setUp(self):
        super().setUp()
        self.before = self.simulated.state()
        self.wwpns()

    def assert_as_before(self):
        self.assertEqual(self.before, self.simulated.state())

    def assert_sees(self, *numbers, vioses=('vios1', 'vios2')):
        self.assertEqual(
            {(vios, VOLUME % number) for vios in vioses
             for number in numbers},
            {path[:2] for path in self.mapped()})


class ConnectTest(ConnectedTestCase):

    def test_connect_and_disconnect(self):
        info = self.connection()
        self.requests()
        volumes = self.build(info)
        self.assertTrue(volumes.needs_io_change)
        self.connect(volumes)
        # One reads both VIOSes.
        self.assertEqual(3, len(self.requests()))
        self.assert_sees(1)
        self.assertEqual({'A': 'inst_mapped', 'AB': 'inst_mapped'},
                         self.states())

        volumes = self.build(self.connection(2))
        self.assertFalse(volumes.needs_io_change)
        self.connect(volumes)
        self.assertEqual(1, len(self.requests()))
        self.assert_sees(1, 2)
        self.disconnect(volumes)
        self.assertEqual([], self.requests())

        self.instance.task_state = task_states.DELETING
        self.disconnect(volumes, server_going=True)
        self.assertEqual({}, self.kept())
        self.assert_as_before()

    def test_several_at_once(self):
        volumes = self.build_all(
            *[self.connection(number) for number in range(1, 6)])
        self.requests()
        self.connect(volumes)
        self.assertEqual(3, len(self.requests()))
        self.assertEqual(2, len(self.adapters()))
        self.assert_sees(*range(1, 6))

    def test_load(self):
        """Adapters go where the most room is."""
        self.configure(A=PORTS['A'])
        self.use_port('vios1', 'fcs0', 60)
        used = []
        for number in (2, 3):
            instance = self.make_instance(number)
            self.create_lpar(instance)
            self.connect(self.build(self.connection(
                number, wwpns=self.wwpns(instance)), instance))
            used += self.adapters(instance).values()
        self.assertEqual([('vios2', 'fcs0')] * 2, used)

    def test_slots(self):
        """The firmware is to find a disk of ours first."""
        self.connect(self.build(self.connection()))
        self.assertLessEqual({40, 41}, set(self.lpar(self.instance).slots))

    def test_slots_of_a_volume_to_boot_from(self):
        self.instance.image_ref = ''
        self.connect(self.build_all(self.connection(), boot=0))
        self.assertGreater(40, max(self.lpar(self.instance).slots))

    def test_vios_down(self):
        self.vios('vios1').set_rmc('inactive')
        wwpns = self.wwpns()
        self.connect(self.build(self.connection()))
        self.assertEqual({wwpns[0]: ('vios2', 'fcs0'),
                          wwpns[1]: ('vios2', 'fcs1')}, self.adapters())
        self.assertIn('10000090FA1BA201', self.kept()['npiv_adpt_wwpns_A'])
        self.assert_sees(1, vioses=['vios2'])

    def test_port_down(self):
        info = self.connection()
        self.set_port('vios1', 'fcs0', False)
        self.connect(self.build(info))
        self.assertEqual({('vios2', 'fcs0'), ('vios2', 'fcs1')},
                         set(self.adapters().values()))
        self.assert_sees(1, vioses=['vios2'])

    def test_port_full(self):
        self.use_port('vios2', 'fcs1', self.port('vios2', 'fcs1').total)
        self.connect(self.build(self.connection()))
        self.assertEqual({('vios1', 'fcs0'), ('vios1', 'fcs1')},
                         set(self.adapters().values()))

    def test_no_port_left(self):
        info = self.connection()
        for vios in ('vios1', 'vios2'):
            self.set_port(vios, 'fcs0', False)
        volumes = self.build(info)
        self.assertRaisesRegex(exception.FabricPortNotFound,
                               'fabric_A_port_wwpns', self.connect, volumes)
        self.undo(volumes)
        self.assertEqual({}, self.kept())
        self.assertEqual({}, self.adapters())

    def test_vios_goes_down_meanwhile(self):
        volumes = self.build(self.connection())

        def stop(vioses):
            self.vios('vios2').set_rmc('inactive')

        with transaction.StorageTransaction.immediate(
                self.host, 'test', xag=volumes.xag) as stg:
            stg.plan(stop)
            volumes.connect(stg, volumes.discover())
        # The next attachment makes up for it.
        self.assertTrue(self.build(self.connection(2)).needs_io_change)
        self.assertEqual({('vios1', 'fcs0')}, set(self.adapters().values()))
        self.connect(self.build(self.connection(2)))
        self.assertEqual({('vios1', 'fcs0'), ('vios1', 'fcs1')},
                         set(self.adapters().values()))

    def test_lost_adapter(self):
        self.connect(self.build(self.connection()))
        before = self.adapters()
        self.lose_adapters('vios1')
        self.assertEqual(1, len(self.adapters()))
        self.connect(self.build(self.connection()))
        self.assertEqual(before, self.adapters())

    def test_adapter_without_port(self):
        self.connect(self.build(self.connection()))
        before = self.adapters()
        with self.site.lock:
            vios = self.vios('vios1')
            vios.fc_mappings[0].move(None)
            vios.touch()
        self.assert_sees(1, vioses=['vios2'])
        self.connect(self.build(self.connection()))
        self.assertEqual(before, self.adapters())
        self.assert_sees(1)

    def test_what_an_earlier_lpar_left(self):
        self.connect(self.build(self.connection()))
        before = self.adapters()
        with self.site.lock:
            self.simulated.remove(self.lpar(self.instance))
        lpar_w = self.create_lpar(self.instance)
        volumes = self.build(self.connection())
        with transaction.StorageTransaction.immediate(
                self.host, 'test', xag=volumes.xag) as stg:
            volumes.connect(stg, volumes.discover())
            stg.edit_touched(vios_mappings.remove_stale_fc_mappings,
                             [lpar_w.id])
        self.assertEqual(before, self.adapters())
        self.assertEqual([1, 1], [len(vios.fc_mappings)
                                  for vios in self.vioses()])

    def test_what_another_lpar_left(self):
        """The server had no volumes when it got the id of that LPAR."""
        self.connect(self.build(self.connection()))
        with self.site.lock:
            self.simulated.remove(self.lpar(self.instance))
        other = self.make_instance(2)
        host_record.keep_id(other, self.host.nodename,
                            self.create_lpar(other).id)
        self.connect(self.build(
            self.connection(2, wwpns=self.wwpns(other)), other))
        self.assertEqual(2, len(self.adapters(other)))
        self.assertEqual([1, 1], [len(vios.fc_mappings)
                                  for vios in self.vioses()])

    def test_id_of_the_lpar(self):
        """It is kept when it can be read, before anything is changed."""
        lpar_id = str(self.lpar(self.instance).partition_id)
        self.connect(self.build(self.connection()))
        self.fail_write('vios1')
        self.lose_adapters('vios1')
        self.assertRaises(pvm_exc.Error, self.connect,
                          self.build(self.connection()))
        self.assertEqual(lpar_id, self.kept_id())

    def test_id_of_the_lpar_of_a_server_that_goes(self):
        """An earlier version has attached the volume."""
        self.connect(self.build(self.connection()))
        self.assertIsNone(self.kept_id())
        lpar_id = str(self.lpar(self.instance).partition_id)
        self.instance.task_state = task_states.DELETING
        self.disconnect(self.build(self.connection()), server_going=True)
        self.assertEqual((lpar_id, {}), (self.kept_id(), self.kept()))

    def test_id_of_the_lpar_of_a_server_that_is_deleted(self):
        self.connect(self.build(self.connection()))
        gone = nova_exc.InstanceNotFound(instance_id=self.instance.uuid)
        with mock.patch.object(objects.Instance, 'save', side_effect=gone):
            self.disconnect(self.build(self.connection()), server_going=True)
        self.assertEqual({}, self.adapters())

    def test_no_wwpns(self):
        volumes = self.build(self.connection())
        for fabric in PORTS:
            fabrics.set_adapters(self.instance, fabric, [])
        self.database.save(self.instance)
        self.assertRaisesRegex(nova_exc.VolumeAttachFailed, 'no WWPNs',
                               self.connect, volumes)


class UndoTest(ConnectedTestCase):
    """Nothing is left of what failed, and nothing is lost."""

    def test_first_volume(self):
        for name in ('vios1', 'vios2'):
            self.wwpns()
            volumes = self.build(self.connection())
            self.fail_write(name)
            self.assertRaises(pvm_exc.Error, self.connect, volumes)
            self.undo(volumes)
            self.assertEqual({}, self.kept())
            self.assertEqual({}, self.adapters())
        self.assert_as_before()

    def test_further_volume(self):
        self.connect(self.build(self.connection()))
        before = self.adapters(), self.kept()
        volumes = self.build(self.connection(2))
        self.connect(volumes)
        self.undo(volumes)
        self.assertEqual(before, (self.adapters(), self.kept()))

    def test_further_volume_with_instance_of_before(self):
        stale = self.make_instance()
        self.wwpns(stale)
        self.connect(self.build(self.connection()))
        before = self.adapters(), self.kept()
        volumes = self.build(self.connection(2), stale)
        self.connect(volumes)
        self.undo(volumes)
        self.assertEqual(before, (self.adapters(), self.kept()))

    def test_lost_adapters_of_a_further_volume(self):
        """The first volume needs the WWPNs."""
        self.connect(self.build(self.connection()))
        for name in ('vios1', 'vios2'):
            self.lose_adapters(name)
        wwpns = self.wwpns()
        volumes = self.build(self.connection(2))
        self.fail_write('vios2')
        self.assertRaises(pvm_exc.Error, self.connect, volumes)
        self.undo(volumes)
        self.assertEqual({'A': 'unmapped', 'AB': 'unmapped'}, self.states())
        self.connect(volumes)
        self.assertEqual(set(wwpns), set(self.adapters()))
        self.assert_sees(1, 2)

    def test_giving_up(self):
        """Only what is of no use to another volume is forgotten."""
        self.build(self.connection()).give_up()
        self.assertEqual({}, self.kept())
        self.wwpns()
        self.connect(self.build(self.connection()))
        before = self.kept()
        self.build(self.connection(2)).give_up()
        self.assertEqual(before, self.kept())

    def test_spawn(self):
        self.instance.vm_state = vm_states.BUILDING
        self.instance.task_state = task_states.SPAWNING
        volumes = self.build(self.connection())
        self.connect(volumes)
        self.undo(volumes)
        self.assertEqual({}, self.kept())
        self.assert_as_before()


class LifeTest(ConnectedTestCase):
    """What becomes of the WWPNs when the adapters are removed."""

    def setUp(self):
        super().setUp()
        self.volumes = self.build(self.connection())
        self.connect(self.volumes)
        self.metadata = self.kept()

    def remove(self, task_state):
        self.instance.task_state = task_state
        self.disconnect(self.volumes, server_going=True)
        self.assertEqual({}, self.adapters())
        self.assert_as_before()

    def assert_kept(self, state):
        self.assertEqual({'A': state, 'AB': state}, self.states())
        self.assertEqual(self.metadata['npiv_adpt_wwpns_A'],
                         self.kept()['npiv_adpt_wwpns_A'])
        # It can have them again.
        self.connect(self.build(self.connection()))
        self.assertEqual(self.metadata, self.kept())

    def test_migration(self):
        self.remove(task_states.RESIZE_MIGRATING)
        self.assert_kept('fabric_migrating')

    def test_shelving(self):
        self.remove(task_states.SHELVING_OFFLOADING)
        self.assert_kept('unmapped')

    def test_rebuild(self):
        self.remove(task_states.REBUILDING)
        self.assert_kept('unmapped')

    def test_delete(self):
        self.remove(task_states.DELETING)
        self.assertEqual({}, self.kept())

    def test_reclaim(self):
        self.instance.vm_state = vm_states.SOFT_DELETED
        self.remove(None)
        self.assertEqual({}, self.kept())

    def test_it_lives_on_another_host(self):
        self.instance.host = 'compute2'
        fabrics.set_host(self.instance, 'compute2')
        self.instance.save()
        metadata = dict(self.kept())
        self.remove(None)
        self.assertEqual(metadata, self.kept())

    def test_it_lives_on_another_host_without_adapters(self):
        """No host has adapters with its WWPNs any more."""
        self.instance.host = 'compute2'
        self.remove(None)
        self.assertEqual(
            dict({key: value for key, value in self.metadata.items()
                  if key.startswith('npiv_adpt_wwpns')},
                 fabric_state_A='unmapped', fabric_state_AB='unmapped'),
            self.kept())

    def test_it_is_deleted_already(self):
        self.database.kept[self.instance.uuid] = 'deleted'
        self.remove(None)

    def test_arrival_on_another_host(self):
        """Its adapters are on ports of a host that is not this one."""
        self.remove(task_states.RESIZE_MIGRATING)
        for fabric in PORTS:
            fabrics.set_adapters(self.instance, fabric, [
                adapter._replace(port='10000090FA1BB101')
                for adapter in fabrics.adapters(self.instance, fabric)])
        self.database.save(self.instance)
        volumes = self.build(self.connection())
        self.assertTrue(volumes.needs_io_change)
        self.connect(volumes)
        self.assertEqual(self.metadata, self.kept())

    def test_server_without_volumes(self):
        """It may have adapters of its own all the same."""
        self.instance.task_state = task_states.DELETING
        self.disconnect(volume.build_for_removal(self.host, self.instance, []),
                        server_going=True)
        self.assertEqual({}, self.kept())
        self.assert_as_before()
