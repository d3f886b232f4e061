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

from unittest import mock

import testtools

from nova_powervm.demo import live_migration
from nova_powervm.demo import steps

HOSTS = ['server1', 'server2']


class LinesTest(testtools.TestCase):
    """What the client must have seen of a guest that has moved."""

    def _check(self, *lines):
        return live_migration.check_lines(
            [(number, 10 * number, host) for number, host in lines], HOSTS)

    def _refuse(self, *lines):
        self.assertRaises(steps.Failure, self._check, *lines)

    def test_it_counts_on(self):
        text = self._check((1, 'server1'), (2, 'server1'), (3, 'server2'))
        self.assertIn('up 20 s on server1, then up 30 s on server2', text)
        self.assertIn('missed: 0', text)

    def test_a_line_is_missed_while_the_terminal_is_closed(self):
        text = self._check((1, 'server1'), (3, 'server2'))
        self.assertIn('missed: 1', text)

    def test_it_was_booted_again(self):
        self._refuse((5, 'server1'), (1, 'server2'))
        self._refuse((5, 'server1'), (5, 'server2'))

    def test_it_did_not_move(self):
        self._refuse((1, 'server1'), (2, 'server1'))

    def test_it_went_back(self):
        self._refuse((1, 'server1'), (2, 'server2'), (3, 'server1'))


class FakeHost:
    """A host with a partition, or without one."""

    class NotFound(Exception):
        """It has no such partition."""

    def __init__(self, name):
        self.name = name
        self.partition = None
        self.text = ''

    def state(self):
        return {'LogicalPartition': [self.partition] if self.partition
                else []}

    def act(self, action, partition):
        assert action == 'open_console'
        self.partition['console'] = 'open'
        self.text = ''

    def print(self, number):
        self.text += '%d: up %d s on %s\r\n' % (number, number, self.name)

    def console_of(self, partition):
        if self.partition is None:
            raise self.NotFound()
        return {'text': self.text}


class ClientTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.hosts = [FakeHost(name) for name in HOSTS]
        self.said = []
        self.client = live_migration.Client(self.hosts, 'vm',
                                            self.said.append)
        self._run_on(0)

    def _run_on(self, number):
        for host in self.hosts:
            host.partition = None
        self.hosts[number].partition = {
            'name': 'vm', 'state': 'running', 'console': 'closed'}

    def test_it_reads_each_line_once(self):
        self.client.look()
        for number in (1, 2):
            self.hosts[0].print(number)
            self.client.look()

        self.assertEqual([(1, 1, 'server1'), (2, 2, 'server1')],
                         self.client.lines)
        self.assertEqual(['1: up 1 s on server1', '2: up 2 s on server1'],
                         self.said)

    def test_the_guest_leaves_while_it_looks(self):
        state = self.hosts[0].state()
        state['LogicalPartition'][0]['console'] = 'open'
        self._run_on(1)
        with mock.patch.object(self.hosts[0], 'state', lambda: state):
            self.client.look()
        self.assertEqual('open', self.hosts[1].partition['console'])

    def test_it_opens_the_terminal_where_the_guest_runs(self):
        self.client.look()
        self.hosts[0].print(1)
        self.client.look()
        self._run_on(1)
        self.client.look()
        self.hosts[1].print(2)
        self.client.look()

        self.assertEqual([(1, 1, 'server1'), (2, 2, 'server2')],
                         self.client.lines)

    def test_it_opens_none_of_a_partition_that_does_not_run(self):
        self.hosts[0].partition['state'] = 'migrating not active'
        self.client.look()
        self.assertEqual('closed', self.hosts[0].partition['console'])
