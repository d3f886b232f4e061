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

"""What a history must never do, looked at on the simulated site.

Nothing here asks the driver. What Nova says of its servers comes from its
database, all else from the objects of the simulator.
"""

import os

from nova.compute import power_state
from nova.compute import vm_states

from nova_powervm.tests.functional import volumes
from nova_powervm.tests.virt.powervm.walks import foreign
from nova_powervm.tests.virt.powervm.walks import history_look
from nova_powervm.tests.virt.powervm.walks import view

#: Where a guest writes onto a disk of ours, behind the bytes of the image.
OFFSET = 900 * 1024 ** 2 + 4097
#: Where a volume has bytes that tell it from others; some are small.
VOLUME_OFFSET = 4097
_WRITTEN = b'written by the guest of %s onto %s'
_VOLUME_BYTES = b'the bytes of volume %d'


class Guests:
    """What the guests of all servers have written.

    :param cloud: cloud.Cloud
    """

    def __init__(self, cloud):
        self._cloud = cloud
        # UUID of a server -> names of disks with what its guest wrote.
        self._names = {}
        self._volumes = set()

    def write(self, server):
        """Let a guest write onto each of its own disks that it sees."""
        names = self._names[server.uuid] = set()
        if server.host is None:
            return
        host = self._cloud.host_of(server.host)
        for name, disk in view.own_disks(host, server.uuid).items():
            if not name.startswith('r_'):
                disk.write_at(OFFSET, self._expected(server.uuid, name))
                names.add(name)

    def forget(self, server):
        """Expect nothing of a server's disks any more."""
        self._names.pop(server.uuid, None)

    def make_volume(self, number):
        """Make a volume in the array, with bytes of its own.

        It is small, since some operations copy it.
        """
        self._cloud.cinder.create(volumes.VOLUME % number, 1 / 64)
        self._volumes.add(number)
        self._cloud.cinder.lun(volumes.VOLUME % number).disk.write_at(
            VOLUME_OFFSET, _VOLUME_BYTES % number)

    @staticmethod
    def _expected(uuid, name):
        return _WRITTEN % (uuid.encode(), name.encode())

    def missing(self):
        """List what is not there any more, as lines of text."""
        found = []
        stored = _stored_disks(self._cloud.site)
        for uuid, names in self._names.items():
            for name in sorted(names):
                expected = self._expected(uuid, name)
                if not any(disk.read(OFFSET, len(expected)) == expected
                           for disk in stored.get(name, ())):
                    found.append('the content of disk %s of %s is lost' % (
                        name, uuid))
        for number in sorted(self._volumes):
            expected = _VOLUME_BYTES % number
            if self._cloud.cinder.lun(volumes.VOLUME % number).disk.read(
                    VOLUME_OFFSET, len(expected)) != expected:
                found.append('the content of volume %d is lost' % number)
        return found


def _stored_disks(site):
    """Find all virtual disks and logical units: name -> SparseDisks."""
    found = {}
    with site.lock:
        for host in site.hosts:
            for group in host.store.all('VolumeGroup'):
                for disk in group.disks.values():
                    found.setdefault(os.path.basename(disk.name), []).append(
                        disk.disk)
        for pool in site.pools:
            for unit in pool.units:
                found.setdefault(unit.name, []).append(unit.disk)
    return found


class Watch:
    """What must hold after each step of a history.

    :ivar guests: Guests
    :param cloud: cloud.Cloud
    """

    def __init__(self, cloud):
        self._cloud = cloud
        self._site = cloud.site
        self.guests = Guests(cloud)
        self._foreign = foreign.Watch(cloud.site)
        # UUID -> whether its LPAR was on, of servers that Nova says run.
        self._was_on = {}
        # UUIDs of servers whose guest has crashed: Nova stops them when it
        # next compares the power states.
        self._had_crashed = set()
        # UUIDs of servers that were stopped when their nova-compute was
        # killed: it has to start them again when it starts.
        self._awaited = set()
        # (name of a host, name of a VIOS) of VIOSes that were down, until the
        # periodic tasks: they may keep volumes until then, and give an LPAR
        # back what a detachment could not take from it.
        self.late = set()

    def forget_vioses(self, hosts):
        """Note that hosts have removed what VIOSes kept that were down."""
        self.late = {(host, name) for host, name in self.late
                     if host not in hosts}

    def remember_outside(self):
        """Take what belongs to others now for what it has to be.

        Somebody may also have stopped servers.
        """
        self._foreign.remember()
        self.await_nothing()

    def await_nothing(self):
        """Do not expect that a nova-compute starts what a kill has stopped."""
        self._awaited.clear()

    def begin(self):
        """Remember what runs before an operation."""
        self._foreign.begin()
        self._was_on = {
            instance.uuid: (instance.uuid in self._awaited or
                            self._is_on(instance.host, instance.uuid))
            for instance in self._running()}
        self._had_crashed = {
            instance.uuid for instance in self._running()
            if view.has_crashed(view.partition_of(
                self._cloud.host_of(instance.host), instance.uuid))}

    def _running(self):
        """The servers that Nova says run and does nothing with."""
        return [instance for instance in history_look.instances()
                if instance.vm_state == vm_states.ACTIVE and
                instance.task_state is None and instance.host and
                instance.power_state == power_state.RUNNING]

    def _is_on(self, host, uuid):
        return view.is_on(view.partition_of(self._cloud.host_of(host), uuid))

    def faults(self, target=None):
        """List what does not hold, as lines of text.

        :param target: UUID of the server that something was done to; others
            are not stopped by it
        """
        return (self._changes_of_foreign() + self._stopped(target) +
                self._written_twice() + self.guests.missing() +
                self._hard_disks_left())

    def unsafe(self):
        """List what must not even be for a moment, as lines of text."""
        return (self._changes_of_foreign() + self._written_twice() +
                self.guests.missing())

    def _hard_disks_left(self):
        """Find hard disks of volumes that a detach left on a VIOS.

        Where nova-compute is down they go when it is up again, and where a
        VIOS was down, with the next periodic tasks. So do those of an LPAR
        that an evacuation which was cut off has left, and those that a host
        has found for a server that has not come: Nova deletes the server on
        the host that has it, and nobody tells the other one. A history ends
        with nothing left of them.
        """
        complaints = self._cloud.cinder.complaints
        if not complaints:
            return []
        excused = self._hosts_of_evacuations_cut_off() | {
            host for host, _vios in self.late} | {
            host.name for number, host in enumerate(self._site.hosts, 1)
            if 'compute%d' % number not in self._cloud.computes} | {
            self._cloud.host_of(row.dest_compute).name
            for row in history_look.moves_cut_off('live-migration')}
        left = self.left_by_evacuations()
        complaints[:] = [complaint for complaint in complaints
                         if not complaint.endswith(tuple(excused)) and
                         not any(name in complaint and complaint.endswith(
                             host) for name, host in left)]
        return list(complaints)

    def left_by_evacuations(self):
        """LPARs of servers that have not arrived: list of (name, host).

        Cinder exports their volumes to the other host only. Of one that
        others share, this shows when the last of them is detached.
        """
        return [(lpar.name, host.name)
                for row in history_look.moves_cut_off('evacuation')
                for host in self._site.hosts
                for lpar in [view.partition_of(host, row.instance_uuid)]
                if lpar is not None]

    def _hosts_of_evacuations_cut_off(self):
        """Names of hosts with an LPAR of a server that has not arrived."""
        return {host.name for uuid, host in (
            (row.instance_uuid, self._cloud.host_of(row.dest_compute))
            for row in history_look.moves_cut_off('evacuation'))
            if view.partition_of(host, uuid) is not None}

    def _changes_of_foreign(self):
        return ['not ours: ' + line for line in self._foreign.changes()]

    def _stopped(self, target):
        """Find servers that Nova says run, and that something stopped."""
        stopped = [instance for instance in self._running()
                   if self._was_on.get(instance.uuid) and
                   not self._is_on(instance.host, instance.uuid)]
        self._awaited = {instance.uuid for instance in stopped
                         if instance.host not in self._cloud.computes}
        found = ['Nova says that %s runs, and its LPAR does not' %
                 instance.uuid for instance in stopped
                 if instance.uuid not in self._awaited]
        for instance in history_look.instances():
            if (target not in (None, instance.uuid) and instance.host and
                    instance.uuid not in self._awaited | self._had_crashed and
                    self._was_on.get(instance.uuid) and
                    not self._is_on(instance.host, instance.uuid)):
                found.append('%s was stopped by what was done to another '
                             'server' % instance.uuid)
        return found

    def _written_twice(self):
        """Find disks that two LPARs write to.

        A host that is wrongly thought dead writes until nova-compute is up
        there again: its LPARs do not count. Nor do the paths of a VIOS that
        was down, until the periodic tasks: only they can remove what the VIOS
        has kept.
        """
        up = {self._cloud.host_of(name).name
              for name in self._cloud.computes}
        found = []
        for disk, lpars in view.writers(self._site, self.late).items():
            lpars = sorted(lpar for lpar in lpars
                           if lpar.rpartition(' of ')[2] in up)
            if disk in self._cloud.shared_volumes:
                # Several servers may, but each on one host.
                lpars = on_several_hosts(lpars)
            if len(lpars) > 1:
                found.append('%s is written by %s' % (
                    os.path.basename(str(disk)), lpars))
        for instance in history_look.instances():
            hosts = [name for name in self._cloud.computes
                     if self._is_on(name, instance.uuid)]
            if len(hosts) > 1:
                found.append('%s runs on %s' % (instance.uuid, hosts))
        return found


def on_several_hosts(lpars):
    """Those of 'LPAR of host' whose LPAR is on more than one host."""
    names = [lpar.rpartition(' of ')[0] for lpar in lpars]
    return [lpar for lpar, name in zip(lpars, names) if names.count(name) > 1]


def left_behind(cloud):
    """List what computes that were stopped have left, as lines of text.

    What a dead process has left is no fault of the driver.

    :param cloud: cloud.Cloud, all of whose computes are down
    """
    found = []
    for host in cloud.site.hosts:
        found += ['session on ' + host.name
                  for session in host.sessions.state()
                  if session['id'] not in cloud.lost_sessions]
        found += ['job %s on %s' % (job, host.name)
                  for job in host.jobs.state()
                  if job['status'] in ('RUNNING', 'NOT_STARTED')]
        found += ['file %s on %s' % (file.uuid, host.name)
                  for file in host.store.all('File')]
    found += ['thread ' + thread.name for thread in cloud.threads.left()]
    return found
