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

"""Disks that are logical volumes in a volume group of one VIOS."""

from nova import exception as nova_exc
from oslo_log import log as logging
from oslo_utils import units
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import imagecache
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class LocalStorage(disk_driver.DiskAdapter):
    """The volume group [powervm] volume_group_name of one VIOS.

    If several VIOSes have a group of that name, that of the VIOS whose name
    is first in the alphabet is used, and a warning logged: while that VIOS
    is down, nova-compute must not be started, or it takes the other.

    No disk is shared with another host. The management partition can read
    the disks only if it is the VIOS that owns them: a disk that is mapped to
    a server cannot be mapped to another partition too.

    :raises OptRequiredIfOtherOptValue: if the option is not set.
    :raises VGNotFound: if no usable VIOS has such a volume group.
    """

    def __init__(self, host, image_api):
        super().__init__(host, image_api)
        self._vg = self._find_volume_group()
        self._images = imagecache.ImageCache(host, self._vg, image_api)
        self.capabilities.update(
            has_imagecache=True,
            snapshot=self._vg.vios_uuid == host.mgmt_uuid)

    def _find_volume_group(self):
        name = CONF.powervm.volume_group_name
        if not name:
            raise exception.OptRequiredIfOtherOptValue(
                then_opt='volume_group_name', if_opt='disk_driver',
                if_value='localdisk')
        found = [
            (vios_w, vg_w)
            for vios_w in sorted(self.host.active_vioses(),
                                 key=lambda vios_w: vios_w.name)
            for vg_w in pvm_stg.VG.get(self.host.adapter, parent=vios_w)
            if vg_w.name == name]
        if not found:
            raise exception.VGNotFound(vg_name=name)
        vios_w, vg_w = found[0]
        if len(found) > 1:
            LOG.warning('VIOSes %(vioses)s have a volume group %(vg)s; disks '
                        'are kept on %(vios)s.', {
                            'vioses': [vios.name for vios, _vg in found],
                            'vg': name, 'vios': vios_w.name})
        return storage.VolumeGroup(self.host, vios_w.uuid, vg_w)

    @property
    def vios_uuids(self):
        return [self._vg.vios_uuid]

    def capacity(self):
        vg_w = self._vg.read()
        return disk_driver.DiskCapacity(
            total_gb=vg_w.capacity,
            used_gb=vg_w.capacity - vg_w.available_size)

    def create_disk_from_image(self, context, instance, image_meta,
                               image_type=disk_driver.DiskType.BOOT):
        """See the base class. 2 requests if the image is cached, else 9."""
        image = (imagecache.Image.from_meta(image_meta) or
                 imagecache.Image.from_glance(self.image_api, context,
                                              image_meta.id))
        self._check_image(image)
        size_gb = image.size_gb
        if image_type == disk_driver.DiskType.BOOT:
            size_gb = self._root_size_gb(instance.flavor, image)
        return self._images.create_copy(
            context, image, self.get_disk_name(image_type, instance), size_gb)

    @staticmethod
    def _check_image(image):
        """Raise ImageUnacceptable unless a logical volume can hold it."""
        if image.disk_format != 'raw':
            raise nova_exc.ImageUnacceptable(
                image_id=image.id, reason='disk_driver localdisk needs the '
                'disk format raw, not %s' % image.disk_format)
        if not image.size:
            raise nova_exc.ImageUnacceptable(image_id=image.id,
                                             reason='it has no content')

    @staticmethod
    def _root_size_gb(flavor, image):
        """Size of the boot disk in GiB."""
        if not flavor.root_gb:
            return image.size_gb
        flavor_size = flavor.root_gb * units.Gi
        if image.size > flavor_size:
            raise nova_exc.FlavorDiskSmallerThanImage(
                flavor_size=flavor_size, image_size=image.size)
        return flavor.root_gb

    def connect_disk(self, instance, disk, stg):
        stg.edit(self._vg.vios_uuid, storage.add_mapping,
                 vm.get_pvm_uuid(instance), disk)

    def disconnect_disk(self, instance, stg, disk_types=None):
        stg.edit(self._vg.vios_uuid, storage.remove_storage_mappings,
                 pvm_stg.VDisk, self.get_disk_names(instance, disk_types))

    def delete_disks(self, instance, disk_types=None):
        """See the base class. 2 requests, or 1 if there are none."""
        self._vg.edit(storage.remove_disks,
                      self.get_disk_names(instance, disk_types))

    def scrub(self):
        self._images.scrub()

    def manage_image_cache(self, context, all_instances):
        self._images.update(context, all_instances)

    def cache_image(self, context, image_id):
        image = imagecache.Image.from_glance(self.image_api, context,
                                             image_id)
        self._check_image(image)
        return self._images.ensure(context, image)
