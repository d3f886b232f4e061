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

"""Histories: what users, operators and fate do to a few servers.

A history is a list of plain calls on a History, one for each step. After each
step it looks whether what must always hold does, and fails with the script of
all steps so far, which can be pasted into a test (see play()).
"""

import functools
import itertools

from nova_powervm.tests.functional import volumes
from nova_powervm.tests.virt.powervm.walks import api as walk_api
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import history_look
from nova_powervm.tests.virt.powervm.walks import history_offers
from nova_powervm.tests.virt.powervm.walks import ledger
from nova_powervm.tests.virt.powervm.walks import scene
from nova_powervm.tests.virt.powervm.walks import systems
from nova_powervm.tests.virt.powervm.walks import view

FLAVORS = {flavor.name: flavor for flavor in (
    scene.SMALL, scene.WIDE, scene.WITH_DISKS, scene.LARGE)}
_FLAVOR_NAMES = {flavor.id: flavor.name for flavor in FLAVORS.values()}
#: Servers that there are at the same time, at most.
MOST_SERVERS = 3
#: Numbers of the volumes of a history, and of those that replace others.
VOLUMES = (1, 2, 3, 4)
#: The number of the volume that several servers may have at a time.
SHARED = 5
FIRST_REPLACEMENT = 10
#: The number of a port that a server gets later, less its own number.
LATER_PORT = 100


class NotPossible(Exception):
    """Nova's API, or the platform, has no such step now."""


class Broken(AssertionError):
    """Something does not hold that must; the message has the script."""


def view_of(site):
    """Describe a site, see view.view(); a repository without media is none.

    The driver makes one on a VIOS if the one that has it is down.
    """
    found = view.view(site)
    for host in found['hosts']:
        for group in host.get('VolumeGroup', ()):
            repository = group.get('repository')
            if repository and not repository['media']:
                group['free_gb'] += repository['size_gb']
                group['repository'] = None
    return found


def _noted(after):
    """Make a decorator for steps.

    :param after: called with the history, and what the step returned
    """
    def decorate(method):
        @functools.wraps(method)
        def take(self, *args):
            self.taken.append((method.__name__, args))
            self.script.append('history.%s(%s)' % (
                method.__name__, ', '.join(map(repr, args))))
            self._looks.clear()
            try:
                after(self, method(self, *args))
            except (NotPossible, Broken):
                raise
            except Exception as exc:
                raise Broken(self.tell('%s: %s' % (
                    type(exc).__name__, exc))) from exc
            finally:
                self._looks.clear()
        return take
    return decorate


def _look(history, target):
    history.check(target)


def _look_away(history, _target):
    history.watch.remember_outside()


#: Something that Nova does; the method returns the UUID of the server, or
#: None. What it leads to is looked at.
step = _noted(_look)
#: Something that Nova does not do.
outside = _noted(_look_away)


class Base:
    """Steps, one after the other, on one cloud.

    Hosts are 1 to 3. Servers, and what others have, have numbers from 1, which
    the steps that make them tell or count.

    :ivar cloud: cloud.Cloud
    :ivar script: list of str, the steps so far as Python
    :ivar taken: list of (name, tuple of arguments), the same
    :ivar servers: dict of number -> server.Server, those that Nova has
    :ivar lost: set of numbers of servers whose disks may be gone: a rebuild
        or a build has failed
    :ivar outcomes: list of (name of a step, whether Nova did it), for
        statistics
    :param base: dict, the view of the site without any server
    """

    def __init__(self, cloud, base):
        self.cloud = cloud
        self.api = walk_api.API(cloud)
        self.watch = ledger.Watch(cloud)
        self.systems = systems.Watch(cloud,
                                     history_look.moves_under_way)
        self.script = []
        self.taken = []
        self.servers = {}
        self.lost = set()
        # Volumes that Cinder has as being attached: it replaces none of them.
        self.half_attached = set()
        self._looks = {}
        self.outcomes = []
        self._base = base
        self._all = []
        self._last_number = 0
        self._replacements = itertools.count(FIRST_REPLACEMENT)
        self._replaced = []
        self._faults = []
        # Name of an LPAR of somebody else -> (host, what it has).
        self.theirs = {}
        self.has_volumes = 'fc_attach_strategy' in cloud.platform.options
        cloud.failures.clear()
        if self.has_volumes:
            for number in (*VOLUMES, SHARED):
                self.watch.guests.make_volume(number)
            self.cloud.cinder.multiattach.add(volumes.VOLUME % SHARED)
        self.watch.begin()
        self.watch.remember_outside()

    # ---- what is, for whoever chooses the next step ----------------------

    @property
    def hosts(self):
        return range(1, len(self.cloud.site.hosts) + 1)

    @property
    def next_number(self):
        """A number that nothing had yet."""
        return self._last_number + 1

    def _number(self, number):
        """Note the number of something new; None for the next one."""
        number = number or self.next_number
        self._last_number = max(self._last_number, number)
        return number

    def is_up(self, host):
        """Whether the nova-compute of a host is up."""
        return 'compute%d' % host in self.cloud.computes

    def vioses(self, up):
        """List (host, name) of the VIOSes that are up, or down."""
        return [(host, vios.name) for host in self.hosts
                for vios in self._host(host).store.all('VirtualIOServer')
                if vios.is_serving == up]

    def look(self, number):
        """What Nova has of a server: history_look.Look.

        It is read once after each step, since many rules ask for it.
        """
        if number not in self._looks:
            self._looks[number] = history_look.look(
                self.servers[number].uuid)
        return self._looks[number]

    def in_state(self, *statuses, up=True):
        """List numbers of servers by their state, on hosts that are up."""
        return [number for number in self.servers
                if self.look(number).status in statuses and (
                    not up or self.look(number).host in self.cloud.computes)]

    def stuck(self):
        """List numbers of servers that only an administrator can help."""
        return [number for number in self.servers
                if (', ' in self.look(number).status or
                    self.look(number).status == 'error') and
                self.look(number).host in self.cloud.computes]

    def lpar(self, number):
        """The simulated LPAR of a server, or None."""
        host = self.look(number).host
        return host and view.partition_of(self.cloud.host_of(host),
                                          self.servers[number].uuid)

    def host_number(self, number):
        """The number of the host of a server, or None."""
        name = self.look(number).host
        return name and int(name[len('compute'):])

    def boots_from_image(self, number):
        """Whether a server boots from a disk of ours, not from a volume."""
        return self.look(number).has_image

    def has_own_disks(self, number):
        """Whether a server has disks of ours."""
        flavor = FLAVORS[self.flavor(number)]
        return bool(self.boots_from_image(number) or flavor.swap or
                    flavor.ephemeral_gb)

    def has_disks_of_its_host(self, number):
        """Whether the LPAR of a server has disks that no other host has."""
        return not self.has_shared_disks and bool(view.own_disks(
            self.cloud.host_of(self.look(number).host),
            self.servers[number].uuid))

    @property
    def has_shared_disks(self):
        """Whether all hosts reach the disks of each server."""
        return self.cloud.platform.options['disk_driver'] == 'ssp'

    def volumes_of(self, number):
        """Numbers of the volumes that are attached to a server."""
        return [volume.number for volume in self.look(number).volumes
                if volume.is_connected]

    def data_volumes_of(self, number):
        """Numbers of those that it does not boot from."""
        return [volume.number for volume in self.look(number).volumes
                if volume.is_connected and not volume.is_root]

    def flavor(self, number):
        """The name of the flavor of a server."""
        return _FLAVOR_NAMES[self.look(number).flavor_id]

    def has_later_port(self, number):
        """Whether a server has the port that it does not begin with."""
        return LATER_PORT + number in self.cloud.ports.numbers(
            self.servers[number].uuid)

    def has_unmapped_device(self, number):
        """Whether a VIOS has a volume of a server and maps it to nobody."""
        wanted = {volumes.VOLUME % volume.number
                  for volume in self.look(number).volumes}
        host = self.cloud.site.state()['hosts'][self.host_number(number) - 1]
        return any(device.get('volume') in wanted and not device['mapped_to']
                   for vios in host['VirtualIOServer']
                   for device in vios['physical_volumes'])

    def free_volumes(self):
        """Numbers of the volumes that Cinder would attach to a server."""
        if not self.has_volumes:
            return []
        return [number for number in VOLUMES if not
                self.cloud.cinder.volume_to_attachment.get(
                    volumes.VOLUME % number)]

    def shareable(self, number=None):
        """Numbers of the volumes that a server may have beside others.

        :param number: int; None for a server that is to be made
        """
        if not self.has_volumes or number is not None and SHARED in [
                volume.number for volume in self.look(number).volumes]:
            return []
        return [SHARED]

    def _host(self, number):
        return self.cloud.site.hosts[number - 1]

    def _operator(self, host):
        return self._host(host).operator

    # ---- faults ----------------------------------------------------------

    @outside
    def fault(self, effect, number, host):
        """Let a request of the next operation fail.

        :param effect: str, see effects.EFFECTS
        :param number: int, the how-manieth request to the host, from 1
        :param host: int
        """
        self._faults.append((effects.EFFECTS[effect], number, host))

    def has_just(self, name):
        """Whether the last step was the one with a name."""
        return self.script[-1:] == ['history.%s()' % name]

    def has_fault(self, kills=False):
        """Whether the next operation is to fail.

        :param kills: whether only that counts which kills nova-compute
        """
        return any(effect.kills or not kills
                   for effect, _number, _host in self._faults)

    def _disturbed(self, act):
        """Have Nova do something while the faults are armed."""
        self.cloud.failures.clear()
        self.cloud.waiting.reset()
        self.watch.begin()
        armed = [effect.arm(self.cloud, 'compute%d' % host, number)
                 for effect, number, host in self._faults]
        self._faults.clear()
        try:
            return act()
        finally:
            for fault in reversed(armed):
                fault.disarm()

    def _do(self, number, act, *statuses, on=()):
        """Have Nova do something to a server, and return its UUID.

        :param on: Nova's names of hosts beside that of the server
        """
        if number not in self.servers:
            raise NotPossible('There is no server %d' % number)
        found = self.servers[number]
        if statuses and found.status not in statuses:
            raise NotPossible('Server %d is %s' % (number, found.status))
        with self.systems.stay(*filter(None, (found.host, *on))):
            self._disturbed(lambda: act(found))
        self._looks.clear()
        self._note(not self.cloud.failures)
        return found.uuid

    def _note(self, done):
        name = self.script[-1].partition('(')[0].partition('.')[2]
        self.outcomes.append((name, done))

    # ---- nova-compute ----------------------------------------------------

    @step
    def stop_compute(self, host):
        self.watch.begin()
        with self.systems.stay('compute%d' % host):
            self.cloud.stop('compute%d' % host)

    @step
    def start_compute(self, host):
        """Start nova-compute, or restart it."""
        is_easy = not self._faults and not self.vioses(up=False)
        if not is_easy:
            self.watch.await_nothing()
        with self.systems.stay('compute%d' % host):
            self._disturbed(lambda: self._restart('compute%d' % host))
        self._note(self.is_up(host))
        if is_easy and not self.is_up(host):
            raise Broken(self.tell('nova-compute cannot start'))

    def _restart(self, name):
        try:
            self.cloud.restart(name)
        except (Exception, effects.Killed) as exc:
            self.cloud.failures.append(exc)

    @step
    def periodic(self):
        """Let the periodic tasks of all hosts run."""
        is_easy = not self._faults and not self.vioses(up=False)
        self._disturbed(self.systems.run_periodic_tasks)
        if is_easy:
            self.watch.forget_vioses({
                self.cloud.host_of(name).name for name in self.cloud.computes})
            self._expect_none(history_offers.excess(self.cloud))

    @step
    def compare_offers(self):
        """Compare what placement may grant with what the hosts can give."""
        # The first time, they remove something after placement was told.
        for _time in range(2):
            self.systems.run_periodic_tasks()
        self._expect_none(history_offers.excess(self.cloud) +
                          history_offers.shortage(self.cloud))

    # ---- looking ---------------------------------------------------------

    def check(self, target=None):
        """Fail if something does not hold that must.

        :param target: UUID of the server that something was done to
        """
        self.cloud.mistakes.check()
        self._expect_none(self.watch.faults(target) +
                          history_offers.faults(self.cloud))

    def _expect_none(self, faults):
        if faults:
            raise Broken(self.tell('\n'.join(faults)))

    def tell(self, what):
        """Describe a failure, with the script that leads to it."""
        statuses = ['server %d is %s on %s' % (number, found.status,
                                               found.host)
                    for number, found in self.servers.items()]
        failures = ['%s: %s' % (type(failure).__name__, str(failure)[:500])
                    for failure in self.cloud.failures]
        return '\n'.join([
            what, '', *statuses, *failures, '', 'The history on %s is:' %
            self.cloud.platform.name, '', *self.script, ''])

    def end(self):
        """Delete all servers; nothing is left of them."""
        self.script.append('history.end()')
        try:
            self._end()
        except Broken:
            raise
        except (Exception, effects.Killed) as exc:
            raise Broken(self.tell('%s: %s' % (type(exc).__name__,
                                               exc))) from exc

    def _end(self):
        self._faults.clear()
        for host, name in self.vioses(up=False):
            self._operator(host).vios(name).booted()
        self.watch.begin()
        self.cloud.failures.clear()
        self.release_all()
        self.cloud.start_all()
        self.check()
        for number, found in list(self.servers.items()):
            self.watch.guests.forget(found)
            for _attempt in range(2):
                self.api.delete(found)
            if found.status != 'gone':
                raise Broken(self.tell('server %d cannot be deleted' %
                                       number))
            # Other deletions, or the periodic tasks, may remove what excuses
            # something.
            self.check()
        for _pass in range(2 if self._has_shared_late() else 1):
            self.cloud.run_periodic_tasks()
        self.check()
        for name in list(self.theirs):
            self._remove_theirs(name)
        if self._may_have_lent_an_id():
            for name in list(self.cloud.computes):
                self.cloud.restart(name)
        self.remove_volumes()
        difference = view.difference(self._base, view_of(self.cloud.site))
        if difference:
            raise Broken(self.tell('something is left\n' + difference))
        for found in self._all:
            self.cloud.forget(found)

    def _has_shared_late(self):
        """Whether one host may wait for another to unmap a logical unit.

        A VIOS that was down may have kept the mapping. The host where the
        server was deleted does not know when another host has removed it.
        """
        return (bool(self.cloud.site.pools) and len(self.hosts) > 1 and
                'vios_down' in {name for name, _ in self.taken})

    def release_all(self):
        """Let the platform go on with all migrations that are held."""
        with self.cloud.site.lock:
            for migration in list(self.cloud.site.migrations.under_way):
                self.cloud.site.migrations.release(migration.lpar.uuid)

    def _may_have_lent_an_id(self):
        """Whether an LPAR of others may have got the id of a server's LPAR.

        So may that of a server which is deleted while nova-compute is down.
        As long as it has the id, nothing tells a Fibre Channel mapping that
        the server has left, on a VIOS which was down or because somebody has
        deleted its LPAR, from one of that LPAR. It goes when nova-compute
        starts after that.
        """
        taken = {name for name, _ in self.taken}
        return (bool(self.cloud.platform.fabrics) and
                not taken.isdisjoint(('vios_down', 'lose')) and
                not taken.isdisjoint(('their_lpar', 'delete')))

    def remove_volumes(self):
        """Delete all volumes, also those that a dead process has reserved.

        :raises Broken: if a VIOS still has a hard disk of one
        """
        if not self.has_volumes:
            return
        cinder = self.cloud.cinder
        for number in (*VOLUMES, SHARED, *self._replaced):
            volume = volumes.VOLUME % number
            for attachment in list(cinder.volume_to_attachment.get(
                    volume, ())):
                cinder.fake_attachment_delete(self.cloud.context, attachment)
            cinder.fake_delete(self.cloud.context, volume)
        cinder.migrating.clear()
        complaints = list(cinder.complaints)
        cinder.complaints.clear()
        self._expect_none(complaints)
