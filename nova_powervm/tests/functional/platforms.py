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

"""The kinds of storage that a simulated site can have its disks on.

Each class comes before a class of base.SimulatedPlatformMixin in a list of
bases. Where nothing of this comes, the disks are in a volume group of a VIOS
that is not the management partition.
"""

from nova_powervm.demo.cloud import platform


class Platform:
    """Where the disks of servers are; comes before a class with a cloud."""

    #: Options of group [powervm].
    STORAGE = {}

    def _configure_driver(self):
        super()._configure_driver()
        self.flags(group='powervm', **platform.complete(self.STORAGE))

    def _on_its_own_host(self, hostname):
        own = super()._on_its_own_host(hostname)
        self.flags(group='powervm', management_root=self.simulated_host(
            hostname).management_root)
        return own


class SharedPool(Platform):
    """A Shared Storage Pool, with NovaLink on an LPAR."""

    PROFILE = 'ssp'
    STORAGE = {'disk_driver': 'ssp'}

    def set_vios(self, name, up):
        """Power a VIOS off, or on again."""
        host = self.platform
        with host.site.lock:
            vios = next(vios for vios in host.store.all('VirtualIOServer')
                        if vios.name == name)
            vios.set_state('running' if up else 'not activated')
            vios.set_rmc('active' if up else 'inactive')


class ManagementVios(Platform):
    """A volume group of the VIOS that is the management partition."""

    PROFILE = 'mgmt-vios'


class FilePool(Platform):
    """File-backed disks of the VIOS that is the management partition."""

    PROFILE = 'mgmt-vios'
    STORAGE = {'volume_group_name': 'QCOW VG - default'}
