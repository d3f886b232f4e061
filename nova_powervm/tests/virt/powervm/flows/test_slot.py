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

"""What flows do for the places of devices, and the NVRAM of servers."""

from unittest import mock

from taskflow.patterns import linear_flow

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import migrate
from nova_powervm.virt.powervm.flows import network
from nova_powervm.virt.powervm.flows import power
from nova_powervm.virt.powervm.flows import resize
from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.flows import spawn
from nova_powervm.virt.powervm.flows import volume
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.tasks import slot as tf_slot

NEW_LPAR = {'new_lpar': True, 'guided': False}
AGAIN = {'new_lpar': True, 'guided': True}
CHANGE = {'guided': False}
RESTORE = {'guided': True}

#: Function, its arguments, the attributes of the instance, and how the
#: ServerSlots of the flow is made.
FLOWS = (
    (spawn.spawn, {}, {}, NEW_LPAR),
    (spawn.spawn, {}, {'vm_state': 'shelved_offloaded'}, AGAIN),
    (spawn.spawn, {}, {'task_state': 'rebuild_spawning'}, AGAIN),
    (spawn.rebuild, {}, {}, AGAIN),
    (migrate.revert_on_source, {'power_on': True}, {}, RESTORE),
    (network.plug, {}, {}, CHANGE),
    (network.unplug, {}, {}, CHANGE),
    (power.hard_reboot, {}, {}, RESTORE),
    (resize.finish, {'power_on': True}, {}, RESTORE),
    (resize.revert, {'power_on': True}, {}, RESTORE),
    (volume.attach, {}, {}, CHANGE),
    (volume.detach, {}, {}, CHANGE),
    (volume.swap, {'was_on': True, 'may_stop': True}, {}, CHANGE),
)


def slots_of(task):
    """The ServerSlots of a task that changes devices: a list."""
    own = vars(task)
    found = []
    if 'slots' in own and own.get('mapped', True):
        found.append(task.slots)
    if 'stg' in own:
        # A transaction hands on what its own ServerSlots answers.
        found.append(task.stg.device_address('vios', 'element'))
    if 'plugger' in own:
        found.append(task.plugger.slots)
    return found


class ServerSlotsTest(base.FlowTestCase):
    """The tasks of a flow share one ServerSlots, which the flow saves."""

    def slots(self, function, arguments, attributes):
        """The ServerSlots that is made, and those of the tasks."""
        maps, slots, flow = self.flow(function, arguments, attributes)
        return maps, slots, [
            found for task in flow for found in slots_of(task)]

    def flow(self, function, arguments, attributes):
        """The slot maps, the ServerSlots that is made, and the flow."""
        server = base.Server(store=True, volumes=1, swap_before=512,
                             attrs=attributes)
        services = server.services()
        slots = services.slots.begin.return_value
        slots.device_address.return_value = slots
        flow = self.build(function, server, services=services, **arguments)
        return services.slots, slots, flow

    def test_flows(self):
        for function, arguments, attributes, how in FLOWS:
            maps, slots, found = self.slots(function, arguments, attributes)
            maps.begin.assert_called_once_with(mock.ANY, **how)
            self.assertEqual({id(slots)}, set(map(id, found)),
                             function.__name__)

    def test_saved_once(self):
        """That is after the last task that changes devices."""
        for function, arguments, attributes, _how in FLOWS:
            _maps, _slots, flow = self.flow(function, arguments, attributes)
            tasks = list(flow)
            saves = [number for number, task in enumerate(tasks)
                     if isinstance(task, tf_slot.SaveSlotStore)]
            self.assertEqual(1, len(saves), function.__name__)
            self.assertEqual([], [
                task.name for task in tasks[saves[0] + 1:]
                if slots_of(task)], function.__name__)

    def test_nothing_is_kept_of_what_leaves(self):
        """The map is to tell another host where all was."""
        for function, arguments in ((migrate.prepare_on_source,
                                     {'was_on': True}),
                                    (resize.prepare, {'was_on': True}),
                                    (resize.pause, {})):
            maps, _slots, _found = self.slots(function, arguments, {})
            maps.begin.assert_not_called()


class PartsTest(base.FlowTestCase):

    def added(self, function, store, *args, **attributes):
        """What a function adds to a flow."""
        server = base.Server(store=store, attrs=attributes)
        flow = linear_flow.Flow('test')
        function(flow, server.services(), server.instance())
        return base.words(flow)

    def test_without_a_store(self):
        services, instance = base.Server().services(), base.Server().instance()
        flow = linear_flow.Flow('test')
        for function in (slot.slots_for_new_server, slot.slots_for_rebuild,
                         slot.slots_for_change):
            slots = function(services, instance)
            self.assertIs(no_slots.NO_SLOTS, slots)
            slot.add_save_slots(flow, slots)
        self.assertEqual([], base.words(flow))
        self.assertEqual([], self.added(slot.add_departure, store=False))
        self.assertEqual([], self.added(slot.add_end, store=False,
                                        task_state='deleting'))

    def test_departure(self):
        self.assertEqual(['store_nvram'],
                         self.added(slot.add_departure, store=True))

    def test_end(self):
        for attributes in ({'task_state': 'deleting'},
                           {'task_state': 'soft-deleting'},
                           {'vm_state': 'deleted'},
                           {'vm_state': 'soft-delete', 'host': None}):
            self.assertEqual(['delete_nvram', 'delete_slot_store'],
                             self.added(slot.add_end, store=True,
                                        **attributes))

    def test_no_end(self):
        for attributes in ({}, {'task_state': 'rebuilding'},
                           {'task_state': 'shelving_offloading'},
                           {'task_state': 'deleting', 'host': 'compute2'}):
            self.assertEqual([], self.added(slot.add_end, store=True,
                                            **attributes))
