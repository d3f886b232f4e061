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

"""What scenarios of live migrations share."""

import contextlib
import functools
import itertools
import threading
from unittest import mock

import fixtures as fx
from nova import objects
from oslo_serialization import jsonutils

from nova_powervm.simulator import fingerprint
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.walks import systems
from nova_powervm.tests.virt.powervm.walks import view
from nova_powervm.virt.powervm import vif as powervm_vif

#: How long the phases last in scenarios that look into them, in seconds.
SLOW = {'migration_%s_seconds' % phase: 30 for phase in
        ('validate', 'prepare', 'copy', 'switch', 'cleanup')}


_NUMBERS = itertools.count(1)


class LiveMoveMixin(base.TwoHostMixin):
    """Servers that move while they run.

    :ivar empty: the site without servers
    """

    #: What the names of its storage begin with, for each mapping.
    STORAGE_OF_SERVER = ['b_', 'b_', 'cf']
    #: How many virtual Ethernet adapters it has.
    ADAPTERS = 2

    def setUp(self):
        super().setUp()
        # A host would know the disk of a server of another test that had the
        # same UUID.
        self._numbers = _NUMBERS
        self.cloud.waiting.reset()
        self.empty = self.platform_state()

    def platform_state(self):
        """The site as data, but for keys, which stay authorized.

        A process that is killed leaves records of its jobs.
        """
        state = super().platform_state()
        for host in state['hosts'] + state['consoles']:
            host['jobs'] = [job for job in host['jobs']
                            if not job['status'].startswith('FAILED')]
        for host in state['hosts']:
            for console in host.get('ManagementConsole', ()):
                del console['authorized_keys']
        return state

    # ---- looks -----------------------------------------------------------

    def migration_of(self, server):
        """The last nova.objects.Migration of a server."""
        return max(objects.MigrationList.get_by_filters(
            self.context, {'instance_uuid': server['id']}),
            key=lambda migration: migration.id)

    def lpar_on(self, server, host):
        """The simulated LPAR of a server on a host, or None."""
        return view.partition_of(self.simulated_host(host), server['id'])

    def media_of(self, host):
        """Names of the media in the repositories of a host: list."""
        return sorted(
            medium['name'] for group in self.simulated_host(
                host).state()['VolumeGroup']
            for medium in (group['repository'] or {}).get('media', ()))

    def assert_runs_on(self, server, host, booted=None):
        """It is on a host and nowhere else, with all that it had."""
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertEqual(host, self.host_of(server))
        self.assertIsNone(self.instance_of(server).task_state)
        self.assertEqual({host: 'running'}, self.lpars_of(server))
        self.where = host
        self.assertEqual(
            self.STORAGE_OF_SERVER,
            sorted(mapping['storage'][:2]
                   for mapping in self.mappings_of(server)))
        self.assertEqual(self.ADAPTERS, len(self.macs_of(server)))
        self.assertIsNone(self.lpar_on(server, host).migration)
        if booted is not None:
            self.assertEqual(booted, self.lpar_on(server, host).boot_time)

    def assert_stayed(self, server, before, status='failed'):
        """It runs on compute1 as if nothing had happened, and can move.

        :param before: what boot_and_look() has returned
        """
        state, booted = before
        self.assert_runs_on(server, 'compute1', booted)
        self.assertEqual(status, self.migration_of(server).status)
        self.assert_state_equal(state, self.platform_state(), 'it stays')

    def assert_moves_again(self, server):
        """A second try succeeds."""
        for host in self.site.hosts:
            host.faults.clear()
        booted = self.lpar_on(server, 'compute1').boot_time
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2', booted)

    def assert_source_is_clean(self):
        """compute1 is as if it had never had a server."""
        before, after = (dict(state['hosts'][0], LogicalUnit=None)
                         for state in (self.empty, self.platform_state()))
        self.assert_state_equal(before, after, 'the source')

    def assert_gone(self, server):
        """It can be deleted, and nothing stays."""
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(self.empty, self.platform_state(), 'deleted')

    def boot_and_look(self):
        """Make a server.

        :returns: the server, and what assert_stayed() needs
        """
        server = self.boot_on_first()
        return server, (self.platform_state(),
                        self.lpar_on(server, 'compute1').boot_time)

    def move_about(self, server):
        """Move a server there, back and there, and look at it each time.

        :returns: iterator of the hosts, after each move.
        """
        booted = self.lpar_on(server, 'compute1').boot_time
        for host in ('compute2', 'compute1', 'compute2'):
            self.live_migrate(server)
            self.assert_runs_on(server, host, booted)
            yield host

    def vlan_of_port(self, host):
        """The VLAN of the adapter of port 1 on a host."""
        adapter, = [cna for cna in self.simulated_host(host).store.all(
            'ClientNetworkAdapter') if cna.mac == 'FA163E000001']
        return adapter.pvid

    def requests_of_both(self, operation, *args):
        """As requests_of(), with the host before each request."""
        for endpoint in self.site.endpoints:
            endpoint.journal.clear()
        result = operation(*args)
        return result, [
            '%s %s %s' % (endpoint.name, record['method'], record['path'])
            for endpoint in self.site.endpoints
            for record in endpoint.journal.records()
            if 'QUEUE_CLIENTKEY' not in (record['query'] or '')]

    # ---- the course of events ----------------------------------------------

    @contextlib.contextmanager
    def deletion_of(self, server):
        """Yield the thread that deletes a server while another one moves it.

        It has not begun. It ends its work when the body has ended, and nothing
        is left of the server then.
        """
        migrations, has_ended = (self.driver.services.migrations,
                                 threading.Event())
        give_up = migrations.give_up

        def wait(*args):
            is_over = give_up(*args)
            # The two threads would wait for each other in SQLite.
            has_ended.wait(60)
            return is_over

        deletion = threading.Thread(target=lambda: self.users.delete(
            self.walk_server(server)))
        with mock.patch.object(migrations, 'give_up', wait):
            yield deletion
            has_ended.set()
            deletion.join(60)
        self.assertEqual('gone', self.walk_server(server).status)
        self.reap()
        self.assertEqual({}, {
            host: lpar for host in self.computes
            for lpar in [self.lpar_on(server, host)] if lpar})
        self.cloud.run_periodic_tasks()
        self.assert_state_equal(self.empty, self.platform_state(), 'deleted')

    def wait_until_given_up(self, server):
        """Wait until somebody who deletes a server waits for its migration."""
        migrations, instance = (self.driver.services.migrations,
                                self.instance_of(server))
        self.wait_for(lambda: migrations._find(instance).is_given_up)

    def meanwhile(self, *events):
        """Let things happen, one each time that the source waits."""
        self.cloud.waiting.events.extend(events)

    def interrupt(self, phase):
        """Migrate a server, and end the source in a phase.

        :returns: the server, and what assert_stayed() needs
        """
        server, before = self.boot_and_look()
        self.hold(server, phase)
        self.meanwhile(*[None] * 30, lambda: self.cloud.compute(
            'compute1').driver.services.migrations.close())
        self.users.live_migrate(self.walk_server(server), 'compute2')
        self.assertEqual('migrating', self.instance_of(server).task_state)
        self.assertEqual('running', self.migration_of(server).status)
        self.cloud.stop('compute1')
        return server, before

    def go_away(self):
        self.simulated_host('compute1').faults.add({
            'effect': 'drop_before', 'count': 0,
            'query': '^(?!.*QUEUE_CLIENTKEY)'})

    def hold(self, server, phase):
        """Let the migration of a server stop when a phase begins."""
        with self.site.lock:
            self.site.migrations.hold(
                self.lpar_on(server, 'compute1').uuid, phase)

    def release(self, server):
        """Let the migration of a server go on."""
        with self.site.lock:
            self.site.migrations.release(
                self.lpar_on(server, 'compute1').uuid)

    def break_migration(self, phase, outcome='failed', **spec):
        """Let the next migration fail in a phase."""
        self.simulated_host('compute1').faults.add(dict(
            {'method': 'PUT', 'path': '/do/Migrate$', 'effect': 'migration',
             'phase': phase, 'outcome': outcome,
             'message': 'the mover has failed'}, **spec))


class SourceEndMixin:
    """nova-compute of the source ends while a server moves.

    It comes before LiveMoveMixin in a list of bases.
    """

    TIMING = SLOW

    def look_in_the_copy(self, server):
        """Check what there is while both hosts have it."""

    def test_starts_again_in_the_copy(self):
        server, before = self.interrupt('copy')
        self.look_in_the_copy(server)
        self.cloud.start('compute1')
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_starts_again_after_the_arrival(self):
        server, (_state, booted) = self.interrupt('cleanup')
        self.release(server)
        self.site.clock.advance(60)
        self.cloud.start('compute1')
        self.assert_runs_on(server, 'compute2', booted)
        self.assertEqual('completed', self.migration_of(server).status)
        self.assert_source_is_clean()
        self.assert_gone(server)


class RaceMixin:
    """nova-compute of the source starts again while the target prepares.

    The target goes on, and does not know that nobody waits for it. It comes
    before LiveMoveMixin in a list of bases.
    """

    def bdms_of(self, server):
        """What Nova has of the volumes: attachment and initiators by id."""
        return {
            bdm.volume_id: (bdm.attachment_id, sorted(jsonutils.loads(
                bdm.connection_info)['data']['initiator_target_map']))
            for bdm in self.walk_server(server).bdms() if bdm.is_volume}

    def start_source_again(self):
        """Kill the source and start it; the target works on meanwhile.

        What it casts to the target has to wait until that has an answer.
        """
        self.cloud.kill('compute1')
        with mock.patch.object(self.cloud, 'run_casts'):
            self.cloud.start('compute1')

    def check_race(self, server, arm):
        """Start the source again at some point of the preparation.

        :param arm: called before; lets start_source_again() be called once
        """
        before = (self.platform_state(),
                  self.lpar_on(server, 'compute1').boot_time)
        bdms = self.bdms_of(server)
        arm()
        self.users.live_migrate(self.walk_server(server), 'compute2')
        self.assertEqual(bdms, self.bdms_of(server))
        self.assertEqual({}, {
            key: value for key, value in
            self.instance_of(server).system_metadata.items()
            if key.startswith('powervm_attachment_')})
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def before(self, owner, name):
        """Let the source start again before a method is called once."""
        def call(method):
            self.start_source_again()
            return method()

        self._around(owner, name, call)

    def after(self, owner, name):
        """Let the source start again after a method was called once."""
        def call(method):
            found = method()
            self.start_source_again()
            return found

        self._around(owner, name, call)

    def _around(self, owner, name, act):
        method = getattr(owner, name)

        def call(*args, **kwargs):
            setattr(owner, name, method)
            return act(functools.partial(method, *args, **kwargs))

        self.useFixture(fx.MockPatchObject(owner, name, call))

    def test_source_starts_again_before_the_target_prepares(self):
        self.check_race(self.boot_on_first(), lambda: self.before(
            self.cloud.compute('compute2').driver, 'pre_live_migration'))
        self.assertIn('has taken the migration back', self.logger.output)

    def test_source_starts_again_while_the_target_prepares(self):
        """Something is made afterwards that nobody will remove."""
        self.check_race(self.boot_on_first(), lambda: self.before(
            powervm_vif, 'prepare_on_target'))


class LiveMigrationMixin(platforms.SharedPool, LiveMoveMixin):
    """Two hosts of one pool."""

    PROFILE = 'ssp-two-host'


class HmcMixin:
    """Two of the three systems of one HMC; the third stays as it is.

    It comes before LiveMoveMixin in a list of bases.
    """

    PROFILE = 'hmc'
    # There is no management adapter.
    ADAPTERS = 1

    def setUp(self):
        super().setUp()
        before = self.part_of_third()
        # It is looked at before what the test has left is removed.
        self.addCleanup(lambda: self.assertEqual([], fingerprint.differences(
            before, self.part_of_third())))
        self.journal = self.site.endpoints[0].journal
        self.journal.clear()
        self.addCleanup(lambda: self.assertEqual([], systems.root_feeds(
            self.journal.records())))

    def part_of_third(self):
        """All that belongs to the third system."""
        return systems.parts(self.site, *[
            self.simulated_host(name).name
            for name in ('compute1', 'compute2')])
