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

"""The HTTP server of one endpoint."""

import errno
import select
import socket
import threading
import time

from cheroot.workers import threadpool
from cheroot import wsgi
from oslo_log import log as logging

from nova_powervm.simulator import app
from nova_powervm.simulator import connection
from nova_powervm.simulator import control
from nova_powervm.simulator import errors

LOG = logging.getLogger(__name__)

_MIN_THREADS = 4
#: Connections that wait to be accepted.
_BACKLOG = 128
_MAX_THREADS = 200
#: Seconds that a client may let a thread wait while others need it.
_PATIENCE = 1.0
#: Most bytes of the request line and the headers.
_MOST_HEADERS = 65536
#: How long a client that has not sent all of its request can delay the end.
_SHUTDOWN_SECONDS = 0.2
LOOPBACK = ('127.0.0.1', '::1', 'localhost')
#: Addresses that stand for all addresses of the machine.
ANY = ('0.0.0.0', '::')


class Tls:
    """A certificate for https.

    :param certificate: str, path of a PEM file
    :param key: str, path of a PEM file
    """

    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key


class _Gateway(wsgi.Gateway_10):
    def get_environ(self):
        return dict(super().get_environ(), **{
            control.CONNECTION: self.req.conn})

    def respond(self):
        # pypowervm never uses a connection twice.
        self.req.close_connection = True
        try:
            self._respond_at_once()
            if self.req.chunked_read and self.req.rfile.closed:
                # What is left unread would reset the connection.
                self._read_trailers()
        except errors.Dropped:
            self._hang_up()
        except errors.Unanswered:
            self.req.server.silence.wait(self.req.conn.socket)
            self._hang_up()

    def _respond_at_once(self):
        # Headers and body in one piece.
        writer = self.req.conn.wfile
        writer.hold()
        try:
            super().respond()
        finally:
            writer.release()

    def _read_trailers(self):
        try:
            for _ in self.req.rfile.read_trailer_lines():
                pass
        except ValueError as exc:
            LOG.debug('A body in chunks ends with nonsense: %s', exc)

    def _hang_up(self):
        self.req.sent_headers = True
        self.req.conn.hang_up()


class _Silence:
    """Keeps connections open on which nothing is ever said."""

    def __init__(self):
        self._end, self._other_end = socket.socketpair()

    def wait(self, client):
        """Return once the client has given up, or end() was called.

        :param client: socket
        """
        poll = select.poll()
        # What the client still sends is of no interest, and stays unread.
        poll.register(client, select.POLLRDHUP)
        poll.register(self._end, select.POLLIN)
        poll.poll()

    def end(self):
        """Let all waiting threads return, now and later."""
        self._other_end.close()

    def close(self):
        """Close the other end. No thread may wait any more."""
        self._end.close()


class _ThreadPool(threadpool.ThreadPool):
    """Grows when all its threads are busy: a long poll occupies one.

    When it cannot grow, it hangs up on the clients that are slowest to send a
    request or to take an answer, as long as others wait.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._lock = threading.Lock()
        # Threads that wait for a connection, less connections that wait for
        # a thread.
        self._spare = 0
        self._reliever = None
        self.get = self._get

    def _get(self):
        with self._lock:
            self._spare += 1
        return self._queue.get()

    def put(self, obj):
        with self._lock:
            self._spare -= 1
            short = self._spare < 0
            full = short and len(self._threads) >= self.max
            if full and self._reliever is None:
                self._reliever = threading.Thread(target=self._relieve,
                                                  daemon=True)
                self._reliever.start()
        super().put(obj)
        if short and not full:
            self.grow(1)

    def _relieve(self):
        """Hang up on slow clients until nobody waits for a thread."""
        while True:
            with self._lock:
                missing = -self._spare
                if missing <= 0 or not self.server.ready:
                    self._reliever = None
                    return
            # The more wait, the less patience there is.
            patience = _PATIENCE / (1 + missing / self.max)
            for slow in self._slow(patience)[:missing]:
                slow.hang_up()
            time.sleep(patience / 10)

    def _slow(self, patience):
        """List the connections whose client lets its thread wait.

        :param patience: float seconds that it may take
        """
        latest = time.monotonic() - patience
        connections = [worker.conn for worker in list(self._threads)]
        waits = [(conn.waits_since, conn) for conn in connections
                 if isinstance(conn, connection.Connection)]
        return [conn for since, conn in sorted(
            (item for item in waits if item[0] is not None),
            key=lambda item: item[0]) if since < latest]

    def grow(self, amount):
        for _ in range(int(min(amount, self.max - len(self._threads)))):
            worker = threadpool.WorkerThread(self.server)
            worker.daemon = True
            worker.start()
            self._threads.append(worker)


class _Server(wsgi.Server):
    """Serves on a socket that was taken before."""

    taken = None

    def bind(self, family, type, proto=0):
        if self.taken is None:
            return super().bind(family, type, proto)
        self.socket = self.taken
        self.bind_addr = self.resolve_real_bind_addr(self.taken)
        return self.taken


def take(bind, ports):
    """Take TCP ports before there is anything to serve.

    :param bind: str, address to listen on
    :param ports: list of int; 0 for any free one
    :returns: list of sockets, which listen
    :raises OSError: when one of them cannot be had; none is taken then
    """
    taken = []
    try:
        for port in ports:
            taken.append(_take(bind, port))
    except BaseException:
        for other in taken:
            other.close()
        raise
    return taken


def _take(bind, port):
    if not 0 <= port <= 65535:
        raise OSError(errno.EINVAL, 'There is no port %d' % port)
    if not bind:
        raise OSError(errno.EINVAL, 'The address to listen on is empty')
    try:
        found = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM,
                                   flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as exc:
        raise OSError(errno.EADDRNOTAVAIL, 'Cannot listen on %s: %s' % (
            bind, getattr(exc, 'strerror', exc)))
    server = _Server((bind, port), None)
    server.socket = problem = None
    for family, kind, protocol, _name, _address in found:
        try:
            taken = server.bind(family, kind, protocol)
            # Two sockets can have a port until one of them listens.
            taken.listen(_BACKLOG)
            return taken
        except OSError as exc:
            problem = exc
            if server.socket:
                server.socket.close()
    raise problem


class RestServer:
    """Serves the REST API of an endpoint from threads of its own.

    :param endpoint: endpoint.Endpoint
    :param bind: str, address to listen on
    :param taken: socket of take()
    :param tls: Tls, or None for http
    """

    def __init__(self, endpoint, bind, taken, tls=None):
        self._endpoint = endpoint
        self._bind = bind
        self._thread = None
        self._server = _Server(
            (bind, taken.getsockname()[1]), app.Application(endpoint),
            numthreads=_MIN_THREADS, request_queue_size=_BACKLOG, timeout=60,
            shutdown_timeout=_SHUTDOWN_SECONDS)
        self._server.taken = taken
        self._server.gateway = _Gateway
        self._server.max_request_header_size = _MOST_HEADERS
        self._server.ConnectionClass = connection.Connection
        self._silence = self._server.silence = _Silence()
        self._server.requests = _ThreadPool(
            self._server, min=_MIN_THREADS, max=_MAX_THREADS)
        self._scheme = 'http'
        if tls is not None:
            self._scheme = 'https'
            self._server.ssl_adapter = _tls_adapter(tls)

    @property
    def port(self):
        """int, the port that it listens on."""
        return self._server.bind_addr[1]

    def listen(self):
        """Start the threads, and tell the endpoint its base URL."""
        self._server.prepare()
        any_address = self._bind in ANY
        name = ('localhost' if any_address or self._bind in LOOPBACK else
                self._bind)
        if ':' in name:
            name = '[%s]' % name
        self._endpoint.base_url = '%s://%s:%d' % (
            self._scheme, name, self.port)
        # Only a client knows an address that leads back here.
        self._endpoint.seen_as = self._scheme + '://' if any_address else None

    def start(self):
        """Serve in the background."""
        self._thread = threading.Thread(
            target=self._server.serve, daemon=True,
            name='simulator-%s' % self._endpoint.name)
        self._thread.start()

    def stop(self):
        """Stop serving, and wait for the threads to end."""
        self._silence.end()
        stopper = threading.Thread(target=self._server.stop, daemon=True)
        stopper.start()
        while stopper.is_alive():
            # The server looks at its orders only when somebody knocks, or
            # twice a second.
            self._knock()
            stopper.join(0.01)
        if self._thread is not None:
            self._thread.join()
        self._silence.close()

    def _knock(self):
        try:
            socket.create_connection(self._server.bind_addr[:2], 1).close()
        except OSError:
            LOG.debug('The server at port %d is closed', self.port)


def _tls_adapter(tls):
    # Only needed for https; cheroot imports ssl machinery with it.
    from cheroot.ssl import builtin

    class Adapter(builtin.BuiltinSSLAdapter):
        def wrap(self, sock):
            # The thread that accepts connections waits for no handshake.
            return self.context.wrap_socket(
                sock, do_handshake_on_connect=False, server_side=True), {}

    return Adapter(tls.certificate, tls.key)
