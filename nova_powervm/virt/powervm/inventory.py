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

"""The inventory of the host, for the resource tracker and for placement.

Resources that others use are reserved, see module reserves. VCPU and PCPU
share the same processors: a processor that placement grants as one of them
cannot be granted as the other.
"""

import math
import re
import threading
import time
import typing
import uuid

from nova import exception as nova_exc
from nova.objects import fields
import os_resource_classes as orc
import os_traits
from oslo_serialization import jsonutils

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import granted
from nova_powervm.virt.powervm import pci
from nova_powervm.virt.powervm import rereads
from nova_powervm.virt.powervm import reserves
from nova_powervm.virt.powervm import system_lpars

CONF = cfg.CONF

HYPERVISOR_VERSION = 8
SUPPORTED_INSTANCES = tuple(
    (arch, fields.HVType.PHYP, fields.VMMode.HVM)
    for arch in (fields.Architecture.PPC64, fields.Architecture.PPC64LE))
CPU_INFO = jsonutils.dumps({'vendor': 'ibm', 'arch': 'ppc64'})

# Seconds for which update_provider_tree uses the host as the last
# get_available_resource has read it. Nova also calls the former for each
# server that it starts, and sizes hardly change.
_SNAPSHOT_MAX_AGE = 300

# Namespace of the UUIDs for the provider and the aggregate of a shared pool.
_NAMESPACE = uuid.UUID('d9fbd2b6-9f0c-4d53-8c4b-5a1c6f1c9f6e')

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
    """The result of one reading of the host.

    :ivar others: reserves.Others, what others than Nova's servers used then.
    """

    system: typing.Any
    disk: typing.Any
    others: reserves.Others
    taken: float


class Inventory:
    """Report the resources of one host. The methods may run in any thread.

    :param host: the Host.
    :param disk: the disk adapter, disk.driver.DiskAdapter.
    :param clock: returns seconds; for tests.
    :param find_servers: see granted.find; for tests.
    :param pci_devices: pci.Devices; by default Nova has no record of any.
    """

    def __init__(self, host, disk, clock=time.monotonic,
                 find_servers=granted.find, pci_devices=None):
        self._host = host
        self._disk = disk
        self._clock = clock
        self._find_servers = find_servers
        self._pci_devices = pci_devices or pci.Devices()
        # Held while a thread reads the host, which may take long. A thread
        # that can use the existing snapshot does not wait for it.
        self._reading = threading.Lock()
        self._snapshot = None
        self._system = rereads.Rereads(
            host.get_system, lambda _system: host.refresh_system())
        self._lpars = system_lpars.SystemLpars(host, clock)
        # Another value needs a reshape, which Nova allows only at its start.
        self._is_shared = CONF.powervm.ssp_sharing_provider

    def _take(self, max_age):
        """Return a snapshot; 2-3 requests if none is that fresh (seconds)."""
        found = self._snapshot
        if self._is_fresh(found, max_age):
            return found
        with self._reading:
            # Another thread may have read the host in the meantime.
            if not self._is_fresh(self._snapshot, max_age):
                taken = self._clock()
                system, disk = self._system.get(), self._disk.capacity()
                servers = self._servers(system)
                having = self._lpars.find(system, servers)
                self._snapshot = _Snapshot(
                    system, disk, reserves.find_others(
                        system, having, self._disk, disk, servers), taken)
            return self._snapshot

    def _servers(self, system):
        return self._find_servers(system, self._host.nodename)

    def _is_fresh(self, snapshot, max_age):
        return (snapshot is not None and
                self._clock() - snapshot.taken < max_age)

    def get_available_resource(self, nodename):
        """Return what the host has and what is in use (2-3 requests).

        :param nodename: Nova's name of the host.
        :returns: dict, see ComputeDriver.get_available_resource. Memory is in
            MB, disk space in GB, and processors are whole numbers.
        :raises pypowervm.exceptions.Error: if the host cannot be read.
        """
        system, disk, _others, _taken = self._take(max_age=0)
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
            'vcpus': reserves.processors(system),
            'vcpus_used': math.ceil(units_used),
            'memory_mb': memory,
            'memory_mb_used': memory - system.memory_free,
            'local_gb': int(disk.total_gb),
            'local_gb_used': math.ceil(disk.used_gb),
            # Nova's scheduler would compare this with the size of new servers
            # in addition to placement. It warns if the value is larger than
            # its own count, but thin disks, and disks that grow later, are
            # smaller than what servers were granted.
            'disk_available_least': None,
            'stats': {
                'proc_units': '%.2f' % units,
                'proc_units_used': '%.2f' % units_used,
                'memory_region_size': system.memory_region_size,
            },
            'pci_passthrough_devices': jsonutils.dumps(
                self._pci_devices.list_all(system)),
        }

    def update_provider_tree(self, provider_tree, nodename,
                             allocation_ratios, reserved_disk_gb,
                             allocations=None):
        """Set inventory and traits in placement's tree (0-3 requests).

        Resource classes and traits of others stay.

        :param provider_tree: nova.compute.provider_tree.ProviderTree
        :param nodename: name of the host's provider in it.
        :param allocation_ratios: ComputeDriver._get_allocation_ratios
        :param reserved_disk_gb: GB of the storage that Nova must not use.
        :param allocations: see ComputeDriver.update_provider_tree. The method
            changes them if disk space has to move to the provider of a shared
            pool.
        :raises ReshapeNeeded: if disk space has to move, and allocations is
            None.
        :raises pypowervm.exceptions.Error: if the host cannot be read.
        """
        system, disk, others, _taken = self._take(max_age=_SNAPSHOT_MAX_AGE)
        provider = provider_tree.data(nodename)
        # Placement must not grant dedicated processors twice.
        ratios = dict(allocation_ratios(provider.inventory), **{orc.PCPU: 1.0})
        inventory = self._resources(system, disk, others, ratios,
                                    reserved_disk_gb)
        foreign = {name: record for name, record in provider.inventory.items()
                   if name not in inventory}
        self._set_pool_provider(provider_tree, provider, inventory,
                                allocation_ratios, allocations)
        # Placement accepts no inventory with a total of 0.
        provider_tree.update_inventory(nodename, dict(foreign, **{
            name: dict(record, allocation_ratio=ratios[name])
            for name, record in inventory.items() if record['total']}))

        traits = _traits(system)
        stale = {trait for trait in provider.traits
                 if _OUR_TRAITS.match(trait)} - traits
        provider_tree.remove_traits(nodename, *stale)
        provider_tree.add_traits(nodename, *traits)

    def _resources(self, system, disk, others, ratios, reserved_disk_gb):
        """Return the inventory of the host: dict of resource class -> dict.

        :param others: reserves.Others
        :param ratios: dict of resource class -> allocation ratio.
        """
        servers = self._servers(system)
        return {
            orc.VCPU: dict(_vcpus(system), reserved=reserves.vcpus(
                system, others, servers, ratios[orc.VCPU])),
            orc.PCPU: dict(_pcpus(system), reserved=reserves.pcpus(
                system, others, servers)),
            orc.MEMORY_MB: dict(_memory(system), reserved=reserves.memory(
                system, others, servers, ratios[orc.MEMORY_MB])),
            orc.DISK_GB: dict(_disk(disk), reserved=reserves.disk(
                disk, others, ratios[orc.DISK_GB], reserved_disk_gb)),
        }

    def _set_pool_provider(self, provider_tree, provider, inventory,
                           allocation_ratios, allocations):
        """Give the disk space of a shared pool to its own provider, or back.

        :param provider: data of the provider of the host.
        :param inventory: dict of the host; loses its disk space to the pool.
        :raises ReshapeNeeded: see update_provider_tree.
        """
        pool = self._disk.shared_pool
        if pool is None:
            return
        reshaped = _reshape_if_needed(provider, pool, self._is_shared,
                                      allocations)
        if self._is_shared or reshaped:
            # A reshape removes the inventory of a provider that is not in the
            # tree.
            _put_pool(provider_tree, pool, inventory[orc.DISK_GB],
                      allocation_ratios)
        if self._is_shared:
            del inventory[orc.DISK_GB]
            provider_tree.add_aggregates(provider.uuid, _pool_aggregate(pool))
        else:
            provider_tree.remove_aggregates(provider.uuid,
                                            _pool_aggregate(pool))


def _pool_uuid(pool):
    """Return the UUID of a shared pool's provider, equal on all hosts."""
    return str(uuid.uuid5(_NAMESPACE, pool.uuid))


def _pool_aggregate(pool):
    """Return the UUID of the aggregate of a shared pool and its hosts."""
    return str(uuid.uuid5(_NAMESPACE, 'aggregate of %s' % pool.uuid))


def _put_pool(provider_tree, pool, record, allocation_ratios):
    """Add the provider of a shared pool to the tree.

    Every host of the pool does this with the same UUIDs and sizes, so
    placement counts the disk space once. Nova 34 passes a tree without sharing
    providers to the driver, and then writes the whole tree. So this provider
    has exactly the traits and aggregates that this function sets.

    :param pool: disk.driver.SharedPool
    :param record: dict, its inventory of DISK_GB.
    """
    pool_uuid = _pool_uuid(pool)
    if not provider_tree.exists(pool_uuid):
        provider_tree.new_root('PowerVM pool %s (%s)' % (
            pool.name, pool_uuid), pool_uuid)
    ratios = allocation_ratios(provider_tree.data(pool_uuid).inventory)
    provider_tree.update_inventory(pool_uuid, {
        orc.DISK_GB: dict(record, allocation_ratio=ratios[orc.DISK_GB])
    } if record['total'] else {})
    provider_tree.add_traits(pool_uuid, os_traits.MISC_SHARES_VIA_AGGREGATE,
                             os_traits.OWNER_NOVA)
    provider_tree.add_aggregates(pool_uuid, _pool_aggregate(pool))


def _reshape_if_needed(provider, pool, is_shared, allocations):
    """Move the disk space of servers to the provider that now has the disks.

    :param provider: data of the provider of the host.
    :param pool: disk.driver.SharedPool
    :param is_shared: whether the pool has a provider of its own.
    :returns: bool, whether something had to move.
    :raises ReshapeNeeded: if something has to move, and allocations is None.
    """
    providers = [provider.uuid, _pool_uuid(pool)]
    if is_shared:
        needed = orc.DISK_GB in provider.inventory
    else:
        needed = _pool_aggregate(pool) in provider.aggregates
        providers.reverse()
    if needed and allocations is None:
        raise nova_exc.ReshapeNeeded()
    if needed:
        for consumer in allocations.values():
            _move_disk(consumer['allocations'], *providers)
    return needed


def _move_disk(found, source, target):
    """Move DISK_GB of one consumer from one provider to another."""
    resources = found.get(source, {'resources': {}})['resources']
    if orc.DISK_GB in resources:
        found.setdefault(target, {'resources': {}})['resources'][
            orc.DISK_GB] = resources.pop(orc.DISK_GB)
        if not resources:
            del found[source]


def _vcpus(system):
    total = reserves.processors(system)
    return {'total': total, 'min_unit': 1, 'step_size': 1,
            'max_unit': system.max_vcpus_per_aix_linux_lpar or total}


def _pcpus(system):
    total = reserves.processors(system)
    return {'total': total, 'min_unit': 1, 'step_size': 1,
            'max_unit': system.max_procs_per_aix_linux_lpar or total}


def _memory(system):
    """Return the inventory of memory, in whole logical memory blocks."""
    total = system.memory_configurable
    block = system.memory_region_size or 1
    return {'total': total, 'min_unit': block, 'step_size': block,
            'max_unit': max(block, total // block * block)}


def _disk(disk):
    total = int(disk.total_gb)
    return {'total': total, 'min_unit': 1, 'step_size': 1,
            'max_unit': max(1, total)}


def _traits(system):
    """Return traits of the processor (compatibility modes) and firmware."""
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
