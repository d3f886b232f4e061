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

"""What is in the image of a server that writes while its disk is read."""

import contextlib
from unittest import mock

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base

MIB = 1 << 20
#: Where the guest writes: where the disk is read first, and where last.
FIRST, LAST = 4096, 1000 * MIB
EARLIER, LATER = b'earlier', b'later'


class _Disturbed:
    """A file; something happens after its first bytes were read."""

    def __init__(self, data, happens):
        self._data = data
        self._happens = happens

    def read(self, size):
        chunk = self._data.read(size)
        happens, self._happens = self._happens, lambda: None
        happens()
        return chunk


class RunningMixin:

    WITH_SESSIONS = False

    @contextlib.contextmanager
    def writing(self, server):
        """Let the guest write twice while a snapshot is under way."""
        disk, upload = self.boot_disk_of(server), self.glance._upload

        def write():
            disk.write_at(FIRST, EARLIER)
            disk.write_at(LAST, LATER)

        with mock.patch.object(
                self.glance, '_upload', lambda image_id, data: upload(
                    image_id, _Disturbed(data, write))):
            yield

    def snapshot(self, server):
        """Make an image; returns its id, or None if Nova has deleted it."""
        self._begin()
        _failure, image_id = self.users.snapshot(self.walk_server(server))
        return image_id if image_id in self.glance.images else None

    def boot_at_rest(self):
        """A server whose image has os_require_quiesce."""
        return self.boot(networks='none',
                         properties={'os_require_quiesce': 'True'})

    def test_it_is_not_what_a_power_failure_leaves(self):
        """It has the later write without the earlier one."""
        server = self.boot(networks='none')
        with self.writing(server):
            image = self.glance.upload(self.snapshot(server))
        self.assertEqual(LATER, image.read(LAST, len(LATER)))
        self.assertNotEqual(EARLIER, image.read(FIRST, len(EARLIER)))

    def test_quiesce_is_required(self):
        server = self.boot_at_rest()
        before = self.platform_state()
        self.assertIsNone(self.snapshot(server))
        self.assertIn('os_require_quiesce', self.fault_of(server))
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertEqual(before, self.platform_state())
        self.stop(server)
        self.assertIsNotNone(self.snapshot(server))
        self.start(server)

    def test_another_has_started_it_meanwhile(self):
        """What a job of ours led to is not trusted for a second."""
        server = self.boot(properties={'os_require_quiesce': 'yes'})
        self.stop(server)
        with self.site.lock:
            self.platform.store.get('LogicalPartition', self.lpar_of(server)[
                'uuid']).booted()
        fault, _image_id = self.users.snapshot(self.walk_server(server))
        self.assertIn('os_require_quiesce', str(fault))

    def test_shelved_though_quiesce_is_required(self):
        """Nova stops it before."""
        server = self.boot_at_rest()
        self.assertIn('SHELVED', self.act(server, 'shelve')['status'])


class SharedPoolTest(platforms.SharedPool, RunningMixin, base.ScenarioCase):
    pass


class ManagementViosTest(platforms.ManagementVios, RunningMixin,
                         base.ScenarioCase):
    pass
