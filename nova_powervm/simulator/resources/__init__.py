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

"""The registry of REST types: a line for each."""

from nova_powervm.simulator.resources import bridge
from nova_powervm.simulator.resources import cluster
from nova_powervm.simulator.resources import crowd
from nova_powervm.simulator.resources import fibre_channel
from nova_powervm.simulator.resources import file
from nova_powervm.simulator.resources import logical_port
from nova_powervm.simulator.resources import logical_unit
from nova_powervm.simulator.resources import lpar
from nova_powervm.simulator.resources import management_console
from nova_powervm.simulator.resources import network_adapters
from nova_powervm.simulator.resources import pcm
from nova_powervm.simulator.resources import processor_pool
from nova_powervm.simulator.resources import sriov
from nova_powervm.simulator.resources import switch
from nova_powervm.simulator.resources import system
from nova_powervm.simulator.resources import vios
from nova_powervm.simulator.resources import vnic
from nova_powervm.simulator.resources import volume_group

ALL = (
    system.ManagedSystem,
    lpar.LogicalPartition,
    vios.VirtualIOServer,
    volume_group.VolumeGroup,
    cluster.Cluster,
    cluster.SharedStoragePool,
    cluster.Tier,
    logical_unit.LogicalUnit,
    switch.VirtualSwitch,
    switch.VirtualNetwork,
    network_adapters.ClientNetworkAdapter,
    vnic.VirtualNICDedicated,
    logical_port.SRIOVEthernetLogicalPort,
    fibre_channel.ClientAdapter,
    bridge.NetworkBridge,
    processor_pool.SharedProcessorPool,
    management_console.ManagementConsole,
    pcm.PcmPreference,
    pcm.LongTermMonitor,
    file.File,
)

#: Modules whose build(host, spec) makes what a profile describes, in the
#: order in which one needs the other.
BUILDERS = (system, sriov, network_adapters, vios, bridge, lpar, crowd,
            processor_pool, management_console, pcm)
