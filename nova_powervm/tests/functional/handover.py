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

"""What Nova makes of an operation of which a request fails.

Each operation runs once as it should, and once for each of FAILURES. What the
driver leaves on the platform then is not looked at here: the walks do that,
for each single request. Here it is what Nova shows its user, and what it
counts for the server.
"""

import contextlib
import re

from nova import context as nova_context
from nova.tests.functional.api import client as api_client

from nova_powervm import conf as cfg
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.functional import shared

CONF = cfg.CONF
ERROR = {'effect': 'status', 'status': 500}
LOST = {'effect': 'drop_after'}
#: What an operation is broken with, after it has run once as it should.
FAILURES = ('first write', 'write in the middle', 'last write',
            'answer of the last write')
#: Nobody minds if a job that has ended is not deleted.
_NO_JOB = '^(?!.*/jobs/)'
_GONE = 'gone'
_POWER_STATES = {0: 'no state', 1: 'running', 4: 'shut down'}
#: Names of the resources of a flavor, in its own terms.
_VCPU, _MEMORY = 'VCPU', 'MEMORY_MB'


class HandOverCase(shared.SharedNovaCase):
    """Operations on a server of its own, which is used again and again.

    Memory, processors and disk of the flavors: 2048 MiB, 1, 2 GiB are small,
    4096 MiB, 2, 5 GiB are large.
    """

    #: Whether the trackers count rightly only when they do so anew, as they
    #: do every minute.
    COUNTS_AGAIN = False
    _server = None

    def setUp(self):
        super().setUp()
        self.useFixture(func_fixtures.QuickUploads())
        self.source, self.target = self.nova.site.hosts

    @classmethod
    def _end_nova(cls):
        cls._server = None
        super()._end_nova()

    def server(self):
        """The server of the class, which runs on the first host."""
        cls = type(self)
        if cls._server is None:
            cls._server = self.make_server()
        return cls._server

    def make_server(self):
        server = self.create()
        self.assertEqual('ACTIVE running on compute1', self.seen(server))
        return server

    def create(self):
        """Have Nova make a server, on the first host."""
        nova = self.nova
        nova.enable('compute2', False)
        server = nova.settled(nova.start_boot(
            flavor_id=nova.small, networks='none'))
        nova.enable('compute2', True)
        return server

    # ---- failures --------------------------------------------------------

    def hand_over(self, act, expected, begin=None, host=None, settle=None,
                  stale=()):
        """Do an operation as it should be, then with each of FAILURES.

        :param act: called with a server; asks Nova for the operation and
            waits for its end. It returns the server if it has made it
        :param expected: list of str, what Nova shows of the server then, see
            seen(): without a failure, and for each of FAILURES
        :param begin: returns the server as the operation needs it; by
            default server()
        :param host: simulated host whose requests fail, the first by default
        :param settle: called with the server; makes it ACTIVE on the first
            host again, or deletes it. By default settle()
        :param stale: tuples (processors, MiB) that placement may count for
            the first host after a failure, instead of what the server has
        """
        host = host or self.source
        begin, settle = begin or self.server, settle or self.settle
        server = begin()
        host.journal.clear()
        server = act(server) or server
        records = [record for record in host.journal.records()
                   if 'QUEUE_CLIENTKEY' not in (record['query'] or '')]
        found = [self.seen(server)]
        self.check_claims(found[0])
        settle(server)
        for failure, fault in zip(FAILURES, _faults(records)):
            server = self._break(act, begin, host, settle, fault)
            found.append(self.seen(server))
            self.check_claims('%s: %s' % (failure, found[-1]),
                              stale if 'failed' in found[-1] else ())
            settle(server)
            self.check_claims(failure + ', mended')
        self.assertEqual(expected, found)

    def _break(self, act, begin, host, settle, fault):
        """Do an operation of which a request fails; returns the server."""
        while True:
            server = begin()
            with broken(host, fault) as broken_request:
                server = act(server) or server
            if broken_request.applied:
                return server
            # This time it sent less requests than the first time.
            fault['nth'] -= 1
            self.assertGreater(fault['nth'], 0)
            settle(server)

    def settle(self, server):
        """What a user does with a server that is not as it should be."""
        nova = self.nova
        status = self.looks(server)
        if status.startswith('VERIFY_RESIZE'):
            nova.act(server, 'revertResize')
        elif status.startswith('RESCUE'):
            nova.act(server, 'unrescue')
        elif status.startswith('SHUTOFF'):
            nova.act(server, 'os-start')
        if not status.startswith('ACTIVE running'):
            status = self.looks(server)
        if not status.startswith('ACTIVE running'):
            nova.act(server, 'reboot', {'type': 'HARD'})
            status = self.looks(server)
        self.assertEqual('ACTIVE running', ' '.join(status.split()[:2]))

    def act(self, action, body=None):
        """Make a function that has Nova act on a server, and waits."""
        def act(server):
            self.nova.act(server, action, body)
        return act

    def after(self, act):
        """Make a function that returns the server once something is done."""
        def begin():
            server = self.server()
            act(server)
            return server
        return begin

    def finish(self, server):
        """Wait for the end of the last action on a server."""
        self.nova.settled(server)

    # ---- what Nova shows -------------------------------------------------

    def seen(self, server):
        """What a user sees of a server: status, power, host, and fault.

        :returns: str; 'gone' if there is none. If it ends with 'failed',
            Nova tells that the last action failed, and why.
        """
        seen = self.looks(server)
        if seen == _GONE:
            return seen
        events = self.nova.events_of(server)
        if any(event['result'] == 'Error' for event in events):
            seen += ', failed'
        return seen

    def looks(self, server):
        """What seen() returns, without whether the last action failed."""
        try:
            now = self.nova.api.get_server(server['id'])
        except api_client.OpenStackApiNotFoundException:
            return _GONE
        self.assertIsNone(now['OS-EXT-STS:task_state'])
        if now['status'] == 'ERROR':
            self.assertTrue(now['fault']['message'])
        return '%s %s on %s' % (
            now['status'],
            _POWER_STATES[now['OS-EXT-STS:power_state']],
            now['OS-EXT-SRV-ATTR:host'])

    # ---- what Nova counts ------------------------------------------------

    def check_claims(self, story, stale=()):
        """Tracker and placement count what the servers have, and no more.

        :param stale: see hand_over()
        """
        if self.COUNTS_AGAIN:
            for compute in self._computes().values():
                compute.manager.update_available_resource(
                    nova_context.get_admin_context())
        used = self._expected_usage()
        self.assertEqual(used, self._tracked(), story + ': the trackers')
        self.assertIn(self._allocated(), [used] + [
            dict(used, compute1=count) for count in stale],
            story + ': placement')

    def _computes(self):
        """The computes that are up, by the names of their hosts."""
        return {host: compute for host, compute in self.nova.computes.items()
                if compute.manager.driver.services is not None}

    def _expected_usage(self):
        """What servers and resizes have: host -> (processors, MiB)."""
        used = dict.fromkeys(self._computes(), (0, 0))

        def add(host, vcpus, memory):
            if host in used:
                used[host] = used[host][0] + vcpus, used[host][1] + memory
        for server in self.nova.api.get_servers(detail=True):
            host, flavor = server['OS-EXT-SRV-ATTR:host'], server['flavor']
            if host is not None:
                add(host, flavor['vcpus'], flavor['ram'])
        for migration in self.nova.admin_api.api_get(
                '/os-migrations').body['migrations']:
            if migration['status'] == 'finished':
                # What a revert needs, of the small flavor.
                add(migration['source_compute'], 1, 2048)
        return used

    def _tracked(self):
        """What the resource trackers count: host -> (processors, MiB)."""
        used = {}
        for host, compute in self._computes().items():
            [node] = compute.manager.rt.compute_nodes.values()
            used[host] = (node.vcpus_used, node.memory_mb_used -
                          CONF.reserved_host_memory_mb)
        return used

    def _allocated(self):
        """What placement has allocated: host -> (processors, MiB)."""
        used = {}
        for host, compute in self._computes().items():
            # A compute node and its provider have the same UUID.
            [node] = compute.manager.rt.compute_nodes.values()
            usages = self.nova._get_provider_usages(node.uuid)
            used[host] = (usages[_VCPU], usages[_MEMORY])
        return used


def _faults(records):
    """Where the faults of an operation go.

    :param records: list of dict, its requests, of the journal
    :returns: list of dict, a fault for each of FAILURES
    """
    count = len([record for record in records if record['method'] != 'GET'
                 and re.search(_NO_JOB, record['path'])])
    return [dict(ERROR, nth=1), dict(ERROR, nth=count // 2 + 1),
            dict(ERROR, nth=count), dict(LOST, nth=count)]


@contextlib.contextmanager
def broken(host, fault):
    """Let a request to a host fail; yields the simulator's fault."""
    added = host.faults.add(dict(
        {'method': 'PUT|POST|DELETE', 'path': _NO_JOB}, **fault))
    try:
        yield added
    finally:
        host.faults.clear(added.id)
