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

"""All ports of an instance together."""

from nova import exception as nova_exc
from oslo_log import log as logging
from oslo_utils import excutils

from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm import vif as powervm_vif
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm.vif import events
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class VifPlugger(object):
    """Plugs the ports of an instance, and knows which of them are its work.

    :param virtapi: the nova.virt.virtapi.VirtAPI; None if Neutron's answer
        is not to be waited for.
    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param network_infos: list of nova.network.model.VIF.
    :param slots: slots.server.ServerSlots that keeps the adapters in their
        places.
    """

    def __init__(self, virtapi, host, instance, network_infos,
                 slots=no_slots.NO_SLOTS):
        self.virtapi = virtapi
        self.host = host
        self.instance = instance
        self.network_infos = network_infos
        self.slots = slots
        self._tried = []

    def plug(self, lpar_w, new_lpar=False, are_new=False):
        """Plug the ports that are not plugged, and bring up to date the rest.

        Events of Neutron reach this host without more ado: Nova sends them to
        the instance's host, which the claim has set by now, and in a move
        also to the two hosts of the migration (see _get_relevant_hosts of
        nova.compute.api).

        :param lpar_w: the LPAR wrapper.
        :param new_lpar: the LPAR was made a moment ago and has no adapters;
            saves the requests that read them.
        :param are_new: Nova is about to attach these ports; a port that is
            not new may have an adapter of another type.
        :returns: list of the wrappers of all adapters of the LPAR of the types
            that these ports need, and of others if an adapter is missing.
        :raises VirtualInterfacePlugException: if a port is refused.
        :raises VirtualInterfaceCreateException: if the LPAR cannot get
            adapters now, or a port does not come up and that is fatal.
        :raises pypowervm.exceptions.Error: if its adapters cannot be read.
        """
        if are_new or not vm.was_made(self.instance):
            self._check_addresses()
        types = powervm_vif.adapter_types(self.network_infos)
        adapters = [] if new_lpar else self._read(types, are_new)
        new_vifs = []
        for vif in self.network_infos:
            if driver.find_adapter(adapters, vif) is None:
                new_vifs.append(vif)
            else:
                powervm_vif.plug(self.host, self.instance, vif, lpar_w,
                                 new_vif=False, adapters=adapters)
        if new_vifs:
            self._check_io(lpar_w)
            with events.wait_until_plugged(self.virtapi, self.instance,
                                           new_vifs):
                adapters = adapters + [self._plug_new(vif, lpar_w)
                                       for vif in new_vifs]
        self.slots.record_vnets(adapters, complete=[
            kind.slot_class for kind in types])
        return adapters

    def _read(self, types, are_new):
        adapters = driver.read_adapters(self.host, self.instance, types)
        if not are_new:
            adapters += _read_others(self.host, self.instance,
                                     self.network_infos, types, adapters)
        return adapters

    def _check_addresses(self):
        """Refuse a port that would share its adapter with another one.

        Neutron gives a MAC address once for each network. By it the driver
        finds the adapter of a port. A server that has run with such ports is
        not refused: it may have to move.
        """
        known = {vif['id']: vif for vif in self.network_infos}
        if self.instance.obj_attr_is_set('info_cache'):
            known.update({vif['id']: vif for vif in
                          self.instance.get_network_info()})
        for vif in self.network_infos:
            for other in known.values():
                if (other['id'] != vif['id'] and driver.same_address(
                        other, vif)):
                    raise nova_exc.VirtualInterfacePlugException(
                        'Ports %(id)s and %(other)s of the server have the '
                        'same MAC address, %(mac)s. Give one of them another '
                        'address' % {'id': vif['id'], 'other': other['id'],
                                     'mac': vif['address']})

    def _check_io(self, lpar_w):
        capable, reason = lpar_w.can_modify_io()
        if not capable:
            raise nova_exc.VirtualInterfaceCreateException(
                'The server cannot get a network adapter now: %s' % reason)

    def _plug_new(self, vif, lpar_w):
        self._tried.append(vif)
        slot_num = self.slots.vnet_slot(vif['address'])
        return powervm_vif.plug(self.host, self.instance, vif, lpar_w,
                                slot_num=slot_num)

    def undo(self):
        """Unplug what plug() plugged or began to plug.

        The adapters are found by MAC, so one whose creation was not answered
        is found too. If one cannot be unplugged, the others are.

        :raises VirtualInterfaceUnplugException: if one stays.
        :raises pypowervm.exceptions.Error: if the adapters cannot be read.
        """
        if not self._tried:
            return
        adapters = driver.read_adapters(
            self.host, self.instance, powervm_vif.adapter_types(self._tried))

        def unplug(vif):
            try:
                powervm_vif.unplug(self.host, self.instance, vif,
                                   adapters=adapters)
            except nova_exc.VirtualInterfaceUnplugException:
                with excutils.save_and_reraise_exception():
                    LOG.error('The network adapter of port %s is left '
                              'behind.', vif['id'], instance=self.instance)

        undoing.each(unplug, reversed(self._tried))


def unplug_all(host, instance, network_infos, lpar_w=None, lpar_going=False):
    """Unplug ports of an instance; fine if they are not plugged.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param network_infos: list of nova.network.model.VIF.
    :param lpar_w: the LPAR wrapper; None if it is not at hand.
    :param lpar_going: the LPAR is about to be deleted, and its adapters with
        it.
    :returns: list of the wrappers of the adapters that the LPAR had, of the
        types of these ports.
    :raises VirtualInterfaceUnplugException: if the LPAR cannot lose adapters
        now, or the platform refuses.
    :raises pypowervm.exceptions.Error: if its adapters cannot be read.
    """
    if lpar_going:
        powervm_vif.remove_forgotten(host, instance, network_infos)
    if not network_infos:
        return []
    if lpar_w is not None and not lpar_going:
        capable, reason = lpar_w.can_modify_io()
        if not capable:
            raise nova_exc.VirtualInterfaceUnplugException(reason=reason)
    types = powervm_vif.types_to_unplug(network_infos)
    is_there = lpar_w is not None and not lpar_going
    adapters = driver.read_adapters(host, instance, types, is_there=is_there)
    if not lpar_going:
        adapters += _read_others(host, instance, network_infos, types,
                                 adapters, is_there=is_there)
    for vif in network_infos:
        powervm_vif.unplug(host, instance, vif, adapters=adapters,
                           lpar_going=lpar_going)
    return adapters


def _read_others(host, instance, vifs, types, adapters, is_there=False):
    """Read adapters of other types, if a port has none of its own type.

    Neutron may have bound the port again, to another type, since it was
    plugged. No request if each port has an adapter.

    :param types: list of driver.AdapterType that were read.
    :param adapters: list of the wrappers of these.
    :param is_there: see driver.read_adapters()
    :returns: list of wrappers; empty if the ports have none of these, either.
    """
    missing = [vif for vif in vifs
               if driver.find_adapter(adapters, vif) is None]
    if not missing:
        return []
    others = driver.read_adapters(host, instance, [
        kind for kind in driver.possible_types(host)
        if kind not in types], is_there=is_there)
    return [adapter for adapter in others if any(
        driver.find_adapter([adapter], vif) for vif in missing)]
