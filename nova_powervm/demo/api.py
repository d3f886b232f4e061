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

"""Nova's API over HTTP, for whoever wants to talk to the demo's Nova."""

import threading

from cheroot import wsgi


class ApiServer:
    """Serves Nova's API on a free port of 127.0.0.1.

    There is no Keystone: every request is one of the administrator.

    :param app: the WSGI application.
    :param project_id: str, the project of the administrator.
    """

    def __init__(self, app, project_id):
        self._app = app
        self._identity = {'HTTP_X_AUTH_USER': 'admin',
                          'HTTP_X_USER_ID': 'admin',
                          'HTTP_X_AUTH_PROJECT_ID': project_id,
                          'HTTP_X_ROLES': 'reader,member,admin'}
        self._server = wsgi.Server(('127.0.0.1', 0), self._answer)

    def _answer(self, environ, start_response):
        return self._app(dict(environ, **self._identity), start_response)

    @property
    def url(self):
        """str, what Keystone's catalog would say."""
        return 'http://127.0.0.1:%d/v2.1' % self._server.bind_addr[1]

    def __enter__(self):
        self._server.prepare()
        threading.Thread(target=self._server.serve, daemon=True,
                         name='nova-api').start()
        return self

    def __exit__(self, *exc_info):
        self._server.stop()
