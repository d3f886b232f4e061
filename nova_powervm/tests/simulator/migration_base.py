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
"""Base of the tests of live migration between two hosts of a site."""

import functools

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import management_console as pvm_mc
from pypowervm.tasks import migration as pvm_migration
from pypowervm.wrappers import job as pvm_job
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
import testtools

from nova_powervm.simulator import fingerprint
from nova_powervm.simulator.resources import lpar as sim_lpar
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm.walks import systems

GIB = 1024 ** 3
#: How long the phases last in tests that look into them, in seconds.
SLOW = {'migration_%s_seconds' % phase: 10 for phase in
        ('validate', 'prepare', 'copy', 'switch', 'cleanup')}
PHASES = ('validate', 'prepare', 'copy', 'switch', 'cleanup')


class MigrationTestCase(testtools.TestCase):
    """A test on both hosts of a profile, through pypowervm.

    :ivar source, target: the simulated hosts
    :ivar lpar: the model of the running partition vm1 on the source
    :ivar adapter, target_adapter: pypowervm Adapters of the hosts
    """

    PROFILE = 'ssp-two-host'
    TIMING = {}
    #: Where a client finds the target, and as whom it logs on there.
    LOGON = {'tgt_mgmt_svr': '192.0.2.1', 'tgt_mgmt_usr': 'wlp'}

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(powervm_fixtures.SimulatedSite(
            self.profile(), **self.TIMING)).site
        self.source, self.target = self.site.hosts[:2]
        self.adapter, self.target_adapter = (
            self.useFixture(powervm_fixtures.Adapter(host)).adapter
            for host in (self.source, self.target))
        self.authorize()
        self.patch(pvm_job.time, 'sleep', self.sleep)
        self.lpar = self.make_lpar()

    def authorize(self):
        """Let each host log on to the other one."""
        for one, other in ((self.adapter, self.target_adapter),
                           (self.target_adapter, self.adapter)):
            pvm_mc.add_authorized_key(one, pvm_mc.get_public_key(other))

    def profile(self):
        """The profile of the site, as the fixture takes it."""
        return self.PROFILE

    def sleep(self, seconds):
        """Let the time of the site pass instead of that of the test."""
        self.site.clock.advance(seconds)

    # -- what is there --------------------------------------------------------

    def make_lpar(self, name='vm1', host=None, running=True, type_='AIX/Linux',
                  vlan=1, memory_mb=2048, partition_id=None, **more):
        """Put a partition on a host, with a network adapter."""
        host = host or self.source
        spec = {'name': name, 'memory_mb': memory_mb, 'processors': 1,
                'units': 0.5, 'dedicated': False, 'management': False,
                'running': running, 'type': type_, 'max_slots': 64,
                'adapters': [{'switch': 'ETHERNET0', 'vlan': vlan}]}
        if partition_id is not None:
            spec['id'] = partition_id
        with self.site.lock:
            lpar = sim_lpar.from_spec(host, dict(spec, **more))
            if running:
                lpar.boot_time = self.site.clock.now() - 1000
                lpar.nvram = 'boot variables'
            return lpar

    def add_unit(self, name='boot_1', lpar=None, size_gb=1, vioses=None):
        """Make a logical unit, and map it on both VIOSes."""
        lpar = lpar or self.lpar
        operator = lpar.host.operator
        unit = operator.create_logical_unit(name, size_gb * GIB,
                                            b'written before')
        for vios in vioses or ('vios1', 'vios2'):
            operator.map_storage(vios, unit.udid, lpar.name)
        return unit

    def arrival(self, lpar=None):
        """The model of a partition on the target, or None."""
        return self.target.store.find('LogicalPartition',
                                      (lpar or self.lpar).uuid)

    def vios(self, host, name):
        return host.operator.vios(name)

    @staticmethod
    def read(lpar, length=14):
        """What a partition reads on each working path of each disk."""
        return [disk.disk.read(0, length)
                for disk in lpar.host.lpar_disks(lpar) if disk.works]

    # -- migrations -----------------------------------------------------------

    def wrapper(self, lpar=None):
        """Read a partition from its host."""
        lpar = lpar or self.lpar
        adapter = (self.adapter if lpar.host is self.source
                   else self.target_adapter)
        return pvm_lpar.LPAR.get(adapter, uuid=lpar.uuid,
                                 **self.parent(lpar.host))

    def parent(self, host):
        """What tells pypowervm the system that something is read of: dict."""
        return {}

    def systems(self):
        """Read both systems: tuple of wrappers."""
        return tuple(
            pvm_ms.System.get(adapter, uuid=host.system.uuid)
            for adapter, host in ((self.adapter, self.source),
                                  (self.target_adapter, self.target)))

    def migrate(self, lpar=None, **kwargs):
        """Migrate as a client of pypowervm does."""
        lpar = lpar or self.lpar
        goes_to = self.target if lpar.host is self.source else self.source
        kwargs = dict(self.LOGON, **kwargs)
        pvm_migration.migrate_lpar(self.wrapper(lpar), goes_to.system.name,
                                   **kwargs)

    def submit(self, lpar=None, operation='Migrate', **parameters):
        """Submit a job without waiting for it.

        :returns: pypowervm.wrappers.job.Job
        """
        wrapper = self.wrapper(lpar)
        job = pvm_job.Job.wrap(wrapper.adapter.read(
            'LogicalPartition', wrapper.uuid, suffix_type='do',
            suffix_parm=operation))
        if operation in ('Migrate', 'MigrateValidate'):
            parameters = dict({
                'TargetManagedSystemName': self.target.system.name,
                'TargetRemoteHMCIPAddress': self.LOGON.get('tgt_mgmt_svr'),
                'TargetRemoteHMCUserID': self.LOGON.get('tgt_mgmt_usr')},
                **parameters)
        job.add_job_parameters_to_existing(*[
            job.create_job_parameter(name, value)
            for name, value in parameters.items() if value is not None])
        job.entry = wrapper.adapter.create_job(
            job.entry.element, 'LogicalPartition', wrapper.uuid).entry
        return job

    def poll(self, job):
        """Read a job again: tuple of its status and its message."""
        job.entry = job.adapter.read_job(job.job_id).entry
        return job.job_status, job.get_job_message()

    def hold(self, phase, lpar=None):
        """Let the next migration stop in a phase."""
        with self.site.lock:
            self.site.migrations.hold((lpar or self.lpar).uuid, phase)

    def release(self, lpar=None):
        """Let a migration go on."""
        with self.site.lock:
            return self.site.migrations.release((lpar or self.lpar).uuid)

    def to_phase(self, phase):
        """Migrate, and stop when a phase has begun: the job."""
        self.hold(phase)
        job = self.submit()
        self.site.clock.advance(11 * PHASES.index(phase))
        self.assertEqual(phase, self.record()['phase'])
        return job

    def record(self):
        """What the site tells of the last migration."""
        return self.site.state()['migrations'][-1]

    def states(self):
        """All that is on the hosts, but for jobs and sessions."""
        return {part: text for part, text in self.site.fingerprint().items()
                if part not in (self.source.name, self.target.name) and
                '/jobs/' not in part}

    def assertSame(self, before, part=''):
        """Check that nothing has changed since states()."""
        after = self.states()
        self.assertEqual([], [line for line in fingerprint.differences(
            before, after) if part in line])

    def assertFails(self, text, function, *args, **kwargs):
        """Check that a job fails, and that it says why."""
        exc = self.assertRaises(pvm_exc.JobRequestFailed, function, *args,
                                **kwargs)
        self.assertIn(text, str(exc))

    def assertRefused(self, text, **kwargs):
        """Check that a migration is refused and has changed nothing."""
        before = self.states()
        for validate_only in (True, False):
            self.assertFails(text, functools.partial(
                self.migrate, validate_only=validate_only, **kwargs))
        self.assertSame(before)


class HmcMixin:
    """Two of the three systems of one HMC; nobody has to log on.

    It comes before a MigrationTestCase in a list of bases.

    :ivar third: the host of the other system, which stays as it is
    """

    PROFILE = 'hmc'
    LOGON = {}

    def setUp(self):
        super().setUp()
        self.third = self.site.hosts[2]
        before = self.part_of_third()
        self.addCleanup(lambda: self.assertEqual(before,
                                                 self.part_of_third()))

    def authorize(self):
        """Nobody needs a key."""

    def parent(self, host):
        return {'parent_type': pvm_ms.System,
                'parent_uuid': host.system.uuid}

    def part_of_third(self):
        """All that is on the third system."""
        return systems.parts(self.site, self.source.name, self.target.name)
