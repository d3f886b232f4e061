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

"""Where flows open and close consoles."""

import dataclasses
from unittest import mock

from nova_powervm.tests.virt.powervm import base as unit_base
from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.console import service
from nova_powervm.virt.powervm.flows import destroy
from nova_powervm.virt.powervm.flows import live_migration
from nova_powervm.virt.powervm.flows import load_source
from nova_powervm.virt.powervm.flows import power
from nova_powervm.virt.powervm.flows import spawn


class ConsoleStepsTest(unit_base.TestCase):

    def names(self, function, keeps_logs=True, has_consoles=True, **kwargs):
        """The names of the tasks of a flow."""
        server = base.Server()
        consoles = mock.NonCallableMock(spec=service.Consoles,
                                        keeps_logs=keeps_logs)
        services = dataclasses.replace(
            server.services(), consoles=consoles if has_consoles else None)
        flow = function(services, instance=server.instance(), **kwargs)
        return [task.name for task in flow]

    def test_log_begins_before_the_server(self):
        names = self.names(power.power_on, block_device_info=None)
        self.assertEqual(['keep_console_log', 'pwr_vm'], names)
        names = self.names(power.soft_reboot, block_device_info=None)
        self.assertEqual(['keep_console_log', 'reboot_vm'], names)

    def test_each_start(self):
        """Each flow that starts a server does it with load_source."""
        self.assertEqual(
            {'add_power_on', 'add_power_back_on', 'add_reboot'},
            {name for name in vars(load_source) if name.startswith('add_')})

    def test_new_server(self):
        names = self.names(
            spawn.spawn, context=None, image_meta=None, injected_files=[],
            admin_password=None, network_info=[],
            block_device_info=base.Server().block_device_info())
        self.assertLess(names.index('crt_vm'),
                        names.index('keep_console_log'))
        self.assertEqual('pwr_vm', names[names.index('keep_console_log') + 1])

    def test_no_log(self):
        for kwargs in ({'keeps_logs': False}, {'has_consoles': False}):
            self.assertEqual(['pwr_vm'], self.names(
                power.power_on, block_device_info=None, **kwargs))

    def test_deleted(self):
        for destroy_disks in (True, False):
            names = self.names(destroy.destroy, network_info=[],
                               destroy_disks=destroy_disks)
            self.assertLess(names.index('pwr_off_vm'),
                            names.index('close_console'))
            self.assertLess(names.index('close_console'),
                            names.index('dlt_vm'))
        self.assertNotIn('close_console', self.names(
            destroy.destroy, network_info=[], has_consoles=False))

    def test_live_migration(self):
        names = self.names(live_migration.submit, migration=None,
                           parameters={})
        self.assertEqual(['close_console', 'submit_migration'], names)
        self.assertEqual(['keep_console_log'], self.names(
            live_migration.roll_back_at_source))
        self.assertIn('keep_console_log', self.names(
            live_migration.finish_on_target, context=None, network_info=[]))
