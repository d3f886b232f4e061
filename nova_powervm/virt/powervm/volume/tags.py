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

"""Give Nova the disks and ports that have tags, for the guest.

The metadata service passes them to the guest, and so does the config drive if
it is created afterwards. A volume is identified by its address, which is the
same on every virtual SCSI adapter. The addresses of other devices are unknown
before the guest runs.
"""

from nova import objects

from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm.volume import device_addresses


def update(instance):
    """Store the devices with tags in Nova, which passes them to the guest.

    Nova itself removes devices that are detached.

    :param instance: nova.objects.Instance
    """
    devices = [*_ports(instance), *_disks(instance)]
    if not devices:
        return
    instance.device_metadata = objects.InstanceDeviceMetadata(devices=devices)
    server_notes.save(instance)


def _ports(instance):
    return [objects.NetworkInterfaceMetadata(mac=vif.address, tags=[vif.tag])
            for vif in objects.VirtualInterfaceList.get_by_instance_uuid(
                instance._context, instance.uuid) if vif.tag]


def _disks(instance):
    found = device_addresses.read(instance)
    disks = []
    for bdm in objects.BlockDeviceMappingList.get_by_instance_uuid(
            instance._context, instance.uuid):
        if not bdm.tag:
            continue
        # Nova finds the entry to remove by the id of the volume.
        disk = objects.DiskMetadata(serial=bdm.volume_id, tags=[bdm.tag])
        if bdm.volume_id in found:
            disk.bus = objects.SCSIDeviceBus(
                address=scsi_address(found[bdm.volume_id].lua))
        disks.append(disk)
    return disks


def scsi_address(lua):
    """Return Linux's address of a disk on the first virtual adapter.

    The driver ibmvscsi takes the target and the channel from the logical unit
    address (source: SCSI architecture model, peripheral device addressing
    method; Linux, drivers/scsi/ibmvscsi). A multi-path driver of the guest
    combines this path with the paths of the other adapters.

    :param lua: str, logical unit address, such as 0x8100000000000000
    :returns: str host:channel:target:lun, in decimal
    """
    first, second = divmod(int(lua, 16) >> 48, 256)
    return '0:%d:%d:%d' % (second >> 5, first & 0x3f, second & 0x1f)
