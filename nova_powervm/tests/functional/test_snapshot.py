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

"""Images of servers, on each kind of storage.

Bytes are compared where a test is about them; the other tests do not read
the disks, of 1 GiB, to their ends.
"""

from unittest import mock

from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from oslo_utils import units

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import budgets
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.functional import platforms

#: Where the guest writes: behind the image, and not at a round address.
OFFSET = 700 * units.Mi + 4097
WRITTEN = b'written from inside the server' * 1000


class SnapshotMixin:
    """Makes images of servers."""

    def snapshot(self, server):
        """Make an image of a server, and wait for it.

        :returns: the image as Glance has it, None if there is none.
        """
        before = set(self.glance.images)
        self.api.post_server_action(
            server['id'], {'createImage': {'name': 'snap-1'}})
        self.settled(server)
        new = set(self.glance.images) - before
        self.assertLessEqual(len(new), 1)
        return self.glance.images[new.pop()] if new else None


class BytesMixin(SnapshotMixin):
    """From image to disk to image to another server's disk."""

    def test_bytes(self):
        server = self.boot()
        disk = self.boot_disk_of(server)
        content = self.glance.content(self.image_id)
        self.assertEqual(self.glance.sha256(self.image_id),
                         disk.sha256(len(content)))
        disk.write_at(OFFSET, WRITTEN)
        before = self.platform_state()

        image = self.snapshot(server)

        self.assert_state_equal(before, self.platform_state(), 'snapshot')
        self.assertEqual(('raw', 'bare', 'snap-1', 'active', disk.size), (
            image['disk_format'], image['container_format'], image['name'],
            image['status'], image['size']))
        self.assertEqual('snapshot', image['properties']['image_location'])
        checksum = disk.sha256()
        self.assertEqual(checksum, image['os_hash_value'])

        copy = self.boot(image_uuid=image['id'], networks='none')

        disk = self.boot_disk_of(copy)
        self.assertEqual(checksum, disk.sha256(image['size']))
        self.assertEqual(WRITTEN, disk.read(OFFSET, len(WRITTEN)))


class SharedPoolBytesTest(platforms.SharedPool, BytesMixin,
                          base.PowerVMTestCase):
    pass


class ManagementViosBytesTest(platforms.ManagementVios, BytesMixin,
                              base.PowerVMTestCase):
    pass


class FilePoolBytesTest(platforms.FilePool, BytesMixin,
                        base.PowerVMTestCase):
    pass


class QuickMixin(SnapshotMixin):
    """Tests that are not about the bytes."""

    def setUp(self):
        super().setUp()
        self.useFixture(func_fixtures.QuickUploads())


class SharedPoolTest(platforms.SharedPool, QuickMixin, base.PowerVMTestCase):
    """What can happen to a disk on its way through the platform."""

    def setUp(self):
        super().setUp()
        self.server = self.boot()
        self.before = self.platform_state()

    def assert_as_before(self):
        self.assert_state_equal(self.before, self.platform_state(), 'after')
        self.assertEqual('ACTIVE',
                         self.api.get_server(self.server['id'])['status'])

    def attach(self):
        """Do what a snapshot begins with, and what a crash leaves."""
        services = self.driver.services
        instance = objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), self.server['id'])
        services.mgmt.attach_boot_disk(services.disk, instance)
        self.assertNotEqual(self.before, self.platform_state())

    def test_stopped_server(self):
        self._stop_server(self.server)
        before = self.platform_state()
        self.assertIsNotNone(self.snapshot(self.server))
        self.assert_state_equal(before, self.platform_state(), 'after')

    def test_mapped_while_it_is_sent(self):
        seen = []

        def look(_glance, _image_id, data):
            seen.extend(self.platform.state()['management_devices'])
            return {'size': data.seek(0, 2)}

        with mock.patch.object(func_fixtures.GlanceFixture, '_upload', look):
            self.assertIsNotNone(self.snapshot(self.server))
        self.assertEqual(1, len(seen), seen)
        self.assertTrue(seen[0]['storage'].startswith('b_'))
        self.assert_as_before()

    def test_glance_fails_half_way(self):
        def fail(_glance, _image_id, data):
            data.read(units.Mi)
            raise nova_exc.GlanceConnectionFailed(server='glance',
                                                  reason='it is away')

        with mock.patch.object(func_fixtures.GlanceFixture, '_upload', fail):
            self.assertIsNone(self.snapshot(self.server))
        self.assert_as_before()

    def test_glance_keeps_less_than_was_sent(self):
        with mock.patch.object(func_fixtures.GlanceFixture, '_upload',
                               return_value={'size': units.Mi}):
            self.assertIsNone(self.snapshot(self.server))
        self.assert_as_before()

    def test_what_a_crash_has_left(self):
        """The next snapshot removes it."""
        self.attach()
        self.assertIsNotNone(self.snapshot(self.server))
        self.assert_as_before()

    def test_deleted_after_a_crash(self):
        self.attach()
        self.assertIsNone(self.delete(self.server))
        self.assertEqual([], [
            mapping for vios in self.platform.state()['VirtualIOServer']
            for mapping in vios['mappings']])

    def test_a_vios_is_down(self):
        for name in ('vios1', 'vios2'):
            self.set_vios(name, False)
            self.assertIsNotNone(self.snapshot(self.server))
            self.set_vios(name, True)
            self.assert_as_before()

    def test_a_vios_goes_down_meanwhile(self):
        """What it has mapped is unmapped when it is up again."""
        for name in ('vios1', 'vios2'):
            with mock.patch.object(
                    func_fixtures.GlanceFixture, '_upload',
                    lambda _glance, _image_id, data: self.set_vios(
                        name, False) or {'size': data.seek(0, 2)}):
                self.assertIsNotNone(self.snapshot(self.server))
            self.set_vios(name, True)
            self.compute.manager.update_available_resource(
                nova_context.get_admin_context())
            self.assert_as_before()


class ManagementViosTest(platforms.ManagementVios, QuickMixin,
                         base.PowerVMTestCase):

    def test_nothing_is_mapped(self):
        """The platform is only looked at."""
        server = self.boot()
        self.platform.journal.clear()
        self.assertIsNotNone(self.snapshot(server))
        self.assertEqual({'GET'}, {record['method'] for record in
                                   self.platform.journal.records()})


class RefusedTest(QuickMixin, base.PowerVMTestCase):
    """The disks are on a VIOS that is not the management partition."""

    def test_refused(self):
        server = self.boot()
        before = self.platform_state()
        self.assertIsNone(self.snapshot(server))
        self.assert_state_equal(before, self.platform_state(), 'after')
        self.assertEqual('ACTIVE', self.api.get_server(server['id'])['status'])


class BudgetMixin(QuickMixin):

    def test_snapshot(self):
        server = self.boot()
        image, requests = self.requests_of(self.snapshot, server)
        self.assertIsNotNone(image)
        self.assert_within(self.BUDGET, requests)


class SharedPoolBudgetTest(platforms.SharedPool, BudgetMixin,
                           budgets.BudgetBase):
    BUDGET = 8


class ManagementViosBudgetTest(platforms.ManagementVios, BudgetMixin,
                               budgets.BudgetBase):
    BUDGET = 2
