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
"""The Fibre Channel adapters of a server that is migrated live.

Each adapter has two WWPNs. The server is logged on to the fabric with the
first one. On the target the platform logs on with the second one, before the
first one logs off, and from then on the second one is the first (source: 9.0.0
of nova-powervm, which exchanges them after each move).
"""

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import util as pvm_util

from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import npiv_connection
from nova_powervm.virt.powervm.volume import npiv_ports

LOG = logging.getLogger(__name__)


def describe(vioses, instance):
    """Tell which virtual slot has which adapter (no request).

    :param vioses: list of VIOS wrappers, read with FC_MAPPING.
    :param instance: nova.objects.Instance
    :returns: list of [slot, sorted WWPNs], which JSON can tell.
    """
    return sorted(
        [mapping.client_adapter.lpar_slot_num,
         sorted(npiv_connection.wwpns_of(mapping))]
        for mapping in _mappings(vioses, instance)
        if mapping.client_adapter is not None)


def _mappings(vioses, instance):
    return [mapping for vios_w in vioses for mapping in vios_w.vfc_mappings
            if clients.is_client(mapping, vm.get_lpar_uuid(instance))]


def choose_ports(host, instance, described):
    """Choose a port of this host for each adapter (1 request).

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param described: what describe() has returned on the source.
    :returns: list of str, mappings for the job of the platform.
    :raises nova.exception.MigrationPreCheckError: if there is no fabric of
        that name here.
    :raises FabricPortNotFound: if a fabric has no port that is free.
    :raises pypowervm.exceptions.Error: if the VIOSes cannot be read.
    """
    slots = {frozenset(wwpns): slot for slot, wwpns in described}
    if not slots:
        return []
    vioses = {vios_w.uuid: vios_w for vios_w in host.active_vioses(
        [vios_mappings.FC_MAPPING])}
    ports, found = npiv_ports.Ports(vioses.values()), []
    for fabric in fabrics.known_to(instance):
        if fabric not in fabrics.names():
            raise nova_exc.MigrationPreCheckError(
                reason='the server is connected to fabric %s, which [powervm] '
                'fabrics of the target does not list' % fabric)
        for adapter in fabrics.adapters(instance, fabric):
            if adapter.key in slots:
                vios_uuid, wwpn = ports.choose(fabric)
                found.append(_mapping(slots[adapter.key], vioses[vios_uuid],
                                      wwpn))
    return found


def _mapping(slot, vios_w, wwpn):
    """Write a mapping (source: vfc_mapper of pypowervm.tasks)."""
    name = next(port.name for port in vios_w.pfc_ports
                if pvm_util.sanitize_wwpn_for_api(port.wwpn) == wwpn)
    return '%d/%s/%d//%s' % (slot, vios_w.name, vios_w.id, name)


def note_departure(instance, target):
    """Have Nova keep, on the source, which WWPNs are the first ones now.

    The source knows that the server has moved. The target may be killed before
    it hears of that, and a hard reboot does not tell it which WWPN of a pair
    the server logs on with. It can be called again.

    :param instance: nova.objects.Instance
    :param target: str, Nova's name of the target.
    """
    fabrics.refresh(instance)
    if fabrics.host_of(instance) == target or not fabrics.known_to(instance):
        return
    for fabric in fabrics.known_to(instance):
        fabrics.set_adapters(instance, fabric, [
            _arrived(adapter, True, None)
            for adapter in fabrics.adapters(instance, fabric)])
    fabrics.set_host(instance, target)
    fabrics.save(instance)


def note_on_target(host, instance, vioses):
    """Have Nova keep where a server that has come has its adapters.

    It exchanges the WWPNs only if the source, of an earlier version, has not.
    It can be called again.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param vioses: list of VIOS wrappers, read with FC_MAPPING; None if they
        could not be read.
    """
    fabrics.refresh(instance)
    is_news = fabrics.host_of(instance) != host.nodename
    there = None if vioses is None else {
        npiv_connection.wwpns_of(mapping): mapping
        for mapping in _mappings(vioses, instance)}
    for fabric in fabrics.known_to(instance):
        adapters = fabrics.adapters(instance, fabric)
        fabrics.set_adapters(instance, fabric, [
            _arrived(adapter, is_news, (there or {}).get(adapter.key))
            for adapter in adapters])
        if there is not None and not {
                adapter.key for adapter in adapters} <= there.keys():
            LOG.warning('An adapter in fabric %s has not come along; a hard '
                        'reboot makes it.', fabric, instance=instance)
            fabrics.set_state(instance, fabric, fabrics.UNMAPPED)
    fabrics.set_host(instance, host.nodename)
    fabrics.save(instance)
    for mapping in (there or {}).values():
        host_record.keep_id(instance, host.nodename,
                            mapping.server_adapter.lpar_id)


def _arrived(adapter, is_news, mapping):
    """An Adapter as it is on the target."""
    port = None if mapping is None else mapping.backing_port
    return fabrics.Adapter(
        adapter.port if port is None
        else pvm_util.sanitize_wwpn_for_api(port.wwpn),
        tuple(reversed(adapter.wwpns)) if is_news else adapter.wwpns)
