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

"""Servers that do not answer, stop in an upload, or are slow."""

import contextlib
import itertools
import socket
import threading
from unittest import mock

import fixtures
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import rest
from nova_powervm.virt.powervm import transport

PIECE = 64 * 1024
#: The last bytes of a request that is sent in chunks.
LAST_CHUNK = b'\r\n0\r\n\r\n'
ANSWER = b'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'


class Server:
    """A server that accepts one connection.

    :param serve: called with the socket of that connection, in a thread.
    :ivar received: int, bytes that it has read.
    :ivar stopped: threading.Event, set when the test ends.
    """

    def __init__(self, serve):
        self.received = 0
        self._tail = b''
        self.has_read = threading.Semaphore(0)
        self.stopped = threading.Event()
        self._serve = serve
        self._listener = socket.socket()
        self._listener.bind(('127.0.0.1', 0))
        self._listener.listen(1)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            connection, _address = self._listener.accept()
        except OSError:
            return
        # A client that gives up closes its end.
        with connection, contextlib.suppress(OSError):
            self._serve(self, connection)

    def read(self, connection):
        """Read a piece of a request; returns whether that was its end."""
        piece = connection.recv(PIECE)
        self.received += len(piece)
        # The last chunk may arrive alone, or in parts.
        self._tail = (self._tail + piece)[-len(LAST_CHUNK):]
        self.has_read.release()
        return not piece or self._tail == LAST_CHUNK

    def stop(self):
        self.stopped.set()
        self._listener.close()
        self._thread.join()


def read_all(server, connection, seconds=0):
    """Read a request, a piece each time so many seconds have passed."""
    while not server.read(connection):
        server.stopped.wait(seconds)
    connection.sendall(ANSWER)


def answer_never(server, connection):
    server.read(connection)
    server.stopped.wait()


def read_slowly(server, connection):
    read_all(server, connection, 0.1)


def stop_reading(server, connection):
    for _piece in range(3):
        server.read(connection)
    server.stopped.wait()


def pause(server, connection):
    """Read nothing for longer than a connection may take."""
    server.read(connection)
    server.stopped.wait(1)
    read_all(server, connection)


class TransportTest(base.TestCase):

    #: Bytes, more than what is sent and not read yet can be.
    SIZE = 64 * 1024 * 1024

    def setUp(self):
        super().setUp()
        # As slow as a server may be, and as short as a test.
        self.set(connect=0.3, read=30)

    def set(self, connect, read):
        self.useFixture(fixtures.MockPatchObject(transport, 'CONNECT_TIMEOUT',
                                                 connect))
        self.useFixture(fixtures.MockPatchObject(transport, 'read_timeout',
                                                 lambda: read))

    def session(self, port):
        """A session that need not log on."""
        self.useFixture(fixtures.MockPatchObject(rest.Session, '_logon'))
        self.useFixture(fixtures.MockPatchObject(rest.pvm_adapter.pvm_traits,
                                                 'APITraits'))
        session = rest.Session(host='127.0.0.1', port=port, protocol='http',
                               username='user', password='password')
        session._sessToken = 'token'
        return session

    def serve(self, serve):
        server = Server(serve)
        self.addCleanup(server.stop)
        return server, self.session(server.port)

    def upload(self, session, pieces=None):
        if pieces is None:
            pieces = itertools.repeat(bytes(PIECE), self.SIZE // PIECE)
        return session.request('PUT', '/upload', filehandle=pieces)

    def test_answer(self):
        server, session = self.serve(
            lambda server, connection: (server.read(connection),
                                        connection.sendall(ANSWER)))
        self.assertEqual(204, session.request('GET', '/').status)

    def test_server_that_does_not_answer(self):
        self.set(connect=30, read=0.3)
        server, session = self.serve(answer_never)
        self.assertRaises(pvm_exc.TimeoutError, session.request, 'GET', '/')

    def test_server_that_cannot_be_connected(self):
        """It listens, and takes no more connections."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(('127.0.0.1', 0))
        listener.listen(0)
        for _waiting in range(3):
            waiting = socket.socket()
            waiting.setblocking(False)
            self.addCleanup(waiting.close)
            waiting.connect_ex(listener.getsockname())
        session = self.session(listener.getsockname()[1])
        exc = self.assertRaises(pvm_exc.ConnectionError, session.request,
                                'GET', '/')
        self.assertIn('ConnectTimeout', str(exc))

    def test_upload(self):
        server, session = self.serve(read_all)
        self.assertEqual(204, self.upload(session).status)
        self.assertGreater(server.received, self.SIZE)

    def test_upload_that_stops(self):
        self.set(connect=30, read=0.5)
        server, session = self.serve(stop_reading)
        # Which of the two depends on the version of urllib3.
        exc = self.assertRaises(pvm_exc.Error, self.upload, session)
        self.assertIsInstance(exc, answers.NO_ANSWER)
        self.assertLess(server.received, self.SIZE)

    def test_upload_that_is_slow(self):
        """It takes more than twice as long as an answer may."""
        self.set(connect=0.5, read=0.5)
        server, session = self.serve(read_slowly)

        def pieces():
            for _piece in range(12):
                yield bytes(PIECE)
                # Until that is read there is no other, so none waits to be.
                server.has_read.acquire()

        self.assertEqual(204, self.upload(session, pieces()).status)
        self.assertGreater(server.received, 12 * PIECE)

    def test_upload_that_pauses(self):
        """A connection that is there has other time-outs."""
        server, session = self.serve(pause)
        self.assertEqual(204, self.upload(session).status)

    def test_body_that_is_read_late(self):
        """The same of what is sent in one piece."""
        def serve(server, connection):
            server.stopped.wait(1)
            while server.received < self.SIZE and not server.read(connection):
                pass
            connection.sendall(ANSWER)

        server, session = self.serve(serve)
        self.assertEqual(204, session.request(
            'POST', '/', body=bytes(self.SIZE)).status)


class TimeoutsTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.sent = []
        send = transport.Session.request

        def request(session, *args, **kwargs):
            self.sent.append(kwargs['timeout'])
            return send(session, *args, **kwargs)

        self.useFixture(fixtures.MockPatchObject(transport.Session, 'request',
                                                 request))
        self.flags(group='powervm', rest_read_timeout=77)

    def timeouts(self):
        """Time-outs that requests was given since the last call."""
        sent, self.sent[:] = list(self.sent), []
        return sent

    def test_requests(self):
        """pypowervm gives an update an hour: a VIOS may be slow at it."""
        host = self.connect()
        self.assertEqual([(10, rest.LOGON_TIMEOUT), (10, 77)],
                         self.timeouts()[:2])
        lpar_w = pvm_lpar.LPAR.get(host.adapter)[0]
        self.assertEqual([(10, 77)], self.timeouts())
        lpar_w.update()
        self.assertEqual([(10, 3600)], self.timeouts())
        host.adapter.session.timeout = 4000
        lpar_w.refresh().update()
        self.assertEqual([(10, 4000)] * 2, self.timeouts())

    def test_logs_on_again(self):
        """The request that is sent once more has the same time-outs.

        The logon between has its own, as at the start.
        """
        host = self.connect()
        host.adapter.session._sessToken = 'stale'
        self.timeouts()
        pvm_lpar.LPAR.get(host.adapter)
        self.assertEqual([(10, 77), (10, rest.LOGON_TIMEOUT), (10, 77)],
                         self.timeouts())

    def test_polls_for_events_have_the_time(self):
        """A time-out must not end a poll that the server answers late."""
        for option in rest.CONF.powervm._group._opts.values():
            if option['opt'].name == 'rest_read_timeout':
                self.assertGreater(option['opt'].type.min,
                                   rest.EVENT_POLL_CEILING)
        session = self.connect().adapter.session
        self.assertEqual(session.timeout, session.get_event_listener().timeout)

    def test_a_vanished_server_is_noticed(self):
        options = {}
        sock = mock.Mock()
        sock.setsockopt = lambda level, option, value: options.update(
            {(level, option): value})
        transport._prepare(sock)
        self.assertEqual(1, options[socket.SOL_SOCKET, socket.SO_KEEPALIVE])
        self.assertEqual(
            60, options[socket.IPPROTO_TCP, socket.TCP_KEEPIDLE])
        sock.settimeout.assert_called_once_with(77)

    def test_https(self):
        session = transport.Session()
        manager = session.get_adapter('https://server').poolmanager
        for url, cls in (('https://server', transport._HttpsConnection),
                         ('http://server', transport._HttpConnection)):
            self.assertIs(
                cls, manager.connection_from_url(url).ConnectionCls)
        proxy = session.get_adapter('https://server').proxy_manager_for(
            'http://proxy')
        self.assertIs(
            transport._HttpsConnection,
            proxy.connection_from_url('https://server').ConnectionCls)

    def test_rest_of_the_request_is_pypowervms(self):
        """Nothing but requests.Session was replaced."""
        names = rest._request.__code__.co_names
        self.assertIn('requests', names)
        self.assertTrue(hasattr(transport, 'Session'))
        index = names.index('requests')
        self.assertEqual('Session', names[index + 1])
