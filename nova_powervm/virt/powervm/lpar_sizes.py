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

"""What the partition of a flavor takes from its host."""

import typing

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import cpu_policy
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import hypervisor
from nova_powervm.virt.powervm import relations
from nova_powervm.virt.powervm import size

CONF = cfg.CONF


class LparSize(typing.NamedTuple):
    """What a partition takes.

    :ivar memory_mb: int, with what the hypervisor needs for it.
    :ivar units: float, processing units; of dedicated processors, whole ones.
    :ivar dedicated: int, how many of these are dedicated processors.
    """

    memory_mb: int
    units: float
    dedicated: int


def flavor_size(system, flavor, metadata):
    """Tell what the partition of a flavor takes.

    A flavor that flavor.build_lpar() refuses takes about what it asks for.

    :param system: System wrapper of the host.
    :param flavor: nova.objects.Flavor
    :param metadata: dict, the system_metadata of the server.
    :returns: LparSize
    """
    specs = _parse(flavor)
    memory = flavor.memory_mb
    memory += hypervisor.memory_mb(system, max(memory,
                                               specs.get('max_mem', 0)))
    if is_dedicated(flavor, metadata, specs):
        return LparSize(memory, float(flavor.vcpus), flavor.vcpus)
    return LparSize(memory, _units(system, flavor.vcpus, specs), 0)


def is_dedicated(flavor, metadata, specs):
    """Whether the processors of a flavor are dedicated.

    :param specs: dict of valid extra specs, without powervm:, -> value.
    """
    if cpu_policy.is_dedicated(flavor, metadata):
        return True
    return specs.get('dedicated_proc', 'dedicated_sharing_mode' in specs and
                     not any(name in specs for name in size.SHARED_ONLY))


def _parse(flavor):
    """The extra specs of ours that have a valid value: dict."""
    specs = {}
    for name, parse in flavors.EXTRA_SPECS.items():
        text = flavor.extra_specs.get(flavors.NAMESPACE + name)
        try:
            if text is not None:
                specs[name] = parse(text)
        except ValueError:
            continue
    return specs


def _units(system, vcpus, specs):
    """Processing units of shared processors, see flavor.build_lpar()."""
    return relations.desired_units(vcpus, specs, system.min_proc_units,
                                   CONF.powervm.proc_units_factor)


def largest_mb(system, free_mb, kept_mb=0):
    """Tell how much memory the largest partition has that still fits.

    :param system: System wrapper of the host.
    :param free_mb: int, memory that is free.
    :param kept_mb: int, how much of it is kept back at least.
    :returns: int, whole logical memory blocks in MB; 0 if none fits.
    """
    block = system.memory_region_size or 1
    low, high = 0, max(0, int(free_mb) // block)
    while low < high:
        middle = (low + high + 1) // 2
        memory = middle * block
        if memory + max(kept_mb, hypervisor.memory_mb(
                system, memory)) <= free_mb:
            low = middle
        else:
            high = middle - 1
    return low * block
