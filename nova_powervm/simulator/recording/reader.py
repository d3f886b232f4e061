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

"""Read all that a REST server has to show; nothing is changed.

The types are those that the simulator knows. Of each type the reader takes
the feed, and some of its objects, with what is below them.
"""

import http.client

from lxml import etree

from nova_powervm.simulator import jobs
from nova_powervm.simulator.recording import paths
from nova_powervm.simulator.recording import proxy
from nova_powervm.simulator import resources

#: How many objects of a type it follows to what is below them.
_MOST = 20
#: How many requests may stay without an answer before it gives up.
_MOST_LOST = 5
_NAMESPACE = 'http://www.ibm.com/xmlns/systems/power/firmware/web/mc/2012_10/'


class Failed(RuntimeError):
    """The server does not let us read."""


class Reader:
    """Reads a server.

    :param send: function of method, path, body (bytes or None) and headers
                 (dict), which returns status, headers and body (bytes)
    :ivar lost: list of str, the paths to which there was no answer
    """

    def __init__(self, send):
        self._send = send
        self._headers = {'Accept': '*/*'}
        self._seen = set()
        self.lost = []

    def logon(self, user=None, password=''):
        """Log on.

        :param user: str; None to log on with a file on this machine
        :raises Failed:
        """
        request = etree.Element('LogonRequest', xmlns=_NAMESPACE,
                                schemaVersion='V1_0')
        if user is None:
            etree.SubElement(
                request, 'GenerateX-API-SessionFile').text = 'true'
        else:
            etree.SubElement(request, 'UserID').text = user
            etree.SubElement(request, 'Password').text = password
        status, _, body = self._send('PUT', proxy.LOGON, etree.tostring(
            request), {'Content-Type': 'application/vnd.ibm.powervm.web+xml; '
                       'type=LogonRequest', 'Accept': '*/*'})
        if status != 200:
            raise Failed('The server refuses the logon: %d' % status)
        root = _root(body)
        name = '{*}X-API-Session' + ('File' if user is None else '')
        token = None if root is None else root.findtext(name)
        if token and user is None:
            with open(token, encoding='utf-8') as file:
                token = file.read().strip()
        if not token:
            raise Failed('The answer to the logon has no %s: this is no '
                         'PowerVM REST server' % name[3:])
        self._headers['X-API-Session'] = token

    def logoff(self):
        """End the session."""
        self._send('DELETE', proxy.LOGON, None, self._headers)

    def get(self, path):
        """Read a path.

        :returns: bytes; b'' when there is nothing
        :raises OSError, http.client.HTTPException: when the server has left
            several requests without an answer
        """
        if path in self._seen:
            return b''
        self._seen.add(path)
        try:
            status, _, body = self._send('GET', path, None, self._headers)
        except (OSError, http.client.HTTPException):
            self.lost.append(path)
            if len(self.lost) >= _MOST_LOST:
                raise
            return b''
        return body if status == 200 else b''

    def read(self):
        """Read everything."""
        for cls in resources.ALL:
            if cls.ROOT:
                self._read_feed('/rest/api/' + cls.SERVICE, cls)
        self.get('/rest/api/uom/Event')

    def _read_feed(self, above, cls):
        """Read the feed of a type, and follow its objects."""
        path = '%s/%s' % (above, cls.URL_NAME or cls.TYPE)
        root = _root(self.get(path))
        if root is None:
            return
        entries = [root] if paths.local_name(root) == 'entry' else (
            root.findall('{*}entry'))
        for entry in entries[:_MOST]:
            self._read_object(path, cls, entry)

    def _read_object(self, path, cls, entry):
        for link in entry.findall('{*}link'):
            below = link.get('href', '').partition('/rest/')[2]
            if below and link.get('type', '').endswith('json'):
                self.get('/rest/' + below)
        uuid = entry.findtext('{*}id')
        if cls.IS_MADE or not uuid:
            return
        own = '%s/%s' % (path, uuid)
        self.get(own)
        if cls.QUICK:
            self.get(own + '/quick/All')
        for type_, operation in jobs.OPERATIONS:
            if type_ == cls.TYPE:
                # This reads the form of the job, and starts none.
                self.get('%s/do/%s' % (own, operation))
        for child in resources.ALL:
            if cls.TYPE in child.PARENTS and not (
                    child.ROOT and cls.TYPE == 'ManagementConsole'):
                above = own
                if child.SERVICE != cls.SERVICE:
                    above = own.replace('/rest/api/' + cls.SERVICE,
                                        '/rest/api/' + child.SERVICE)
                self._read_feed(above, child)


def _root(body):
    """Return the root of an XML document; None if it is none."""
    try:
        return paths.parse(body)
    except ValueError:
        return None
