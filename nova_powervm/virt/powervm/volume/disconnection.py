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

"""How VIOSes come to unmap a volume, and to forget its devices."""

from nova.compute import task_states
from oslo_log import log as logging

from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import discovery
from nova_powervm.virt.powervm.volume import mappings
from nova_powervm.virt.powervm.volume import owners

LOG = logging.getLogger(__name__)


class Disconnection:
    """The edits that unmap one volume from an LPAR.

    When all VIOSes have been written, each forgets the device that it had of
    the volume, unless another LPAR has the volume by it too.

    :param transport: mapped.MappedTransport
    :param volume: mapped_volume.MappedVolume
    :param seen_by: iterable of the UUIDs of VIOSes that have discovered the
        volume in this operation; empty in most operations. The names of the
        devices are not taken from there: a VIOS may have given a name to
        another device since.
    :param server_going: whether the server is being removed.
    """

    def __init__(self, transport, volume, seen_by, server_going):
        self._transport = transport
        self._host = transport.host
        self._instance = transport.instance
        self._volume = volume
        self._seen_by = set(seen_by)
        # Nova destroys a server to rebuild it after it has detached each
        # volume that it names: none has left anything.
        self._is_detached = (
            server_going and
            self._instance.task_state == task_states.REBUILDING)
        # VIOS UUID -> set of the names of the devices to forget. It has each
        # VIOS on which nobody else has the volume.
        self._devices = {}

    def queue(self, stg):
        """Queue the edits, and the end of the devices.

        No request, if the UDID of the volume is known.

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
                           missed=self._miss)
        stg.then(self._remove_devices)

    def _doubt_discovery(self, vioses):
        """Forget what was discovered if no mapping bears that out.

        A LUN may lead elsewhere by now. If the volume's id is the tag of
        mappings, but of none with the UDID that was found, the tag counts.
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

    def _note_devices(self, vioses):
        """Find out which devices are of no use without the mappings."""
        for vios_w in vioses.values():
            self._note_device(vios_w)

    def _note_device(self, vios_w):
        found = list(filter(self._volume.is_behind, vios_w.scsi_mappings))
        if not all(map(self._is_ours, found)):
            # It is connected to another server of this host too.
            self._devices.pop(vios_w.uuid, None)
            return
        # Where all of an LPAR is unmapped, its mappings are gone by now.
        names = self._devices.setdefault(vios_w.uuid, set())
        names.update(mapping.backing_storage.name for mapping in found)

    def _is_ours(self, mapping):
        """Whether a mapping is the server's, or that of an LPAR now gone."""
        return (clients.is_orphan(mapping) or
                clients.is_client(mapping, self._volume.lpar_uuid))

    def _unmap(self, vios_w):
        """Edit: remove the mappings of the volume to the LPAR.

        Of servers that let go of a volume at once the last one, which sees no
        other mapping in the document that it writes, removes the device.
        """
        self._note_device(vios_w)
        return vios_mappings.remove_mappings(vios_w, lambda mapping: (
            self._volume.is_behind(mapping) and self._is_ours(mapping)))

    def _miss(self, vios_uuid):
        vol = self._volume
        self._devices.pop(vios_uuid, None)
        if vol.udid:
            utils.try_to('have Nova keep that', device_addresses.keep_missed,
                         self._instance, vol.id, vol.udid)
        LOG.warning('VIOS %(vios)s, which is down, may still have volume '
                    '%(volume)s; it is removed when the VIOS is back.',
                    {'vios': vios_uuid, 'volume': vol.id},
                    instance=self._instance)

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
        """Whether a VIOS may have a device of the volume without a mapping.

        An attachment or a detachment that broke off may have left it. The
        VIOS is asked what it has then: the volume may not be exported to it
        any more, and a discovery would make a VIOS have it that does not.
        """
        vol = self._volume
        return bool(vol.udid) and not self._is_detached and (
            not owners.is_of_others(self._host, self._instance, vol.id,
                                    vol.udid))
