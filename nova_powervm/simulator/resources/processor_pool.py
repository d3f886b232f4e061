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

"""Shared processor pools."""

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base

el = atom.el

#: source: pypowervm.wrappers.shared_proc_pool
DEFAULT_POOL = 'DefaultPool'


class SharedProcessorPool(base.Resource):
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

        0 for the default pool, which has no limit (source: capture
        shrprocpool.txt).
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
                raise errors.Conflict('A processor pool with the name %s '
                                      'already exists' % name)
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


def build(host, spec):
    """Make the default pool, and those of the profile.

    :param spec: dict, the host's part of the profile; its section ``misc``
                 may have ``processor_pools`` (list of name, maximum_units
                 and reserved_units)
    """
    pools = [{'name': DEFAULT_POOL}] + spec['misc'].get('processor_pools', [])
    for number, pool in enumerate(pools):
        host.add(SharedProcessorPool(
            host, host.new_uuid('SharedProcessorPool', str(number)), number,
            pool['name'], float(pool.get('maximum_units', 0)),
            float(pool.get('reserved_units', 0))))


def _units(value):
    return '%.2f' % value
