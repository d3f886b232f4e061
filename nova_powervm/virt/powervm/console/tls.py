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

"""TLS on a channel, for VNC with certificates (VeNCrypt, X509None)."""

import os
import ssl

from oslo_log import log as logging

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.console import channel as channels
from nova_powervm.virt.powervm import exception

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

#: The options that name the files of certificates and of the key.
OPTIONS = ('vnc_ca_certs', 'vnc_server_cert', 'vnc_server_key')


def build_context():
    """Read the certificates that the options name.

    :returns: ssl.SSLContext that demands a certificate of the client; None
        without vnc_use_x509_auth.
    :raises InvalidOption: if a file is missing, or makes no sense.
    """
    if not CONF.powervm.vnc_use_x509_auth:
        return None
    for option in OPTIONS:
        path = getattr(CONF.powervm, option)
        if not path:
            raise exception.OptRequiredIfOtherOptValue(
                then_opt=option, if_opt='vnc_use_x509_auth', if_value=True)
        if not os.access(path, os.R_OK):
            raise exception.InvalidOption(
                option=option, value=path,
                reason='nova-compute cannot read this file')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_RENEGOTIATION
    _load(context, 'vnc_ca_certs', lambda: context.load_verify_locations(
        CONF.powervm.vnc_ca_certs))
    _load(context, 'vnc_server_cert', lambda: context.load_cert_chain(
        CONF.powervm.vnc_server_cert, CONF.powervm.vnc_server_key,
        _refuse_to_ask))
    return context


def _refuse_to_ask():
    """Fail instead of asking for a passphrase on the terminal."""
    raise ValueError('the key is encrypted; it must have no passphrase')


def _load(context, option, load):
    try:
        load()
    except (ssl.SSLError, OSError, ValueError) as exc:
        raise exception.InvalidOption(
            option=option, value=CONF.powervm[option],
            reason=str(exc)) from exc


class TlsChannel:
    """The server's side of TLS; otherwise like channel.Channel.

    :param inner: channel.Channel with the bytes of TLS.
    :param context: ssl.SSLContext
    :param on_ready: function that is called when the client is accepted.
    """

    def __init__(self, inner, context, on_ready):
        self._inner = inner
        self._received, self._sending = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._sending,
                                     server_side=True)
        self._on_ready = on_ready
        self.on_data = self.on_end = self.on_drained = channels._ignore
        inner.on_data = self.receive
        inner.on_drained = lambda: self.on_drained()
        inner.on_end = lambda: self.on_end()

    @property
    def is_full(self):
        """See channel.Channel."""
        return self._inner.is_full

    @property
    def is_closed(self):
        """See channel.Channel."""
        return self._inner.is_closed

    def pause(self):
        """See channel.Channel."""
        self._inner.pause()

    def resume(self):
        """See channel.Channel."""
        self._inner.resume()

    def close(self, flush=False):
        """See channel.Channel."""
        self._inner.close(flush)

    def send(self, data):
        """See channel.Channel."""
        if data and not self.is_closed:
            self._tls.write(data)
            self._flush()

    def receive(self, data):
        """Take bytes of TLS."""
        self._received.write(data)
        try:
            self._advance()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLZeroReturnError:
            self.close(flush=True)
        except ssl.SSLError as exc:
            LOG.warning('A client of a VNC console is refused, or breaks TLS: '
                        '%s', exc)
            self._flush()
            self.close(flush=True)

    def _advance(self):
        if self._on_ready is not None:
            self._tls.do_handshake()
            self._flush()
            on_ready, self._on_ready = self._on_ready, None
            on_ready()
        while not self.is_closed:
            data = self._tls.read(channels.CHUNK)
            if not data:
                self.close(flush=True)
                return
            self.on_data(data)

    def _flush(self):
        self._inner.send(self._sending.read())
