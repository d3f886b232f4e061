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

"""The methods of the driver for consoles.

They continue the table of contents that driver.py is.
"""

import typing

from nova.console import type as console_type
from nova.virt import driver

from nova_powervm.virt.powervm import operations


@operations.counted()
class ConsoleMethods(driver.ComputeDriver):
    """Consoles; the arguments are those of ComputeDriver."""

    services: typing.Any = None

    def get_vnc_console(self, context, instance):
        return console_type.ConsoleVNC(*self.services.consoles.vnc(instance))

    def get_serial_console(self, context, instance):
        return console_type.ConsoleSerial(
            *self.services.consoles.serial(instance))

    def get_console_output(self, context, instance):
        """Return what is logged: str with a character for each byte."""
        return self.services.consoles.output(instance).decode('latin-1')
