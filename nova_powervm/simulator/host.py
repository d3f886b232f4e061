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

"""A host of a simulated site, with all that is on it."""

import os
import uuid

from oslo_log import log as logging

from nova_powervm.simulator import errors
from nova_powervm.simulator import guest_disks
from nova_powervm.simulator import management_partition
from nova_powervm.simulator import operator
from nova_powervm.simulator import resources
from nova_powervm.simulator import store
from nova_powervm.simulator import terminals

LOG = logging.getLogger(__name__)

_NAMESPACE = uuid.UUID('5a1c7f4e-0d1b-4f53-8d8e-6a0d7d0f7c10')


class Host:
    """A server of the site.

    :ivar site: site.Site
    :ivar endpoint: endpoint.Endpoint, the REST server that manages it, its
                    NovaLink or an HMC. Events, jobs, journal, sessions and
                    faults are those of the endpoint
    :ivar name: str
    :ivar number: int, position in the site, from 0
    :ivar system: the ManagedSystem resource
    :ivar operator: operator.Operator, which changes things outside of the REST
                    API
    :ivar terminals: terminals.Terminals, what mkvterm has opened
    :ivar data_dir: str, where files of this host go
    """

    def __init__(self, site, spec, number, endpoint):
        self.site = site
        self.name = spec['name']
        self.number = number
        self.spec = spec
        self.data_dir = os.path.join(site.data_dir, self.name)
        self.endpoint = endpoint
        endpoint.hosts.append(self)
        self.system = None
        self._last_etag = 0
        self._last_mac = 0
        self._reserved_ids = {part['id'] for part in
                              spec['vioses'] + spec['lpars']
                              if 'id' in part}
        self.store = store.Store()
        self.events = endpoint.events
        self.jobs = endpoint.jobs
        self.journal = endpoint.journal
        self.sessions = endpoint.sessions
        self.faults = endpoint.faults
        self.management = management_partition.Management(self)
        self.terminals = terminals.Terminals(self)
        self.operator = operator.Operator(self)
        os.makedirs(self.data_dir, mode=0o700, exist_ok=True)

    def build(self):
        """Make what the profile describes."""
        with self.site.lock:
            for module in resources.BUILDERS:
                module.build(self, self.spec)
            self._reserved_ids = set()
            self.management.build()

    def render_all(self):
        """Render every object once: its parts are kept."""
        with self.site.lock:
            for cls in resources.ALL:
                for resource in self.store.all(cls.TYPE):
                    for groups in (frozenset(), frozenset(cls.GROUPS)):
                        resource.document(groups)

    @property
    def mtms(self):
        """str, machine type, model and serial: U8286.42A.21AB12C."""
        return 'U' + self.system.mtms

    @property
    def management_root(self):
        """str, the directory that is / of the management partition."""
        return self.management.root

    @property
    def port(self):
        """int, the TCP port of the REST server, once it is started."""
        return self.endpoint.port

    @property
    def base_url(self):
        """str, begins every URL that is handed out."""
        return self.endpoint.base_url

    @property
    def server(self):
        """server.RestServer, or None."""
        return self.endpoint.server

    def location(self, partition_id, slot):
        """Return the location code of a virtual slot."""
        return '%s-V%d-C%d' % (self.mtms, partition_id, slot)

    def next_etag(self):
        """Return an etag that was never used before on this host."""
        self._last_etag += 1
        return str(1000000 + self._last_etag)

    @property
    def changes(self):
        """int, grows with each change of an object."""
        return self._last_etag

    def next_mac(self):
        """Return a MAC address, 12 upper case hex digits, never the same."""
        self._last_mac += 1
        return 'FA%02X20%06X' % (self.number & 0xff, self._last_mac)

    def new_uuid(self, *names):
        """Return the UUID of a thing of the profile: always the same.

        The top bit is 0, as the platform wants it for partitions.

        :param names: str or int, what tells the thing from others on this host
        """
        path = '/'.join(str(name) for name in (self.name,) + names)
        made = str(uuid.uuid5(_NAMESPACE, path))
        return '%x%s' % (int(made[0], 16) & 7, made[1:])

    @staticmethod
    def random_uuid():
        """Return a UUID for what a client makes; the top bit is 0."""
        made = str(uuid.uuid4())
        return '%x%s' % (int(made[0], 16) & 7, made[1:])

    def partitions(self):
        """Return a list of all partitions, VIOSes included."""
        return (self.store.all('LogicalPartition') +
                self.store.all('VirtualIOServer'))

    def partition(self, partition_id):
        """Return the partition with a short ID, or None."""
        for candidate in self.partitions():
            if candidate.partition_id == partition_id:
                return candidate
        return None

    @staticmethod
    def lpar_disks(partition):
        """List what a partition sees: guest_disks.Disk; lock held."""
        return guest_disks.list_disks(partition)

    def free_partition_id(self):
        """Return the lowest partition ID that is free."""
        taken = {p.partition_id for p in self.partitions()}
        taken |= self._reserved_ids
        return next(n for n in range(1, 65536) if n not in taken)

    def add(self, resource):
        """Put a new resource in the store and tell the clients.

        :returns: the resource
        :raises errors.Conflict: when its type and UUID are taken
        """
        self.site.check()
        self.store.add(resource)
        if resource.parent is not None:
            resource.parent.touch(event=False)
        self.events.emit('ADD_URI', resource.href())
        return resource

    def remove(self, resource):
        """Remove a resource, and what hangs under it, and tell the clients.

        :raises errors.RestError: when it refuses
        """
        resource.remove()
        self.take_out(resource)

    def take_out(self, resource):
        """Take a resource out without asking it, and tell the clients."""
        self._take_out(resource)
        if resource.parent is not None:
            resource.parent.touch(event=False)

    def _take_out(self, resource):
        for child in self.store.all_children(resource):
            try:
                child.remove()
            except errors.RestError as exc:
                LOG.debug('Removing %r with its parent, although refused: %s',
                          child, exc)
            self._take_out(child)
        self.store.remove(resource)
        self.events.emit('DELETE_URI', resource.href())

    def state(self):
        """Return the host as a dict fit for JSON."""
        data = {'name': self.name}
        for type_ in sorted(self.store.types()):
            data[type_] = sorted((r.state() for r in self.store.all(type_)),
                                 key=lambda state: state['uuid'])
        data['jobs'] = self.jobs.state(self)
        # Those of an HMC are of no host.
        data['sessions'] = ([] if self.endpoint.is_hmc else
                            self.sessions.state())
        data['management_devices'] = self.management.state()
        return data
