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

"""An answer of the REST API, as a WSGI application."""

import http

from nova_powervm.simulator import atom

#: Statuses of answers without a body.
_NO_BODY = frozenset((204, 304))


class Response:
    """An answer.

    :param body: bytes
    :param status: int
    :param content_type: str
    :ivar headers: dict of str
    :ivar entries: int, how many objects the answer lists
    """

    def __init__(self, body, status=200, content_type=atom.CONTENT_TYPE):
        self.entries = 0
        self.body = b'' if status in _NO_BODY else body
        self.status = status
        self.headers = {}
        if status != 304:
            self.headers['Content-Type'] = content_type
        if status not in _NO_BODY:
            self.headers['Content-Length'] = str(len(body))

    def replace(self, before, after):
        """Replace a text of the body by another.

        :param before: str
        :param after: str
        """
        self.body = self.body.replace(before.encode(), after.encode())
        if 'Content-Length' in self.headers:
            self.headers['Content-Length'] = str(len(self.body))

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
