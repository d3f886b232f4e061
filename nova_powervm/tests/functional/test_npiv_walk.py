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

"""Break every REST request of what is done with volumes by NPIV.

Detachments and extensions send none.
"""

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import test_fault_walk
from nova_powervm.tests.functional import test_npiv
from nova_powervm.tests.functional import test_volume_walk
from nova_powervm.tests.functional import volumes

Operation = test_fault_walk.Operation


class NpivWalkMixin(test_volume_walk.LifeWalkMixin, test_npiv.NpivMixin):

    BOOT = {'networks': 'none'}

    def boot_small(self):
        """Create a server that the walk can create often."""
        return self.boot(**self.BOOT)

    # ---- the first volume ----------------------------------------------

    def walk_attach(self, effect):
        return self.walk(effect, Operation(
            prepare=self.prepare_attach,
            act=lambda server: self.attach(server, 1) and self.shown(server),
            undo=self.undo_attach))

    def prepare_attach(self):
        server = self.boot_small()
        self.without = self.platform_state()
        return server

    def undo_attach(self, server, attached, message):
        if not attached:
            self.assertEqual({}, self.adapters_and_metadata(server), message)
            self.assert_state_equal(self.without, self.platform_state(),
                                    message)
            self.assertTrue(self.attach(server, 1), message)
        self.assert_sees(server, 1)
        self.assertIsNone(self.delete(server), message)
        self.assert_as_before(message)
        self.assert_detached()

    def adapters_and_metadata(self, server):
        found = dict(self.metadata_of(server))
        found.update((adapter[2], adapter[:2])
                     for adapter in self.adapters_of(server))
        return found

    # ---- one more volume, and back -------------------------------------

    def walk_further(self, effect):
        self.server = self.boot_with([1], **self.BOOT)
        self.kept = self.adapters_and_metadata(self.server)
        return self.walk(effect, Operation(
            act=lambda _none: (self.attach(self.server, 2) and
                               self.shown(self.server)),
            undo=self.undo_further))

    def undo_further(self, _none, attached, message):
        if not attached:
            self.assert_sees(self.server, 1)
            self.assertTrue(self.attach(self.server, 2), message)
        self.assert_sees(self.server, 1, 2)
        self.assertTrue(self.detach(self.server, 2), message)
        self.assertEqual(self.kept, self.adapters_and_metadata(self.server))

    def walk_detach(self, effect):
        self.server = self.boot_with([1, 2], **self.BOOT)
        return self.walk(effect, Operation(
            act=lambda _none: self.assertTrue(self.detach(self.server, 2)),
            undo=lambda _none, _after, _message: self.assertTrue(
                self.attach(self.server, 2))))

    def walk_extend(self, effect):
        self.server = self.boot_with([1], **self.BOOT)
        return self.walk(effect, Operation(
            act=lambda _none: self.extend(self.server, 1, 3),
            undo=lambda _none, _after, _message: self.assertEqual(
                {3 * volumes.GIB},
                {disk.size for disk in self.disks_of(self.server)})))


@test_fault_walk.walks('attach', 7, with_etag=2)
class AttachTest(NpivWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('further', 1, with_etag=0)
class FurtherTest(NpivWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('boot', 13, with_etag=2)
class BootTest(NpivWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('delete', 10, with_etag=2)
class DeleteTest(NpivWalkMixin, base.PowerVMTestCase):
    pass


class NoRequestTest(NpivWalkMixin, base.PowerVMTestCase):

    def test_detach(self):
        self.assertEqual(0, self.walk_detach('error_500'))

    def test_extend(self):
        self.assertEqual(0, self.walk_extend('error_500'))

    def test_swap(self):
        """It is refused: nothing but the server can reach the volume."""
        self.flags(swap_volume_stops_server=True, group='powervm')
        self.server = self.boot_with([1], **self.BOOT)
        kept = self.adapters_and_metadata(self.server)
        after = self.swap(self.server, 1, 5)
        self.assertEqual('ACTIVE', after['status'])
        self.assertIn('cannot copy volumes',
                      str(self.last_action(self.server)))
        self.assert_sees(self.server, 1)
        self.assertEqual(kept, self.adapters_and_metadata(self.server))
        self.assertIsNone(self.delete(self.server))
        self.assert_as_before('swap')
        self.assert_detached()
