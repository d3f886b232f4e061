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

"""Build the names by which the firmware of an LPAR knows its disks.

They are the device tree paths that Linux on Power shows (source: output of
ofpathname of powerpc-utils). The unit address of a virtual adapter is
0x30000000 plus its slot.

A boot string is a list of such names, separated by blanks. The firmware boots
from the first disk that it finds (source: the variable boot-device of IEEE
1275). It is assumed that the parameter bootstring of the job PowerOn takes
such a list (no hardware).
"""

from oslo_log import log as logging

from nova_powervm.virt.powervm import lua

LOG = logging.getLogger(__name__)

_FIRST_VIO = 0x30000000
#: Most disks in the boot list of the firmware (source: SMS menus).
_MOST = 5


def scsi_path(mapping):
    """Return the name of a disk on virtual SCSI.

    It is like /vdevice/v-scsi@30000002/disk@8100000000000000, and ends with
    the logical unit address.

    :param mapping: VSCSIMapping wrapper, as the platform returned it.
    :returns: str, or None if it is not known, for example with a Linux VIOS.
    """
    address, client = lua.address(mapping), mapping.client_adapter
    if client is None:
        return None
    if address is None:
        LOG.warning('The address %(address)s of a disk of partition %(lpar)s '
                    'is not one that the firmware knows; it chooses what to '
                    'boot from.', {
                        'address': (mapping.target_dev and
                                    mapping.target_dev.lua),
                        'lpar': client.lpar_id})
        return None
    return '/vdevice/v-scsi@%x/disk@%s' % (
        _FIRST_VIO | client.lpar_slot_num, address[2:])


def fc_path(mapping, target, lun):
    """Return the name of a disk behind NPIV.

    It is like
    /vdevice/vfc-client@30000003/disk@500507680b21ac22,1000000000000.

    :param mapping: VFCMapping wrapper, as the platform returned it.
    :param target: str, WWPN of the port of the array.
    :param lun: str, 8 bytes in hexadecimal, see volume.luns.address().
    :returns: str, or None if the slot is not known.
    """
    client = mapping.client_adapter
    if client is None:
        return None
    return '/vdevice/vfc-client@%x/disk@%s,%s' % (
        _FIRST_VIO | client.lpar_slot_num, target, lun.lstrip('0') or '0')


def join(paths):
    """Join names of disks to a boot string.

    :param paths: iterable of str or None.
    :returns: str; None if there is no name, so that the firmware chooses.
    """
    return ' '.join([path for path in paths if path][:_MOST]) or None
