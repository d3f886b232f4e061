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

"""The states of the LPARs, on a simulated site."""

import threading
import uuid

import fixtures
from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc

from nova_powervm.simulator.resources import lpar as sim_lpar
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import partition_states
from nova_powervm.virt.powervm import rest


class PartitionStatesTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.now = 0
        self.states = partition_states.PartitionStates(
            self.host, lambda: self.now)
        self.host.partition_states = self.states
        self.lpar = self.add_lpar('first')

    def add_lpar(self, name):
        with self.site.lock:
            return sim_lpar.from_spec(self.simulated, {
                'name': name, 'memory_mb': 1024, 'processors': 1,
                'dedicated': False, 'management': False, 'running': True,
                'type': 'AIX/Linux', 'max_slots': 64, 'adapters': []})

    def get(self, **kwargs):
        return self.states.get(self.lpar.uuid, **kwargs)

    def test_asks_once(self):
        self.assertEqual('running', self.get())
        self.assertEqual('running', self.states.get(self.lpar.uuid.lower()))
        self.assertEqual(
            ['GET LogicalPartition/quick/PartitionState'], self.requests())

    def test_refresh_answers_for_all(self):
        other = self.add_lpar('second')
        self.assertEqual(
            {self.lpar.uuid, other.uuid},
            {lpar.uuid for lpar in self.states.refresh()})
        self.get()
        self.states.get(other.uuid)
        self.assertEqual(['GET LogicalPartition'], self.requests())

    def test_refresh_forgets_what_is_gone(self):
        self.get()
        with self.site.lock:
            self.simulated.store.remove(self.lpar)
        self.states.refresh()
        self.assertRaises(nova_exc.InstanceNotFound, self.get)

    def test_waits_for_a_busy_platform(self):
        self.useFixture(fixtures.MockPatch(
            'pypowervm.helpers.vios_busy.SLEEP'))
        self.fail_request(path='PartitionState', effect='busy')
        self.assertEqual('running', self.get())

    def test_not_from_the_cache(self):
        self.get()
        self.lpar.set_state('not activated')
        self.assertEqual('not activated', self.get(use_cache=False))
        self.assertEqual('not activated', self.get())

    def test_gets_old(self):
        self.get()
        self.lpar.set_state('not activated')
        self.now = self.states.MAX_AGE - 1
        self.assertEqual('running', self.get())
        self.now = self.states.MAX_AGE
        self.assertEqual('not activated', self.get())

    def test_forget(self):
        for forget in (lambda: self.states.forget(self.lpar.uuid.lower()),
                       self.states.clear, self.host.invalidate):
            self.get()
            self.requests()
            forget()
            self.get()
            self.assertEqual(1, len(self.requests()))

    def test_what_a_job_has_done(self):
        """It is known, although the platform tells of it afterwards."""
        self.states.note(self.lpar.uuid.lower(), 'running')
        self.states.changed(self.lpar.uuid)
        self.now = self.states.ECHO - 1
        self.states.changed(self.lpar.uuid.lower())
        self.assertEqual('running', self.get())
        self.assertEqual('running', self.get(use_cache=False))
        self.assertEqual([], self.requests())
        self.now = self.states.ECHO
        self.states.changed(self.lpar.uuid)
        self.get()
        self.states.changed(self.lpar.uuid)
        self.get()
        self.assertEqual(2, len(self.requests()))

    def note_and_change(self):
        """Have a job start the LPAR, and its guest shut down at once."""
        self.states.note(self.lpar.uuid, 'running')
        self.lpar.set_state('not activated')
        self.states.changed(self.lpar.uuid)

    def test_what_a_job_has_done_is_told_once(self):
        """Nova asks right after it: what it asks later is another thing."""
        self.note_and_change()
        self.assertEqual('running', self.get(use_cache=False))
        self.assertEqual('not activated', self.get(use_cache=False))
        self.assertEqual('not activated', self.get())

    def test_what_a_job_has_done_is_told_to_its_thread(self):
        """Nova's comparison of power states asks the platform, say."""
        self.note_and_change()
        told = []
        thread = threading.Thread(
            target=lambda: told.append(self.get(use_cache=False)))
        thread.start()
        thread.join()
        self.assertEqual(['not activated'], told)
        self.assertEqual('not activated', self.get(use_cache=False))

    def test_read_that_began_before_a_job_ended(self):
        with self.states._read() as keep:
            self.states.note(self.lpar.uuid, 'running')
            keep({self.lpar.uuid: 'not activated'})
        self.lpar.set_state('suspended')
        self.assertEqual('suspended', self.get())

    def test_states_that_do_not_last(self):
        for state in ('starting', 'shutting down', 'Unknown',
                      'hardware discovery', 'migrating running'):
            self.lpar.set_state(state)
            self.states.refresh()
            self.assertEqual(state, self.get())
            self.assertEqual(state, self.get())
            self.assertEqual(3, len(self.requests()))

    def test_missing(self):
        missing = str(uuid.uuid4())
        exc = self.assertRaises(nova_exc.InstanceNotFound, self.states.get,
                                missing)
        self.assertIn(missing.upper(), str(exc))
        # Requests that fail are logged; this is no failure.
        self.assertNotIn('A request to the platform', self.logger.output)

    def test_no_answer(self):
        self.fail_request(path='quick', effect='status', status=500)
        self.assertRaises(pvm_exc.HttpError, self.get)
        self.assertEqual('running', self.get())

    def change_while_answering(self, change):
        """Have something happen between an answer and its arrival."""
        request = rest.Session.request

        def slow_request(session, *args, **kwargs):
            response = request(session, *args, **kwargs)
            change()
            return response

        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.virt.powervm.rest.Session.request', slow_request))

    def test_forget_during_the_read(self):
        other = self.add_lpar('second')
        self.change_while_answering(
            lambda: self.states.forget(self.lpar.uuid))
        self.states.refresh()
        self.get()
        self.requests()
        # Neither answer was kept, but those about others are.
        self.get()
        self.states.get(other.uuid)
        self.assertEqual(
            ['GET LogicalPartition/quick/PartitionState'], self.requests())

    def test_clear_during_the_read(self):
        self.change_while_answering(self.states.clear)
        self.states.refresh()
        self.get()
        self.get()
        self.assertEqual(3, len(self.requests()))
