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

"""How what a flavor says of memory and processors must go together.

Each number that a flavor gives is sound by itself (see flavor.EXTRA_SPECS);
here they are compared with each other and with what the host can do, before
anything is sent to the platform. Extra specs are named without 'powervm:'.

The rules of the hypervisor (assumed, no hardware, but where a source is
given): the least and the most of a resource enclose what the partition has;
memory comes in blocks; each virtual processor takes a least share of a
processor and at most a whole one, at both ends too.
"""

import typing

from pypowervm.utils import lpar_builder

#: Units that a virtual processor takes at least on whatever host; source:
#: pypowervm.utils.lpar_builder.
LEAST_UNITS = lpar_builder.PROC_UNITS_LOW_BOUND


class Wrong(Exception):
    """A number does not suit the others, or the host.

    :ivar name: 'memory_mb', 'vcpus' or the name of an extra spec.
    :ivar value: what the flavor says; None if the name says that.
    :ivar reason: str.
    :ivar is_of_host: bool, whether another host may do.
    """

    def __init__(self, name, reason, value=None, is_of_host=False):
        super().__init__('%s: %s' % (name, reason))
        self.name = name
        self.value = value
        self.reason = reason
        self.is_of_host = is_of_host


class Range(typing.NamedTuple):
    """What a partition has of a resource, and can have while it runs."""

    least: float
    desired: float
    most: float


def memory(desired, specs, block):
    """Tell the memory of a partition.

    :param desired: int, MB.
    :param specs: dict of extra specs -> parsed value.
    :param block: int, MB of a logical memory block; 0 if the host does not
        tell.
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
    """The range of a resource; what is not said of it is what it has."""
    least = specs.get('min_' + resource, desired)
    most = specs.get('max_' + resource, desired)
    if not least <= desired:
        raise Wrong('min_' + resource, 'the server has %s' % desired)
    if not desired <= most:
        raise Wrong('max_' + resource, 'the server has %s' % desired)
    return Range(least, desired, most)


def processors(vcpus, specs, limit, limit_of_most):
    """Tell the processors of a partition, virtual or physical ones.

    :param vcpus: int
    :param specs: dict of extra specs -> parsed value.
    :param limit: int, how many a partition of the host can have; 0 if the
        host does not tell.
    :param limit_of_most: int, how many it can ever have, or 0.
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
    """Tell the processing units of a partition that shares processors.

    A bound that no extra spec names suits the bound of the processors.

    :param counts: Range of the virtual processors.
    :param specs: dict of extra specs -> parsed value.
    :param least: float, units that each takes at least on this host.
    :param factor: float, units for each, if the flavor does not say.
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
    """Refuse memory that a host could not give with nothing else on it.

    A maximum beyond that of the host is no harm, but for the page table that
    the hypervisor makes for it.

    :param found: Range of MB.
    :param specs: dict of extra specs -> parsed value.
    :param host_mb: int, all memory of the host; 0 if it does not tell.
    :param overhead_mb: called with the most memory of a partition; returns
        what the hypervisor needs for that, in MB.
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
    """Refuse processors that a host could not give with nothing else on it.

    :param units: float, processing units that the partition is to have; those
        of dedicated processors are whole ones.
    :param vcpus: int
    :param specs: dict of extra specs that count -> parsed value.
    :param host_units: float, all that the host has; 0 if it does not tell.
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
    """Tell the units of a partition, between their bounds if need be.

    :param count: int, its virtual processors.
    :returns: float; what the flavor says, if it does.
    """
    if 'proc_units' in specs:
        return specs['proc_units']
    desired = max(round(count * factor, 2), least_units(count, least))
    desired = max(desired, specs.get('min_proc_units', desired))
    return min(desired, specs.get('max_proc_units', desired))


def least_units(count, least):
    """Units that so many processors take at least."""
    return round(count * least, 2)


def fit(value, count, least):
    """Have units suit so many processors."""
    return min(max(value, least_units(count, least)), count)


def _check_units(name, value, count, least, source):
    """Refuse units that do not suit so many processors.

    :param source: str, what says how many these are.
    """
    lowest = least_units(count, least)
    if not lowest <= value <= count:
        raise Wrong(
            name, 'with %d VCPUs%s it must be %s to %d' % (
                count, source, lowest, count),
            is_of_host=least_units(count, LEAST_UNITS) <= value <= count)
