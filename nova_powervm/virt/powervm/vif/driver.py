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

"""The interface of a network port driver, and what all of them share."""

from __future__ import annotations

import abc
import contextlib
import typing

from nova import exception as nova_exc
from nova.network import model as network_model
from nova import objects
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm import util as pvm_util
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import entry_wrapper as pvm_wrapper
from pypowervm.wrappers import iocard as pvm_card
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import network as pvm_net

from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import physical_ports
from nova_powervm.virt.powervm.slots import slot_map
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class AdapterType(typing.NamedTuple):
    """A type of network adapters that the platform gives to LPARs.

    :ivar slot_class: what slot maps call it: pypowervm's IOCLASS, str
    :ivar wrapper: pypowervm's class of wrappers of them
    :ivar read: called with the Host and the UUID of an LPAR; reads the
        adapters of this type that it has (1 request). They are pypowervm
        wrappers with the attributes mac, slot and href.
    """

    slot_class: str
    wrapper: type[pvm_wrapper.EntryWrapper]
    read: typing.Callable


#: A virtual Ethernet adapter: pypowervm's CNA.
CLIENT_ADAPTER = AdapterType(
    slot_map.IO.CNA, pvm_net.CNA,
    lambda host, lpar_uuid: host.network_adapters(lpar_uuid))
#: A virtual NIC on SR-IOV adapters: pypowervm's VNIC.
VNIC = AdapterType(
    slot_map.IO.VNIC, pvm_card.VNIC,
    lambda host, lpar_uuid: host.vnics(lpar_uuid))


def possible_types(host: powervm_host.Host) -> list[AdapterType]:
    """Tell which types of adapters an LPAR of a host can have (no request)."""
    return [CLIENT_ADAPTER] + (
        [VNIC] if physical_ports.has_vnics(host.system) else [])


def read_adapters(
        host: powervm_host.Host, instance: objects.Instance,
        types: typing.Iterable[AdapterType] = (CLIENT_ADAPTER,),
        is_there: bool = False) -> list[pvm_wrapper.EntryWrapper]:
    """Read network adapters of an instance (1 request for each type).

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param types: iterable of AdapterType, no other adapters are read.
    :param is_there: whether the LPAR has just been read. If its adapters are
        not found then, nobody knows which it has.
    :returns: list of pypowervm wrappers; empty if the LPAR is gone. A type
        that is not found adds none.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    sure = possible_types(host) if is_there else ()
    lpar_uuid = vm.get_lpar_uuid(instance)
    found = []
    for kind in types:
        # A platform may not know one type at all.
        with contextlib.suppress(*[] if kind in sure else [
                pvm_exc.HttpNotFound]):
            found += kind.read(host, lpar_uuid)
    return found


def find_adapter(adapters: list[pvm_wrapper.EntryWrapper] | None,
                 vif: network_model.VIF) -> pvm_wrapper.EntryWrapper | None:
    """Find the adapter of a port, which is the one with the port's MAC.

    :param adapters: list of wrappers, of all types of adapters, or None.
    :param vif: the nova.network.model.VIF.
    :returns: the wrapper, or None.
    """
    mac = pvm_util.sanitize_mac_for_api(vif['address'])
    return next((adapter for adapter in adapters or ()
                 if adapter.mac == mac), None)


def same_address(vif: network_model.VIF, other: network_model.VIF) -> bool:
    """Tell whether two ports have the same MAC address."""
    return (pvm_util.sanitize_mac_for_api(vif['address']) ==
            pvm_util.sanitize_mac_for_api(other['address']))


def create_cna(host: powervm_host.Host, parent_w: pvm_bp.BasePartition,
               vswitch_name: str, pvid: int,
               **attrs: typing.Any) -> pvm_net.CNA:
    """Create a network adapter on a partition (one request).

    An HMC may need 2 more, for the virtual network. The parent's wrapper
    spares pypowervm a read of it, and the cached virtual switch a read of the
    feed. Should the platform refuse the adapter because the switch was made
    anew meanwhile, it is looked up and used once more.

    :param host: the Host.
    :param parent_w: wrapper of the partition that gets the adapter.
    :param vswitch_name: name of the virtual switch.
    :param pvid: VLAN id of the adapter.
    :param attrs: more arguments of pypowervm's CNA.bld: mac_addr, trunk_pri...
    :returns: the new CNA wrapper.
    :raises VirtualInterfacePlugException: if there is no such switch.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    def create(vswitch: pvm_net.VSwitch) -> pvm_net.CNA:
        host.hmc_networks.ensure(vswitch, pvid)
        return pvm_net.CNA.bld(
            host.adapter, pvid, vswitch.related_href, **attrs).create(
                parent=parent_w)

    vswitch = _find_vswitch(host, vswitch_name)
    try:
        return create(vswitch)
    except pvm_exc.HttpError as exc:
        if not 400 <= exc.response.status < 500:
            raise
        host.vswitches_changed()
        host.hmc_networks.forget()
        fresh = _find_vswitch(host, vswitch_name)
        if fresh.related_href == vswitch.related_href:
            raise
        LOG.info('Virtual switch %s was created again; retrying with the new '
                 'one.',
                 vswitch_name)
    return create(fresh)


def ensure_network(host: powervm_host.Host, vswitch_name: str,
                   pvid: int) -> None:
    """Create the virtual network of an HMC that an adapter will need.

    See virtual_networks for the requests; there are none to a NovaLink.

    :param host: the Host.
    :param vswitch_name: name of the virtual switch.
    :param pvid: VLAN id of the adapter.
    :raises VirtualInterfacePlugException: if there is no such switch.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    if host.is_hmc:
        host.hmc_networks.ensure(_find_vswitch(host, vswitch_name), pvid)


def _find_vswitch(host: powervm_host.Host, name: str) -> pvm_net.VSwitch:
    vswitch = host.get_vswitch(name)
    if vswitch is None:
        raise nova_exc.VirtualInterfacePlugException(
            'There is no virtual switch %s on the system.' % name)
    return vswitch


def delete_adapter(host: powervm_host.Host,
                   adapter: pvm_wrapper.EntryWrapper) -> None:
    """Delete a network adapter (one request); fine if it is gone already.

    No etag is sent: whatever the adapter has become, it has to go. If no
    answer comes, it is looked for, and deleted again if it is there. It is
    another one if its MAC address or its Open vSwitch port is another: its
    place, and so its UUID, may be in use again.

    :param host: the Host.
    :param adapter: the wrapper of the adapter, of any type.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    try:
        _delete(host, adapter)
    except answers.NO_ANSWER as exc:
        LOG.warning('No answer came to the deletion of network adapter '
                    '%(mac)s. Looking whether it is gone. %(exc)s',
                    {'mac': adapter.mac, 'exc': exc})
        before = _identity(adapter)
        with contextlib.suppress(pvm_exc.HttpNotFound):
            if _identity(host.read_again(adapter)) == before:
                _delete(host, adapter)


def _identity(adapter: pvm_wrapper.EntryWrapper) -> tuple:
    return adapter.mac, getattr(adapter, 'ovs_ext_ids', None)


def _delete(host: powervm_host.Host,
            adapter: pvm_wrapper.EntryWrapper) -> None:
    try:
        host.adapter.delete_by_href(adapter.href)
    except pvm_exc.HttpNotFound:
        LOG.debug('Network adapter %s is already gone.', adapter.mac)


class VifDriver(abc.ABC):
    """Makes and removes what stands for one kind of Neutron port.

    :cvar adapter_type: AdapterType of the adapters that ports are for LPARs.
        The callers read and find adapters of this type.
    :cvar outlives_host: whether all of a port is kept by the platform while
        the management partition is off. Such a port needs nothing when
        nova-compute starts.
    :cvar has_agent: whether networking-powervm has an agent for such ports.
    :cvar moves_live: whether a running server can take such ports along to
        another host; then find_switch() and prepare_on_target() are there.
    :cvar needs_mgmt: whether such ports need a management partition, which a
        server of an HMC does not have.
    :param host: the Host.
    :param instance: the nova.objects.Instance that owns the ports.
    """

    adapter_type = CLIENT_ADAPTER
    outlives_host = False
    has_agent = False
    moves_live = False
    needs_mgmt = False

    def __init__(self, host: powervm_host.Host,
                 instance: objects.Instance) -> None:
        self.host = host
        self.instance = instance

    @abc.abstractmethod
    def plug(self, vif: network_model.VIF, lpar_w: pvm_lpar.LPAR,
             slot_num: int | None = None) -> pvm_wrapper.EntryWrapper:
        """Create what the port needs.

        :param vif: the nova.network.model.VIF.
        :param lpar_w: the LPAR wrapper of the instance.
        :param slot_num: slot of the adapter; None if the platform chooses.
        :returns: the wrapper of the port's adapter, of the adapter_type.
        :raises VirtualInterfacePlugException: if the port lacks a value, or
            the host lacks the switch.
        :raises pypowervm.exceptions.Error: if the platform refuses.
        """

    def replug(self, vif: network_model.VIF,
               adapter: pvm_wrapper.EntryWrapper) -> None:
        """Bring a port that has its adapter up to date; nothing to do here.

        :param vif: the nova.network.model.VIF.
        :param adapter: the wrapper of the adapter that the port has.
        :raises: as plug().
        """

    def restore(self, vif: network_model.VIF, adapters: typing.Any) -> bool:
        """Bring a port up to date when nova-compute starts.

        :param vif: the nova.network.model.VIF.
        :param adapters: starting.Adapters, those of the management partition.
        :returns: bool; False if replug() is to do it, which needs the adapter
            of the port.
        :raises: as plug().
        """
        return False

    def unplug(self, vif: network_model.VIF,
               adapter: pvm_wrapper.EntryWrapper | None,
               lpar_going: bool = False) -> None:
        """Remove what plug() made.

        :param vif: the nova.network.model.VIF.
        :param adapter: the wrapper of the port's adapter, None if there is
            none.
        :param lpar_going: the LPAR is about to be deleted, which frees its
            adapters: only what stands elsewhere need be removed.
        :raises pypowervm.exceptions.Error: if the platform refuses.
        """
        if adapter is not None and not lpar_going:
            delete_adapter(self.host, adapter)

    def tell_difference(self, vif: network_model.VIF,
                        difference: str) -> None:
        """Tell the operator that a port has not the adapter that it needs.

        The server has run with it, so it starts.

        :param difference: str
        """
        LOG.error('The adapter of port %(id)s is not what the port needs: '
                  '%(difference)s. Detach the port and attach it again.',
                  {'id': vif['id'], 'difference': difference},
                  instance=self.instance)

    def find_switch(self, vif: network_model.VIF) -> str | None:
        """Tell which virtual switch the adapter of a port is to be on.

        :param vif: the nova.network.model.VIF, as it is bound on this host.
        :returns: str; None if such adapters are on none.
        :raises: as plug().
        """
        raise NotImplementedError()

    def prepare_on_target(self, vif: network_model.VIF,
                          before: network_model.VIF) -> int | None:
        """Make what the port needs on this host before its server comes.

        :param vif: the nova.network.model.VIF, as it is bound on this host.
        :param before: the same port, as it is bound on the host of the server.
        :returns: int, PVID that the adapter is to have here; None if it keeps
            the one that it has.
        :raises: as plug().
        """
        raise NotImplementedError()

    def unplug_without_lpar(self, vif: network_model.VIF) -> None:
        """Remove what a port has on this host, where its server is not.

        The server has moved while it ran, or is not to come after all. Nothing
        to do here; 0 requests.

        :param vif: the nova.network.model.VIF.
        :raises pypowervm.exceptions.Error: if the platform refuses.
        """

    @classmethod
    def remove_stale(cls, host: powervm_host.Host,
                     is_stale: typing.Callable[[str], bool]) -> None:
        """Remove what stands outside of the LPARs of servers that are gone.

        Nothing to do here; 0 requests.

        :param host: the Host.
        :param is_stale: called with the UUID of a server; tells whether what
            there is for it is to be removed.
        :raises pypowervm.exceptions.Error: if the platform refuses.
        """

    @classmethod
    def clean_periodically(cls, host: powervm_host.Host) -> None:
        """Remove what the platform should have removed with adapters.

        Nothing to do here; 0 requests.

        :param host: the Host.
        :raises pypowervm.exceptions.Error: if the platform refuses.
        """
