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


class LifeWalkMixin(test_fault_walk.FaultWalkMixin):
    """Walks over servers with volumes that come and go.

    :cvar BOOT: what boot_with() takes, apart from the volumes.
    """

    BOOT = {}

    def setUp(self):
        super().setUp()
        # The ports of the VIOSes and the forms of jobs are read once.
        self.delete(self.boot_with([1]))
        self.before = self.platform_state()

    def assert_as_before(self, message):
        self.assert_state_equal(self.before, self.platform_state(), message)
        self.assertEqual([], self.cinder.complaints, message)

    def shown(self, server):
        return self.api.get_server(server['id'])

    def walk_boot(self, effect):
        return self.walk(effect, Operation(
            act=lambda _none: self.boot_with([1, 2], boots=True, **self.BOOT),
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
            prepare=lambda: self.boot_with([1, 2, 3], **self.BOOT),
            act=self.delete, undo=self.undo_delete))

    def undo_delete(self, server, left, message):
        if left:
            self.assertEqual('ERROR', left['status'], message)
            self.assertIsNone(self.delete(server), message)
        self.assert_as_before(message)
        self.assert_detached()


class VolumeWalkMixin(LifeWalkMixin, volumes.VolumeMixin):
    """Walks over operations on a server that stays."""

    # Enough for what is compared: a swap copies all of it, again and again.
    SIZE_GB = 1 / 64

    def make_server(self, *numbers):
        self.server = self.boot_with(numbers) if numbers else self.boot()
        self.before = self.platform_state()

    def walk_attach(self, effect):
        self.make_server()
        return self.walk(effect, Operation(
            act=lambda _none: (self.attach(self.server, 1) and
                               self.shown(self.server)),
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
            act=lambda _none: (self.detach(self.server, 1) and
                               self.shown(self.server)),
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
            act=self.try_to_extend,
            undo=self.undo_extend))

    def try_to_extend(self, size_gb):
        try:
            self.extend(self.server, 1, size_gb)
        except Exception:
            base.LOG.exception('The extension failed.')
        return self.settled(self.server)

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


@test_fault_walk.walks('attach', 8, with_etag=1)
class AttachTest(VolumeWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('detach', 8, with_etag=1)
class DetachTest(VolumeWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('extend', 4, with_etag=0)
class ExtendTest(VolumeWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('swap', 20, with_etag=1)
class SwapTest(VolumeWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('boot', 15, with_etag=1)
class BootTest(VolumeWalkMixin, base.PowerVMTestCase):
    pass


@test_fault_walk.walks('delete', 15, with_etag=1)
class DeleteTest(VolumeWalkMixin, base.PowerVMTestCase):
    pass
