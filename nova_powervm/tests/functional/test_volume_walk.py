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

"""Break every REST request of what is done with volumes, one by one.

Nova, Cinder and the platform agree on what the server has afterwards, and
what failed succeeds when it is done once more.
"""

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import test_fault_walk
from nova_powervm.tests.functional import volumes

Operation = test_fault_walk.Operation


class VolumeWalkMixin(volumes.VolumeMixin, test_fault_walk.FaultWalkMixin):

    # Enough for what is compared: a swap copies all of it, again and again.
    SIZE_GB = 1 / 64

    def setUp(self):
        super().setUp()
        # The ports of the VIOSes and the forms of jobs are read once.
        self.delete(self.boot_with([1]))
        self.before = self.platform_state()

    def assert_as_before(self, message):
        self.assert_state_equal(self.before, self.platform_state(), message)
        self.assertEqual([], self.cinder.complaints, message)

    def make_server(self, *numbers):
        self.server = self.boot_with(numbers) if numbers else self.boot()
        self.before = self.platform_state()

    def shown(self, _subject=None):
        return self.api.get_server(self.server['id'])

    # ---- operations on a server that stays ------------------------------

    def walk_attach(self, effect):
        self.make_server()
        return self.walk(effect, Operation(
            act=lambda _none: self.attach(self.server, 1) and self.shown(),
            undo=self.undo_attach))

    def undo_attach(self, _none, attached, message):
        if not attached:
            self.assert_sees(self.server)
            self.assert_as_before(message)
            self.assertTrue(self.attach(self.server, 1), message)
        self.assert_sees(self.server, 1)
        self.assertTrue(self.detach(self.server, 1), message)
        self.assert_as_before(message)

    def walk_detach(self, effect):
        self.make_server()
        return self.walk(effect, Operation(
            prepare=lambda: self.assertTrue(self.attach(self.server, 1)),
            act=lambda _none: self.detach(self.server, 1) and self.shown(),
            undo=self.undo_detach))

    def undo_detach(self, _none, detached, message):
        if not detached:
            self.assertTrue(self.detach(self.server, 1), message)
        self.assert_sees(self.server)
        self.assert_as_before(message)

    def walk_extend(self, effect):
        self.make_server(1, 2)
        return self.walk(effect, Operation(
            prepare=lambda: self.lun(1).size // volumes.GIB + 1,
            act=lambda size_gb: self.try_to_extend(size_gb) or self.shown(),
            undo=self.undo_extend))

    def try_to_extend(self, size_gb):
        try:
            self.extend(self.server, 1, size_gb)
        except Exception:
            base.LOG.exception('The extension failed.')
        self.settled(self.server)

    def undo_extend(self, size_gb, server, message):
        self.assertEqual('ACTIVE', server['status'], message)
        if {disk.size for disk in self.disks_of(self.server)
                if disk.volume == volumes.VOLUME % 1} != {
                    size_gb * volumes.GIB}:
            self.try_to_extend(size_gb)
        self.assert_sees(self.server, 1, 2)

    def walk_swap(self, effect):
        self.flags(swap_volume_stops_server=True, group='powervm')
        self.make_server(1, 2)
        return self.walk(effect, Operation(
            prepare=self.prepare_swap,
            act=lambda _naa: self.swap(self.server, 1, 5),
            undo=self.undo_swap))

    def prepare_swap(self):
        """Make the volume that is to replace the other, if need be.

        :returns: what tells whether it was replaced
        """
        if volumes.VOLUME % 5 not in self.site.san.volumes:
            self.create_volume(5)
        return self.lun(1).naa

    def undo_swap(self, naa, server, message):
        self.assert_whole(server, message)
        if self.lun(1).naa == naa:
            self.assert_whole(self.swap(self.server, 1, 5), message)
            self.assertNotEqual(naa, self.lun(1).naa, message)

    def assert_whole(self, server, message):
        """The server runs, and has its volumes; nothing is left of a swap."""
        self.assertEqual('ACTIVE', server['status'], message)
        self.assertEqual('running', self.lpar_of(server)['state'], message)
        self.assert_sees(server, 1, 2)
        self.assert_nothing_lent()
        self.assertEqual({1: 2, 2: 2}, {
            number: len(self.lun(number).hdisks) for number in (1, 2)})
        self.assertFalse(
            volumes.VOLUME % 5 in self.site.san.volumes and
            self.lun(5).hdisks, message)
        self.assertEqual([], self.cinder.complaints, message)

    # ---- servers that come and go ---------------------------------------

    def walk_boot(self, effect):
        return self.walk(effect, Operation(
            act=lambda _none: self.boot_with([1, 2], boots=True),
            undo=self.undo_boot))

    def undo_boot(self, _none, server, message):
        if server['status'] == 'ACTIVE':
            self.assert_sees(server, 1, 2, boots=True)
        else:
            self.assertEqual('ERROR', server['status'], message)
        self.assertIsNone(self.delete(server), message)
        self.assert_as_before(message)
        self.assert_detached()

    def walk_delete(self, effect):
        return self.walk(effect, Operation(
            prepare=lambda: self.boot_with([1, 2, 3]),
            act=self.delete, undo=self.undo_delete))

    def undo_delete(self, server, left, message):
        if left:
            self.assertEqual('ERROR', left['status'], message)
            self.assertIsNone(self.delete(server), message)
        self.assert_as_before(message)
        self.assert_detached()


def _walk(name, operation, at_least, edits=1):
    """Make a class of the tests that walk over one operation.

    :param at_least: how many requests it must have
    :param edits: how many of them must be edits that carry an etag
    """
    def test(effect):
        return lambda self: self.assertGreaterEqual(
            getattr(self, 'walk_' + operation)(effect),
            edits if effect == 'etag_412' else at_least)
    return type(name, (VolumeWalkMixin, base.PowerVMTestCase),
                {'test_' + effect: test(effect)
                 for effect in test_fault_walk.EFFECTS})


AttachTest = _walk('AttachTest', 'attach', 8)
DetachTest = _walk('DetachTest', 'detach', 8)
ExtendTest = _walk('ExtendTest', 'extend', 4, edits=0)
SwapTest = _walk('SwapTest', 'swap', 20)
BootTest = _walk('BootTest', 'boot', 15)
DeleteTest = _walk('DeleteTest', 'delete', 15)
