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

"""What no partition can be, whatever the system is.

Source of the numbers: pypowervm.utils.lpar_builder, which refuses others
before it sends them. IBM documents the weights, and the ratio of the hardware
page table (hpt_ratio of the command chsyscfg).
"""

from nova_powervm.simulator import errors

#: A partition ID has 16 bits.
LARGEST_ID = 65535
#: Slots 0 and 1 belong to the consoles.
LEAST_SLOTS, MOST_SLOTS = 2, 65534
_MEMORY = 'PartitionMemoryConfiguration/'
_SLOTS = 'PartitionIOConfiguration/MaximumVirtualIOSlots'
_SHARED = 'PartitionProcessorConfiguration/SharedProcessorConfiguration/'
#: Path -> the least and the largest value.
_RANGES = {
    'AvailabilityPriority': (0, 255),
    _SLOTS: (LEAST_SLOTS, MOST_SLOTS),
    _SHARED + 'UncappedWeight': (0, 255),
    _MEMORY + 'PhysicalPageTableRatio': (0, 6),
    # 1:32 to 1:512
    _MEMORY + 'HardwarePageTableRatio': (5, 9),
}
_KEYLOCKS = ('', 'manual', 'normal', 'unknown')
#: Memory expansion is off, or in this range.
_EXPANSION = 1, 10


def check(host, doc, processors, old=None):
    """Refuse the document of a partition with impossible values.

    :param host: host.Host
    :param doc: atom.Document
    :param processors: partition_config.Processors, which the document wants
    :param old: partition.Partition that is to change, or None
    :raises errors.Refused:
    """
    for path, (least, most) in _RANGES.items():
        value = doc.int(path)
        if value is not None and not least <= value <= most:
            raise errors.Refused('%s is not between %d and %d: %d' % (
                path.rpartition('/')[2], least, most, value))
    slots = doc.int(_SLOTS)
    if slots is not None and old is not None and old.slots and (
            slots <= max(old.slots)):
        raise errors.Refused('HSCL1515 Slot %d of partition %s is in use: the '
                             'maximum cannot be %d' % (
                                 max(old.slots), old.name, slots))
    factor = doc.float(_MEMORY + 'ExpansionFactor', 0)
    if factor and not _EXPANSION[0] <= factor <= _EXPANSION[1]:
        raise errors.Refused('ExpansionFactor is neither 0 nor between %d and '
                             '%d: %s' % (*_EXPANSION, factor))
    if doc.text('KeylockPosition', '').lower() not in _KEYLOCKS:
        raise errors.Refused('There is no KeylockPosition %s' %
                             doc.text('KeylockPosition'))
    if not processors.dedicated:
        _check_pool(host, processors, old)


def _check_pool(host, processors, old):
    """Refuse a pool that is not there, or that is full."""
    if old is not None and processors == old.processors:
        return
    if processors.pool_id == 0:
        return
    for pool in host.store.all('SharedProcessorPool'):
        if pool.pool_id == processors.pool_id:
            break
    else:
        raise errors.Refused('System %s has no shared processor pool %d' % (
            host.system.name, processors.pool_id))
    used = sum(units for partition, units in pool.members()
               if partition is not old)
    # A pool of the profile without a maximum takes any number.
    if pool.maximum and used + processors.used_units > pool.maximum + 1e-6:
        raise errors.Refused(
            'Shared processor pool %s has %.2f of %.2f processing units '
            'available, %.2f are needed' % (
                pool.name, pool.maximum - used, pool.maximum,
                processors.used_units))
