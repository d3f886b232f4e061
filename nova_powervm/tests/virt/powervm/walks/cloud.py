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

"""A small cloud: computes on the hosts of a simulated site."""

import contextlib

import fixtures as fx
from nova import context as nova_context
from nova import objects
from nova import thread_pool_factory
from oslo_log import log as logging
import oslo_messaging as messaging
from oslo_utils import excutils

from nova_powervm import conf as cfg
from nova_powervm.demo import quick
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.virt.powervm.walks import compute
from nova_powervm.tests.virt.powervm.walks import database
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import mistakes
from nova_powervm.tests.virt.powervm.walks import neighbours
from nova_powervm.tests.virt.powervm.walks import settings
from nova_powervm.tests.virt.powervm.walks import threads
from nova_powervm.tests.virt.powervm.walks import waiting
from nova_powervm.virt.powervm.live import running

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class Cloud(fx.Fixture):
    """Computes on the hosts of a simulated site.

    :ivar site: simulator.site.Site
    :ivar computes: dict of Nova's name of a host -> compute.Compute; a host
        whose nova-compute is down is missing
    :ivar failures: list of the exceptions that operations ended with, which
        Nova records as faults
    :ivar lost_sessions: set of ids of sessions that no compute could end: it
        was killed, or a fault kept it from that
    :ivar mistakes: mistakes.Mistakes
    :ivar threads: threads.Threads
    :ivar waiting: waiting.Waiting
    :cvar timing: overrides of the timing of the site
    :param platform: platforms.Platform
    """

    timing = {'event_gather_seconds': 0.2}

    def __init__(self, platform):
        super().__init__()
        self.platform = platform
        self.computes = {}
        self.failures = []
        self.lost_sessions = set()
        self._casts = []
        # The computes that do something just now; the last one is at work.
        self._working_computes = []

    def _setUp(self):
        self.mistakes = self.useFixture(mistakes.Mistakes())
        self.addCleanup(self.mistakes.check)
        # Executors of Nova would take up to a second each to end.
        self.useFixture(quick.Workers())
        self.site = self.useFixture(powervm_fixtures.SimulatedSite(
            self.platform.profile, vlans=powervm_fixtures.PORT_VLANS,
            **self.timing)).site
        self.ports = neighbours.Ports(self.platform.vif_type,
                                      self.platform.vif_details)
        self.threads = self.useFixture(threads.Threads(
            lambda: self._at_work))
        self.useFixture(settings.NovaSettings())
        self.useFixture(database.Database(self._before_write))
        self.glance = self.useFixture(func_fixtures.GlanceFixture(self))
        self.glance.hashes_uploads = False
        self.cinder = self.useFixture(
            neighbours.Cinder(self, self._before_write))
        self.waiting = self.useFixture(waiting.Waiting(self.site))
        # What the driver makes a client of.
        self.stub_out('nova.compute.rpcapi.ComputeAPI',
                      lambda: neighbours.ComputeRPC(self))
        self.configure()
        self.context = nova_context.RequestContext(
            'user', 'project', is_admin=True)
        self.images = [self.glance.image1['id'], self.glance.image3['id']]
        # Nova's fixtures refuse to start beside threads of another test.
        self.addCleanup(thread_pool_factory.reset_all_executors)
        self.addCleanup(self.stop)
        self.start_all()

    def configure(self):
        """Set the options of the driver, before it starts."""
        settings.configure_driver(self)

    @property
    def shared_volumes(self):
        """Ids of the volumes that several servers may write to."""
        return self.cinder.multiattach

    def instances(self):
        """All servers that Nova has: nova.objects.InstanceList."""
        return objects.InstanceList.get_all(self.context, expected_attrs=[])

    def forget(self, server):
        """Let Nova never have heard of a server, which it has deleted."""
        database.Database.purge(server.uuid)
        self.ports.forget(server.uuid)

    def stub_out(self, old, new):
        """What Nova's fixtures ask of a test."""
        self.useFixture(fx.MonkeyPatch(old, new))

    def run_periodic_tasks(self, *names):
        """Run what Nova does from time to time, on some hosts.

        :param names: Nova's names of hosts that are up; by default all
        """
        for name, at_work in [(name, self.computes[name])
                              for name in names or self.computes]:
            try:
                with self.on(name), self._working(at_work):
                    at_work.run_periodic_tasks_once()
            except effects.Killed:
                self.kill(name)
        self.run_casts()

    # ---- hosts ----------------------------------------------------------

    @contextlib.contextmanager
    def _working(self, running):
        """Have a compute at work: it starts threads, and writes to Nova.

        Threads of a test may end their work in any order.
        """
        working = self._working_computes
        working.append(running)
        try:
            yield
        finally:
            del working[max(number for number, one in enumerate(working)
                            if one is running)]

    @property
    def _at_work(self):
        return self._working_computes[-1] if self._working_computes else None

    def host_of(self, name):
        """The simulated host below a compute, simulator.host.Host."""
        return self.site.hosts[int(name[len('compute'):]) - 1]

    def service_of(self, name):
        """Nova's record of a compute service, made when it is not there."""
        found = objects.Service.get_by_host_and_binary(
            self.context, name, 'nova-compute')
        if found is None:
            found = objects.Service(
                self.context, host=name, binary='nova-compute',
                topic='compute', report_count=0)
            found.create()
        return found

    def compute(self, name):
        """The compute.Compute of a host whose nova-compute is up."""
        return self.computes[name]

    @contextlib.contextmanager
    def on(self, name):
        """Be the process of a compute: see its options."""
        simulated = self.host_of(name)
        CONF.set_override('host', name)
        CONF.set_override('rest_port', simulated.port, 'powervm')
        CONF.set_override('management_root', simulated.management_root,
                          'powervm')
        CONF.set_override(
            'managed_system', simulated.system.uuid
            if simulated.endpoint.is_hmc else None, 'powervm')
        with settings.node_of(name):
            yield

    def start(self, name):
        """Start the nova-compute of a host.

        :raises: what its start raises; it is not up then
        """
        with self.on(name):
            started = self.computes[name] = compute.Compute(self, name)
            try:
                with self._working(started):
                    started.start()
            except Exception:
                with excutils.save_and_reraise_exception():
                    self.stop(name)
            except effects.Killed:
                with excutils.save_and_reraise_exception():
                    self.kill(name)
        self.run_casts()

    def start_all(self):
        """Start nova-compute on each host where it is down."""
        for number, _host in enumerate(self.site.hosts, 1):
            if 'compute%d' % number not in self.computes:
                self.start('compute%d' % number)

    def stop(self, *names):
        """Stop nova-compute on some hosts, or on all."""
        for name in names or list(self.computes):
            stopped = self.computes[name]
            try:
                with (self.on(name), self._working(stopped),
                      self._gathering_no_events()):
                    stopped.driver.cleanup_host(name)
            except effects.Killed:
                with excutils.save_and_reraise_exception():
                    self.kill(name)
            finally:
                self.computes.pop(name, None)
            if self.host_of(name).faults.data():
                self._lose_sessions(name)

    @contextlib.contextmanager
    def _gathering_no_events(self):
        """Have the site answer polls at once: the end of a driver waits."""
        timing, name = self.site.timing, 'event_gather_seconds'
        timing[name] = 0
        try:
            yield
        finally:
            timing[name] = self.site.profile['timing'][name]

    def _lose_sessions(self, name):
        """Do not blame the driver for the sessions that a host has now."""
        self.lost_sessions.update(
            session['id'] for session in self.host_of(name).sessions.state())

    def restart(self, name):
        """Stop nova-compute on a host, if it is up, and start it again."""
        if name in self.computes:
            self.stop(name)
        self.start(name)

    def call(self, name, method, *args, **kwargs):
        """Have a compute do something, and what follows from it.

        :param name: Nova's name of the host
        :param method: str, name of a method of ComputeManager
        :returns: the exception that it ended with, or None
        """
        failure = self._call(name, method, args, kwargs)
        self.run_casts()
        return failure

    def _call(self, name, method, args, kwargs):
        called = self.compute(name)
        try:
            with self.on(name), self._working(called):
                getattr(called, method)(self.context.elevated(), *args,
                                        **kwargs)
        except Exception as exc:
            LOG.info('%s on %s failed: %s', method, name, exc)
            self.failures.append(exc)
            return exc
        except effects.Killed as exc:
            if self.computes.get(name) is called:
                self.kill(name)
            return exc
        except running.Interrupted as exc:
            # Nova's thread ends with it.
            return exc

    def ask(self, caller, name, method, *args, **kwargs):
        """Have a compute do something for another one, which waits for it.

        :param caller: Nova's name of the host that asks
        :param name: Nova's name of the host that is asked
        :param method: str, name of a method of ComputeManager
        :returns: what the method returns
        :raises: what it raises; MessagingTimeout if nobody answers
        """
        asked = self.computes.get(name)
        if asked is None:
            raise messaging.MessagingTimeout()
        try:
            with self.on(name), self._working(asked):
                return getattr(asked, method)(*args, **kwargs)
        except effects.Killed:
            if not asked.is_dead:
                raise
            self.kill(name)
            raise messaging.MessagingTimeout()
        finally:
            with self.on(caller):
                """Set the options of the process that asks again."""

    def _before_write(self):
        """Let nothing be saved that a dead process would save."""
        if self._at_work is not None and self._at_work.is_dead:
            raise effects.Killed()

    def kill(self, name):
        """Let the process of a nova-compute be gone, with its threads."""
        dead = self.computes.pop(name)
        dead.is_dead = True
        self._lose_sessions(name)
        events = dead.driver.events
        if events is None:
            return
        events.shutdown()
        session = events.host.adapter.session
        if session.has_event_listener:
            session.get_event_listener().unsubscribe(events)

    def cast(self, name, method, instance, **kwargs):
        """Have a compute do something once the present call has ended."""
        instance = instance.obj_clone()
        instance._context = self.context
        self._casts.append((name, method, dict(kwargs, instance=instance)))

    def run_casts(self):
        """Do what was cast; a compute that is down does it when it is up."""
        waiting = []
        while self._casts:
            name, method, kwargs = self._casts.pop(0)
            if name in self.computes:
                self._call(name, method, (), kwargs)
            else:
                waiting.append((name, method, kwargs))
        self._casts = waiting
