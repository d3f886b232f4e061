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

"""The managed system: the server that the partitions share."""

import zlib

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import sriov

el = atom.el

# source: capture managedsystem.txt; true is what this simulator can do, or
# what costs nothing.
_CAPABILITIES = (
    ('ActiveLogicalPartitionMobilityCapable', True),
    ('ActiveMemoryExpansionCapable', True),
    ('AIXCapable', 'Active'),
    ('BarrierSynchronizationRegisterCapable', False),
    ('CapacityOnDemandMemoryCapable', True),
    ('CapacityOnDemandProcessorCapable', True),
    ('HostChannelAdapterCapable', False),
    ('HugePageMemoryCapable', False),
    ('IBMiCapable', True),
    ('IBMiLogicalPartitionMobilityCapable', True),
    ('IBMiRestrictedIOModeCapable', True),
    ('InactiveLogicalPartitionMobilityCapable', True),
    ('LinuxCapable', True),
    ('LogicalPartitionProcessorCompatibilityModeCapable', True),
    ('PowerVMLogicalPartitionSimplifiedRemoteRestartCapable', True),
    ('RedundantErrorPathReportingCapable', False),
    ('SharedProcessorPoolCapable', True),
    ('Telnet5250ApplicationCapable', False),
    ('VirtualFiberChannelCapable', True),
    ('VirtualSwitchCapable', True),
    ('VirtualEthernetCustomMACAddressCapable', True),
    ('VirtualNICDedicatedSRIOVCapable', False),
    ('VirtualNICFailOverCapable', False),
    ('DynamicSimplifiedRemoteRestartToggleCapable', True),
    ('CustomPhysicalPageTableRatioCapable', True),
    ('PartitionSecureBootCapable', True),
    ('IOSlotOwnerAssignmentCapable', False),
    ('DedicatedProcessorPartitionCapable', True))
#: Capability -> key of the section ``system`` in a profile.
_VNIC_KEYS = {'VirtualNICDedicatedSRIOVCapable': 'vnic_capable',
              'VirtualNICFailOverCapable': 'vnic_failover_capable'}
_MAX_PROCESSORS = 64


class ManagedSystem(base.Resource):
    """A server.

    :ivar mtms: str, machine type, model and serial as in location codes
    :ivar sriov: list of sriov.Adapter
    :ivar keeps_logical_ports: bool, a fault: VIOSes keep the logical ports of
                               vNICs that are deleted
    """

    TYPE = 'ManagedSystem'
    GROUPS = ('Hypervisor', 'SystemNetwork')
    QUICK = {'SystemName': lambda s: s.name, 'State': lambda s: 'operating',
             'UUID': lambda s: s.uuid, 'MTMS': lambda s: s.mtms}
    SEARCH = {'SystemName': lambda s: s.name}
    METHODS = ('POST',)
    # Below an HMC (source: capture managementconsole.txt).
    PARENTS = ('ManagementConsole',)

    def __init__(self, host, spec):
        super().__init__(host, host.new_uuid('ManagedSystem'))
        self.spec = spec
        self.machine_type = spec['machine_type']
        self.model = spec['model']
        self.serial = spec.get('serial') or _serial(host.name)
        self.mtms = '%s.%s.%s' % (self.machine_type, self.model, self.serial)
        self.name = spec.get('name') or 'Server-%s-%s-SN%s' % (
            self.machine_type, self.model, self.serial)
        self.memory_mb = spec['memory_mb']
        self.region_mb = spec['memory_region_mb']
        self.processors = spec['processors']
        #: Of each partition; a test may change it.
        self.affinity_score = 100
        self.sriov = []
        self.keeps_logical_ports = False

    @property
    def mtms_of_commands(self):
        """str, the MTMS as commands of an HMC take it: 8286-42A*21ABCDE."""
        return '%s-%s*%s' % (self.machine_type, self.model, self.serial)

    def capability(self, name):
        """Return one of AssociatedSystemCapabilities.

        A system with SR-IOV adapters is capable of vNICs unless its profile
        says otherwise.

        :param name: str, the element
        :returns: bool or str
        """
        value = dict(_CAPABILITIES)[name]
        if name in _VNIC_KEYS:
            value = self.spec.get(_VNIC_KEYS[name], bool(self.sriov))
        return self.spec['capabilities'].get(name, value)

    @property
    def vnic_capable(self):
        """Whether its partitions can have vNICs."""
        return self.capability('VirtualNICDedicatedSRIOVCapable')

    @property
    def vnic_failover_capable(self):
        """Whether a vNIC can have several backing devices."""
        return self.capability('VirtualNICFailOverCapable')

    @property
    def available_memory_mb(self):
        """Memory that no partition has, in MB."""
        return (self.memory_mb - self.hypervisor_memory_mb -
                sum(p.memory.desired for p in self.host.partitions()))

    @property
    def hypervisor_memory_mb(self):
        """Memory that the hypervisor has, in MB.

        The profile tells how much that is with the VIOSes and the management
        partition; each other partition adds its own.
        """
        return self.spec['hypervisor_memory_mb'] + sum(
            self._overhead_mb(p.memory, p)
            for p in self.host.store.all('LogicalPartition'))

    @property
    def available_units(self):
        """Processor units that no partition has."""
        used = sum(p.processors.used_units for p in self.host.partitions())
        return round(self.processors - used, 6)

    def check_resources(self, memory, processors, partition=None):
        """Refuse a configuration that does not fit on the system.

        :param memory: partition_config.Memory
        :param processors: partition_config.Processors
        :param partition: the Partition that has something already, or None
        :raises errors.Refused:
        """
        memory.check(self.region_mb)
        processors.check(self.spec['min_units_per_processor'])
        if processors.maximum > _MAX_PROCESSORS:
            raise errors.Refused(
                'HSCL1564 A partition of this system can have %d processors '
                'at most; %d were given' % (_MAX_PROCESSORS,
                                            processors.maximum))
        free_mb, free_units = self.available_memory_mb, self.available_units
        overhead = self._overhead_mb(memory, partition)
        if partition is not None:
            free_mb += partition.memory.desired + self._overhead_mb(
                partition.memory, partition)
            free_units += partition.processors.used_units
        if memory.desired + overhead > free_mb:
            raise errors.Refused(
                'HSCL03EC There is not enough memory: %d MB and %d MB for the '
                'hypervisor are needed, %d MB are available' % (
                    memory.desired, overhead, free_mb))
        if processors.used_units > free_units + 1e-6:
            raise errors.Refused(
                'HSCL03ED There are not enough processing resources: %s '
                'units are needed, %s are available' % (
                    processors.used_units, free_units))

    def _overhead_mb(self, memory, partition):
        """What a partition adds to the memory of the hypervisor, in MB."""
        if partition is not None and (partition.is_management or
                                      partition.TYPE != 'LogicalPartition'):
            return 0
        return memory.overhead_mb(self.region_mb)

    def check_compatibility_mode(self, mode):
        """Refuse a processor compatibility mode that is not supported."""
        if mode not in self.spec['compatibility_modes']:
            raise errors.Refused('HSCL1557 The processor compatibility mode '
                                 '%s is not supported' % mode)

    def effective_mode(self, mode):
        """Return the compatibility mode that a partition runs in."""
        modes = self.spec['compatibility_modes']
        return modes[-1] if mode == 'default' else mode

    def update(self, doc, groups):
        # Only ports of SR-IOV adapters can change.
        changed = sriov.Change(self, doc).carry_out()
        return sriov.CONFIG_CHANGE if changed else None

    def render(self, groups):
        return [
            self._render_ipl() if 'Hypervisor' in groups else None,
            self._render_lpars(),
            el('AssociatedReservedStorageDevicePool'),
            atom.section('AssociatedSystemCapabilities', [
                el(name, self.capability(name))
                for name, _value in _CAPABILITIES]),
            self._render_io(groups),
            self._render_memory(),
            self._render_processors(),
            atom.section('AssociatedSystemVirtualStorage'),
            el('AssociatedVirtualIOServers', [
                atom.link('link', p.href()) for p in
                self.host.store.children(self, 'VirtualIOServer')]),
            atom.section('MachineTypeModelAndSerialNumber',
                         el('MachineType', self.machine_type),
                         el('Model', self.model),
                         el('SerialNumber', self.serial)),
            el('ManufacturingDefaultConfigurationEnabled', False),
            el('MaximumPartitions', self.spec['max_partitions']),
            el('PrimaryIPAddress', '127.0.0.1'),
            el('State', 'operating'),
            el('SystemName', self.name),
            self._render_migrations(),
            el('IsPowerVMManagementMaster', self.spec['master']),
            el('IsManagementPartitionPowerVMManagementMaster',
               self.host.endpoint.is_hmc != self.spec['master']),
            el('IsHMCPowerVMManagementMaster',
               self.host.endpoint.is_hmc == self.spec['master'])]

    def _render_lpars(self):
        """Make AssociatedLogicalPartitions, which NovaLink leaves empty.

        Source: captures managedsystem.txt (an HMC), and fake_managedsystem.txt
        and sys_with_sriov.txt (NovaLink).
        """
        lpars = (self.host.store.children(self, 'LogicalPartition')
                 if self.host.endpoint.is_hmc else [])
        return el('AssociatedLogicalPartitions', [
            atom.link('link', lpar.href()) for lpar in lpars])

    def _render_migrations(self):
        """Make SystemMigrationInformation.

        source of the last elements: capture managedsystem.txt
        """
        limits = self.spec['migration']
        firmware_max = limits.get('firmware_max')
        affinity_check = limits.get('affinity_check')
        return atom.section(
            'SystemMigrationInformation',
            el('MaximumInactiveMigrations', limits['max_inactive']),
            el('MaximumActiveMigrations', limits['max_active']),
            el('NumberOfInactiveMigrationsInProgress', 0),
            el('NumberOfActiveMigrationsInProgress',
               self.host.site.migrations.count(self.host)),
            None if firmware_max is None else
            el('MaximumFirmwareActiveMigrations', firmware_max),
            None if affinity_check is None else
            el('LogicalPartitionAffinityCheckCapable', affinity_check))

    @staticmethod
    def _render_ipl():
        return atom.section(
            'AssociatedIPLConfiguration',
            el('PowerOffWhenLastLogicalPartitionIsShutdown', False),
            group='Hypervisor')

    def _render_io(self, groups):
        return atom.section(
            'AssociatedSystemIOConfiguration',
            el('AvailableWWPNs', 65535),
            atom.section('HostChannelAdapters'),
            el('HostEthernetAdapters'),
            atom.section('IOAdapters'),
            atom.section('IOBuses'),
            atom.section('IOSlots'),
            atom.section('SRIOVAdapters', [adapter.render()
                                           for adapter in self.sriov]),
            atom.section('AssociatedSystemVirtualNetwork',
                         group='SystemNetwork')
            if 'SystemNetwork' in groups else None,
            el('WWPNPrefix', '13857705832243593216'))

    def _render_memory(self):
        available = self.available_memory_mb
        return atom.section(
            'AssociatedSystemMemoryConfiguration',
            el('ConfigurableSystemMemory', self.memory_mb),
            el('CurrentAvailableSystemMemory', available),
            el('CurrentLogicalMemoryBlockSize', self.region_mb),
            el('DefaultHardwarePageTableRatio', 6),
            el('InstalledSystemMemory', self.memory_mb),
            el('MaximumMemoryPoolCount', 1),
            el('MemoryRegionSize', self.region_mb),
            el('MemoryUsedByHypervisor', self.hypervisor_memory_mb),
            el('PendingAvailableSystemMemory', available),
            el('PendingLogicalMemoryBlockSize', self.region_mb),
            el('PendingMemoryRegionSize', self.region_mb),
            el('SharedMemoryPool'))

    def _render_processors(self):
        available = self.available_units
        limits = [
            'CurrentMaximumProcessorsPerAIXOrLinuxPartition',
            'CurrentMaximumProcessorsPerIBMiPartition',
            'CurrentMaximumAllowedProcessorsPerPartition',
            'CurrentMaximumProcessorsPerVirtualIOServerPartition',
            'CurrentMaximumVirtualProcessorsPerAIXOrLinuxPartition',
            'CurrentMaximumVirtualProcessorsPerIBMiPartition',
            'CurrentMaximumVirtualProcessorsPerVirtualIOServerPartition']
        return atom.section(
            'AssociatedSystemProcessorConfiguration',
            el('ConfigurableSystemProcessorUnits', self.processors),
            el('CurrentAvailableSystemProcessorUnits', available),
            [el(name, _MAX_PROCESSORS) for name in limits],
            el('InstalledSystemProcessorUnits', self.processors),
            el('MaximumAllowedVirtualProcessorsPerPartition',
               _MAX_PROCESSORS),
            el('MinimumProcessorUnitsPerVirtualProcessor',
               self.spec['min_units_per_processor']),
            el('PendingAvailableSystemProcessorUnits', available),
            [el('SupportedPartitionProcessorCompatibilityModes', mode)
             for mode in self.spec['compatibility_modes']],
            el('SharedProcessorPool', [
                atom.link('link', pool.href()) for pool in
                self.host.store.children(self, 'SharedProcessorPool')]))

    def state(self):
        return {'uuid': self.uuid, 'name': self.name, 'mtms': self.mtms,
                'memory_mb': self.memory_mb,
                'available_memory_mb': self.available_memory_mb,
                'processors': self.processors,
                'available_units': self.available_units,
                'sriov': [adapter.state() for adapter in self.sriov]}


def _serial(name):
    # Seven characters that look like a serial and differ between hosts.
    return '21%05X' % (zlib.crc32(name.encode()) & 0xfffff)


def build(host, spec):
    """Make the managed system of a host.

    :param spec: dict, the host's part of the profile
    """
    host.system = ManagedSystem(host, spec['system'])
    host.add(host.system)
