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

"""Boot disks from nova-powervm 9.0.0, with their old names.

These names have only 16 bits of the server's UUID, which is not enough to find
a disk. So the driver takes over a disk only while it is mapped to its server's
LPAR. Then it stores the name in the server's system_metadata, and the UDID of
a logical unit, because somebody else may have a unit with that name.
"""

from nova import context as nova_context
from nova import objects
from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm import util as pvm_util
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm.disk import units
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

_KEY = 'powervm_boot_disk'


def boot_disk_name(instance):
    """Return the name of the boot disk from 9.0.0, or None."""
    return instance.system_metadata.get(_KEY)


def take_over(host, disk_dvr, read_mappings):
    """Search for such disks of the servers of this host; log failures.

    :param host: the owner of the REST connection (host.Host).
    :param disk_dvr: disk.driver.DiskAdapter
    :param read_mappings: function that reads the wrappers of the VIOSes that
        are up, with SCSI_MAPPING. It is not called if all servers are known or
        boot from volumes.
    """
    instances = [instance for instance in objects.InstanceList.get_by_host(
        nova_context.get_admin_context(), host.nodename,
        expected_attrs=['system_metadata'])
        if instance.image_ref and not _is_known(instance, disk_dvr)]
    if not instances:
        return
    try:
        vioses = read_mappings()
    except pvm_exc.Error as exc:
        LOG.warning('Cannot search for disks of nova-powervm 9.0.0: %s', exc)
        return
    for instance in instances:
        _take_over(instance, disk_dvr, vioses)


def _is_known(instance, disk_dvr):
    """Whether nothing is to be stored. Old versions stored only the name."""
    name = boot_disk_name(instance)
    return bool(name) and (disk_dvr.storage_class is not pvm_stg.LU or
                           units.kept(instance.system_metadata, name) or
                           not name.startswith('boot_'))


def _take_over(instance, disk_dvr, vioses):
    storage_class = disk_dvr.storage_class
    name = boot_disk_name(instance) or legacy_name(instance, storage_class)
    found = [mapping.backing_storage for mapping in (
        vios_mappings.find_mapping(vios_w, vm.get_lpar_uuid(instance),
                                   storage_class, name)
        for vios_w in vioses) if mapping]
    if storage_class is pvm_stg.LU and len({lu.udid for lu in found}) > 1:
        LOG.warning('Several logical units named %s are mapped to the server. '
                    'None is taken over.', name, instance=instance)
    elif found:
        LOG.info('Disk %s of nova-powervm 9.0.0 is taken over.', name,
                 instance=instance)
        instance.system_metadata[_KEY] = name
        disk_dvr.note_own(instance, found[0])
        server_notes.save(instance)


def legacy_name(instance, storage_class):
    """Return the name of a server's boot disk in 9.0.0.

    :param storage_class: pypowervm class of the disk: LU or VDisk.
    """
    if storage_class is pvm_stg.LU:
        return pvm_util.sanitize_file_name_for_api(instance.name,
                                                   prefix='boot_')
    return pvm_util.sanitize_file_name_for_api(
        '%s_%s' % (instance.name[:8], instance.uuid[:4]), prefix='b_',
        max_len=pvm_const.MaxLen.VDISK_NAME)
