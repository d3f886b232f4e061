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

"""The WSGI application of one host: URLs, envelopes and errors."""

import json
import re
import time
import uuid

from oslo_log import log as logging

from nova_powervm.simulator import atom
from nova_powervm.simulator import call as calls
from nova_powervm.simulator import control
from nova_powervm.simulator import errors
from nova_powervm.simulator import faults
from nova_powervm.simulator import jobs
from nova_powervm.simulator import resources
from nova_powervm.simulator.resources import uploads

LOG = logging.getLogger(__name__)

_SEARCH = re.compile(r"\((\w+)(==|!=)'(.*)'\)$", re.DOTALL)
_LOGON_TYPE = ('application/vnd.ibm.powervm.web+xml; type=LogonResponse; '
               'charset=UTF-8')
_SAMPLE_TYPE = 'application/vnd.ibm.powervm.pcm.json'


class Application:
    """Serves the REST API of a host, and the control API of its site."""

    def __init__(self, host):
        self._host = host
        self._lock = host.site.lock
        self._control = control.Control(host)
        self._classes = {cls.URL_NAME or cls.TYPE: cls
                         for cls in resources.ALL}

    def __call__(self, environ, start_response):
        """Answer a request.

        :raises call.Dropped: to close the connection without an answer
        :raises call.Unanswered: to leave it open without an answer
        """
        if environ['PATH_INFO'].startswith('/simulator'):
            response = self._control.respond(environ)
        else:
            response = self._respond(calls.Call(environ))
        return response(environ, start_response)

    def _respond(self, call):
        started = time.monotonic()
        response = None
        try:
            response = self._answer(call)
            response.headers['X-MC-Type'] = 'PVM'
            return response
        finally:
            self._record(call, response, time.monotonic() - started)

    def _record(self, call, response, seconds):
        self._host.journal.add({
            'method': call.method, 'path': call.path, 'query': call.query,
            'groups': call.group_query,
            'status': response.status if response else None,
            'bytes_in': call.bytes_in,
            'bytes_out': len(response.body) if response else 0,
            'ms': round(seconds * 1000, 3),
            'fault': call.fault.id if call.fault else None})

    def _answer(self, call):
        try:
            return self._with_faults(call)
        except (calls.Dropped, calls.Unanswered):
            raise
        except errors.RestError as exc:
            return self._refusal(call, exc)
        except Exception as exc:
            LOG.exception('The request %s %s failed', call.method, call.path)
            return self._refusal(call, errors.RestError(
                'The simulator failed: %s: %s' % (type(exc).__name__, exc)))

    def _refusal(self, call, exc):
        self._drain(call)
        return calls.xml(atom.error_entry(
            str(uuid.uuid4()), exc.status, call.path, exc.reason_code,
            exc.message, call.headers(), self._host.site.clock.now()),
            exc.status)

    @staticmethod
    def _drain(call):
        # A client that still sends would not read the answer.
        if call.environ.get('HTTP_TRANSFER_ENCODING'):
            while call.read(65536):
                pass

    def _with_faults(self, call):
        delay = self._host.site.timing['request_seconds']
        if delay:
            time.sleep(delay)
        vios = None
        if self._host.faults.want_vios:
            vios = faults.vios_of(self._host, call.segments)
        fault = call.fault = self._host.faults.match(
            call.method, call.path, call.query,
            bool(call.header('If-Match')), vios is not None)
        if fault is None:
            return self._dispatch(call)
        fault.act(call.method, call.path)
        if fault.effect == 'vios_down':
            self._take_down(fault, vios)
        if fault.effect == 'delay':
            time.sleep(fault.spec['seconds'])
        if fault.before:
            raise self._loss(fault)
        fault.raise_error()
        if not fault.after:
            return self._dispatch(call)
        try:
            self._dispatch(call)
        except errors.RestError as exc:
            LOG.info('The refusal of %s %s is lost: %s', call.method,
                     call.path, exc)
        raise self._loss(fault)

    @staticmethod
    def _loss(fault):
        """Make the exception for an answer that never comes."""
        return calls.Unanswered() if fault.is_silent else calls.Dropped()

    def _take_down(self, fault, vios):
        with self._lock:
            if 'vios' in fault.spec:
                vios = self._host.operator.vios(fault.spec['vios'])
            vios.halted()

    # -- routing ----------------------------------------------------------

    def _dispatch(self, call):
        if call.segments[:2] != ['rest', 'api'] or len(call.segments) < 4:
            raise errors.NotFound('There is nothing at %s' % call.path)
        service, rest = call.segments[2], call.segments[3:]
        if (service, rest) == ('web', ['Logon']):
            return self._logon(call)
        self._host.sessions.check(call.header('X-API-Session'))
        if (service, rest[:2]) == ('web', ['File', 'contents']):
            return self._contents(call, rest[2:])
        if (service, rest) == ('uom', ['Event']):
            return self._events(call)
        body = call.read() if call.method in ('PUT', 'POST') else b''
        with self._lock:
            if (service, rest[0]) == ('uom', 'jobs'):
                return self._job(call, rest[1:])
            return self._walk(call, service, rest, body)

    def _walk(self, call, service, rest, body):
        """Follow the URL from the root type to what it names."""
        parent = None
        while True:
            cls, rest = self._class(parent, rest)
            if cls.IS_MADE:
                self._check_service(service, cls)
                return self._on_made(call, cls, rest)
            if not rest or rest[0] in ('search', 'do', 'quick'):
                return self._on_type(call, service, cls, parent, rest, body)
            resource = self._host.store.get(cls.TYPE, rest[0])
            if parent is not None and resource.parent is not parent:
                raise errors.NotFound('%s %s is not in %s %s' % (
                    cls.TYPE, resource.uuid, parent.TYPE, parent.uuid))
            rest = rest[1:]
            if not rest:
                self._check_service(service, cls)
                return self._on_entry(call, resource, body)
            if rest[0] == 'quick':
                return self._quick(call, resource, rest[1:])
            if rest[0] == 'do':
                return self._do(call, cls, resource, rest[1:], body)
            parent = resource

    def _class(self, parent, rest):
        cls, used = self._classes.get(rest[0]), 1
        if cls is None and len(rest) > 1:
            cls, used = self._classes.get('/'.join(rest[:2])), 2
        if cls is None:
            raise errors.NotFound('There is no type %s' % rest[0])
        if parent is None and not cls.ROOT:
            raise errors.NotFound('%s is no ROOT type' % cls.TYPE)
        if parent is not None and parent.TYPE not in cls.PARENTS:
            raise errors.NotFound('%s is no CHILD of %s' % (cls.TYPE,
                                                            parent.TYPE))
        return cls, rest[used:]

    @staticmethod
    def _check_service(service, cls):
        if cls.SERVICE != service:
            raise errors.NotFound('%s is not in the service %s' % (
                cls.TYPE, service))

    def _on_type(self, call, service, cls, parent, rest, body):
        self._check_service(service, cls)
        if rest and rest[0] == 'search':
            return self._search(call, cls, rest[1:])
        if rest and rest[0] == 'do':
            return self._do(call, cls, None, rest[1:], body)
        if rest:
            raise errors.NotFound('There is no quick report of %s' %
                                  cls.TYPE)
        if call.method == 'GET':
            found = (self._host.store.all(cls.TYPE) if parent is None else
                     self._host.store.children(parent, cls.TYPE))
            return self._feed(call, found)
        if call.method == 'PUT':
            return self._create(call, cls, parent, body)
        found = self._host.store.children(parent, cls.TYPE) if parent else ()
        if call.method == 'POST' and len(found) == 1:
            return self._on_entry(call, found[0], body)
        raise errors.NotAllowed('%s is not possible here' % call.method)

    # -- objects ----------------------------------------------------------

    def _entry(self, call, resource):
        return atom.entry(
            resource.TYPE, resource.SERVICE, resource.document(call.groups),
            resource.uuid, resource.href(call.group_query), resource.etag,
            resource.modified)

    def _answer_entry(self, call, resource):
        return calls.xml(self._entry(call, resource), etag=resource.etag)

    def _feed(self, call, found):
        if not found:
            return calls.empty()
        href = self._host.base_url + call.path
        if call.group_query is not None:
            href += '?group=' + call.group_query
        return calls.xml(atom.feed(
            self._host.new_uuid('feed', call.path), href,
            [self._entry(call, resource) for resource in found],
            self._host.site.clock.now()))

    def _on_made(self, call, cls, rest):
        if call.method != 'GET':
            raise errors.NotAllowed('%s is not possible here' % call.method)
        if rest:
            return calls.Response(cls.content(self._host, '/'.join(rest)),
                                  content_type=_SAMPLE_TYPE)
        href = self._host.base_url + call.path
        entries = cls.entries(self._host, href)
        return calls.xml(atom.feed(
            self._host.system.uuid, href, entries,
            self._host.site.clock.now())) if entries else calls.empty()

    def _search(self, call, cls, rest):
        match = _SEARCH.match('/'.join(rest))
        if not match:
            raise errors.Refused('%s is no search' % '/'.join(rest))
        key, operator, value = match.groups()
        if key not in cls.SEARCH:
            raise errors.Refused('%s cannot be searched by %s' % (cls.TYPE,
                                                                  key))
        read = cls.SEARCH[key]
        return self._feed(call, [
            resource for resource in self._host.store.all(cls.TYPE)
            if (str(read(resource)) == value) == (operator == '==')])

    def _quick(self, call, resource, rest):
        if call.method != 'GET':
            raise errors.NotAllowed('%s is not possible here' % call.method)
        if rest in ([], ['All']):
            value = {name: read(resource)
                     for name, read in resource.QUICK.items()}
        elif len(rest) == 1 and rest[0] in resource.QUICK:
            value = resource.QUICK[rest[0]](resource)
        else:
            raise errors.NotFound('%s has no quick property %s' % (
                resource.TYPE, '/'.join(rest)))
        return calls.Response(
            json.dumps(value).encode(),
            content_type='application/json; charset=UTF-8')

    def _create(self, call, cls, parent, body):
        if 'PUT' not in cls.METHODS:
            raise errors.NotAllowed('%s objects cannot be created' %
                                    cls.TYPE)
        if parent is None and 'ManagedSystem' in cls.PARENTS:
            parent = self._host.system
        resource = cls.create(self._host, parent, self._read(cls, body))
        self._host.add(resource)
        return self._answer_entry(call, resource)

    @staticmethod
    def _read(cls, body):
        doc = atom.Document(body)
        if doc.name != cls.TYPE:
            raise errors.Refused('The request body is a %s, not a %s' % (
                doc.name, cls.TYPE))
        return doc

    def _on_entry(self, call, resource, body):
        if call.method == 'GET':
            if call.etag('If-None-Match') == resource.etag:
                return calls.empty(304)
            return self._answer_entry(call, resource)
        if call.method not in ('POST', 'DELETE'):
            raise errors.NotAllowed('%s is not possible here' % call.method)
        if call.method not in resource.METHODS:
            raise errors.NotAllowed('%s is not possible for %s objects' % (
                call.method, resource.TYPE))
        wanted = call.etag('If-Match')
        if wanted and wanted != resource.etag:
            raise errors.PreconditionFailed(
                '%s %s has changed: its etag is %s, not %s' % (
                    resource.TYPE, resource.uuid, resource.etag, wanted))
        if call.method == 'DELETE':
            self._host.remove(resource)
            return calls.empty()
        groups = call.groups.intersection(resource.GROUPS)
        detail = resource.update(self._read(type(resource), body), groups)
        resource.touch(detail or '')
        return self._answer_entry(call, resource)

    # -- jobs -------------------------------------------------------------

    def _do(self, call, cls, resource, rest, body):
        if len(rest) != 1:
            raise errors.NotFound('There is nothing at %s' % call.path)
        if call.method == 'GET':
            return calls.xml(atom.entry(
                'JobRequest', 'web', jobs.template(cls.TYPE, rest[0]),
                str(uuid.uuid4()), published=self._host.site.clock.now()))
        if call.method != 'PUT':
            raise errors.NotAllowed('%s is not possible here' % call.method)
        job = self._host.jobs.submit(
            cls.TYPE, rest[0], resource, atom.Document(body),
            call.job_failure())
        return calls.xml(self._host.jobs.entry(job))

    def _job(self, call, rest):
        if len(rest) not in (1, 2) or rest[1:] not in ([], ['cancel']):
            raise errors.NotFound('There is nothing at %s' % call.path)
        job = self._host.jobs.get(rest[0])
        if rest[1:] and call.method == 'POST':
            job.cancel()
        elif call.method == 'DELETE':
            self._host.jobs.delete(job.id)
            return calls.empty()
        elif call.method == 'GET':
            job.poll()
        else:
            raise errors.NotAllowed('%s is not possible here' % call.method)
        return calls.xml(self._host.jobs.entry(job))

    # -- sessions, events, files ------------------------------------------

    def _logon(self, call):
        sessions = self._host.sessions
        if call.method == 'DELETE':
            sessions.logoff(call.header('X-API-Session'))
            return calls.empty()
        if call.method != 'PUT':
            raise errors.NotAllowed('%s is not possible here' % call.method)
        doc = atom.Document(call.read())
        user = doc.text('UserID') or ''
        if doc.bool('GenerateX-API-SessionFile', False):
            session = sessions.logon_file(user)
            answer = atom.el('X-API-SessionFile', session.path)
        else:
            session = sessions.logon_password(user,
                                              doc.text('Password') or '')
            answer = atom.el('X-API-Session', session.token)
        return calls.Response(
            atom.document('LogonResponse', 'web', [atom.metadata(), answer]),
            content_type=_LOGON_TYPE)

    def _events(self, call):
        events = self._host.events
        if call.method == 'PUT':
            doc = atom.Document(call.read())
            made = events.emit('CUSTOM_CLIENT_EVENT',
                               doc.text('EventData') or '',
                               doc.text('EventDetail') or '')
            return calls.xml(made.entry(self._host.base_url),
                             etag=str(made.event_id))
        if call.method != 'GET':
            raise errors.NotAllowed('%s is not possible here' % call.method)
        app_id = (call.parameters.get('QUEUE_APPLICATIONID') or
                  call.header('X-API-Session'))
        timing = self._host.site.timing
        found = events.poll(app_id, timing['event_seconds'],
                            timing['event_gather_seconds'])
        if not found:
            return calls.empty()
        base = self._host.base_url
        return calls.xml(atom.feed(
            str(uuid.uuid4()), base + call.path,
            [event.entry(base) for event in found],
            self._host.site.clock.now()))

    def _contents(self, call, rest):
        if call.method not in ('PUT', 'POST') or len(rest) != 1:
            raise errors.NotAllowed('%s is not possible here' % call.method)
        uploads.receive(self._host, rest[0], call)
        return calls.empty()
