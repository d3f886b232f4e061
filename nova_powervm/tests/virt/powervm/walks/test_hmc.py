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

from nova_powervm.simulator import fingerprint
from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import scene as walk_scene
from nova_powervm.tests.virt.powervm.walks import view

HERE, THERE = 'compute2', 'compute3'
_ROOT_FEEDS = ('/rest/api/uom/LogicalPartition',
               '/rest/api/uom/VirtualIOServer')
#: How many requests more than a NovaLink an HMC may cost.
MORE = 2
_STRANGER = '01234567-89AB-4000-8000-000000000001'
#: Several systems show them; they belong to none.
_SHARED = ('Cluster', 'LogicalUnit', 'SharedStoragePool', 'Tier')


class HmcCase(case.DriverCase):
    """A test with a server on the second of three systems.

    The first one has what a careless driver would take for its own: an LPAR
    with a disk and a medium of names like those of Nova's servers.

    :cvar FIRST: dict, how the server is made
    :cvar COUNTS: dict of operation -> requests that it needs with a NovaLink
    """

    FIRST = {}
    COUNTS = {}

    def setUp(self):
        super().setUp()
        self.api = self.scene.api
        self.simulated = self.cloud.host_of(HERE)
        self._make_strangers()
        self.journal = self.simulated.journal
        self.journal.clear()
        self.before = self.others()

    def _make_strangers(self):
        host = self.cloud.site.hosts[0]
        if not host.store.find('LogicalPartition', _STRANGER):
            disk = {'vios': 'vios1', 'volume_group': 'datavg',
                    'name': 'b_stranger_0000', 'size_bytes': 1024 ** 3}
            medium = {'vios': 'vios1', 'name': 'cfg_stranger_0000.iso',
                      'content': b'iso'}
            host.operator.create_partition('stranger', disk, medium,
                                           uuid=_STRANGER)

    def others(self):
        """All that belongs to the other systems: dict, see fingerprint."""
        names = {host.name for host in self.cloud.site.hosts
                 if host is not self.simulated}
        return {
            path: found for path, found in
            self.cloud.site.fingerprint().items()
            if path.split('/')[0] in names and (
                path.count('/') == 0 or path.split('/')[1] not in _SHARED)}

    def check_others(self):
        self.assertEqual([], fingerprint.differences(self.before,
                                                     self.others()))
        self.assertEqual([], [
            record for record in self.journal.records()
            if record['path'] in _ROOT_FEEDS])
        self.scene.check_always()

    def create(self):
        server = self.scene.create(host=HERE, **self.FIRST)
        self.assertEqual('active', server.status, self.cloud.failures[-1:])
        self.scene.write()
        return server

    def do(self, act, status='active', name=None):
        """Have a user do something, and look what has become of it.

        :param name: str, its key in COUNTS
        """
        self.scene.begin()
        already = len(self._requests())
        failure = act(self.scene.server)
        self.assertIsNone(failure)
        self.assertEqual(status, self.scene.status,
                         self.cloud.failures[-1:])
        if name is not None:
            sent = self._requests()[already:]
            self.assertLessEqual(len(sent), self.COUNTS[name] + MORE,
                                 (name, sent))
        self.check_others()

    def _requests(self):
        """What was sent, without the polls for events."""
        return ['%s %s' % (record['method'], record['path'])
                for record in self.journal.records()
                if not record['path'].endswith('/Event')]

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

    def live(self):
        """What all servers have in common."""
        self.do(self.api.stop, 'stopped', name='stop')
        self.do(self.api.start, name='start')
        self.do(lambda server: self.api.reboot(server, hard=True),
                name='hard reboot')
        self.do(lambda server: self.api.attach_port(server, ops.PORT),
                name='attach port')
        self.do(lambda server: self.api.detach_port(server, ops.PORT),
                name='detach port')
        self.do(lambda server: self.api.resize(server, walk_scene.WIDE),
                'resized', name='resize')
        self.do(self.api.confirm, name='confirm')
        self.scene.check_bytes()
        self.cloud.run_periodic_tasks()
        self.cloud.restart(HERE)
        self.check_others()
        self.do(self.api.rescue, 'rescued', name='rescue')
        self.do(self.api.unrescue, name='unrescue')

    def stay(self):
        """A server cannot leave its system."""
        self.scene.write()
        self.refused(lambda server: self.api.resize(server, host=THERE),
                     'cannot move a server between two systems')
        self.refused(lambda server: self.api.live_migrate(server, THERE),
                     'an HMC manages host')

    def delete(self):
        self.do(self.api.delete, 'gone', name='delete')
        self.scene.forget()
        self.cloud.run_periodic_tasks()
        self.check_others()


class PoolTest(HmcCase):
    PLATFORM = platforms.HMC_POOL
    # An HMC is also asked for the networks and the LPAR in a rebuild.
    COUNTS = {
        'stop': 5, 'start': 2, 'hard reboot': 10, 'attach port': 3,
        'detach port': 3, 'resize': 7, 'confirm': 0, 'rescue': 18,
        'unrescue': 8, 'rebuild': 30 + 2, 'delete': 11}

    def test_life(self):
        self.create()
        self.live()
        self.do(self.api.rebuild, name='rebuild')
        self.stay()
        self.refused(lambda server: self.api.snapshot(server)[0],
                     'there is no management partition')
        self.delete()
        self.cloud.restart(HERE)

    def test_evacuation(self):
        """The LPAR of a host that is down keeps its UUID on the HMC."""
        self.create()
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
        self.delete()


class VolumesTest(HmcCase):
    """It boots from a volume, on a host with a volume group."""

    PLATFORM = platforms.HMC_VSCSI
    FIRST = {'volumes': (1, 2), 'boots': True}
    # Two threads may read the form of CLIRunner, once.
    COUNTS = {
        'stop': 5, 'start': 2, 'hard reboot': 13, 'attach port': 3,
        'detach port': 3, 'resize': 27 + 1, 'confirm': 0, 'rescue': 18,
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
        for vios in self.simulated.store.all('VirtualIOServer'):
            self.assertEqual([], [name for name, hdisk in
                                  vios.volumes.items()
                                  if hdisk.group is None])


class ThreeComputesTest(HmcCase):
    """Three computes on one machine, with one HMC."""

    PLATFORM = platforms.HMC_GROUP

    def test_restart(self):
        """A restart leaves alone what the other two have."""
        servers = [self.api.create(number, host='compute%d' % number)
                   for number in (1, 2, 3)]
        for server in servers:
            self.assertEqual('active', server.status,
                             self.cloud.failures[-1:])
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
