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

"""What VIOSes still have of volumes that nobody has any more.

A VIOS that is down when a volume is detached, or its server deleted, keeps
the mapping and the device. Mappings of volumes bear Cinder's id of the volume
as their tag, which tells them from those that others made.
"""

import itertools

from nova import context as nova_context
from nova import objects
from oslo_log import log as logging
from oslo_serialization import jsonutils
from oslo_utils import uuidutils
from pypowervm import exceptions as pvm_exc
from pypowervm import util as pvm_util
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import discovery
from nova_powervm.virt.powervm.volume import places
from nova_powervm.virt.powervm.volume import vscsi

LOG = logging.getLogger(__name__)


def remove(host, read_mappings):
    """Remove them (1 request if there are none); log what fails.

    It must run when nothing else is done: an attachment that is under way
    has no place in Nova's data yet that tells it from what is left behind.

    :param host: the owner of the REST connection (host.Host).
    :param read_mappings: function that reads the wrappers of the VIOSes that
        are up, with SCSI_MAPPING.
    """
    try:
        stale = _find(host, read_mappings())
        for vios_uuid, udids in stale.items():
            storage.try_to('remove volumes from VIOS %s' % vios_uuid,
                           _remove_from, host, vios_uuid, udids)
    except pvm_exc.Error as exc:
        LOG.warning('Whether volumes were left on VIOSes is not known: %s',
                    exc)


def _find(host, vioses):
    """Find stale mappings.

    :param vioses: wrappers of VIOSes, read with SCSI_MAPPING.
    :returns: dict of VIOS UUID -> set of (LPAR UUID or None, UDID).
    """
    found = {
        vios_w.uuid: [mapping for mapping in vios_w.scsi_mappings
                      if _is_of_volume(mapping)]
        for vios_w in vioses}
    if any(_client(mapping) for mappings in found.values()
           for mapping in mappings):
        servers = _volumes_of_servers(host.nodename)
        # It has a volume only while that is copied.
        servers[host.mgmt_uuid.lower()] = frozenset()
    else:
        servers = {}
    stale = {
        vios_uuid: {(_client(mapping), mapping.backing_storage.udid)
                    for mapping in mappings if _is_stale(mapping, servers)}
        for vios_uuid, mappings in found.items()}
    return {vios_uuid: keys for vios_uuid, keys in stale.items() if keys}


def _is_of_volume(mapping):
    element = mapping.backing_storage
    return isinstance(element, pvm_stg.PV) and uuidutils.is_uuid_like(
        element.tag)


def _client(mapping):
    """The UUID of the LPAR of a mapping; None if that is gone."""
    if mapping.client_adapter is None:
        return None
    return pvm_util.get_req_path_uuid(mapping.client_lpar_href or '')


def _is_stale(mapping, servers):
    client = _client(mapping)
    if client is None:
        return True
    element = mapping.backing_storage
    return client in servers and servers[client].isdisjoint(
        [element.tag.lower(), element.udid])


def _volumes_of_servers(nodename):
    """What Nova knows of the volumes of the servers of this host.

    Those servers are left out of which it does not know all UDIDs: Cinder can
    give a volume that was swapped in another id than its tag.

    :returns: dict of LPAR UUID in lower case -> set of Cinder's ids and of
        UDIDs.
    """
    context = nova_context.get_admin_context()
    instances = objects.InstanceList.get_by_host(
        context, nodename, expected_attrs=['system_metadata'])
    bdms = objects.BlockDeviceMappingList.bdms_by_instance_uuid(
        context, [instance.uuid for instance in instances])
    servers = {}
    for instance in instances:
        found = {bdm.volume_id: _udids(instance, bdm)
                 for bdm in bdms.get(instance.uuid, ()) if bdm.is_volume}
        if all(found.values()):
            servers[vm.get_pvm_uuid(instance).lower()] = {
                *found, *itertools.chain(*found.values())}
    return servers


def _udids(instance, bdm):
    """The UDIDs that a volume may have: set, empty if nobody knows."""
    info = jsonutils.loads(bdm.connection_info or '{}') or {}
    kept = places.of(instance).get(bdm.volume_id)
    udids = {(info.get('data') or {}).get(vscsi.UDID_KEY),
             kept and kept.udid}
    return udids - {None}


def _remove_from(host, vios_uuid, stale):
    """Remove mappings from a VIOS, and devices that nothing else maps.

    :param stale: set of (LPAR UUID or None, UDID).
    """
    names = set()

    def unmap(vios_w):
        removed = storage.remove_mappings(vios_w, lambda mapping: (
            _is_of_volume(mapping) and
            (_client(mapping), mapping.backing_storage.udid) in stale))
        names.update(mapping.backing_storage.name for mapping in removed)
        names.difference_update(
            mapping.backing_storage.name for mapping in vios_w.scsi_mappings
            if mapping.backing_storage is not None)
        return removed

    LOG.warning('Removing volumes that were left on VIOS %(vios)s: %(udids)s',
                {'vios': vios_uuid,
                 'udids': ', '.join(sorted(udid for _client, udid in stale))})
    with storage.StorageTransaction.immediate(host, 'leftovers') as stg:
        stg.edit(vios_uuid, unmap)
    for name in sorted(names):
        discovery.remove(host, vios_uuid, name)
