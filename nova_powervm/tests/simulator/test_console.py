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
"""Tests of the console of a partition, and of its guest."""

import json

from nova_powervm.simulator import errors
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import migration_base as base


class ConsoleTestCase(base.MigrationTestCase):
    """A test of a partition that has run for 1000 seconds."""

    TIMING = dict(base.SLOW, guest_seconds=100)

    def setUp(self):
        super().setUp()
        self.client = powervm_fixtures.Client(self.source)

    def act(self, action, status=200, host=None, **data):
        client = powervm_fixtures.Client(host or self.source)
        reply = client.request('POST', '/simulator/control', json.dumps(dict(
            data, action=action, partition='vm1')))
        self.assertEqual(status, reply.status, reply.body)
        return reply.json

    def read(self, host=None):
        """What the terminal shows: list of lines, or None if it is closed."""
        data = powervm_fixtures.Client(host or self.source).get(
            '/simulator/partitions/vm1/console').json
        return data['text'].splitlines() if data['open'] else None


class TestConsole(ConsoleTestCase):

    def test_counts(self):
        self.act('open_console')
        self.assertEqual([], self.read())
        self.site.clock.advance(90)
        self.assertEqual([], self.read())
        self.site.clock.advance(120)
        self.assertEqual(['11: up 1100 s on server1',
                          '12: up 1200 s on server1'], self.read())
        self.site.clock.advance(100)
        self.assertEqual(3, len(self.read()))

    def test_closed(self):
        """What is printed meanwhile is lost."""
        self.assertIsNone(self.read())
        self.act('open_console')
        self.act('close_console')
        self.site.clock.advance(1000)
        self.act('open_console')
        self.site.clock.advance(100)
        self.assertEqual(['21: up 2100 s on server1'], self.read())

    def test_opened_once(self):
        self.act('open_console')
        self.assertEqual('open', self.states_of_consoles()[0])
        reply = self.act('open_console', 409)
        self.assertIn('is open already', reply['error']['message'])
        self.act('close_console')
        self.act('close_console')
        self.act('open_console')

    def states_of_consoles(self):
        return [lpar['console'] for host in self.site.state()['hosts']
                for lpar in host['LogicalPartition']
                if lpar['name'] == 'vm1']

    def test_echo(self):
        self.act('type_on_console', 400, text='who')
        self.act('open_console')
        self.act('type_on_console', text='who\n')
        self.assertEqual(['who'], self.read())

    def test_power(self):
        self.act('open_console')
        with self.site.lock:
            self.lpar.halted()
        self.act('type_on_console', text='nobody hears it')
        self.site.clock.advance(500)
        with self.site.lock:
            self.lpar.booted()
        self.site.clock.advance(110)
        self.assertEqual(
            ['powered off', 'Simulated firmware of %s' %
             self.source.system.name, 'vm1 (%s)' % self.lpar.uuid, 'login: ',
             '1: up 100 s on server1'], self.read())

    def test_end_is_kept(self):
        self.act('open_console')
        self.site.clock.advance(100 * 5000)
        lines = self.read()
        self.assertEqual('5010: up 501000 s on server1', lines[-1])
        self.assertLess(sum(map(len, lines)), 65536)

    def test_silent(self):
        self.site.timing['guest_seconds'] = 0
        self.act('open_console')
        self.site.clock.advance(1000)
        self.assertEqual([], self.read())

    def test_ibmi(self):
        lpar = self.make_lpar('ibmi', type_='OS400')
        self.assertRaises(errors.Refused, lpar.console.open)

    def test_close_vterm(self):
        self.act('open_console')
        self.assertEqual('COMPLETED_OK', self.poll(
            self.submit(operation='CloseVterm'))[0])
        self.assertIsNone(self.read())

    def test_unknown(self):
        self.assertEqual(404, self.client.get(
            '/simulator/partitions/nobody/console').status)


class TestMove(ConsoleTestCase):
    """The guest counts on where it was."""

    def test_migration(self):
        self.act('open_console')
        self.site.clock.advance(110)
        self.assertEqual(['11: up 1100 s on server1'], self.read())
        self.to_phase('switch')
        self.assertEqual(11, int(self.read()[-1].split(':')[0]))
        self.hold('cleanup')
        self.release()
        self.site.clock.advance(11)
        # The switch has closed it, and the new one is another.
        self.assertIsNone(self.read())
        self.assertIsNone(self.read(self.target))
        self.release()
        self.site.clock.advance(11)
        self.act('open_console', host=self.target)
        self.site.clock.advance(100)
        self.assertEqual(['12: up 1200 s on server2'], self.read(self.target))

    def test_failure_leaves_it_open(self):
        self.act('open_console')
        self.to_phase('copy')
        self.submit(operation='MigrateAbort')
        self.site.clock.advance(100)
        self.assertEqual(['11: up 1100 s on server1'], self.read())

    def test_strict(self):
        self.source.system.spec['migration']['closed_consoles'] = True
        self.act('open_console')
        self.assertRefused('Close the virtual terminal of partition vm1')
        self.act('close_console')
        self.migrate()
