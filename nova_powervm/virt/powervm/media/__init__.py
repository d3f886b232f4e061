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

"""Create and delete config drives: ISO images in a VIOS's media repository."""

import functools
import hashlib
import http
import os
import threading
import typing

from nova import utils as nova_utils
from oslo_log import log as logging
from oslo_utils import excutils
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import vios_file

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.media import content
from nova_powervm.virt.powervm.media import edits
from nova_powervm.virt.powervm.media import repository
from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import uploads
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.storage import volumegroup
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


def get_cfg_drv_name(instance):
    """Return the name of a server's config drive, from its UUID."""
    return names.config_drive_name(instance.uuid)


class Medium(typing.NamedTuple):
    """A config drive that was uploaded.

    :ivar element: wrapper for mappings of the config drive.
    """

    vios_uuid: str
    element: pvm_stg.VOptMedia


class ConfigDrive:
    """Creates and deletes config drives.

    They are in one media repository, see repository.Repository. If an upload
    fails because its VIOS is down, the repository of another VIOS is used.
    Later clean_periodically() deletes the media that could not be deleted from
    the VIOS that was down.

    :param host: the owner of the REST connection (host.Host), connected.
    :param preferred_vios_uuid: UUID of the VIOS with the servers' disks, so
        that a server's mappings are edited together.
    """

    def __init__(self, host, preferred_vios_uuid=None):
        self.host = host
        self._repository = repository.Repository(host, preferred_vios_uuid)
        # Held only briefly.
        self._lock = threading.Lock()
        # UUIDs of VIOSes that may have media outside the repository in use.
        self._others = set()
        # Whether it is known which VIOSes an earlier process has used.
        self._knows_others = False
        # VIOS UUID -> dict of name -> Proof of media to delete there.
        self._to_delete = {}
        # Held while pending media are deleted. Besides the periodic task, only
        # an upload with the name of such a medium waits for it.
        self._cleaning = threading.Lock()

    def check_options(self):
        """Refuse options with which no repository could be created.

        It uses what the search by clean() has found, and sends no request.

        :raises InvalidOption: if no VIOS has a repository, and the options
            name no group for one.
        """
        self._repository.check_options()

    # ---- the life of a config drive ------------------------------------

    def create(self, context, instance, injected_files, network_info,
               admin_pass, mgmt_cna=None):
        """Build a config drive and upload it (3 requests).

        Its instance id is the server's UUID in Nova, as everywhere else in
        OpenStack. Servers of 9.0.0 are an exception, see instance_id.

        :param injected_files: list of (path, content).
        :param network_info: nova.network.model.NetworkInfo
        :param mgmt_cna: wrapper of the server's management adapter, or None.
        :returns: Medium, for attach.
        :raises NoMediaRepoVolumeGroupFound: if no volume group can have it.
        """
        name = get_cfg_drv_name(instance)
        _keep(instance)
        with nova_utils.tempdir() as folder:
            path = os.path.join(folder, name)
            content.build_iso(
                path, instance, injected_files,
                content.network_info(network_info, mgmt_cna), admin_pass)
            proof = deletion.server_proof(instance)
            group = (self._upload(name, proof, path, may_fail=True) or
                     self._upload(name, proof, path))
        return Medium(group.vios_uuid, pvm_stg.VOptMedia.bld_ref(
            self.host.adapter, name))

    def attach(self, instance, media, stg):
        """Queue the mapping of a config drive to the server's LPAR.

        :param media: Medium, the result of create().
        :param stg: transaction.StorageTransaction
        """
        stg.map(media.vios_uuid, vm.get_lpar_uuid(instance), media.element)

    def attach_again(self, instance, stg):
        """Queue the mapping of a config drive whose mapping was lost.

        A missing mapping costs 1 request more than other mappings, because the
        medium may be gone, see [powervm] remove_vopt_media_on_boot. If there
        may be media outside the repository in use, this needs 1 request, and 1
        for each VIOS that may have them.

        :param stg: transaction.StorageTransaction
        """
        group = self._find_medium(instance)
        if group is not None:
            element = pvm_stg.VOptMedia.bld_ref(self.host.adapter,
                                                get_cfg_drv_name(instance))
            stg.expect([group.vios_uuid], element)
            stg.edit_redundant([group.vios_uuid], edits.map_again, group,
                               vm.get_lpar_uuid(instance), element,
                               stg.device_address, required=False,
                               order=transaction.Order.PLANNED)

    def _find_medium(self, instance):
        """Find the volume group whose medium is to be mapped to a server.

        :returns: volumegroup.VolumeGroup; None if a VIOS maps the medium
            already, or if no group can have it.
        """
        own = self._repository.find()
        own_uuid = own and own.vios_uuid
        if not self._others - {own_uuid}:
            return own
        name = get_cfg_drv_name(instance)
        lpar_uuid = vm.get_lpar_uuid(instance)
        vioses = self.host.active_vioses([vios_mappings.SCSI_MAPPING])
        if any(vios_mappings.find_mapping(vios_w, lpar_uuid, pvm_stg.VOptMedia,
                                          name) for vios_w in vioses):
            return None
        for vios_w in sorted(vioses, key=lambda vios_w: (
                vios_w.uuid != own_uuid, vios_w.name)):
            if vios_w.uuid in self._others | {own_uuid}:
                for vg_w in self.host.volume_groups(vios_w.uuid):
                    if volumegroup.has_media(vg_w, name):
                        return volumegroup.VolumeGroup(self.host, vios_w.uuid,
                                                       vg_w)
        return own

    @property
    def only_vios_uuid(self):
        """UUID of the only VIOS that can have config drives (0 requests).

        None if others may have some, or if the repository was not used yet.
        """
        group = self._repository.known
        if group is None or self._others - {group.vios_uuid}:
            return None
        return group.vios_uuid

    def is_attached(self, instance, vioses):
        """Return whether a server's LPAR has its config drive (0 requests).

        :param vioses: dict of UUID -> VIOS wrapper, read with SCSI_MAPPING.
        :returns: bool; False if that is not sure.
        """
        vios_w = vioses.get(self.only_vios_uuid)
        return vios_w is not None and vios_mappings.find_mapping(
            vios_w, vm.get_lpar_uuid(instance), pvm_stg.VOptMedia,
            get_cfg_drv_name(instance)) is not None

    def detach(self, instance, stg):
        """Queue the removal of a config drive's mapping, if there is one.

        The mapping is found by the name of the medium, even if the LPAR is
        gone. It may be on a VIOS whose repository is not in use any more.

        :param stg: transaction.StorageTransaction
        """
        group = self._repository.find()
        vioses = self._others | ({group.vios_uuid} if group else set())
        if vioses:
            name = get_cfg_drv_name(instance)
            stg.edit_redundant(sorted(vioses), edits.unmap, name,
                               required=False, order=transaction.Order.ANY,
                               missed=functools.partial(
                                   self._delete_later, name,
                                   deletion.server_proof(instance)))

    def delete(self, instance, may_wait=False):
        """Delete a config drive that nothing maps any more (2 requests).

        If the repository in use does not have it, or another one may also have
        it, search the other VIOSes: it may have been created while another
        repository was in use. Unmap it there as well.

        :param may_wait: whether clean_periodically() shall delete it if this
            fails now.
        """
        name = get_cfg_drv_name(instance)
        proof = deletion.server_proof(instance)
        group = self._repository.find()
        if group is None or self._is_delayed(name, group.vios_uuid):
            return
        try:
            if (self._delete_media(group, [name], proof) and
                    not self._others - {group.vios_uuid}):
                return
        except pvm_exc.Error as exc:
            if not may_wait and self.host.is_vios_up(group.vios_uuid):
                raise
            LOG.warning('Config drive %s will be deleted later: %s', name,
                        exc, instance=instance)
            self._delete_later(name, proof, group.vios_uuid)
            return
        self._delete_elsewhere(name, proof, group)

    def delete_of_lost(self, instance):
        """Delete the config drive of a server that leaves without an LPAR.

        Without an LPAR, nothing on this host reminds Nova of the server. If
        the server returns, it gets a new config drive.
        """
        if (vm.instance_exists(self.host, instance) or
                not vm.is_gone(self.host, instance)):
            return
        with transaction.StorageTransaction.immediate(
                self.host, 'delete_cfg_drive') as stg:
            self.detach(instance, stg)
        self.delete(instance, may_wait=True)

    def delete_everywhere(self, instance):
        """Delete all config drives of a server that is not here any more.

        An earlier process may have left one that nothing maps on each VIOS. It
        takes 2 requests, and 1-5 for each VIOS that is up.

        :param instance: nova.objects.Instance
        :raises pypowervm.exceptions.Error: if a VIOS refuses.
        """
        self._delete_elsewhere(get_cfg_drv_name(instance),
                               deletion.server_proof(instance))

    def _delete_elsewhere(self, name, proof, group=None):
        """Delete a medium from all VIOSes but the one of a volume group."""
        vioses = self.host.vioses()
        active = {vios_w.uuid for vios_w in self.host.filter_active(vioses)}
        for vios_w in vioses:
            if group is not None and vios_w.uuid == group.vios_uuid:
                continue
            if vios_w.uuid in active:
                self._delete_from(vios_w.uuid, name, proof)
            else:
                self._delete_later(name, proof, vios_w.uuid)

    def _delete_from(self, vios_uuid, name, proof):
        """Unmap a medium and delete it, if a VIOS has it (1-5 requests)."""
        for vg_w in self.host.volume_groups(vios_uuid):
            if volumegroup.has_media(vg_w, name):
                with transaction.StorageTransaction.immediate(
                        self.host, 'delete_cfg_drive') as stg:
                    stg.edit(vios_uuid, edits.unmap, name)
                self._delete_media(volumegroup.VolumeGroup(
                    self.host, vios_uuid, vg_w), [name], proof)

    def _delete_media(self, group, to_delete, proof, known=None):
        """Delete media, except those that another LPAR has in a drive.

        :param to_delete: list of their names.
        :param known: wrapper of the group, if it was just read, or None.
        :returns: bool, whether any of them existed.
        """
        try:
            if known is not None:
                return group.edit(deletion.media, to_delete, proof,
                                  known=known)
            return group.remove('delete media', deletion.remove_media,
                                to_delete, proof)
        except pvm_exc.HttpError:
            lent = self._lent(group.vios_uuid, to_delete)
            if not lent:
                raise
        LOG.warning('Config drives stay as long as LPARs that are not of '
                    'their servers have them: %s', ', '.join(sorted(lent)))
        group.remove('delete media', deletion.remove_media,
                     sorted(set(to_delete) - lent), proof)
        return True

    def _lent(self, vios_uuid, wanted):
        """Return the media that another LPAR has in a drive: set."""
        vios_w = self.host.vios(vios_uuid, [vios_mappings.SCSI_MAPPING])
        return {mapping.backing_storage.name
                for mapping in vios_w.scsi_mappings
                if elements.is_named(mapping.backing_storage,
                                     pvm_stg.VOptMedia, wanted) and
                edits.is_lent(mapping, mapping.backing_storage.name)}

    # ---- after an earlier process --------------------------------------

    def clean(self, snapshot):
        """Delete config drives of servers that Nova has deleted.

        Besides the requests of the snapshot, this needs 2 requests, 1 of which
        the first server saves, and 1 for each other VIOS that maps config
        drives. The first time, it searches all VIOSes if servers have left
        this host, because nothing may map their config drives any more.

        :param snapshot: cleanup.platform_snapshot.PlatformSnapshot
        :raises pypowervm.exceptions.Error: if a VIOS refuses.
        """
        group = self._repository.find()
        own_uuid = group and group.vios_uuid
        self._note_others(snapshot, own_uuid)
        if group is not None:
            self._clean_repository(snapshot, group)
        for vios_w in snapshot.active_vioses():
            if vios_w.uuid in self._others - {own_uuid}:
                self._clean_other(snapshot, vios_w.uuid)

    def _clean_repository(self, snapshot, group):
        vg_w = group.read()
        left = volumegroup.media_names(vg_w)
        proof = snapshot.prove_departed(left)
        if proof.covered(left):
            self._delete_media(group, proof.covered(left), proof, known=vg_w)

    def _clean_other(self, snapshot, vios_uuid):
        """Delete such media from a VIOS outside the repository.

        If it has no config drives afterwards, it need not be searched again.
        """
        left = {name for vg_w in self.host.volume_groups(vios_uuid)
                for name in volumegroup.media_names(vg_w)
                if names.is_config_drive_name(name)}
        proof = snapshot.prove_departed(left)
        for name in proof.covered(left):
            self._delete_from(vios_uuid, name, proof)
        if not left.difference(proof.covered(left)):
            self._others.discard(vios_uuid)

    def _note_others(self, snapshot, own):
        """Note the VIOSes that may have media outside the repository.

        These are the VIOSes that are down, and those that map a config drive.

        :param own: UUID of the VIOS whose repository is in use, or None.
        """
        if not self._knows_others and snapshot.has_departed():
            self._others.update(vios_w.uuid for vios_w in snapshot.vioses
                                if vios_w.uuid != own)
        self._knows_others = True
        active = {vios_w.uuid for vios_w in snapshot.active_vioses()}
        self._others.update(
            vios_w.uuid for vios_w in snapshot.vioses
            if vios_w.uuid != own and (
                vios_w.uuid not in active or any(
                    isinstance(mapping.backing_storage, pvm_stg.VOptMedia) and
                    names.is_config_drive_name(mapping.backing_storage.name)
                    for mapping in vios_w.scsi_mappings)))

    # ---- pending deletions ---------------------------------------------

    def _delete_later(self, name, proof, vios_uuid):
        with self._lock:
            self._to_delete.setdefault(vios_uuid, {})[name] = proof

    def _is_delayed(self, name, vios_uuid):
        with self._lock:
            return name in self._to_delete.get(vios_uuid, ())

    def _note_deleted(self, name, vios_uuid):
        with self._lock:
            self._to_delete[vios_uuid].pop(name, None)
            if not self._to_delete[vios_uuid]:
                del self._to_delete[vios_uuid]

    def clean_periodically(self):
        """Delete what could not be deleted before, for example on a down VIOS.

        Needs no request if nothing is pending. Logs its failures.
        """
        with self._lock:
            to_delete = {vios_uuid: dict(proofs)
                         for vios_uuid, proofs in self._to_delete.items()}
        for vios_uuid, proofs in to_delete.items():
            utils.try_to('delete config drives of VIOS %s' % vios_uuid,
                         self._clean_vios, vios_uuid, proofs)

    def _clean_vios(self, vios_uuid, proofs):
        if not self.host.is_vios_up(vios_uuid):
            return
        with self._cleaning:
            for name, proof in proofs.items():
                if self._is_delayed(name, vios_uuid):
                    self._delete_from(vios_uuid, name, proof)
                    self._note_deleted(name, vios_uuid)

    def _upload(self, name, proof, path, may_fail=False):
        """Upload a config drive to the repository (3 requests).

        :param may_fail: whether the caller tries again if this returns None.
        :returns: the volumegroup.VolumeGroup. None if its VIOS is down: then
            the next Repository.find() finds another one. None also if the name
            was taken: the medium that had it is gone now.
        """
        group = self._repository.find(create=True)
        if self._is_delayed(name, group.vios_uuid):
            # The server was on this host before, and has returned.
            self._clean_vios(group.vios_uuid, {name: proof})
        try:
            with open(path, 'rb') as iso:
                sha256 = hashlib.file_digest(iso, 'sha256').hexdigest()
                iso.seek(0)
                self.host.expect_vios_event(group.vios_uuid)
                uploads.upload(
                    self.host, group.vios_uuid,
                    vios_file.FileType.MEDIA_ISO, name, iso,
                    os.path.getsize(path), sha256=sha256)
            return group
        except Exception as exc:
            with excutils.save_and_reraise_exception() as reraise:
                # The answer may have been lost after the upload.
                is_free = utils.try_to('delete the config drive %s' % name,
                                       group.remove, 'delete media',
                                       deletion.remove_media, [name], proof)
                is_up = self.host.is_vios_up(group.vios_uuid)
                avoided = None if is_up else group.vios_uuid
                self._repository.forget(avoid=avoided)
                self._others.update({avoided} - {None})
                reraise.reraise = not may_fail or (
                    is_up and not (is_free and _was_taken(exc)))
            return None


def _was_taken(exc):
    """Return whether an upload failed because the VIOS has such a medium.

    That happens if the server has been on this host before.
    """
    return (isinstance(exc, pvm_exc.HttpError) and
            exc.response.status == http.HTTPStatus.CONFLICT)


def _keep(instance):
    """Let Nova store, before the upload, that a server has a config drive.

    Nova itself stores this after it has built the server, but not when it
    completes the move of a server whose creation was cut off. [DEFAULT]
    force_config_drive does not help afterwards, because it applies to servers
    that Nova has not launched.
    """
    if not instance.config_drive:
        instance.config_drive = True
        server_notes.save(instance)
