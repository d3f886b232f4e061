# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What other clients of an HMC use, and what it shows to whom."""

import queue
import threading
import time
import types

import fixtures
from pypowervm import adapter as pvm_adapter
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import cna as pvm_cna
from pypowervm.wrappers import job as pvm_job
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import management_console as pvm_mc
from pypowervm.wrappers import shared_proc_pool as pvm_spp
from pypowervm.wrappers import virtual_io_server as pvm_vios
import testtools

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import hmc_base
from nova_powervm.tests.simulator import storage_base

_UOM = '/rest/api/uom/'


class ClientCase(hmc_base.HmcTestCase):

    def setUp(self):
        super().setUp()
        self.client = self.useFixture(powervm_fixtures.Client(self.one))
        self.system = 'ManagedSystem/' + self.two.system.uuid

    def get(self, path, status=200):
        reply = self.client.get(_UOM + path)
        self.assertEqual(status, reply.status, path)
        return reply


class QuickTest(ClientCase):
    """Quick properties of all objects of a type."""

    def test_systems(self):
        self.assertEqual(
            [host.system.uuid for host in self.site.hosts],
            [found['UUID'] for found in
             self.get('ManagedSystem/quick/All').json])

    def test_partitions(self):
        all_of = self.get('LogicalPartition/quick/All').json
        [ours] = self.get(self.system + '/LogicalPartition/quick/All').json
        self.assertEqual(3, len(all_of))
        self.assertIn(ours, all_of)
        lpar, = self.two.store.all('LogicalPartition')
        self.assertEqual(('aix1', 3, lpar.uuid), (
            ours['PartitionName'], ours['PartitionID'], ours['UUID']))
        self.assertEqual(ours, self.get(
            '%s/LogicalPartition/%s/quick/All' % (
                self.system, lpar.uuid)).json)

    def test_vioses(self):
        self.assertEqual(
            ['vios1', 'vios2'], [found['PartitionName'] for found in self.get(
                self.system + '/VirtualIOServer/quick/All').json])

    def test_none(self):
        self.two.operator.delete_partition('aix1')
        self.get(self.system + '/LogicalPartition/quick/All', 204)

    def test_no_properties(self):
        self.get('Cluster/quick/All', 404)
        self.get(self.system + '/VirtualSwitch/quick/All', 404)
        self.get('LogicalPartition/quick', 404)


class SearchTest(ClientCase):

    def test_system(self):
        path = "ManagedSystem/search/(SystemName%%s'%s')" % (
            self.two.system.name.replace(' ', '%20'))
        for operator, hosts in (('==', [self.two]),
                                ('!=', [self.one, self.three])):
            found = pvm_ms.System.wrap(self.adapter.read_by_path(
                _UOM + path % operator))
            self.assertEqual([host.system.uuid for host in hosts],
                             [system.uuid for system in found])
        self.get("ManagedSystem/search/(SystemName=='none')", 204)

    def test_below_a_system(self):
        found = pvm_lpar.LPAR.wrap(self.adapter.read_by_path(
            _UOM + self.system +
            "/LogicalPartition/search/(PartitionName=='aix1')"))
        self.assertEqual([self.two.store.all('LogicalPartition')[0].uuid],
                         [lpar.uuid for lpar in found])


class RoleTest(ClientCase):
    """The resource role of a user shows the second system only."""

    CONSOLE = {'users': [
        {'name': 'two', 'password': 'secret', 'hosts': ['server2']}]}

    def setUp(self):
        super().setUp()
        self.client.logon('two', 'secret')
        self.adapter = self.useFixture(powervm_fixtures.Adapter(
            self.one, 'two', 'secret')).adapter

    def test_systems(self):
        system, = pvm_ms.System.get(self.adapter)
        self.assertEqual(self.two.system.uuid, system.uuid)
        console, = pvm_mc.ManagementConsole.get(self.adapter)
        [href] = console.get_href('ManagedSystems/link')
        self.assertEqual(self.two.system.uuid, href.rpartition('/')[2])
        [found] = self.get('ManagedSystem/quick/All').json
        self.assertEqual(self.two.system.uuid, found['UUID'])

    def test_partitions(self):
        lpar, = pvm_lpar.LPAR.get(self.adapter)
        self.assertEqual(self.two.system.uuid, lpar.assoc_sys_uuid)
        self.assertEqual(2, len(pvm_vios.VIOS.get(self.adapter, xag=[])))
        theirs, = self.one.store.all('LogicalPartition')
        self.get('LogicalPartition/' + theirs.uuid, 404)
        self.get('ManagedSystem/%s/LogicalPartition' % self.one.system.uuid,
                 404)
        self.assertEqual(
            1, len(pvm_lpar.LPAR.search(self.adapter, name='aix1')))

    def test_two_of_one_uuid(self):
        """The user sees one of them, so the URL is clear."""
        for host in (self.one, self.two):
            self.make_lpar(host, uuid=hmc_base.UUID)
        self.get('LogicalPartition/' + hmc_base.UUID)
        self.client.logon()
        self.get('LogicalPartition/' + hmc_base.UUID, 409)

    def test_events(self):
        storage_base.raw_events(self.adapter, 'app')
        for host in (self.one, self.two):
            host.operator.create_partition('new', uuid=hmc_base.UUID)
        self.assertEqual({self.two.system.uuid}, {
            event['EventData'].partition('ManagedSystem/')[2][:36]
            for event in storage_base.raw_events(self.adapter, 'app')})

    def test_others_see_all(self):
        self.client.logon()
        self.assertEqual(3, len(self.get('ManagedSystem/quick/All').json))

    def test_wrong_password(self):
        for user, password in (('two', 'abc123'), ('neo', 'secret'),
                               ('nobody', 'secret')):
            self.assertRaises(pvm_exc.HttpUnauth, pvm_adapter.Session,
                              '127.0.0.1', user, password, protocol='http',
                              port=self.one.port)


class LoadTest(ClientCase):
    """An HMC takes its time, and answers only so many requests at once."""

    def setUp(self):
        super().setUp()
        self.waited = []
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.simulator.app.time', types.SimpleNamespace(
                monotonic=time.monotonic, sleep=self.waited.append)))

    def test_latency(self):
        self.site.timing.update(request_seconds=5, request_seconds_more=2)
        for _number in range(20):
            self.get('ManagedSystem')
        self.assertEqual(20, len(set(self.waited)))
        self.assertTrue(all(5 <= seconds < 7 for seconds in self.waited))

    def test_at_once(self):
        self.site.timing['requests_at_once'] = 2
        began, go_on = queue.Queue(), threading.Event()
        self.addCleanup(go_on.set)
        self.endpoint.faults.add(
            {'path': 'ManagedSystem', 'count': 0},
            lambda *_args: (began.put(None), go_on.wait(30)))
        threads = [threading.Thread(target=self.get, args=['ManagedSystem'])
                   for _number in range(4)]
        for thread in threads:
            thread.start()
        for _number in range(2):
            began.get(timeout=30)
        # A poll for events has no turn to wait for.
        storage_base.raw_events(self.adapter, 'app')
        self.assertTrue(began.empty())
        go_on.set()
        for thread in threads:
            thread.join()
        self.assertEqual(2, began.qsize())


class ProfileTest(testtools.TestCase):

    def test_users(self):
        for user, reason in (
                ("{name: neo, password: x, hosts: [one]}",
                 'two users have the name neo'),
                ("{name: a, password: x, hosts: [two]}",
                 'the HMC does not manage a host two')):
            exc = self.assertRaises(
                sim_profile.ProfileError, sim_profile.parse,
                'name: x\nhosts: [{name: one}]\n'
                'console: {kind: hmc, users: [%s]}\n' % user)
            self.assertIn(reason, str(exc))


class MasterTest(ClientCase):
    """Another console is the master of the second system."""

    def setUp(self):
        super().setUp()
        self.lpar, = pvm_lpar.LPAR.get(
            self.adapter, parent_type=pvm_ms.System,
            parent_uuid=self.two.system.uuid)
        self.vios = pvm_vios.VIOS.get(
            self.adapter, xag=[], parent_type=pvm_ms.System,
            parent_uuid=self.two.system.uuid)[0]
        self.two.system.spec['master'] = False
        self.two.system.touch()

    def refuse(self, function, *args, **kwargs):
        self.refused(400, 'Another management console is the master of ' +
                     self.two.system.name, function, *args, **kwargs)

    def test_document(self):
        for host in self.site.hosts:
            system = pvm_ms.System.get(self.adapter, uuid=host.system.uuid)
            is_ours = host is not self.two
            self.assertEqual(
                (is_ours, is_ours, not is_ours),
                (system.session_is_master,
                 system._get_val_bool('IsHMCPowerVMManagementMaster'),
                 system._get_val_bool(
                     'IsManagementPartitionPowerVMManagementMaster')))

    def test_writes(self):
        self.refuse(self.lpar.update)
        self.refuse(self.lpar.delete)
        self.refuse(self.vios.update)
        self.refuse(pvm_cna.crt_cna, self.adapter, None, self.lpar.uuid, 1,
                    vswitch='ETHERNET0')
        self.refuse(pvm_lpar.LPAR.bld(
            self.adapter, 'new', self.lpar.mem_config,
            self.lpar.proc_config).create, parent_type=pvm_ms.System,
            parent_uuid=self.two.system.uuid)
        pool = pvm_spp.SharedProcPool.get(
            self.adapter, parent_type=pvm_ms.System,
            parent_uuid=self.two.system.uuid)[0]
        self.refuse(pool.update)

    def test_job(self):
        job = pvm_job.Job.wrap(self.adapter.read(
            'LogicalPartition', self.lpar.uuid, suffix_type='do',
            suffix_parm='PowerOn'))
        exc = self.assertRaises(pvm_exc.JobRequestFailed, job.run_job,
                                self.lpar.uuid)
        self.assertIn('is the master of ' + self.two.system.name, str(exc))

    def test_other_systems(self):
        lpar, = pvm_lpar.LPAR.get(
            self.adapter, parent_type=pvm_ms.System,
            parent_uuid=self.one.system.uuid)
        lpar.name = 'renamed'
        self.assertEqual('renamed', lpar.update().name)
