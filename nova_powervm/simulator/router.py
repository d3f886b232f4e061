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

"""Which handler answers a URL of the REST API.

URLs are /rest/api/<service>/<type>/<UUID>/<type of children>/<UUID>..., with
``quick``, ``search`` or ``do`` behind a type or an object. There are also URLs
for the logon, for events, for jobs and for the contents of files.
"""

from nova_powervm.simulator import errors
from nova_powervm.simulator.handlers import contents
from nova_powervm.simulator.handlers import events
from nova_powervm.simulator.handlers import jobs
from nova_powervm.simulator.handlers import logon
from nova_powervm.simulator.handlers import objects
from nova_powervm.simulator import resources


class Router:
    """Finds the handler of a request.

    :param endpoint: endpoint.Endpoint
    """

    def __init__(self, endpoint):
        self._endpoint = endpoint
        self._classes = {cls.URL_NAME or cls.TYPE: cls
                         for cls in resources.ALL}

    def dispatch(self, request):
        """Answer a request.

        :param request: request.Request
        :returns: response.Response
        :raises errors.RestError: to refuse it
        """
        if request.segments[:2] != ['rest', 'api'] or (
                len(request.segments) < 4):
            raise errors.NotFound('There is nothing at %s' % request.path)
        service, path = request.segments[2], request.segments[3:]
        if (service, path) == ('web', ['Logon']):
            return logon.handle(self._endpoint, request)
        session = self._endpoint.sessions.check(
            request.header('X-API-Session'))
        seen = self._endpoint.seen_by(session.user)
        router = self if seen is self._endpoint else Router(seen)
        return router._dispatch(request, service, path)

    def _dispatch(self, request, service, path):
        """Answer a request of a client that has logged on."""
        request.endpoint = self._endpoint
        if (service, path[:2]) == ('web', ['File', 'contents']):
            return contents.handle(self._endpoint, request, path[2:])
        if (service, path) == ('uom', ['Event']):
            return events.handle(self._endpoint, request)
        if request.method in ('PUT', 'POST'):
            request.receive()
        with self._endpoint.site.lock:
            if (service, path[0]) == ('uom', 'jobs'):
                return jobs.handle(self._endpoint, request, path[1:])
            return self._follow(request, service, path)

    def _follow(self, request, service, path):
        """Follow a URL from its first type to its object, and answer."""
        parent = None
        while True:
            cls, path = self._class(parent, path)
            if cls.IS_MADE:
                self._check_service(service, cls)
                return objects.handle_made(parent.host, request, cls, path)
            if not path or path[0] in ('search', 'do', 'quick'):
                self._check_service(service, cls)
                return self._on_type(request, cls, parent, path)
            resource = self._object(cls, parent, path[0],
                                    path[1:2] == ['do'])
            path = path[1:]
            if not path:
                self._check_service(service, cls)
                return objects.handle_object(request, resource)
            if path[0] == 'quick':
                return objects.quick(request, resource, path[1:])
            if path[0] == 'do':
                return jobs.handle_operation(self._endpoint, request, cls,
                                             resource, path[1:])
            parent = resource

    def _class(self, parent, path):
        """Find the type that a path begins with.

        :param parent: Resource that it must be possible below, or None
        :returns: tuple of a subclass of Resource, and the rest of the path
        :raises errors.NotFound:
        """
        cls, used = self._classes.get(path[0]), 1
        if cls is None and len(path) > 1:
            cls, used = self._classes.get('/'.join(path[:2])), 2
        if cls is None:
            raise errors.NotFound('There is no type %s' % path[0])
        if parent is None and not cls.ROOT:
            raise errors.NotFound('%s is not a ROOT type' % cls.TYPE)
        if parent is not None and parent.TYPE not in cls.PARENTS:
            raise errors.NotFound('%s is not a CHILD of %s' % (
                cls.TYPE, parent.TYPE))
        return cls, path[used:]

    @staticmethod
    def _check_service(service, cls):
        if cls.SERVICE != service:
            raise errors.NotFound('%s is not in the service %s' % (
                cls.TYPE, service))

    def _object(self, cls, parent, uuid, for_job):
        """Find an object, which must be a child of the parent, if given."""
        if parent is None:
            return self._endpoint.get(cls.TYPE, uuid, for_job)
        return self._endpoint.child(parent, cls.TYPE, uuid)

    def _on_type(self, request, cls, parent, path):
        """Answer a request whose URL names no object of a type."""
        if not path:
            return objects.handle_type(self._endpoint, request, cls, parent)
        if path[0] == 'search':
            return objects.search(self._endpoint, request, cls, parent,
                                  path[1:])
        if path == ['quick', 'All'] and cls.QUICK and self._endpoint.is_hmc:
            return objects.quick_all(self._endpoint, request, cls, parent)
        if path[0] == 'do':
            return jobs.handle_operation(self._endpoint, request, cls, None,
                                         path[1:])
        raise errors.NotFound('There is no quick report of %s' % cls.TYPE)
