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

"""What the host has to offer: to the resource tracker and to placement."""

import math
import re
import threading
import time
import typing

from nova.objects import fields
import os_resource_classes as orc
import os_traits
from oslo_serialization import jsonutils

from nova_powervm import conf as cfg

CONF = cfg.CONF

HYPERVISOR_VERSION = 8
SUPPORTED_INSTANCES = tuple(
    (arch, fields.HVType.PHYP, fields.VMMode.HVM)
    for arch in (fields.Architecture.PPC64, fields.Architecture.PPC64LE))
CPU_INFO = jsonutils.dumps({'vendor': 'ibm', 'arch': 'ppc64'})

# Seconds for which update_provider_tree goes by what the last
# get_available_resource read. Nova calls the former for each server that it
# starts too, and sizes hardly change.
_SNAPSHOT_MAX_AGE = 300

# Capability of the managed system, as pypowervm calls it -> trait.
_CAPABILITY_TRAITS = (
    ('affinity_check_capable', 'CUSTOM_POWERVM_AFFINITY_CHECK'),
    ('aix_capable', 'CUSTOM_POWERVM_AIX'),
    ('ibmi_capable', 'CUSTOM_POWERVM_IBMI'),
    ('partition_secure_boot_capable', 'CUSTOM_POWERVM_SECURE_BOOT'),
    ('physical_page_table_ratio_capable', 'CUSTOM_POWERVM_PPT_RATIO'),
    ('simplified_remote_restart_capable', 'CUSTOM_POWERVM_REMOTE_RESTART'),
)
_PROCESSOR = re.compile(r'POWER(\d+)(_Base)?$')
# Little-endian Linux needs POWER8.
_FIRST_LITTLE_ENDIAN = 8
_OUR_TRAITS = re.compile(
    '(%s|%s|%s|HW_CPU_PPC64LE_POWER\\d+|CUSTOM_POWERVM_POWER\\d+|%s)$' % (
        os_traits.COMPUTE_ARCH_PPC64LE, os_traits.HW_ARCH_PPC64,
        os_traits.HW_ARCH_PPC64LE,
        '|'.join(trait for _, trait in _CAPABILITY_TRAITS)))


class _Snapshot(typing.NamedTuple):
    system: typing.Any
    disk: typing.Any
    taken: float


class Inventory:
    """Reports the resources of one host. Its methods may run in any thread.

    :param host: the Host.
    :param disk: the disk adapter, disk.driver.DiskAdapter.
    :param clock: returns seconds; for tests.
    """

    def __init__(self, host, disk, clock=time.monotonic):
        self._host = host
        self._disk = disk
        self._clock = clock
        self._lock = threading.Lock()
        self._snapshot = None

    def _take(self, max_age):
        """Return a snapshot; 2 requests if none is that fresh (seconds)."""
        with self._lock:
            if (self._snapshot is None or
                    self._clock() - self._snapshot.taken >= max_age):
                taken = self._clock()
                self._snapshot = _Snapshot(self._host.get_system(),
                                           self._disk.capacity(), taken)
            return self._snapshot

    def get_available_resource(self, nodename):
        """Tell what the host has and what of it is in use (2 requests).

        :param nodename: Nova's name of the host.
        :returns: dict, see ComputeDriver.get_available_resource. Memory is in
            MB, disk in GB, processors are whole ones.
        :raises pypowervm.exceptions.Error: if it cannot be read.
        """
        system, disk, _taken = self._take(max_age=0)
        units = system.proc_units_configurable
        units_used = units - system.proc_units_avail
        memory = system.memory_configurable
        return {
            'hypervisor_type': fields.HVType.PHYP,
            'hypervisor_version': HYPERVISOR_VERSION,
            'hypervisor_hostname': nodename,
            'cpu_info': CPU_INFO,
            'supported_instances': list(SUPPORTED_INSTANCES),
            'numa_topology': None,
            'vcpus': math.ceil(units),
            'vcpus_used': math.ceil(units_used),
            'memory_mb': memory,
            'memory_mb_used': memory - system.memory_free,
            'local_gb': int(disk.total_gb),
            'local_gb_used': math.ceil(disk.used_gb),
            'disk_available_least': int(disk.total_gb - disk.used_gb),
            'stats': {
                'proc_units': '%.2f' % units,
                'proc_units_used': '%.2f' % units_used,
                'memory_region_size': system.memory_region_size,
            },
        }

    def update_provider_tree(self, provider_tree, nodename,
                             allocation_ratios, reserved_disk_gb):
        """Put inventory and traits in placement's tree (0-2 requests).

        Resource classes and traits that are not of this driver stay.

        :param provider_tree: nova.compute.provider_tree.ProviderTree
        :param nodename: name of the host's provider in it.
        :param allocation_ratios: ComputeDriver._get_allocation_ratios
        :param reserved_disk_gb: GB of the storage that are not for Nova.
        :raises pypowervm.exceptions.Error: if the host cannot be read.
        """
        system, disk, _taken = self._take(max_age=_SNAPSHOT_MAX_AGE)
        provider = provider_tree.data(nodename)
        ratios = allocation_ratios(provider.inventory)
        inventory = {
            orc.VCPU: dict(_vcpus(system),
                           reserved=CONF.reserved_host_cpus),
            orc.MEMORY_MB: dict(_memory(system),
                                reserved=CONF.reserved_host_memory_mb),
            orc.DISK_GB: dict(_disk(disk), reserved=reserved_disk_gb),
        }
        others = {name: record for name, record in provider.inventory.items()
                  if name not in inventory}
        # Placement takes no inventory of nothing.
        provider_tree.update_inventory(nodename, dict(others, **{
            name: dict(record, allocation_ratio=ratios[name])
            for name, record in inventory.items() if record['total']}))

        traits = _traits(system)
        stale = {trait for trait in provider.traits
                 if _OUR_TRAITS.match(trait)} - traits
        provider_tree.remove_traits(nodename, *stale)
        provider_tree.add_traits(nodename, *traits)


def _vcpus(system):
    total = math.ceil(system.proc_units_configurable)
    return {'total': total, 'min_unit': 1, 'step_size': 1,
            'max_unit': system.max_vcpus_per_aix_linux_lpar or total}


def _memory(system):
    """A partition has whole logical memory blocks."""
    total = system.memory_configurable
    block = system.memory_region_size or 1
    return {'total': total, 'min_unit': block, 'step_size': block,
            'max_unit': max(block, total // block * block)}


def _disk(disk):
    total = int(disk.total_gb)
    return {'total': total, 'min_unit': 1, 'step_size': 1,
            'max_unit': max(1, total)}


def _traits(system):
    """Traits of the processor, by its compatibility modes, and firmware."""
    traits = {trait for capability, trait in _CAPABILITY_TRAITS
              if system.get_capability(capability)}
    traits.add(os_traits.HW_ARCH_PPC64)
    known = set(os_traits.get_traits('HW_CPU_PPC64LE_'))
    for mode in system.proc_compat_modes:
        match = _PROCESSOR.match(mode)
        if not match:
            continue
        generation = int(match.group(1))
        standard = 'HW_CPU_PPC64LE_POWER%d' % generation
        traits.add(standard if standard in known
                   else 'CUSTOM_POWERVM_POWER%d' % generation)
        if generation >= _FIRST_LITTLE_ENDIAN:
            traits.update((os_traits.COMPUTE_ARCH_PPC64LE,
                           os_traits.HW_ARCH_PPC64LE))
    return traits
