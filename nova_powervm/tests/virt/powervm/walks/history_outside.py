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

"""The steps of a history that Nova does not hear of."""

from nova_powervm.tests.virt.powervm.walks import foreign
from nova_powervm.tests.virt.powervm.walks import history

_MIB = 1024 ** 2
outside = history.outside


class OutsideSteps(history.Base):
    """What operators, and fate, do to the platform."""

    # ---- servers of ours -------------------------------------------------

    @outside
    def power_off(self, number):
        """Let the guest of a server shut down."""
        self.lpar(number).halted()

    @outside
    def power_on(self, number):
        self.lpar(number).booted()

    @outside
    def crash(self, number):
        """Let the operating system of a guest crash."""
        self.lpar(number).crashed()

    @outside
    def lose(self, number):
        """Delete the LPAR of a server; its disks stay."""
        self._operator(self.host_number(number)).delete_partition(
            self.lpar(number).uuid)

    # ---- the platform ----------------------------------------------------

    @outside
    def vios_down(self, host, name):
        self._operator(host).vios(name).halted()
        self.watch.late.add((self.cloud.site.hosts[host - 1].name, name))

    @outside
    def vios_up(self, host, name):
        self._operator(host).vios(name).booted()

    # ---- what belongs to somebody else -----------------------------------

    @outside
    def their_lpar(self, host, number=None):
        """Create an LPAR of somebody else, with a disk and a medium."""
        name = self._their_name(host, 'lpar', number)
        disk = self._make_their_disk(host, name + '_disk')
        self._operator(host).create_partition(
            name, running=False, memory_mb=256,
            medium={'vios': 'vios1', 'name': name + '.iso',
                    'content': b'medium'},
            adapters=[{'switch': 'ETHERNET0(Default)', 'vlan': 101}])
        self._operator(host).map_storage('vios1', disk.udid, name)
        self._operator(host).partition(name).booted()

    @outside
    def their_disk(self, host, number=None):
        """Create a disk that nobody uses, with a name that looks like ours."""
        name = self._their_name(host, 'disk', number)
        self._make_their_disk(host, 'b_' + name)

    @outside
    def their_any_client(self, host, number=None):
        """Put a disk behind an adapter that any partition may use."""
        name = self._their_name(host, 'any', number)
        disk = self._make_their_disk(host, name)
        self._operator(host).map_storage('vios1', disk.udid)

    @outside
    def delete_their_lpar(self, name):
        """Delete an LPAR of somebody else, but not its disk and medium."""
        host, _kind = self.theirs[name]
        self._operator(host).delete_partition(name)
        self.theirs[name] = (host, 'rest')

    @outside
    def remove_theirs(self, name):
        """Delete all that somebody else has by a name."""
        self._remove_theirs(name)

    def _remove_theirs(self, name):
        host, kind = self.theirs.pop(name)
        operator = self._operator(host)
        disk = {'lpar': name + '_disk', 'rest': name + '_disk',
                'disk': 'b_' + name, 'any': name}[kind]
        if kind != 'disk':
            self._unmap_theirs(host, disk)
        if self.cloud.site.pools:
            operator.delete_logical_unit(disk)
        else:
            operator.delete_disk('vios1', disk)
        if kind in ('lpar', 'rest'):
            self._unmap_theirs(host, name + '.iso')
            operator.delete_medium('vios1', name + '.iso')
        if kind == 'lpar':
            operator.delete_partition(name)

    def _unmap_theirs(self, host, storage):
        """Unmap some storage; see foreign for who may have done so."""
        vios = self._operator(host).vios('vios1')
        if vios.find_storage(storage).targets:
            self._operator(host).unmap_storage('vios1', storage)

    def _their_name(self, host, kind, number):
        name = '%s%d' % (foreign.THEIRS, self._number(number))
        self.theirs[name] = (host, kind)
        return name

    def _make_their_disk(self, host, name):
        """Make a disk where those of servers are, too."""
        operator, content = self._operator(host), b'the content of '
        content += name.encode()
        if self.cloud.site.pools:
            return operator.create_logical_unit(name, 16 * _MIB, content)
        groups = operator.vios('vios1').volume_groups
        return operator.create_disk('vios1', groups[-1].name, name,
                                    16 * _MIB, content)
