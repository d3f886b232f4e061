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

"""Whose the mappings of volumes are, by Nova's database.

A VIOS that is down when a volume is detached, or its server moved or deleted,
keeps the mapping: the former server still reaches the volume when the VIOS is
back, while another one may have it. Such a mapping is stale. What proves that
is Nova's database, which is to be read after the document of the VIOS: Nova
keeps that a server is to have a volume, or is busy, before the driver maps
anything. So the two together never make a mapping stale that is wanted.

These are never stale: mappings of LPARs that are not of Nova's servers, of
servers that another nova-compute has which never moved here, and of volumes
that no server of Nova ever had.
"""

import functools
import itertools
import typing

from nova.compute import vm_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from oslo_serialization import jsonutils

from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import mappings
from nova_powervm.virt.powervm.volume import places


class _Server(typing.NamedTuple):
    """A server of Nova.

    :ivar instance: nova.objects.Instance
    :ivar volumes: set of the UDIDs of its volumes, and of Cinder's ids of
        those that it may be about to get.
    :ivar shared: those of them that are multiattach.
    :ivar is_whole: whether the UDIDs of all are known.
    """

    instance: typing.Any
    volumes: frozenset
    shared: frozenset
    is_whole: bool


def udids(instance, bdm):
    """The UDIDs that a volume may have: set, empty if nobody knows."""
    kept = places.of(instance).get(bdm.volume_id)
    return {_recorded(bdm), kept and kept.udid} - {None}


def _recorded(bdm):
    """The UDID that Nova has saved with an attachment; None if it has not."""
    info = jsonutils.loads(bdm.connection_info or '{}') or {}
    return (info.get('data') or {}).get(places.UDID_KEY)


def _marks(instance, bdm):
    """What mappings of a volume bear: set of UDIDs, and maybe Cinder's id.

    A volume that replaced another one can have its id: of one that is known
    to be attached only the UDID counts.
    """
    return udids(instance, bdm) | (
        set() if _recorded(bdm) else {bdm.volume_id})


def is_known(volume_id):
    """Whether a server of Nova has a volume, or ever had it (1 DB call).

    :param volume_id: str, Cinder's id of it.
    """
    return bool(_bdms_with(
        nova_context.get_admin_context(read_deleted='yes'), volume_id))


def _bdms_with(context, volume_id):
    try:
        return objects.BlockDeviceMappingList.get_by_volume(context, volume_id)
    except nova_exc.VolumeBDMNotFound:
        return []


def is_needed(element, nodename):
    """Whether a server of a host is to have a volume (2 DB calls).

    :param element: wrapper of a physical volume with the volume's id as tag.
    :param nodename: Nova's name of the host.
    """
    context = nova_context.get_admin_context()
    bdms = {bdm.instance_uuid: bdm for bdm in _bdms_with(context, element.tag)}
    return bool(bdms) and any(
        instance.host == nodename and not _ids(element).isdisjoint(
            _marks(instance, bdms[instance.uuid]))
        for instance in objects.InstanceList.get_by_filters(
            context, {'uuid': sorted(bdms)},
            expected_attrs=['system_metadata']))


def left_devices(host, found):
    """Which devices are of volumes that this host had, and has no more.

    That nobody has mapped one proves nothing: an operator may be about to. So
    it must be of a volume that a server had which is, or was, on this host.
    While a server here gets a volume, it is not known which device that is:
    then none is told.

    :param host: the owner of the REST connection (host.Host).
    :param found: set of the UDIDs of devices that were read before, and that
        no mapping has.
    :returns: set of some of them.
    """
    known = Owners(host, [])
    left = found & known.former_udids
    needed = known.needed_udids() if left else None
    return set() if needed is None else left - needed


class Owners:
    """What Nova knows of the LPARs and volumes of some mappings.

    Nova's database is read when it is made, and once more for mappings of
    LPARs that are gone.

    :param host: the owner of the REST connection (host.Host).
    :param found: list of VSCSIMapping wrappers that were read before.
    """

    def __init__(self, host, found):
        self._host = host
        self._context = nova_context.get_admin_context(read_deleted='yes')
        clients = {client for client in map(mappings.client, found)
                   if client and client != host.mgmt_uuid.lower()}
        uuids = sorted(itertools.chain(*map(vm.instance_uuids, clients)))
        self._servers = {}
        instances = self._find(self._context, uuid=uuids) if uuids else []
        bdms = self._bdms_of(nova_context.get_admin_context(), instances)
        for instance in instances:
            self._servers.setdefault(
                vm.get_pvm_uuid(instance).lower(), []).append(
                    self._server(instance, bdms.get(instance.uuid, ())))

    @staticmethod
    def _find(context, **filters):
        return objects.InstanceList.get_by_filters(
            context, filters, expected_attrs=['system_metadata'])

    @staticmethod
    def _bdms_of(context, instances):
        return objects.BlockDeviceMappingList.bdms_by_instance_uuid(
            context, [instance.uuid for instance in instances])

    @staticmethod
    def _server(instance, bdms):
        volumes = [bdm for bdm in bdms if bdm.is_volume and bdm.volume_id]
        return _Server(
            instance,
            frozenset().union(*(_marks(instance, bdm) for bdm in volumes)),
            frozenset().union(*(_marks(instance, bdm) for bdm in volumes
                                if bdm.is_multiattach)),
            all(udids(instance, bdm) for bdm in volumes))

    # ---- questions -----------------------------------------------------

    def is_stale(self, mapping, is_idle=lambda instance_uuid: True):
        """Whether a mapping is left over.

        :param is_idle: function that tells of the UUID of a server whether
            nothing is under way that Nova's database does not tell; of None,
            whether nothing is with the management partition.
        """
        if not mappings.is_of_volume(mapping):
            return False
        if mappings.is_orphan(mapping):
            return self._is_ours(mapping)
        client = mappings.client(mapping)
        if client is None:
            return False
        if client == self._host.mgmt_uuid.lower():
            # It has a volume only while that is copied.
            return is_idle(None) and self._is_ours(mapping)
        server = self._only_server(client)
        if server is None or not is_idle(server.instance.uuid):
            return False
        if server.instance.deleted or self._has_left(server.instance):
            return self._was_here(server.instance)
        return (server.instance.host == self._host.nodename and
                server.instance.task_state is None and server.is_whole and
                server.instance.vm_state != vm_states.BUILDING and
                _is_free(server.volumes, mapping))

    def is_given_up(self, mapping):
        """Whether its server does not have the volume of a mapping.

        It is for mappings of a volume that Cinder has given to another
        server, so that it does not matter what its server does meanwhile.
        """
        client = mappings.client(mapping)
        if client == self._host.mgmt_uuid.lower():
            return mappings.is_of_volume(mapping)
        server = self._only_server(client)
        return server is not None and self._was_here(server.instance) and (
            bool(server.instance.deleted) or
            self._has_left(server.instance) or server.is_whole and
            _is_free(server.volumes, mapping))

    def is_shared(self, mapping):
        """Whether its server may share the volume of a mapping with others."""
        server = self._only_server(mappings.client(mapping))
        return server is not None and not _is_free(
            server.shared, mapping)

    # ---- proofs --------------------------------------------------------

    def _only_server(self, client):
        """The server of an LPAR; None if it is not Nova's, or ambiguous."""
        servers = self._servers.get(client, ())
        return servers[0] if len(servers) == 1 else None

    def _has_left(self, instance):
        """Whether a server lives on another host, and nothing is under way."""
        return (instance.host not in (None, self._host.nodename) and
                instance.task_state is None)

    def _was_here(self, instance):
        """Whether a server was ever this host's, in Nova's eyes.

        That its LPAR is here is no proof: somebody may run two nova-computes
        for one host by mistake.
        """
        return (instance.host == self._host.nodename or
                instance.uuid in self._moved)

    @functools.cached_property
    def _moved(self):
        """UUIDs of servers that have moved from, or to, this host."""
        return {migration.instance_uuid for migration in
                objects.MigrationList.get_by_filters(
                    self._context, {'host': self._host.nodename})}

    def _is_ours(self, mapping):
        """Whether a server of Nova ever had the volume of a mapping."""
        return (is_known(mapping.backing_storage.tag) or
                mapping.backing_storage.udid in self.former_udids)

    @functools.cached_property
    def former_udids(self):
        """UDIDs of volumes that servers of this host have, or ever had: set.

        A volume that Cinder has migrated has another id than its tag.
        """
        instances = self._servers_here(self._context)
        recorded = {udid for instance, bdm in self._volumes_of(
            self._context, instances) for udid in udids(instance, bdm)}
        return recorded.union(*map(places.missed, instances))

    def needed_udids(self):
        """UDIDs of volumes that servers of this host have, or get: set.

        :returns: None if one of them is not known yet.
        """
        needed, context = set(), nova_context.get_admin_context()
        for instance, bdm in self._volumes_of(context,
                                              self._servers_here(context)):
            if not self._has_left(instance):
                found = udids(instance, bdm)
                if not found:
                    return None
                needed |= found
        return needed

    def _servers_here(self, context):
        """Instances of servers that are, or were, on this host: list."""
        filters = [{'host': self._host.nodename}]
        if self._moved:
            filters.append({'uuid': sorted(self._moved)})
        return list({
            instance.uuid: instance for wanted in filters
            for instance in self._find(context, **wanted)}.values())

    def _volumes_of(self, context, instances):
        """(Instance, BDM) of the volumes of some servers."""
        bdms = self._bdms_of(context, instances)
        return [(instance, bdm) for instance in instances
                for bdm in bdms.get(instance.uuid, ())
                if bdm.is_volume and bdm.volume_id]


def _ids(element):
    return {(element.tag or '').lower(), element.udid}


def _is_free(marks, mapping):
    """Whether the volume of a mapping is none of some others."""
    return _ids(mapping.backing_storage).isdisjoint(marks)
