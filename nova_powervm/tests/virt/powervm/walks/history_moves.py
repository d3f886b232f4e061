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

"""The steps of a history that move a running server, and what breaks them.

A step holds a migration when a phase of it begins, on the platform, and lets
something happen then. So a history also sees both hosts half-way.
"""

from nova import objects

from nova_powervm.simulator.migration import fc
from nova_powervm.simulator.migration import record
from nova_powervm.simulator.san import address
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import history
from nova_powervm.tests.virt.powervm.walks import view

step = history.step
#: How a phase of a migration can end by itself: see the simulator's faults.
_FAILED, _STUCK = 'failed', 'stuck'


class MoveSteps(history.Base):
    """Live migrations, and what happens while they are under way."""

    @step
    def live_migrate(self, number, target=None):
        """Move a running server.

        :param target: int, a host; None for the other one of two
        """
        source, before = self.host_number(number), self._guest(number)
        target = target or 3 - source
        is_easy = (not self.has_fault() and not self.vioses(up=False) and
                   self._keeps_luns(number) and
                   not self._is_in_the_way(number, target))
        name = 'compute%d' % target
        uuid = self._do(number, lambda found: self.api.live_migrate(
            found, name), 'active', on=[name])
        if is_easy and self.host_number(number) == source:
            raise history.Broken(self.tell('server %d has not moved' %
                                           number))
        self._expect_guest(number, before, is_easy)
        return uuid

    @step
    def live_migrate_until(self, number, phase, event, target=None):
        """Move a running server; something happens when a phase begins.

        :param phase: str, see simulator.migration.record.PHASES
        :param event: str, one of EVENTS
        :param target: int, a host; None for the other one of two
        """
        self._seen, before = [], self._guest(number)
        is_easy = event in _HARMLESS and not self.vioses(up=False)
        target = 'compute%d' % (target or 3 - self.host_number(number))
        uuid = self._do(
            number, lambda found: self._live_migrate_until(
                found, self.lpar(number), phase, event, target),
            'active', on=[target] + self._changed_by(event))
        self._expect_none(self._seen)
        # A fault may keep the target from starting again. Nova waits for it.
        is_easy = is_easy and target in self.cloud.computes
        if is_easy:
            self._expect(number, 'active')
        self._expect_guest(number, before, is_easy)
        return uuid

    def _changed_by(self, event):
        """Nova's names of the hosts that something else happens to."""
        return (['compute%d' % host for host in self.hosts]
                if event in _OF_ALL else [])

    def _is_in_the_way(self, number, target):
        """Whether the target has an LPAR of a server, from an earlier move.

        The driver refuses such a target, until an operator has deleted it.
        """
        with self.cloud.site.lock:
            return view.partition_of(
                self._host(target), self.servers[number].uuid) is not None

    def _keeps_luns(self, number):
        """Whether an array gives both WWPNs of each adapter the same LUNs.

        It gives the second ones the lowest LUNs that are free, one volume
        after the other, as Nova lists them. The platform moves no server for
        which they differ.
        """
        bdms = objects.BlockDeviceMappingList.get_by_instance_uuid(
            self.cloud.context, self.servers[number].uuid)
        with self.cloud.site.lock:
            pairs = [tuple(map(address.wwpn, mapping.wwpns))
                     for mapping in fc.mappings_of(self.lpar(number))]
            second = {pair[1] for pair in pairs}
            taken = {lun for volume in self.cloud.site.san.volumes.values()
                     for wwpn, lun in volume.exports.items()
                     if wwpn in second} if pairs else set()
            for bdm in bdms if pairs else ():
                if not bdm.is_volume:
                    continue
                exports = self.cloud.cinder.lun(bdm.volume_id).exports
                luns = {exports[wwpn] for wwpn in second if wwpn in exports}
                lun = min(luns, default=min(
                    set(range(len(taken) + 1)) - taken))
                taken.add(lun)
                if {exports.get(pair[0]) for pair in pairs} != {lun}:
                    return False
        return True

    def _guest(self, number):
        """What the guest of a server has: (time of its boot, set of disks).

        None if it does not run, or nobody knows where.
        """
        with self.cloud.site.lock:
            lpar = self.lpar(number)
            return (lpar.boot_time, view.writable(lpar)) if (
                view.is_on(lpar)) else None

    def _expect_guest(self, number, before, is_easy):
        """Fail if the guest of a server was started, or has lost a disk.

        :param before: what it had, see _guest()
        :param is_easy: whether there was nothing that breaks paths to disks
        """
        self._looks.clear()
        after = self._guest(number)
        if before is None or after is None:
            return
        if before[0] != after[0]:
            raise history.Broken(self.tell('the guest of server %d was '
                                           'started again' % number))
        if is_easy and before[1] - after[1]:
            raise history.Broken(self.tell('the guest of server %d has lost '
                                           '%s' % (number, sorted(map(
                                               str, before[1] - after[1])))))

    def _live_migrate_until(self, found, lpar, phase, event, target):
        migrations = self.cloud.site.migrations
        source = found.host
        fault = None
        if event in (_FAILED, _STUCK):
            fault = lpar.host.faults.add({
                'method': 'PUT', 'path': '/do/Migrate$',
                'effect': 'migration', 'phase': phase, 'outcome': event})
        with self.cloud.site.lock:
            migrations.hold(lpar.uuid, phase)
        met = []

        def meet():
            met.append(phase)
            self._meet(found, lpar, (source, target), event)

        self.cloud.waiting.events.append(meet)
        try:
            self.api.live_migrate(found, target)
        finally:
            self.cloud.waiting.reset()
            if fault is not None:
                lpar.host.faults.clear(fault.id)
            # Nothing may hold a later migration.
            if event != 'kill source early' or not met:
                self._release(lpar)
        if event == 'stop source' and self.is_up(int(source[-1])):
            self.cloud.stop(source)

    def _release(self, lpar):
        with self.cloud.site.lock:
            self.cloud.site.migrations.release(lpar.uuid)

    def _meet(self, found, lpar, hosts, event):
        """Look at both hosts half-way, and let the event happen.

        :param hosts: Nova's names of source and target
        """
        source, _target = hosts
        self._seen += self.watch.unsafe()
        try:
            EVENTS[event](self, found, lpar, *hosts)
            self._seen += self.watch.unsafe()
        finally:
            if source in self.cloud.computes:
                with self.cloud.on(source):
                    """The process that waits sees its options again."""
            if event != 'kill source early':
                self._release(lpar)

    # ---- what happens half-way -------------------------------------------

    def _nothing(self, found, lpar, source, target):
        """Nothing but a look."""

    def _abort(self, found, lpar, source, target):
        self.api.abort_live_migration(found)

    def _kill_source(self, found, lpar, source, target):
        """It dies while the platform goes on."""
        self._release(lpar)
        self._kill_source_early(found, lpar, source, target)

    def _kill_source_early(self, found, lpar, source, target):
        """It dies, and the migration is held until somebody ends it."""
        effects.die(self.cloud, source)
        raise effects.Killed()

    def _stop_source(self, found, lpar, source, target):
        self.cloud.compute(source).driver.services.migrations.close()

    def _kill_target(self, found, lpar, source, target):
        effects.die(self.cloud, target)
        self.cloud.kill(target)

    def _restart_target(self, found, lpar, source, target):
        self._restart(target)

    def _run_periodic_tasks(self, found, lpar, source, target):
        self.systems.run_periodic_tasks()

    def _reboot_others(self, found, lpar, source, target):
        """The VIOSes of both hosts change meanwhile."""
        for other in self._others(found):
            self.api.reboot(other, hard=True)

    def _move_others(self, found, lpar, source, target):
        """Several migrations at once, also in opposite directions."""
        for other in self._others(found):
            self.api.live_migrate(
                other, target if other.host == source else source)

    def _others(self, found):
        """The other servers that are active, and whose host is up."""
        return [other for other in self.servers.values()
                if other is not found and other.status == 'active' and
                other.host in self.cloud.computes]

    def _forget_jobs(self, found, lpar, source, target):
        """NovaLink, or the HMC, restarts."""
        with self.cloud.site.lock:
            lpar.host.jobs.forget()


#: What can happen when a phase begins: name -> method.
EVENTS = {
    'look': MoveSteps._nothing,
    _FAILED: MoveSteps._nothing,
    _STUCK: MoveSteps._nothing,
    'abort': MoveSteps._abort,
    'kill source': MoveSteps._kill_source,
    'kill source early': MoveSteps._kill_source_early,
    'stop source': MoveSteps._stop_source,
    'kill target': MoveSteps._kill_target,
    'restart target': MoveSteps._restart_target,
    'periodic': MoveSteps._run_periodic_tasks,
    'forget jobs': MoveSteps._forget_jobs,
    'reboot others': MoveSteps._reboot_others,
    'move others': MoveSteps._move_others,
}
#: These may change all hosts. The jobs of an HMC are those of all systems.
_OF_ALL = frozenset(('periodic', 'reboot others', 'move others',
                     'forget jobs'))
#: After these a server runs, on either host, if nothing else is wrong.
_HARMLESS = frozenset(('look', _FAILED, _STUCK, 'abort', 'restart target',
                       'periodic', 'forget jobs', 'reboot others',
                       'move others'))
#: Phases in which the platform can still stop a migration.
_EARLY = (record.VALIDATE, record.PREPARE, record.COPY)


def choices():
    """List (phase, event) of all that can happen."""
    return [(phase, event) for phase in record.PHASES for event in EVENTS
            # Nothing ends one that is held later, so nova-compute waits.
            if event != 'kill source early' or phase in _EARLY]
