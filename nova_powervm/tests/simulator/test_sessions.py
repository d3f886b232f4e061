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

"""Logon, logoff and expiry."""

import gc
import os
import stat

from pypowervm import adapter as pvm_adapter
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import managed_system
import testtools

from nova_powervm.tests import fixtures


class TestSessions(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]

    def session(self, **kwargs):
        session = pvm_adapter.Session(
            'localhost', protocol='http', port=self.host.port, **kwargs)
        self.addCleanup(session._logoff)
        return session

    def test_password(self):
        session = self.session(username='neo', password='abc123')
        self.assertEqual('PVM', session.mc_type)
        self.assertFalse(session.traits.local_api)
        self.assertEqual(['neo'], [s['user'] for s in
                                   self.host.sessions.state()])

    def test_wrong_password(self):
        for user, password in (('neo', 'wrong'), ('trinity', 'abc123'),
                               ('neo', '')):
            exc = self.assertRaises(pvm_exc.HttpError, pvm_adapter.Session,
                                    'localhost', user, password,
                                    protocol='http', port=self.host.port)
            self.assertEqual(401, exc.response.status)
            self.assertIn('the password is wrong', str(exc))

    def test_file(self):
        session = self.session()
        self.assertTrue(session.traits.local_api)
        directory = os.path.join(self.host.data_dir, 'sessions')
        names = os.listdir(directory)
        self.assertEqual(1, len(names))
        mode = os.stat(os.path.join(directory, names[0])).st_mode
        self.assertEqual(0o600, stat.S_IMODE(mode))
        systems = managed_system.System.get(pvm_adapter.Adapter(session))
        self.assertEqual(1, len(systems))
        session._logoff()
        self.assertEqual([], os.listdir(directory))
        self.assertEqual([], self.host.sessions.state())

    def test_many_sessions(self):
        """A request takes no longer for those that others have left."""
        sessions = self.host.sessions
        token = sessions.logon_password('neo', 'abc123').token
        looked = []
        is_over = sessions._is_over
        self.patch(sessions, '_is_over', lambda *args: looked.append(1) or
                   is_over(*args))
        for _ in range(1000):
            sessions.logon_password('neo', 'abc123')
        self.assertLess(len(looked), 2500)
        looked.clear()
        sessions.check(token)
        self.assertEqual(1, len(looked))
        # Old ones go at last.
        with self.site.lock:
            self.site.clock.advance(10 ** 8)
        for _ in range(1000):
            sessions.logon_password('neo', 'abc123')
        self.assertLess(len(sessions._by_token), 1100)

    def test_end_of_a_session_object(self):
        session = pvm_adapter.Session('localhost', protocol='http',
                                      port=self.host.port)
        self.assertEqual(1, len(self.host.sessions.state()))
        del session
        gc.collect()
        self.assertEqual([], self.host.sessions.state())

    def test_no_token(self):
        client = fixtures.Client(self.host)
        for path in ('/rest/api/uom/ManagedSystem', '/rest/api/uom/Event',
                     '/rest/api/web/File/contents/1', '/rest/api/uom/Nope'):
            reply = client.get(path)
            self.assertEqual(401, reply.status, path)
            self.assertEqual('401', reply.text('HTTPStatus'))

    def test_logon_again_after_expiry(self):
        adapter = self.useFixture(fixtures.Adapter(self.host)).adapter
        managed_system.System.get(adapter)
        self.assertEqual(1, self.host.sessions.expire_all())
        managed_system.System.get(adapter)
        statuses = [r['status'] for r in self.host.journal.records()]
        self.assertEqual([200, 200, 401, 200, 200], statuses)

    def test_idle(self):
        client = self.useFixture(fixtures.Client(self.host))
        limit = self.site.timing['session_idle_seconds']
        path = '/rest/api/uom/ManagedSystem'
        for _ in range(3):
            self.site.clock.advance(limit * 0.9)
            self.assertEqual(200, client.get(path).status)
        self.site.clock.advance(limit + 1)
        self.assertEqual(401, client.get(path).status)
        self.assertEqual([], self.host.sessions.state())

    def test_absolute_end(self):
        client = self.useFixture(fixtures.Client(self.host))
        limit = self.site.timing['session_max_seconds']
        step = self.site.timing['session_idle_seconds'] * 0.9
        statuses = set()
        for _ in range(int(limit / step) + 2):
            self.site.clock.advance(step)
            statuses.add(client.get('/rest/api/uom/ManagedSystem').status)
        self.assertEqual({200, 401}, statuses)

    def test_logoff_of_nobody(self):
        reply = fixtures.Client(self.host).request('DELETE',
                                                   '/rest/api/web/Logon')
        self.assertEqual(204, reply.status)
