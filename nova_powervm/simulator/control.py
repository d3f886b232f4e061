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

"""The control API: JSON under /simulator/ on every REST port.

control-openapi.yaml describes it, and has the schemas to check requests with.
"""

import functools
import importlib.resources
import json
import re
import urllib.parse

import jsonschema
from oslo_log import log as logging
from ruamel import yaml
import werkzeug

from nova_powervm.simulator import control_operator
from nova_powervm.simulator import control_san
from nova_powervm.simulator import control_token
from nova_powervm.simulator import disk_io
from nova_powervm.simulator import errors
from nova_powervm.simulator import faults
from nova_powervm.simulator import page
from nova_powervm.simulator import request as rest_request
from nova_powervm.simulator import values

LOG = logging.getLogger(__name__)

#: What the connection of a request is called in its environ.
CONNECTION = 'powervm.connection'
#: Keys of actions whose text may have control characters.
_FREE_TEXT = ('text', 'content')


def openapi_text():
    """Return the OpenAPI document as str."""
    place = importlib.resources.files(__package__) / 'control-openapi.yaml'
    return place.read_text()


@functools.lru_cache(maxsize=None)
def _document():
    # Reading it takes longer than building a site.
    return yaml.YAML(typ='safe', pure=True).load(openapi_text())


@functools.lru_cache(maxsize=None)
def _validator(reference):
    return values.Validator({
        '$ref': reference, 'components': _document()['components']})


def _check_origin(environ):
    """Refuse what a page of another site has a browser send.

    :raises errors.RestError:
    """
    origin = environ.get('HTTP_ORIGIN')
    if origin is not None and origin.partition('://')[2] != environ.get(
            'HTTP_HOST'):
        raise errors.RestError('A page of %s must not use this API' % origin,
                               403)


class Controls:
    """Answers the control requests that reach an endpoint.

    They are for its first host, those below /simulator/hosts/NAME/ for the
    host with that name, wherever on the site it is.

    :param endpoint: endpoint.Endpoint
    """

    def __init__(self, endpoint):
        self._endpoint = endpoint
        self._of_host = {host: Control(host) for host in endpoint.site.hosts}

    def respond(self, environ):
        """Answer a request.

        :returns: werkzeug.Response
        """
        refusal = control_token.check(environ,
                                      self._endpoint.site.control_token)
        if refusal is not None:
            rest_request.Request(environ).drain()
            return refusal
        path = environ['PATH_INFO']
        host = self._endpoint.hosts[0]
        named = re.match('/simulator/hosts/([^/]+)(?=/|$)', path)
        for other in self._of_host if named else ():
            if other.name == named.group(1):
                host = other
                environ = dict(environ, PATH_INFO='/simulator' +
                               path[named.end():])
        return self._of_host[host].respond(environ)


class Control:
    """Answers the control requests for a host.

    :param host: host.Host
    """

    def __init__(self, host):
        self._host = host
        self._san = control_san.SanControl(host.site)
        self._routes = {
            ('GET', ''): self._index,
            ('GET', 'openapi.yaml'): self._openapi,
            # These need more than a body.
            ('GET', 'stream'): None,
            ('GET', 'journal'): None,
            ('GET', 'state'): self._state,
            ('GET', 'fingerprint'): self._fingerprint,
            ('DELETE', 'journal'): self._clear_journal,
            ('GET', 'faults'): self._faults,
            ('POST', 'faults'): self._add_fault,
            ('DELETE', 'faults'): self._clear_faults,
            ('POST', 'control'): self._act,
            ('POST', 'commands'): self._run_command,
            ('GET', 'disks'): self._disks,
            ('GET', 'san'): self._read_san,
        }
        self._actions = {
            'expire_tokens': self._expire_tokens,
            'bump_etag': self._bump_etag,
            'forget_events': self._forget_events,
            'forget_jobs': self._forget_jobs,
            'advance_time': self._advance_time,
            **control_operator.OperatorControl(host).actions,
            **self._san.actions,
        }

    def respond(self, environ):
        """Answer a request.

        :returns: werkzeug.Response
        """
        try:
            response = self._route(environ)
            # What it tells must be true after a restart, too.
            self._host.site.save(environ['REQUEST_METHOD'] != 'GET')
            return response
        except errors.Dropped:
            raise
        except errors.RestError as exc:
            return self._error(exc.status, exc.message)
        except Exception as exc:
            LOG.exception('The control request %s failed',
                          environ['PATH_INFO'])
            return self._error(500, '%s: %s' % (type(exc).__name__, exc))

    @staticmethod
    def _json(data, status=200):
        return werkzeug.Response(json.dumps(data, indent=1) + '\n', status,
                                 content_type='application/json')

    def _error(self, status, message):
        return self._json({'error': {'status': status, 'message': message}},
                          status)

    def _route(self, environ):
        method = environ['REQUEST_METHOD']
        _check_origin(environ)
        path = environ['PATH_INFO'][len('/simulator'):].strip('/')
        body = rest_request.Request(environ).receive()
        if environ['PATH_INFO'] == '/':
            return page.respond(method, 'index.html')
        one_file = re.fullmatch('page/(.+)', path)
        if one_file:
            return page.respond(method, one_file.group(1))
        if (method, path) == ('GET', 'stream'):
            return self._stream(environ)
        if (method, path) == ('GET', 'journal'):
            return self._journal(environ)
        one_fault = re.fullmatch('faults/([0-9]{1,18})', path)
        if one_fault and method == 'DELETE':
            return self._remove_fault(int(one_fault.group(1)))
        one_disk = re.fullmatch(r'disks/(.+?)(/sha256)?', path)
        if one_disk:
            return self._disk(method, one_disk.group(1), one_disk.group(2),
                              environ['QUERY_STRING'], body)
        one_partition = re.fullmatch(r'partitions/(.+)/disks', path)
        if one_partition and method == 'GET':
            return self._disks_of(one_partition.group(1),
                                  environ['QUERY_STRING'])
        one_console = re.fullmatch(r'partitions/(.+)/console', path)
        if one_console and method == 'GET':
            return self._console_of(one_console.group(1))
        handler = self._routes.get((method, path))
        if handler is not None:
            return handler(body)
        allowed = sorted(m for m, p in self._routes if p == path)
        if allowed:
            raise errors.NotAllowed('Only %s is possible here' %
                                    ', '.join(allowed))
        raise errors.NotFound('There is nothing at %s' %
                              environ['PATH_INFO'])

    @staticmethod
    def _read(body):
        try:
            data = json.loads(body)
            values.check_text(data, _FREE_TEXT)
        except (ValueError, RecursionError) as exc:
            raise errors.Refused('The request body cannot be used: %s' % exc)
        if not isinstance(data, dict):
            raise errors.Refused('The request body is not a JSON object')
        return data

    @staticmethod
    def _check(data, reference):
        validator = _validator(reference)
        error = jsonschema.exceptions.best_match(validator.iter_errors(data))
        if error is not None:
            raise errors.Refused(': '.join(
                [str(part) for part in error.path] + [error.message]))

    # -- read -------------------------------------------------------------

    def _index(self, body):
        return self._json({'paths': sorted({
            '/simulator/' + path for _, path in self._routes if path})})

    def _openapi(self, body):
        return werkzeug.Response(openapi_text(),
                                 content_type='application/yaml')

    def _state(self, body):
        return self._json(self._host.site.state())

    def _fingerprint(self, body):
        return self._json(self._host.site.fingerprint())

    def _journal(self, environ):
        query = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
        records = self._host.journal.records()
        limit = self._number(query, 'limit', len(records))
        return self._json({'requests': records[max(0, len(records) -
                                                   limit):]})

    def _stream(self, environ):
        """Answer with events until the client hangs up."""
        query = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
        seconds = (self._number(query, 'seconds', None)
                   if 'seconds' in query else None)
        streams = self._host.site.streams
        streams.check_room()
        return werkzeug.Response(
            streams.follow(environ[CONNECTION], seconds),
            headers={'Cache-Control': 'no-store'},
            content_type='text/event-stream')

    def _clear_journal(self, body):
        self._host.journal.clear()
        return werkzeug.Response(b'', 204)

    # -- faults -----------------------------------------------------------

    def _faults(self, body):
        return self._json({'faults': self._host.faults.data()})

    def _add_fault(self, body):
        spec = self._read(body)
        self._check(spec, '#/components/schemas/Fault')
        for name in ('method', 'path', 'query'):
            faults.check_pattern(spec.get(name, ''))
        try:
            fault = self._host.faults.add(spec)
        except re.error as exc:
            raise errors.Refused('%r is not a regular expression: %s' % (
                exc.pattern, exc))
        return self._json(fault.data(), 201)

    def _clear_faults(self, body):
        self._host.faults.clear()
        return werkzeug.Response(b'', 204)

    def _remove_fault(self, fault_id):
        if not self._host.faults.clear(fault_id):
            raise errors.NotFound('There is no fault %d' % fault_id)
        return werkzeug.Response(b'', 204)

    # -- disks ------------------------------------------------------------

    def _disks(self, body):
        with self._host.site.lock:
            return self._json({'disks': [disk.data() for disk in
                                         disk_io.list_disks(self._host)]})

    def _disk(self, method, name, digest, query, body):
        query = dict(urllib.parse.parse_qsl(query))
        disk = disk_io.find(self._host, name, query.get('vios'))
        offset = self._number(query, 'offset', 0)
        if method == 'POST' and not digest:
            disk_io.write(disk, offset, body)
            return self._json({'written': len(body)})
        if method != 'GET':
            raise errors.NotAllowed('%s is not possible here' % method)
        if digest:
            length = self._number(query, 'length', disk.backing.disk.size)
            return self._json({'sha256': disk_io.sha256(disk, length),
                               'length': length})
        length = self._number(query, 'length', disk_io.MAX_BYTES)
        return werkzeug.Response(disk_io.read(disk, offset, length),
                                 content_type='application/octet-stream')

    def _disks_of(self, name, query):
        """Answer with the disks that a partition sees."""
        query = dict(urllib.parse.parse_qsl(query))
        length = self._number(query, 'sha256', 0)
        with self._host.site.lock:
            seen = self._host.lpar_disks(self._host.operator.partition(name))
        found = []
        for disk in seen:
            found.append(disk.data())
            if length and disk.disk is not None:
                found[-1]['sha256'] = disk.disk.sha256(length)
        return self._json({'disks': found})

    def _console_of(self, name):
        with self._host.site.lock:
            console = self._host.operator.partition(name).console
            return self._json({'open': console.is_open, 'text':
                               console.read().decode('utf-8', 'replace')})

    def _read_san(self, body):
        with self._host.site.lock:
            return self._json(self._san.data())

    @staticmethod
    def _number(query, name, default):
        text = query.get(name, str(default))
        if not re.fullmatch('[0-9]{1,18}', text):
            raise errors.Refused('%s is not a number: %r' % (name, text))
        return int(text)

    # -- actions ----------------------------------------------------------

    def _act(self, body):
        data = self._read(body)
        schemas = _document()['components']['schemas']['Action'][
            'discriminator']['mapping']
        reference = schemas.get(str(data.get('action')))
        if reference is None:
            raise errors.Refused('action must be one of %s' % ', '.join(
                sorted(schemas)))
        self._check(data, reference)
        if not data['action'].startswith('delete_'):
            # Those make space.
            self._host.site.check_space()
        with self._host.site.lock:
            result = self._actions[data['action']](data)
        if data['action'] == 'export_volume':
            # Clients use it as it is.
            return self._json(result)
        return self._json(dict(result, action=data['action']))

    def _run_command(self, body):
        data = self._read(body)
        # The schema is not read for it: that takes longer than the command.
        arguments = data.get('arguments')
        if not (isinstance(arguments, list) and arguments and
                all(isinstance(item, str) for item in arguments)):
            raise errors.Refused('arguments is not a list of strings')
        with self._host.site.lock:
            return self._json(self._host.terminals.run(arguments))

    def _expire_tokens(self, data):
        return {'sessions': self._host.sessions.expire_all()}

    def _bump_etag(self, data):
        resource = self._host.store.get(data['type'], data['uuid'])
        resource.touch('Other')
        return {'etag': resource.etag}

    def _forget_events(self, data):
        self._host.events.forget()
        return {}

    def _forget_jobs(self, data):
        return {'jobs': self._host.jobs.forget()}

    def _advance_time(self, data):
        self._host.site.clock.advance(data['seconds'])
        return {'now': self._host.site.clock.now()}
