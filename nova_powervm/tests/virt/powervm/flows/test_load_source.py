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

"""Each flow that starts a server tags before what IBM i is to boot from."""

import ast
import inspect

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.tests.virt.powervm import test_flow_layout
from nova_powervm.virt.powervm import flows
from nova_powervm.virt.powervm.flows import migrate
from nova_powervm.virt.powervm.flows import power
from nova_powervm.virt.powervm.flows import rescue
from nova_powervm.virt.powervm.flows import resize
from nova_powervm.virt.powervm.flows import snapshot
from nova_powervm.virt.powervm.flows import spawn
from nova_powervm.virt.powervm.flows import volume as flow_volume
from nova_powervm.virt.powervm.tasks import load_source as tf_load
from nova_powervm.virt.powervm.tasks import vm as tf_vm
from nova_powervm.virt.powervm.volume import npiv
from nova_powervm.virt.powervm.volume import vscsi

IBMI = {'image_os_distro': 'ibmi'}
STARTS = ('pwr_vm', 'pwr_back_on', 'reboot_vm')
# (Function, arguments that do not follow from the server.)
FLOWS = (
    (spawn.spawn, {}), (spawn.rebuild, {}), (power.power_on, {}),
    (power.hard_reboot, {}), (power.soft_reboot, {}),
    (resize.prepare, {'was_on': True}), (resize.finish, {'power_on': True}),
    (resize.revert, {'power_on': True}),
    (migrate.prepare_on_source, {'was_on': True}),
    (migrate.revert_on_source, {'power_on': True}),
    (flow_volume.swap, {'was_on': True, 'may_stop': True}))
# Not done to servers that boot from volumes.
FLOWS_OF_DISKS = FLOWS + ((snapshot.snapshot, {'was_on': True}),)
# What only other systems can do, or what is done to a server that runs: it
# was started before.
OTHERS = {'_add_boot_from', 'rescue', 'crash_dump'}


class LoadSourceTest(base.FlowTestCase):

    def starts(self, function, arguments, **server):
        """The tasks of a flow that start its server; at least one."""
        transport = server.get('transport', 'vscsi')
        system = server.pop('system', {})
        flow = self.build(function, base.Server(attrs={
            'system_metadata': {**base.metadata(transport), **system}},
            **server), **arguments)
        self.assert_fits(flow)
        found = [task for task in flow if task.name in STARTS]
        self.assertNotEqual([], found)
        return found

    def test_ibmi(self):
        for function, arguments in FLOWS_OF_DISKS:
            for task in self.starts(function, arguments, system=IBMI):
                self.assertIsInstance(
                    task, (tf_load.PowerOn, tf_load.PowerBackOn,
                           tf_load.Reboot))
                # The boot disk is one of the driver's.
                self.assertEqual('boot', task.source._find.args[2])

    def test_rescue_that_is_refused(self):
        """It boots again as before; the rescue disk goes without tags."""
        back_on, _rescued = self.starts(rescue.rescue, {'was_on': True},
                                        system=IBMI)
        self.assertIsInstance(back_on, tf_load.PowerBackOn)
        self.assertEqual('boot', back_on.source._find.args[2])

    def test_others(self):
        for function, arguments in FLOWS_OF_DISKS:
            for task in self.starts(function, arguments):
                self.assertIn(type(task), (tf_vm.PowerOn, tf_vm.PowerBackOn,
                                           tf_vm.Reboot))

    def test_boot_volume(self):
        for transport, cls, group in (
                ('vscsi', vscsi.VscsiTransport, 'ViosSCSIMapping'),
                ('npiv', npiv.NpivTransport, 'ViosFCMapping')):
            for function, arguments in FLOWS:
                for task in self.starts(
                        function, arguments, system=IBMI, boot_volume=True,
                        volumes=1, transport=transport):
                    volumes = task.source._find.__self__
                    self.assertEqual([cls], list(map(type,
                                                     volumes.transports)))
                    self.assertEqual([base.VOLUME % 0], volumes.ids)
                    self.assertLessEqual({'ViosSCSIMapping', group},
                                         set(task.source._xag))

    def test_boot_volume_that_is_swapped(self):
        """It boots from the new one; after a failure, from the old one."""
        server = base.Server(attrs={'system_metadata': IBMI},
                             boot_volume=True)
        flow = self.build(
            flow_volume.swap, server,
            old_connection_info=base.connection_info(0),
            new_connection_info=base.connection_info(22),
            was_on=True, may_stop=True)
        for name, number in (('pwr_vm', 22), ('pwr_back_on', 0)):
            self.assertEqual([base.VOLUME % number], self.task(
                flow, name).source._find.__self__.ids)

    def test_only_this_module_starts_servers(self):
        """A flow that adds such a task itself would forget IBM i."""
        found = set()
        for name, module in test_flow_layout.modules(flows).items():
            if name == 'load_source':
                continue
            for function in ast.walk(ast.parse(inspect.getsource(module))):
                if isinstance(function, ast.FunctionDef):
                    found.update(function.name for node in ast.walk(function)
                                 if isinstance(node, ast.Attribute) and
                                 node.attr in ('PowerOn', 'PowerBackOn',
                                               'BootFrom', 'Reboot',
                                               'TriggerCrashDump'))
        self.assertEqual(OTHERS, found)
