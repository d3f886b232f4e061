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

"""Remove logical ports that deleted vNICs have left behind.

The platform frees them some time after the deletion. If nova-compute ends
before that, the next process does not know of them. The record that Nova keeps
with each server proves that they are ours, see module host_record.
"""

from nova_powervm.virt.powervm import physical_ports
from nova_powervm.virt.powervm.vif import logical_ports


def remove(host, snapshot):
    """Remove them (1 request for each VIOS, and see logical_ports.clean()).

    No request if the system is not capable of vNICs.

    :param host: the owner of the REST connection (host.Host), connected.
    :param snapshot: platform_snapshot.PlatformSnapshot
    :raises pypowervm.exceptions.Error: if the VIOSes cannot be read.
    """
    if not physical_ports.has_vnics(host.system):
        return
    proof = logical_ports.Proof(
        'no server of Nova has such a port here now',
        lambda logical_w: logical_w.mac in snapshot.stale_vnics)
    logical_ports.clean(host, {
        vios_w.uuid: proof for vios_w in snapshot.active_vioses()
        if vios_w.vnic_capable})
