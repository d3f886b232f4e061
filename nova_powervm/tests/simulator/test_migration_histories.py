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
"""Random migrations, with all that can happen to them.

Each seed is a history of its own: a failure names the seed, and the test of
that seed shows it again.
"""

import random

import testtools

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator import jobs
from nova_powervm.simulator.migration import record
from nova_powervm.simulator.resources import fc_mappings
from nova_powervm.simulator.resources import fibre_channel
from nova_powervm.simulator.resources import lpar as lpars
from nova_powervm.simulator.resources import partition
from nova_powervm.simulator import site as sim_site
from nova_powervm.tests import fixtures as powervm_fixtures

_JOB = ('<JobRequest><RequestedOperation><OperationName>%s</OperationName>'
        '</RequestedOperation><JobParameters>%s</JobParameters></JobRequest>')
_PARAMETER = ('<JobParameter><ParameterName>%s</ParameterName>'
              '<ParameterValue>%s</ParameterValue></JobParameter>')
_GIB = 1024 ** 3
_NAMES = ('vm1', 'vm2', 'vm3')


class History:
    """Random steps on a site without servers.

    :param seed: int
    """

    def __init__(self, seed):
        self.random = random.Random(seed)
        profile = powervm_fixtures.load_profile('live-migration')
        for phase in record.PHASES:
            profile['timing']['migration_%s_seconds' % phase] = (
                self.random.choice((0, 5)))
        self.site = sim_site.Site(profile)
        self.steps = []
        keys = [host.store.all('ManagementConsole')[0].public_key
                for host in self.site.hosts]
        for host in self.site.hosts:
            host.store.all('ManagementConsole')[0].authorized_keys = keys
        for name in _NAMES:
            self.make_lpar(name)

    def make_lpar(self, name):
        host = self.random.choice(self.site.hosts)
        with self.site.lock:
            lpar = lpars.from_spec(host, {
                'name': name, 'memory_mb': 1024, 'processors': 1,
                'units': 0.5, 'dedicated': False, 'management': False,
                'running': True, 'type': 'AIX/Linux', 'max_slots': 64,
                'adapters': [{'switch': 'ETHERNET0', 'vlan': 1}]})
            lpar.boot_time = self.site.clock.now()
        unit = host.operator.create_logical_unit('boot_' + name, _GIB)
        self.site.san.create_volume(name, _GIB)
        for vios in ('vios1', 'vios2'):
            host.operator.map_storage(vios, unit.udid, name)
            self.add_port(host.operator.vios(vios), lpar)

    def add_port(self, vios, lpar):
        """Give a partition a virtual port, and its volume."""
        with self.site.lock:
            mapping = fc_mappings.Mapping(
                vios, lpar, self.site.san.issue_wwpns(vios.host))
            vios.fc_mappings.append(mapping)
            mapping.move(vios.fc_ports[0])
            vios.host.add(fibre_channel.ClientAdapter(vios.host, mapping))
            self.site.san.export(lpar.name, mapping.wwpns)

    def places(self, name):
        """The partitions of a name, on all hosts."""
        return [lpar for host in self.site.hosts
                for lpar in host.store.all('LogicalPartition')
                if lpar.name == name]

    def submit(self, lpar, operation, fault=None, **parameters):
        """Submit a job, without a server."""
        document = _JOB % (operation, ''.join(
            _PARAMETER % item for item in parameters.items()))
        return lpar.host.jobs.submit('LogicalPartition', operation, lpar,
                                     atom.Document(document.encode()), fault)

    # -- steps ----------------------------------------------------------------

    def migrate(self, lpar):
        fault = None
        if self.random.random() < 0.4:
            fault = {'effect': 'migration',
                     'phase': self.random.choice(record.PHASES),
                     'outcome': self.random.choice(('failed', 'stuck'))}
        other, = [host for host in self.site.hosts if host is not lpar.host]
        self.submit(lpar, self.random.choice(('Migrate',) * 4 + (
            'MigrateValidate',)), fault, **{
                'TargetManagedSystemName': other.system.name,
                'TargetRemoteHMCIPAddress': '192.0.2.1',
                'TargetRemoteHMCUserID': 'wlp'})

    def hold(self, lpar):
        self.site.migrations.hold(lpar.uuid,
                                  self.random.choice(record.PHASES))

    def release(self, lpar):
        self.site.migrations.release(lpar.uuid)

    def abort(self, lpar):
        self.submit(lpar, 'MigrateAbort')

    def recover(self, lpar):
        self.submit(lpar, 'MigrateRecover')

    def cancel(self, lpar):
        for data in lpar.host.jobs.state():
            lpar.host.jobs.get(data['id']).cancel()

    def forget(self, lpar):
        lpar.host.jobs.forget()

    def advance(self, lpar):
        self.site.clock.advance(self.random.choice((3, 6, 20)))

    def vios_down(self, lpar):
        self.random.choice(lpar.host.store.all('VirtualIOServer')).halted()

    def vios_up(self, lpar):
        for vios in lpar.host.store.all('VirtualIOServer'):
            if not vios.is_on:
                vios.booted()

    def change(self, lpar):
        """What nobody can do while it migrates."""
        vios1 = lpar.host.operator.vios('vios1')
        if sum(bus.client is lpar for bus in vios1.buses) != 1:
            return
        try:
            lpar.host.operator.unmap_storage('vios1', 'boot_' + lpar.name,
                                             lpar.name)
        except errors.RestError:
            return
        lpar.host.operator.map_storage('vios1', 'boot_' + lpar.name,
                                       lpar.name)

    def crash(self, lpar):
        if lpar.partition_state == partition.RUNNING and (
                lpar.migration is None):
            lpar.crashed()
            lpar.booted()

    def step(self):
        """Take a random step."""
        lpar = self.random.choice(self.places(self.random.choice(_NAMES)))
        step = self.random.choice(
            (self.migrate,) * 4 + (self.advance,) * 4 + (self.release,) * 3 +
            (self.recover,) * 2 + (self.vios_up,) * 2 + (
                self.hold, self.abort, self.cancel, self.forget,
                self.vios_down, self.change, self.crash))
        self.steps.append('%s %s on %s' % (step.__name__, lpar.name,
                                           lpar.host.name))
        with self.site.lock:
            step(lpar)

    def settle(self):
        """Let everything come to its end."""
        for _phase in record.PHASES:
            for name in _NAMES:
                for lpar in self.places(name):
                    with self.site.lock:
                        self.vios_up(lpar)
                        self.release(lpar)
            self.site.clock.advance(100)
        for name in _NAMES:
            with self.site.lock:
                if self.places(name)[0].migration is not None:
                    job = self.submit(self.places(name)[0], 'MigrateRecover')
                    assert job.status == jobs.status.COMPLETED_OK, job.message

    # -- what must hold -------------------------------------------------------

    def problems(self):
        """Yield what is wrong."""
        for name in _NAMES:
            yield from self._problems_of(name)
        under_way = self.site.migrations.under_way
        for host in self.site.hosts:
            yield from self._problems_of_slots(host)
            shown = self.site.migrations.count(host)
            if shown != sum(host in (m.source, m.target) for m in under_way):
                yield 'the counter of %s is %d' % (host.name, shown)

    def _problems_of(self, name):
        found = self.places(name)
        runs = [lpar for lpar in found if lpar.boot_time is not None]
        if len(runs) != 1:
            yield '%s runs in %d places' % (name, len(runs))
        if len(found) > 1 and any(lpar.migration is None for lpar in found):
            yield '%s is in two places without a migration' % name
        for lpar in found:
            pairs = [owner for owner in lpar.slots.values()
                     if getattr(owner, 'client', None) is lpar]
            if len(pairs) != 4:
                yield '%s has %d adapters' % (name, len(pairs))
            for pair in pairs:
                known = pair.vios.buses + pair.vios.fc_mappings
                if pair not in known or (hasattr(pair, 'targets') and
                                         len(pair.targets) != 1):
                    yield '%s of %s is not whole' % (pair.name, name)
                if pair.vios.host is not lpar.host:
                    yield '%s of %s is elsewhere' % (pair.name, name)

    def _problems_of_slots(self, host):
        for vios in host.store.all('VirtualIOServer'):
            for port in vios.fc_ports:
                if port.used != [mapping.port for mapping in
                                 vios.fc_mappings].count(port):
                    yield '%s has %d in use' % (port.name, port.used)
            for bus in vios.buses + vios.fc_mappings:
                if vios.slots.get(bus.server_slot) is not bus:
                    yield '%s has lost its slot' % bus.name
                if bus.client is None or host.store.find(
                        'LogicalPartition', bus.client.uuid) is not (
                            bus.client):
                    yield '%s of %s has no client' % (bus.name, host.name)
        clients = {adapter.mapping for adapter in
                   host.store.all(fibre_channel.ClientAdapter.TYPE)}
        if clients != {mapping for vios in host.store.all('VirtualIOServer')
                       for mapping in vios.fc_mappings}:
            yield 'client adapters of %s are others' % host.name
        for switch in host.store.all('VirtualSwitch'):
            for adapter in switch.adapters:
                if host.store.find('ClientNetworkAdapter',
                                   adapter.uuid) is not adapter:
                    yield 'an adapter is in a switch only'


class TestHistories(testtools.TestCase):

    STEPS = 120

    def run_history(self, seed):
        history = History(seed)
        try:
            for _step in range(self.STEPS):
                history.step()
                self.check(history, seed)
            history.settle()
            self.check(history, seed)
            self.assertEqual([], history.site.migrations.under_way)
            self.assertEqual({'running'}, {
                history.places(name)[0].partition_state for name in _NAMES})
            return {migration['outcome'] for migration in
                    history.site.migrations.state()}
        finally:
            history.site.stop()

    def check(self, history, seed):
        problems = list(history.problems())
        self.assertEqual([], problems, 'seed %d: %s' % (
            seed, '; '.join(history.steps)))

    def test_seeds(self):
        outcomes = set()
        for seed in range(12):
            outcomes |= self.run_history(seed)
        self.assertEqual({'done', 'failed', 'recovered', 'validated'},
                         outcomes)
