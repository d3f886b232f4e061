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

import fixtures as fx

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import test_cold_migration
from nova_powervm.tests.functional import test_fault_walk
from nova_powervm.tests.functional import test_resize

EFFECTS = tuple(test_fault_walk.EFFECTS)


class MoveWalkMixin:
    """Walks over the requests of a move to one host."""

    def setUp(self):
        super().setUp()
        # A busy VIOS is asked again, without the seconds in between.
        self.useFixture(fx.MockPatch('pypowervm.helpers.vios_busy.SLEEP'))
        self.server = None

    def walk(self, effect, act, settle):
        """Break each request that one host gets.

        :param act: does what is to be broken; returns the server after it.
        :param settle: called with the server as it is after the failure, or
            the success; ends with the server as act() expects it.
        :returns: how many requests there were.
        """
        for number in range(1, test_fault_walk.ENDLESS):
            self.message = '%s at request %d' % (effect, number)
            self.prepare()
            self.platform.faults.clear()
            fault = self.platform.faults.add(dict(
                test_fault_walk.EFFECTS[effect], nth=number,
                query=test_fault_walk.NOT_THE_EVENT_POLL))
            after = act()
            self.platform.faults.clear()
            self.message += ': %s, %s' % (fault.data(), after.get('fault'))
            settle(after)
            if not fault.applied:
                return number - 1
        self.fail('It does not end.')

    def assert_as(self, before):
        self.assert_state_equal(before, self.platform_state(), self.message)

    def assert_status(self, expected, server):
        self.assertEqual(expected, server['status'], self.message)

    def reboot(self):
        """Make the server usable again."""
        self.assert_status('ACTIVE', self.act(self.server, 'reboot',
                                              {'type': 'HARD'}))


class ResizeWalkMixin(MoveWalkMixin, test_resize.MoveMixin):
    """Each walk is over one server, from which nothing is ever lost."""

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.server = self.boot(flavor_id=self.small)
        self.before = self.platform_state()

    def prepare(self):
        """Nothing: the server is as it was at first."""

    def try_resize(self):
        return self.act(self.server, 'resize', {'flavorRef': self.large})

    def take_back(self, after):
        if after['status'] == 'VERIFY_RESIZE':
            after = self.act(self.server, 'revertResize')
        self.assert_status('ACTIVE', after)
        self.assert_as(self.before)

    def walk_resize(self, effect):
        return self.walk(effect, self.try_resize, self.take_back)

    def walk_revert(self, effect):
        self.prepare = lambda: self.resize(self.server, self.large)
        return self.walk(effect, self.try_revert, self.make_usable)

    def try_revert(self):
        return self.act(self.server, 'revertResize')

    def make_usable(self, after):
        if after['status'] == 'ERROR':
            self.reboot()
        self.assert_as(self.before)

    def walk_confirm(self, effect):
        self.prepare = self.prepare_confirm
        return self.walk(effect, self.try_confirm, self.assert_resized)

    def prepare_confirm(self):
        self.delete(self.server)
        self.server = self.boot(flavor_id=self.small)
        self.resize(self.server, self.large)

    def try_confirm(self):
        return self.act(self.server, 'confirmResize')

    def assert_resized(self, after):
        if after['status'] == 'ERROR':
            self.reboot()
        self.assertEqual((4096, 2, 5), self.size_of(self.server),
                         self.message)
        self.assertEqual('running', self.lpar_of(self.server)['state'])


def add_walks(cls):
    """Give a class a test for each of its walks and each effect."""
    def make_test(walk, effect):
        def test(self):
            least = 1 if effect == 'etag_412' else 2
            self.assertGreaterEqual(getattr(self, walk)(effect), least)
        return test

    for walk in cls.WALKS:
        for effect in EFFECTS:
            setattr(cls, 'test_%s_%s' % (walk[len('walk_'):], effect),
                    make_test(walk, effect))
    return cls


@add_walks
class LocalDiskResizeWalkTest(ResizeWalkMixin, base.PowerVMTestCase):

    WALKS = ('walk_resize', 'walk_revert', 'walk_confirm')


@add_walks
class SharedPoolResizeWalkTest(platforms.SharedPool, ResizeWalkMixin,
                               base.PowerVMTestCase):

    WALKS = ('walk_confirm',)


class MigrationWalkMixin(platforms.SharedPool, MoveWalkMixin,
                         test_cold_migration.TwoHostMixin):

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.delete(self.boot_on_first())
        self.empty = self.platform_state()
