# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""LUARecovery: a VIOS discovers LUNs that a client names.

The parameter inputXML is a list of devices, each with the paths (ITL:
initiator, target and LUN) to try; or it asks what the VIOS knows about an
hdisk. Source of the documents: pypowervm.tasks.hdisk and its tests.
"""

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.jobs import status
from nova_powervm.simulator.resources import san_disk
from nova_powervm.simulator.san import address
from nova_powervm.simulator.san import volume as san_volume
from nova_powervm.simulator import values

el = atom.el

#: source: pypowervm.tasks.hdisk.LUAStatus; which of them a real VIOS answers
#: with in a certain situation is assumed, no hardware.
_IN_USE = 1
_NOT_RELIABLE = 2
_AVAILABLE = 3
_INCORRECT_ITL = 6
_UNKNOWN_UDID = 7
_SOME_ITL_FAILED = 8


def lua_recovery(job):
    """Look for devices, or tell what is known of one.

    :raises status.JobFailed: when the VIOS is not there, or the request is
        none
    """
    yield
    vios = job.target
    try:
        vios.check_serving()
        doc = atom.Document(job.parameters.get('inputXML', '').encode())
    except errors.Refused as exc:
        raise status.JobFailed(exc.message)
    if doc.name == 'XML_LIST':
        return {'OutputXML': str(_recover(vios, doc))}
    filters = doc.find('Request/InventoryRequest/VioUdidFilter')
    if doc.name == 'VIO' and filters is not None:
        return {'OutputXML': _inventory(vios, filters.root.get('udid'))}
    raise status.JobFailed('inputXML is neither a list of devices nor a '
                           'request for the inventory')


def _recover(vios, doc):
    # That there may be several devices is assumed, no hardware: pypowervm
    # never asks for more than one.
    return el('luaResult', el('version', doc.text('general/version', '2.0')),
              el('deviceList', [_Search(vios, device).answer() for device in
                                doc.all('deviceList/device')]))


class _Search:
    """The search for one device.

    :param doc: atom.Document of the device
    """

    def __init__(self, vios, doc):
        self._vios = vios
        self._tag = doc.text('deviceTag', '1')
        self._page83 = doc.text('deviceID')
        self._ports = {port.wwpn.lower(): port for port in vios.fc_ports}
        #: (port or None, target WWPN, unit) -> san.volume.Volume or None
        self._found = {}
        for itl in doc.all('itlList/itl'):
            self._try(itl)

    def _try(self, itl):
        try:
            initiator = address.wwpn(itl.text('Iwwpn'))
            target = address.wwpn(itl.text('Twwpn'))
            unit = values.hexadecimal(itl.text('lua', ''))
        except (errors.Refused, ValueError):
            raise status.JobFailed('An itl needs Iwwpn, Twwpn and lua, all '
                                   'of them in hexadecimal')
        port = self._ports.get(initiator)
        volume = port and self._vios.host.site.san.look(
            port, initiator, target, unit)
        if volume and self._page83 and self._page83 != volume.page83:
            volume = None
        self._found[port, target, unit] = volume

    def answer(self):
        """Return the element that says how it went."""
        volumes = {volume for volume in self._found.values() if volume}
        if not volumes:
            return self._device(_INCORRECT_ITL, 'No path leads to a device')
        if len(volumes) > 1:
            return self._device(_NOT_RELIABLE,
                                'The paths lead to several devices')
        volume = volumes.pop()
        paths = {path for path, what in self._found.items() if what}
        for stale in self._others_at(paths, volume):
            if stale.in_use or stale.group is not None:
                return self._device(
                    _NOT_RELIABLE, '%s is at this address, does not answer '
                    'and is in use' % stale.name)
            san_disk.remove(self._vios, stale)
        hdisk = san_disk.configure(self._vios, volume, paths)
        if any(volume.has_fault(san_volume.RESERVED, port.wwpn.lower())
               for port, _target, _unit in paths):
            return self._device(_UNKNOWN_UDID, '%s is reserved by another '
                                'initiator' % hdisk.name, hdisk.name)
        return self._good(hdisk, len(paths))

    def _others_at(self, paths, volume):
        return [hdisk for hdisk in self._vios.volumes.values()
                if getattr(hdisk, 'volume', volume) is not volume and
                not paths.isdisjoint(hdisk.paths)]

    def _good(self, hdisk, count):
        if count < len(self._found):
            code = _SOME_ITL_FAILED
            text = '%d of %d paths failed' % (len(self._found) - count,
                                              len(self._found))
        else:
            code, text = (_IN_USE if hdisk.in_use else _AVAILABLE), None
        return self._device(code, text, hdisk.name, hdisk.udid)

    def _device(self, code, text=None, name=None, udid=None):
        return el(
            'device', el('deviceTag', self._tag), el('status', code),
            el('msg', el('msgLen', len(text)), el('msgText', text))
            if text else None,
            el('pvName', name) if name else None,
            el('uniqueID', udid[2:]) if udid else None,
            el('udid', udid) if udid else None)


def _inventory(vios, udid):
    """Tell what is known of a physical volume.

    :returns: str of XML, as pypowervm.tasks.hdisk.get_pg83_via_job() reads it
    """
    hdisk = vios.find_hdisk(udid)
    base = None
    if hdisk is not None and hdisk.fc_backed:
        base = el('PhysicalVolume_base', udid=udid, desType='NAA',
                  descriptor=hdisk.page83, volumeName=hdisk.name)
    return '<?xml version="1.0"?>%s' % el('VIO', el('Response', base))
