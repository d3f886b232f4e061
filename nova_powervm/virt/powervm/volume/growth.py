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

"""Check that a server sees on each path that a volume has grown."""

from nova import exception as nova_exc
from oslo_log import log as logging
from oslo_utils import units
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import storage as tsk_stg
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import discovery

LOG = logging.getLogger(__name__)


def check(host, volume_id, is_path, size, failures):
    """Check that each VIOS that maps a volume knows its new size.

    Needs 1 request if so. Otherwise let those VIOSes that do not know it read
    the size again: 3 requests each, and 1 more.

    A VIOS that is off has no path, and reads the size when it starts (assumed,
    no hardware).

    :param host: the owner of the REST connection (host.Host).
    :param volume_id: str, Cinder's id of the volume.
    :param is_path: function; returns whether a VSCSIMapping wrapper is one of
        the server's paths to the volume.
    :param size: int, the least size of the volume in bytes.
    :param failures: dict of VIOS UUID -> str, its error when it was to read
        the size.
    :raises nova.exception.VolumeExtendFailed: if a VIOS does not know the size
        or cannot be asked, or if there is no path at all; it names the VIOS.
    :raises pypowervm.exceptions.Error: if the VIOSes cannot be read.
    """
    paths = _read(host, is_path)
    if not paths:
        raise _failure(volume_id, ['no Virtual I/O Server maps it to the '
                                   'server'])
    small = _too_small(host, paths, size)
    if small:
        failures = dict(failures, **_rescan(host, paths, small))
        paths = _read(host, is_path)
        small = _too_small(host, paths, size)
    if small:
        raise _failure(volume_id, [
            '%s%s' % (reason, ': %s' % failures[vios_uuid]
                      if vios_uuid in failures else '')
            for vios_uuid, reason in small.items()])


def _failure(volume_id, reasons):
    return nova_exc.VolumeExtendFailed(volume_id=volume_id,
                                       reason='; '.join(reasons))


def _read(host, is_path):
    """Read the paths of a volume: list of (VIOS wrapper, PV wrapper)."""
    return [(vios_w, mapping.backing_storage)
            for vios_w in host.vioses([vios_mappings.SCSI_MAPPING])
            for mapping in vios_w.scsi_mappings if is_path(mapping)]


def _too_small(host, paths, size):
    """Return the paths on which a volume is too small: VIOS UUID -> why."""
    up = {vios_w.uuid for vios_w in host.filter_active(
        vios_w for vios_w, _element in paths)}
    found = {}
    for vios_w, element in paths:
        if (element.capacity or 0) * units.Mi >= size:
            continue
        if vios_w.state == pvm_bp.LPARState.NOT_ACTIVATED:
            LOG.info('VIOS %(vios)s is off; it reads the size of volume '
                     '%(volume)s when it starts.', {
                         'vios': vios_w.name, 'volume': element.tag})
        elif vios_w.uuid not in up:
            found[vios_w.uuid] = ('Virtual I/O Server %s cannot be asked how '
                                  'large it is' % vios_w.name)
        else:
            found[vios_w.uuid] = (
                'on Virtual I/O Server %s it still has %s MB instead of %d' %
                (vios_w.name, element.capacity, size // units.Mi))
    return found


def _rescan(host, paths, small):
    """Let VIOSes read the size again.

    :returns: dict of VIOS UUID -> its error, if it failed.
    """
    failures = {}
    udids = {vios_w.uuid: element.udid for vios_w, element in paths
             if vios_w.uuid in small}
    for vios_uuid, result in discovery.on_each(_rescan_on, host, udids):
        try:
            result()
        except pvm_exc.Error as exc:
            failures[vios_uuid] = str(exc)
    return failures


def _rescan_on(host, vios_uuid, udid):
    tsk_stg.rescan_vstor(vios_uuid, udid, adapter=host.adapter)
