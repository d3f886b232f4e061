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
"""Devices of the volumes of a server that is not on this host any more.

After a live migration the platform removes the mappings on the source, but the
VIOSes there keep the devices of the volumes. If the migration fails, the
VIOSes of the target keep them. A device is left over if three things are true:
Nova has recorded its UDID with the server, no mapping has it, and no other
server of this host has, or gets, the volume.

After a crash, stale.StaleVolumes finds these devices without any other record.
The UDIDs have been in the server's system_metadata since the volumes were
attached, and Nova's record of the migration names this host.
"""

from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import discovery
from nova_powervm.virt.powervm.volume import owners

LOG = logging.getLogger(__name__)


def forget(host, instance, udids):
    """Make VIOSes forget volumes of a server whose LPAR is not here.

    1 request, and 3 for each device; none if there are no volumes.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param udids: dict of volume id -> its UDID, str.
    :raises pypowervm.exceptions.Error: if what is mapped cannot be read.
    """
    if not udids:
        return
    vioses = _read(host)
    active = host.filter_active(vioses)
    for vios_w in vioses:
        if vios_w not in active:
            LOG.warning('VIOS %(vios)s, which is down, may still have volumes '
                        'of the server; they are removed when it is back.',
                        {'vios': vios_w.name}, instance=instance)
            host.note_missed_vios(vios_w.uuid)
    left = _not_needed(host, instance, udids)
    by_vios = {vios_w.uuid: names for vios_w, names in (
        (vios_w, [element.name for element in discovery.find_unmapped(vios_w)
                  if element.udid in left]) for vios_w in active) if names}
    for _vios_uuid, result in discovery.on_each(_remove, host, by_vios):
        result()


def _read(host):
    """Read the VIOSes, twice if need be: nobody asks for this again."""
    groups = [vios_mappings.SCSI_MAPPING, pvm_const.XAG.VIO_STOR]
    try:
        return host.vioses(groups)
    except pvm_exc.Error as exc:
        LOG.warning('The VIOSes are read once more: %s', exc)
        return host.vioses(groups)


def _not_needed(host, instance, udids):
    """Those that no other server of this host has, or gets: set of UDIDs.

    Nova is asked after the VIOSes were read, see owners.
    """
    return {udid for volume_id, udid in udids.items()
            if not owners.is_of_others(host, instance, volume_id, udid)}


def _remove(host, vios_uuid, names):
    for name in names:
        discovery.remove(host, vios_uuid, name)
