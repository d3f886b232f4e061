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

import contextlib
from unittest import mock

from nova import exception as nova_exc
from taskflow.patterns import linear_flow
from taskflow import task

from nova_powervm.tests.virt.powervm.tasks import base as tasks_base
from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm.tasks import base as tf_base
from nova_powervm.virt.powervm.tasks import network as tf_net
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm.vif import events
from nova_powervm.virt.powervm import vm

setUpModule = tasks_base.set_up_module


class _Provide(task.Task):
    def __init__(self, lpar_w):
        super().__init__(provides='lpar_wrap')
        self.lpar_w = lpar_w

    def execute(self):
        return self.lpar_w


class _Fail(task.Task):
    def execute(self):
        raise ValueError('the end')


class NetworkTasksTestCase(base.SimulatedHostTestCase):
    """The tasks in flows, as the driver runs them."""

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.lpar_w = self.create_lpar(self.instance)
        self.vifs = [base.make_vif(1), base.make_vif(2)]
        self.virtapi = mock.MagicMock()

    def run_flow(self, *tasks):
        flow = linear_flow.Flow('test').add(_Provide(self.lpar_w), *tasks)
        return tf_base.run(flow, instance=self.instance)

    def plug_task(self, vifs=None, **kwargs):
        return tf_net.PlugVifs(self.virtapi, self.host, self.instance,
                               self.vifs if vifs is None else vifs, **kwargs)

    def mgmt_task(self):
        return tf_net.PlugMgmtVif(self.host, self.instance)

    def unplug_task(self, **kwargs):
        return tf_net.UnplugVifs(self.host, self.instance, self.vifs,
                                 **kwargs)

    def plugged(self):
        return sorted(cna.mac for cna in
                      self.adapters(self.lpar(self.instance)))

    def set_state(self, state, rmc):
        lpar = self.lpar(self.instance)
        lpar.set_state(state)
        lpar.set_rmc(rmc)
        self.lpar_w = vm.get_instance_wrapper(self.host,
                                              self.instance)
        self.requests()

    def fault(self, method, path, **spec):
        self.simulated.faults.add(dict(
            {'method': method, 'path': path, 'effect': 'status',
             'status': 500}, **spec))

    # -- plug -------------------------------------------------------------

    def test_names(self):
        self.assertEqual(
            ['plug_vifs', 'plug_mgmt_vif', 'unplug_vifs'],
            [self.plug_task().name, self.mgmt_task().name,
             self.unplug_task().name])

    def test_plug_at_spawn(self):
        result = self.run_flow(self.plug_task(new_lpar=True),
                               self.mgmt_task())
        self.assertEqual(
            ['PUT ClientNetworkAdapter'] * 2 +
            ['PUT ClientNetworkAdapter'], self.requests())
        self.assertEqual(['FA163E000001', 'FA163E000002'],
                         [cna.mac for cna in result['vm_adapters']])
        self.assertEqual(4094, result['mgmt_cna'].pvid)
        self.assertEqual(3, len(self.plugged()))

    def test_no_ports(self):
        result = self.run_flow(self.plug_task([], new_lpar=True))
        self.assertEqual([], result['vm_adapters'])
        self.assertEqual([], self.requests())

    def test_plug_waits_for_the_new_ports_only(self):
        self.run_flow(self.plug_task(self.vifs[:1], new_lpar=True))
        self.virtapi.reset_mock()
        self.requests()

        result = self.run_flow(self.plug_task())

        self.virtapi.wait_for_instance_event.assert_called_once_with(
            self.instance, [('network-vif-plugged', self.vifs[1]['id'])],
            timeout=300, error_callback=mock.ANY)
        self.assertEqual(['GET ClientNetworkAdapter',
                          'PUT ClientNetworkAdapter'],
                         self.requests())
        self.assertEqual(['FA163E000001', 'FA163E000002'],
                         [cna.mac for cna in result['vm_adapters']])

    def test_plug_is_idempotent(self):
        self.run_flow(self.plug_task(new_lpar=True))
        self.virtapi.reset_mock()
        self.requests()
        self.run_flow(self.plug_task())
        self.virtapi.wait_for_instance_event.assert_not_called()
        self.assertEqual(['GET ClientNetworkAdapter'], self.requests())
        self.assertEqual(2, len(self.plugged()))

    def test_agent_is_told_while_nova_listens(self):
        self.flags(send_vif_events=True, group='powervm')
        order = []

        @contextlib.contextmanager
        def wait(*args, **kwargs):
            order.append('listen')
            yield
            order.append('wait')

        self.virtapi.wait_for_instance_event = wait
        with mock.patch.object(events, 'push',
                               side_effect=lambda *a: order.append('tell')):
            self.run_flow(self.plug_task(new_lpar=True))
        self.assertEqual(['listen', 'tell', 'tell', 'wait'], order)

    def test_plug_without_rmc(self):
        self.set_state('running', 'inactive')
        exc = self.assertRaises(nova_exc.VirtualInterfaceCreateException,
                                self.run_flow, self.plug_task())
        self.assertIn('RMC', str(exc))
        self.assertEqual([], self.plugged())

    def test_plugged_ports_do_not_need_rmc(self):
        self.run_flow(self.plug_task(new_lpar=True))
        self.set_state('running', 'inactive')
        self.run_flow(self.plug_task())

    # -- revert -----------------------------------------------------------

    def test_revert(self):
        self.assertRaises(ValueError, self.run_flow,
                          self.plug_task(new_lpar=True), self.mgmt_task(),
                          _Fail())
        self.assertEqual([], self.plugged())

    def test_revert_leaves_what_was_there_before(self):
        self.run_flow(self.plug_task(self.vifs[:1], new_lpar=True),
                      self.mgmt_task())
        before = self.plugged()
        self.assertRaises(ValueError, self.run_flow, self.plug_task(),
                          self.mgmt_task(), _Fail())
        self.assertEqual(before, self.plugged())

    def test_revert_when_the_second_port_fails(self):
        self.fault('PUT', 'ClientNetworkAdapter', nth=2)
        self.assertRaises(nova_exc.VirtualInterfacePlugException,
                          self.run_flow, self.plug_task(new_lpar=True))
        self.assertEqual([], self.plugged())

    def test_revert_when_the_answer_was_lost(self):
        self.fault('PUT', 'ClientNetworkAdapter', effect='drop_after')
        self.assertRaises(nova_exc.VirtualInterfacePlugException,
                          self.run_flow, self.plug_task(new_lpar=True))
        self.assertEqual([], self.plugged())

    def test_the_agent_cannot_be_told(self):
        """It may look at the adapters itself; the ports are plugged."""
        self.flags(send_vif_events=True, group='powervm')
        self.fault('PUT', '/Event$')
        self.run_flow(self.plug_task(new_lpar=True))
        self.assertEqual(2, len(self.plugged()))

    def test_revert_when_neutron_does_not_answer(self):
        wait = self.virtapi.wait_for_instance_event.return_value
        wait.__exit__.side_effect = nova_exc.InstanceEventTimeout
        self.assertRaises(nova_exc.VirtualInterfaceCreateException,
                          self.run_flow, self.plug_task(new_lpar=True))
        self.assertEqual([], self.plugged())

    def test_revert_before_execute_and_twice(self):
        plug = self.plug_task(new_lpar=True)
        plug.revert(None, {}, self.lpar_w)
        self.assertEqual([], self.requests())
        plug.execute(self.lpar_w)
        plug.revert(None, {}, self.lpar_w)
        plug.revert(None, {}, self.lpar_w)
        self.assertEqual([], self.plugged())

    def assert_not_undone(self, name, *tasks):
        error = self.assertRaises(ValueError, self.run_flow, *tasks, _Fail())
        self.assertEqual([name], tf_base.failed_reverts(error))

    def test_revert_that_fails(self):
        """What could be removed is removed, and what stays is told."""
        self.fault('DELETE', 'ClientNetworkAdapter')
        self.assert_not_undone('plug_vifs', self.plug_task(new_lpar=True))
        self.assertEqual(1, len(self.plugged()))

    def test_revert_that_finds_no_adapters(self):
        self.fault('GET', 'ClientNetworkAdapter')
        self.assert_not_undone(
            'plug_vifs', self.plug_task([self.vifs[0]], new_lpar=True))

    def test_revert_of_the_management_adapter_fails(self):
        self.fault('DELETE', 'ClientNetworkAdapter', nth=1)
        self.assert_not_undone('plug_mgmt_vif', self.plug_task(new_lpar=True),
                               self.mgmt_task())
        self.assertEqual(1, len(self.plugged()))

    # -- unplug -----------------------------------------------------------

    def test_unplug(self):
        self.run_flow(self.plug_task(new_lpar=True), self.mgmt_task())
        self.requests()
        self.run_flow(self.unplug_task())
        self.assertEqual(
            ['GET ClientNetworkAdapter'] +
            ['DELETE ClientNetworkAdapter'] * 2, self.requests())
        self.assertEqual(1, len(self.plugged()))
        self.run_flow(self.unplug_task())

    def test_unplug_at_destroy(self):
        self.run_flow(self.plug_task(new_lpar=True))
        self.requests()
        # The flow of destroy does not read the LPAR.
        tf_base.run(linear_flow.Flow('destroy').add(
            self.unplug_task(lpar_going=True)))
        self.assertEqual(['GET ClientNetworkAdapter'], self.requests())

    def test_unplug_at_destroy_when_the_lpar_is_gone(self):
        self.simulated.remove(self.lpar(self.instance))
        self.requests()
        tf_base.run(linear_flow.Flow('destroy').add(
            self.unplug_task(lpar_going=True)))
        self.assertEqual(['GET ClientNetworkAdapter'], self.requests())

    def test_unplug_without_rmc(self):
        self.run_flow(self.plug_task(new_lpar=True))
        self.set_state('running', 'inactive')
        exc = self.assertRaises(nova_exc.VirtualInterfaceUnplugException,
                                self.run_flow, self.unplug_task())
        self.assertIn('RMC', str(exc))
        self.assertEqual(2, len(self.plugged()))

    def test_no_ports_to_unplug(self):
        self.vifs = []
        self.run_flow(self.unplug_task())
        self.assertEqual([], self.requests())


class RevertsTest(tasks_base.TaskTestCase):
    """The adapters of other LPARs stay, and those of before, see base."""

    def setUp(self):
        super().setUp()
        self.lpar_w = self.create_lpar()

    def plug(self, *numbers, **kwargs):
        """Make a function that makes the tasks that plug ports."""
        return lambda: [
            tasks_base.Provide(lpar_wrap=self.lpar_w),
            tf_net.PlugVifs(None, self.host, self.instance,
                            [self.make_vif(number) for number in numbers],
                            **kwargs)]

    def plug_all(self):
        return [*self.plug(1, new_lpar=True)(),
                tf_net.PlugMgmtVif(self.host, self.instance)]

    def test_new_lpar(self):
        self.assert_undone(self.plug_all)

    def test_lpar_with_ports(self):
        self.run_flow(*self.plug_all())
        self.assert_undone(self.plug(1, 2, 3))

    def test_mgmt_adapter_that_was_there(self):
        self.run_flow(*self.plug_all())
        before = self.platform.state()
        cnas = driver.read_adapters(self.host, self.instance)
        self.run_to_the_end(
            tasks_base.Provide(lpar_wrap=self.lpar_w, vm_adapters=cnas),
            tf_net.PlugMgmtVif(self.host, self.instance))
        self.assert_site(before)

    def test_slots(self):
        """The map of the server learns what comes and goes."""
        slots = mock.Mock()
        slots.vnet_slot.return_value = None
        tasks = self.plug(1, new_lpar=True, slots=slots)()
        [cna] = self.run_flow(*tasks)['vm_adapters']
        slots.record_vnets.assert_called_once_with([cna], complete=['CNA'])
        self.run_flow(tasks[0], tf_net.UnplugVifs(
            self.host, self.instance, [self.make_vif(1)], slots=slots))
        [[macs], _kwargs] = slots.drop_vnets.call_args
        self.assertEqual([self.make_vif(1)['address']], list(macs))
