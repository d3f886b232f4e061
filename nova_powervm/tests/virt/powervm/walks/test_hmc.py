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

"""The life of a server on one of three systems behind an HMC.

Each system has its own nova-compute. Nothing of the other systems changes,
whatever a user does, and no request is for partitions of all systems.
"""

from concurrent import futures
import contextlib
from unittest import mock

from nova.db.main import api as main_db_api
from nova import exception as nova_exc
from nova import objects
import sqlalchemy

from nova_powervm import conf as cfg
from nova_powervm.simulator.jobs import remove_device
from nova_powervm.tests.virt.powervm.walks import hmc
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import view
from nova_powervm.virt.powervm import host as powervm_host

CONF = cfg.CONF
HERE, THERE = hmc.HERE, hmc.THERE
#: How many requests more than a NovaLink an HMC may cost.
MORE = 2


class LifeCase(hmc.LifeMixin, hmc.HmcCase):
    """Tests of what servers have in common."""

    def counted(self, name, sent):
        self.assertLessEqual(len(sent), self.COUNTS[name] + MORE, (name, sent))

    def refused(self, act, text):
        """Check that nothing changes when a user wants what is impossible."""
        status, before = self.scene.status, self.scene.view()
        act(self.scene.server)
        self.assertIn(text, str(self.cloud.failures[-1]))
        self.assertEqual((status, HERE), (self.scene.status,
                                          self.scene.server.host))
        self.scene.check_view(before)
        self.check_others()
        self.scene.check_bytes()

    def stay(self):
        """A server cannot leave its system, unless it runs."""
        self.scene.write()
        self.refused(lambda server: self.api.resize(server, host=THERE),
                     'cannot move a server between two systems')


class PoolTest(LifeCase):
    PLATFORM = platforms.HMC_POOL
    COUNTS = {
        'make': 13, 'stop': 5, 'start': 2, 'hard reboot': 6, 'attach port': 3,
        'detach port': 3, 'resize': 7, 'confirm': 0, 'rescue': 18,
        'unrescue': 8, 'rebuild': 29, 'delete': 11}

    def test_life(self):
        self.create()
        self.live()
        self.do(self.api.rebuild, name='rebuild')
        self.stay()
        self.refused(lambda server: self.api.snapshot(server)[0],
                     'there is no management partition')
        self.delete()
        self.make_another()
        self.cloud.restart(HERE)

    def test_consoles(self):
        """The terminals of an HMC are for its own users."""
        self.create()
        instance = self.scene.server.read()
        driver = self.cloud.compute(HERE).driver
        already = len(self.requests())
        for ask, refusal in (
                (driver.get_vnc_console, nova_exc.ConsoleTypeUnavailable),
                (driver.get_serial_console, nova_exc.ConsoleTypeUnavailable)):
            self.assertRaises(refusal, ask, self.cloud.context, instance)
        with self.cloud.on(HERE):
            CONF.set_override('console_log', True, 'powervm')
            self.addCleanup(CONF.clear_override, 'console_log', 'powervm')
            exc = self.assertRaises(
                nova_exc.ConsoleNotAvailable, driver.get_console_output,
                self.cloud.context, instance)
        self.assertIn('there is no command mkvterm', str(exc))
        self.assertEqual(already, len(self.requests()))
        self.delete()

    def test_move_that_the_hmc_hides(self):
        """The role of each user shows one system, and no LPAR of others."""
        self.create()
        self.scene.write()
        with mock.patch.object(powervm_host.Host, 'system_of_lpar',
                               return_value=None):
            self.refused(lambda server: self.api.resize(server, host=THERE),
                         'cannot move a server between two systems')
            self.evacuate()
        self.delete()

    def test_evacuation(self):
        """The LPAR of a host that is down keeps its UUID on the HMC."""
        self.create()
        self.evacuate()
        self.delete()

    def evacuate(self):
        """Try to, in vain."""
        self.cloud.stop(HERE)
        before = self.scene.view()
        self.api.evacuate(self.scene.server, THERE)
        self.assertIn('cannot move a server between two systems',
                      str(self.cloud.failures[-1]))
        self.assertEqual(HERE, self.scene.server.host)
        self.scene.check_view(before)
        self.scene.check_bytes()
        self.cloud.start(HERE)
        self.assertTrue(view.is_on(self.scene.lpar()))


class VolumesTest(LifeCase):
    """It boots from a volume, on a host with a volume group."""

    PLATFORM = platforms.HMC_VSCSI
    FIRST = {'volumes': (1, 2), 'boots': True}
    # Two threads may read the form of a job, once.
    COUNTS = {
        'make': 17, 'stop': 5, 'start': 2, 'hard reboot': 13, 'attach port': 3,
        'detach port': 3, 'resize': 28, 'confirm': 0, 'rescue': 18,
        'unrescue': 8, 'attach': 11, 'detach': 10, 'delete': 18}

    def test_life(self):
        self.create()
        self.live()
        self.do(lambda server: self.api.attach(server, 3), name='attach')
        self.do(lambda server: self.api.detach(server, 3), name='detach')
        ops.make_small_volumes(self.scene, 1)
        self.refused(
            lambda server: self.api.swap(server, 2, ops.REPLACEMENT),
            'an HMC manages the server')
        self.stay()
        self.delete()
        self.check_no_devices()
        self.make_another()
        self.check_no_devices()

    def test_snapshot(self):
        """Cinder makes it; Nova only asks whether the guest can wait."""
        self.create()
        before, already = self.scene.view(), len(self.requests())
        failure = self.cloud.call(HERE, 'quiesce_instance',
                                  instance=self.scene.server.read())
        # Nova goes on after this one.
        self.assertIsInstance(failure.exc_info[1],
                              nova_exc.InstanceQuiesceNotSupported)
        self.assertEqual(already, len(self.requests()))
        self.scene.check_view(before)
        self.delete()

    def test_command_fails(self):
        """A device that the HMC cannot remove stays, and that is all."""
        self.create()
        self.do(lambda server: self.api.attach(server, 3))
        fault = self.simulated.faults.add({
            'path': 'CLIRunner', 'effect': 'status', 'status': 404,
            'count': 0})
        try:
            self.assertIsNone(self.api.detach(self.scene.server, 3))
        finally:
            self.simulated.faults.clear(fault.id)
        self.assertTrue(fault.applied)
        self.assertIn('WARNING nova_powervm', self.logger.output)
        # The test's own Cinder has seen that they are still there.
        self.assertEqual(2, len(self.cloud.cinder.complaints))
        self.cloud.cinder.complaints.clear()
        self.do(self.api.delete, 'gone')
        self.scene.forget()
        self.cloud.run_periodic_tasks()
        for vios in self.simulated.store.all('VirtualIOServer'):
            # As an operator does.
            [name] = self.devices_of(vios)
            with self.cloud.site.lock:
                remove_device.remove(vios, name)

    def check_no_devices(self):
        for vios in self.simulated.store.all('VirtualIOServer'):
            self.assertEqual([], self.devices_of(vios))

    @staticmethod
    def devices_of(vios):
        return [name for name, hdisk in vios.volumes.items()
                if hdisk.group is None]


class WrongSystemTest(hmc.HmcCase):
    """The file of one host got the ``managed_system`` of another one."""

    PLATFORM = platforms.HMC_GROUP

    def start_with_wrong_systems(self, **wrong):
        """Start hosts with the systems of others: what they say.

        :param wrong: name of a host -> name of the host whose system it gets
        """
        real = self.cloud.host_of
        refusals = []
        self.cloud.stop(*wrong)
        with mock.patch.object(self.cloud, 'host_of', lambda name: real(
                wrong.get(name, name))):
            for name in wrong:
                refusals.append(str(self.assertRaises(
                    nova_exc.InvalidConfiguration, self.cloud.start, name)))
        for name in wrong:
            self.cloud.start(name)
        return refusals

    def test_start(self):
        server = self.scene.create(host=HERE)
        self.cloud.run_periodic_tasks()
        systems = [host.system for host in self.cloud.site.hosts]
        refusal, = self.start_with_wrong_systems(compute2='compute3')
        self.assertIn('managed_system=' + systems[2].uuid, refusal)
        self.assertIn('%s (%s) has 1' % (
            systems[1].name, systems[1].mtms_of_commands), refusal)
        # Swapped: the other host has no server.
        refusals = self.start_with_wrong_systems(compute2='compute3',
                                                 compute3='compute2')
        self.assertIn('on compute2, and 0 on this one', refusals[1])
        self.assertTrue(view.is_on(self.scene.lpar()))
        self.check_others()
        self.api.delete(server)
        self.assertEqual('gone', server.status)
        self.scene.forget()


class MovedTest(hmc.HmcCase):
    """An operator has moved the LPAR to another system of the HMC."""

    PLATFORM = platforms.HMC_POOL

    def move(self, server):
        """Do what the HMC does, as far as it matters here: the new LPAR."""
        lpar, (here, there) = self.scene.lpar(), self.cloud.site.hosts[1:]
        here.operator.delete_partition(lpar.name)
        return there.operator.create_partition(lpar.name, uuid=lpar.uuid,
                                               running=True)

    def test_moved(self):
        server = self.scene.create(host=HERE)
        self.api.attach_port(server, ops.PORT)
        disks = set(view.own_disks(self.simulated, server.uuid))
        moved = self.move(server)
        self.before = self.others()
        self.assertIsInstance(self.api.detach_port(server, ops.PORT),
                              nova_exc.InterfaceDetachFailed)
        self.assertIn('The HMC has the LPAR on', self.logger.output)
        for act in (self.api.stop, self.api.delete,
                    lambda found: self.api.reboot(found, hard=True),
                    self.api.delete):
            act(server)
            self.assertIn(
                'The HMC has the LPAR on %s' % moved.host.system.name,
                str(self.cloud.failures[-1]))
            self.assertTrue(moved.is_on)
            self.assertNotEqual('gone', server.status)
        self.assertLessEqual(disks, {
            unit.name for tier in self.cloud.site.pools[0].tiers
            for unit in tier.units})
        moved.host.operator.delete_partition(moved.name)
        self.before = self.others()
        self.assertIsNone(self.api.delete(server))
        self.assertEqual('gone', server.status)
        self.scene.forget()
        self.check_others()


class ThreeComputesTest(hmc.HmcCase):
    """Three computes on one machine, with one HMC."""

    PLATFORM = platforms.HMC_GROUP

    def test_restart(self):
        """A restart leaves alone what the other two have."""
        servers = [self.api.create(number, host='compute%d' % number)
                   for number in (1, 2, 3)]
        for server in servers:
            self.assertEqual('active', server.status,
                             self.cloud.failures[-1:])
        self.check_nodes()
        self.before = self.others()
        self.cloud.kill(HERE)
        self.cloud.start(HERE)
        self.check_others()
        for number, server in enumerate(servers, 1):
            with self.cloud.on('compute%d' % number):
                found = self.cloud.compute(
                    'compute%d' % number).driver.list_instance_uuids()
            self.assertEqual([server.uuid], found)
        for server in servers:
            self.api.delete(server)
            self.assertEqual('gone', server.status)
            self.cloud.forget(server)

    def test_at_once(self):
        """Each makes a server; they share the HMC, and nothing else."""
        self._take_turns_in_the_database()
        # The options that differ are read at the start only.
        self.patch(self.cloud, 'on', lambda _name: contextlib.nullcontext())
        with futures.ThreadPoolExecutor(3) as pool:
            servers = list(pool.map(
                lambda number: self.api.create(
                    number, host='compute%d' % number), (1, 2, 3)))
        for number, (server, host) in enumerate(
                zip(servers, self.cloud.site.hosts), 1):
            self.assertEqual(('active', 'compute%d' % number), (
                server.status, server.host), self.cloud.failures)
            self.assertEqual([host], [
                found for found in self.cloud.site.hosts
                if view.is_on(view.partition_of(found, server.uuid))])
            self.assertEqual(['b_'], [
                name[:2] for name in view.own_disks(host, server.uuid)])
        with futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(self.api.delete, servers))
        for server in servers:
            self.assertEqual('gone', server.status, self.cloud.failures)
            self.cloud.forget(server)

    def _take_turns_in_the_database(self):
        """SQLite refuses to write what another one has written meanwhile."""
        def begin(_connection, _cursor, statement, parameters, *_args):
            return {'BEGIN': 'BEGIN IMMEDIATE'}.get(
                statement, statement), parameters

        place = main_db_api.get_engine(), 'before_cursor_execute', begin
        sqlalchemy.event.listen(*place, retval=True)
        self.addCleanup(sqlalchemy.event.remove, *place)

    def check_nodes(self):
        """Nova has three computes, each with one node."""
        nodes = objects.ComputeNodeList.get_all(self.cloud.context)
        self.assertEqual(3, len({node.uuid for node in nodes}))
        self.assertEqual(
            [('compute%d' % number,) * 2 for number in (1, 2, 3)],
            sorted((node.host, node.hypervisor_hostname) for node in nodes))


class ThreeComputesPoolTest(ThreeComputesTest):
    """Their disks are in one pool, which gets the image once."""

    PLATFORM = platforms.HMC_POOL
