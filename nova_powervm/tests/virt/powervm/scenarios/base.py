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

"""The base of scenarios: stories of servers, without Nova's services.

A scenario is written with the words of the tests that go through Nova's API
(nova_powervm.tests.functional.base), and costs a third of them: Nova's compute
managers run here without services around them, see walks.cloud.
"""

import copy
import itertools
import logging
from unittest import mock

import fixtures as fx
from nova.api.openstack import common
from nova.compute import vm_states
from nova import objects
from nova import thread_pool_factory
import testtools

from nova_powervm import conf as cfg
from nova_powervm.demo.cloud import platform
from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests.bench import profiles
from nova_powervm.tests import log_watch
from nova_powervm.tests.virt.powervm.scenarios import cloud as scenario_cloud
from nova_powervm.tests.virt.powervm.scenarios import looks
from nova_powervm.tests.virt.powervm.scenarios import trouble
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import server as walk_server
from nova_powervm.tests.virt.powervm.walks import view

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
_FORMAT = '%(levelname)s %(name)s %(message)s'
_GROUP = {'disk_driver': 'localdisk', 'volume_group_name': 'datavg',
          'volume_group_vios_name': 'vios1', 'fc_attach_strategy': 'vscsi'}
#: A server that its user did not choose a flavor for.
TINY = walk_server.make_flavor('tiny', memory_mb=512)


class Ports:
    """The ports of a cloud, with the words of Nova's Neutron fixture.

    :param cloud: cloud.Cloud
    """

    def __init__(self, cloud):
        self._cloud = cloud
        self.port_1, self.port_2 = self.port(1), self.port(2)

    def port(self, number):
        """Describe a port as Neutron does, as far as tests look at it."""
        vif = self._cloud.ports.vif(number)
        return {'id': vif['id'], 'mac_address': vif['address']}


class ScenarioCase(looks.PlatformLooks, testtools.TestCase):
    """A story of servers on a cloud of one host, 'compute1'.

    The tests of a class share the cloud. One that fails, or leaves the site
    otherwise than it was, ends it, and the next test has a new one.

    :cvar PROFILE: str, of the simulated site
    :cvar STORAGE: dict, options of group [powervm]
    :cvar PORTS: fabric -> WWPNs, for NPIV
    :cvar TIMING: overrides of the timing of the site
    :cvar FOREIGN_LPARS: int, how many LPARs the host has that are not Nova's
    :cvar CACHED: how many of the images of the cloud are in the image cache
        when a test begins
    """

    PROFILE = 'default'
    STORAGE = {}
    STRATEGY = 'vscsi'
    PORTS = None
    TIMING = {}
    FOREIGN_LPARS = 0
    CACHED = 1
    VIF = {}
    #: Options beside those in group [powervm].
    OPTIONS = {}
    _cloud = None

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fx.FakeLogger(
            level=logging.INFO, format=_FORMAT))
        self.log_watch = self.useFixture(log_watch.LogWatch())
        if not trouble.is_made_by(self.id()):
            self.addCleanup(self.log_watch.check)
        self._is_broken = False
        self.addOnException(self._note_failure)
        cls = type(self)
        if cls._cloud is None:
            cls._start_cloud()
        self.cloud = cls._cloud
        self.users = scenario_cloud.API(self.cloud)
        self.site = self.cloud.site
        self.glance = self.cloud.glance
        self.cinder = self.cloud.cinder
        self.neutron = Ports(self.cloud)
        self.image_id = self.cloud.images[0]
        self._numbers = itertools.count(1)
        self._servers = {}
        self._view = view.view(self.site)
        self.addCleanup(self._tidy_up)
        images = copy.deepcopy(self.glance.images)
        self.addCleanup(setattr, self.glance, 'images', images)

    def _note_failure(self, _exc_info):
        self._is_broken = True

    @classmethod
    def tearDownClass(cls):
        cls._end_cloud()
        super().tearDownClass()

    @classmethod
    def _start_cloud(cls):
        """Start a cloud whose site is as tests find it."""
        cloud = scenario_cloud.Cloud(
            platforms.Platform(
                cls.__name__, cls.load_profile(),
                dict(_GROUP, **dict(platform.complete(cls.STORAGE),
                                    fc_attach_strategy=cls.STRATEGY)),
                fabrics=cls.PORTS, **cls.VIF),
            cls.TIMING, cls.prepare)
        cloud.setUp()
        try:
            cls.warm_up(cloud)
        except BaseException:
            cloud.cleanUp()
            raise
        cls._cloud = cloud

    @classmethod
    def load_profile(cls):
        """The profile of the site: its name, or a dict."""
        if not cls.FOREIGN_LPARS:
            return cls.PROFILE
        with fx.TempDir() as folder:
            return sim_profile.load(profiles.write_crowd(
                folder.path, cls.FOREIGN_LPARS, cls.PROFILE))

    @classmethod
    def prepare(cls, cloud):
        """Set more options, before the computes of a cloud start."""
        for name, value in cls.OPTIONS.items():
            CONF.set_override(name, value)

    @classmethod
    def warm_up(cls, cloud):
        """Fill the image cache."""
        api = scenario_cloud.API(cloud)
        for image in range(cls.CACHED):
            for host in sorted(cloud.computes)[:1]:
                made = api.create(1, flavor=TINY, image=image, host=host)
                api.delete(made)
                assert made.status == 'gone', cloud.failures
                cloud.forget(made)

    @classmethod
    def _end_cloud(cls):
        ending, cls._cloud = cls._cloud, None
        if ending is not None:
            ending.cleanUp()

    def _tidy_up(self):
        """Leave nothing of a test behind, or let the cloud go."""
        try:
            if self._is_broken or not self._is_tidy():
                LOG.warning('The cloud of %s ends.', self.id())
                type(self)._end_cloud()
        except Exception:
            LOG.exception('What a test has left cannot be removed.')
            type(self)._end_cloud()

    def _is_tidy(self):
        self.cloud.start_all()
        for host in self.site.hosts:
            host.faults.clear()
        for server in self._servers.values():
            if server.status != 'gone':
                self.users.delete(server)
            if server.status != 'gone':
                return False
            self.cloud.forget(server)
        self._forget_volumes()
        if view.view(self.site) != self._view:
            self.cloud.run_periodic_tasks()
        del self.cloud.failures[:]
        return view.view(self.site) == self._view

    def _forget_volumes(self):
        cinder = self.cinder
        for forgotten in (cinder.multiattach, cinder.encrypted,
                          cinder.migrating, cinder.edits,
                          cinder.volume_to_attachment):
            forgotten.clear()
        del cinder.complaints[:]
        with self.site.lock:
            for volume_id in list(getattr(self.site.san, 'volumes', ())):
                self.site.san.delete_volume(volume_id)

    # ---- the cloud ------------------------------------------------------

    def flags(self, group=None, **options):
        """Set options until the test ends."""
        where = CONF[group] if group else CONF
        for name, value in options.items():
            self.addCleanup(CONF.set_override, name, getattr(where, name),
                            group)
            CONF.set_override(name, value, group)

    @property
    def context(self):
        return self.cloud.context.elevated()

    @property
    def compute(self):
        """The compute manager of compute1."""
        return self.cloud.compute('compute1')

    @property
    def driver(self):
        """The driver of compute1."""
        return self.compute.driver

    @property
    def platform(self):
        return self.simulated_host('compute1')

    def simulated_host(self, hostname='compute1'):
        return self.cloud.host_of(hostname)

    def restart(self, host='compute1'):
        """Start the nova-compute of a host again."""
        self.cloud.restart(host)

    def run_task(self, name, host='compute1'):
        """Run a periodic task of Nova on a host."""
        with self.cloud.on(host):
            getattr(self.cloud.compute(host), name)(self.context)

    def sync_power_states(self):
        """Run the periodic task, and what it has threads do."""
        waiting = []
        with mock.patch.object(
                thread_pool_factory, 'spawn_on',
                lambda _executor, *work: waiting.append(work)):
            self.run_task('_sync_power_states')
        with self.cloud.on('compute1'):
            for function, *arguments in waiting:
                function(*arguments)

    # ---- servers --------------------------------------------------------

    def make_flavor(self, name=None, memory_mb=2048, vcpu=1, disk=2,
                    ephemeral=0, swap=0, extra_spec=None):
        """Build a flavor; name None stands for a name of its own."""
        return walk_server.make_flavor(
            name or 'flavor-%d' % next(self._numbers), memory_mb=memory_mb,
            vcpus=vcpu, root_gb=disk, ephemeral_gb=ephemeral, swap_mb=swap,
            **{key.removeprefix('powervm:'): value
               for key, value in (extra_spec or {}).items()})

    def _ports_of_request(self, networks):
        if networks == 'none':
            return ()
        if networks is None:
            return (1,)
        return [int(network['port'][-12:]) for network in networks]

    def _create(self, flavor_id=None, image_uuid=None, networks=None,
                host='compute1', **volumes):
        image = None if image_uuid == '' else self.users.image_number(
            image_uuid or self.image_id)
        server = self.users.create(
            next(self._numbers), flavor=flavor_id or TINY, image=image,
            ports=self._ports_of_request(networks), host=host, **volumes)
        self._servers[server.uuid] = server
        return self.settled({'id': server.uuid})

    def boot(self, expected_status='ACTIVE', **kwargs):
        """Create a server; returns it as Nova shows it."""
        server = self._create(**kwargs)
        self.assertEqual(expected_status, server['status'],
                         server.get('fault'))
        return server

    def walk_server(self, server):
        """The walks' server.Server of a server as Nova shows it."""
        return self._servers[server['id']]

    def instance_of(self, server):
        """The nova.objects.Instance of a server."""
        return self.walk_server(server).read()

    def settled(self, server):
        """A server as Nova's API would show it; None if it is deleted."""
        instance = self.walk_server(server).read()
        if instance is None:
            return None
        shown = {
            'id': instance.uuid, 'name': instance.name,
            'status': common.status_from_state(instance.vm_state,
                                               instance.task_state),
            'task_state': instance.task_state,
            'OS-EXT-SRV-ATTR:host': instance.host}
        if instance.vm_state == vm_states.ERROR:
            faults = objects.InstanceFault.get_latest_for_instance(
                self.context, instance.uuid)
            shown['fault'] = faults and {'message': '%s %s' % (
                faults.message, faults.details)}
        return shown

    def status_of(self, server):
        return self.settled(server)['status']

    def host_of(self, server):
        """Nova's name of the host that a server is on."""
        return self.walk_server(server).host

    def delete(self, server):
        """Delete a server.

        :returns: the server if it could not be deleted, else None.
        """
        self._begin()
        self.users.delete(self.walk_server(server))
        return self.settled(server)

    def stop(self, server):
        self.assertIsNone(self.users.stop(self.walk_server(server)))
        self.assertEqual('SHUTOFF', self.status_of(server))

    def start(self, server):
        self.assertIsNone(self.users.start(self.walk_server(server)))
        self.assertEqual('ACTIVE', self.status_of(server))

    def reboot(self, server, hard=False):
        self.assertIsNone(self.users.reboot(self.walk_server(server),
                                            hard=hard))
        self.assertEqual('ACTIVE', self.status_of(server))

    def attach_port(self, server, number=2):
        """Attach a port; returns its MAC address as the platform has it."""
        self.assertIsNone(self.users.attach_port(self.walk_server(server),
                                                 number))
        return self.neutron.port(number)['mac_address'].replace(
            ':', '').upper()

    def detach_port(self, server, number):
        self.assertIsNone(self.users.detach_port(self.walk_server(server),
                                                 number))

    def act(self, server, action, body=None):
        """Let Nova act on a server; returns it as it is then."""
        self._begin()
        _ACTIONS[action](self, self.walk_server(server), body)
        return self.settled(server)

    def _begin(self):
        """Begin an operation: forget how others went."""
        del self.cloud.failures[:]

    def fault_of(self, server):
        """What Nova says went wrong in the last action on a server."""
        return str([(str(failure), failure)
                    for failure in self.cloud.failures])

    def other_host(self, server):
        """Where a server goes that moves, as a scheduler chooses."""
        here = self.host_of(server)
        return next((host for host in sorted(self.cloud.computes)
                     if host != here), here)


def _resize(test, server, body):
    host = None if CONF.allow_resize_to_same_host else test.other_host(
        {'id': server.uuid})
    test.users.resize(server, body['flavorRef'], host)


def _image(test, body, key):
    return test.users.image_number(body[key]) if body else None


_ACTIONS = {
    'confirmResize': lambda test, server, _body: test.users.confirm(server),
    'revertResize': lambda test, server, _body: test.users.revert(server),
    'resize': _resize,
    'migrate': lambda test, server, _body: test.users.resize(
        server, host=test.other_host({'id': server.uuid})),
    'rescue': lambda test, server, body: test.users.rescue(
        server, _image(test, body, 'rescue_image_ref')),
    'unrescue': lambda test, server, _body: test.users.unrescue(server),
    'rebuild': lambda test, server, body: test.users.rebuild(
        server, _image(test, body, 'imageRef')),
    'reboot': lambda test, server, body: test.users.reboot(
        server, hard=body['type'] == 'HARD'),
    'shelve': lambda test, server, _body: test.users.shelve(server),
    'unshelve': lambda test, server, _body: test.users.unshelve(server),
}


class MoveMixin:
    """Servers that are resized."""

    OPTIONS = {'shelved_offload_time': 0}

    def setUp(self):
        super().setUp()
        self.small = self.make_flavor('small')
        self.large = self.make_flavor('large', memory_mb=4096, vcpu=2, disk=5)

    def resize(self, server, flavor_id, status='VERIFY_RESIZE'):
        after = self.act(server, 'resize', {'flavorRef': flavor_id})
        self.assertEqual(status, after['status'], self.cloud.failures)
        return after


class TwoHostMixin(looks.TwoHostLooks, MoveMixin):
    """Two hosts; self.platform is the one of self.where."""

    @property
    def computes(self):
        return self.cloud.computes

    def boot_on_first(self, **kwargs):
        """Create a server on compute1."""
        kwargs.setdefault('flavor_id', self.small)
        return self.boot(**kwargs)

    def evacuate(self, server):
        """Let compute1 die, and the server go on on compute2."""
        self.cloud.stop('compute1')
        self.users.evacuate(self.walk_server(server))
        self.assertEqual('compute2', self.host_of(server))
        # Nova stops what it has evacuated.
        self.start(server)

    def reap(self):
        """Let Nova remove deleted servers that hosts still have."""
        for host in sorted(self.computes):
            self.run_task('_cleanup_running_deleted_instances', host)
            self.run_task('update_available_resource', host)

    def live_migrate(self, server, status='ACTIVE', host=None, **kwargs):
        """Move a running server to the other host; returns it then."""
        self._begin()
        host = host or self.other_host(server)
        self.users.live_migrate(self.walk_server(server), host, **kwargs)
        after = self.settled(server)
        self.assertEqual(status, after['status'], self.cloud.failures)
        return after

    def migrate(self, server, status='VERIFY_RESIZE'):
        after = self.act(server, 'migrate')
        self.assertEqual(status, after['status'], self.cloud.failures)
        return after
