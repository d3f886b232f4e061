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

"""Logical partitions: the virtual machines."""

import re

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import adapters
from nova_powervm.simulator.resources import fibre_channel
from nova_powervm.simulator.resources import network_adapters
from nova_powervm.simulator.resources import partition
from nova_powervm.simulator.resources import partition_config
from nova_powervm.simulator.resources import partition_limits
from nova_powervm.simulator.resources import tagged_io

el = atom.el

_UUID = re.compile('[0-7][0-9A-F]{7}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$')
_TYPES = ('AIX/Linux', 'OS400')
#: source: pypowervm.wrappers.logical_partition, LPAR.migration_state
NOT_MIGRATING = 'Not_Migrating'


class LogicalPartition(partition.Partition):
    """A logical partition."""

    TYPE = 'LogicalPartition'

    _told_progress = (0, 0)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.remote_restart = False
        self.ipl_source = 'b'
        self.restricted_io = True
        self.tagged_io = tagged_io.TaggedIO()

    @property
    def etag(self):
        """Its etag, a new one also while a migration copies its memory."""
        self._follow_progress()
        return self._own_etag

    @etag.setter
    def etag(self, value):
        self._own_etag = value

    @property
    def migration_state(self):
        """str, what a migration makes of it."""
        return (NOT_MIGRATING if self.migration is None else
                self.migration.state)

    @property
    def progress(self):
        """tuple of int, memory to copy and what is left of it, in MB."""
        if self.migration is None or self.migration.lpar is not self:
            return 0, 0
        return self.migration.progress()

    def document(self, groups):
        self._follow_progress()
        return super().document(groups)

    def _follow_progress(self):
        progress = self.progress
        if progress != self._told_progress:
            self._told_progress = progress
            self.touch(event=False)

    @classmethod
    def create(cls, host, parent, doc):
        uuid = (doc.text('PartitionUUID') or
                doc.text('Metadata/Atom/AtomID') or host.random_uuid())
        uuid = uuid.upper()
        if not _UUID.match(uuid):
            raise errors.Refused('%s is not a partition UUID: the top bit '
                                 'must be 0' % uuid)
        if any(p.uuid == uuid for p in host.partitions()):
            raise errors.Conflict('A partition with the UUID %s already '
                                  'exists' % uuid)
        type_ = doc.text('PartitionType') or 'AIX/Linux'
        if type_ not in _TYPES:
            raise errors.Refused('A partition of type %s cannot be created '
                                 'here' % type_)
        memory = partition_config.Memory.read(doc)
        processors = partition_config.Processors.read(doc)
        partition_limits.check(host, doc, processors)
        host.system.check_resources(memory, processors)
        name = doc.text('PartitionName')
        cls.check_name(host, name)
        lpar = cls(host, uuid, name, _partition_id(host, doc), memory,
                   processors, type_, doc.int(
                       'PartitionIOConfiguration/MaximumVirtualIOSlots', 64))
        vars(lpar).update(lpar._read_settings(doc))
        return lpar

    def _read_settings(self, doc):
        settings = dict(
            super()._read_settings(doc),
            remote_restart=doc.bool('SimplifiedRemoteRestartCapable',
                                    self.remote_restart),
            ipl_source=doc.text('DesignatedIPLSource', self.ipl_source),
            nvram=doc.text('PartitionNVRAM') or self.nvram)
        if self.is_ibmi:
            settings['tagged_io'] = tagged_io.TaggedIO.read(doc,
                                                            self.tagged_io)
        return settings

    def update(self, doc, groups):
        self.check_settled()
        self.update_base(doc)
        return 'PartitionName,Other'

    def remove(self):
        if self.is_management:
            raise errors.Refused('HSCL1562 The management partition cannot '
                                 'be deleted')
        self.check_settled()
        if self.is_on:
            raise errors.Refused(
                'HSCL1575 Partition %s cannot be deleted: its state is %s. '
                'Shut it down first' % (self.name, self.partition_state))
        self.boot_time = None
        self.console.close()
        adapters.lpar_removed(self.host, self)

    def render(self, groups):
        ibmi = self.is_ibmi
        ports = [atom.link('link', adapter.href()) for adapter in
                 self.host.store.children(
                     self, fibre_channel.ClientAdapter.TYPE)]
        return self.render_base(groups) + [
            el('RemoteRestartCapable', False),
            el('SimplifiedRemoteRestartCapable', self.remote_restart),
            el('HasDedicatedProcessorsForMigration',
               self.processors.dedicated),
            el('SuspendCapable', False),
            el('MigrationState', self.migration_state),
            el('RemoteRestartState', 'Invalid'),
            el('PowerManagementMode', 'None'),
            el('VirtualFibreChannelClientAdapters', ports) if ports else None,
            el('IsRestrictedIOPartition', self.restricted_io) if ibmi
            else None,
            el('DesignatedIPLSource', self.ipl_source) if ibmi else None]

    def _tagged_io(self):
        return self.tagged_io.render() if self.is_ibmi else None

    def state(self):
        ibmi = {'tagged_io': dict(
            self.tagged_io.state(), ipl_source=self.ipl_source,
            keylock=self.keylock)} if self.is_ibmi else {}
        return dict(self.state_base(), boot=self.boot,
                    migration_state=self.migration_state,
                    console='open' if self.console.is_open else 'closed',
                    progress=list(self.progress), adapters=sorted(
            (cna.state() for cna in self.host.store.children(
                self, 'ClientNetworkAdapter')),
            key=lambda state: state['uuid']), **ibmi)


def _partition_id(host, doc):
    wanted = doc.int('PartitionID')
    if wanted is None:
        return host.free_partition_id()
    if not 1 <= wanted <= partition_limits.LARGEST_ID:
        raise errors.Refused('There is no partition ID %d' % wanted)
    if host.partition(wanted) is not None:
        raise errors.Conflict('Partition ID %d is not free' % wanted)
    return wanted


def from_spec(host, spec):
    """Make a partition as a profile describes it.

    :param spec: dict, a member of the section ``lpars``
    :returns: LogicalPartition, in the store
    """
    lpar = LogicalPartition(
        host, spec.get('uuid') or host.new_uuid('lpar', spec['name']),
        spec['name'], spec.get('id') or host.free_partition_id(),
        memory_from_spec(spec), processors_from_spec(spec), spec['type'],
        spec['max_slots'], spec['management'])
    host.add(lpar)
    network_adapters.build_adapters(lpar, spec['adapters'])
    if spec['running']:
        start_from_spec(lpar)
    return lpar


def start_from_spec(lpar):
    """Put a partition of a profile in the state long after a boot."""
    lpar.partition_state = partition.RUNNING
    lpar.rmc = 'none' if lpar.type == 'OS400' else 'active'
    lpar.os_version = lpar.running_os()


def memory_from_spec(spec):
    """Make the partition_config.Memory of a profile's partition."""
    return partition_config.Memory(spec['memory_mb'], spec['memory_mb'],
                                   spec['memory_mb'])


def processors_from_spec(spec):
    """Make the partition_config.Processors of a profile's partition."""
    count = spec['processors']
    if spec['dedicated']:
        return partition_config.Processors(True, 'sre idle proces', count,
                                           count, count)
    units = spec.get('units', 0.1 * count)
    return partition_config.Processors(False, 'uncapped', count, count,
                                       count, units, units, units, 0, 128)


def build(host, spec):
    """Make the partitions of a host.

    :param spec: dict, the host's part of the profile
    """
    for lpar_spec in spec['lpars']:
        from_spec(host, lpar_spec)
