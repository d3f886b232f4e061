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

"""A simulated HMC: several servers behind one REST server."""

import io
import re

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import hdisk
from pypowervm.tasks import partition as pvm_partition
from pypowervm.tasks import storage as pvm_storage
from pypowervm.wrappers import cluster as pvm_cluster
from pypowervm.wrappers import event as pvm_event
from pypowervm.wrappers import job as pvm_job
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import management_console as pvm_mc
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import vios_file
from pypowervm.wrappers import virtual_io_server as pvm_vios
import testtools

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import fc_base
from nova_powervm.tests.simulator import fidelity
from nova_powervm.tests.simulator import hmc_base
from nova_powervm.tests.simulator import storage_base
from nova_powervm.tests.simulator import test_fidelity_partition
from nova_powervm.tests import tree

_UOM = '/rest/api/uom/'


class TestSession(hmc_base.HmcTestCase):

    def test_traits(self):
        traits = self.adapter.traits
        self.assertEqual('HMC', self.adapter.session.mc_type)
        self.assertEqual(
            (True, False, False, False),
            (traits.vnet_aware, traits.has_high_slot,
             traits.rmdev_job_available, traits.local_api))

    def test_no_file(self):
        client = self.useFixture(powervm_fixtures.Client(self.one))
        reply = client.request('PUT', '/rest/api/web/Logon', (
            '<LogonRequest><UserID>neo</UserID><GenerateX-API-SessionFile>'
            'true</GenerateX-API-SessionFile></LogonRequest>'))
        self.assertEqual(400, reply.status)

    def test_one_session_for_all(self):
        self.assertEqual(1, len(self.endpoint.sessions.state()))
        for host in self.site.hosts:
            self.assertEqual([], host.state()['sessions'])
            self.assertEqual(self.endpoint.port, host.port)


class TestKnobs(hmc_base.HmcTestCase):

    CONSOLE = {'tells_type': False, 'expired_status': 403,
               'new_client': False}

    def test_no_type(self):
        """pypowervm takes a server that does not tell for an HMC."""
        client = self.useFixture(powervm_fixtures.Client(self.one))
        reply = client.get(_UOM + 'ManagedSystem')
        self.assertNotIn('X-MC-Type', reply.headers)
        self.assertEqual('HMC', self.adapter.session.mc_type)

    def test_expired_token(self):
        self.endpoint.sessions.expire_all()
        exc = self.assertRaises(pvm_exc.HttpError, pvm_ms.System.get,
                                self.adapter)
        self.assertEqual(403, exc.response.status)

    def test_no_new_client(self):
        self.assertRaises(
            ValueError, self.adapter.session.get_event_listener)


class TestObjects(hmc_base.HmcTestCase):

    def names(self, wrappers):
        return [wrapper.name for wrapper in wrappers]

    def test_feeds(self):
        systems = pvm_ms.System.get(self.adapter)
        self.assertEqual([host.system.uuid for host in self.site.hosts],
                         [system.uuid for system in systems])
        self.assertEqual(['aix1'] * 3,
                         self.names(pvm_lpar.LPAR.get(self.adapter)))
        self.assertEqual(['vios1', 'vios2'] * 3,
                         self.names(pvm_vios.VIOS.get(self.adapter, xag=[])))
        for host in self.site.hosts:
            vioses = pvm_vios.VIOS.get(
                self.adapter, xag=[], parent_type=pvm_ms.System,
                parent_uuid=host.system.uuid)
            self.assertEqual([1, 2], [vios.id for vios in vioses])
            self.assertEqual({host.system.uuid},
                             {vios.assoc_sys_uuid for vios in vioses})

    def test_search(self):
        self.assertEqual(3, len(pvm_lpar.LPAR.search(self.adapter, id=3)))

    def test_no_management_partition(self):
        self.assertRaises(pvm_exc.ManagementPartitionNotFoundException,
                          pvm_partition.get_mgmt_partition, self.adapter)

    def test_wrong_system(self):
        lpar = self.one.store.all('LogicalPartition')[0]
        self.refused(404, 'There is no LogicalPartition', self.adapter.read,
                     'ManagedSystem', self.two.system.uuid,
                     'LogicalPartition', lpar.uuid)

    def test_one_uuid_on_two_systems(self):
        mine = self.make_lpar(self.one, uuid=hmc_base.UUID)
        other = self.make_lpar(self.two, uuid=hmc_base.UUID)
        for what in (lambda: pvm_lpar.LPAR.get(self.adapter,
                                               uuid=hmc_base.UUID),
                     lambda: self.adapter.delete('LogicalPartition',
                                                 hmc_base.UUID),
                     lambda: self.adapter.read(
                         'LogicalPartition', hmc_base.UUID, suffix_type='do',
                         suffix_parm='PowerOn')):
            self.refused(409, mine.href(), what)
        self.adapter.delete_by_href(other.href())
        self.assertEqual(mine.uuid, pvm_lpar.LPAR.get(
            self.adapter, uuid=hmc_base.UUID).uuid)

    def test_new_partition_belongs_to_a_system(self):
        wrapper = pvm_lpar.LPAR.get(self.adapter)[0]
        self.refused(400, 'must name the managed system', wrapper.create)

    def test_console(self):
        console, = pvm_mc.ManagementConsole.get(self.adapter)
        self.assertEqual(('hmc1', None), (console.name,
                                          console.ssh_public_key))
        client = self.useFixture(powervm_fixtures.Client(self.one))
        links = client.get(_UOM + 'ManagementConsole').xml.findall(
            './/{*}ManagedSystems/{*}link')
        self.assertEqual(3, len(links))
        for link, host in zip(links, self.site.hosts):
            reply = client.get(link.get('href')[len(self.one.base_url):])
            self.assertIn(host.system.name.encode(), reply.body)

    def test_uploads(self):
        vios = self.two.store.all('VirtualIOServer')[0]
        pvm_storage.upload_vopt(self.adapter, vios.uuid,
                                io.BytesIO(b'iso'), 'cfg.iso')
        self.assertEqual(['cfg.iso'], list(vios.repository.media))
        for host in self.site.hosts:
            vios_file.File.bld(
                self.adapter, 'other.iso', vios_file.FileType.MEDIA_ISO,
                host.store.all('VirtualIOServer')[0].uuid, f_size=3).create()
            self.assertEqual(1, len(host.store.all('File')))
        self.assertEqual(3, len(vios_file.File.get(
            self.adapter, service='web')))

    def test_pool(self):
        """The pool is one, with a node link for each VIOS of the HMC."""
        cluster, = pvm_cluster.Cluster.get(self.adapter)
        self.assertEqual(6, len([node for node in cluster.nodes
                                 if node.vios_uri]))
        ssp = pvm_stor.SSP.get_by_href(self.adapter, cluster.ssp_uri)
        tier = pvm_stor.Tier.search(self.adapter, parent=ssp, name='SYSTEM',
                                    one_result=True)
        pvm_storage.crt_lu(tier, 'boot_1', 1)
        units = pvm_stor.LUEnt.search(self.adapter, parent=tier,
                                      name='boot_1')
        self.assertEqual(1, len(units))
        # None of the first server's VIOSes is needed.
        with self.site.lock:
            for vios in self.one.store.all('VirtualIOServer'):
                vios.halted()
        units[0].delete()
        self.assertEqual([], self.site.pools[0].units)

    def test_jobs(self):
        lpar = self.make_lpar(self.three)
        job = pvm_job.Job.wrap(self.adapter.read(
            'LogicalPartition', lpar.uuid, suffix_type='do',
            suffix_parm='PowerOn'))
        job.run_job(lpar.uuid)
        self.assertEqual('running', lpar.partition_state)

    def test_control(self):
        client = self.useFixture(powervm_fixtures.Client(self.one))
        for path, host in (('', self.one), ('/hosts/server2', self.two)):
            reply = client.request('POST', '/simulator%s/control' % path, (
                '{"action": "create_disk", "vios": "vios1", "name": "theirs",'
                ' "volume_group": "datavg", "size_bytes": 1048576}'))
            self.assertEqual(200, reply.status, reply.body)
            vios = host.store.all('VirtualIOServer')[0]
            self.assertEqual(['theirs'], list(vios.volume_groups[1].disks))
        self.assertEqual(404, client.get('/simulator/hosts/none').status)
        self.assertEqual([], self.three.store.all('VirtualIOServer')[
            0].state()['mappings'])

    def test_events(self):
        storage_base.raw_events(self.adapter, 'app')
        lpars = [self.make_lpar(host) for host in self.site.hosts]
        told = [event['EventData'] for event in
                storage_base.raw_events(self.adapter, 'app')]
        for lpar in lpars:
            self.assertIn(lpar.href(), told)
        self.refused(405, 'cannot be created', pvm_event.Event.bld(
            self.adapter, 'data', 'detail').create)


class TestDocuments(hmc_base.HmcTestCase):
    """Documents against the captures that come from an HMC."""

    CAPTURES = {
        # The others have elements that are newer.
        pvm_ms.System: ['managedsystem.txt', 'fake_managedsystem.txt',
                        'sys_with_sriov.txt'],
        pvm_mc.ManagementConsole: ['managementconsole.txt'],
        pvm_lpar.LPAR: ['fake_lpar_feed.txt', 'lpar.txt'],
    }

    def test_structure(self):
        for kind, captures in self.CAPTURES.items():
            elements = fidelity.capture_elements(kind.schema_type, *captures)
            for wrapper in kind.get(self.adapter):
                found = fidelity.compare_structure(
                    wrapper.entry.element.element, elements)
                self.assertEqual([], [
                    problem for problem in found if not any(
                        re.match(pattern, problem) for pattern in
                        test_fidelity_partition.ACCEPTED)])

    def test_partition(self):
        for kind in (pvm_lpar.LPAR, pvm_vios.VIOS):
            for wrapper in kind.get(self.adapter):
                self.assertTrue(wrapper.profile_sync)
                self.assertFalse(wrapper.is_mgmt_partition)
                self.assertIsNone(wrapper.element.find(
                    'IsManagementPartition'))
                for path in ('AssociatedPartitionProfile',
                             'PartitionProfiles/link'):
                    self.assertIn('/LogicalPartitionProfile/',
                                  wrapper.get_href(path, one_result=True))

    def test_profile_sync(self):
        lpar = pvm_lpar.LPAR.get(self.adapter)[0]
        lpar.profile_sync = False
        self.assertFalse(lpar.update().profile_sync)

    def test_links_of_the_system(self):
        for system, host in zip(pvm_ms.System.get(self.adapter),
                                self.site.hosts):
            self.assertEqual(
                [lpar.href() for lpar in host.store.all('LogicalPartition')],
                list(system.get_href('AssociatedLogicalPartitions/link')))
            self.assertTrue(system.session_is_master)


class TestHdisks(hmc_base.HmcTestCase):
    """There is no RemoveDevice; a command of the HMC removes an hdisk."""

    def setUp(self):
        super().setUp()
        with self.site.lock:
            self.site.san.create_volume('one', fc_base.GIB)
            wwpns = [port.wwpn for host in (self.one, self.two) for vios in
                     host.store.all('VirtualIOServer')
                     for port in vios.fc_ports]
            self.connection = self.site.san.export('one', wwpns)
        self.vioses = [host.store.all('VirtualIOServer')[0]
                       for host in (self.one, self.two)]
        for vios in self.vioses:
            self.name = self.discover(vios)

    def discover(self, vios):
        itls = [itl for port in vios.fc_ports for itl in hdisk.build_itls(
            [port.wwpn], self.connection['initiator_target_map'][port.wwpn],
            self.connection['target_lun'])]
        return hdisk.discover_hdisk(self.adapter, vios.uuid, itls)[1]

    def remove(self, system, vios):
        try:
            hdisk.remove_hdisk(self.adapter, system, self.name, vios.uuid)
        except TypeError:
            # pypowervm calls the status of the job, a str, at the end.
            pass

    def test_remove(self):
        theirs, ours = self.vioses
        self.remove(self.two.system.name, ours)
        self.assertNotIn(self.name, ours.volumes)
        self.assertIn(self.name, theirs.volumes)
        self.remove(self.one.system.mtms_of_commands, theirs)
        self.assertNotIn(self.name, theirs.volumes)

    def test_unknown_system(self):
        self.remove('compute1', self.vioses[0])
        self.assertIn(self.name, self.vioses[0].volumes)

    def test_no_remove_device(self):
        self.refused(404, 'no operation RemoveDevice', self.adapter.read,
                     'VirtualIOServer', self.vioses[0].uuid,
                     suffix_type='do', suffix_parm='RemoveDevice')

    def test_other_commands(self):
        job = pvm_job.Job.wrap(self.adapter.read(
            'ManagementConsole', None, suffix_type='do',
            suffix_parm='CLIRunner'))
        exc = self.assertRaises(
            pvm_exc.JobRequestFailed, job.run_job, None, job_parms=[
                job.create_job_parameter('cmd', 'lssyscfg -r sys'),
                job.create_job_parameter(
                    'acknowledgeThisAPIMayGoAwayInTheFuture', 'true')])
        self.assertIn('cannot be run here', str(exc))


class TestProfile(testtools.TestCase):

    def refused(self, text, change):
        with open(tree.path('nova_powervm', 'simulator', 'profiles',
                            'hmc.yaml')) as source:
            data = source.read()
        for before, after in change.items():
            self.assertIn(before, data)
            data = data.replace(before, after, 1)
        exc = self.assertRaises(sim_profile.ProfileError, sim_profile.parse,
                                data)
        self.assertIn(text, str(exc))

    def test_refusals(self):
        self.refused('an HMC manages the host: no', {
            '{name: aix1, id: 3}': '{name: aix1, id: 3, management: true}'})
        self.refused('has no port itself', {
            'name: server3': 'name: server3\n    port: 12081'})
        self.refused('there is no host server9', {
            'kind: hmc': 'kind: hmc\n  hosts: [server1, server9]'})
        self.refused('exactly one partition must have management', {
            'kind: hmc': 'kind: hmc\n  hosts: [server1, server2]'})
