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

"""The documentation shows the flows that there are, as they are."""

import glob
import os
import re
from unittest import mock

from nova.virt import fake
from oslo_config import fixture as config_fixture
from taskflow import engines
from taskflow.patterns import linear_flow
from taskflow import task
import testtools

from nova_powervm import conf as cfg
from nova_powervm.tests import test_docs
from nova_powervm.tests import tree
from nova_powervm.virt.powervm import actions
from nova_powervm.virt.powervm import driver
from nova_powervm.virt.powervm.flows import spawn
from nova_powervm.virt.powervm import services as powervm_services

_FLOW = re.compile(r'^\.\. flow:: (\S+)$', re.MULTILINE)


def shown():
    """Names of the flows that the pages show, as set of str."""
    found = set()
    for page in test_docs.pages():
        with open(page, encoding='utf-8') as text:
            found.update(_FLOW.findall(text.read()))
    return found


@tree.needs_source
class FlowDocsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(config_fixture.Config(cfg.CONF))
        self.walker = tree.load('doc', 'ext', 'flow_walk.py')

    def test_each_flow_is_on_a_page(self):
        self.assertEqual(sorted(self.walker.all_flows()), sorted(shown()))

    def test_flows_that_the_driver_runs_are_found(self):
        used = set()
        for path in (driver.__file__, *glob.glob(os.path.join(
                os.path.dirname(actions.__file__), '*.py'))):
            with open(path, encoding='utf-8') as source:
                used.update(re.findall(r'\bflow_(\w+\.\w+)', source.read()))
        self.assertLess({'spawn.spawn', 'destroy.destroy', 'volume.attach'},
                        used)
        helpers = {'spawn.own_disk_types'}
        self.assertEqual(set(), used - helpers - set(
            self.walker.all_flows()))

    def test_each_task_has_a_description(self):
        for name in self.walker.all_flows():
            self.assertTrue(self.walker.title(name), name)
            for step in self.walker.steps(name):
                self.assertTrue(step.what, (name, step))
                self.assertNotIn('\n', step.what)
                self.assertNotEqual('', step.undo, (name, step))

    def test_spawn_is_the_real_flow(self):
        """A spawn of the simplest server, composed without the walker."""
        stand_ins = self.walker.stand_ins({'own_boot_disk', 'power_on'})
        arguments = {name: stand_ins[name] for name in (
            'context', 'instance', 'image_meta', 'injected_files',
            'admin_password', 'network_info', 'block_device_info')}
        flow = spawn.spawn(powervm_services.Services(
            virtapi=fake.FakeVirtAPI(), host=mock.Mock(), disk=mock.Mock(),
            config_drive=mock.Mock(), mgmt=mock.Mock(), volumes=mock.Mock()),
            **arguments)
        steps = self.walker.steps('spawn.spawn')
        self.assertEqual(
            [task.name for task in flow],
            [step.name for step in steps if set(step.only) <= {
                'unless it boots from a volume', 'if it is to be on'}])
        self.assertEqual([task.name for task in self.walker.tasks(
            'spawn.spawn')], [step.name for step in steps])

    def test_all_of_a_spawn(self):
        """Names and order that readers of logs know."""
        steps = {step.name: step for step in
                 self.walker.steps('spawn.spawn')}
        self.assertEqual(
            ['keep_host', 'crt_vm', 'plug_vifs', 'plug_mgmt_vif',
             'crt_disk_from_img', 'connect_disk', 'crt_blank_disks',
             'connect_blank_disks', 'discover_volumes', 'connect_volumes',
             'tag_devices', 'crt_cfg_drive', 'cfg_drive',
             'detach_stale_mappings', 'update_vioses', 'save_volumes',
             'keep_console_log', 'pwr_vm', 'save_slot_store'], list(steps))
        self.assertEqual('Delete the LPAR, if there was none before',
                         steps['crt_vm'].undo)
        self.assertIsNone(steps['update_vioses'].undo)
        self.assertEqual(['lpar_wrap'], steps['plug_vifs'].needs)
        self.assertEqual(['with a config drive'], steps['cfg_drive'].only)

    def test_values_come_from_earlier_tasks(self):
        for name in self.walker.all_flows():
            given = set()
            for step in self.walker.steps(name):
                self.assertLessEqual(set(step.needs), given, (name, step))
                given.update(step.gives)

    def test_a_task_without_revert_is_shown_so(self):
        steps = {step.name: step for step in
                 self.walker.steps('power.hard_reboot')}
        self.assertIsNone(steps['restore_own_disks'].undo)

    def test_flows_compile(self):
        for name in self.walker.all_flows():
            engine = engines.load(self.walker.build(name))
            engine.compile()

    def test_nested_flows(self):
        inner = linear_flow.Flow('inner').add(task.FunctorTask(len, 'two'))
        outer = linear_flow.Flow('outer').add(
            task.FunctorTask(len, 'one'), inner,
            task.FunctorTask(len, 'three'))
        self.assertEqual(
            [('one', []), ('two', ['inner']), ('three', [])],
            [(found.name, part_of) for found, part_of in
             self.walker._walk(outer)])

    def test_a_parameter_without_stand_in_is_told(self):
        def new_flow(services, something):
            """Flow that nobody knows."""

        self.assertIn('something', str(self.assertRaises(
            LookupError, self.walker._call, new_flow)))

    def test_another_flow_is_not_called_a_part(self):
        """What has another order in some circumstances is told."""
        with mock.patch.object(
                self.walker, 'tasks', side_effect=lambda name, given, *args:
                [mock.Mock(), mock.Mock()]):
            self.assertRaises(ValueError, self.walker._dependent, 'x.y', None)
