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

"""Requests and answers of the REST API, as the WSGI server hands them over."""

import http
import urllib.parse

from oslo_log import log as logging
from werkzeug import wsgi

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors

LOG = logging.getLogger(__name__)

#: The extended attribute groups; source: pypowervm.const.
GROUPS = frozenset((
    'Advanced', 'EnergyManagement', 'Hypervisor', 'NVRAM', 'SystemNetwork',
    'TierThreshold', 'ViosFCMapping', 'ViosNetwork', 'ViosSCSIMapping',
    'ViosStorage', 'VNIC'))
#: Statuses of answers without a body.
_NO_BODY = frozenset((204, 304))


class Dropped(Exception):
    """The connection shall be closed without an answer."""


class Unanswered(Exception):
    """The connection shall stay open, and nothing is ever answered."""


class Call:
    """A REST request."""

    def __init__(self, environ):
        self.environ = environ
        self.method = environ['REQUEST_METHOD']
        self.path, _, self.query = environ['REQUEST_URI'].partition('?')
        # A percent-encoded slash is no separator.
        self.segments = [urllib.parse.unquote(part) for part in
                         self.path.strip('/').split('/')]
        self.parameters = dict(urllib.parse.parse_qsl(
            self.query, keep_blank_values=True))
        self.group_query = self.parameters.get('group')
        self.bytes_in = 0
        self._body = None
        self.fault = None

    @property
    def groups(self):
        """frozenset of the attribute groups that the request asks for."""
        if self.group_query is None:
            return GROUPS
        names = frozenset(self.group_query.split(','))
        if 'All' in names:
            return GROUPS
        names -= {'None', ''}
        if not names <= GROUPS:
            raise errors.Refused('There is no attribute group %s' %
                                 ', '.join(sorted(names - GROUPS)))
        return names

    def header(self, name):
        """Return a header of the request, or ''."""
        return self.environ.get('HTTP_' + name.upper().replace('-', '_'), '')

    def headers(self):
        """Return the headers as a dict, with the token blotted out."""
        found = {name[len('HTTP_'):].title().replace('_', '-'): value
                 for name, value in self.environ.items()
                 if name.startswith('HTTP_')}
        if 'X-Api-Session' in found:
            found['X-Api-Session'] = '*******'
        return found

    def etag(self, name):
        """Return the etag that a conditional header names, or ''."""
        return self.header(name).strip().strip('"')

    def read(self, size=None):
        """Read from the body: a Call is a stream of bytes.

        :raises Dropped: when the client has hung up, or talks nonsense
        """
        if self._body is None:
            self._body = wsgi.get_input_stream(self.environ)
        try:
            # To cheroot -1 means to read until the client hangs up.
            data = (self._body.read() if size is None else
                    self._body.read(size))
            self.bytes_in += len(data)
            if ((size is None or len(data) < size) and
                    self.bytes_in < int(self.environ.get(
                        'CONTENT_LENGTH') or 0)):
                raise EOFError('That is not all')
        except (EOFError, OSError, ValueError) as exc:
            LOG.info('The body of %s %s broke off after %d bytes: %s',
                     self.method, self.path, self.bytes_in, exc)
            raise Dropped()
        return data

    def job_failure(self):
        """Return the message of an injected job failure, or None."""
        if self.fault is None or self.fault.effect != 'job_failed':
            return None
        return self.fault.spec.get('message', 'A fault was injected')


class Response:
    """An answer.

    :ivar headers: dict of str
    :param body: bytes
    :param status: int
    """

    def __init__(self, body, status=200, content_type=atom.CONTENT_TYPE):
        self.body = b'' if status in _NO_BODY else body
        self.status = status
        self.headers = {}
        if status != 304:
            self.headers['Content-Type'] = content_type
        if status not in _NO_BODY:
            self.headers['Content-Length'] = str(len(body))

    def __call__(self, environ, start_response):
        """Be the WSGI application that answers it."""
        start_response('%d %s' % (self.status, _phrase(self.status)),
                       list(self.headers.items()))
        return () if environ['REQUEST_METHOD'] == 'HEAD' else (self.body,)


def xml(data, status=200, etag=None):
    """Answer with a document.

    :param data: bytes
    :param etag: str, or None
    :returns: Response
    """
    response = Response(data, status)
    if etag:
        response.headers['ETag'] = etag
    return response


def empty(status=204):
    """Answer without a document.

    :returns: Response
    """
    return Response(b'', status)


def _phrase(status):
    try:
        return http.HTTPStatus(status).phrase.upper()
    except ValueError:
        return 'UNKNOWN'
