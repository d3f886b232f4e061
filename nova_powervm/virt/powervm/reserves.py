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

"""Resources of a host that others use, so placement must not grant them.

Others are the hypervisor, the VIOSes, the management partition and all LPARs
except the servers of this host. They use everything that is neither free nor
used by such a server, according to one answer of the platform.

A server uses more than placement grants: the hypervisor needs memory for each
LPAR, and a server may have more processing units than its VCPUs represent with
the operator's allocation ratio. The driver also reserves the difference.

Of the storage for disks, others use everything except the disks that servers
were granted: cached images, rescue disks, stale disks, and disks that are not
Nova's.
"""

import math
import typing

import os_resource_classes as orc

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import granted
from nova_powervm.virt.powervm import hypervisor
from nova_powervm.virt.powervm import lpar_sizes
from nova_powervm.virt.powervm import system_lpars

CONF = cfg.CONF

#: Share of Nova's memory that is reserved at most, so that the hypervisor has
#: enough for the next LPAR, however large its maximum memory is.
_MOST_KEPT = 0.04
# Processing units have two decimal places.
_ROUNDING = 0.001


class Others(typing.NamedTuple):
    """Resources of a host that others than Nova's servers use.

    :ivar memory_mb: int
    :ivar units: float, processing units.
    :ivar disk_gb: float, GiB of the storage for disks.
    """

    memory_mb: int
    units: float
    disk_gb: float


def find_others(system, having, disk_dvr, capacity, servers):
    """Return what others use.

    :param system: System wrapper, as just read.
    :param having: list of granted.Server that have an LPAR, see module
        system_lpars.
    :param disk_dvr: disk.driver.DiskAdapter
    :param capacity: disk.driver.DiskCapacity, as just read.
    :param servers: list of granted.Server of this host.
    :returns: Others. The values may be negative if servers have less than
        in their flavors.
    """
    memory_mb, units = system_lpars.used_by_others(system, having)
    return Others(memory_mb, units, _others_gb(disk_dvr, capacity, servers))


def _others_gb(disk_dvr, capacity, servers):
    """Return the used storage that no server was granted, in GiB."""
    if capacity.others_gb is not None:
        return capacity.others_gb
    if capacity.disks is None:
        return 0
    return capacity.used_gb - math.fsum(
        _own_gb(disk_dvr, capacity.disks, server) for server in servers)


def _own_gb(disk_dvr, disks, server):
    """Return the part of its disks that a server was granted, in GiB.

    If the flavor leaves the size of the boot disk to the image, placement
    grants nothing for it.
    """
    boot, blank = (
        sum(disks.get(name, 0) for name in disk_dvr.get_disk_names(
            server.instance, disk_types))
        for disk_types in ([disk_driver.DiskType.BOOT],
                           disk_driver.BLANK_DISK_TYPES))
    return min(server.disks.total, min(server.disks.boot, boot) +
               min(server.disks.blank, blank))


def disk(capacity, others, ratio, least):
    """Return how much of the storage placement must not grant, in GB.

    :param capacity: disk.driver.DiskCapacity
    :param others: Others
    :param ratio: float, the allocation ratio.
    :param least: int, what the operator reserves.
    :returns: int
    """
    total = int(capacity.total_gb)
    has = sum((capacity.disks or {}).values()) if (
        capacity.others_gb is not None) else 0
    free = math.floor(capacity.total_gb - others.disk_gb + _ROUNDING)
    return _reserved(total, has, free - has / ratio, ratio, least)


def memory(system, others, servers, ratio):
    """Return how much memory placement must not grant, in MB.

    Placement can grant what servers have, and the largest server that still
    fits.

    :param others: Others
    :param servers: list of granted.Server of this host.
    :param ratio: float, the allocation ratio.
    :returns: int
    """
    total = system.memory_configurable
    least = CONF.reserved_host_memory_mb
    has = granted.total(servers, orc.MEMORY_MB)
    needs = granted.taken(server.needs for server in servers)
    free = (total - others.memory_mb - needs.memory_mb -
            _more(least, others.memory_mb))
    # A flavor may have any maximum memory, and only the hypervisor knows.
    kept = min(hypervisor.memory_mb(system, total),
               _MOST_KEPT * (has + max(0, free)))
    room = lpar_sizes.largest_mb(system, free, kept)
    return _reserved(total, has, room, ratio, least)


def processors(system):
    """Return the number of whole processors of a host."""
    return math.floor(system.proc_units_configurable + _ROUNDING)


def vcpus(system, others, servers, ratio):
    """Return how many processors are reserved for VCPU; see memory()."""
    least = CONF.reserved_host_cpus
    used = max(others.units, least) + granted.total(servers, orc.PCPU)
    return _reserved(
        processors(system), granted.total(servers, orc.VCPU),
        _free_units(system, others, servers), ratio, least, used)


def pcpus(system, others, servers):
    """Return how many processors are reserved for PCPU; see memory().

    Processors that partitions share cannot be dedicated.
    """
    room = math.floor(_free_units(system, others, servers) + _ROUNDING)
    return _reserved(processors(system), granted.total(servers, orc.PCPU),
                     room, 1.0, CONF.reserved_host_cpus)


def _free_units(system, others, servers):
    needs = granted.taken(server.needs for server in servers)
    return max(0, system.proc_units_configurable - needs.units -
               others.units - _more(CONF.reserved_host_cpus, others.units))


def _more(least, used):
    """Return how much more the operator reserves than others use."""
    return max(0, least - max(0, used))


def _reserved(total, has, room, ratio, least, used=0):
    """Return how much placement must not grant.

    The result never takes away what was granted; otherwise placement would
    not let a server move away.

    :param total: int, the whole resource.
    :param has: int, what servers were granted.
    :param room: float, what is still free.
    :param ratio: float, the allocation ratio.
    :param least: int, what the operator reserves.
    :param used: float, what is reserved at least, if it is not granted.
    :returns: int, 0 to total.
    """
    granted_part = has / ratio
    wanted = max(math.ceil(total - granted_part - room - _ROUNDING),
                 math.ceil(used - _ROUNDING))
    most = math.floor(total - granted_part + _ROUNDING)
    return min(total, max(least, min(wanted, most), 0))
