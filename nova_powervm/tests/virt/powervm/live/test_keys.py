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

"""The keys that NovaLinks log on to one another with."""

from nova_powervm.tests.virt.powervm.live import base
from nova_powervm.virt.powervm.live import keys


class KeysTest(base.LiveTestCase):

    def setUp(self):
        super().setUp()
        self.keys = keys.Keys(self.target)
        self.site.hosts[1].journal.clear()
        self.console, = self.site.hosts[1].store.all('ManagementConsole')

    def test_own_is_read_once(self):
        source = keys.Keys(self.host)
        self.assertTrue(source.own().startswith('ssh-rsa '))
        self.assertEqual(source.own(), source.own())
        self.assertEqual(['GET ManagementConsole'], self.requests())

    def test_authorize(self):
        key = keys.Keys(self.host).own()
        self.keys.authorize(key)
        self.keys.authorize(key)
        self.assertEqual([key], self.console.authorized_keys)
        self.simulated = self.site.hosts[1]
        self.assertEqual(['GET ManagementConsole', 'POST ManagementConsole'],
                         self.requests())

    def test_others_stay(self):
        with self.site.lock:
            self.console.authorized_keys = ['ssh-rsa AAAA somebody']
            self.console.touch()
        self.keys.authorize('ssh-rsa BBBB us')
        self.assertEqual(['ssh-rsa AAAA somebody', 'ssh-rsa BBBB us'],
                         self.console.authorized_keys)

    def test_known_with_another_comment(self):
        with self.site.lock:
            self.console.authorized_keys = ['ssh-rsa AAAA somebody']
            self.console.touch()
        self.keys.authorize('ssh-rsa AAAA')
        self.assertEqual(['ssh-rsa AAAA somebody'],
                         self.console.authorized_keys)

    def test_forget(self):
        self.keys.authorize('ssh-rsa AAAA')
        with self.site.lock:
            self.console.authorized_keys = []
            self.console.touch()
        self.keys.authorize('ssh-rsa AAAA')
        self.assertEqual([], self.console.authorized_keys)
        self.keys.forget()
        self.keys.authorize('ssh-rsa AAAA')
        self.assertEqual(['ssh-rsa AAAA'], self.console.authorized_keys)
