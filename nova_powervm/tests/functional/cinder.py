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

"""A stand-in for Cinder whose volumes are in the SAN of a simulated site."""

import copy

from cinderclient import exceptions as cinder_exc
import fixtures as fx
from nova import exception as nova_exc
from nova.tests import fixtures as nova_fixtures

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import storage

GIB = storage.GIB


class SanCinder(nova_fixtures.CinderFixture):
    """Nova's Cinder fixture with volumes that are exported over a fabric.

    A volume that a test does not create comes into being, with SIZE_GB, when
    it is attached first, as with Nova's fixture. Volumes that Nova's fixture
    calls image-backed have the bytes of the image.

    :param test: the test; it has ``site``, a simulator.site.Site with a SAN,
        and for volumes with images ``glance``, the fixture with them
    :ivar multiattach: set of ids of volumes that several servers may have,
        beside those of Nova's fixture
    :ivar encrypted: set of ids of volumes
    :ivar migrating: set of ids of volumes that Cinder is about to migrate: it
        lets Nova replace them
    :ivar edits: dict of volume id -> function that spoils the
        connection_info of that volume
    :ivar complaints: list of str, what was done to the array that nobody
        does who is careful
    """

    SIZE_GB = 1

    def __init__(self, test, az='nova'):
        super().__init__(test, az)
        self.multiattach = set()
        self.encrypted = set()
        self.migrating = set()
        self.edits = {}
        self.complaints = []

    def _create_fakes(self):
        super()._create_fakes()
        self.useFixture(fx.MockPatch(
            'nova.volume.cinder.API.delete', side_effect=self.fake_delete,
            autospec=False))

    # -- volumes ----------------------------------------------------------

    @property
    def san(self):
        """The san.network.San of the site."""
        return self.test.site.san

    def lun(self, volume_id):
        """Return the san.volume.Volume of a volume; make it if need be."""
        with self.test.site.lock:
            if volume_id not in self.san.volumes:
                self._make(volume_id)
            return self.san.volume(volume_id)

    def _find(self, volume_id):
        with self.test.site.lock:
            return self.san.volumes.get(volume_id)

    def _make(self, volume_id):
        shown = super().fake_get(None, volume_id)
        self.create(volume_id, shown.get('size') or self.SIZE_GB, (
            shown.get('volume_image_metadata') or {}).get('image_id'))

    def create(self, volume_id, size_gb=SIZE_GB, image_id=None):
        """Create a volume.

        :param image_id: str, the image whose bytes it gets
        :returns: san.volume.Volume
        """
        with self.test.site.lock:
            lun = self.san.create_volume(volume_id, int(size_gb * GIB))
        if image_id is not None:
            self._fill(lun, image_id)
        return lun

    def _fill(self, lun, image_id):
        lun.disk.write_at(0, self.test.glance.content(image_id))

    def extend(self, volume_id, size_gb):
        """Make a volume larger; the caller tells Nova of it."""
        self.lun(volume_id)
        with self.test.site.lock:
            self.san.extend_volume(volume_id, int(size_gb * GIB))
        if volume_id in self.volumes:
            self.volumes[volume_id]['size'] = size_gb

    def _is_multiattach(self, volume_id):
        return (volume_id in self.multiattach or
                super()._is_multiattach(volume_id))

    def fake_get(self, context, volume_id, microversion=None):
        volume = super().fake_get(context, volume_id, microversion)
        lun = self._find(volume_id)
        if lun is not None:
            # To save time there are volumes of less than a GiB.
            volume['size'] = lun.size // GIB or lun.size / GIB
        if volume_id in self.migrating:
            volume['migration_status'] = 'migrating'
        return volume

    def fake_vol_create(self, _ctxt, size, name, description, snapshot=None,
                        image_id=None, **kwargs):
        volume = super().fake_vol_create(
            _ctxt, size, name, description, snapshot=snapshot,
            image_id=image_id, **kwargs)
        lun = self.create(volume['id'], size, image_id)
        if image_id is not None:
            volume.update(bootable=True,
                          volume_image_metadata={'image_id': image_id})
        source = self._find((snapshot or {}).get('id'))
        if source is not None:
            lun.disk.copy_from(source.disk)
        return volume

    def fake_create_snapshot_force(self, _ctxt, volume_id, name, description):
        snapshot = super().fake_create_snapshot_force(
            _ctxt, volume_id, name, description)
        source = self.lun(volume_id)
        with self.test.site.lock:
            copied = self.san.create_volume(snapshot['id'], source.size)
        copied.disk.copy_from(source.disk)
        return snapshot

    def fake_reimage_volume(self, context, volume_id, image_id,
                            reimage_reserved=False):
        if volume_id == self.IMAGE_BACKED_VOL:
            super().fake_reimage_volume(context, volume_id, image_id,
                                        reimage_reserved=reimage_reserved)
        self._fill(self.lun(volume_id), image_id)
        if volume_id != self.IMAGE_BACKED_VOL:
            self._tell_nova('volume-reimaged', volume_id)

    def _tell_nova(self, event, volume_id):
        """Send an event for each server that has a volume."""
        self.test.api.create_server_external_events([
            {'name': event, 'server_uuid': attachment['instance_uuid'],
             'tag': volume_id} for attachment in
            self.volume_to_attachment[volume_id].values()])

    def fake_migrate_volume_completion(self, context, old_volume_id,
                                       new_volume_id, error):
        """End a migration: the new volume gets the id of the old one."""
        if old_volume_id not in self.migrating:
            return super().fake_migrate_volume_completion(
                context, old_volume_id, new_volume_id, error)
        self.migrating.discard(old_volume_id)
        if not error:
            with self.test.site.lock:
                self.san.delete_volume(old_volume_id)
                self.san.rename_volume(new_volume_id, old_volume_id)
            self.volume_to_attachment[old_volume_id].update(
                self.volume_to_attachment.pop(new_volume_id))
        return {'save_volume_id': old_volume_id}

    def fake_delete(self, _context, volume_id):
        """Delete a volume; refused while it is attached."""
        if self.volume_to_attachment.get(volume_id):
            raise nova_exc.InvalidInput(
                reason='Volume %s is attached' % volume_id)
        with self.test.site.lock:
            if volume_id in self.san.volumes:
                self.san.delete_volume(volume_id)
        self.volumes.pop(volume_id, None)

    # -- attachments ------------------------------------------------------

    def fake_attachment_create(self, context, volume_id, instance_uuid,
                               connector=None, mountpoint=None):
        attachment = super().fake_attachment_create(
            context, volume_id, instance_uuid, mountpoint=mountpoint)
        if connector:
            try:
                attachment.update(self._update_of_new(
                    context, attachment['id'], connector, mountpoint))
            except Exception:
                del self.volume_to_attachment[volume_id][attachment['id']]
                raise
        return attachment

    def _update_of_new(self, context, attachment_id, connector, mountpoint):
        """Connect a new attachment.

        A server may have a second one, for the target of a live migration
        (source: Cinder, VolumeAPI._attachment_reserve).
        """
        volume_id, attachment, attachments = self._find_attachment(
            attachment_id)
        if not any(other['connector'] and other['instance_uuid'] ==
                   attachment['instance_uuid']
                   for other in attachments.values()):
            return self.fake_attachment_update(context, attachment_id,
                                               connector, mountpoint)
        return self._update(volume_id, attachment, connector, mountpoint)

    def _update(self, volume_id, attachment, connector, mountpoint):
        if mountpoint:
            connector['device'] = mountpoint
        # Each attachment has a connector of its own.
        attachment['connector'] = dict(connector)
        return {'id': attachment['id'],
                'connection_info': self._find_connection_info(
                    volume_id, attachment['id'])}

    def fake_attachment_update(self, context, attachment_id, connector,
                               mountpoint=None):
        volume_id, attachment, _attachments = self._find_attachment(
            attachment_id)
        try:
            if volume_id not in self.multiattach:
                return super().fake_attachment_update(
                    context, attachment_id, connector, mountpoint)
            # Nova's fixture knows no volume like that but its own.
            return self._update(volume_id, attachment, connector, mountpoint)
        except cinder_exc.ClientException:
            attachment['connector'] = None
            raise

    def _find_connection_info(self, volume_id, attachment_id):
        """Return the connection_info of an attachment, a copy.

        It is made, and the volume exported, when there is none yet; it is
        empty as long as Nova has given no connector.
        """
        if volume_id == self.ISCSI_BACKED_VOL:
            return super()._find_connection_info(volume_id, attachment_id)
        attachment = self.volume_to_attachment[volume_id][attachment_id]
        if not attachment.get('connector'):
            return {}
        if 'connection_info' not in attachment:
            attachment['connection_info'] = self._connect(
                volume_id, attachment)
        return copy.deepcopy(attachment['connection_info'])

    def _connect(self, volume_id, attachment):
        wwpns = attachment['connector'].get('wwpns')
        if not wwpns:
            raise cinder_exc.ClientException(
                500, 'The connector has no wwpns: %s' %
                attachment['connector'])
        self.lun(volume_id)
        try:
            with self.test.site.lock:
                data = self.san.export(volume_id, wwpns)
        except errors.RestError as exc:
            raise cinder_exc.ClientException(500, exc.message)
        data.update(
            volume_id=volume_id, attachment_id=attachment['id'],
            encrypted=volume_id in self.encrypted, access_mode='rw',
            qos_specs=None, cacheable=False)
        info = {'driver_volume_type': 'fibre_channel', 'data': data}
        if volume_id in self.edits:
            self.edits[volume_id](info)
        return info

    def fake_attachment_delete(self, context, attachment_id):
        volume_id, attachment, attachments = self._find_attachment(
            attachment_id)
        super().fake_attachment_delete(context, attachment_id)
        if 'connection_info' not in attachment:
            return
        needed = {wwpn for other in attachments.values()
                  if 'connection_info' in other
                  for wwpn in other['connector']['wwpns']}
        going = [wwpn for wwpn in attachment['connector']['wwpns']
                 if wwpn not in needed]
        with self.test.site.lock:
            lun = self.san.volume(volume_id)
            self.san.unexport(volume_id, going)
            # What another server has left was told when it was.
            self.complaints += self.left_behind(
                lun, going if self._is_multiattach(volume_id) else None)

    def can_act(self, host):
        """Whether a nova-compute is up that could do something on a host.

        :param host: simulator.host.Host
        """
        return True

    def left_behind(self, lun, lost):
        """List the hdisks that VIOSes have of a volume and no longer reach.

        Those of a VIOS that is down, or whose nova-compute is, do not count.

        :param lun: san.volume.Volume
        :param lost: WWPNs: only VIOSes with one of them count; None for all
        :returns: list of str
        """
        lost = None if lost is None else {wwpn.lower() for wwpn in lost}
        return ['%s of %s is still there%s, on %s' % (
            hdisk.name, hdisk.vios.name,
            ''.join(', mapped to ' + name for name in hdisk.clients()),
            hdisk.vios.host.name)
            for hdisk in lun.hdisks
            if hdisk.vios.is_serving and self.can_act(hdisk.vios.host) and
            (lost is None or any(port.wwpn.lower() in lost
                                 for port in hdisk.vios.fc_ports)) and
            not any(port.wwpn.lower() in lun.exports
                    for port in hdisk.vios.fc_ports)]
