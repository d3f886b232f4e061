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

"""Server-sent events about a site."""

import http.client
import json
import socket
import threading
import time
from unittest import mock

import testtools

from nova_powervm.simulator import journal
from nova_powervm.simulator import stream
from nova_powervm.tests import fixtures

GET = b'GET /simulator/stream HTTP/1.1\r\nHost: x\r\n\r\n'


class Listener:
    """A client that reads the events of a site.

    :param port: int
    :param query: str, for the URL
    """

    def __init__(self, port, query=''):
        self._connection = http.client.HTTPConnection('127.0.0.1', port,
                                                      timeout=60)
        self._connection.request('GET', '/simulator/stream' + query)
        self.reply = self._connection.getresponse()

    def next(self):
        """Return the next event: name and data; None at the end."""
        found = {}
        for line in iter(self.reply.readline, b''):
            if line == b'\n' and found:
                return found['event'], json.loads(found['data'])
            name, _, value = line.decode().rstrip('\n').partition(': ')
            if name:
                found[name] = value
        return None

    def wait_for(self, name):
        """Return the data of the next event with a name."""
        while True:
            event, data = self.next()
            if event == name:
                return data

    def close(self):
        self.reply.close()
        self._connection.close()


class StreamCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite('two-host')).site
        self.host = self.site.hosts[0]
        self.client = fixtures.Client(self.host)

    def listen(self, query='', host=None):
        listener = Listener((host or self.host).port, query)
        self.addCleanup(listener.close)
        return listener

    def act(self, action, **data):
        reply = self.client.request('POST', '/simulator/control', json.dumps(
            dict(data, action=action)))
        self.assertEqual(200, reply.status, reply.body)

    def wait_until(self, look, what):
        deadline = time.monotonic() + 60
        while not look():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)


class TestEvents(StreamCase):

    def test_what_there_is(self):
        listener = self.listen('?seconds=0', self.site.hosts[1])
        self.assertEqual('text/event-stream',
                         listener.reply.headers['Content-Type'])
        name, data = listener.next()
        self.assertEqual(('site', 'two-host'), (name, data['name']))
        self.assertEqual([['server1'], ['server2']], [
            endpoint['hosts'] for endpoint in data['endpoints']])
        name, data = listener.next()
        self.assertEqual(('picture', True, []), (name, data['reset'],
                                                 data['gone']))
        self.assertEqual(
            {'host': 2, 'vios': 4, 'lpar': 2},
            {kind: sum(key.startswith(kind + '/') for key in data['set'])
             for kind in ('host', 'vios', 'lpar')})
        self.assertEqual(('faults', {'server1': [], 'server2': []}),
                         listener.next())
        self.assertIsNone(listener.next())

    def test_changes(self):
        """Only what has changed is told."""
        listener = self.listen()
        listener.wait_for('picture')
        self.act('create_partition', name='vm1', id=20, memory_mb=2048,
                 adapters=[{'vlan': 9}], disk={
                     'vios': 'vios1', 'volume_group': 'datavg',
                     'name': 'boot', 'size_bytes': 1024 ** 3})
        data = listener.wait_for('picture')
        lpar = self.host.operator.partition('vm1')
        key = 'lpar/server1/' + lpar.uuid
        vios = self.host.operator.vios('vios1')
        self.assertFalse(data['reset'])
        self.assertEqual({key, 'host/server1', 'vios/server1/' + vios.uuid},
                         set(data['set']))
        shown = data['set'][key]
        self.assertEqual(('vm1', 'running', 2.0, 20), tuple(
            shown[name] for name in ('name', 'state', 'memory', 'id')))
        [disk], [port] = shown['disks'], shown['ports']
        self.assertEqual(('vios1', 'boot', 'VirtualDisk', 1.0), tuple(
            disk[name] for name in ('vios', 'name', 'kind', 'size')))
        self.assertEqual(('ETHERNET0(Default)', 9),
                         (port['switch'], port['vlan']))
        self.act('set_partition_state', partition='vm1',
                 state='error')
        data = listener.wait_for('picture')
        self.assertEqual({key: 'error'}, {
            changed: one['state'] for changed, one in data['set'].items()
            if changed.startswith('lpar')})
        self.act('delete_partition', partition='vm1')
        self.assertEqual([key], listener.wait_for('picture')['gone'])

    def test_requests_of_all_servers(self):
        self.client.get('/rest/api/uom/ManagedSystem')
        listener = self.listen()
        [first] = listener.wait_for('requests')['requests']
        self.assertEqual(('server1', 'GET', 401, 1), tuple(
            first[name] for name in ('server', 'method', 'status', 'number')))
        self.assertAlmostEqual(time.time(), first['at'], delta=60)
        fixtures.Client(self.site.hosts[1]).get('/rest/api/uom/Cluster')
        # Who counts requests clears the journal again and again.
        self.client.request('DELETE', '/simulator/hosts/server2/journal')
        [second] = listener.wait_for('requests')['requests']
        self.assertEqual(('server2', '/rest/api/uom/Cluster'),
                         (second['server'], second['path']))

    def test_faults(self):
        listener = self.listen()
        listener.wait_for('faults')
        # The page of one server can break the other one.
        reply = self.client.request(
            'POST', '/simulator/hosts/server2/faults', '{"effect": "busy"}')
        self.assertEqual(201, reply.status)
        data = listener.wait_for('faults')
        self.assertEqual([], data['server1'])
        self.assertEqual([('busy', 0)], [
            (fault['effect'], fault['applied']) for fault in data['server2']])
        fixtures.Client(self.site.hosts[1]).get('/rest/api/uom/Cluster')
        self.assertEqual(1, listener.wait_for('faults')[
            'server2'][0]['applied'])

    def test_the_next_client_gets_everything(self):
        for _ in range(2):
            listener = self.listen()
            self.assertTrue(listener.wait_for('picture')['reset'])
            listener.close()
            self.wait_until(lambda: not len(self.site.streams), 'a stream')
        self.assertEqual({}, self.site.streams._picture._objects)

    def test_wrong_seconds(self):
        for seconds in ('-1', 'x', '1e400', '9' * 30):
            reply = self.client.get('/simulator/stream?seconds=' + seconds)
            self.assertEqual(400, reply.status)


class TestClients(StreamCase):
    """Whatever clients do, the server and the others do not suffer."""

    def connect(self):
        connection = socket.socket()
        self.addCleanup(connection.close)
        # The kernel keeps little for it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(('127.0.0.1', self.host.port))
        connection.sendall(GET)
        return connection

    def wait_for_clients(self, count):
        self.wait_until(lambda: len(self.site.streams) == count,
                        'not %d streams' % count)

    def threads(self):
        return sum(thread.name.startswith('CP Server')
                   for thread in threading.enumerate())

    def test_one_too_many(self):
        self.patch(stream, 'MOST_CLIENTS', 3)
        listeners = [self.listen() for _ in range(3)]
        for listener in listeners:
            listener.wait_for('picture')
        reply = self.client.get('/simulator/stream')
        self.assertEqual((503, '3 clients already read the events'),
                         (reply.status, reply.json['error']['message']))
        listeners[0].close()
        self.wait_for_clients(2)
        self.listen().wait_for('picture')

    def test_clients_that_are_gone(self):
        """They are noticed although there is nothing to tell them."""
        before = self.threads()
        for _ in range(3):
            connections = [self.connect() for _ in range(5)]
            self.wait_for_clients(5)
            for connection in connections:
                connection.close()
            self.wait_for_clients(0)
        self.assertLessEqual(self.threads(), before + 6)

    def test_client_that_reads_nothing(self):
        """It holds no news, stops nobody, and is hung up on."""
        big = {'key': 'x' * 4000000}
        with mock.patch('nova_powervm.simulator.picture.draw',
                        lambda site: {'big': big}):
            with mock.patch.object(stream, '_PATIENCE', 0.5):
                self.connect()
                self.wait_for_clients(1)
                # Now it has its patience, and the other one gets more.
                time.sleep(0.1)
            listener = self.listen()
            self.assertEqual(big, listener.wait_for('picture')['set']['big'])
            self.assertEqual(200, self.client.get('/simulator/state').status)
            # The one that reads stays.
            self.wait_for_clients(1)
        self.assertIn('host/server1', listener.wait_for('picture')['set'])

    def test_stop(self):
        """A site ends at once, whatever its clients do."""
        listener = self.listen()
        listener.wait_for('picture')
        with mock.patch('nova_powervm.simulator.picture.draw',
                        lambda site: {'big': 'x' * 4000000}):
            self.connect()
            self.wait_for_clients(2)
            time.sleep(0.5)
            began = time.monotonic()
            self.site.stop()
        # Less than _PATIENCE.
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(0, len(self.site.streams))


class TestPicture(testtools.TestCase):
    """The memory of what has changed is bounded."""

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.drawn = {}
        self.patch(stream.picture, 'draw', lambda site: dict(self.drawn))
        self.patch(stream, '_PERIOD', 0)
        self.patch(stream, '_LONGEST', 0)
        self.patch(stream, '_SHARE', 1e9)
        self.picture = stream._Picture(self.site)

    def look(self, since, **drawn):
        self.drawn = drawn
        return self.picture.since(since)

    def test_versions(self):
        first, told = self.look(0, a=1, b=2)
        self.assertEqual({'reset': True, 'set': {'a': 1, 'b': 2}, 'gone': []},
                         told)
        self.assertEqual((first, None), self.look(first, a=1, b=2))
        second, told = self.look(first, a=1, b=3)
        self.assertEqual({'reset': False, 'set': {'b': 3}, 'gone': []}, told)
        third, told = self.look(second, b=3)
        self.assertEqual({'reset': False, 'set': {}, 'gone': ['a']}, told)
        # One that was slow gets it in one piece.
        self.assertEqual((third, {'reset': False, 'set': {'b': 3},
                                  'gone': ['a']}), self.look(first, b=3))
        # What comes again is not gone.
        fourth, told = self.look(first, a=1, b=3)
        self.assertEqual({'reset': False, 'set': {'a': 1, 'b': 3},
                          'gone': []}, told)
        self.assertGreater(fourth, third)

    def test_many_that_are_gone(self):
        self.patch(stream, '_MOST_GONE', 5)
        first, _told = self.look(0, x=0)
        second, _told = self.look(first, **{'k%d' % n: n for n in range(9)})
        for number in range(9):
            self.look(second, **{'k%d' % n: n for n in range(number, 9)})
        self.assertEqual(5, len(self.picture._gone))
        # Nobody who may have missed something keeps what is gone.
        self.assertTrue(self.look(first, k8=8)[1]['reset'])
        self.assertEqual({'k8': 8}, self.look(first, k8=8)[1]['set'])

    def test_forget(self):
        version, _told = self.look(0, a=1)
        self.picture.forget()
        self.assertEqual({'reset': True, 'set': {'b': 1}, 'gone': []},
                         self.look(version, b=1)[1])


class TestJournal(testtools.TestCase):

    def test_since(self):
        kept = journal.Journal(recent=3)
        self.assertEqual([], kept.since(0, 10))
        for name in 'abcde':
            kept.add({'name': name})
        kept.clear()
        self.assertEqual(
            [('c', 3), ('d', 4), ('e', 5)],
            [(one['name'], one['number']) for one in kept.since(0, 10)])
        self.assertEqual([('e', 5)], [(one['name'], one['number'])
                                      for one in kept.since(2, 1)])
        self.assertEqual([], kept.since(5, 10))
        self.assertEqual((0, 5), (len(kept), kept.count))
