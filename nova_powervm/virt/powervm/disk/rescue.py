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

"""Create and map rescue disks, whatever an earlier rescue has left."""

from nova import exception as nova_exc

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import paths
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import transaction

_RESCUE = disk_driver.DiskType.RESCUE


def create(disk_dvr, context, instance, image_meta):
    """Create the rescue disk; replace one that a crash has left mapped.

    :param disk_dvr: disk.driver.DiskAdapter
    :param image_meta: nova.objects.ImageMeta of the rescue image.
    :returns: wrapper of the disk.
    """
    try:
        return disk_dvr.create_disk_from_image(context, instance, image_meta,
                                               image_type=_RESCUE)
    except exception.DiskNameInUse:
        with transaction.StorageTransaction.immediate(
                disk_dvr.host, 'disconnect_old_rescue_disk') as stg:
            disk_dvr.disconnect_disk(instance, stg, [_RESCUE])
        return disk_dvr.create_disk_from_image(context, instance, image_meta,
                                               image_type=_RESCUE)


def reconnect(disk_dvr, instance):
    """Map the existing rescue disk to an adapter of its own, if necessary.

    :param disk_dvr: disk.driver.DiskAdapter
    :returns: dict of UUID -> wrapper, the VIOS that maps it.
    :raises nova.exception.DiskNotFound: if there is no rescue disk.
    """
    disk = disk_dvr.get_disk_ref(instance, _RESCUE)
    if disk is None:
        raise nova_exc.DiskNotFound(
            location=disk_dvr.get_disk_name(_RESCUE, instance))
    return paths.connect_by_one(disk_dvr, instance, disk, apart=True)
