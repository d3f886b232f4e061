# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Many equal partitions, and virtual disks that are mapped to them."""

from nova_powervm.simulator.resources import lpar as lpars
from nova_powervm.simulator.resources import scsi_mappings
from nova_powervm.simulator.resources import storage


def build(host, spec):
    """Make the crowd of a host.

    :param spec: dict, the host's part of the profile
    """
    if spec.get('crowd'):
        _build_crowd(host, spec['crowd'])


def _build_crowd(host, crowd):
    for number in range(1, crowd['count'] + 1):
        lpars.from_spec(host, {
            'name': '%s%04d' % (crowd['prefix'], number),
            'memory_mb': crowd['memory_mb'],
            'processors': crowd['processors'], 'units': crowd['units'],
            'dedicated': False, 'management': False,
            'running': crowd['running'], 'type': 'AIX/Linux',
            'max_slots': 200, 'adapters': [
                {'switch': 'ETHERNET0', 'vlan': 2 + number % 4000}]})
    if crowd['mappings']:
        build_mappings(host, crowd['mappings'])


def build_mappings(host, count):
    """Map virtual disks to the partitions, for profiles with a crowd.

    :param host: host.Host
    :param count: int, how many; they are spread over partitions and VIOSes
    """
    vioses = host.store.all('VirtualIOServer')
    clients = [lpar for lpar in host.store.all('LogicalPartition')
               if not lpar.is_management]
    groups = [vios.volume_groups[-1] for vios in vioses]
    buses = {}
    for number in range(count):
        lpar = clients[number % len(clients)]
        which = number // len(clients) % len(vioses)
        vios, group = vioses[which], groups[which]
        if (lpar, vios) not in buses:
            buses[lpar, vios] = scsi_mappings.Bus(vios, lpar)
            vios.buses.append(buses[lpar, vios])
        disk = group.add_disk('crowd_%d' % number, storage.GIB)
        buses[lpar, vios].add_target(disk, name='vtscsi%d' % number)
    for resource in vioses + groups:
        resource.touch(event=False)
