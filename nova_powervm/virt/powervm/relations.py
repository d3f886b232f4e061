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

"""Rules between the numbers of a flavor for memory and processors.

Each number of a flavor is valid by itself (see flavor.EXTRA_SPECS). This
module compares the numbers with each other and with the limits of the host,
before the driver sends anything to the platform. Names of extra specs are
without 'powervm:'.

The hypervisor has these rules (assumed, no hardware, unless a source is
given). The value of a resource lies between its minimum and its maximum.
Memory comes in blocks. Each virtual processor needs a minimum share of a
processor and can have at most a whole one; this also applies to the minimum
and the maximum.
"""

import typing

from pypowervm.utils import lpar_builder

#: Least units of a virtual processor on any host; source:
#: pypowervm.utils.lpar_builder.
LEAST_UNITS = lpar_builder.PROC_UNITS_LOW_BOUND


class Wrong(Exception):
    """A number does not fit the other numbers, or the host.

    :ivar name: 'memory_mb', 'vcpus' or the name of an extra spec.
    :ivar value: the value in the flavor; None if it is the extra spec of that
        name.
    :ivar reason: str.
    :ivar is_of_host: bool, whether another host may accept it.
    """

    def __init__(self, name, reason, value=None, is_of_host=False):
        super().__init__('%s: %s' % (name, reason))
        self.name = name
        self.value = value
        self.reason = reason
        self.is_of_host = is_of_host


class Range(typing.NamedTuple):
    """The amount of a resource, and its limits while the partition runs."""

    least: float
    desired: float
    most: float


def memory(desired, specs, block):
    """Return the memory of a partition.

    :param desired: int, MB.
    :param specs: dict of extra specs -> parsed value.
    :param block: int, MB of a logical memory block; 0 if the host does not
        report it.
    :returns: Range of MB.
    :raises Wrong:
    """
    _check_blocks('memory_mb', desired, block, desired)
    for name in ('min_mem', 'max_mem'):
        if name in specs:
            _check_blocks(name, specs[name], block)
    return _range('mem', desired, specs)


def _check_blocks(name, memory_mb, block, value=None):
    if memory_mb < lpar_builder.MEM_LOW_BOUND:
        raise Wrong(name, 'it must be at least %d' %
                    lpar_builder.MEM_LOW_BOUND, value)
    if block and memory_mb % block:
        raise Wrong(name, 'memory comes in logical memory blocks of %d MB on '
                    'this host' % block, value, is_of_host=True)


def _range(resource, desired, specs):
    """Return the range of a resource; the limits default to the value."""
    least = specs.get('min_' + resource, desired)
    most = specs.get('max_' + resource, desired)
    if not least <= desired:
        raise Wrong('min_' + resource, 'the server has %s' % desired)
    if not desired <= most:
        raise Wrong('max_' + resource, 'the server has %s' % desired)
    return Range(least, desired, most)


def processors(vcpus, specs, limit, limit_of_most):
    """Return the processors of a partition, virtual or dedicated.

    :param vcpus: int
    :param specs: dict of extra specs -> parsed value.
    :param limit: int, number that a partition of the host can have; 0 if the
        host does not report it.
    :param limit_of_most: int, number that the maximum can have; 0 if the host
        does not report it.
    :returns: Range of int.
    :raises Wrong:
    """
    found = _range('vcpu', vcpus, specs)
    if limit and vcpus > limit:
        raise Wrong('vcpus', 'a partition of this host has at most %d' %
                    limit, vcpus, is_of_host=True)
    if limit_of_most and found.most > max(limit_of_most, vcpus):
        raise Wrong('max_vcpu', 'it is at most %d on this host' %
                    limit_of_most, is_of_host=True)
    return found


def units(counts, specs, least, factor):
    """Return the processing units of a partition that shares processors.

    If no extra spec sets a limit, it is derived from the limit of the
    processors.

    :param counts: Range of the virtual processors.
    :param specs: dict of extra specs -> parsed value.
    :param least: float, units that each processor needs at least on this host.
    :param factor: float, units for each processor, if the flavor does not set
        them.
    :returns: Range of float, in processors.
    :raises Wrong:
    """
    for name, count, source in (
            ('min_proc_units', counts.least, ' (powervm:min_vcpu)'),
            ('max_proc_units', counts.most, ' (powervm:max_vcpu)'),
            ('proc_units', counts.desired, '')):
        if name in specs:
            _check_units(name, specs[name], count, least, source)
    desired = desired_units(counts.desired, specs, least, factor)
    _range('proc_units', desired, specs)
    return Range(
        specs.get('min_proc_units', fit(desired, counts.least, least)),
        desired,
        specs.get('max_proc_units', fit(desired, counts.most, least)))


def fit_memory(found, specs, host_mb, overhead_mb):
    """Refuse memory that even an empty host could not give.

    The maximum may be larger than the memory of the host, but the hypervisor
    needs a page table for it.

    :param found: Range of MB.
    :param specs: dict of extra specs -> parsed value.
    :param host_mb: int, all memory of the host; 0 if it does not report it.
    :param overhead_mb: function of the maximum memory of a partition, which
        returns what the hypervisor needs for it, in MB.
    :raises Wrong:
    """
    if not host_mb or found.desired + overhead_mb(found.most) <= host_mb:
        return
    if found.desired + overhead_mb(found.desired) > host_mb:
        raise Wrong('memory_mb', 'this host has %d MB in all, and the '
                    'hypervisor needs %d MB of it for the server' % (
                        host_mb, overhead_mb(found.desired)),
                    found.desired, is_of_host=True)
    raise Wrong('max_mem', 'the hypervisor needs %d MB for that; this host '
                'has %d MB in all' % (overhead_mb(found.most), host_mb),
                is_of_host=True)


def fit_processors(units, vcpus, specs, host_units):
    """Refuse processors that even an empty host could not give.

    :param units: float, processing units of the partition; for dedicated
        processors their number.
    :param vcpus: int
    :param specs: dict of extra specs that count -> parsed value.
    :param host_units: float, all units of the host; 0 if it does not report
        them.
    :raises Wrong:
    """
    if not host_units or units <= host_units:
        return
    name = next((name for name in ('proc_units', 'min_proc_units')
                 if specs.get(name) == units), 'vcpus')
    raise Wrong(name, 'that is %s processors; this host has %s in all' % (
        units, host_units), vcpus if name == 'vcpus' else None,
        is_of_host=True)


def desired_units(count, specs, least, factor):
    """Return the units of a partition.

    :param count: int, its virtual processors.
    :returns: float, the value of the flavor, or a default within the limits.
    """
    if 'proc_units' in specs:
        return specs['proc_units']
    desired = max(round(count * factor, 2), least_units(count, least))
    desired = max(desired, specs.get('min_proc_units', desired))
    return min(desired, specs.get('max_proc_units', desired))


def least_units(count, least):
    """Return the units that this many processors need at least."""
    return round(count * least, 2)


def fit(value, count, least):
    """Adapt units to this many processors."""
    return min(max(value, least_units(count, least)), count)


def _check_units(name, value, count, least, source):
    """Refuse units that do not fit this many processors.

    :param source: str, the extra spec that sets the number of processors.
    """
    lowest = least_units(count, least)
    if not lowest <= value <= count:
        raise Wrong(
            name, 'with %d VCPUs%s it must be %s to %d' % (
                count, source, lowest, count),
            is_of_host=least_units(count, LEAST_UNITS) <= value <= count)
