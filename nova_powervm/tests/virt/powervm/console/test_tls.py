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

"""Tests of VNC with certificates: Nova's own proxy is the client."""

import datetime
import ipaddress
import os
import socket
import ssl
import struct

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509
from cryptography.x509 import oid
import nova.conf
from nova.console.securityproxy import rfb as security_proxy

from nova_powervm.tests import rfb_client
from nova_powervm.tests.virt.powervm.console import base
from nova_powervm.virt.powervm.console import tls
from nova_powervm.virt.powervm import exception

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates.

    :param folder: str, where files go.
    """

    def __init__(self, folder, name):
        self.folder = folder
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.path = self._write('ca', self._build(name, self._key, True))

    def issue(self, name):
        """Make a certificate: paths of it and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._write(name, self._build(name, key, False))
        path = os.path.join(self.folder, self.name + name + '.key')
        with open(path, 'wb') as opened:
            opened.write(key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
        return certificate, path

    def _write(self, name, certificate):
        path = os.path.join(self.folder, self.name + name + '.pem')
        with open(path, 'wb') as opened:
            opened.write(certificate.public_bytes(
                serialization.Encoding.PEM))
        return path

    def _build(self, name, key, is_authority):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(
            issuer_name=_name(self.name), subject_name=_name(name),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - DAY, not_valid_after=now + DAY)
        return builder.add_extension(
            x509.BasicConstraints(is_authority, None), True).add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(
                    ipaddress.ip_address('127.0.0.1'))]), False).sign(
                        self._key, hashes.SHA256())


def _name(text):
    return x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, text)])


class TlsCase(base.ConsoleTestCase):

    def setUp(self):
        folder = self.useFixture(base.fixtures.TempDir()).path
        self.authority = Authority(folder, 'ours')
        self.other = Authority(folder, 'other')
        certificate, key = self.authority.issue('compute')
        self.OPTIONS = {
            'vnc_use_x509_auth': True, 'vnc_ca_certs': self.authority.path,
            'vnc_server_cert': certificate, 'vnc_server_key': key}
        super().setUp()


class ProxyTest(TlsCase):

    def connect_with(self, certificate, key):
        """Let Nova's proxy connect: the sockets of the user and the proxy."""
        nova.conf.CONF.set_override('auth_schemes', ['vencrypt'], 'vnc')
        self.addCleanup(nova.conf.CONF.clear_override, 'auth_schemes', 'vnc')
        self.flags(group='vnc', vencrypt_ca_certs=self.authority.path,
                   vencrypt_client_cert=certificate,
                   vencrypt_client_key=key)
        user, tenant = socket.socketpair()
        user.settimeout(base.TIMEOUT)
        self.addCleanup(user.close)
        self.addCleanup(tenant.close)
        opened, answer = self.connect_to(self.consoles.vnc(self.instance))
        self.assertEqual(b'HTTP/1.1 200 OK', answer)
        user.sendall(rfb_client.VERSION + b'\x01')
        return user, security_proxy.RFBSecurityProxy().connect(tenant, opened)

    def test_proxy_with_certificate(self):
        user, proxy = self.connect_with(*self.authority.issue('proxy'))
        self.assertEqual(rfb_client.VERSION + b'\x01\x01', user.recv(100))
        self.assertIn(proxy.version(), ('TLSv1.2', 'TLSv1.3'))
        self.assertEqual(bytes(4), proxy.recv(4))
        client = rfb_client.Client(proxy)
        self.assertEqual(self.lpar().name, client.start())
        client.type('over tls\n')
        client.wait_for('over tls')
        self.print(b'x' * 70 + b'end\r\n')
        client.wait_for('xend')

    def test_certificate_of_another_authority(self):
        self.assertRefused(lambda: self.connect_with(
            *self.other.issue('proxy')))

    def assertRefused(self, connect):
        """TLS 1.3 tells the client with the first bytes only."""
        try:
            connect()[1].recv(4)
        except Exception as exc:
            self.assertIsInstance(exc, (
                OSError, base.nova_exc.SecurityProxyNegotiationFailed))
        else:
            self.fail('It was let in')
        self.assertIn('is refused, or breaks TLS', self.logger.output)

    def client(self):
        """A client up to where TLS begins."""
        opened, _answer = self.connect_to(self.consoles.vnc(self.instance))
        client = rfb_client.Client(opened)
        client.read(12)
        client.send(rfb_client.VERSION)
        self.assertEqual(b'\x01\x13', client.read(2))
        client.send(b'\x13')
        self.assertEqual(b'\0\x02', client.read(2))
        client.send(b'\0\x02')
        self.assertEqual(struct.pack('>BBI', 0, 1, 260), client.read(6))
        client.send(struct.pack('>I', 260))
        self.assertEqual(b'\x01', client.read(1))
        return opened

    def begin_tls(self, context):
        context.check_hostname = False
        context.load_verify_locations(self.authority.path)
        opened = context.wrap_socket(self.client())
        self.addCleanup(opened.close)
        return None, opened

    def test_no_certificate(self):
        self.assertRefused(lambda: self.begin_tls(
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))

    def test_old_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_ciphers('ALL:@SECLEVEL=0')
        context.minimum_version = context.maximum_version = (
            ssl.TLSVersion.TLSv1_1)
        context.load_cert_chain(*self.authority.issue('proxy'))
        self.assertRefused(lambda: self.begin_tls(context))

    def test_no_tls(self):
        opened = self.client()
        opened.sendall(b'no tls at all\r\n\r\n' * 100)
        self.assertIn(b'', [opened.recv(100) for _number in range(2)])
        self.assertIn('is refused, or breaks TLS', self.logger.output)

    def test_half_a_handshake(self):
        half = self.client()
        half.sendall(b'\x16\x03\x01')
        user, proxy = self.connect_with(*self.authority.issue('proxy'))
        self.assertEqual(bytes(4), proxy.recv(4))
        self.advance(31)
        self.assertEqual(b'', half.recv(1))

    def test_other_kinds_of_security(self):
        for texts in ([b'\x01'], [b'\x13', b'\0\x01'],
                      [b'\x13', b'\0\x02', struct.pack('>I', 257)]):
            opened, _answer = self.connect_to(
                self.consoles.vnc(self.instance))
            opened.sendall(rfb_client.VERSION + b''.join(texts))
            while opened.recv(100):
                pass

    def test_much_in_both_directions(self):
        """It reads what is typed while nobody reads its pictures."""
        _user, proxy = self.connect_with(*self.authority.issue('proxy'))
        proxy.recv(4)
        client = rfb_client.Client(proxy)
        client.start()
        # One thread: two must not use a TLS connection at the same time.
        for _number in range(5):
            client.ask(False)
            client.type('y' * 40)
            client.read_picture()
        client.wait_for('yyyy')


class OptionsTest(TlsCase):

    def assertInvalid(self, text, **options):
        self.flags(group='powervm', **dict(self.OPTIONS, **options))
        exc = self.assertRaises(base.nova_exc.InvalidConfiguration,
                                tls.build_context)
        self.assertIn(text, str(exc))
        return exc

    def test_none(self):
        self.flags(vnc_use_x509_auth=False, group='powervm')
        self.assertIsNone(tls.build_context())

    def test_missing(self):
        for option in tls.OPTIONS:
            self.assertIsInstance(
                self.assertInvalid(option, **{option: None}),
                exception.OptRequiredIfOtherOptValue)
            self.assertIsInstance(
                self.assertInvalid('cannot read', **{option: '/no/file'}),
                exception.InvalidOption)

    def test_encrypted_key(self):
        """Nobody is asked for a passphrase, not even on a terminal."""
        path = self.other.issue('x')[1]
        with open(path, 'rb') as file:
            key = serialization.load_pem_private_key(file.read(), None)
        with open(path, 'wb') as file:
            file.write(key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b'secret')))
        self.assertInvalid('the key is encrypted', vnc_server_key=path)

    def test_nonsense(self):
        self.assertInvalid('vnc_ca_certs', vnc_ca_certs=__file__)
        self.assertInvalid('vnc_server_cert', vnc_server_cert=__file__)
        self.assertInvalid('vnc_server_cert',
                           vnc_server_key=self.other.issue('x')[1])
