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

"""The logon: /rest/api/web/Logon."""

from nova_powervm.simulator import atom
from nova_powervm.simulator import response

_CONTENT_TYPE = ('application/vnd.ibm.powervm.web+xml; type=LogonResponse; '
                 'charset=UTF-8')


def handle(endpoint, request):
    """Start a session, or end one; site.lock is not held."""
    request.check_method('PUT', 'DELETE')
    if request.method == 'DELETE':
        endpoint.sessions.logoff(request.header('X-API-Session'))
        return response.empty()
    doc = atom.Document(request.receive())
    user = doc.text('UserID') or ''
    if doc.bool('GenerateX-API-SessionFile', False):
        session = endpoint.sessions.logon_file(user)
        answer = atom.el('X-API-SessionFile', session.path)
    else:
        session = endpoint.sessions.logon_password(user,
                                                   doc.text('Password') or '')
        answer = atom.el('X-API-Session', session.token)
    return response.Response(
        atom.document('LogonResponse', 'web', [atom.metadata(), answer]),
        content_type=_CONTENT_TYPE)
