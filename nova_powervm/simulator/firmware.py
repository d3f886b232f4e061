# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Which of its disks a partition boots from.

The firmware knows a disk by the path that Linux shows of the device tree:
/vdevice/v-scsi@<30000000 plus the slot of the adapter>/disk@<logical unit
address>, both in hexadecimal, or /vdevice/vfc-client@<the same>/disk@<WWPN of
the target>,<logical unit> (source: ofpathname of powerpc-utils). Without
a boot string it boots from the first disk of the first adapter, as with an
unchanged boot list (assumed, no hardware).

A partition with IBM i has no boot list. It boots from the disk of the adapter
that is tagged as its load source (source: the description of pypowervm's
tasks.ibmi).
"""

import collections
import re

NORMAL = 'norm'
#: Boot modes that end at a menu or at a prompt.
MENUS = ('sms', 'of')

_FIRST_VIO = 0x30000000
_DISK = re.compile('/vdevice/v-scsi@([0-9a-f]{8})/disk@([0-9a-f]{16})'
                   '(?:[:,].*)?$')
_FC_DISK = re.compile('/vdevice/vfc-client@([0-9a-f]{8})/disk@[0-9a-f]{16},'
                      '([0-9a-f]{1,16})(?:[:,].*)?$')

#: A disk on a virtual Fibre Channel port.
_Lun = collections.namedtuple('_Lun', 'backing')


def disks(partition):
    """List the disks that the firmware of a partition finds.

    :param partition: partition.Partition
    :returns: dict of (slot, logical unit address) -> scsi_mappings.Target, or
        something else with a ``backing``, in the order in which they are
        tried
    """
    found = {}
    for slot, owner in sorted(partition.slots.items(), key=lambda s: s[0]):
        targets = getattr(owner, 'targets', ())
        for target in sorted(targets, key=lambda target: target.lua):
            if (target.backing.is_disk and target.backing.works and
                    target.bus.works and target.bus.client is partition):
                found[slot, int(target.lua, 16)] = target
        luns = owner.luns() if hasattr(owner, 'luns') else ()
        for volume, _target, unit in sorted(luns, key=lambda lun: lun[2]):
            if owner.client is partition:
                found[slot, unit] = _Lun(volume)
    return found


def choose(partition, boot_string=''):
    """Choose the disk to boot from.

    :param boot_string: str, paths of disks, separated by blanks
    :returns: one of the values of disks(), or None
    """
    found = disks(partition)
    if not boot_string:
        return next(iter(found.values()), None)
    for path in boot_string.split():
        match = _DISK.match(path) or _FC_DISK.match(path)
        if match:
            unit, lua = (int(digits, 16) for digits in match.groups())
            target = found.get((unit - _FIRST_VIO, lua))
            if target is not None:
                return target
    return None


def load_source(partition, ipl_source=None):
    """Choose the disk that a partition with IBM i boots from.

    :param ipl_source: str, one of a, b, c and d; None for the partition's own
    :returns: one of the values of disks(), the first of the adapter that is
        tagged; None if it has none, or nothing is tagged
    """
    slot = partition.tagged_io.slot(ipl_source or partition.ipl_source)
    return next((disk for (place, _unit), disk in disks(partition).items()
                 if place == slot), None)
