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

"""What a guest is told of the disks and ports that a user gave tags.

The metadata service has it, and the config drive if that is made afterwards.
A volume is found by the address at which it is on every virtual SCSI adapter;
the addresses of other devices are not known before the guest is on.
"""

from nova import objects

from nova_powervm.virt.powervm.volume import device_addresses


def update(instance):
    """Have Nova tell the guest of its devices with tags.

    Nova itself forgets those that are detached.

    :param instance: nova.objects.Instance
    """
    devices = [*_ports(instance), *_disks(instance)]
    if not devices:
        return
    instance.device_metadata = objects.InstanceDeviceMetadata(devices=devices)
    instance.save()


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
        # Nova finds by the id of the volume what to forget.
        disk = objects.DiskMetadata(serial=bdm.volume_id, tags=[bdm.tag])
        if bdm.volume_id in found:
            disk.bus = objects.SCSIDeviceBus(
                address=scsi_address(found[bdm.volume_id].lua))
        disks.append(disk)
    return disks


def scsi_address(lua):
    """The address that Linux gives a disk on its first virtual adapter.

    The driver ibmvscsi takes the target and the channel from the logical
    unit address (source: SCSI architecture model, peripheral device
    addressing method; Linux, drivers/scsi/ibmvscsi). A multi-path driver of
    the guest puts the paths of the other adapters together with that one.

    :param lua: str, logical unit address, such as 0x8100000000000000
    :returns: str host:channel:target:lun, in decimal
    """
    first, second = divmod(int(lua, 16) >> 48, 256)
    return '0:%d:%d:%d' % (second >> 5, first & 0x3f, second & 0x1f)
