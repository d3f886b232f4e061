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

"""Running servers with adapters on the fabrics (NPIV) move."""

from nova_powervm import conf as cfg
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import live_volumes
from nova_powervm.tests.virt.powervm.scenarios import volumes

CONF = cfg.CONF


class NpivTest(live_volumes.LiveNpivMixin, base.ScenarioCase):

    def test_there_and_back(self):
        server = self.boot_on_first()
        self.lun(3).disk.write_at(volumes.MIB, b'written')
        booted = self.lpar_on(server, 'compute1').boot_time
        pairs = self.pairs_of(server)
        for host in ('compute2', 'compute1', 'compute2'):
            self.live_migrate(server)
            self.assert_runs_on(server, host, booted)
            for fabric, pair in self.pairs_of(server).items():
                self.assertEqual(list(reversed(pairs[fabric])), pair)
            pairs = self.pairs_of(server)
            self.assertEqual(
                {pair[0].upper() for pair in pairs.values()},
                {wwpn.upper() for wwpn in self.lun(3).exports})
        self.assertEqual(
            b'written', self.lun(3).disk.read(volumes.MIB, 7))
        self.assert_source_is_clean()
        self.assert_gone(server)

    def test_operations_after_it(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.where = 'compute2'
        self.assertTrue(self.attach(server, 4))
        self.assert_sees(server, 1, 3, 4)
        self.assertTrue(self.detach(server, 4))
        self.reboot(server, hard=True)
        self.assert_runs_on(server, 'compute2')
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute1')
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.assert_runs_on(server, 'compute2')
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute1')
        self.assert_gone(server)

    def test_restart_after_it(self):
        """The start of the hosts takes nothing for left over."""
        server = self.boot_on_first()
        self.live_migrate(server)
        for host in ('compute1', 'compute2'):
            self.restart(host)
        self.cloud.run_periodic_tasks()
        self.assert_runs_on(server, 'compute2')
        self.assert_gone(server)


class DiskTest(platforms.SharedPool, live_volumes.LiveNpivMixin,
               base.ScenarioCase):
    """A disk in a pool, and adapters for volumes."""

    PROFILE = 'live-migration'
    STORAGE_OF_SERVER = ['b_', 'b_', 'cf']
    BOOTS = False
    MADE_WITH = (3,)

    def test_there_and_back(self):
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        for host in ('compute2', 'compute1'):
            self.live_migrate(server)
            self.assert_runs_on(server, host, booted)
        self.assert_gone(server)

    def test_without_volumes(self):
        """Its adapters move, for the volumes to come."""
        server = self.boot_on_first()
        self.assertTrue(self.detach(server, 3))
        self.MADE_WITH = ()
        for host in ('compute2', 'compute1', 'compute2'):
            self.live_migrate(server)
            self.assert_runs_on(server, host)
        self.assertTrue(self.attach(server, 3))
        self.MADE_WITH = (3,)
        self.assert_runs_on(server, 'compute2')
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute1')
        self.assert_gone(server)


class OneFabricTest(live_volumes.LiveNpivMixin, base.ScenarioCase):
    """Two adapters in one fabric."""

    PORTS = {'A': live_volumes.LiveNpivMixin.PORTS['A']}
    OPTIONS = {'shelved_offload_time': 0}

    @classmethod
    def prepare(cls, cloud):
        super().prepare(cloud)
        CONF.set_override('ports_per_fabric', 2, 'powervm')

    def pairs_of(self, server):
        words = self.metadata_of(server)['npiv_adpt_wwpns_A'].split(',')
        return {'A%d' % number: words[number * 3 + 1:number * 3 + 3]
                for number in range(len(words) // 3)}

    def assert_whole(self, server):
        live_volumes.LiveVolumeMixin.assert_whole(self, server)

    def test_there_and_back(self):
        server = self.boot_on_first()
        pairs = self.pairs_of(server)
        self.assertEqual(2, len(pairs))
        for host in ('compute2', 'compute1'):
            self.live_migrate(server)
            self.assert_runs_on(server, host)
            self.assertEqual(2, len({
                adapter[0] for adapter in self.adapters_of(server)}))
        self.assertEqual(pairs, self.pairs_of(server))
        self.assert_gone(server)


class BudgetTest(live_volumes.LiveNpivMixin, base.ScenarioCase):
    """How many requests it takes, over both hosts."""

    OPTIONS = {'force_config_drive': False, 'shelved_offload_time': 0}
    STORAGE_OF_SERVER = []

    def test_volumes(self):
        server = self.boot_on_first()
        for _time in range(4):
            _none, requests = self.requests_of_both(self.live_migrate, server)
        self.assert_runs_on(server, 'compute1')
        self.assert_within(self.BUDGET, requests)


class RefusedTest(live_volumes.LiveNpivMixin, base.ScenarioCase):
    """The server stays, with its WWPNs and its places on the array."""

    def check_stays(self, reason, server=None, status='failed'):
        server = server or self.boot_on_first()
        before = (self.platform_state(),
                  self.lpar_on(server, 'compute1').boot_time)
        kept = self.metadata_of(server)
        self.live_migrate(server)
        self.assert_stayed(server, before, status)
        self.assertEqual(kept, self.metadata_of(server))
        self.assertIn(reason, self.fault_of(server) + self.logger.output)
        return server

    def test_copy_fails(self):
        self.break_migration('copy')
        self.assert_moves_again(self.check_stays('the mover has failed'))

    def test_second_wwpn_is_not_zoned(self):
        server = self.boot_on_first()
        second = [pair[1] for pair in self.pairs_of(server).values()]
        with self.site.lock:
            self.lun(3).set_fault('not_exported', second)
        self.live_migrate(server)
        self.assertIn('HSCLA319', self.logger.output)
        with self.site.lock:
            self.lun(3).clear_faults()
        self.assert_runs_on(server, 'compute1')
        self.assertEqual('failed', self.migration_of(server).status)
        self.assert_moves_again(server)

    def test_other_luns(self):
        """The array gives the second WWPN the lowest LUNs that are free.

        A cold migration gives both the same again.
        """
        server = self.boot_on_first(numbers=(1, 2, 3))
        self.assertTrue(self.detach(server, 2))
        self.check_stays('HSCLA319', server)
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.assert_runs_on(server, 'compute2')
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute1')
        self.assert_gone(server)

    def test_no_port_is_free(self):
        server = self.boot_on_first()
        ports = [port for vios in self.simulated_host('compute2').store.all(
            'VirtualIOServer') for port in vios.fc_ports]
        with self.site.lock:
            for port in ports:
                self.site.san.set_port(port.wwpn, False)
        self.check_stays('fabric_A_port_wwpns', server)
        with self.site.lock:
            for port in ports:
                self.site.san.set_port(port.wwpn, True)
        self.assert_moves_again(server)


class BothWaysTest(live_volumes.LiveNpivMixin, base.ScenarioCase):
    """A server has a volume by virtual SCSI, and one through NPIV."""

    STRATEGY = 'vscsi'
    STORAGE_OF_SERVER = ['cf', 'hd', 'hd', 'hd', 'hd']

    def boot_on_first(self, **kwargs):
        """Make what an earlier version left when its option was changed."""
        server = live_volumes.LiveVolumeMixin.boot_on_first(self)
        instance = self.instance_of(server)
        for key in list(instance.system_metadata):
            if key.startswith('powervm_volume_'):
                del instance.system_metadata[key]
        instance.save()
        self.flags(group='powervm', fc_attach_strategy='npiv')
        self.assertTrue(self.attach(server, 4))
        return server

    def assert_whole(self, server):
        transports = {(disk.volume, disk.transport)
                      for disk in self.disks_of(server)}
        self.assertEqual({(volumes.VOLUME % 1, 'vscsi'),
                          (volumes.VOLUME % 3, 'vscsi'),
                          (volumes.VOLUME % 4, 'npiv')}, transports)

    def test_is_refused(self):
        """Nothing is exported to the wrong WWPNs; a detachment helps."""
        server, before = self.boot_and_look()
        self.live_migrate(server)
        self.assert_stayed(server, before, 'error')
        self.assertIn('has volumes by different ways (npiv, vscsi)',
                      self.fault_of(server))
        self.assertTrue(self.detach(server, 4))
        # It records how the server has the others.
        self.reboot(server, hard=True)
        self.live_migrate(server)
        self.assertEqual('compute2', self.host_of(server))
        self.where = 'compute2'
        self.assertEqual({volumes.VOLUME % 1, volumes.VOLUME % 3},
                         set(self.luas_of(server)))
        self.assert_gone(server)


class EndTest(live_migration.SourceEndMixin, live_volumes.LiveNpivMixin,
              base.ScenarioCase):
    """nova-compute of the source ends."""

    def test_target_does_not_answer_in_the_end(self):
        """The WWPNs are right all the same; the ports are a wish only."""
        server = self.boot_on_first()
        first = {pair[0] for pair in self.pairs_of(server).values()}
        self.hold(server, 'cleanup')

        def break_target():
            self.simulated_host('compute2').faults.add({
                'method': 'GET', 'path': '/VirtualIOServer', 'count': 0,
                'effect': 'status', 'status': 500})
            self.release(server)

        self.meanwhile(*[None] * 40, break_target)
        self.live_migrate(server)
        self.simulated_host('compute2').faults.clear()
        self.assertEqual(first, {
            pair[1] for pair in self.pairs_of(server).values()})
        self.where = 'compute2'
        self.assertTrue(self.attach(server, 4))
        self.assert_sees(server, 1, 3, 4)
