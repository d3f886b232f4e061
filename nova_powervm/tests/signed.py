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

"""Signed images, and Nova's own code that verifies them."""

import base64
import datetime
import types
from unittest import mock
import uuid

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives import hashes
from cryptography import x509
from cryptography.x509 import oid
import fixtures as fx
from nova import conf
from nova.image import glance

CONF = conf.CONF


class _Chunks:
    """What Glance's client hands out: an iterator, which ends once."""

    def __init__(self, chunks):
        self.wrapped = self
        self._chunks = iter(chunks)

    def __iter__(self):
        return self._chunks


class Verifier(glance.GlanceImageServiceV2):
    """Nova's image service, in front of one of a test.

    :param show: function (context, image_id) that describes an image.
    :param download: function (context, image_id) that sends its chunks.
    """

    def __init__(self, show, download):
        super().__init__(types.SimpleNamespace(
            call=lambda context, _version, _method, args: _Chunks(
                download(context, *args))))
        self._show = show

    def show(self, context, image_id, include_locations=False,
             show_deleted=True):
        return self._show(context, image_id)


class Signer(fx.Fixture):
    """Signs images; Nova verifies those that it downloads.

    The certificate is the only one of the (mocked) key manager.
    """

    def _setUp(self):
        self._key = rsa.generate_private_key(65537, 2048)
        self._uuid = str(uuid.uuid4())
        self.useFixture(fx.MockPatch(
            'cursive.signature_utils.get_certificate',
            mock.Mock(return_value=self._certificate())))
        self.addCleanup(CONF.clear_override, 'verify_glance_signatures',
                        'glance')
        CONF.set_override('verify_glance_signatures', True, 'glance')

    def _certificate(self):
        name = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, 'me')])
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        return x509.CertificateBuilder().subject_name(name).issuer_name(
            name).public_key(self._key.public_key()).serial_number(
            1).not_valid_before(now - day).not_valid_after(now + day).sign(
            self._key, hashes.SHA256())

    def sign(self, content):
        """Sign an image.

        :param content: bytes
        :returns: dict of the properties that the image is to have.
        """
        signature = self._key.sign(
            content, padding.PSS(padding.MGF1(hashes.SHA256()),
                                 padding.PSS.MAX_LENGTH), hashes.SHA256())
        return {'img_signature': base64.b64encode(signature).decode(),
                'img_signature_hash_method': 'SHA-256',
                'img_signature_key_type': 'RSA-PSS',
                'img_signature_certificate_uuid': self._uuid}
