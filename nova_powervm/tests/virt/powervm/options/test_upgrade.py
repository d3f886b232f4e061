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

"""Tests of what nova-powervm upgrade check tells."""

import contextlib
import importlib.machinery
import io
import os
from unittest import mock

from nova.virt import node
from oslo_upgradecheck import upgradecheck

from nova_powervm.tests.virt.powervm.options import test_static
from nova_powervm.virt.powervm.options import upgrade

Code = upgradecheck.Code
READ_UUID = node.read_local_node_uuid


class UpgradeTest(test_static.OptionsCase):

    def setUp(self):
        super().setUp()
        # Nova's tests have no file.
        self.stub_out('nova.virt.node.read_local_node_uuid', READ_UUID)
        self.write_id('0f5b1f0e-5d4c-4d0c-9b0a-6e1d5a7b8c9d')

    def write_id(self, text):
        with open(os.path.join(self.folder, 'compute_id'), 'w') as out:
            out.write(text)

    def check(self, **options):
        """Run the checks: (Code, what they print in one line)."""
        self.configure(**options)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = upgrade.Checks().check()
        return code, ' '.join(printed.getvalue().replace('|', ' ').split())

    def test_good(self):
        code, said = self.check()
        self.assertEqual(Code.SUCCESS, code, said)
        self.assertEqual(4, said.count('Result: Success'))

    def test_bad_options(self):
        code, said = self.check(rbd_user='x', proc_units_factor='2')
        self.assertEqual(Code.FAILURE, code)
        self.assertIn('rbd_user is set, but not known', said)
        self.assertIn('proc_units_factor=2 cannot be used', said)

    def test_releases_of_nova(self):
        for release, wanted in (('33.1.0', Code.FAILURE),
                                ('34.2.0', Code.SUCCESS),
                                ('35.0.0.0rc1', Code.WARNING)):
            with mock.patch.object(upgrade.metadata, 'version',
                                   return_value=release):
                code, said = self.check()
            self.assertEqual(wanted, code, said)
            if code:
                self.assertIn('Nova %s is installed' % release, said)

    def test_driver_is_not_installed(self):
        with mock.patch.object(upgrade.util, 'find_spec', return_value=None):
            code, said = self.check()
        self.assertEqual(Code.FAILURE, code)
        self.assertIn('cannot be imported: install', said)

    def test_package_of_9_0_0_is_left(self):
        path = '/opt/nova/virt/powervm_ext/__init__.py'
        spec = importlib.machinery.ModuleSpec('x', None, origin=path)
        with mock.patch.object(upgrade.util, 'find_spec', return_value=spec):
            code, said = self.check()
        self.assertEqual(Code.FAILURE, code)
        self.assertIn(path + ' is of another nova-', said)

    def test_no_compute_id(self):
        """A host that is new to Nova has none: no failure."""
        os.unlink(os.path.join(self.folder, 'compute_id'))
        code, said = self.check()
        self.assertEqual(Code.WARNING, code)
        self.assertIn('no file compute_id', said)

    def test_bad_compute_id(self):
        self.write_id('powervm1')
        code, said = self.check()
        self.assertEqual(Code.FAILURE, code)
        self.assertIn('compute_id', said)
