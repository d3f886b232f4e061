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

"""Fibre Channel volumes that the server sees itself: NPIV.

The server has virtual Fibre Channel adapters, each on a physical port of a
VIOS. They are made when its first volume is attached and stay until it is
deleted; the fabric and the guest do the rest.
"""

import itertools

from nova.compute import task_states
from nova import exception as nova_exc
from nova import objects
from oslo_concurrency import lockutils
from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import partition as pvm_partition
from pypowervm.tasks import vfc_mapper
from pypowervm import util as pvm_util
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm.volume import driver
from nova_powervm.virt.powervm.volume import fabrics

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_FC_MAPPING = pvm_const.XAG.VIO_FMAP
# The platform makes no more WWPN pairs at a time (source: pypowervm).
_MAX_PAIRS = 8
#: A server in one of these that loses its adapters never needs them again.
_FINAL_STATES = (task_states.DELETING, task_states.SOFT_DELETING,
                 task_states.SPAWNING, task_states.BLOCK_DEVICE_MAPPING)


class NpivConnector(driver.VolumeConnector):
    """Connects a server, and so a volume, by virtual FC mappings."""

    xag = (storage.SCSI_MAPPING, _FC_MAPPING)

    def __init__(self, host, instance, connection_info, boot=False):
        super().__init__(host, instance, connection_info, boot=boot)
        self._verify = False
        self._was_mapped = self._is_mapped()
        self._wanted = {}

    # ---- what Cinder is told -------------------------------------------

    @classmethod
    def hostname(cls, instance):
        name = (instance.name if isinstance(instance, objects.Instance)
                else instance['name'])
        return '%s_%s' % (CONF.host[:20], name)

    @classmethod
    def wwpns(cls, host, instance):
        """See VolumeConnector; made the first time (4 requests, then 0)."""
        if not isinstance(instance, objects.Instance):
            return []
        with lockutils.lock('npiv_%s' % instance.uuid):
            lacking = [fabric for fabric in fabrics.names()
                       if not fabrics.adapters(instance, fabric)]
            if lacking and instance.task_state != task_states.DELETING:
                _make_wwpns(host, instance, lacking)
            return [adapter.wwpns[0] for fabric in fabrics.names()
                    for adapter in fabrics.adapters(instance, fabric)]

    # ---- connection ----------------------------------------------------

    def _is_mapped(self):
        """Whether the server has all its adapters, on ports of this host."""
        if any(fabrics.state(self.instance, fabric) != fabrics.MAPPED
               for fabric in fabrics.names()):
            return False
        here = {pvm_util.sanitize_wwpn_for_api(wwpn)
                for wwpns in self.host.fc_ports().values() for wwpn in wwpns}
        return all(adapter.port in here for fabric in fabrics.names()
                   for adapter in fabrics.adapters(self.instance, fabric))

    @property
    def needs_io_change(self):
        return not self._is_mapped()

    @classmethod
    def discover_what_is_there(cls, connectors):
        for connector in connectors:
            connector._verify = True
        return []

    def connect(self, stg):
        if self._is_mapped() and not self._verify:
            return
        self._wanted.clear()
        stg.plan(self._place)
        stg.edit_redundant(list(self.host.fc_ports()), self._map,
                           missed=self.missed.add)
        stg.then(self._check_mapped)

    def _place(self, vioses):
        """Choose a port for each adapter that is not there."""
        active = pvm_partition.get_active_vioses(
            self.host.adapter, vios_wraps=list(vioses.values()))
        for number, fabric in enumerate(fabrics.names()):
            adapters = fabrics.adapters(self.instance, fabric)
            if not adapters:
                raise nova_exc.VolumeAttachFailed(
                    volume_id=self.volume_id,
                    reason='the server has no WWPNs in fabric %s' % fabric)
            adapters = [
                self._place_one(adapter, vioses, active) or adapter._replace(
                    port=None) for adapter in adapters]
            adapters = self._place_rest(fabric, adapters,
                                        _rotate(active, number))
            fabrics.set_adapters(self.instance, fabric, adapters)

    def _place_one(self, adapter, vioses, active):
        """Find an adapter where it is, or the port that it was to be on."""
        vios_w, mapping = vfc_mapper.has_client_wwpns(
            list(vioses.values()), adapter.wwpns)
        if mapping is not None and mapping.backing_port is not None:
            return adapter._replace(port=pvm_util.sanitize_wwpn_for_api(
                mapping.backing_port.wwpn))
        vios_w, port = vfc_mapper.find_vios_for_wwpn(active, adapter.port)
        if port is None or not port.npiv_available_ports:
            return None
        self._wanted.setdefault(vios_w.uuid, []).append(adapter)
        return adapter

    def _place_rest(self, fabric, adapters, active):
        homeless = [adapter for adapter in adapters if not adapter.port]
        if not homeless:
            return adapters
        for adapter in _on_ports(active, fabric, itertools.chain(
                *(adapter.wwpns for adapter in homeless))):
            vios_w, _port = vfc_mapper.find_vios_for_wwpn(active,
                                                          adapter.port)
            self._wanted.setdefault(vios_w.uuid, []).append(adapter)
            adapters = [adapter if adapter.wwpns == other.wwpns else other
                        for other in adapters]
        return adapters

    def _map(self, vios_w):
        """Edit: make the adapters that are to be on a VIOS."""
        return [mapping for mapping in (
            vfc_mapper.add_map(vios_w, self.host.system_uuid, self.lpar_uuid,
                               adapter.port_map)
            for adapter in self._wanted.get(vios_w.uuid, ())) if mapping]

    def _check_mapped(self):
        lacking = [vios_uuid for vios_uuid in self._wanted
                   if vios_uuid in self.missed]
        if lacking and len(lacking) == len(self._wanted):
            raise nova_exc.VolumeAttachFailed(
                volume_id=self.volume_id,
                reason='VIOS %s went down meanwhile' % ', '.join(lacking))
        for fabric in fabrics.names():
            fabrics.set_state(self.instance, fabric, fabrics.UNMAPPED
                              if lacking else fabrics.MAPPED)
        self.instance.save()

    # ---- disconnection -------------------------------------------------

    def disconnect(self, stg, server_going=False):
        """See VolumeConnector; other volumes need the adapters as well."""
        if server_going:
            self._queue_removal(stg)

    def undo_connect(self, stg):
        if not self._was_mapped and not self._verify:
            self._queue_removal(stg)

    def _queue_removal(self, stg):
        vioses = list(self.host.fc_ports())
        stg.plan(_read_together)
        stg.edit_redundant(vioses, self._unmap, missed=self.missed.add)
        stg.then(self._forget)

    def _unmap(self, vios_w):
        """Edit: remove the server's adapters."""
        ours = {frozenset(adapter.wwpns)
                for fabric in fabrics.known_to(self.instance)
                for adapter in fabrics.adapters(self.instance, fabric)}
        mappings = vios_w.vfc_mappings
        removed = [
            mapping for mapping in mappings
            if storage.is_client(mapping, self.lpar_uuid) or (
                mapping.client_adapter is not None and
                frozenset(mapping.client_adapter.wwpns) in ours)]
        for mapping in removed:
            mappings.remove(mapping)
        # Not the list: these mappings have no storage behind them.
        return bool(removed)

    def _forget(self):
        if self.instance.host not in (None, CONF.host):
            # It lives on another host by now.
            return
        if self.instance.task_state in _FINAL_STATES or (
                not self._was_mapped and
                self.instance.task_state is None):
            fabrics.forget(self.instance)
        for fabric in fabrics.known_to(self.instance):
            fabrics.set_state(self.instance, fabric, fabrics.UNMAPPED)
        try:
            self.instance.save()
        except nova_exc.InstanceNotFound:
            LOG.debug('The server is deleted, with its WWPNs.',
                      instance=self.instance)

    def extend(self):
        """See VolumeConnector; the guest sees the size by itself."""


def _read_together(vioses):
    """Plan nothing: it only makes the VIOSes be read in one request."""


def _rotate(vioses, number):
    """Begin with another VIOS for each fabric, to spread the load."""
    if not vioses:
        return vioses
    number %= len(vioses)
    return vioses[number:] + vioses[:number]


def _make_wwpns(host, instance, lacking):
    """Have the platform make WWPNs for a server, and save them with it."""
    vioses = pvm_partition.get_active_vioses(
        host.adapter, vios_wraps=pvm_vios.VIOS.get(host.adapter,
                                                   xag=[_FC_MAPPING]))
    per_fabric = 2 * CONF.powervm.ports_per_fabric
    fresh = _next_wwpns(host, len(lacking) * CONF.powervm.ports_per_fabric)
    for number, fabric in enumerate(lacking):
        wwpns = fresh[number * per_fabric:(number + 1) * per_fabric]
        fabrics.set_adapters(instance, fabric, _on_ports(
            _rotate(vioses, number), fabric, wwpns))
        fabrics.set_state(instance, fabric, fabrics.UNMAPPED)
    instance.save()


def _next_wwpns(host, pairs):
    wwpns = []
    for first in range(0, pairs, _MAX_PAIRS):
        wwpns += vfc_mapper.build_wwpn_pair(
            host.adapter, host.system_uuid,
            pair_count=min(_MAX_PAIRS, pairs - first))
    return wwpns


def _on_ports(vioses, fabric, wwpns):
    """Spread adapters over VIOSes and their ports in a fabric.

    :param vioses: list of VIOS wrappers that can be used.
    :param wwpns: iterable of WWPNs, two for each adapter.
    :returns: list of fabrics.Adapter
    :raises FabricPortNotFound: if there is no port.
    """
    usable = [port.wwpn for vios_w in vioses for port in vios_w.pfc_ports
              if port.npiv_available_ports]
    ports = vfc_mapper.intersect_wwpns(fabrics.ports(fabric), usable)
    try:
        port_maps = vfc_mapper.derive_npiv_map(vioses, ports, list(wwpns),
                                               preserve=False)
    except (pvm_exc.UnableToFindFCPortMap, IndexError):
        raise exception.FabricPortNotFound(
            fabric=fabric, ports=', '.join(fabrics.ports(fabric))) from None
    return [fabrics.Adapter(pvm_util.sanitize_wwpn_for_api(port),
                            tuple(pair.split()))
            for port, pair in port_maps]
