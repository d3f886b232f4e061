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

"""Check snapshots, rebuilds and rescues; send snapshots to Glance."""

import os

from nova import exception as nova_exc
from oslo_utils import strutils

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import flavor
from nova_powervm.virt.powervm import made_of
from nova_powervm.virt.powervm import vm


def check_snapshot(host, disk_dvr, mgmt, instance):
    """Raise an exception unless a snapshot of a server is possible.

    Needs no request if the server's state is known.

    :param host: the owner of the REST connection (host.Host).
    :param disk_dvr: disk.driver.DiskAdapter
    :param mgmt: mgmt.ManagementPartition
    :param instance: nova.objects.Instance
    :raises nova.exception.InstanceNotRunning: if it has no LPAR here.
    :raises SnapshotNotSupported: if its disks cannot be read here.
    """
    if not vm.instance_exists(host, instance):
        raise nova_exc.InstanceNotRunning(instance_id=instance.uuid)
    reason = None
    if host.is_hmc:
        reason = ('an HMC manages the server, so there is no management '
                  'partition, which would have to read the disks of servers. '
                  'Servers that boot from a volume can have snapshots')
    elif not disk_dvr.capabilities['snapshot']:
        reason = ('the management partition, which would have to read the '
                  'disks of servers, cannot: they are on a Virtual I/O '
                  'Server that lends each of them to one partition')
    elif not mgmt.is_here:
        reason = ('nova-compute does not run on the management partition, '
                  'which has to read the disks of servers')
    if reason:
        raise exception.SnapshotNotSupported(
            operation='snapshot', option='disk_driver', reason=reason)


def check_quiesce(host, instance):
    """Raise an exception if a snapshot requires a quiesced guest.

    The property os_require_quiesce of an image requires this. The platform
    cannot quiesce a guest, so the server has to be off. Needs 1 request with
    the property, none without.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :raises nova.exception.InstanceQuiesceNotSupported: unless it is off.
    """
    if strutils.bool_from_string(made_of.read(
            instance.system_metadata, 'os_require_quiesce')) and not vm.is_off(
                host, instance, use_cache=False):
        raise no_quiesce(instance)


def no_quiesce(instance):
    """Return the exception for a server that cannot be quiesced."""
    return nova_exc.InstanceQuiesceNotSupported(
        'Server %s runs, or has crashed, and PowerVM cannot quiesce its guest '
        'as the property os_require_quiesce of its image requires. Stop the '
        'server first; start one that has crashed before you stop it.'
        % instance.uuid)


def check_rebuild(disk_dvr, context, instance, image_meta):
    """Raise an exception if an image does not fit the boot disk of a server.

    :param disk_dvr: disk.driver.DiskAdapter
    :param context: nova.context.RequestContext
    :param instance: nova.objects.Instance
    :param image_meta: nova.objects.ImageMeta for the disk.
    :raises nova.exception.ImageUnacceptable: if disks cannot have its format.
    :raises nova.exception.FlavorDiskSmallerThanImage: if it is too large.
    """
    disk_dvr.disk_size_gb(instance, disk_dvr.find_image(context, image_meta),
                          disk_driver.DiskType.BOOT)


def check_rescue(instance, image_meta):
    """Raise an exception unless a server can boot from a rescue disk.

    A rescue disk is an additional disk on the server's virtual SCSI adapter.
    The server's own disks keep their addresses. Nova calls this a stable
    rescue. All our disks are on this bus, even if the image names another bus.
    An image for a CD-ROM or a floppy drive does not boot from a disk.

    :param instance: nova.objects.Instance
    :param image_meta: nova.objects.ImageMeta of the rescue image.
    :raises nova.exception.InstanceNotRescuable:
    """
    reason = None
    device = image_meta.properties.get('hw_rescue_device')
    system = image_meta.properties.get('os_distro')
    if flavor.is_ibmi(instance) and (system or flavor.IBMI).lower() != (
            flavor.IBMI):
        reason = ('an IBM i partition can only boot an image of IBM i; image '
                  '%s has os_distro=%s' % (image_meta.id, system))
    elif device not in (None, 'disk'):
        reason = ('the only hw_rescue_device is disk; image %s has %s' % (
            image_meta.id, device))
    if reason:
        raise nova_exc.InstanceNotRescuable(instance_id=instance.uuid,
                                            reason=reason)


def generate_snapshot_metadata(context, image_api, image_id, instance,
                               disk_format='raw'):
    """Describe a snapshot to Glance.

    :param image_api: nova.image.glance.API
    :param image_id: UUID of the image that Nova has created for it.
    :param instance: nova.objects.Instance
    :param disk_format: str, Glance's name of the format.
    :returns: dict, for image_api.update().
    """
    image = image_api.get(context, image_id)
    return {
        'name': image['name'],
        'status': 'active',
        'disk_format': disk_format,
        'container_format': 'bare',
        'properties': {
            'image_location': 'snapshot',
            'image_state': 'available',
            'owner_id': instance.project_id,
        },
    }


def stream_blockdev_to_glance(context, image_api, image_id, metadata, mgmt,
                              path):
    """Send the content of a disk to Glance, in pieces.

    :param image_api: nova.image.glance.API
    :param image_id: UUID of the image that Nova has created for it.
    :param metadata: dict, see generate_snapshot_metadata.
    :param mgmt: mgmt.ManagementPartition, which has the disk.
    :param path: str, device or file.
    :raises SnapshotIncomplete: if Glance did not get all of it.
    """
    with mgmt.open_disk(path) as disk:
        size = disk.seek(0, os.SEEK_END)
        disk.seek(0)
        image = image_api.update(context, image_id, metadata, data=disk)
    # If the connection breaks, Nova's retry continues to read where the first
    # upload ended, so the image may be incomplete.
    if image.get('size') != size:
        raise exception.SnapshotIncomplete(
            image_id=image_id, stored=image.get('size'), size=size)
