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

"""What the driver does otherwise on an HMC, which manages several servers."""

import threading
import time
import types
from unittest import mock

from nova.compute import task_states
from nova import exception as nova_exc
from oslo_utils import timeutils
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import partition as pvm_partition
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import network as pvm_net
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.simulator import fingerprint
from nova_powervm.simulator import jobs
from nova_powervm.simulator.resources import switch as sim_switch
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.virt.powervm import bridge_edits
from nova_powervm.virt.powervm.disk import clusters
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import facts
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm import vif as powervm_vif
from nova_powervm.virt.powervm.vif import driver as vif_driver
from nova_powervm.virt.powervm.vif import rmc
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import copying
from nova_powervm.virt.powervm.volume import discovery


class ScopeTest(hmc_base.HmcTestCase):
    """Nobody reads the partitions of other systems, pypowervm included."""

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.instance = base.make_instance()
        self.theirs = self.make_lpar(self.others[0], self.instance.uuid)
        self.before = self.site.fingerprint()

    def assert_untouched(self):
        """No root feed was read, and nothing was changed."""
        for record in self.simulated.journal.records():
            self.assertNotIn(record['path'], (
                '/rest/api/uom/LogicalPartition',
                '/rest/api/uom/VirtualIOServer'))
        self.assertEqual([], fingerprint.differences(
            self.before, self.site.fingerprint()))

    def test_feeds(self):
        ours = {vios.uuid for vios in
                self.simulated.store.all('VirtualIOServer')}
        adapter = self.host.adapter
        self.assertEqual(1, len(self.host.lpars()))
        self.assertEqual(1, len(pvm_lpar.LPAR.get(adapter)))
        for found in (self.host.vioses(), self.host.active_vioses(),
                      pvm_partition.get_active_vioses(adapter),
                      pvm_vios.VIOS.get(adapter, xag=['ViosStorage'])):
            self.assertEqual(ours, {vios_w.uuid for vios_w in found})
        pvm_partition.validate_vios_ready(adapter, max_wait_time=0)
        self.assert_untouched()

    def test_partition_of_another_system(self):
        for what in (lambda: self.host.lpar(self.theirs.uuid),
                     lambda: self.host.lpar_state(self.theirs.uuid),
                     lambda: self.host.job_form(
                         pvm_lpar.LPAR, self.theirs.uuid, 'PowerOff')):
            self.assertRaises(pvm_exc.HttpNotFound, what)
        self.assertFalse(vm.instance_exists(self.host, self.instance))
        self.assertEqual([], self.host.network_adapters(self.theirs.uuid))
        vm.delete_lpar(self.host, self.instance)
        self.assert_untouched()

    def test_creation_is_refused(self):
        """Also if the other host has only failed to build the server."""
        for launched_at in (timeutils.utcnow(), None):
            self.instance.launched_at = launched_at
            exc = self.assertRaises(exception.LparElsewhere, vm.create_lpar,
                                    self.host, self.instance)
            self.assertIn(self.instance.uuid, str(exc))
        self.assert_untouched()

    def test_creation_is_refused_beside_an_own_lpar(self):
        self.make_lpar(self.simulated, self.instance.uuid)
        self.assertRaises(exception.LparElsewhere, vm.check_only_here,
                          self.host, self.instance)

    def test_move_is_refused(self):
        self.assertIn('cannot move a server between two systems',
                      move.why_not_here(self.host, None, self.instance,
                                        self.instance.flavor, None))
        self.assert_untouched()

    def test_no_management_partition(self):
        self.assertIsNone(self.host.mgmt_uuid)
        self.assertFalse(self.host.is_mgmt(None))
        self.assertEqual([], self.requests())

    def test_clusters_of_other_systems(self):
        vioses = self.host.vioses()
        self.assertEqual('cluster1', clusters.find(self.host, vioses).name)
        ours = set(self.simulated.store.all('VirtualIOServer'))
        self.site.pools[0].vioses = [
            vios for vios in self.site.pools[0].vioses if vios not in ours]
        for view in self.site.pools[0].views:
            view.touch()
        self.assertRaises(exception.NoConfigNoClusterFound, clusters.find,
                          self.host, vioses)
        self.flags(group='powervm', cluster_name='cluster1')
        self.assertRaises(exception.ClusterNotFoundByName, clusters.find,
                          self.host, vioses)


class LparTest(hmc_base.HmcTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.instance = base.make_instance()

    def test_create(self):
        look = ['GET LogicalPartition']
        for looked, attrs in (
                (look, {'launched_at': None}),
                (look, {'launched_at': timeutils.utcnow()}),
                # The removal of the LPAR has just found it here.
                ([], {'task_state': task_states.REBUILD_SPAWNING}),
                # An evacuation.
                (look, {'host': 'compute3'})):
            self.instance.update(attrs)
            lpar_w = vm.create_lpar(self.host, self.instance)
            self.assertTrue(lpar_w.profile_sync)
            self.assertEqual(looked + ['PUT ManagedSystem/LogicalPartition'],
                             self.requests())
            lpar_w.delete()
            self.requests()
        vm.delete_lpar(self.host, self.instance)
        self.assertEqual(['DELETE ManagedSystem/LogicalPartition'],
                         self.requests())

    def test_other_uuid(self):
        """An HMC may not take the UUID of a client; then nobody finds it."""
        self.choose_uuid()
        exc = self.assertRaises(exception.LparHasOtherUUID, vm.create_lpar,
                                self.host, self.instance)
        self.assertIsInstance(exc, nova_exc.BuildAbortException)
        self.assertIn('The LPAR was deleted', str(exc))
        self.assertEqual(['aix1'], [
            lpar.name for lpar in
            self.simulated.store.all('LogicalPartition')])

    def choose_uuid(self):
        """Let the HMC choose the UUID of the next LPAR."""
        real = pvm_lpar.LPAR.create

        def create(lpar_w, **kwargs):
            lpar_w.uuid = '01234567-0000-4000-8000-000000000000'
            return real(lpar_w, **kwargs)

        self.patch(pvm_lpar.LPAR, 'create', create)

    def test_other_uuid_and_deletion_is_refused(self):
        """It must not look as if nothing had been created."""
        self.choose_uuid()
        self.fail_request(method='DELETE', path='LogicalPartition',
                          effect='status', status=409, message='It is busy.')
        exc = self.assertRaises(exception.LparHasOtherUUID, vm.create_lpar,
                                self.host, self.instance)
        self.assertIn('delete it by hand', str(exc))
        self.assertIn('It is busy.', str(exc))


class NetworkTest(hmc_base.HmcTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.lpar_w = self.host.lpar(self.host.lpars()[0].uuid)
        self.requests()

    def operators_network(self, vlan, tagged):
        """Make a network of an operator: its UUID."""
        return pvm_net.VNet.bld(
            self.host.adapter, 'operators-own', vlan,
            self.host.get_vswitch('ETHERNET0').related_href, tagged).create(
                parent_type=pvm_ms.System,
                parent_uuid=self.host.system_uuid).uuid

    def add_vlans(self, *vlans):
        bridge, = self.simulated.store.all('NetworkBridge')
        bridge_edits.add_vlans(self.host, bridge.uuid, vlans)

    def networks(self):
        return {network.uuid for network in self.host.virtual_networks()}

    def test_network_without_tags_stays(self):
        uuid = self.operators_network(50, tagged=False)
        exc = self.assertRaises(nova_exc.VirtualInterfacePlugException,
                                self.add_vlans, 50)
        self.assertIn('operators-own has VLAN 50 without tags', str(exc))
        self.assertIn(uuid, self.networks())

    def test_network_with_the_next_arbitrary_vlan_stays(self):
        uuid = self.operators_network(4093, tagged=True)
        self.add_vlans(*range(200, 245))
        self.assertIn(uuid, self.networks())

    def create_cna(self, vlan=7, number=1):
        return vif_driver.create_cna(self.host, self.lpar_w, 'ETHERNET0',
                                     vlan, mac_addr='fa163e00000%d' % number)

    def test_networks(self):
        self.create_cna()
        self.assertEqual(
            ['GET ManagedSystem/VirtualSwitch',
             'GET ManagedSystem/VirtualNetwork',
             'PUT ManagedSystem/VirtualNetwork',
             'PUT LogicalPartition/ClientNetworkAdapter'], self.requests())
        switch = sim_switch.find_switch(self.simulated, 'ETHERNET0')
        self.assertEqual(('ETHERNET0-7', True), (
            switch.networks[7].name, switch.networks[7].is_tagged))
        self.create_cna(number=2)
        self.assertEqual(['PUT LogicalPartition/ClientNetworkAdapter'],
                         self.requests())
        # That one is there for the Shared Ethernet Adapter.
        self.create_cna(vlan=101, number=3)
        self.assertEqual(['PUT LogicalPartition/ClientNetworkAdapter'],
                         self.requests())

    def test_network_that_was_deleted(self):
        """The event of its deletion has not come yet."""
        switch = sim_switch.find_switch(self.simulated, 'ETHERNET0')
        cna = self.create_cna()
        cna.delete()
        self.simulated.remove(switch.networks[7])
        self.assertRaises(pvm_exc.HttpError, self.create_cna)
        self.create_cna()

    def test_another_network_has_the_name(self):
        """A network for another VLAN is none for this one."""
        self.fail_request(method='PUT', path='VirtualNetwork',
                          effect='status', status=409,
                          message='The name ETHERNET0-7 is in use.')
        exc = self.assertRaises(pvm_exc.HttpError, self.create_cna)
        self.assertIn('is in use', str(exc))
        self.assertNotIn('Somebody else', self.logger.output)

    def test_somebody_else_is_faster(self):
        def create(method, path):
            with self.site.lock:
                switch.add_network(7)

        switch = sim_switch.find_switch(self.simulated, 'ETHERNET0')
        self.simulated.faults.add({'method': 'PUT', 'path': 'VirtualNetwork'},
                                  create)
        self.create_cna()

    def test_bridge(self):
        """The load groups of a bridge carry VLANs."""
        bridge, = self.simulated.store.all('NetworkBridge')
        vlans = range(200, 245)
        self.assertTrue(bridge_edits.add_vlans(
            self.host, bridge.uuid, vlans))
        for sea in bridge.seas:
            self.assertLessEqual(set(vlans), {
                vlan for trunk in sea.trunks for vlan in trunk.tagged})
        self.requests()
        self.assertFalse(bridge_edits.add_vlans(
            self.host, bridge.uuid, vlans[:9]))
        bridge_edits.remove_vlan(self.host.adapter, self.host.system_uuid,
                                 bridge.uuid, 200)
        for sea in bridge.seas:
            self.assertNotIn(200, [vlan for trunk in sea.trunks
                                   for vlan in trunk.tagged])

    def test_no_management_adapter(self):
        self.flags(group='powervm', use_rmc_mgmt_vif=True)
        instance = base.make_instance()
        self.assertIsNone(rmc.plug(self.host, instance, self.lpar_w))
        rmc.undo(self.host, instance)
        self.assertEqual([], self.requests())

    def test_open_vswitch_is_refused(self):
        exc = self.assertRaises(
            nova_exc.VirtualInterfacePlugException, powervm_vif.plug,
            self.host, base.make_instance(),
            {'type': 'ovs', 'id': 'port', 'address': 'fa:16:3e:00:00:01'},
            self.lpar_w)
        self.assertIn('An HMC manages this host', str(exc))
        powervm_vif.remove_stale(self.host, lambda server: True)
        self.assertEqual([], self.requests())


class VolumeTest(hmc_base.HmcTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.requests()
        self.vios = self.simulated.store.all('VirtualIOServer')[0]

    def test_device_is_removed_by_a_command(self):
        exc = self.assertRaises(pvm_exc.JobRequestFailed, deletion.device,
                                self.host, self.vios.uuid, 'hdisk77')
        self.assertIn('VIOS vios1 has no device hdisk77', str(exc))
        self.assertEqual(
            ['GET ManagedSystem/VirtualIOServer',
             'GET ManagementConsole/do/CLIRunner',
             'PUT ManagementConsole/do/CLIRunner', 'DELETE jobs'],
            self.requests())
        self.assertRaises(pvm_exc.JobRequestFailed, deletion.device,
                          self.host, self.vios.uuid, 'hdisk77')
        self.assertEqual(['PUT ManagementConsole/do/CLIRunner',
                          'DELETE jobs'], self.requests())

    def test_command_fails_though_its_job_succeeds(self):
        def run(job):
            yield
            return {'returnCode': '1', 'result': 'The device is busy.'}

        operations = mock.patch.dict(jobs.OPERATIONS, {
            ('ManagementConsole', 'CLIRunner'): run})
        operations.start()
        self.addCleanup(operations.stop)
        exc = self.assertRaises(pvm_exc.JobRequestFailed, deletion.device,
                                self.host, self.vios.uuid, 'hdisk77')
        self.assertIn('The device is busy.', str(exc))

    def test_no_command(self):
        """The HMC, or the role of its user, does not offer it: one line."""
        self.fail_request(path='CLIRunner', effect='status', status=403,
                          count=9)
        discovery.remove(self.host, self.vios.uuid, 'hdisk77')
        self.assertEqual(['GET ManagedSystem/VirtualIOServer',
                          'GET ManagementConsole/do/CLIRunner',
                          'GET ManagedSystem/VirtualIOServer'],
                         self.requests())
        self.assertEqual(1, self.logger.output.count('CLIRunner'))

    def test_volumes_are_not_copied(self):
        self.assertIn('an HMC manages the server', copying.VolumeCopier(
            self.host, types.SimpleNamespace(is_here=True)).why_not())


class SessionTest(hmc_base.HmcTestCase):

    CONSOLE = {'new_client': False, 'expired_status': 403}

    def test_no_events(self):
        self.connect(event.PowerVMNovaEventHandler(None, None))
        self.assertIn('opens no event queue', self.logger.output)

    def test_expired_token(self):
        host = self.connect()
        self.simulated.sessions.expire_all()
        self.assertEqual(1, len(host.lpars()))
        self.assertEqual(1, len(self.simulated.sessions.state()))

    def test_forbidden(self):
        """Another 403 is no reason to log on again."""
        host = self.connect()
        self.fail_request(path='LogicalPartition', effect='status',
                          status=403, message='Your role lacks this.')
        self.assertRaises(pvm_exc.HttpError, host.lpars)
        self.assertEqual(['GET ManagedSystem/LogicalPartition'],
                         self.requests())


class NoEventsTest(hmc_base.HmcTestCase):
    """Without events, nothing that changes is unknown for long."""

    CONSOLE = {'new_client': False}

    def setUp(self):
        super().setUp()
        self.host = self.connect(event.PowerVMNovaEventHandler(None, None))
        self.vios = self.simulated.store.all('VirtualIOServer')[0]
        self.switch = self.simulated.store.all('VirtualSwitch')[0]
        self.before = self.known()
        self.requests()

    def known(self):
        """What the driver knows."""
        return (sorted(self.host.vswitch_names().values()),
                self.host.fc_ports()[self.vios.uuid],
                self.host.vios_partitions()[self.vios.uuid],
                [bridge.tagged for bridge in self.host.bridges.all()])

    def change(self):
        """Change all that, as an operator of the HMC does."""
        with self.site.lock:
            self.vios.fc_ports[0].wwpn = '10000090FA1BFFFF'
            self.vios.touch('ViosStorage')
            self.switch.name = 'RENAMED'
            self.switch.touch()

    def age(self, seconds):
        self.host.news._clock = lambda: time.monotonic() + seconds

    def test_a_minute_later(self):
        self.change()
        self.age(facts.News.MAX_AGE - 30)
        self.assertEqual(self.before, self.known())
        self.assertEqual([], self.requests())
        self.age(facts.News.MAX_AGE)
        switches, ports, *_others = self.known()
        self.assertIn('RENAMED', switches)
        self.assertEqual('10000090FA1BFFFF', ports[0])
        self.assertEqual(
            {'GET ManagedSystem/VirtualSwitch',
             'GET ManagedSystem/VirtualIOServer',
             'GET ManagedSystem/NetworkBridge'}, set(self.requests()))
        self.known()
        self.assertEqual([], self.requests())

    def test_network(self):
        """An operator has deleted a virtual network."""
        lpar_w = self.host.lpars()[0]

        def plug(mac):
            vif_driver.create_cna(self.host, lpar_w, 'ETHERNET0', 7,
                                  mac_addr=mac)

        def networks():
            return [network_w for network_w in self.host.virtual_networks()
                    if network_w.vlan == 7]

        plug('fa163e000001')
        [cna_w] = [cna_w for cna_w in self.host.network_adapters(lpar_w.uuid)
                   if cna_w.pvid == 7]
        cna_w.delete()
        networks()[0].delete()
        self.assertEqual([], networks())
        self.age(facts.News.MAX_AGE)
        plug('fa163e000002')
        self.assertEqual(1, len(networks()))


class EventTest(hmc_base.HmcTestCase):

    def test_events_that_tell_no_system(self):
        """Only those of our LPARs cost a look into the database."""
        ours = self.simulated.operator.create_partition('ours').uuid
        theirs = self.others[0].operator.create_partition('theirs').uuid
        host = self.connect()
        handler = event.PowerVMNovaEventHandler(None, host)
        handler.lifecycle = mock.Mock()
        # The document of the system, as last read, does not list this one.
        new = self.simulated.operator.create_partition('new').uuid
        host.partition_states.refresh()
        for uuid in (ours, theirs, new):
            handler.process([mock.Mock(
                etype='MODIFY_URI', detail='PartitionState',
                data='http://hmc/rest/api/uom/LogicalPartition/' + uuid)])
        self.assertEqual(
            [mock.call.process(uuid.upper()) for uuid in (ours, new)],
            handler.lifecycle.mock_calls)

    def test_close(self):
        """An HMC takes no event that would end the poll."""
        host = self.connect(event.PowerVMNovaEventHandler(None, None))
        host.close()
        self.assertNotIn('PUT Event', self.requests())
        self.assertEqual([], self.simulated.sessions.state())
        self.assertNotIn('WARNING', self.logger.output)

    def test_other_systems(self):
        """Their events cost no request, and no look into the database."""
        told, looks = threading.Event(), []
        handler = event.PowerVMNovaEventHandler(None, None, settle=0)
        self.addCleanup(handler.shutdown)
        handler.lifecycle.emit = looks.append
        handler.host = self.connect(handler)
        self.patch(handler.host, 'vios_changed', lambda *_args: told.set())
        # The same partition ID, and some day the same UUID.
        lpars = [host.store.all('LogicalPartition')[0]
                 for host in self.others]
        with self.site.lock:
            for host, lpar in zip(self.others, lpars):
                lpar.set_state('running')
                host.store.all('VirtualIOServer')[0].touch('ViosStorage')
                host.operator.create_partition('another')
            self.simulated.store.all('VirtualIOServer')[0].touch()
        self.assertTrue(told.wait(60))
        handler.shutdown()
        self.assertEqual(([], []), (looks, self.requests()))
