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

"""Compute the memory that the hypervisor needs for a partition."""

import math

# pypowervm has no property for it (source: capture managedsystem.txt).
_PAGE_TABLE_RATIO = ('AssociatedSystemMemoryConfiguration/'
                     'DefaultHardwarePageTableRatio')
_USUAL_PAGE_TABLE_RATIO = 6
# MB that the hypervisor needs for the virtual adapters of a partition
# (assumed, no hardware).
_ADAPTERS_MB = 32


def memory_mb(system, max_mb):
    """Return the memory that the hypervisor needs for a partition, in MB.

    It needs a page table of 1/64 of the maximum memory of the partition,
    unless the host reports another ratio, and memory for virtual adapters. It
    takes whole logical memory blocks (assumed, no hardware).

    :param system: System wrapper of the host.
    :param max_mb: int, the maximum memory of the partition.
    """
    block = system.memory_region_size or 1
    ratio = int(system.element.findtext(_PAGE_TABLE_RATIO) or
                _USUAL_PAGE_TABLE_RATIO)
    return math.ceil((max_mb / 2 ** ratio + _ADAPTERS_MB) / block) * block
