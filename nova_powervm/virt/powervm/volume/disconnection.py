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

"""Unmap a volume from an LPAR, and remove its devices from VIOSes."""

from nova.compute import task_states
from oslo_log import log as logging

from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import discovery
from nova_powervm.virt.powervm.volume import mappings
from nova_powervm.virt.powervm.volume import owners

LOG = logging.getLogger(__name__)


class Disconnection:
    """The edits that unmap one volume from an LPAR.

    After all VIOSes have been written, each removes its device of the volume,
    unless another LPAR also has the volume through this device.

    :param transport: mapped.MappedTransport
    :param volume: mapped_volume.MappedVolume
    :param seen_by: iterable of the UUIDs of VIOSes that have discovered the
        volume in this operation; empty in most operations. It does not contain
        names of devices, because a VIOS may have given a name to another
        device since.
    :param server_going: whether the server is being removed.
    """

    def __init__(self, transport, volume, seen_by, server_going):
        self._transport = transport
        self._host = transport.host
        self._instance = transport.instance
        self._volume = volume
        self._seen_by = set(seen_by)
        # To rebuild a server, Nova first detaches each volume that it passes
        # here, then destroys the server. So these volumes have left nothing.
        self._is_detached = (
            server_going and
            self._instance.task_state == task_states.REBUILDING)
        # VIOS UUID -> set of the names of the devices to remove. It contains
        # each VIOS on which nobody else has the volume.
        self._devices = {}

    def queue(self, stg):
        """Queue the edits, and the removal of the devices.

        Needs no request if the UDID of the volume is known.

        :param stg: transaction.StorageTransaction
        """
        was_known = bool(self._volume.udid)
        if not was_known:
            self._seen_by = self._transport.look_again(self._volume)
        if not self._volume.udid:
            LOG.warning('No VIOS sees volume %s; it is disconnected where its '
                        'id is the tag of a mapping.', self._volume.id,
                        instance=self._instance)
        if self._seen_by and not was_known:
            stg.plan(self._doubt_discovery)
        stg.plan(self._note_devices)
        stg.edit_redundant(self._transport.vios_uuids(), self._unmap,
                           missed=self._miss, order=transaction.Order.ANY)
        stg.then(self._remove_devices)
        stg.otherwise(self._look_later)

    def _doubt_discovery(self, vioses):
        """Discard the discovery if no mapping confirms it.

        A LUN may lead to another volume by now. If mappings have the volume's
        id as tag, but none of them has the discovered UDID, the tag decides.

        Otherwise have Nova keep the UDID: the discovery may have created
        devices, and they stay if a VIOS fails before they are removed.
        """
        vol = self._volume
        tagged = {mapping.backing_storage.udid for vios_w in vioses.values()
                  for mapping in vios_w.scsi_mappings
                  if clients.is_client(mapping, vol.lpar_uuid) and
                  mappings.is_of_volume(mapping) and
                  mapping.backing_storage.tag == vol.id}
        if tagged and vol.udid not in tagged:
            LOG.warning('The LUN of volume %(volume)s leads to %(udid)s, '
                        'which the server does not have as that volume. It is '
                        'disconnected where its id is the tag of a mapping.',
                        {'volume': vol.id, 'udid': vol.udid},
                        instance=self._instance)
            self._seen_by.clear()
            vol.keep_udid(None)
        else:
            self._keep_record()

    def _note_devices(self, vioses):
        """Find the devices that nobody needs after the mappings are gone."""
        for vios_w in vioses.values():
            self._note_device(vios_w)

    def _note_device(self, vios_w):
        found = list(filter(self._volume.is_behind, vios_w.scsi_mappings))
        if not all(map(self._is_ours, found)):
            # Another server of this host also has the volume.
            self._devices.pop(vios_w.uuid, None)
            return
        # If another edit has unmapped everything from the LPAR, these mappings
        # are gone by now, so keep the names that were found before.
        names = self._devices.setdefault(vios_w.uuid, set())
        names.update(mapping.backing_storage.name for mapping in found)

    def _is_ours(self, mapping):
        """Return whether a mapping is the server's, or of an LPAR now gone."""
        return (clients.is_orphan(mapping) or
                clients.is_client(mapping, self._volume.lpar_uuid))

    def _unmap(self, vios_w):
        """Edit: remove the mappings of the volume to the LPAR.

        If several servers are disconnected from a volume at once, the last one
        sees no other mapping in the document that it writes, and removes the
        device.
        """
        self._note_device(vios_w)
        return vios_mappings.remove_mappings(vios_w, lambda mapping: (
            self._volume.is_behind(mapping) and self._is_ours(mapping)))

    def _miss(self, vios_uuid):
        vol = self._volume
        self._devices.pop(vios_uuid, None)
        if vol.udid:
            self._keep_record()
        LOG.warning('VIOS %(vios)s, which is down, may still have volume '
                    '%(volume)s; it is removed when the VIOS is back.',
                    {'vios': vios_uuid, 'volume': vol.id},
                    instance=self._instance)

    def _look_later(self):
        """Have the periodic tasks look for devices that are left."""
        for vios_uuid in self._seen_by.union(self._devices):
            self._host.note_missed_vios(vios_uuid)

    def _keep_record(self):
        """Have Nova keep that a VIOS may still have the volume."""
        utils.try_to('have Nova keep that a VIOS may have a volume',
                     device_addresses.keep_missed, self._instance,
                     self._volume.id, self._volume.udid)

    def _remove_devices(self):
        unmapped = {uuid for uuid, names in self._devices.items()
                    if not names} - self._seen_by
        if unmapped and not self._may_be_left():
            for uuid in unmapped:
                del self._devices[uuid]
        for _vios_uuid, result in discovery.on_each(
                self._remove_on, self._host, self._devices):
            result()

    def _remove_on(self, host, vios_uuid, names):
        for name in sorted(names) or discovery.names_of(host, vios_uuid,
                                                        self._volume.udid):
            discovery.remove(host, vios_uuid, name)

    def _may_be_left(self):
        """Return whether a VIOS may have an unmapped device of the volume.

        An interrupted attachment or detachment may have left it. Then the VIOS
        is asked for its devices. A discovery would be wrong: the volume may no
        longer be exported to the VIOS, and a VIOS without the device would
        create it.
        """
        vol = self._volume
        return bool(vol.udid) and not self._is_detached and (
            not owners.is_of_others(self._host, self._instance, vol.id,
                                    vol.udid))
