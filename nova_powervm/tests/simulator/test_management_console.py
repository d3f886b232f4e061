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

"""The management console, through pypowervm."""

import base64

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import management_console as pvm_mc
from pypowervm.wrappers import management_console as pvm_mc_wrap

from nova_powervm.tests.simulator import network_base


class TestManagementConsole(network_base.NetworkTestCase):

    def test_document(self):
        console, = pvm_mc_wrap.ManagementConsole.get(self.adapter)
        self.assertEqual('novalink1', console.name)
        self.assertEqual(self.host.system.serial, console.mtms.serial)
        self.assertIsNotNone(console.network_interfaces)

    def test_public_key(self):
        kind, blob, _comment = pvm_mc.get_public_key(self.adapter).split()
        self.assertEqual('ssh-rsa', kind)
        self.assertIn(b'ssh-rsa', base64.b64decode(blob, validate=True))

    def test_add_keys(self):
        self.assertEqual((), pvm_mc.get_authorized_keys(self.adapter))
        for key in ('ssh-rsa AAA one', 'ssh-rsa BBB two', 'ssh-rsa AAA one'):
            pvm_mc.add_authorized_key(self.adapter, key)
        self.assertEqual(('ssh-rsa AAA one', 'ssh-rsa BBB two'),
                         pvm_mc.get_authorized_keys(self.adapter))

    def test_stays(self):
        console, = pvm_mc_wrap.ManagementConsole.get(self.adapter)
        self.assertRaises(pvm_exc.HttpError, console.delete)
