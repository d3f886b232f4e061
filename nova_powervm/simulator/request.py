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

"""A request of the REST API, as the WSGI server hands it over."""

import urllib.parse

from oslo_log import log as logging
from werkzeug import wsgi

from nova_powervm.simulator import errors
from nova_powervm.simulator import faults

LOG = logging.getLogger(__name__)

#: The extended attribute groups; source: pypowervm.const.
GROUPS = frozenset((
    'Advanced', 'EnergyManagement', 'Hypervisor', 'NVRAM', 'SystemNetwork',
    'TierThreshold', 'ViosFCMapping', 'ViosNetwork', 'ViosSCSIMapping',
    'ViosStorage', 'VNIC'))
#: Most bytes of a body, but for the contents of files. A VIOS with thousands
#: of mappings has some megabytes.
LARGEST_BODY = 32 * 1024 ** 2
#: Most bytes that are read of a body in chunks that is of no use.
MOST_DRAINED = 8 * LARGEST_BODY
_CHUNK = 65536


class Request:
    """A REST request.

    :param environ: dict of WSGI
    :ivar method: str such as GET
    :ivar path: str, as the client sent it, without the query
    :ivar query: str, as the client sent it
    :ivar segments: list of str, the path without its slashes, decoded
    :ivar parameters: dict of str, the query decoded
    :ivar group_query: str, the value of ``group=``; None without one
    :ivar bytes_in: int, how much of the body was read so far
    :ivar body: bytes, what receive() has read
    :ivar fault: faults.Fault that it meets, or None
    :ivar endpoint: endpoint.Endpoint, as the user sees it; None before the
                    session is known
    """

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
        self.body = b''
        self.fault = self.endpoint = None
        self._stream = None

    @property
    def groups(self):
        """frozenset of the attribute groups that the request asks for.

        :raises errors.Refused: when there is no such group
        """
        if self.group_query is None:
            return GROUPS
        names = frozenset(self.group_query.split(','))
        unknown = names - GROUPS - {'All', 'None', ''}
        if unknown:
            raise errors.Refused('There is no attribute group %s' %
                                 ', '.join(sorted(unknown)))
        return GROUPS if 'All' in names else names & GROUPS

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
        """Read from the body: a Request is a stream of bytes.

        :param size: int, the most bytes to read; None for all
        :returns: bytes
        :raises errors.Dropped: when the client has hung up, or talks nonsense
        """
        if self._stream is None:
            self._stream = wsgi.get_input_stream(self.environ)
        try:
            # To cheroot -1 means to read until the client hangs up.
            data = (self._stream.read() if size is None else
                    self._stream.read(size))
            self.bytes_in += len(data)
            if ((size is None or len(data) < size) and
                    self.bytes_in < int(self.environ.get(
                        'CONTENT_LENGTH') or 0)):
                raise EOFError('That is not all')
        except (EOFError, OSError, ValueError) as exc:
            LOG.info('The body of %s %s ended after %d bytes: %s',
                     self.method, self.path, self.bytes_in, exc)
            raise errors.Dropped()
        return data

    def receive(self):
        """Read the whole body, and keep it; site.lock must not be held.

        :returns: bytes, at most LARGEST_BODY of them
        :raises errors.TooLarge: when there are more
        :raises errors.Dropped: as read() does
        """
        parts, size = [], wsgi.get_content_length(self.environ) or 0
        while max(size, self.bytes_in) <= LARGEST_BODY:
            parts.append(self.read(_CHUNK))
            if not parts[-1]:
                self.body = b''.join(parts)
                return self.body
        raise errors.TooLarge('The body has more than %d bytes' % LARGEST_BODY)

    def drain(self):
        """Read what a client still sends: it would not read the answer.

        Who sends more than MOST_DRAINED loses the connection.
        """
        if self.environ.get('HTTP_TRANSFER_ENCODING'):
            while self.read(_CHUNK):
                if self.bytes_in > MOST_DRAINED:
                    raise errors.Dropped()

    def check_method(self, *allowed):
        """Refuse methods that are not possible where the URL leads.

        :param allowed: str, the methods that are
        :raises errors.NotAllowed:
        """
        if self.method not in allowed:
            raise errors.NotAllowed('%s is not possible here' % self.method)

    def job_fault(self):
        """Return the data (dict) of a fault for the job, or None."""
        if self.fault is None or self.fault.effect not in faults.OF_JOBS:
            return None
        return self.fault.spec
