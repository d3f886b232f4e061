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

"""Tasks on the network adapters of a server: thin wrappers of vif."""

from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.tasks import base
from nova_powervm.virt.powervm import vif as powervm_vif
from nova_powervm.virt.powervm.vif import plugger


class PlugVifs(base.Task):
    """Plug ports; provides the LPAR's adapters as ``vm_adapters``.

    See VifPlugger.plug() for which these are.

    :param virtapi: Nova's VirtAPI; None not to wait for Neutron.
    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param network_infos: list of nova.network.model.VIF
    :param new_lpar: whether this flow has created the LPAR.
    :param are_new: whether Nova is about to attach these ports to the server.
    :param slots: slots.server.ServerSlots of the flow.
    """

    NAME = 'plug_vifs'
    default_provides = 'vm_adapters'

    def __init__(self, virtapi, host, instance, network_infos,
                 new_lpar=False, are_new=False, slots=no_slots.NO_SLOTS):
        super().__init__()
        self.plugger = plugger.VifPlugger(virtapi, host, instance,
                                          network_infos, slots=slots)
        self.new_lpar = new_lpar
        self.are_new = are_new

    def execute(self, lpar_wrap):
        return self.plugger.plug(lpar_wrap, new_lpar=self.new_lpar,
                                 are_new=self.are_new)

    def revert(self, result, flow_failures, lpar_wrap):
        self.plugger.undo()


class ReplugVifs(base.HostTask):
    """Bring ports up to date that have their adapters.

    :param network_infos: list of nova.network.model.VIF
    :param adapters: list of the wrappers of the adapters of the LPAR.
    """

    NAME = 'replug_vifs'

    def __init__(self, host, instance, network_infos, adapters):
        super().__init__(host, instance)
        self.network_infos = network_infos
        self.adapters = adapters

    def execute(self):
        for vif in self.network_infos:
            powervm_vif.plug(self.host, self.instance, vif, new_vif=False,
                             adapters=self.adapters)


class PlugMgmtVif(base.HostTask):
    """Plug the management adapter; provides it as ``mgmt_cna``, or None.

    The flow has created the LPAR, so vm_adapters has all of its adapters.
    """

    NAME = 'plug_mgmt_vif'
    default_provides = 'mgmt_cna'

    def __init__(self, host, instance, slots=no_slots.NO_SLOTS):
        super().__init__(host, instance)
        self.slots = slots

    def execute(self, lpar_wrap, vm_adapters):
        return powervm_vif.plug_mgmt_vif(
            self.host, self.instance, lpar_wrap, adapters=vm_adapters,
            slots=self.slots)

    def revert(self, result, flow_failures, lpar_wrap, vm_adapters):
        powervm_vif.undo_mgmt_vif(self.host, self.instance,
                                  adapters=vm_adapters)


class UnplugVifs(base.HostTask):
    """Unplug ports.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param network_infos: list of nova.network.model.VIF
    :param lpar_going: whether the flow deletes the LPAR afterwards.
    :param slots: slots.server.ServerSlots of the flow.
    """

    NAME = 'unplug_vifs'

    def __init__(self, host, instance, network_infos, lpar_going=False,
                 slots=no_slots.NO_SLOTS):
        super().__init__(host, instance)
        self.slots = slots
        self.network_infos = network_infos
        self.lpar_going = lpar_going

    def execute(self, lpar_wrap=None):
        adapters = plugger.unplug_all(
            self.host, self.instance, self.network_infos, lpar_w=lpar_wrap,
            lpar_going=self.lpar_going)
        self.slots.drop_vnets(vif['address'] for vif in self.network_infos)
        return adapters
