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

"""Disks that are logical volumes, or files, of one VIOS."""

import contextlib
import functools
import math

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import holder
from nova_powervm.virt.powervm.disk import imagecache
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import uploads
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.storage import volumegroup
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

# Prefix of a key in system_metadata; the names of a disk and of the host
# follow. The key exists while an image is uploaded to the disk, so the content
# of the disk may be incomplete. After a crash it stays until the disk is
# complete or gone.
_HALF_MADE = 'powervm_half_made_'
_MAX_KEY = 255  # Source: nova.db.main.models.InstanceSystemMetadata.
_FILE_FORMATS = (pvm_stg.FileFormatType.RAW, pvm_stg.FileFormatType.QCOW2)


class LocalStorage(disk_driver.DiskAdapter):
    """The volume group [powervm] volume_group_name of one VIOS.

    Module holder finds this VIOS.

    Hosts do not share these disks. The management partition can read the disks
    only if it is the VIOS that owns them, because a disk that is mapped to a
    server cannot be mapped to another partition.

    The group may be a pool of file-backed disks. They accept raw and qcow2
    images, and cannot be resized.

    :raises OptRequiredIfOtherOptValue: if the option is not set.
    :raises AbstractDiskException: if no VIOS has such a volume group, or if
        the choice is not clear, see holder.find().
    """

    def __init__(self, host, image_api):
        super().__init__(host, image_api)
        vios_w, vg_w = self._find_volume_group()
        self._vg = volumegroup.VolumeGroup(host, vios_w.uuid, vg_w)
        self._images = imagecache.ImageCache(host, self._vg, image_api)
        self._file_backed = volumegroup.is_file_backed(vg_w)
        if self._file_backed:
            self.image_formats = _FILE_FORMATS
        self.capabilities.update(
            has_imagecache=True,
            snapshot=self.local_to_mgmt)

    def _find_volume_group(self):
        name = CONF.powervm.volume_group_name
        if not name:
            raise exception.OptRequiredIfOtherOptValue(
                then_opt='volume_group_name', if_opt='disk_driver',
                if_value='localdisk')
        return holder.find(self.host, name)

    # ---- the storage ---------------------------------------------------

    @property
    def vios_uuids(self):
        return [self._vg.vios_uuid]

    @property
    def kept_with_host(self):
        return holder.to_keep(self._vg.vios_uuid, self._vg.name)

    @property
    def local_to_mgmt(self):
        return self._vg.vios_uuid == self.host.mgmt_uuid

    def capacity(self):
        vg_w = self._vg.look()
        return disk_driver.DiskCapacity(
            total_gb=vg_w.capacity,
            used_gb=vg_w.capacity - vg_w.available_size,
            disks={elements.base_name(disk): disk.capacity
                   for disk in vg_w.virtual_disks})

    def clean(self, snapshot):
        """See the base class. 1 request, and 1 if it removes something."""
        vg_w = self._images.clean_at_start()
        left = set(map(elements.base_name, vg_w.virtual_disks))
        proof = snapshot.prove_departed(left)
        to_delete = proof.covered(left)
        if to_delete:
            to_delete = set(to_delete) - set(self._vg.clients(to_delete))
            self._vg.edit(deletion.disks, to_delete, proof)

    # ---- disks of servers ----------------------------------------------

    def create_disk_from_image(self, context, instance, image_meta,
                               image_type=disk_driver.DiskType.BOOT):
        """See the base class. 2 requests if the image is cached, else 9."""
        image = self.find_image(context, image_meta)
        size_gb = self.disk_size_gb(instance, image, image_type)
        name = self.get_disk_name(image_type, instance)
        with self._name_clash([name]):
            disk = self._images.create_copy(
                context, image, name, size_gb, self.proof(instance),
                functools.partial(self._half_made, instance, name))
        self._forget_half_made(instance, [name])
        return disk

    def create_blank_disks(self, instance, disks, made=None):
        """See the base class. 2 requests, if there are no stale disks."""
        sizes = {self.get_disk_name(disk.disk_type, instance): disk.size_gb
                 for disk in disks}
        made = [] if made is None else made
        types = [disk.disk_type for disk in disks]
        with self._name_clash(sizes):
            vg_w, is_added = self._vg.add_disks(
                'create disks', self._add_blank_disks, sizes, made, types)
            if is_added:
                return volumegroup.find_new_disks(vg_w, list(sizes))
            return self._vg.edit(
                self._replace_blank_disks, sizes, self.proof(instance), made,
                types, known=vg_w)

    @contextlib.contextmanager
    def _name_clash(self, names):
        """Raise DiskNameInUse if the body fails because a disk is mapped."""
        try:
            yield
        except pvm_exc.HttpError as exc:
            for name, client in self._vg.clients(names).items():
                raise exception.DiskNameInUse(
                    name=name, location='volume group %s' % self._vg.name,
                    reason='it is mapped to partition %s' % client) from exc
            raise

    def get_disk_refs(self, instance, disk_types):
        vg_w = self._vg.read()
        by_type = {disk_type: self.get_disk_name(disk_type, instance)
                   for disk_type in disk_types}
        found = {disk_type: volumegroup.find_disk(vg_w, name)
                 for disk_type, name in by_type.items()
                 if self._key(name) not in instance.system_metadata}
        return {disk_type: disk for disk_type, disk in found.items()
                if disk is not None}

    def note_in_use(self, instance, disk):
        return (self._key(elements.base_name(disk)) not in
                instance.system_metadata)

    def connect_disk(self, instance, disk, stg):
        stg.map(self._vg.vios_uuid, vm.get_lpar_uuid(instance), disk)

    def disconnect_disk(self, instance, stg, disk_types=None, clients=None):
        stg.edit(self._vg.vios_uuid, vios_mappings.remove_storage_mappings,
                 pvm_stg.VDisk, self.get_disk_names(instance, disk_types),
                 partitions=clients or self.own_partitions(instance),
                 order=transaction.Order.ANY)

    def delete_disks(self, instance, disk_types=None, unmapped=()):
        """See the base class. 2 requests, or 1 if there are none."""
        names = self.get_disk_names(instance, disk_types)
        half_made = [name for name in names
                     if self._key(name) in instance.system_metadata]
        if half_made:
            uploads.delete_files(self.host, half_made,
                                 self._vg.vios_uuid)
        try:
            self._vg.remove('delete disks', deletion.remove_disks, names,
                            self.proof(instance))
        except pvm_exc.HttpError:
            own = self.own_partitions(instance)
            foreign = {name: client
                       for name, client in self._vg.clients(names).items()
                       if client not in own + ['']}
            if not foreign:
                raise
            LOG.warning('Disks of volume group %(vg)s that have names of the '
                        'server, but are mapped to other partitions, are left '
                        'alone: %(disks)s', {
                            'vg': self._vg.name, 'disks': foreign},
                        instance=instance)
            names = [name for name in names if name not in foreign]
            self._vg.remove('delete disks', deletion.remove_disks, names,
                            self.proof(instance))
        self._forget_half_made(instance, names)

    def extend_disk(self, instance, size_gb,
                    disk_type=disk_driver.DiskType.BOOT):
        """See the base class. 2 requests, or 1 if the size is right."""
        self._vg.edit(self._extend, self.get_disk_name(disk_type, instance),
                      size_gb)

    def check_extend(self, instance, size_gb,
                     disk_type=disk_driver.DiskType.BOOT):
        self._growing_disk(self._vg.read(),
                           self.get_disk_name(disk_type, instance), size_gb)

    def _extend(self, vg_w, name, size_gb):
        disk = self._growing_disk(vg_w, name, size_gb)
        if disk.capacity != size_gb:
            vg_w = self._images.give_way(
                vg_w, math.ceil(size_gb - disk.capacity))
            disk = volumegroup.find_disk(vg_w, name)
            volumegroup.check_room(vg_w, math.ceil(size_gb - disk.capacity))
            disk.capacity = size_gb
            vg_w.update()

    def _growing_disk(self, vg_w, name, size_gb):
        """Find a disk, and check that it can have this size."""
        disk = volumegroup.find_disk(vg_w, name)
        if disk is None:
            raise nova_exc.DiskNotFound(location=name)
        growth = self.check_growth(name, disk.capacity, size_gb)
        if growth and self._file_backed:
            raise nova_exc.ResizeError(
                reason='disk %s is file-backed; the platform cannot resize '
                'it' % name)
        self._images.check_room(vg_w, math.ceil(growth))
        return disk

    @staticmethod
    def _add_blank_disks(vg_w, sizes, made, disk_types):
        """Add disks to a document, if nothing is in their way.

        :returns: bool, whether they were added.
        """
        if (any(volumegroup.find_disk(vg_w, name) for name in sizes) or
                not volumegroup.add_blank_disks(vg_w, sizes)):
            return False
        made[:] = disk_types
        return True

    def _replace_blank_disks(self, vg_w, sizes, proof, made, disk_types):
        """Create disks; record their types before they may exist."""
        vg_w = deletion.disks(vg_w, sizes, proof)
        vg_w = self._images.give_way(vg_w, sum(sizes.values()))
        made[:] = disk_types
        return volumegroup.create_blank_disks(vg_w, sizes)

    # ---- disks with incomplete content ---------------------------------

    def _key(self, name):
        return ('%s%s_%s' % (_HALF_MADE, name, self.host.nodename))[:_MAX_KEY]

    @contextlib.contextmanager
    def _half_made(self, instance, name):
        """Record in the context that the content of a disk is incomplete.

        After a failure or a crash the record stays. So the driver does not use
        the disk as complete if it could not be deleted.
        """
        if self._key(name) not in instance.system_metadata:
            instance.system_metadata[self._key(name)] = 'yes'
            server_notes.save(instance)
        yield
        self._forget_half_made(instance, [name])

    def _forget_half_made(self, instance, names):
        """Record that disks of these names are complete, or gone."""
        keys = set(map(self._key, names)) & instance.system_metadata.keys()
        for key in keys:
            del instance.system_metadata[key]
        if keys:
            with contextlib.suppress(nova_exc.InstanceNotFound):
                server_notes.save(instance)

    # ---- images --------------------------------------------------------

    def manage_image_cache(self, context, all_instances):
        self._images.update(context, all_instances)

    def cache_image(self, context, image_id):
        return self._images.ensure(context,
                                   self.find_image_by_id(context, image_id))
