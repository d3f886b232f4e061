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

"""Memory and processors of a partition: read, checked and rendered."""

import dataclasses
import math

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors

el = atom.el

#: Assumed, no hardware: what the hypervisor needs for a virtual adapter, in
#: MB, and for how many of them it sets memory apart with a partition. So many
#: are what pypowervm.tasks.memory asks for by default.
ADAPTER_MB = 8
USUAL_ADAPTERS = 4
#: The sharing modes that go with dedicated processors, and those that do not
#: (source: pypowervm.wrappers.base_partition).
_SHARING = {True: ('sre idle proces', 'sre idle procs active',
                   'sre idle procs always', 'keep idle procs'),
            False: ('capped', 'uncapped')}


def _positive_order(what, minimum, desired, maximum):
    if not 0 < minimum <= desired <= maximum:
        raise errors.Refused(
            'HSCL1559 The %s of a partition must obey 0 < minimum <= desired '
            '<= maximum; %s, %s and %s were given' % (
                what, minimum, desired, maximum))


@dataclasses.dataclass
class Memory:
    """Memory of a partition, all sizes in MB."""

    desired: int
    minimum: int
    maximum: int
    expansion_factor: float = 0.0
    ppt_ratio: int = 6
    hpt_ratio: int = 6

    @classmethod
    def read(cls, doc, old=None):
        """Read a PartitionMemoryConfiguration.

        :param doc: atom.Document of the partition
        :param old: Memory that tells the values which the document omits
        :raises errors.Refused: for sizes that make no sense
        """
        conf = doc.find('PartitionMemoryConfiguration')
        if conf is None:
            if old is None:
                raise errors.Refused('A partition needs a '
                                     'PartitionMemoryConfiguration')
            return old
        desired = conf.int('DesiredMemory', old and old.desired)
        if desired is None:
            raise errors.Refused('DesiredMemory is missing')
        memory = cls(
            desired=desired,
            minimum=conf.int('MinimumMemory', old.minimum if old else desired),
            maximum=conf.int('MaximumMemory', old.maximum if old else desired),
            expansion_factor=conf.float(
                'ExpansionFactor', old.expansion_factor if old else 0.0),
            ppt_ratio=conf.int('PhysicalPageTableRatio',
                               old.ppt_ratio if old else 6),
            hpt_ratio=conf.int('HardwarePageTableRatio',
                               old.hpt_ratio if old else 6))
        _positive_order('memory', memory.minimum, memory.desired,
                        memory.maximum)
        return memory

    def check(self, region_mb):
        """Refuse sizes that are no multiple of the memory region size."""
        for size in (self.minimum, self.desired, self.maximum):
            if size % region_mb:
                raise errors.Refused(
                    'HSCL03A5 The memory of a partition must be a multiple '
                    'of the memory region size (%d MB); %d MB was given' % (
                        region_mb, size))

    def overhead_mb(self, region_mb, adapters=USUAL_ADAPTERS):
        """Tell what the hypervisor needs for the partition, in MB.

        Its page table is 1/64 of the maximum memory, or what else the ratio
        says (source: DefaultHardwarePageTableRatio of managedsystem.txt). The
        hypervisor takes whole memory regions (assumed, no hardware).

        :param adapters: int, how many virtual adapters it is to have
        """
        need = self.maximum / 2 ** self.hpt_ratio + ADAPTER_MB * adapters
        return math.ceil(need / region_mb) * region_mb

    def render(self):
        """Return the PartitionMemoryConfiguration element."""
        factor = '%.1f' % self.expansion_factor
        expanded = self.expansion_factor > 0
        return atom.section(
            'PartitionMemoryConfiguration',
            el('ActiveMemoryExpansionEnabled', expanded),
            el('ActiveMemorySharingEnabled', False),
            el('BarrierSynchronizationRegisterArrayCount', 0),
            el('DesiredHugePageCount', 0),
            el('DesiredMemory', self.desired),
            el('ExpansionFactor', factor),
            el('PhysicalPageTableRatio', self.ppt_ratio),
            el('HardwarePageTableRatio', self.hpt_ratio),
            el('MaximumHugePageCount', 0),
            el('MaximumMemory', self.maximum),
            el('MinimumHugePageCount', 0),
            el('MinimumMemory', self.minimum),
            el('CurrentBarrierSynchronizationRegisterArrays', 0),
            el('CurrentExpansionFactor', factor),
            el('CurrentPhysicalPageTableRatio', self.ppt_ratio),
            el('CurrentHardwarePageTableRatio', self.hpt_ratio),
            el('CurrentHugePageCount', 0),
            el('CurrentMaximumHugePageCount', 0),
            el('CurrentMaximumMemory', self.maximum),
            el('CurrentMemory', self.desired),
            el('CurrentMinimumHugePageCount', 0),
            el('CurrentMinimumMemory', self.minimum),
            el('MemoryExpansionEnabled', expanded),
            el('RedundantErrorPathReportingEnabled', False),
            el('RuntimeHugePageCount', 0),
            el('RuntimeMemory', self.desired),
            el('RuntimeMinimumMemory', self.minimum),
            el('SharedMemoryEnabled', False))


@dataclasses.dataclass
class Processors:
    """Processors of a partition.

    ``desired``, ``minimum`` and ``maximum`` count virtual processors, or
    physical ones when ``dedicated``. The units are of a shared pool.
    """

    dedicated: bool
    sharing_mode: str
    desired: int
    minimum: int
    maximum: int
    units: float = 0.0
    min_units: float = 0.0
    max_units: float = 0.0
    pool_id: int = 0
    weight: int = 0

    @property
    def used_units(self):
        """Processor units that the partition takes from the system."""
        return float(self.desired) if self.dedicated else self.units

    @classmethod
    def read(cls, doc, old=None):
        """Read a PartitionProcessorConfiguration.

        :param doc: atom.Document of the partition
        :param old: Processors to keep when the document has none
        :raises errors.Refused: for values that make no sense
        """
        conf = doc.find('PartitionProcessorConfiguration')
        if conf is None:
            if old is None:
                raise errors.Refused('A partition needs a '
                                     'PartitionProcessorConfiguration')
            return old
        if conf.bool('HasDedicatedProcessors', False):
            processors = cls._read_dedicated(conf)
        else:
            processors = cls._read_shared(conf)
        _positive_order('processors', processors.minimum, processors.desired,
                        processors.maximum)
        if processors.sharing_mode not in _SHARING[processors.dedicated]:
            raise errors.Refused('SharingMode cannot be %r' %
                                 processors.sharing_mode)
        return processors

    @classmethod
    def _read_dedicated(cls, conf):
        part = conf.find('DedicatedProcessorConfiguration')
        desired = part and part.int('DesiredProcessors')
        if desired is None:
            raise errors.Refused('DesiredProcessors is missing')
        return cls(True, conf.text('SharingMode') or 'sre idle proces',
                   desired,
                   part.int('MinimumProcessors', desired),
                   part.int('MaximumProcessors', desired))

    @classmethod
    def _read_shared(cls, conf):
        part = conf.find('SharedProcessorConfiguration')
        if part is None or part.int('DesiredVirtualProcessors') is None:
            raise errors.Refused('DesiredVirtualProcessors is missing')
        desired = part.int('DesiredVirtualProcessors')
        units = part.float('DesiredProcessingUnits', 0.1 * desired)
        mode = conf.text('SharingMode') or 'uncapped'
        processors = cls(
            False, mode, desired,
            part.int('MinimumVirtualProcessors', desired),
            part.int('MaximumVirtualProcessors', desired),
            units,
            part.float('MinimumProcessingUnits', units),
            part.float('MaximumProcessingUnits', units),
            part.int('SharedProcessorPoolID', 0),
            part.int('UncappedWeight', 128 if mode == 'uncapped' else 0))
        _positive_order('processing units', processors.min_units,
                        processors.units, processors.max_units)
        return processors

    def check(self, min_units_per_processor):
        """Refuse units that are too few or too many for the processors."""
        if self.dedicated:
            return
        pairs = ((self.min_units, self.minimum), (self.units, self.desired),
                 (self.max_units, self.maximum))
        for units, count in pairs:
            if not (min_units_per_processor * count - 1e-6 <= units <=
                    count + 1e-6):
                raise errors.Refused(
                    'HSCL1562 %s processing units do not fit %d virtual '
                    'processors: each takes %s to 1 unit' % (
                        units, count, min_units_per_processor))

    def render(self):
        """Return the PartitionProcessorConfiguration element."""
        parts = (self._render_dedicated() if self.dedicated
                 else self._render_shared())
        return atom.section('PartitionProcessorConfiguration', parts)

    def _render_dedicated(self):
        return [
            atom.section('DedicatedProcessorConfiguration',
                         el('DesiredProcessors', self.desired),
                         el('MaximumProcessors', self.maximum),
                         el('MinimumProcessors', self.minimum)),
            el('HasDedicatedProcessors', True),
            el('SharingMode', self.sharing_mode),
            el('CurrentHasDedicatedProcessors', True),
            el('CurrentSharingMode', self.sharing_mode),
            atom.section('CurrentDedicatedProcessorConfiguration',
                         el('CurrentMaximumProcessors', self.maximum),
                         el('CurrentMinimumProcessors', self.minimum),
                         el('CurrentProcessors', self.desired),
                         el('RunProcessors', self.desired)),
            el('RuntimeHasDedicatedProcessors', True),
            el('RuntimeSharingMode', self.sharing_mode)]

    def _render_shared(self):
        uncapped = self.sharing_mode == 'uncapped'
        return [
            el('HasDedicatedProcessors', False),
            atom.section(
                'SharedProcessorConfiguration',
                el('DesiredProcessingUnits', self.units),
                el('DesiredVirtualProcessors', self.desired),
                el('MaximumProcessingUnits', self.max_units),
                el('MaximumVirtualProcessors', self.maximum),
                el('MinimumProcessingUnits', self.min_units),
                el('MinimumVirtualProcessors', self.minimum),
                el('SharedProcessorPoolID', self.pool_id),
                el('UncappedWeight', self.weight) if uncapped else None),
            el('SharingMode', self.sharing_mode),
            el('CurrentHasDedicatedProcessors', False),
            el('CurrentSharingMode', self.sharing_mode),
            el('RuntimeHasDedicatedProcessors', False),
            atom.section(
                'CurrentSharedProcessorConfiguration',
                el('AllocatedVirtualProcessors', self.desired),
                el('CurrentMaximumProcessingUnits', self.max_units),
                el('CurrentMinimumProcessingUnits', self.min_units),
                el('CurrentProcessingUnits', self.units),
                el('CurrentSharedProcessorPoolID', self.pool_id),
                el('CurrentUncappedWeight', self.weight),
                el('CurrentMinimumVirtualProcessors', self.minimum),
                el('CurrentMaximumVirtualProcessors', self.maximum),
                el('RuntimeProcessingUnits', self.units),
                el('RuntimeUncappedWeight', self.weight))]
