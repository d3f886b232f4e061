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

"""Make a VIOS see volumes of a Fibre Channel fabric, and forget them.

The job LUARecovery searches only given initiators, targets and LUNs, which is
much faster than a scan of the fabric. Its documents have a list of devices
(source: pypowervm.tasks.hdisk, which fills in one). It is assumed that the
VIOS searches for all of them in one job (no hardware). If a volume gets no
answer, the driver asks again for this one alone.
"""

from concurrent import futures
import typing

from lxml import etree
from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import hdisk
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import mappings
from nova_powervm.virt.powervm.volume import owners

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_LUA_RECOVERY = 'LUARecovery'


class Hdisk(typing.NamedTuple):
    """A volume as one VIOS sees it: device name and UDID."""

    name: str
    udid: str


class Paths(typing.NamedTuple):
    """Where to look for a volume.

    :ivar itls: list of pypowervm ITL (initiator, target, LUN).
    :ivar device_id: base 64 of its page 83 descriptor, if known.
    """

    itls: list
    device_id: typing.Optional[str] = None


def on_each(func, host, by_vios):
    """Call func(host, VIOS UUID, value) for each VIOS, at the same time.

    :param by_vios: dict of VIOS UUID -> value.
    :returns: list of (VIOS UUID, function that returns the result of func).
    """
    if not by_vios:
        return []
    with futures.ThreadPoolExecutor(len(by_vios)) as pool:
        calls = [(vios_uuid, pool.submit(func, host, vios_uuid, value))
                 for vios_uuid, value in by_vios.items()]
    return [(vios_uuid, call.result) for vios_uuid, call in calls]


def discover(host, vios_uuid, wanted):
    """Make a VIOS see volumes (3 requests if all goes well).

    If a volume is still mapped to an LPAR that is gone, this may fail. So such
    mappings are removed once.

    :param host: the owner of the REST connection (host.Host).
    :param vios_uuid: str, UUID of the VIOS.
    :param wanted: dict of key -> Paths.
    :returns: dict of key -> Hdisk of the volumes that it sees now.
    :raises pypowervm.exceptions.Error: if the VIOS does not answer.
    """
    found, failure = look(host, vios_uuid, wanted)
    missing = _without(wanted, found)
    if missing and (failure or len(wanted) > 1):
        found.update(_look_one_by_one(host, vios_uuid, missing))
        missing = _without(wanted, found)
    if missing and _remove_stale(host, vios_uuid):
        found.update(_look_one_by_one(host, vios_uuid, missing))
    return found


def _without(wanted, found):
    return {key: paths for key, paths in wanted.items() if key not in found}


def _look_one_by_one(host, vios_uuid, wanted):
    """Search for each volume again; raise if the VIOS answered for none."""
    found, failures = {}, []
    for key, paths in wanted.items():
        seen, failure = look(host, vios_uuid, {key: paths})
        found.update(seen)
        failures += [failure] if failure else []
    if failures and len(failures) == len(wanted):
        raise failures[0]
    return found


def look(host, vios_uuid, wanted):
    """Search for volumes once (3 requests).

    :param wanted: see discover().
    :returns: (dict of key -> Hdisk, the pypowervm Error if it failed).
    """
    tags = {str(number): key for number, key in enumerate(wanted, 1)}
    try:
        job = host.job_form(pvm_vios.VIOS, vios_uuid, _LUA_RECOVERY)
        job.run_job(vios_uuid, job_parms=[job.create_job_parameter(
            'inputXML', _request(wanted, tags), cdata=True)],
            timeout=CONF.pypowervm_job_request_timeout)
    except pvm_exc.Error as exc:
        LOG.warning('Discovery of volumes on VIOS %(vios)s failed: %(error)s',
                    {'vios': vios_uuid, 'error': exc})
        return {}, exc
    results = job.get_job_results_as_dict()
    document = results.get('OutputXML') or results.get('StdOut')
    try:
        found, useless = _parse(document or '', tags, vios_uuid)
    except (etree.XMLSyntaxError, ValueError) as exc:
        LOG.warning('VIOS %(vios)s tells nothing of volumes: its answer %(doc)'
                    'r cannot be read: %(error)s', {
                        'vios': vios_uuid, 'doc': document, 'error': exc})
        return {}, pvm_exc.Error('its answer cannot be read: %s' % exc)
    for name in useless:
        remove(host, vios_uuid, name)
    return found, None


def _request(wanted, tags):
    """Return the document with the volumes to search for, as text."""
    root = etree.Element('XML_LIST')
    general = _sub(root, 'general')
    _sub(general, 'cmd_version', '3')
    _sub(general, 'version', '2.0')
    _sub(root, 'reliableITL', 'false')
    devices = _sub(root, 'deviceList')
    for tag, key in tags.items():
        device = _sub(devices, 'device')
        _sub(device, 'vendor', hdisk.LUAType.OTHER)
        if wanted[key].device_id:
            _sub(device, 'deviceID', wanted[key].device_id)
        _sub(device, 'deviceTag', tag)
        itls = _sub(device, 'itlList')
        _sub(itls, 'number', str(len(wanted[key].itls)))
        for itl in wanted[key].itls:
            element = _sub(itls, 'itl')
            _sub(element, 'Iwwpn', itl.initiator)
            _sub(element, 'Twwpn', itl.target)
            _sub(element, 'lua', itl.lun)
    return etree.tostring(root, encoding='unicode')


def _sub(parent, name, text=None):
    child = etree.SubElement(parent, name)
    child.text = text
    return child


def _parse(document, tags, vios_uuid):
    """Parse the answer.

    :returns: (dict of key -> Hdisk of the usable volumes, names of devices
        that were created for unusable volumes, for example for a reserved
        one).
    :raises lxml.etree.XMLSyntaxError: if it is no document, or empty.
    """
    found, useless = {}, []
    for device in etree.fromstring(document.encode()).iterfind(
            'deviceList/device'):
        tag, status, name, udid = (
            (device.findtext(part) or '').strip()
            for part in ('deviceTag', 'status', 'pvName', 'udid'))
        # A VIOS need not repeat the tag of the only device.
        key = tags.get(tag) or (tags['1'] if len(tags) == 1 else None)
        if key is None:
            continue
        if udid and hdisk.good_discovery(status, name or None):
            found[key] = Hdisk(name, udid)
        else:
            LOG.warning('VIOS %(vios)s cannot use volume %(volume)s: '
                        'status %(status)s %(message)s', {
                            'vios': vios_uuid, 'volume': key,
                            'status': status,
                            'message': device.findtext('msg/msgText')})
            useless += [name] if name else []
    return found, useless


def _remove_stale(host, vios_uuid):
    """Unmap volumes from LPARs that are gone (1-2 requests).

    Such a mapping prevents a VIOS from using the address of a volume again.
    Other mappings stay, and no storage is deleted.

    :returns: bool, whether there were any.
    """
    stg = transaction.StorageTransaction(host, 'stale_volumes')
    stg.edit(vios_uuid, _unmap_stale, host)
    stg.execute()
    found = sorted({element.udid or 'no UDID'
                    for element in stg.removed_storage})
    if found:
        LOG.warning('Unmapped volumes of LPARs that are gone from VIOS '
                    '%(vios)s, and will look once more: %(udids)s', {
                        'vios': vios_uuid, 'udids': ', '.join(found)})
    return bool(found)


def _unmap_stale(vios_w, host):
    """Edit: unmap volumes of Nova from LPARs that are gone."""
    found = list(filter(mappings.may_be_of_volume, vios_w.scsi_mappings))
    orphans = list(filter(clients.is_orphan, found))
    stale = (list(filter(owners.Owners(host, found).is_abandoned, orphans))
             if orphans else [])
    return vios_mappings.remove_mappings(
        vios_w, lambda mapping: mapping in stale)


def names_of(host, vios_uuid, udid):
    """Return the names of the devices of a volume on a VIOS (1 request).

    This does not search the fabric. If it fails, log it; then the periodic
    tasks check the VIOS again.

    :param udid: str, UDID of the volume.
    :returns: list of str, as in 'hdisk7'.
    """
    try:
        vios_w = host.vios(vios_uuid, [pvm_const.XAG.VIO_STOR])
    except pvm_exc.Error as exc:
        LOG.warning('What VIOS %(vios)s has left of volume %(udid)s is not '
                    'known: %(error)s', {'vios': vios_uuid, 'udid': udid,
                                         'error': exc})
        host.note_missed_vios(vios_uuid)
        return []
    return [device.name for device in vios_w.phys_vols
            if device.udid == udid]


def find_unmapped(vios_w):
    """List volumes on Fibre Channel that a VIOS maps to nobody (no request).

    :param vios_w: VIOS wrapper, read with SCSI_MAPPING and VIO_STOR.
    :returns: list of PV wrappers.
    """
    mapped = {mapping.backing_storage.name for mapping in vios_w.scsi_mappings
              if mapping.backing_storage is not None}
    return [element for element in vios_w.phys_vols
            if element.is_fc_backed and element.name not in mapped]


def remove_unmapped(host, devices):
    """Make VIOSes forget volumes that they do not map.

    Needs 1 request, and 3 for each device that is not mapped.

    :param devices: list of (VIOS UUID, name of the device).
    :raises pypowervm.exceptions.Error: if the mappings cannot be read.
    """
    mapped = {(vios_w.uuid, mapping.backing_storage.name)
              for vios_w in host.vioses([vios_mappings.SCSI_MAPPING])
              for mapping in vios_w.scsi_mappings
              if mapping.backing_storage is not None}
    for vios_uuid, name in devices:
        if (vios_uuid, name) not in mapped:
            remove(host, vios_uuid, name)


def remove_strangers(host, strange):
    """Make VIOSes forget devices that were found by mistake, if they are ours.

    Other devices may have existed before: an operator may let a VIOS search
    for a volume, and map it later.

    :param strange: list of (VIOS UUID, Hdisk).
    """
    left, _awaited = owners.left_devices(host, {
        device.udid for _vios_uuid, device in strange})
    for vios_uuid, device in strange:
        if device.udid not in left:
            LOG.warning('Device %(name)s (%(udid)s) stays on VIOS %(vios)s: '
                        'it may belong to somebody else.', {
                            'name': device.name, 'udid': device.udid,
                            'vios': vios_uuid})
    ours = [(vios_uuid, device.name) for vios_uuid, device in strange
            if device.udid in left]
    if ours:
        remove_unmapped(host, ours)


def remove(host, vios_uuid, name):
    """Make a VIOS forget a volume that it no longer maps (3 requests).

    Log a failure: the device does no harm, and is used again if the volume
    returns. If the VIOS is down, stale.StaleVolumes looks for it once it is
    up.

    :param name: str, the device, as in 'hdisk7'.
    """
    for last_try in (False, True):
        try:
            deletion.device(host, vios_uuid, name)
            return
        except pvm_exc.Error as exc:
            if last_try or host.is_hmc and isinstance(exc, pvm_exc.HttpError):
                LOG.warning('Device %(name)s is left on VIOS %(vios)s: '
                            '%(error)s', {'name': name, 'vios': vios_uuid,
                                          'error': exc})
                if not host.is_vios_up(vios_uuid):
                    host.note_missed_vios(vios_uuid)
                return
