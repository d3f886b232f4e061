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

"""Find the owners of mappings of volumes in Nova's database.

A VIOS that is down when a volume is detached, or when its server is moved or
deleted, keeps the mapping. When the VIOS is back, the earlier server still
reaches the volume, while another one may have it. Such a mapping is stale.
Nova's database proves this. It has to be read after the document of the VIOS:
before the driver maps anything, Nova stores that a server is to have a volume,
or is busy. So with this order, no wanted mapping looks stale.

These mappings are never stale: mappings of LPARs that are not of Nova's
servers, of servers of another nova-compute which never moved here, and of
volumes that no server of Nova ever had.

Missing or changed data of the platform proves nothing. So a mapping stays if
its UDID is missing, if nobody has recorded its UDID and the volume of its
server may be behind it, or if its LPAR is not reported and may be a server
that has the volume.
"""

import functools
import itertools
import typing

from nova.compute import vm_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from oslo_log import log as logging
from oslo_serialization import jsonutils

from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import fibre_channel
from nova_powervm.virt.powervm.volume import mappings
from nova_powervm.virt.powervm.volume import whereabouts

LOG = logging.getLogger(__name__)


class _Volume(typing.NamedTuple):
    """A volume that a server has, or is about to get.

    :ivar id: str, Cinder's id of it.
    :ivar udids: frozenset of the UDIDs that it may have; empty if they are
        unknown.
    :ivar is_recorded: whether Nova has saved a UDID with the attachment. If
        so, the id proves little, because a volume that replaced another one
        can have its id.
    :ivar is_shared: whether other servers may also have it.
    """

    id: str
    udids: frozenset
    is_recorded: bool
    is_shared: bool

    def is_behind(self, element):
        """Return whether a device is the volume, according to the records.

        :param element: wrapper of the physical volume.
        """
        return element.udid in self.udids or (
            not self.is_recorded and _tag(element) == self.id)

    def may_be_behind(self, element):
        """Return whether a device may be the volume, by its UDID or tag."""
        return element.udid in self.udids or _tag(element) == self.id


class _Server(typing.NamedTuple):
    """A server of Nova.

    :ivar instance: nova.objects.Instance
    :ivar volumes: list of _Volume, without NPIV volumes, which have no devices
        on VIOSes.
    """

    instance: typing.Any
    volumes: list

    @property
    def is_whole(self):
        """Whether the UDIDs of all volumes are known."""
        return all(vol.udids for vol in self.volumes)


def udids(instance, bdm):
    """Return the UDIDs that a volume may have: set, empty if unknown."""
    kept = device_addresses.read(instance).get(bdm.volume_id)
    return {_recorded(bdm), kept and kept.udid} - {None}


def _recorded(bdm):
    """Return the UDID that Nova has saved with an attachment, or None."""
    data = _connection_info(bdm).get('data') or {}
    return data.get(device_addresses.UDID_KEY)


def _connection_info(bdm):
    return jsonutils.loads(bdm.connection_info or '{}') or {}


def _volumes(instance, bdms):
    """Return the volumes of a server with devices on VIOSes: list.

    :param bdms: iterable of its nova.objects.BlockDeviceMapping
    :returns: list of _Volume
    """
    return [_Volume(bdm.volume_id.lower(), frozenset(udids(instance, bdm)),
                    bool(_recorded(bdm)), bdm.is_multiattach)
            for bdm in bdms if bdm.is_volume and bdm.volume_id and
            fibre_channel.strategy_of(instance, _connection_info(bdm)) !=
            fibre_channel.NPIV]


def is_known(volume_id):
    """Return whether a server of Nova has or had a volume (1 DB call).

    :param volume_id: str, Cinder's id of it.
    """
    return bool(_bdms_with(
        nova_context.get_admin_context(read_deleted='yes'), volume_id))


def _bdms_with(context, volume_id):
    try:
        return objects.BlockDeviceMappingList.get_by_volume(context, volume_id)
    except nova_exc.VolumeBDMNotFound:
        return []


def left_devices(host, found):
    """Return the devices of volumes that this host had, and no longer has.

    That nobody has mapped a device proves nothing, because an operator may be
    about to map it. So its volume must have belonged to a server that is, or
    was, on this host. While a server here gets a volume, it is unknown which
    device that is; then the result is empty.

    :param host: the owner of the REST connection (host.Host).
    :param found: set of the UDIDs of devices that were read before, and that
        no mapping has.
    :returns: tuple of two sets: a part of found, and the UUIDs of the servers
        on other hosts because of which others stay. Nova is busy with them,
        and one may come here.
    """
    known = Owners(host, [])
    left = found & known.recorded_udids
    if not left:
        return set(), set()
    needed = known.needed_udids()
    return (set() if needed is None else left - needed,
            known.may_come_for(left))


def is_of_others(host, instance, volume_id, udid):
    """Return whether another server here has a volume, or is to get it.

    Needs no request, and a few calls of Nova's database.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance of the server that is disconnected
        from the volume.
    :param volume_id: str, Cinder's id of it.
    :param udid: str, its UDID.
    """
    return Owners(host, []).is_needed(volume_id.lower(), udid,
                                      besides=instance.uuid)


class Owners:
    """Nova's data on the LPARs and volumes of some mappings.

    It reads Nova's database when it is created, and again for mappings that do
    not have enough data.

    :param host: the owner of the REST connection (host.Host).
    :param found: list of VSCSIMapping wrappers that were read before, all of
        one VIOS.
    :ivar protecting: set of the UUIDs of servers because of which a mapping
        stays that may be stale.
    """

    def __init__(self, host, found):
        self._host = host
        self._found = found
        self.protecting = set()
        self._context = nova_context.get_admin_context(read_deleted='yes')
        self._whereabouts = whereabouts.Whereabouts(host, self._context)
        lpars = {client for client in map(clients.client, found)
                 if client and not host.is_mgmt(client)}
        uuids = sorted(itertools.chain(*map(vm.instance_uuids, lpars)))
        self._servers = {}
        instances = self._find(self._context, uuid=uuids) if uuids else []
        bdms = self._bdms_of(nova_context.get_admin_context(), instances)
        for instance in instances:
            self._servers.setdefault(
                vm.get_lpar_uuid(instance).lower(), []).append(
                    _Server(instance, _volumes(
                        instance, bdms.get(instance.uuid, ()))))

    @staticmethod
    def _find(context, **filters):
        return objects.InstanceList.get_by_filters(
            context, filters, expected_attrs=['system_metadata'])

    @staticmethod
    def _bdms_of(context, instances):
        return objects.BlockDeviceMappingList.bdms_by_instance_uuid(
            context, [instance.uuid for instance in instances])

    # ---- questions -----------------------------------------------------

    def is_stale(self, mapping, is_idle=lambda instance_uuid: True):
        """Return whether a mapping is stale.

        :param is_idle: function of the UUID of a server; returns whether no
            operation runs that Nova's database does not show. For None, it
            returns this for the management partition.
        """
        if not self._is_of_volume(mapping):
            return False
        if clients.is_orphan(mapping):
            return self.is_abandoned(mapping)
        client = clients.client(mapping)
        if client is None:
            return False
        if self._host.is_mgmt(client):
            # It has a volume only while the volume is copied.
            return is_idle(None) and self._is_ours(mapping)
        server = self._only_server(client)
        if server is None or not is_idle(server.instance.uuid):
            return False
        if server.instance.deleted:
            return self._was_here(server.instance)
        if self._has_left(server.instance):
            return (self._was_here(server.instance) and
                    not self._whereabouts.is_in_use(server.instance, client))
        return (server.instance.host == self._host.nodename and
                server.instance.task_state is None and server.is_whole and
                server.instance.vm_state != vm_states.BUILDING and
                self._is_free(server, mapping))

    def _is_of_volume(self, mapping):
        """Whether a mapping was made for a volume, by its tag or its UDID."""
        return mappings.is_of_volume(mapping) or (
            mappings.may_be_of_volume(mapping) and
            mapping.backing_storage.udid in self.recorded_udids)

    def is_abandoned(self, mapping):
        """Return whether an orphan is of a volume of Nova that nobody needs.

        Needs 1 request if a server here has the volume.
        """
        return self._is_ours(mapping) and not self._may_be_needed(mapping)

    def is_given_up(self, mapping):
        """Return whether the server of a mapping does not have its volume.

        Use this for a volume that Cinder has given to another server. Then it
        does not matter what the server of the mapping does at the same time.
        """
        client = clients.client(mapping)
        if self._host.is_mgmt(client):
            return mappings.is_of_volume(mapping)
        server = self._only_server(client)
        return server is not None and self._was_here(server.instance) and (
            bool(server.instance.deleted) or
            self._has_left(server.instance) or server.is_whole and
            self._is_free(server, mapping))

    def is_shared(self, mapping):
        """Return whether the server of a mapping may share its volume."""
        server = self._only_server(clients.client(mapping))
        return server is not None and any(
            vol.is_shared and vol.is_behind(mapping.backing_storage)
            for vol in server.volumes)

    def needs_device(self, element):
        """Return whether a server here may need a device for its volume.

        :param element: wrapper of a physical volume.
        """
        return any(self._may_use(server, element)
                   for server in self._servers_needing)

    def _may_use(self, server, element):
        if any(vol.is_behind(element) for vol in server.volumes):
            return True
        return element.udid not in self.recorded_udids and any(
            vol.may_be_behind(element) for vol in server.volumes)

    # ---- proofs --------------------------------------------------------

    def _is_free(self, server, mapping):
        """Return whether a mapping provably is of no volume of its server.

        A UDID that Nova has recorded for another volume proves this. A UDID
        that nobody has recorded may be another form of a recorded one, because
        a platform may begin to report UDIDs otherwise. So it proves this only
        if the VIOS has other mappings for all volumes of the server.
        """
        element = mapping.backing_storage
        if not server.volumes:
            return True
        if any(vol.is_behind(element) for vol in server.volumes):
            return False
        if element.udid and element.udid in self.recorded_udids:
            return True
        if element.udid and all(self._is_mapped(server, vol)
                                for vol in server.volumes):
            return True
        self.protecting.add(server.instance.uuid)
        LOG.warning('Volume %(volume)s (%(udid)s) stays mapped: the UDID does '
                    'not tell whether it is one of the server.',
                    {'volume': element.tag, 'udid': element.udid},
                    instance=server.instance)
        return False

    def _is_mapped(self, server, vol):
        """Return whether the VIOS maps a volume to a server, by its UDID."""
        client = vm.get_lpar_uuid(server.instance).lower()
        return any(clients.client(mapping) == client and
                   mapping.backing_storage.udid in vol.udids
                   for mapping in self._found)

    def _may_be_needed(self, mapping):
        """Return whether an orphan may be of a server that has the volume.

        The LPAR may be missing in the answer. The orphan is not of such a
        server if the VIOS has another mapping of the volume for it, or if the
        server has an LPAR with another partition id.
        """
        element = mapping.backing_storage
        for server in self._servers_needing:
            wanted = [vol for vol in server.volumes
                      if vol.may_be_behind(element)]
            if not wanted or all(self._is_mapped(server, vol)
                                 for vol in wanted):
                continue
            lpar_id = self._lpar_ids.get(
                vm.get_lpar_uuid(server.instance).lower())
            if lpar_id in (None, mapping.server_adapter.lpar_id):
                self.protecting.add(server.instance.uuid)
                LOG.warning('Volume %(volume)s stays mapped to partition '
                            '%(id)d: its VIOS does not tell which LPAR that '
                            'is, and it may be that of the server.',
                            {'volume': element.tag,
                             'id': mapping.server_adapter.lpar_id},
                            instance=server.instance)
                return True
        return False

    @functools.cached_property
    def _lpar_ids(self):
        """The partition ids of the LPARs: dict of UUID -> int."""
        return {lpar_w.uuid.lower(): lpar_w.id
                for lpar_w in self._host.lpars()}

    @functools.cached_property
    def _servers_needing(self):
        """Servers that are on this host, or move to it: list of _Server."""
        context = nova_context.get_admin_context()
        instances = [instance for instance in self._servers_here(context)
                     if not self._has_left(instance)]
        bdms = self._bdms_of(context, instances)
        return [_Server(instance, _volumes(instance,
                                           bdms.get(instance.uuid, ())))
                for instance in instances]

    def _only_server(self, client):
        """Return the server of an LPAR; None if not Nova's, or ambiguous."""
        servers = self._servers.get(client, ())
        return servers[0] if len(servers) == 1 else None

    def _has_left(self, instance):
        """Return whether a server is on another host or none, and idle."""
        return (instance.host != self._host.nodename and
                instance.task_state is None and
                instance.uuid not in self._whereabouts.maybe_here)

    def _was_here(self, instance):
        """Return whether Nova ever had a server on this host.

        That its LPAR is here is no proof: somebody may run two nova-computes
        for one host by mistake.
        """
        return (instance.host == self._host.nodename or
                instance.uuid in self._whereabouts.moved)

    def _is_ours(self, mapping):
        """Return whether a server of Nova ever had the volume of a mapping."""
        element = mapping.backing_storage
        return (bool(element.tag) and is_known(element.tag) or
                element.udid in self.recorded_udids)

    @functools.cached_property
    def recorded_udids(self):
        """UDIDs of volumes that servers of this host have, or ever had: set.

        The id of a volume that Cinder has migrated differs from its tag.
        """
        instances = self._servers_here(self._context)
        recorded = {udid for instance, bdm in self._volumes_of(
            self._context, instances) for udid in udids(instance, bdm)}
        return recorded.union(*map(device_addresses.missed, instances))

    def needed_udids(self):
        """Return UDIDs of volumes that servers here have, or get: set.

        :returns: None if one of them is not known yet.
        """
        needed = set()
        for server in self._servers_needing:
            if not server.is_whole and not _is_idle_in_error(server.instance):
                return None
            needed.update(*(vol.udids for vol in server.volumes))
        return needed

    def may_come_for(self, udids):
        """Return the UUIDs of servers elsewhere that may need some volumes.

        :param udids: set of the UDIDs of these volumes.
        """
        return {server.instance.uuid for server in self._servers_needing
                if server.instance.host != self._host.nodename and (
                    not server.is_whole or
                    any(udids & vol.udids for vol in server.volumes))}

    def is_needed(self, volume_id, udid, besides):
        """Return whether a server has a volume, or gets it.

        See is_of_others().

        :param besides: UUID of a server to ignore.
        """
        return any(vol.id == volume_id or udid in vol.udids
                   for server in self._servers_needing
                   if server.instance.uuid != besides
                   for vol in server.volumes)

    def _servers_here(self, context):
        """Servers that are, or were, here; some without host: Instances."""
        nodename = self._host.nodename
        made_here = host_record.host_metadata(nodename)
        filters = [{'host': nodename},
                   {'host': None, 'system_metadata': made_here}]
        if self._whereabouts.moved:
            filters.append({'uuid': sorted(self._whereabouts.moved)})
        return list({
            instance.uuid: instance for wanted in filters
            for instance in self._find(context, **wanted)}.values())

    def _volumes_of(self, context, instances):
        """Return (Instance, BDM) of the volumes of some servers."""
        bdms = self._bdms_of(context, instances)
        return [(instance, bdm) for instance in instances
                for bdm in bdms.get(instance.uuid, ())
                if bdm.is_volume and bdm.volume_id]


def _tag(element):
    return (element.tag or '').lower()


def _is_idle_in_error(instance):
    """Return whether a server is idle in ERROR: Nova attaches no volume."""
    return (instance.vm_state == vm_states.ERROR and
            instance.task_state is None)
