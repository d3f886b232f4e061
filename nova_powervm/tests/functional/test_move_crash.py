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

"""Kill nova-compute at every REST request of a move.

A server that was still on its way out is brought back when nova-compute
starts again. In a later phase Nova leaves that to an operator, who resets the
state of the server and reboots it.
"""

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import test_cold_migration
from nova_powervm.tests.functional import test_crash_walk
from nova_powervm.tests.functional import test_resize


class CrashMixin:
    """Moves of self.server while nova-compute on compute1 dies."""

    # Those of the dead expire some time.
    WITH_SESSIONS = False

    def walk(self, action, body, check, answered):
        """Die at each request, until none is left to die at."""
        number = 1
        while self.crash_at(number, action, body, check, answered):
            number += 1
        return number - 1

    def crash_at(self, number, action, body, check, answered):
        killer = test_crash_walk.Killer(
            self.driver.rooms.host.adapter.session, number, answered)
        self.api.post_server_action(self.server['id'], {action: body})
        self.wait_for(lambda: killer.dead.is_set() or self.api.get_server(
            self.server['id'])['status'] == 'VERIFY_RESIZE')
        crashed = killer.dead.is_set()
        killer.disarm()
        if crashed:
            self.driver.events.shutdown()
            self.compute = self.restart_compute_service(self.compute)
        after = self.api.get_server(self.server['id'])
        check(after, 'killed at request %d, %s' % (
            number, after['OS-EXT-STS:task_state']))
        return crashed

    def assert_back(self, message):
        self.assertEqual('ACTIVE', self.settled(self.server)['status'],
                         message)
        self.assert_state_equal(self.before, self.platform_state(), message)


class ResizeCrashTest(CrashMixin, test_resize.MoveMixin,
                      base.PowerVMTestCase):

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.make_server()

    def make_server(self):
        self.server = self.boot(flavor_id=self.small)
        self.before = self.platform_state()

    def check(self, after, message):
        if after['status'] == 'VERIFY_RESIZE':
            self.act(self.server, 'revertResize')
        elif after['OS-EXT-STS:task_state'] == 'resize_finish':
            self.recover(message)
            return
        self.assert_back(message)

    def recover(self, message):
        """What an operator does; Nova has the new flavor by now."""
        self.act(self.server, 'os-resetState', {'state': 'error'})
        self.assertEqual('ACTIVE', self.act(
            self.server, 'reboot', {'type': 'HARD'})['status'], message)
        self.assertEqual((4096, 2, 5), self.size_of(self.server), message)
        self.assertIsNone(self.delete(self.server))
        self.make_server()

    def test_killed_before_the_request_is_sent(self):
        self.assertGreater(self.walk(
            'resize', {'flavorRef': self.large}, self.check, False), 7)

    def test_killed_before_the_answer_is_read(self):
        self.assertGreater(self.walk(
            'resize', {'flavorRef': self.large}, self.check, True), 7)


class LeaveCrashTest(platforms.SharedPool, CrashMixin,
                     test_cold_migration.TwoHostMixin, base.PowerVMTestCase):

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.server = self.boot_on_first()
        self.before = self.platform_state()

    def check(self, after, message):
        if after['status'] == 'VERIFY_RESIZE':
            self.act(self.server, 'revertResize')
        self.assert_back(message)

    def test_killed_before_the_request_is_sent(self):
        self.assertGreater(self.walk('migrate', None, self.check, False), 6)

    def test_killed_before_the_answer_is_read(self):
        self.assertGreater(self.walk('migrate', None, self.check, True), 6)


class ConfirmCrashTest(platforms.SharedPool, CrashMixin,
                       test_cold_migration.TwoHostMixin,
                       base.PowerVMTestCase):
    """The source of a server that has moved dies while it is cleaned up.

    The server lives on the target; when it is deleted, nothing is left.
    """

    PROFILE = 'ssp-two-host'
    CAST_AS_CALL = False

    def setUp(self):
        super().setUp()
        self.delete(self.boot_on_first())
        self.empty = self.platform_state()

    def walk_confirm(self, answered):
        number = 1
        while self.crash_confirm(number, answered):
            number += 1
        return number - 1

    def crash_confirm(self, number, answered):
        server = self.boot_on_first()
        self.migrate(server)
        killer = test_crash_walk.Killer(
            self.driver.rooms.host.adapter.session, number, answered)
        self.api.post_server_action(server['id'], {'confirmResize': None})
        self.wait_for(lambda: killer.dead.is_set() or self.api.get_server(
            server['id'])['status'] == 'ACTIVE')
        crashed = killer.dead.is_set()
        killer.disarm()
        if crashed:
            self.driver.events.shutdown()
            self.compute = self.restart_compute_service(self.compute)
            self.computes['compute1'] = self.compute
        message = 'killed at request %d' % number
        self.assertEqual('running', self.lpars_of(server)['compute2'], message)
        self.assertIsNone(self.delete(server), message)
        self.reap()
        self.assert_state_equal(self.empty, self.platform_state(), message)
        return crashed

    def test_killed_before_the_request_is_sent(self):
        self.assertGreater(self.walk_confirm(False), 4)

    def test_killed_before_the_answer_is_read(self):
        self.assertGreater(self.walk_confirm(True), 4)
