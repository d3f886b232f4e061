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

"""Smaller resources: processor pools and the management console."""

import base64
import hashlib
import struct

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import pcm
from nova_powervm.simulator import store

el = atom.el

#: source: pypowervm.wrappers.shared_proc_pool
DEFAULT_POOL = 'DefaultPool'
_KEY_BYTES = 256


class SharedProcessorPool(store.Resource):
    """Processors that partitions share; every system has the pool 0.

    :ivar pool_id: int
    :ivar maximum: float, processing units that its partitions may use
    :ivar reserved: float, processing units set aside for uncapped ones
    """

    TYPE = 'SharedProcessorPool'
    ROOT = False
    PARENTS = ('ManagedSystem',)
    METHODS = ('POST',)

    def __init__(self, host, uuid, pool_id, name, maximum=0.0, reserved=0.0):
        self._own_etag = None
        self._members = []
        super().__init__(host, uuid, host.system)
        self.pool_id = pool_id
        self.name = name
        self.maximum = maximum
        self.reserved = reserved

    @property
    def etag(self):
        """Its etag, a new one also when partitions came or went."""
        self._follow_members()
        return self._own_etag

    @etag.setter
    def etag(self, value):
        self._own_etag = value

    def document(self, groups):
        self._follow_members()
        return super().document(groups)

    def _follow_members(self):
        members = self.members()
        if members != self._members:
            self._members = members
            self.touch(event=False)

    def members(self):
        """Return the list of (Partition, units) that are in the pool."""
        return [(partition, partition.processors.used_units)
                for partition in self.host.partitions()
                if not partition.processors.dedicated and
                partition.processors.pool_id == self.pool_id]

    @property
    def available(self):
        """Processing units that are left.

        0 for the default pool, which has no limit of its own (source:
        capture shrprocpool.txt).
        """
        used = sum(units for _partition, units in self.members())
        return max(0.0, self.maximum - self.reserved - used)

    def update(self, doc, groups):
        if self.pool_id == 0:
            raise errors.Refused('The default processor pool cannot '
                                 'be changed')
        name = doc.text('PoolName', self.name)
        maximum = doc.float('MaximumProcessingUnits', self.maximum)
        reserved = doc.float('PendingReservedProcessingUnits', self.reserved)
        if not name:
            raise errors.Refused('PoolName is empty')
        for other in self.host.store.all(self.TYPE):
            if other.name == name and other is not self:
                raise errors.Conflict('There is a processor pool '
                                      'with the name %s already' % name)
        used = sum(units for _partition, units in self.members())
        if not 0 <= reserved <= maximum or used > maximum:
            raise errors.Refused(
                '%s reserved and %s used processing units do not '
                'fit into a maximum of %s' % (reserved, used, maximum))
        self.name, self.maximum, self.reserved = name, maximum, reserved

    def render(self, groups):
        partitions = [atom.link('link', partition.href())
                      for partition, _units in self.members()]
        limits = [] if self.pool_id == 0 else [
            el('CurrentReservedProcessingUnits', _units(self.reserved)),
            el('MaximumProcessingUnits', _units(self.maximum)),
            el('PendingReservedProcessingUnits', _units(self.reserved))]
        return [
            el('AssignedPartitions', partitions) if partitions else None,
            *limits,
            el('PoolID', self.pool_id),
            el('AvailableProcUnits', _units(self.available)),
            el('PoolName', self.name)]

    def state(self):
        return {'uuid': self.uuid, 'id': self.pool_id, 'name': self.name,
                'maximum': self.maximum, 'reserved': self.reserved}


class ManagementConsole(store.Resource):
    """The NovaLink itself, and the SSH keys that live migration needs.

    :ivar name: str, host name
    :ivar public_key: str, SSH key of its own
    :ivar authorized_keys: list of str, keys that may log on
    """

    TYPE = 'ManagementConsole'
    METHODS = ('POST',)

    def __init__(self, host, name, authorized_keys=()):
        super().__init__(host, host.new_uuid(self.TYPE))
        self.name = name
        self.public_key = _ssh_key(host.name)
        self.authorized_keys = list(authorized_keys)

    def update(self, doc, groups):
        if doc.has('AuthorizedKeys'):
            self.authorized_keys = [
                key.text('.') for key in
                doc.all('AuthorizedKeys/AuthorizedKey')]
        return 'AuthorizedKeys'

    def render(self, groups):
        system = self.host.system
        return [
            atom.section('MachineTypeModelAndSerialNumber',
                         el('MachineType', system.machine_type),
                         el('Model', system.model),
                         el('SerialNumber', system.serial)),
            el('ManagedFrames'),
            el('ManagedSystems'),
            el('ManagementConsoleName', self.name),
            atom.section('NetworkInterfaces'),
            el('PowerEnterprisePools'),
            el('PublicSSHKey', self.public_key),
            atom.section('AuthorizedKeys', [
                el('AuthorizedKey', key) for key in self.authorized_keys])]

    def state(self):
        return {'uuid': self.uuid, 'name': self.name,
                'public_key': self.public_key,
                'authorized_keys': sorted(self.authorized_keys)}


def build(host, spec):
    """Make processor pools, the management console and PCM preferences.

    :param spec: dict, the host's part of the profile; its section ``misc``
                 may have ``processor_pools`` (list of name, maximum_units
                 and reserved_units) and ``management_console`` (name,
                 authorized_keys)
    """
    misc = spec['misc']
    pools = [{'name': DEFAULT_POOL}] + misc.get('processor_pools', [])
    for number, pool in enumerate(pools):
        host.add(SharedProcessorPool(
            host, host.new_uuid('SharedProcessorPool', str(number)), number,
            pool['name'], float(pool.get('maximum_units', 0)),
            float(pool.get('reserved_units', 0))))
    console = misc.get('management_console', {})
    host.add(ManagementConsole(host, console.get('name', 'localhost'),
                               console.get('authorized_keys', ())))
    host.add(pcm.PcmPreference(host))


def _units(value):
    return '%.2f' % value


def _ssh_key(name):
    """Make what looks like an RSA key; nobody has its private half."""
    modulus = b'\0' + hashlib.shake_256(name.encode()).digest(_KEY_BYTES)
    parts = (b'ssh-rsa', b'\1\0\1', modulus)
    blob = b''.join(struct.pack('>I', len(part)) + part for part in parts)
    return 'ssh-rsa %s neo@%s' % (base64.b64encode(blob).decode(), name)
