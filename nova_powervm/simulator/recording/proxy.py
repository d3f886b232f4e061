# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""A proxy between a client and a real server, which records the answers."""

import http.client
import http.server
import re
import ssl
import threading
import urllib.parse

from nova_powervm.simulator import values

#: Headers that are for one connection only.
_HOP = frozenset((
    'connection', 'content-length', 'host', 'keep-alive', 'proxy-connection',
    'te', 'trailer', 'transfer-encoding', 'upgrade', 'accept-encoding'))
_CHUNK = 65536
#: Seconds for an answer: a poll for events may take a while.
_TIMEOUT = 600
#: How a link begins that leads to the server.
_LINK = re.compile(rb'https?://[^/"<>\s]+(?=/rest/api/)')
LOGON = '/rest/api/web/Logon'


class Upstream:
    """The real server.

    :param url: str such as https://novalink:12443
    :param authority: str, path of a PEM file; None for those of the system
    :param verify: bool, whether its certificate is checked
    :raises ValueError: when the URL is none
    """

    def __init__(self, url, authority=None, verify=True):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ('http', 'https') or not parts.hostname or (
                parts.path not in ('', '/')):
            raise ValueError('%s is not the URL of a server, such as '
                             'https://novalink:12443' % url)
        self.url = '%s://%s' % (parts.scheme, parts.netloc)
        self._address = parts.hostname, parts.port
        self._context = None
        if parts.scheme == 'https':
            self._context = ssl.create_default_context(cafile=authority)
            if not verify:
                self._context.check_hostname = False
                self._context.verify_mode = ssl.CERT_NONE

    def request(self, method, path, body, headers):
        """Send a request.

        :param body: bytes, or an iterable of bytes, or None
        :returns: tuple of the status, the headers as a list of pairs, and the
            body
        :raises OSError, http.client.HTTPException: without an answer
        """
        if self._context is None:
            connection = http.client.HTTPConnection(*self._address,
                                                    timeout=_TIMEOUT)
        else:
            connection = http.client.HTTPSConnection(
                *self._address, timeout=_TIMEOUT, context=self._context)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.0'

    def log_message(self, *args):
        """Say nothing: the recording tells it."""

    def _body(self):
        """Return what the client sends: bytes, or pieces of bytes."""
        length = values.whole(self.headers.get('Content-Length') or '0')
        if length < 0:
            raise ValueError('A body has no negative length')
        is_logon = self.path.startswith(LOGON)
        if self.headers.get('Transfer-Encoding'):
            chunks = _chunks(self.rfile)
            return b''.join(chunks) if is_logon else chunks
        if is_logon or length <= _CHUNK:
            return self.rfile.read(length)
        return _pieces(self.rfile, length)

    def _forward(self):
        proxy = self.server.proxy
        try:
            body = self._body()
        except ValueError:
            self.send_error(400)
            return
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in _HOP}
        if not isinstance(body, bytes) and 'Content-Length' in self.headers:
            headers['Content-Length'] = self.headers['Content-Length']
        try:
            status, sent, answer = proxy.exchange(self.command, self.path,
                                                  body, headers)
        except (OSError, ValueError, http.client.HTTPException) as exc:
            self.send_error(502, explain='The server does not answer: %s' %
                            exc)
            return
        self.send_response_only(status)
        for name, value in sent:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward


def _pieces(source, length):
    while length:
        piece = source.read(min(length, _CHUNK))
        if not piece:
            return
        length -= len(piece)
        yield piece


def _chunks(source):
    """Yield the body of a request in chunks (RFC 9112, 7.1)."""
    while True:
        line = source.readline().decode('latin-1')
        size = values.hexadecimal(line.split(';')[0].strip())
        if not size:
            while source.readline().strip():
                pass
            return
        yield from _pieces(source, size)
        source.readline()


class Proxy:
    """Listens for clients, and passes on what they ask.

    Links in the answers lead to the proxy, so that clients stay with it.

    :param upstream: Upstream
    :param secrets: secrets.Secrets
    :param writer: recording.Writer
    :param port: int, of 127.0.0.1; 0 for any free one
    :ivar url: str, where it listens
    """

    def __init__(self, upstream, secrets, writer, port=0):
        self._upstream = upstream
        self._secrets = secrets
        self._writer = writer
        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', port),
                                                       _Handler)
        self._server.daemon_threads = True
        self._server.proxy = self
        self.url = 'http://localhost:%d' % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        daemon=True)

    def start(self):
        """Serve in the background."""
        self._thread.start()

    def stop(self):
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def exchange(self, method, path, body, headers):
        """Ask the server, and record the answer.

        :returns: as Upstream.request() does, with links to the proxy
        """
        self._secrets.learn_headers(headers)
        if path.startswith(LOGON) and isinstance(body, bytes):
            self._secrets.learn_logon(body)
        status, sent, answer = self._upstream.request(method, path, body,
                                                      headers)
        self._writer.write(method, path, status, {
            name.lower(): value for name, value in sent}, answer)
        # The server may give itself another name than we do.
        own = _LINK.search(answer)
        if own:
            answer = answer.replace(own.group(), self.url.encode())
        return status, sent, answer
