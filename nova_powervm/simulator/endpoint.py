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

"""What answers at one port: the NovaLink of a host, or an HMC for several."""

import copy
import os

from nova_powervm.simulator import errors
from nova_powervm.simulator import events
from nova_powervm.simulator import faults
from nova_powervm.simulator import jobs
from nova_powervm.simulator import journal
from nova_powervm.simulator import sessions

#: REST types whose objects several hosts show under one UUID.
SHARED = frozenset(('Cluster', 'SharedStoragePool', 'Tier', 'LogicalUnit'))


class Endpoint:
    """A REST server, and what it keeps for the hosts behind it.

    :ivar site: site.Site
    :ivar number: int, position in the site, from 0
    :ivar name: str
    :ivar is_hmc: bool, whether it is an HMC; else the NovaLink of one host
    :ivar hosts: list of host.Host that it manages, or shows to a user
    :ivar hidden: list of host.Host that a user does not see
    :ivar base_url: str, begins every URL that is handed out
    :ivar seen_as: str, what stands before the Host header of a client in the
                   URLs that it gets; None if it gets those with base_url
    :ivar server: server.RestServer, or None
    :ivar first: Endpoint of another HMC for the same hosts, which knows their
                 links by its own URL; None if this is the only one, or that
    :ivar address: str, which it listens on; None for that of the site
    :param spec: dict, the section ``console`` of the profile; None for a
                 NovaLink
    """

    def __init__(self, site, number, name, spec=None):
        profile = site.profile
        self.site = site
        self.number = number
        self.name = name
        self.is_hmc = spec is not None
        self.spec = spec or {}
        self.hosts = []
        self.hidden = []
        self.first = self.address = None
        self.base_url = 'http://localhost'
        self.seen_as = None
        self.server = None
        self.events = events.Events(
            site.clock, profile['event_limit'],
            greets=self.spec.get('new_client', True))
        self.jobs = jobs.Jobs(self)
        self.journal = journal.Journal()
        self.sessions = sessions.Sessions(
            site.clock, profile['user'], profile['password'],
            os.path.join(site.data_dir, name, 'sessions'),
            site.timing['session_idle_seconds'],
            site.timing['session_max_seconds'],
            takes_files=not self.is_hmc,
            expired_status=self.spec.get('expired_status', 401),
            passwords={user['name']: user['password']
                       for user in self.spec.get('users', ())})
        self.faults = faults.Faults(self.vios)

    @property
    def console_type(self):
        """str for the header X-MC-Type; None to send none."""
        if not self.is_hmc:
            return 'PVM'
        return 'HMC' if self.spec['tells_type'] else None

    @property
    def takes_events(self):
        """Whether clients may send events of their own.

        Assumed, no hardware: an HMC has no such events. IBM's list of its
        event types has none.
        """
        return not self.is_hmc and self.hosts[0].spec['custom_events']

    @property
    def port(self):
        """int, the TCP port of the REST server, once it is started."""
        return self.server.port

    def seen_by(self, user):
        """Return it as a user sees it.

        Assumed, no hardware: an HMC does not show the systems that are not in
        the resource role of a user, nor what is on them, nor their events.

        :param user: str, name of a user
        :returns: Endpoint: this one, or a copy with fewer hosts
        """
        for spec in self.spec.get('users', ()):
            if spec['name'] == user:
                seen = copy.copy(self)
                seen.hosts, seen.hidden = [], []
                for host in self.hosts:
                    (seen.hosts if host.name in spec['hosts'] else
                     seen.hidden).append(host)
                return seen
        return self

    def shows(self, url):
        """Whether a user sees what an event is about.

        :param url: str, of an object
        """
        parts = url.split('/')
        for type_, uuid in zip(parts, parts[1:]):
            if type_ in ('ManagedSystem', 'LogicalPartition',
                         'VirtualIOServer'):
                # What comes after it is below it.
                return self.find(type_, uuid) is not None or all(
                    host.store.find(type_, uuid) is None
                    for host in self.hidden)
        return True

    def system(self):
        """Return the ManagedSystem that a URL need not name.

        :raises errors.Refused: if there are several
        """
        if self.is_hmc:
            raise errors.Refused('The URL must name the managed system')
        return self.hosts[0].system

    # -- objects of all hosts -------------------------------------------------

    def all(self, type_):
        """Return a list of all resources of a type: those of all hosts."""
        found = {}
        for host in self._hosts_of(type_):
            for resource in filter(self._has, host.store.all(type_)):
                key = (resource.uuid.upper() if type_ in SHARED
                       else resource)
                found.setdefault(key, resource)
        return list(found.values())

    def get(self, type_, uuid, for_job=False):
        """Find a resource.

        Assumed, no hardware: a URL without a system does not tell apart two
        partitions of one UUID on two systems, so it is refused. A job is for
        the source, if the partition is on both because it migrates: a client
        could not stop the migration otherwise.

        :param for_job: bool, whether it is the target of a job
        :raises errors.NotFound:
        :raises errors.Conflict: when two systems have one with that UUID
        """
        found = self._find_all(type_, uuid)
        if not found:
            raise errors.NotFound('There is no %s with UUID %s' % (
                type_, uuid))
        if len(found) > 1 and type_ not in SHARED:
            migration = getattr(found[0], 'migration', None)
            if for_job and migration is not None and all(
                    item in migration.sides for item in found):
                return migration.lpar
            raise errors.Conflict('Several objects have this UUID: %s' %
                                  ', '.join(item.href() for item in found))
        return found[0]

    def find(self, type_, uuid):
        """Find the first resource with a UUID, or return None."""
        return next(iter(self._find_all(type_, uuid)), None)

    def _hosts_of(self, type_):
        """Return the hosts whose objects of a type are seen: list of Host."""
        return (self.hosts + self.hidden if type_ == 'ManagementConsole' else
                self.hosts)

    def _find_all(self, type_, uuid):
        found = (host.store.find(type_, uuid)
                 for host in self._hosts_of(type_))
        return [resource for resource in found
                if resource is not None and self._has(resource)]

    def _has(self, resource):
        """Whether it is not another console for the same hosts."""
        return getattr(resource, 'endpoint_number',
                       self.number) == self.number

    def children(self, parent, type_):
        """Return a list of the resources of a type below a parent."""
        if parent.TYPE == 'ManagementConsole':
            return self.all(type_)
        return parent.host.store.children(parent, type_)

    def child(self, parent, type_, uuid):
        """Find a resource that must be below a parent.

        :raises errors.NotFound:
        """
        if parent.TYPE == 'ManagementConsole':
            return self.get(type_, uuid)
        resource = parent.host.store.get(type_, uuid)
        if resource.parent is not parent:
            raise errors.NotFound('%s %s is not in %s %s' % (
                type_, resource.uuid, parent.TYPE, parent.uuid))
        return resource

    def vios(self, wanted):
        """Find a VIOS as an operator does.

        :param wanted: str or int: name, UUID or short ID; an HMC has equal
                       names and IDs, so HOST/VIOS is good, too
        :returns: vios.VirtualIOServer
        :raises errors.RestError: when there is none
        """
        hosts = {host.name: host for host in self.hosts}
        name, _, rest = str(wanted).partition('/')
        if rest and name in hosts:
            return hosts[name].operator.vios(rest)
        for host in self.hosts[:-1]:
            try:
                return host.operator.vios(wanted)
            except errors.RestError:
                continue
        return self.hosts[-1].operator.vios(wanted)

    def state(self):
        """Return it as a dict fit for JSON."""
        return {'name': self.name, 'jobs': self.jobs.state(),
                'sessions': self.sessions.state(), 'hosts': [
                    host.name for host in self.hosts]}


class SecondHmc(Endpoint):
    """Another HMC that manages the hosts of a first one.

    Sessions, jobs and queues of events are its own. Assumed, no hardware: an
    HMC knows nothing of the jobs and sessions of another.

    :param first: Endpoint of the first HMC
    """

    def __init__(self, site, number, first):
        spec = dict(first.spec, **first.spec['second'])
        super().__init__(site, number, spec['name'], spec)
        self.first = first
        self.hosts = first.hosts
        self.address = spec['address']
        first.events.others.append(self.events)
