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

"""A stand-in of Keystone and Swift, spoken to over HTTP."""

import hashlib
import json
import threading

import fixtures
from werkzeug import exceptions
from werkzeug import serving
from werkzeug import wrappers

USER = 'powervm'
PASSWORD = 'secret'
TOKEN_HEADER = 'X-Auth-Token'


class SwiftFixture(fixtures.Fixture):
    """Serves one project's containers on a free port of 127.0.0.1.

    :ivar containers: dict of name -> dict of object name -> bytes.
    :ivar requests: list of 'METHOD path', without those for tokens.
    :ivar status: int, the HTTP status of every answer of Swift; None for
        what is right.
    :ivar has_swift: whether Keystone's catalog names an endpoint of Swift.
    """

    def _setUp(self):
        self.containers = {}
        self.requests = []
        self.status = None
        self.has_swift = True
        self.tokens = set()
        self._server = serving.make_server('127.0.0.1', 0, self._application,
                                           threaded=True)
        self.url = 'http://127.0.0.1:%d' % self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        kwargs={'poll_interval': 0.05})
        self._thread.start()
        self.addCleanup(self.stop)
        for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY',
                     'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'):
            self.useFixture(fixtures.EnvironmentVariable(name))

    def stop(self):
        """Answer no more. May be called twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    @property
    def options(self):
        """The options of group [powervm] that lead here."""
        return {'nvram_store': 'swift', 'swift_password': PASSWORD,
                'swift_auth_url': self.url + '/v3'}

    def objects(self, container='powervm_nvram'):
        """What a container has: dict of name -> bytes."""
        return self.containers.get(container, {})

    def expire_tokens(self):
        """Forget all tokens that were given out."""
        self.tokens.clear()

    @wrappers.Request.application
    def _application(self, request):
        try:
            if request.path == '/v3/auth/tokens':
                return self._make_token(request)
            if request.path in ('/v3', '/v3/'):
                return _json({'version': {
                    'id': 'v3.14', 'status': 'stable', 'links': [
                        {'rel': 'self', 'href': self.url + '/v3/'}]}})
            self.requests.append('%s %s' % (request.method, request.path))
            return self._swift(request)
        except exceptions.HTTPException as exc:
            return exc.get_response()

    def _make_token(self, request):
        user = request.get_json()['auth']['identity']['password']['user']
        if (user['name'], user['password']) != (USER, PASSWORD):
            raise exceptions.Unauthorized()
        token = 'token%d' % len(self.requests)
        self.tokens.add(token)
        endpoints = [{'interface': 'public', 'region': 'one', 'id': '1',
                      'region_id': 'one', 'url': self.url + '/swift/v1'}]
        answer = _json({'token': {
            'methods': ['password'], 'expires_at': '2099-01-01T00:00:00.0Z',
            'issued_at': '2026-01-01T00:00:00.0Z',
            'user': {'id': 'u', 'name': USER,
                     'domain': {'id': 'd', 'name': 'powervm'}},
            'catalog': [{'type': 'object-store' if self.has_swift else 'image',
                         'name': 'service', 'id': '1',
                         'endpoints': endpoints}]}}, status=201)
        answer.headers['X-Subject-Token'] = token
        return answer

    def _swift(self, request):
        if request.headers.get(TOKEN_HEADER) not in self.tokens:
            raise exceptions.Unauthorized()
        if self.status is not None:
            return wrappers.Response('no', status=self.status)
        container, _slash, name = request.path[len('/swift/v1/'):].partition(
            '/')
        if not name:
            assert request.method == 'PUT', request.method
            self.containers.setdefault(container, {})
            return wrappers.Response(status=201)
        return getattr(self, '_' + request.method.lower())(
            request, self.containers.get(container), name)

    @staticmethod
    def _put(request, objects, name):
        if objects is None:
            raise exceptions.NotFound()
        objects[name] = request.get_data()
        return wrappers.Response(status=201)

    @staticmethod
    def _get(request, objects, name):
        if not objects or name not in objects:
            raise exceptions.NotFound()
        md5 = hashlib.md5(objects[name], usedforsecurity=False)
        return wrappers.Response(objects[name],
                                 headers={'ETag': md5.hexdigest()})

    _head = _get

    @staticmethod
    def _delete(request, objects, name):
        if not objects or objects.pop(name, None) is None:
            raise exceptions.NotFound()
        return wrappers.Response(status=204)


def _json(content, status=200):
    return wrappers.Response(json.dumps(content), status=status,
                             mimetype='application/json')
