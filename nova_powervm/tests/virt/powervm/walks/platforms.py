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

"""What a walk is on: the profile of a site, and how the driver is set up."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Platform:
    """A simulated site and the options of group [powervm] for it.

    :ivar name: str, for tests' names
    :ivar profile: str, of the simulated site
    :ivar options: dict
    :ivar vif_type: str, how Neutron binds ports
    :ivar vif_details: dict
    :ivar fabrics: dict of fabric -> WWPNs of ports, for NPIV
    """

    name: str
    profile: str
    options: dict
    vif_type: str = 'pvm_sea'
    vif_details: dict = dataclasses.field(
        default_factory=lambda: {'vlan': '101'})
    fabrics: typing.Optional[dict] = None

    @property
    def is_hmc(self):
        """Whether an HMC has all hosts."""
        return self.profile == 'hmc'

    def but(self, name, **changes):
        """Make another one that differs in some things."""
        return dataclasses.replace(self, name=name, **changes)


_GROUP = {'disk_driver': 'localdisk', 'volume_group_name': 'datavg',
          'volume_group_vios_name': 'vios1'}

#: Disks in a volume group of a VIOS that is not the management partition.
VOLUME_GROUP = Platform('vg', 'default', _GROUP)
#: The same, and ports on an Open vSwitch.
OVS = VOLUME_GROUP.but('ovs', vif_type='ovs', vif_details={
    'port_filter': True, 'bridge_name': 'br-int'})
#: The same, and ports on SR-IOV adapters.
SRIOV = VOLUME_GROUP.but(
    'sriov', profile='sriov', vif_type='pvm_sriov', vif_details={
        'vlan': '101', 'network_type': 'vlan', 'physical_network': 'prod',
        'powervm_agentless': True})
#: Disks in a Shared Storage Pool.
POOL = Platform('ssp', 'ssp', {'disk_driver': 'ssp'})
#: A volume group, or files, of the VIOS that is the management partition.
MANAGEMENT_VIOS = VOLUME_GROUP.but('mgmt', profile='mgmt-vios')
FILES = MANAGEMENT_VIOS.but('files', options=dict(
    _GROUP, volume_group_name='QCOW VG - default'))
#: Volumes on Fibre Channel, beside disks in a volume group.
VSCSI = VOLUME_GROUP.but('vscsi', profile='fc', options=dict(
    _GROUP, fc_attach_strategy='vscsi', swap_volume_stops_server=True))
NPIV = VOLUME_GROUP.but(
    'npiv', profile='fc', options=dict(_GROUP, fc_attach_strategy='npiv'),
    fabrics={'A': ['10000090FA1BA101', '10000090FA1BA201'],
             'B': ['10000090FA1BA102', '10000090FA1BA202']})
#: Three hosts behind an HMC.
HMC_GROUP = VOLUME_GROUP.but('hmc-vg', profile='hmc')
HMC_POOL = POOL.but('hmc-ssp', profile='hmc')
HMC_VSCSI = HMC_GROUP.but('hmc-vscsi', options=VSCSI.options)
#: The same with two hosts.
TWO_POOL = POOL.but('ssp2', profile='ssp-two-host')
TWO_VSCSI = VSCSI.but('vscsi2', profile='fc-two-host')
TWO_NPIV = NPIV.but(
    'npiv2', profile='fc-two-host', fabrics={
        'A': NPIV.fabrics['A'] + ['10000090FA1BB101', '10000090FA1BB201'],
        'B': NPIV.fabrics['B'] + ['10000090FA1BB102', '10000090FA1BB202']})
#: Volumes on Fibre Channel, beside disks in a Shared Storage Pool.
POOL_VSCSI = TWO_VSCSI.but('ssp-vscsi2', profile='live-migration', options={
    'disk_driver': 'ssp', 'fc_attach_strategy': 'vscsi',
    'swap_volume_stops_server': True})
POOL_NPIV = TWO_NPIV.but('ssp-npiv2', profile='live-migration', options={
    'disk_driver': 'ssp', 'fc_attach_strategy': 'npiv'})
