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

"""What the services have in common: requests and answers of JSON, a port."""

import json
import threading

from cheroot import wsgi
from werkzeug import exceptions
from werkzeug import routing
from werkzeug import wrappers

ADDRESS = '127.0.0.1'


class Service:
    """A service: a WSGI application that answers with JSON.

    A method for a route gets the request and what is variable in the path. It
    returns what becomes JSON, or a werkzeug Response. An exception of
    werkzeug.exceptions becomes an error as OpenStack's services tell it.

    :cvar ROUTES: tuple of (HTTP method, path in the words of werkzeug, name of
        the method)
    """

    ROUTES = ()

    def __init__(self):
        self._map = routing.Map([
            routing.Rule(path, methods=[method], endpoint=name)
            for method, path, name in self.ROUTES], strict_slashes=False)

    def __call__(self, environ, start_response):
        request = wrappers.Request(environ)
        try:
            name, variables = self._map.bind_to_environ(environ).match()
            answer = getattr(self, name)(request, **variables)
        except exceptions.HTTPException as exc:
            answer = reply({'error': {
                'code': exc.code, 'title': exc.name,
                'message': exc.description}}, exc.code)
        if not isinstance(answer, wrappers.Response):
            answer = reply(answer)
        return answer(environ, start_response)


def reply(content, status=200, headers=None):
    """Make an answer of JSON.

    :param content: what becomes JSON; None for an answer without content
    :param status: int
    :param headers: dict
    :returns: werkzeug.wrappers.Response
    """
    text = '' if content is None else json.dumps(content)
    return wrappers.Response(text, status, headers,
                             content_type='application/json')


def matches(item, request):
    """Whether an item of a list has all that a query asks for.

    :param item: dict
    :param request: werkzeug.wrappers.Request
    """
    return all(str(item[name]) in wanted
               for name, wanted in request.args.lists() if name in item)


class Server:
    """Serves a WSGI application on a free port; a context manager.

    :param app: the application
    :param name: str, of its thread
    :ivar url: str, without a slash at its end; None before it serves
    """

    def __init__(self, app, name):
        self._name = name
        self._server = wsgi.Server((ADDRESS, 0), app)
        self.url = None

    def __enter__(self):
        self._server.prepare()
        self.url = 'http://%s:%d' % (ADDRESS, self._server.bind_addr[1])
        threading.Thread(target=self._server.serve, daemon=True,
                         name=self._name).start()
        return self

    def __exit__(self, *exc_info):
        self._server.stop()
