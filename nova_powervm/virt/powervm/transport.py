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

"""Set the time-outs of connections to the PowerVM REST API server.

Connecting, sending and waiting for an answer need different time-outs.
requests has no time-out for sending and uses the one for connecting, so an
upload would fail if the server did not read for some seconds.
"""

import socket

import requests
from requests import adapters
from urllib3 import connection
from urllib3 import connectionpool

from nova_powervm import conf as cfg

CONF = cfg.CONF

#: Seconds within which a connection must be established.
CONNECT_TIMEOUT = 10

#: To detect a server that vanishes silently: seconds until the first keepalive
#: probe, seconds between two probes, and how many probes may fail.
KEEPALIVE = {'TCP_KEEPIDLE': 60, 'TCP_KEEPINTVL': 10, 'TCP_KEEPCNT': 6}


def read_timeout():
    """Return the seconds within which an open connection has to make progress.

    While a request is sent, they apply to each piece, so an upload may take as
    long as the server continues to read. Afterwards they apply to the time
    until the answer begins, and between two pieces of it, unless the request
    has its own time-out.
    """
    return CONF.powervm.rest_read_timeout


def timeouts(timeout):
    """Return the timeout argument of a request for requests.

    :param timeout: seconds to wait for the answer, or a result of this
        function.
    :returns: tuple of seconds: to connect, and to wait for the answer.
    """
    if isinstance(timeout, tuple):
        return timeout
    return CONNECT_TIMEOUT, timeout


def _prepare(sock):
    """Set the time-out for sending, and detect whether the peer is alive."""
    sock.settimeout(read_timeout())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _HttpConnection(connection.HTTPConnection):

    def connect(self):
        super().connect()
        _prepare(self.sock)


class _HttpsConnection(connection.HTTPSConnection):

    def connect(self):
        super().connect()
        _prepare(self.sock)


class _HttpPool(connectionpool.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(connectionpool.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Adapter(adapters.HTTPAdapter):
    """Makes connections that have their own time-out for sending."""

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            'http': _HttpPool, 'https': _HttpsPool}

    def proxy_manager_for(self, *args, **kwargs):
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {
            'http': _HttpPool, 'https': _HttpsPool}
        return manager


class Session(requests.Session):
    """A session of requests that uses such connections."""

    def __init__(self):
        super().__init__()
        for scheme in ('http://', 'https://'):
            self.mount(scheme, _Adapter())
