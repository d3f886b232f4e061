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

"""When the driver looks for what is left of volumes.

scenarios/test_stale_volumes.py tests what it removes then.
"""

from unittest import mock

from nova.compute import task_states
from nova import objects

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.volume import stale


class ServersThatAreToComeTestCase(base.TestCase):
    """The hour has not passed, and the first check is done."""

    def setUp(self):
        super().setUp()
        self.host = mock.Mock(nodename='compute1')
        self.host.vioses.return_value = []
        self.host.filter_active.return_value = []
        patcher = mock.patch.object(stale.owners, 'left_devices',
                                    return_value=(set(), set()))
        self.left_devices = patcher.start()
        self.addCleanup(patcher.stop)
        self.stale = stale.StaleVolumes(self.host, clock=lambda: 0)
        self.stale.clean_periodically()
        self.instances = [base.make_instance(number) for number in (1, 2)]
        self.found = {instance.uuid: instance for instance in self.instances}
        for instance in self.instances:
            instance.task_state = task_states.MIGRATING
            instance.host = 'compute2'
            self.stale.expect(instance)
        patcher = mock.patch.object(objects.InstanceList, 'get_by_filters',
                                    side_effect=self.find)
        self.calls = patcher.start()
        self.addCleanup(patcher.stop)
        self.host.vioses.reset_mock()

    def find(self, _context, filters):
        self.assertFalse(filters['deleted'])
        return objects.InstanceList(objects=[
            self.found[uuid] for uuid in filters['uuid']
            if uuid in self.found])

    def looks(self):
        """How often a periodic task reads the VIOSes, and Nova's database."""
        self.host.vioses.reset_mock()
        self.calls.reset_mock()
        self.stale.clean_periodically()
        return self.host.vioses.call_count, self.calls.call_count

    def test_they_are_coming(self):
        self.assertEqual((0, 1), self.looks())
        self.assertEqual((0, 1), self.looks())

    def test_one_was_deleted(self):
        del self.found[self.instances[0].uuid]
        self.assertEqual(1, self.looks()[0])
        # The other one is still to come.
        self.assertEqual((0, 1), self.looks())

    def test_device_of_a_busy_server(self):
        """It may come here; the device is left once it is idle elsewhere."""
        busy = self.instances[0]
        self.stale.expect_no_more(busy)
        self.stale.expect_no_more(self.instances[1])
        self.left_devices.return_value = set(), {busy.uuid}
        self.stale.miss({'a VIOS'})
        self.host.active_vioses.return_value = [mock.Mock(uuid='a VIOS')]
        self.assertEqual(1, self.looks()[0])
        self.assertEqual((0, 1), self.looks())
        busy.task_state = None
        self.left_devices.return_value = {'UDID'}, set()
        self.assertEqual(1, self.looks()[0])
        self.assertEqual((0, 0), self.looks())

    def test_one_stays_where_it_was(self):
        self.instances[0].task_state = None
        self.assertEqual(1, self.looks()[0])
        self.assertEqual((0, 1), self.looks())

    def test_one_is_here(self):
        self.instances[0].task_state = None
        self.instances[0].host = 'compute1'
        self.assertEqual((0, 1), self.looks())
        self.found.clear()
        self.assertEqual(1, self.looks()[0])
        self.assertEqual((0, 0), self.looks())

    def test_all_was_removed_already(self):
        for instance in self.instances:
            self.stale.expect_no_more(instance)
        self.assertEqual((0, 0), self.looks())

    def test_the_platform_does_not_answer(self):
        """The next periodic task looks again."""
        self.found.clear()
        self.host.vioses.side_effect = OSError
        self.assertEqual(1, self.looks()[0])
        self.host.vioses.side_effect = None
        self.assertEqual(1, self.looks()[0])
        self.assertEqual((0, 0), self.looks())
