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
from nova_powervm.tests.functional import volumes

Operation = test_fault_walk.Operation


class NpivWalkMixin(test_npiv.NpivMixin, test_fault_walk.FaultWalkMixin):

    def setUp(self):
        super().setUp()
        # The ports of the VIOSes and the forms of jobs are read once.
        self.delete(self.boot_with([1]))
        self.before = self.platform_state()

    def assert_as_before(self, message):
        self.assert_state_equal(self.before, self.platform_state(), message)
        self.assert_detached()

    def shown(self, server):
        return self.api.get_server(server['id'])

    def boot_small(self):
        """Create a server that the walk can create often."""
        return self.boot(networks='none')

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

    def adapters_and_metadata(self, server):
        found = dict(self.metadata_of(server))
        found.update((adapter[2], adapter[:2])
                     for adapter in self.adapters_of(server))
        return found

    # ---- one more volume, and back -------------------------------------

    def walk_further(self, effect):
        self.server = self.boot_with([1], networks='none')
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
        self.server = self.boot_with([1, 2], networks='none')
        return self.walk(effect, Operation(
            act=lambda _none: self.assertTrue(self.detach(self.server, 2)),
            undo=lambda _none, _after, _message: self.assertTrue(
                self.attach(self.server, 2))))

    def walk_extend(self, effect):
        self.server = self.boot_with([1], networks='none')
        return self.walk(effect, Operation(
            act=lambda _none: self.extend(self.server, 1, 3),
            undo=lambda _none, _after, _message: self.assertEqual(
                {3 * volumes.GIB},
                {disk.size for disk in self.disks_of(self.server)})))

    # ---- servers that come and go ---------------------------------------

    def walk_boot(self, effect):
        return self.walk(effect, Operation(
            act=lambda _none: self.boot_with([1, 2], boots=True,
                                             networks='none'),
            undo=self.undo_boot))

    def undo_boot(self, _none, server, message):
        if server['status'] == 'ACTIVE':
            self.assert_sees(server, 1, 2, boots=True)
        else:
            self.assertEqual('ERROR', server['status'], message)
            self.assertIsNone(self.lpar_of(server), message)
        self.assertIsNone(self.delete(server), message)
        self.assert_as_before(message)

    def walk_delete(self, effect):
        return self.walk(effect, Operation(
            prepare=lambda: self.boot_with([1, 2, 3], networks='none'),
            act=self.delete, undo=self.undo_delete))

    def undo_delete(self, server, left, message):
        if left:
            self.assertEqual('ERROR', left['status'], message)
            self.assertIsNone(self.delete(server), message)
        self.assert_as_before(message)


def _walk(name, operation, at_least, edits=1):
    """Make a class of the tests that walk over one operation.

    :param at_least: how many requests it must have
    :param edits: how many of them must be edits that carry an etag
    """
    def test(effect):
        return lambda self: self.assertGreaterEqual(
            getattr(self, 'walk_' + operation)(effect),
            edits if effect == 'etag_412' else at_least)
    return type(name, (NpivWalkMixin, base.PowerVMTestCase),
                {'test_' + effect: test(effect)
                 for effect in test_fault_walk.EFFECTS})


AttachTest = _walk('AttachTest', 'attach', 7, edits=2)
FurtherTest = _walk('FurtherTest', 'further', 1, edits=0)
BootTest = _walk('BootTest', 'boot', 13, edits=2)
DeleteTest = _walk('DeleteTest', 'delete', 10, edits=2)


class NoRequestTest(NpivWalkMixin, base.PowerVMTestCase):

    def test_detach(self):
        self.assertEqual(0, self.walk_detach('error_500'))

    def test_extend(self):
        self.assertEqual(0, self.walk_extend('error_500'))
