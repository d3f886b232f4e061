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

from pypowervm.wrappers import iocard as pvm_card
from pypowervm.wrappers import managed_system as pvm_ms

from nova_powervm.tests import fixtures as pvm_fixtures
from nova_powervm.tests.simulator import network_base


class SriovTestCase(network_base.NetworkTestCase):
    """A test of the site of the profile ``sriov``, through pypowervm."""

    PROFILE = pvm_fixtures.load_profile('sriov')

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

    def lports(self, partition, kind=None):
        """Read the logical ports of a partition."""
        return self.children(pvm_card.SRIOVEthLPort,
                             kind or partition.TYPE, partition.uuid)
