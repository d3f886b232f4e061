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

"""The steps of a history that a user of Nova takes."""

from nova_powervm.tests.functional import volumes
from nova_powervm.tests.virt.powervm.walks import history
from nova_powervm.tests.virt.powervm.walks import server as walk_server
from nova_powervm.tests.virt.powervm.walks import view

step = history.step
FLAVORS = history.FLAVORS
LATER_PORT = history.LATER_PORT
_MIB = 1024 ** 2


class ServerSteps(history.Base):
    """What users, and administrators, ask Nova for."""

    # ---- servers come and go ---------------------------------------------

    @step
    def make(self, host, flavor='small', own_volumes=(), boots=False,
             number=None):
        """Make a server; see api.API.create."""
        number = self._number(number)
        made = walk_server.Server(self.cloud, number)
        self.servers[number] = made
        self._all.append(made)
        self._do(number, lambda _server: self.api.create(
            number, FLAVORS[flavor], volumes=own_volumes, boots=boots,
            host='compute%d' % host), on=['compute%d' % host])
        if made.status == 'active':
            self.watch.guests.write(made)
        else:
            self.lost.add(number)
        return made.uuid

    @step
    def delete(self, number):
        found = self.servers[number]
        self.watch.guests.forget(found)
        self.lost.add(number)
        self._do(number, self.api.delete)
        if found.status == 'gone':
            del self.servers[number]
        return found.uuid

    @step
    def rebuild(self, number):
        self.watch.guests.forget(self.servers[number])
        self.lost.add(number)
        uuid = self._do(number, self.api.rebuild, 'active', 'stopped',
                        'error')
        self._has_new_disks(number)
        return uuid

    def _has_new_disks(self, number):
        if self.servers[number].status in ('active', 'stopped'):
            self.lost.discard(number)
            self.watch.guests.write(self.servers[number])

    @step
    def mend(self, number):
        """Do what Nova advises for a server in ERROR, or that is stuck."""
        self.api.reset_state(self.servers[number])
        is_easy = not self._faults and not self.vioses(up=False)
        self._refresh_attachments(number)
        uuid = self._do(number, lambda found: self.api.reboot(found,
                                                              hard=True))
        if (is_easy and number not in self.lost and
                not self._is_beside_dead_devices(number)):
            self._expect(number, 'active')
        return uuid

    def _is_beside_dead_devices(self, number):
        """Whether another LPAR has devices that Cinder exports no more.

        A failed evacuation has left them. The array may give the volumes of
        this server the same addresses. The driver refuses these addresses as
        long as the other LPAR has the devices.
        """
        host = self.cloud.host_of(self.servers[number].host).name
        return host in {left for _lpar, left in
                        self.watch.left_by_evacuations()}

    def _expect(self, number, status):
        """Fail if a server cannot be used as it should."""
        found = self.servers[number]
        if found.status != status or (status == 'active' and
                                      not view.is_on(self.lpar(number))):
            raise history.Broken(self.tell(
                'server %d is not %s; it is %s' % (number, status,
                                                   found.status)))

    # ---- power and images ------------------------------------------------

    @step
    def stop(self, number):
        return self._do(number, self.api.stop, 'active')

    @step
    def start(self, number):
        return self._do(number, self.api.start, 'stopped')

    @step
    def soft_reboot(self, number):
        return self._do(number, self.api.reboot, 'active')

    @step
    def hard_reboot(self, number):
        self._refresh_attachments(number)
        return self._do(number, lambda found: self.api.reboot(
            found, hard=True), 'active', 'stopped', 'error')

    def _refresh_attachments(self, number):
        """Do what Nova advises if volumes are not connected."""
        if number in self.in_state('active', 'stopped', 'error'):
            with self.systems.stay(self.servers[number].host):
                self.api.refresh_attachments(self.servers[number])

    @step
    def rescue(self, number):
        return self._do(number, self.api.rescue, 'active', 'stopped')

    @step
    def unrescue(self, number):
        return self._do(number, self.api.unrescue, 'rescued')

    @step
    def snapshot(self, number):
        return self._do(number, self.api.snapshot, 'active', 'stopped')

    # ---- resizes and moves -----------------------------------------------

    @step
    def resize(self, number, flavor):
        return self._do(number, lambda found: self.api.resize(
            found, FLAVORS[flavor]), 'active', 'stopped')

    @step
    def migrate(self, number):
        """Move a server to the other host."""
        target = 'compute%d' % (3 - self.host_number(number))
        return self._do(number, lambda found: self.api.resize(
            found, None, target), 'active', 'stopped')

    @step
    def confirm(self, number):
        return self._do(number, self.api.confirm, 'resized')

    @step
    def revert(self, number):
        return self._do(number, self.api.revert, 'resized')

    @step
    def evacuate(self, number, is_dead):
        """Make a server on the other host; its own is thought dead.

        :param is_dead: whether it is: then none of its servers runs
        """
        host = self.host_number(number)
        if self.is_up(host):
            self.cloud.stop('compute%d' % host)
        if is_dead:
            for other in self._all:
                lpar = view.partition_of(self._host(host), other.uuid)
                if view.is_on(lpar):
                    lpar.halted()
        keeps = self.cloud.site.pools or not self.has_own_disks(number)
        if not keeps:
            self.watch.guests.forget(self.servers[number])
            self.lost.add(number)
        uuid = self._do(number, lambda found: self.api.evacuate(
            found, 'compute%d' % (3 - host)))
        if not keeps:
            self._has_new_disks(number)
        return uuid

    # ---- volumes and ports -----------------------------------------------

    @step
    def attach(self, number, volume):
        self.half_attached.add(volume)
        uuid = self._do(number, lambda found: self.api.attach(found, volume),
                        'active', 'stopped')
        if self.is_up(self.host_number(number)):
            self.half_attached.remove(volume)
        return uuid

    @step
    def detach(self, number, volume):
        return self._do(number, lambda found: self.api.detach(found, volume),
                        'active', 'stopped')

    @step
    def extend(self, number, volume):
        """Make a volume larger by 1 MiB."""
        size = self.cloud.cinder.lun(volumes.VOLUME % volume).size + _MIB
        return self._do(number, lambda found: self.api.extend(
            found, volume, size / volumes.GIB), 'active', 'stopped')

    @step
    def swap(self, number, volume):
        """Put another volume in the place of one."""
        other = next(self._replacements)
        self._replaced.append(other)
        self.cloud.cinder.create(
            volumes.VOLUME % other,
            self.cloud.cinder.lun(volumes.VOLUME % volume).size / volumes.GIB)
        return self._do(number, lambda found: self.api.swap(
            found, volume, other), 'active')

    @step
    def attach_port(self, number):
        return self._do(number, lambda found: self.api.attach_port(
            found, LATER_PORT + number), 'active', 'stopped')

    @step
    def detach_port(self, number):
        return self._do(number, lambda found: self.api.detach_port(
            found, LATER_PORT + number), 'active', 'stopped')
