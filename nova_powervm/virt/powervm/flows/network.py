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

"""The flows that attach and detach network ports."""

from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.tasks import network as tf_net
from nova_powervm.virt.powervm.tasks import vm as tf_vm


def plug(services, instance, network_info, are_new=False):
    """Flow that plugs the missing ports of a server.

    :param are_new: whether Nova is about to attach these ports.
    """
    slots = slot.slots_for_change(services, instance)
    flow = linear_flow.Flow('plug_vifs').add(
        tf_vm.Get(services.host, instance),
        tf_net.PlugVifs(services.virtapi, services.host, instance,
                        network_info, are_new=are_new, slots=slots))
    slot.add_save_slots(flow, slots)
    return flow


def unplug(services, instance, network_info):
    """Flow that unplugs ports of a server."""
    slots = slot.slots_for_change(services, instance)
    flow = linear_flow.Flow('unplug_vifs').add(
        tf_vm.Get(services.host, instance),
        tf_net.UnplugVifs(services.host, instance, network_info,
                          slots=slots))
    slot.add_save_slots(flow, slots)
    return flow
