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

"""Disks that are logical volumes of one VIOS, without a cache of images."""

from nova import exception as nova_exc

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.disk import download
from nova_powervm.virt.powervm.disk import driver
from nova_powervm.virt.powervm.disk import image
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.storage import volumegroup
from nova_powervm.virt.powervm import vm

CONF = cfg.CONF
BOOT = driver.DiskType.BOOT


class PlainStorage(driver.DiskAdapter):
    """The volume group [powervm] plain_volume_group of the first VIOS."""

    def __init__(self, host, image_api):
        super().__init__(host, image_api)
        name, there = CONF.powervm.plain_volume_group, set()
        for vios_w in host.active_vioses():
            for vg_w in host.volume_groups(vios_w.uuid):
                there.add(vg_w.name)
                if vg_w.name == name:
                    self._vg = volumegroup.VolumeGroup(
                        host, vios_w.uuid, vg_w)
                    return
        raise exception.InvalidOption(
            option='plain_volume_group', value=name, there=sorted(there),
            reason='no Virtual I/O Server that is up has it')

    @property
    def vios_uuids(self):
        return [self._vg.vios_uuid]

    def capacity(self):
        vg_w = self._vg.read()
        return driver.DiskCapacity(
            vg_w.capacity, vg_w.capacity - vg_w.available_size)

    def create_disk_from_image(self, context, instance, image_meta,
                               image_type=BOOT):
        """See the base class. 5 requests."""
        source = self.find_image(context, image_meta)
        name = self.get_disk_name(image_type, instance)
        size_gb = (self.disk_size_gb(instance, source, image_type) or
                   image.size_gb(source.size))
        [disk] = self._vg.edit(_replace, {name: size_gb},
                               self.proof(instance))
        image.upload(
            self.host, self._vg.vios_uuid, name, source,
            image.CheckedStream(source, download.Download(
                self.image_api, context, source.id)), disk.udid)
        return disk

    def create_blank_disks(self, instance, disks, made=None):
        sizes = {self.get_disk_name(disk.disk_type, instance): disk.size_gb
                 for disk in disks}
        return self._vg.edit(_replace, sizes, self.proof(instance), made,
                             [disk.disk_type for disk in disks])

    def get_disk_refs(self, instance, disk_types):
        vg_w = self._vg.read()
        found = {disk_type: volumegroup.find_disk(
            vg_w, self.get_disk_name(disk_type, instance))
            for disk_type in disk_types}
        return {key: disk for key, disk in found.items() if disk is not None}

    def note_in_use(self, instance, disk):
        # The upload may have been interrupted.
        return False

    def connect_disk(self, instance, disk, stg):
        stg.map(self._vg.vios_uuid, vm.get_lpar_uuid(instance), disk)

    def disconnect_disk(self, instance, stg, disk_types=None, clients=None):
        stg.edit(self._vg.vios_uuid, vios_mappings.remove_storage_mappings,
                 self.storage_class,
                 self.get_disk_names(instance, disk_types),
                 partitions=clients or self.own_partitions(instance))

    def delete_disks(self, instance, disk_types=None, unmapped=()):
        self._vg.edit(deletion.disks,
                      self.get_disk_names(instance, disk_types),
                      self.proof(instance))

    def extend_disk(self, instance, size_gb, disk_type=BOOT):
        self._vg.edit(self._extend, self.get_disk_name(disk_type, instance),
                      size_gb)

    def check_extend(self, instance, size_gb, disk_type=BOOT):
        self._growing(self._vg.read(),
                      self.get_disk_name(disk_type, instance), size_gb)

    def _extend(self, vg_w, name, size_gb):
        disk = self._growing(vg_w, name, size_gb)
        if disk.capacity != size_gb:
            disk.capacity = size_gb
            vg_w.update()

    def _growing(self, vg_w, name, size_gb):
        disk = volumegroup.find_disk(vg_w, name)
        if disk is None:
            raise nova_exc.DiskNotFound(location=name)
        volumegroup.check_room(
            vg_w, self.check_growth(name, disk.capacity, size_gb))
        return disk


def _replace(vg_w, sizes, proof, made=None, disk_types=()):
    vg_w = deletion.disks(vg_w, sizes, proof)
    if made is not None:
        # After a failure the disks may exist.
        made[:] = disk_types
    return volumegroup.create_blank_disks(vg_w, sizes)
