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

"""Tests of the exceptions."""

import inspect
import re

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import short_text

#: They refuse an operation on one server, not the start.
OF_SERVERS = ('SnapshotNotSupported', 'FabricPortNotFound')


class ExceptionTest(base.TestCase):

    def test_messages(self):
        for name, cls in inspect.getmembers(exception, inspect.isclass):
            if cls is exception.FaultOfThisHost:
                # A mark of others, which have messages.
                continue
            keys = re.findall(r'%\((\w+)\)', cls.msg_fmt)
            exc = cls(**{key: 7 for key in keys})
            self.assertNotIn('%(', str(exc), name)
            self.assertIsInstance(exc, nova_exc.NovaException, name)

    def test_one_line_for_each_option(self):
        """What tells of an option fits a line, whatever the platform has."""
        for name, cls in inspect.getmembers(exception, inspect.isclass):
            if '[powervm]' not in getattr(cls, 'msg_fmt', '') or (
                    name in OF_SERVERS):
                continue
            self.assertTrue(issubclass(cls, exception.OneLine), name)
            keys = re.findall(r'%\((\w+)\)(\w)', cls.msg_fmt)
            for value in ('x' * 90, ['system-%d' % n for n in range(40)]):
                exc = cls(**{key: 7 if kind == 'd' else value
                             for key, kind in keys})
                self.assertLessEqual(len(str(exc)), short_text.LIMIT, name)

    def test_abort(self):
        # Of what is not in Nova's list of reasons to abort a build.
        self.assertTrue(issubclass(exception.InvalidFlavor,
                                   nova_exc.InvalidInput))
        self.assertFalse(issubclass(exception.PowerVMAPIFailed,
                                    nova_exc.InvalidInput))

    def test_power_vm_api_failed(self):
        self.assertEqual(
            'PowerVM API failed to complete for instance=inst. Because.',
            str(exception.PowerVMAPIFailed(inst_name='inst',
                                           reason='Because.')))
