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


"""Nova compares the power states of all servers every ten minutes."""

from nova.compute import power_state

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.walks import view
from nova_powervm.virt.powervm import partition_states

_FEED = 'GET /rest/api/uom/LogicalPartition'


class PowerSyncTest(base.ScenarioCase):

    SERVERS = 3

    def setUp(self):
        super().setUp()
        # What the driver knows for a minute in any case.
        self.patch(partition_states.PartitionStates, 'MAX_AGE', 0)
        self.servers = [self.boot(networks='none')
                        for _number in range(self.SERVERS)]
        self.host = self.driver.events.host
        self.states = self.host.partition_states
        self.hear()
        self.sync_power_states()

    def hear(self):
        """Wait until the driver knows what the platform has told so far."""
        session, polls = self.host.adapter.session, []
        note, session.on_poll = session.on_poll, lambda: polls.append(note())
        # The first may have begun before, and the handler of the second one
        # has ended when the third is answered.
        self.wait_for(lambda: len(polls) > 2)
        session.on_poll = note

    def lpar(self, server):
        """The simulated LPAR of a server."""
        return view.partition_of(self.platform, server['id'])

    def requests_of_sync(self):
        return self.requests_of(self.sync_power_states)[1]

    def test_nothing_has_changed(self):
        self.assertEqual([], self.requests_of_sync())

    def test_others_change_something(self):
        """The platform tells; the sync reads that state only, or none."""
        with self.site.lock:
            self.lpar(self.servers[1]).halted()
        self.hear()
        requests = self.requests_of_sync()
        self.assertLessEqual(len(requests), 3)
        self.assertNotIn(_FEED, requests)
        self.assertEqual(
            [power_state.RUNNING, power_state.SHUTDOWN, power_state.RUNNING],
            [self.instance_of(other).power_state for other in self.servers])

    def test_others_make_and_delete_lpars(self):
        """The list is read again, once for each."""
        for change in (
                lambda: self.platform.operator.create_partition(
                    'theirs', memory_mb=256),
                lambda: self.platform.operator.delete_partition('theirs')):
            change()
            self.hear()
            self.assertEqual([_FEED], self.requests_of_sync())
            self.assertEqual([], self.requests_of_sync())

    def test_nobody_tells(self):
        """The thread that polls for events has died, say."""
        self.patch(self.host.adapter.session, 'on_poll', lambda: None)
        self.host.news.note_silence()
        self.assertEqual(_FEED, self.requests_of_sync()[0])
        with self.site.lock:
            self.lpar(self.servers[0]).set_state('not activated')
        self.sync_power_states()
        self.assertEqual(power_state.SHUTDOWN,
                         self.instance_of(self.servers[0]).power_state)

    def test_events_were_lost(self):
        """All is read again."""
        self.states.clear()
        self.assertEqual([_FEED], self.requests_of_sync())
        self.assertEqual([], self.requests_of_sync())

    def test_too_old(self):
        """An event may be lost, and nobody knows."""
        self.patch(partition_states.PartitionStates, 'MAX_REPORTED_AGE', 0)
        self.assertEqual(_FEED, self.requests_of_sync()[0])
