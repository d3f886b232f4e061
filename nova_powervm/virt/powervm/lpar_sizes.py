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

"""Compute the resources that the LPAR of a flavor takes from its host."""

import typing

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import cpu_policy
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import hypervisor
from nova_powervm.virt.powervm import relations
from nova_powervm.virt.powervm import size

CONF = cfg.CONF


class LparSize(typing.NamedTuple):
    """The resources that an LPAR takes.

    :ivar memory_mb: int, including what the hypervisor needs for the LPAR.
    :ivar units: float, processing units; 1 for each dedicated processor.
    :ivar dedicated: int, number of dedicated processors in these units.
    """

    memory_mb: int
    units: float
    dedicated: int


def flavor_size(system, flavor, metadata):
    """Return the resources that the LPAR of a flavor takes.

    If flavor.build_lpar() refuses the flavor, the result is about what the
    flavor asks for.

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
    """Return whether the processors of a flavor are dedicated.

    :param specs: dict of valid extra specs, without powervm:, -> value.
    """
    if cpu_policy.is_dedicated(flavor, metadata):
        return True
    return specs.get('dedicated_proc', 'dedicated_sharing_mode' in specs and
                     not any(name in specs for name in size.SHARED_ONLY))


def _parse(flavor):
    """Return the valid extra specs of this driver: dict of name -> value."""
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
    """Return the units of shared processors, see flavor.build_lpar()."""
    return relations.desired_units(vcpus, specs, system.min_proc_units,
                                   CONF.powervm.proc_units_factor)


def largest_mb(system, free_mb, kept_mb=0):
    """Return the memory of the largest LPAR that still fits.

    :param system: System wrapper of the host.
    :param free_mb: int, free memory.
    :param kept_mb: int, least part of it that the LPAR must leave free.
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
