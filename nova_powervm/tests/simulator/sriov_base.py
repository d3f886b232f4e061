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

"""Base of the tests of SR-IOV on the simulated site."""

from pypowervm.tasks import sriov as pvm_sriov
from pypowervm.wrappers import iocard as pvm_card
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import network_base

MAC = 'FA1630000001'


class SriovTestCase(network_base.NetworkTestCase):
    """A test of the site of the profile ``sriov``, through pypowervm."""

    PROFILE = powervm_fixtures.load_profile('sriov')

    def system_w(self):
        """Read the system."""
        return pvm_ms.System.get(self.adapter)[0]

    def pport_w(self, adapter_id, port_id, system=None):
        """Return the wrapper of a physical port."""
        for adapter in (system or self.system_w()).asio_config.sriov_adapters:
            if adapter.sriov_adap_id == adapter_id:
                for port in adapter.phys_ports:
                    if port.port_id == port_id:
                        return port

    def pport(self, adapter_id, port_id):
        """Return the model of a physical port."""
        return self.host.system.sriov[adapter_id - 1].port(port_id)

    def lports(self, partition):
        """Read the logical ports of a partition."""
        kind = {'VirtualIOServer': pvm_vios.VIOS,
                'LogicalPartition': pvm_lpar.LPAR}[partition.TYPE]
        return self.children(pvm_card.SRIOVEthLPort, kind, partition.uuid)

    def device(self, vios, adapter_id, port_id, **more):
        """Build a backing device."""
        return pvm_card.VNICBackDev.bld(self.adapter, vios.uuid, adapter_id,
                                        port_id, **more)

    def build(self, *devices, **more):
        """Build a vNIC; a device is the arguments of device()."""
        return pvm_card.VNIC.bld(self.adapter, back_devs=[
            self.device(*device[:3], **(device[3] if device[3:] else {}))
            for device in devices], **more)

    def create(self, lpar, *devices, **more):
        """Create a vNIC of a partition."""
        return self.build(*devices, **more).create(
            parent_type=pvm_lpar.LPAR, parent_uuid=lpar.uuid)

    def vnics(self, lpar, **more):
        """Read the vNICs of a partition."""
        return pvm_card.VNIC.get(self.adapter, parent_type=pvm_lpar.LPAR,
                                 parent_uuid=lpar.uuid, **more)

    def chosen(self, redundancy=2, **more):
        """Let pypowervm choose the backing devices of a vNIC, and build it.

        It looks for VIOSes and ports itself.
        """
        vnic = pvm_card.VNIC.bld(self.adapter, pvid=100,
                                 mac_addr=MAC)
        pvm_sriov.set_vnic_back_devs(
            vnic, [port.loc_code for port in
                   pvm_sriov.find_pports_for_portlabel('prod', self.adapter)],
            redundancy=redundancy, **more)
        return vnic


class VnicTestCase(SriovTestCase):
    """A test of vNICs.

    :ivar lpar: the model of a partition that is off
    """

    def setUp(self):
        super().setUp()
        self.lpar = self.make_lpar()

    def pair(self, **more):
        """Create a vNIC with two devices, the second one preferred."""
        return self.create(
            self.lpar, (self.vios1, 1, 0, {'failover_pri': 20}),
            (self.vios2, 2, 0, {'failover_pri': 10}), **more)

    def counts(self, adapter_id, port_id):
        """Return the logical ports of a port, and their capacity."""
        port = self.pport_w(adapter_id, port_id)
        return port.cfg_lps, port.allocated_capacity

    @staticmethod
    def plain(wrapper):
        """Return the link to an object without its groups."""
        return wrapper.href.partition('?')[0]

    def states(self, vnic):
        """Return (status, is active) of each device."""
        return [(device.status, device.is_active)
                for device in vnic.refresh().back_devs]
