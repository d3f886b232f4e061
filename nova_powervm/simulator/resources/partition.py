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

"""What logical partitions and virtual I/O servers have in common."""

import base64
import functools
import hashlib
import time

from nova_powervm.simulator import atom
from nova_powervm.simulator import console
from nova_powervm.simulator import errors
from nova_powervm.simulator import firmware
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import partition_config
from nova_powervm.simulator.resources import partition_limits

el = atom.el

OFF = 'not activated'
STARTING = 'starting'
RUNNING = 'running'
STOPPING = 'shutting down'
OPEN_FIRMWARE = 'open firmware'
#: It has crashed, or could not be booted.
ERROR = 'error'
MIGRATING_RUNNING = 'migrating running'
MIGRATING_OFF = 'migrating not active'
STATES = (OFF, STARTING, RUNNING, STOPPING, OPEN_FIRMWARE, ERROR,
          'not available', MIGRATING_RUNNING, MIGRATING_OFF,
          'suspended', 'suspending', 'resuming', 'hardware discovery',
          'Unknown')
RMC_STATES = ('active', 'inactive', 'none', 'unknown', 'busy')

#: Assumed, no hardware: virtual slots 0 and 1 hold the serial adapters.
FIRST_SLOT = 2
#: Assumed, no hardware: the longest name that the platform takes.
MAX_NAME = 31

_REFERENCE_CODES = {OFF: '00000000', STARTING: 'C200C2FF',
                    STOPPING: 'D200C1FF'}
_UPTIME = b'<Uptime>%d</Uptime>'


def _first_nvram(uuid):
    """Return what a first boot leaves in NVRAM: 20 kB in base64."""
    block = hashlib.sha512(uuid.encode()).digest()
    return base64.b64encode(block * 240).decode()


class Partition(base.Resource):
    """A partition: LPAR or VIOS.

    :ivar partition_id: int, the short ID
    :ivar partition_state: one of STATES; change it with set_state()
    :ivar rmc: one of RMC_STATES
    :ivar memory: partition_config.Memory
    :ivar processors: partition_config.Processors
    :ivar slots: dict, virtual slot number -> object that sits there
    :ivar boot: dict, how it was booted and from what; None when it is off
    :ivar has_dumped: bool, whether it wrote a dump before the last boot
    :ivar max_slots: int, slot numbers are below it
    :ivar console: console.Console
    :ivar current_mode: str, processor compatibility mode that it came with
                        from another host, until it boots; else None
    """

    #: What moves it to another host: record.Migration, or None.
    migration = None
    #: Memory that a migration copies, and what is left of it, in MB.
    progress = (0, 0)

    PARENTS = ('ManagedSystem',)
    GROUPS = ('NVRAM',)
    SEARCH = {'PartitionName': lambda p: p.name,
              'PartitionID': lambda p: str(p.partition_id)}
    QUICK = {'PartitionName': lambda p: p.name,
             'PartitionID': lambda p: p.partition_id,
             'PartitionState': lambda p: p.partition_state,
             'PartitionType': lambda p: p.type,
             'UUID': lambda p: p.uuid,
             'ResourceMonitoringControlState': lambda p: p.rmc,
             'ReferenceCode': lambda p: p.reference_code}

    def __init__(self, host, uuid, name, partition_id, memory, processors,
                 type_='AIX/Linux', max_slots=200, is_management=False):
        super().__init__(host, uuid.upper(), host.system)
        self.name = name
        self.partition_id = partition_id
        self.memory = memory
        self.processors = processors
        self.type = type_
        self.max_slots = max_slots
        self.is_management = is_management
        self.partition_state = OFF
        self.rmc = 'inactive'
        self.rmc_ip = '169.254.%d.%d' % divmod(partition_id, 256)
        self.os_version = 'Unknown'
        self.availability_priority = 127
        self.compatibility_mode = 'default'
        self.current_mode = None
        self.keylock = 'normal'
        self.boot_mode = 'Normal'
        self.boot = None
        self.has_dumped = False
        self.perf_collection = False
        self.secure_boot = 0
        # A new partition has a profile of its own (source: capture
        # fake_lpar_feed.txt; assumed for one that a REST client creates).
        self.profile_sync = 'On'
        self.nvram = ''
        self.slots = {}
        self.boot_time = None
        self.console = console.Console(self)

    @property
    def is_ibmi(self):
        """Whether its operating system is IBM i."""
        return self.type == 'OS400'

    @property
    def uptime(self):
        """int, seconds since the last boot; 0 when it is off."""
        if self.boot_time is None:
            return 0
        return int(self.host.site.clock.now() - self.boot_time)

    @property
    def running_mode(self):
        """str, the processor compatibility mode that it runs in."""
        return (self.current_mode or
                self.host.system.effective_mode(self.compatibility_mode))

    def check_settled(self):
        """Refuse a change while a migration moves it.

        Assumed, no hardware.

        :raises errors.Refused:
        """
        if self.migration is not None:
            raise errors.Refused(
                'The operation is not allowed: partition %s is migrating, its '
                'migration state is %s' % (self.name, self.migration.state))

    @property
    def boot_string(self):
        """str, the paths of disks that it was last booted with."""
        return self.boot['string'] if self.boot else ''

    @property
    def is_on(self):
        """Whether it holds the hypervisor's attention: any state but off.

        A partition that has crashed is not off: it must be shut down before
        it can be booted, changed without RMC, or deleted (assumed, no
        hardware; pypowervm's can_modify_io() takes only "not activated" for
        off).
        """
        return self.partition_state not in (OFF, 'not available')

    @property
    def can_change_io(self):
        """Whether virtual adapters can come and go: off, or with RMC.

        source: pypowervm.wrappers.base_partition, can_modify_io(); partitions
        of IBM i and for management do without RMC
        """
        return (not self.is_on or self.rmc == 'active' or
                self.is_management or self.is_ibmi)

    @property
    def reference_code(self):
        """The progress or error code on the operator panel."""
        default = '00000000' if self.is_ibmi else 'Linux ppc64le'
        return _REFERENCE_CODES.get(self.partition_state, default)

    # -- power ------------------------------------------------------------

    def set_state(self, new, detail='PartitionState'):
        """Change the partition state and tell the clients."""
        if new != self.partition_state:
            self.partition_state = new
            self.touch(detail)

    def set_rmc(self, new):
        """Change the state of the RMC connection and tell the clients."""
        if new != self.rmc:
            self.rmc = new
            if new == 'active' and self.os_version == 'Unknown':
                self.os_version = self.running_os()
            self.touch('Other')

    def running_os(self):
        """The version that the operating system reports through RMC."""
        return 'Linux/Red Hat 5.14.0-427.el9.ppc64le 9.4'

    def booted(self, mode=firmware.NORMAL, boot_string='', ipl_source=None):
        """Carry out the end of a boot: RMC comes up some time later.

        :param mode: str, boot mode of the job PowerOn
        :param boot_string: str, paths of disks as the firmware knows them
        :param ipl_source: str, for IBM i; None for the partition's own
        """
        self.has_dumped = False
        self.current_mode = None
        at_menu = mode in firmware.MENUS and not self.is_ibmi
        disk = self._boot_disk(at_menu, boot_string, ipl_source)
        self.boot = {'mode': mode, 'string': boot_string,
                     'disk': disk and disk.backing.base_name}
        if self.is_ibmi and disk is None:
            self.crashed()
            return
        if at_menu or boot_string and disk is None:
            self.set_state(OPEN_FIRMWARE, 'PartitionState,ReferenceCode')
            return
        clock = self.host.site.clock
        boot = self.boot_time = clock.now()
        self.console.booted()
        self.set_state(RUNNING, 'PartitionState,ReferenceCode')
        if not self.nvram:
            self.nvram = _first_nvram(self.uuid)
            self.touch('NVRAM')
        if self.is_ibmi:
            self.set_rmc('none')
            return
        clock.after(self.host.site.timing['rmc_seconds'],
                    functools.partial(self._rmc_up, boot))

    def _rmc_up(self, boot):
        if self.boot_time == boot:
            self.set_rmc('active')

    def _boot_disk(self, at_menu, boot_string, ipl_source):
        if self.is_ibmi:
            return firmware.load_source(self, ipl_source)
        return None if at_menu else firmware.choose(self, boot_string)

    def halted(self):
        """Carry out the end of a shutdown."""
        self.current_mode = None
        self.console.halted()
        self.boot_time = None
        self.boot = None
        self.rmc = 'inactive'
        self.os_version = 'Unknown'
        self.set_state(OFF, 'PartitionState,ReferenceCode')

    def crashed(self):
        """Crash the partition: its operating system and its RMC end."""
        self.console.catch_up()
        self.boot_time = None
        self.rmc = 'inactive'
        self.os_version = 'Unknown'
        self.set_state(ERROR, 'PartitionState,ReferenceCode')

    # -- virtual slots ----------------------------------------------------

    def take_slot(self, owner, wanted=None, high=False):
        """Put something into a virtual slot.

        :param owner: whatever sits there
        :param wanted: int, a certain slot; None for the next free one
        :param high: True to search from the top
        :returns: int slot number
        :raises errors.Refused: when the slot is taken or none is free
        """
        if wanted is not None:
            if not FIRST_SLOT <= wanted < self.max_slots:
                raise errors.Refused(
                    'HSCL1512 Virtual slot %d of partition %s is not between '
                    '%d and %d' % (wanted, self.name, FIRST_SLOT,
                                   self.max_slots - 1))
            if wanted in self.slots:
                raise errors.Refused('HSCL1513 Virtual slot %d of partition '
                                     '%s is in use' % (wanted, self.name))
            self.slots[wanted] = owner
            return wanted
        numbers = range(FIRST_SLOT, self.max_slots)
        for number in (reversed(numbers) if high else numbers):
            if number not in self.slots:
                self.slots[number] = owner
                return number
        raise errors.Refused('HSCL1514 Partition %s has no free virtual slot '
                             '(maximum %d)' % (self.name, self.max_slots))

    def free_slot(self, number):
        """Empty a virtual slot; nothing happens when it is empty."""
        self.slots.pop(number, None)

    # -- documents --------------------------------------------------------

    @staticmethod
    def check_name(host, name, own=None):
        """Refuse a partition name that is empty, too long or taken."""
        if not name or len(name) > MAX_NAME:
            raise errors.Refused(
                'HSCL1551 A partition name has 1 to %d characters; %r has '
                '%d' % (MAX_NAME, name, len(name or '')))
        for other in host.partitions():
            if other.name == name and other is not own:
                raise errors.Conflict('HSCL1553 A partition with the name '
                                      '%s already exists' % name)

    def update_base(self, doc):
        """Apply the common parts of a POST document.

        Memory and processors of a running partition change only with RMC.

        :raises errors.RestError: nothing has changed then
        """
        memory = partition_config.Memory.read(doc, self.memory)
        processors = partition_config.Processors.read(doc, self.processors)
        partition_limits.check(self.host, doc, processors, self)
        name = doc.text('PartitionName', self.name)
        max_slots = doc.int('PartitionIOConfiguration/MaximumVirtualIOSlots',
                            self.max_slots)
        self.check_name(self.host, name, own=self)
        settings = self._read_settings(doc)
        if (memory, processors) != (self.memory, self.processors):
            self._check_dlpar()
            self.host.system.check_resources(memory, processors, self)
        changed = memory != self.memory or processors != self.processors
        self.memory, self.processors = memory, processors
        self.name = name
        self.max_slots = max_slots
        vars(self).update(settings)
        if changed:
            self.host.system.touch('Other')

    def _check_dlpar(self):
        if self.partition_state != OFF and self.rmc != 'active':
            raise errors.Refused(
                'HSCL294C Memory and processors of the running partition %s '
                'cannot change: its RMC connection is %s' % (self.name,
                                                             self.rmc))

    def _read_settings(self, doc):
        """Return attributes of no consequence elsewhere: name -> value."""
        mode = doc.text('PendingProcessorCompatibilityMode',
                        self.compatibility_mode)
        self.host.system.check_compatibility_mode(mode)
        return {
            'availability_priority': doc.int('AvailabilityPriority',
                                             self.availability_priority),
            'compatibility_mode': mode,
            'profile_sync': doc.text('CurrentProfileSync', self.profile_sync),
            'keylock': doc.text('KeylockPosition', self.keylock),
            'boot_mode': doc.text('BootMode', self.boot_mode),
            'perf_collection': doc.bool('AllowPerformanceDataCollection',
                                        self.perf_collection),
            'secure_boot': doc.int('PendingSecureBoot', self.secure_boot)}

    def io_slots(self):
        """Make the ProfileIOSlot elements: physical adapters. None here."""
        return []

    def render_base(self, groups):
        """Make the common elements, in schema order.

        :param groups: frozenset
        :returns: list of elements
        """
        return [
            *self._render_flags(),
            el('LogicalSerialNumber', '%s%s' % (self.host.system.serial,
                                                self.partition_id)),
            el('OperatingSystemVersion', self.os_version),
            self._render_capabilities(),
            el('PartitionID', self.partition_id),
            self._render_io(),
            self.memory.render(),
            el('PartitionName', self.name),
            self.processors.render(),
            self._profile_links(),
            el('PartitionState', self.partition_state),
            el('PartitionType', self.type),
            el('PartitionUUID', self.uuid),
            el('PendingProcessorCompatibilityMode', self.compatibility_mode),
            el('ProgressPartitionDataRemaining', self.progress[1]),
            el('ProgressPartitionDataTotal', self.progress[0]),
            el('ResourceMonitoringControlState', self.rmc),
            el('ResourceMonitoringIPAddress', self.rmc_ip)
            if self.rmc == 'active' and self.rmc_ip else None,
            *self._render_links(),
            *self._render_reference_code(),
            None if self.host.endpoint.is_hmc else
            el('IsManagementPartition', self.is_management),
            el('AutoStart', False),
            el('BootMode', self.boot_mode),
            el('PartitionNVRAM', self.nvram, group='NVRAM')
            if 'NVRAM' in groups and self.nvram else None,
            el('Uptime', 0),
            el('PendingSecureBoot', self.secure_boot),
            el('CurrentSecureBoot', self.secure_boot)]

    def _render_flags(self):
        return [
            el('AllowPerformanceDataCollection', self.perf_collection),
            self._profile_link('AssociatedPartitionProfile'),
            el('AvailabilityPriority', self.availability_priority),
            el('CurrentAllocatedBarrierSynchronizationRegisterArrays', 0),
            el('CurrentProcessorCompatibilityMode', self.running_mode),
            el('CurrentProfileSync', self.profile_sync),
            el('IsConnectionMonitoringEnabled', True),
            el('IsOperationInProgress', self.migration is not None and
               self.migration.is_running),
            el('IsRedundantErrorPathReportingEnabled', False),
            el('IsTimeReferencePartition', False),
            el('IsVirtualServiceAttentionLEDOn', False),
            el('IsVirtualTrustedPlatformModuleEnabled', False),
            el('KeylockPosition', self.keylock)]

    def _render_links(self):
        adapters = [atom.link('link', cna.href()) for cna in
                    self.host.store.children(self, 'ClientNetworkAdapter')]
        return [
            atom.link('AssociatedManagedSystem', self.host.system.href()),
            el('ClientNetworkAdapters', adapters) if adapters else None,
            atom.section('HostEthernetAdapterLogicalPorts'),
            el('IsServicePartition', False)]

    def _profile_link(self, tag):
        """Make a link to its profile, which only an HMC has."""
        if not self.host.endpoint.is_hmc:
            return None
        return atom.link(
            tag, '%s/rest/api/uom/%s/%s/LogicalPartitionProfile/%s' % (
                self.host.base_url, self.TYPE, self.uuid,
                self.host.new_uuid('profile', self.uuid)))

    def _profile_links(self):
        link = self._profile_link('link')
        return None if link is None else el('PartitionProfiles', link)

    def _render_reference_code(self):
        changed = time.strftime('%m/%d/%Y %H:%M:%S',
                                time.gmtime(self.modified))
        return [
            el('ReferenceCode', self.reference_code),
            el('ReferenceCodeFull', 'time_stamp=%s,refcode=%s' % (
                changed, self.reference_code))]

    def document(self, groups):
        """Return its document; of all that is in it, only the time passes."""
        return super().document(groups).replace(
            _UPTIME % 0, _UPTIME % self.uptime, 1)

    def _render_capabilities(self):
        connected = self.rmc == 'active'
        # IBM i needs no RMC (source: pypowervm, LPAR.can_lpm()).
        dynamic = connected or self.is_ibmi and self.partition_state in (
            RUNNING, MIGRATING_RUNNING)
        return atom.section(
            'PartitionCapabilities',
            el('DynamicLogicalPartitionIOCapable', dynamic),
            el('DynamicLogicalPartitionMemoryCapable', dynamic),
            el('DynamicLogicalPartitionProcessorCapable', dynamic),
            el('InternalAndExternalIntrusionDetectionCapable', False),
            el('ResourceMonitoringControlOperatingSystemShutdownCapable',
               connected))

    def _render_io(self):
        return atom.section(
            'PartitionIOConfiguration',
            el('MaximumVirtualIOSlots', self.max_slots),
            atom.section('ProfileIOSlots', self.io_slots()),
            self._tagged_io(),
            el('CurrentMaximumVirtualIOSlots', self.max_slots))

    def _tagged_io(self):
        """Make the TaggedIO element, where there is one."""

    def state_base(self):
        """Return the common part of state(): a dict fit for JSON."""
        return {
            'uuid': self.uuid, 'name': self.name, 'id': self.partition_id,
            'type': self.type, 'state': self.partition_state, 'rmc': self.rmc,
            'memory_mb': self.memory.desired,
            'processors': self.processors.desired,
            'processor_units': self.processors.used_units,
            'dedicated': self.processors.dedicated,
            'management': self.is_management,
            'max_slots': self.max_slots, 'slots': sorted(self.slots)}
