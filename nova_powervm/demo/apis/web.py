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


def collection_routes(prefix):
    """The routes of a service that is a subclass of Collections.

    :param prefix: str, the first part of the paths, such as v2
    :returns: tuple, for ROUTES
    """
    path = '/%s/<kind>' % prefix
    return (('GET', '/', 'show_versions'),
            ('GET', path, 'list'),
            ('POST', path, 'create'),
            ('GET', path + '/<item_id>', 'show'),
            ('DELETE', path + '/<item_id>', 'delete'))


class Collections(Service):
    """A service that lists, shows, creates and deletes items.

    A subclass has items(), create_item() and delete_item().

    :cvar VERSION: tuple of (version of the API, first part of its paths)
    :cvar KINDS: dict of kind, as in a path -> the name of one item
    :cvar CHANGED: tuple of the kinds that clients can create and delete
    """

    VERSION = ('', '')
    KINDS = {}
    CHANGED = ()

    def items(self, kind):
        """Return all items of a kind: list of dict."""
        raise NotImplementedError()

    def create_item(self, kind, body):
        """Create an item.

        :param body: dict, the JSON of the request
        :returns: dict, the JSON of the answer
        """
        raise NotImplementedError()

    def delete_item(self, kind, item_id):
        """Delete an item that is there."""
        raise NotImplementedError()

    def show_item(self, kind, item):
        """Return the JSON that shows one item: dict."""
        return {self.KINDS[kind]: item}

    def show_versions(self, request):
        """Tell that there is one version."""
        version, prefix = self.VERSION
        return {'versions': [{'id': version, 'status': 'CURRENT', 'links': [
            {'rel': 'self', 'href': '%s%s/' % (request.host_url, prefix)}]}]}

    def list(self, request, kind):
        """List the items that have the fields of the query."""
        self._check(kind)
        return {kind.replace('-', '_'): [
            item for item in self.items(kind) if matches(item, request)]}

    def show(self, request, kind, item_id):
        """Show an item."""
        self._check(kind)
        return self.show_item(kind, self.find(kind, item_id))

    def create(self, request, kind):
        """Create an item."""
        self._check(kind, self.CHANGED)
        return reply(self.create_item(kind, request.json), 201)

    def delete(self, request, kind, item_id):
        """Delete an item."""
        self._check(kind, self.CHANGED)
        self.find(kind, item_id)
        self.delete_item(kind, item_id)
        return reply(None, 204)

    def find(self, kind, item_id):
        """Find an item by its id; an extension has an alias instead.

        :returns: dict
        :raises werkzeug.exceptions.NotFound: if there is none
        """
        for item in self.items(kind):
            if item.get('id', item.get('alias')) == item_id:
                return item
        raise exceptions.NotFound('There is no %s %s.' % (
            self.KINDS[kind], item_id))

    def _check(self, kind, allowed=None):
        if kind not in self.KINDS:
            raise exceptions.NotFound('There are no %s here.' % kind)
        if allowed is not None and kind not in allowed:
            raise exceptions.MethodNotAllowed(
                ['GET'], 'The demo cannot change %s.' % kind)


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
