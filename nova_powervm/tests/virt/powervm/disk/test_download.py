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

import itertools
import threading

from nova import exception as nova_exc
import testtools

from nova_powervm.tests import signed
from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm.disk import download

CONTENT = bytes(range(256)) * 1024


class DownloadTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.api = base.ImageApi()
        self.image_id = self.api.add(CONTENT)
        self.download = download.Download(self.api, None, self.image_id)

    def test_each_use_downloads_it_again(self):
        for _attempt in range(2):
            self.assertEqual(CONTENT, b''.join(self.download))
        self.assertEqual(2, len(self.api.downloads))

    def test_nothing_is_downloaded_before_it_is_used(self):
        iter(self.download)
        self.assertEqual([], self.api.downloads)


class VerifiedTestCase(testtools.TestCase):
    """As with Nova's code that verifies signatures."""

    def setUp(self):
        super().setUp()
        self.signer = self.useFixture(signed.Signer())
        self.glance = base.ImageApi()
        self.image_id = self.glance.add(
            CONTENT, properties=self.signer.sign(CONTENT))
        self.threads = threading.active_count()
        self.download = download.Download(signed.Verifier(
            lambda _context, image_id: self.glance.images[image_id],
            self.glance.download), None, self.image_id)

    def test_each_use_downloads_it_again(self):
        for _attempt in range(2):
            self.assertEqual(CONTENT, b''.join(self.download))
        self.assertEqual(2, len(self.glance.downloads))
        self.assertEqual(self.threads, threading.active_count())

    def assert_refused(self):
        """It is refused, and the last chunk is held back; returns why."""
        received = []

        def read():
            for chunk in self.download:
                received.append(chunk)

        error = self.assertRaises(nova_exc.ImageUnacceptable, read)
        self.assertLess(sum(map(len, received)),
                        len(self.glance.content[self.image_id]))
        self.assertEqual(self.threads, threading.active_count())
        return str(error)

    def test_tampered_with(self):
        for where in (0, len(CONTENT) - 1):
            changed = bytearray(CONTENT)
            changed[where] ^= 1
            self.glance.content[self.image_id] = bytes(changed)
            self.assertIn('signature', self.assert_refused())

    def test_why(self):
        self.glance.content[self.image_id] = b'!' * len(CONTENT)
        self.assertIn('it is not that of its content', self.assert_refused())

    def test_glance_ends_early(self):
        """Another host may get all of it: that is no wrong signature."""
        self.download._size = len(CONTENT)
        self.glance.content[self.image_id] = CONTENT[:-1]
        error = self.assertRaises(nova_exc.CouldNotFetchImage, list,
                                  self.download)
        self.assertIn('got %d bytes of %d' % (len(CONTENT) - 1, len(CONTENT)),
                      str(error))

    def test_of_one_chunk(self):
        self.glance.content[self.image_id] = b'!'
        self.assert_refused()

    def test_without_signature(self):
        self.glance.images[self.image_id]['properties'] = {}
        self.assertIn('Required image properties', self.assert_refused())
        self.assertEqual([], self.glance.downloads)

    def test_glance_fails_half_way(self):
        def send(content):
            yield content[:base.CHUNK]
            raise OSError('Glance is gone')

        self.glance.send = send
        error = self.assertRaises(OSError, list, self.download)
        self.assertEqual('Glance is gone', str(error))

    def test_nobody_wants_the_rest(self):
        """The thread of the download ends, however much was read."""
        for number in range(4):
            chunks = iter(self.download)
            self.assertEqual(number, len(list(itertools.islice(chunks,
                                                               number))))
            chunks.close()
            self.assertEqual(self.threads, threading.active_count())

    def test_certificates_to_trust_by_default(self):
        signed.CONF.set_override('verify_glance_signatures', False, 'glance')
        self.assertFalse(download._is_verified())
        for name, value in (('enable_certificate_validation', True),
                            ('default_trusted_certificate_ids', ['one'])):
            self.addCleanup(signed.CONF.clear_override, name, 'glance')
            signed.CONF.set_override(name, value, 'glance')
        self.assertTrue(download._is_verified())
