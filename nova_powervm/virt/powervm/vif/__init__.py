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

"""Plugging Neutron ports into LPARs.

A kind of port is a module of this package with a VifDriver, and a line of
VIF_DRIVERS.
"""

from __future__ import annotations

import functools
import typing

from nova import context as nova_context
from nova import exception as nova_exc
from nova.network import model as network_model
from nova import objects
from oslo_log import log as logging
from oslo_utils import importutils
from pypowervm import exceptions as pvm_exc
from pypowervm.utils import uuid as pvm_uuids
from pypowervm.wrappers import entry_wrapper as pvm_wrapper
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm.vif import details
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm.vif import events
from nova_powervm.virt.powervm.vif import ovs
from nova_powervm.virt.powervm.vif import rmc
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

_HERE = 'nova_powervm.virt.powervm.vif.'
VIF_DRIVERS = {
    'pvm_sea': _HERE + 'sea.SeaVifDriver',
    'pvm_sriov': _HERE + 'sriov.SriovVifDriver',
    'ovs': _HERE + 'ovs.OvsVifDriver',
}

plug_mgmt_vif = rmc.plug
undo_mgmt_vif = rmc.undo


def plug(host: powervm_host.Host, instance: objects.Instance,
         vif: network_model.VIF, lpar_w: pvm_lpar.LPAR | None = None,
         new_vif: bool = True,
         adapters: list[pvm_wrapper.EntryWrapper] | None = None,
         slot_num: int | None = None) -> pvm_wrapper.EntryWrapper | None:
    """Plug a port, and tell its agent about it if it has one.

    A port whose adapter is in ``adapters`` does not get a second one. A new
    SEA port costs one request if its SEA is known to carry the VLAN, an SR-IOV
    port two.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param vif: the nova.network.model.VIF.
    :param lpar_w: the LPAR wrapper of the instance; read if not given.
    :param new_vif: False if the port was plugged before: it is brought up to
        date, and the agent is not told.
    :param adapters: list of the wrappers of the LPAR's adapters, at least of
        those of the port's adapter type; None if the LPAR is brand new.
    :param slot_num: slot of a new adapter; None if the platform chooses.
    :returns: the wrapper of the port's adapter; None if ``new_vif`` is False
        and the port is not plugged.
    :raises VirtualInterfacePlugException: if the type of the port is unknown,
        a value is missing, or the platform refuses.
    :raises InstanceNotFound: if the LPAR does not exist.
    """
    vif_drv = _build_vif_driver(host, instance, vif)
    adapter = driver.find_adapter(adapters, vif)
    try:
        if adapter is not None:
            _replug(vif_drv, vif, adapter)
        elif new_vif:
            adapter = vif_drv.plug(vif, lpar_w or vm.get_instance_wrapper(
                host, instance), slot_num=slot_num)
    except pvm_exc.Error as exc:
        raise nova_exc.VirtualInterfacePlugException(str(exc)) from exc
    if new_vif:
        _tell_agent(vif_drv, events.PLUG, vif, adapter)
    return adapter


def _replug(vif_drv: driver.VifDriver, vif: network_model.VIF,
            adapter: pvm_wrapper.EntryWrapper) -> None:
    if isinstance(adapter, vif_drv.adapter_type.wrapper):
        vif_drv.replug(vif, adapter)
    else:
        # Neutron has bound it again since it was plugged.
        vif_drv.tell_difference(vif, 'it has another type of adapter')


def ports_to_replug(
        network_infos: typing.Iterable[network_model.VIF]
        ) -> list[network_model.VIF]:
    """Tell which ports have to be plugged again when nova-compute starts.

    :param network_infos: list of nova.network.model.VIF.
    :returns: list of those of which the management partition has a part, or
        whose type is unknown.
    """
    return [vif for vif in network_infos
            if vif.get('type') not in VIF_DRIVERS or
            not _driver_class(vif).outlives_host]


def adapter_types(
        network_infos: typing.Iterable[network_model.VIF]
        ) -> list[driver.AdapterType]:
    """Tell which types of adapters ports need (no request).

    :param network_infos: list of nova.network.model.VIF.
    :returns: list of driver.AdapterType, each once; ports of unknown types
        need none.
    """
    return list(dict.fromkeys(
        _driver_class(vif).adapter_type for vif in known(network_infos)))


def known(network_infos: typing.Iterable[network_model.VIF]
          ) -> list[network_model.VIF]:
    """Tell which ports are of types that are known: list of VIF."""
    return [vif for vif in network_infos if vif.get('type') in VIF_DRIVERS]


def are_on_platform(network_infos: typing.Iterable[network_model.VIF]) -> bool:
    """Tell whether ports are virtual Ethernet adapters, and nothing else.

    :param network_infos: list of nova.network.model.VIF.
    :returns: bool; False if the management partition has a part of one, or if
        the type of one is unknown.
    """
    return not ports_to_replug(network_infos) and set(adapter_types(
        network_infos)) <= {driver.CLIENT_ADAPTER}


def types_to_unplug(
        network_infos: typing.Iterable[network_model.VIF]
        ) -> list[driver.AdapterType]:
    """Tell which types of adapters ports may have that are to be unplugged.

    Neutron may have bound a port again, in vain, since it was plugged: its
    type is binding_failed then, and its adapter can be of any type.

    :param network_infos: list of nova.network.model.VIF.
    :returns: list of driver.AdapterType, each once.
    """
    network_infos = list(network_infos)
    if len(known(network_infos)) == len(network_infos):
        return adapter_types(network_infos)
    return [driver.CLIENT_ADAPTER, driver.VNIC]


def restore(host: powervm_host.Host, instance: objects.Instance,
            vif: network_model.VIF, adapters: typing.Any) -> bool:
    """Bring a port up to date when nova-compute starts.

    :param vif: nova.network.model.VIF
    :param adapters: starting.Adapters, those of the management partition.
    :returns: bool; False if the port has to be plugged instead, also if its
        type is unknown.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    if vif.get('type') not in VIF_DRIVERS or _is_impossible(host, vif):
        return False
    return _build_vif_driver(host, instance, vif).restore(vif, adapters)


def unplug(host: powervm_host.Host, instance: objects.Instance,
           vif: network_model.VIF,
           adapters: list[pvm_wrapper.EntryWrapper] | None = None,
           lpar_going: bool = False) -> pvm_wrapper.EntryWrapper | None:
    """Unplug a port, and tell its agent about it if it has one.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param vif: the nova.network.model.VIF.
    :param adapters: as of plug(); read if not given.
    :param lpar_going: the LPAR is about to be deleted, and its adapters with
        it: the adapter of the port is left to that.
    :returns: the wrapper of the adapter that the port had, None if it had
        none.
    :raises VirtualInterfaceUnplugException: if the platform refuses.
    """
    try:
        vif_drv = _build_vif_driver(host, instance, _as_plugged(
            host, vif, driver.find_adapter(adapters, vif)))
    except nova_exc.VirtualInterfacePlugException as exc:
        LOG.warning('Not unplugging: %s', exc, instance=instance)
        return None
    try:
        if adapters is None:
            adapters = driver.read_adapters(host, instance,
                                            [vif_drv.adapter_type])
        adapter = driver.find_adapter(adapters, vif)
        vif_drv.unplug(vif, adapter, lpar_going=lpar_going)
    except pvm_exc.Error as exc:
        raise nova_exc.VirtualInterfaceUnplugException(
            reason=str(exc)) from exc
    if adapter is not None:
        _tell_agent(vif_drv, events.UNPLUG, vif, adapter)
    return adapter


def find_switch(host: powervm_host.Host, instance: objects.Instance,
                vif: network_model.VIF) -> str | None:
    """Tell which virtual switch a port is on that is to move while in use.

    :param vif: the nova.network.model.VIF, as it is bound on this host.
    :returns: str; None if its adapter is on none.
    :raises VirtualInterfacePlugException: if a port of this type cannot be
        moved so, or its switch is not known.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    vif_drv = _build_vif_driver(host, instance, vif)
    if not vif_drv.moves_live:
        raise nova_exc.VirtualInterfacePlugException(
            'Port %(id)s has the type %(type)s, with which the PowerVM driver '
            'cannot migrate a running server' % vif)
    return vif_drv.find_switch(vif)


def prepare_on_target(host: powervm_host.Host, instance: objects.Instance,
                      vif: network_model.VIF, before: network_model.VIF,
                      vswitch: str | None) -> int | None:
    """Make what a port needs here before its server comes, and tell its agent.

    :param vif: the nova.network.model.VIF, as it is bound on this host.
    :param before: the same port, as it is bound on the host of the server.
    :param vswitch: str, name of the virtual switch that the port is on.
    :returns: int, PVID that its adapter is to have here; None to keep it.
    :raises VirtualInterfacePlugException: if the port cannot come, such as
        because its network is on another virtual switch here.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    here = find_switch(host, instance, vif)
    if here != vswitch:
        raise nova_exc.VirtualInterfacePlugException(
            'The network of port %(id)s is on virtual switch %(here)s of this '
            'host, and on %(there)s of the host of the server. A running '
            'server keeps the name of its switch' % {
                'id': vif['id'], 'here': here, 'there': vswitch})
    vif_drv = _build_vif_driver(host, instance, vif)
    pvid = vif_drv.prepare_on_target(vif, before)
    announce(host, instance, vif, events.PLUG)
    return pvid


def unplug_without_lpar(host: powervm_host.Host, instance: objects.Instance,
                        vif: network_model.VIF) -> None:
    """Remove what a port has on this host, where its server is not.

    Its agent is told, if it has one.

    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    _build_vif_driver(host, instance, vif).unplug_without_lpar(vif)
    announce(host, instance, vif, events.UNPLUG)


def announce(host: powervm_host.Host, instance: objects.Instance,
             vif: network_model.VIF, action: str) -> None:
    """Tell the agent of a port, if it has one, that it comes or has left.

    Never raises.

    :param action: events.PLUG or events.UNPLUG
    """
    vif_drv = _build_vif_driver(host, instance, vif)
    _tell_agent(vif_drv, action, vif, events.RemoteAdapter(
        host.adapter, vm.get_lpar_uuid(instance), vif))


def remove_stale(host: powervm_host.Host,
                 is_stale: typing.Callable[[str], bool]) -> None:
    """Remove what ports have left outside of LPARs (1 request at most).

    :param host: the Host.
    :param is_stale: called with the UUID of a server; tells whether what its
        ports have left is to be removed.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    for driver_class in _driver_classes(host):
        driver_class.remove_stale(host, is_stale)


def remove_forgotten(host: powervm_host.Host, instance: objects.Instance,
                     network_infos: typing.Iterable[network_model.VIF]
                     ) -> None:
    """Remove what ports of a server have left that Nova lists no more.

    Nova forgets a port also if its removal fails. The LPAR of the server is
    about to be deleted. It costs 1 request at most; none for the types that
    the other ports have, whose unplug() does it.

    :param network_infos: list of nova.network.model.VIF that Nova lists.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    listed = [_driver_class(vif) for vif in known(network_infos)]
    for driver_class in _driver_classes(host):
        if driver_class not in listed:
            driver_class.remove_stale(
                host, lambda server: server == instance.uuid)


def clean_periodically(host: powervm_host.Host) -> None:
    """Remove what the platform should have removed with adapters.

    :param host: the Host.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    for driver_class in _driver_classes(host):
        driver_class.clean_periodically(host)


def _driver_classes(
        host: powervm_host.Host) -> list[type[driver.VifDriver]]:
    """Return the classes of ports that this host can have."""
    found = map(importutils.import_class, VIF_DRIVERS.values())
    return [driver_class for driver_class in found
            if not (driver_class.needs_mgmt and host.is_hmc)]


def remove_stale_ports(host: powervm_host.Host) -> None:
    """Remove what ports have left of servers that are gone from this host.

    They have no LPAR, and Nova has deleted them or has them nowhere or on
    another host: that an LPAR is not listed proves nothing by itself. It must
    run when nothing else is done. What fails is logged.

    :param host: the Host.
    """
    lpars = functools.cache(lambda: {
        lpar.uuid.upper() for lpar in host.partition_states.refresh()})
    try:
        remove_stale(host, lambda server: (
            pvm_uuids.convert_uuid_to_pvm(server).upper() not in lpars() and
            _has_left(host, server)))
    except pvm_exc.Error as exc:
        LOG.warning('Stale adapters of ports cannot be found or removed: '
                    '%s', exc)


def _has_left(host: powervm_host.Host, server: str) -> bool:
    """Whether Nova has deleted a server, or not on this host (1 DB call)."""
    found = objects.InstanceList.get_by_filters(
        nova_context.get_admin_context(read_deleted='yes'), {'uuid': server},
        expected_attrs=[])
    return any(instance.deleted or instance.host != host.nodename and
               instance.task_state is None for instance in found)


def _tell_agent(vif_drv: driver.VifDriver, action: str, vif: network_model.VIF,
                adapter: pvm_wrapper.EntryWrapper | None) -> None:
    """Tell the agent of a port about it, if there is one; never raises."""
    # An HMC takes no events of others, and no agent would listen there.
    if (not vif_drv.has_agent or not details.has_agent(vif) or
            vif_drv.host.is_hmc):
        return
    try:
        events.push(vif_drv.host.adapter, action, adapter, vif['type'])
    except pvm_exc.Error as exc:
        LOG.warning('The network agent was not told of the %(action)s of '
                    'port %(id)s: %(exc)s',
                    {'action': action, 'id': vif['id'], 'exc': exc},
                    instance=vif_drv.instance)


def _as_plugged(
        host: powervm_host.Host, vif: network_model.VIF,
        adapter: pvm_wrapper.EntryWrapper | None) -> network_model.VIF:
    """A port with the type that its adapter is of.

    Neutron may have bound it again, in vain or to another type, since it was
    plugged. The driver of Open vSwitch also removes adapters that are on
    another switch than its own. Behind an HMC there are no ports of Open
    vSwitch.
    """
    if adapter is None or (
            vif.get('type') in VIF_DRIVERS and
            isinstance(adapter, _driver_class(vif).adapter_type.wrapper) and
            not ovs.is_on_switch(host, adapter)):
        return vif
    return network_model.VIF(**dict(vif, type=(
        'pvm_sriov' if isinstance(adapter, driver.VNIC.wrapper) else
        'pvm_sea' if host.is_hmc else 'ovs')))


def _is_impossible(host: powervm_host.Host, vif: network_model.VIF) -> bool:
    """Whether a port needs a management partition, and there is none."""
    return _driver_class(vif).needs_mgmt and host.is_hmc


def _driver_class(vif: network_model.VIF) -> type[driver.VifDriver]:
    return importutils.import_class(VIF_DRIVERS[vif['type']])


def _build_vif_driver(host: powervm_host.Host, instance: objects.Instance,
                      vif: network_model.VIF) -> driver.VifDriver:
    vif_type = vif.get('type')
    if vif_type not in VIF_DRIVERS:
        raise nova_exc.VirtualInterfacePlugException(
            'Port %(id)s has the type %(type)s, which the PowerVM driver '
            'does not know. It knows: %(known)s' %
            {'id': vif.get('id'), 'type': vif_type,
             'known': ', '.join(sorted(VIF_DRIVERS))})
    if _is_impossible(host, vif):
        raise nova_exc.VirtualInterfacePlugException(
            'Port %(id)s has the type %(type)s, which needs a management '
            'partition. An HMC manages this host, which has none.' % {
                'id': vif.get('id'), 'type': vif_type})
    return _driver_class(vif)(host, instance)
