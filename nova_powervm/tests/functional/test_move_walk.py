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

"""Break every REST request of a move, one after the other.

A move that fails before the server has left its host gives back the server
as it was. One that fails later leaves a server that a hard reboot makes
usable, as Nova advises then. Nothing is lost, and nothing is left when the
server is deleted.
"""

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import test_cold_migration
from nova_powervm.tests.functional import test_fault_walk
from nova_powervm.tests.functional import test_resize


class MoveWalkMixin(test_fault_walk.FaultWalkMixin):
    """Walks over the requests of moves of self.server."""

    def act_on_server(self, action, body=None):
        return lambda _none: self.act(self.server, action, body)

    def assert_status(self, expected, server, message):
        self.assertEqual(expected, server['status'], message)

    def reboot(self, message):
        """Make the server usable again."""
        after = self.act(self.server, 'reboot', {'type': 'HARD'})
        self.assertEqual('ACTIVE', after['status'],
                         '%s; %s' % (message, after.get('fault')))

    def take_back(self, _none, after, message):
        """End as before a move; nothing of it may have failed for good."""
        if after['status'] == 'VERIFY_RESIZE':
            after = self.act(self.server, 'revertResize')
        self.assert_status('ACTIVE', after, message)
        self.assert_back(message)

    def assert_back(self, message):
        """The server is as it was."""
        self.assert_state_equal(self.before, self.platform_state(), message)


class ResizeWalkMixin(MoveWalkMixin, test_resize.MoveMixin):
    """Each walk is over one server, from which nothing is ever lost."""

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.server = self.boot(flavor_id=self.small)
        self.before = self.platform_state()

    def walk_resize(self, effect):
        return self.walk(effect, test_fault_walk.Operation(
            act=self.act_on_server('resize', {'flavorRef': self.large}),
            undo=self.take_back))

    def walk_revert(self, effect):
        return self.walk(effect, test_fault_walk.Operation(
            prepare=lambda: self.resize(self.server, self.large),
            act=self.act_on_server('revertResize'),
            undo=self.undo_revert))

    def undo_revert(self, _none, after, message):
        if after['status'] == 'ERROR':
            self.reboot(message)
        self.assert_state_equal(self.before, self.platform_state(), message)

    def walk_confirm(self, effect):
        return self.walk(effect, test_fault_walk.Operation(
            prepare=self.prepare_confirm,
            act=self.act_on_server('confirmResize'),
            undo=self.undo_confirm))

    def prepare_confirm(self):
        self.resize(self.server, self.large)

    def undo_confirm(self, _none, after, message):
        if after['status'] == 'ERROR':
            self.reboot(message)
        self.assertEqual((4096, 2, 5), self.size_of(self.server), message)
        self.assertEqual('running', self.lpar_of(self.server)['state'])
        self.assertIsNone(self.delete(self.server), message)
        self.server = self.boot(flavor_id=self.small)


class MigrationWalkMixin(MoveWalkMixin, test_cold_migration.TwoHostMixin):
    """Walks over a server on compute1 that moves to compute2.

    Classes have make_server(), which makes self.server, and assert_usable(),
    which looks whether it has all that belongs to it, and starts over.

    :ivar empty: the state of the platform without it.
    """

    def start_over(self, message):
        """Delete the server, of which nothing may be left; make another."""
        self.assertIsNone(self.delete(self.server), message)
        self.reap()
        self.assert_empty(message)
        self.make_server()

    def assert_empty(self, message):
        self.assert_state_equal(self.empty, self.platform_state(), message)

    def look_at(self, host):
        self.where = host

    def walk_leave(self, effect):
        """Requests to the source while the server leaves."""
        return self.walk(effect, test_fault_walk.Operation(
            prepare=lambda: self.look_at('compute1'),
            act=self.act_on_server('migrate'), undo=self.take_back))

    def walk_arrive(self, effect):
        """Requests to the target."""
        return self.walk(effect, test_fault_walk.Operation(
            prepare=lambda: self.look_at('compute2'),
            act=self.act_on_server('migrate'), undo=self.undo))

    def walk_confirm(self, effect):
        return self.walk(effect, test_fault_walk.Operation(
            prepare=lambda: self.prepare('compute1'),
            act=self.act_on_server('confirmResize'), undo=self.undo))

    def walk_revert_at_target(self, effect):
        return self.walk(effect, test_fault_walk.Operation(
            prepare=lambda: self.prepare('compute2'),
            act=self.act_on_server('revertResize'), undo=self.undo))

    def walk_revert_at_source(self, effect):
        return self.walk(effect, test_fault_walk.Operation(
            prepare=lambda: self.prepare('compute1'),
            act=self.act_on_server('revertResize'), undo=self.undo))

    def walk_evacuate(self, effect):
        """Requests to the target of a server whose host has died."""
        return self.walk(effect, test_fault_walk.Operation(
            prepare=self.prepare_evacuate,
            act=self.act_on_server('evacuate', {}),
            undo=self.undo_evacuate))

    def prepare_evacuate(self):
        self.compute.stop()
        self.force_down('compute1', True)
        self.look_at('compute2')

    def undo_evacuate(self, _none, after, message):
        """The host comes back; the server is used where Nova says it is."""
        self.compute = self.restart_compute_service(self.compute)
        self.computes['compute1'] = self.compute
        self.force_down('compute1', False)
        # Nova stops what it has evacuated, if it can.
        self.assertIn(after['status'], ('SHUTOFF', 'ACTIVE', 'ERROR'),
                      message)
        self.reboot(message)
        lpars = self.lpars_of(self.server)
        self.assertEqual('running', lpars.pop(self.where), message)
        # If all that failed was to stop it, Nova takes the evacuation for
        # failed: what has come is off, and goes with the server.
        self.assertLessEqual(set(lpars.values()), {'not activated'}, message)
        self.start_over(message)

    def prepare(self, where):
        """Migrate the server, with a larger disk to come."""
        self.resize(self.server, self.large)
        self.look_at(where)

    def undo(self, _none, after, message):
        """The server is back, or can be used where it is."""
        if after['status'] == 'VERIFY_RESIZE':
            self.take_back(_none, after, message)
            return
        if after['status'] == 'ERROR':
            self.reboot(message)
        host = self.host_of(self.server)
        self.assertEqual('running', self.lpars_of(self.server)[host], message)
        self.assert_usable(message)


class PoolMigrationMixin(platforms.SharedPool, MigrationWalkMixin):
    """The server has a disk in a Shared Storage Pool.

    :ivar before: the state of the platform with it.
    """

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.delete(self.boot_on_first())
        self.empty = self.platform_state()
        self.make_server()

    def make_server(self):
        """See MigrationWalkMixin."""
        self.server = self.boot_on_first()
        self.before = self.platform_state()

    def assert_usable(self, message):
        """See MigrationWalkMixin; another server only if this one moved."""
        self.assertEqual(
            {'b_', 'cf'}, {mapping['storage'][:2] for mapping in
                           self.mappings_of(self.server)}, message)
        self.assertEqual(2, len(self.macs_of(self.server)), message)
        flavor = self.api.get_server(self.server['id'])['flavor']
        self.assertEqual((flavor['ram'], flavor['vcpus'], flavor['disk']),
                         self.size_of(self.server), message)
        if self.platform_state() != self.before:
            self.assertNotEqual('compute1', self.where, message)
            self.start_over(message)


@test_fault_walk.walks('resize', 8, with_etag=1)
class ResizeTest(ResizeWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('revert', 7, with_etag=1)
class RevertTest(ResizeWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('confirm', 2, with_etag=1)
class ConfirmTest(ResizeWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('confirm', 2, with_etag=1)
class ConfirmOnSharedPoolTest(platforms.SharedPool, ResizeWalkMixin,
                              base.PowerVMTestCase):
    pass


@test_fault_walk.walks('leave', 7, with_etag=1)
class MigrationLeaveTest(PoolMigrationMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('arrive', 14, with_etag=1)
class MigrationArriveTest(PoolMigrationMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('confirm', 9, with_etag=1)
class MigrationConfirmTest(PoolMigrationMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('revert_at_target', 9, with_etag=1)
class MigrationRevertAtTargetTest(PoolMigrationMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('revert_at_source', 8, with_etag=1)
class MigrationRevertAtSourceTest(PoolMigrationMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('evacuate', 14, with_etag=1)
class EvacuateTest(PoolMigrationMixin, base.PowerVMTestCase):
    pass
