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

"""Images whose signatures Nova verifies."""

from unittest import mock

import fixtures as fx

from nova_powervm.tests.functional import platforms
from nova_powervm.tests import signed
from nova_powervm.tests.virt.powervm.scenarios import base


class SignedImageMixin:
    """What depends on how an image comes to a disk."""

    def setUp(self):
        super().setUp()
        self.signer = self.useFixture(signed.Signer())
        self.other = self.glance.image3['id']
        self.useFixture(fx.MockPatchObject(
            self.glance, 'download', signed.Verifier(
                self.glance.show,
                lambda _context, image_id: self.glance.chunks(
                    image_id)).download))
        self.before = self.platform_state()

    def sign(self, content=None):
        """Sign an image that is in no cache, or something else for it."""
        self.glance.images[self.other]['properties'].update(
            self.signer.sign(content or self.glance.content(self.other)))

    def assert_content(self, disk):
        self.assertEqual(self.glance.sha256(self.other),
                         disk.sha256(self.glance.IMAGE_SIZE))

    def test_good_image(self):
        self.sign()
        for _cached in (False, True):
            server = self.boot(image_uuid=self.other)
            self.assert_content(self.boot_disk_of(server))
            self.assertIsNone(self.delete(server))

    def assert_refused(self):
        with mock.patch('nova.compute.manager.LOG') as log:
            self.boot(expected_status='ERROR', image_uuid=self.other)
        self.assertIn('its signature is not good', str(log.method_calls))
        # What the user did wrong is no error of the host.
        self.assertEqual([], [line for line in self.log_watch.noise
                              if line.startswith('ERROR')])
        self.assertEqual(self.before, self.platform_state())

    def test_tampered_image(self):
        self.sign(b'something else')
        self.assert_refused()

    def test_unsigned_image(self):
        self.assert_refused()

    def test_broken_off(self):
        """An upload that fails half-way; the next one has all bytes."""
        self.sign()
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'method': 'PUT',
                                  'path': '/rest/api/web/File/contents/.*'})
        self.boot(expected_status='ERROR', image_uuid=self.other)
        self.assertEqual(self.before, self.platform_state())
        server = self.boot(image_uuid=self.other)
        self.assert_content(self.boot_disk_of(server))

    def test_glance_ends_early(self):
        """That is no wrong signature: another host may get all of it."""
        self.sign()
        send = self.glance.chunks
        with mock.patch.object(
                self.glance, 'chunks',
                lambda image_id: list(send(image_id))[:-1]):
            server = self.boot('ERROR', image_uuid=self.other)
        self.assertIn('bytes of', server['fault']['message'])
        self.assertNotIn('signature', server['fault']['message'])
        self.assertEqual(self.before, self.platform_state())

    def test_rescue(self):
        self.sign()
        server = self.boot(networks='none')
        after = self.act(server, 'rescue', {'rescue_image_ref': self.other})
        self.assertEqual('RESCUE', after['status'])


class LocalDiskTest(SignedImageMixin, base.ScenarioCase):
    pass


class SharedPoolTest(platforms.SharedPool, SignedImageMixin,
                     base.ScenarioCase):
    pass
