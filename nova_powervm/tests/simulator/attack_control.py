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

"""Requests of the control API, made from its OpenAPI document."""

import json

from nova_powervm.simulator import control
from nova_powervm.tests.simulator import attack_rest

_WORDS = ('vm1', 'vios1', 'vios2', 'novalink', 'boot_1', 'config', 'datavg',
          'rootvg', 'volume1', 'A', 'array1', 'hdisk10', 'cluster1',
          'VirtualIOServer', 'LogicalPartition', 'SYSTEM', '1', '2')
#: JSON of numbers, which Python reads although JSON has no such numbers.
_NUMBERS = ('NaN', 'Infinity', '-Infinity', '1e400', '1e308', '-1', '0', '1',
            '2', '7', '1.5', '4096', '1048576', '1073741824', '9' * 30,
            '9' * 400)


class _Raw(int):
    """A number that is written into JSON as it is."""

    def __new__(cls, text):
        made = super().__new__(cls, 0)
        made.text = text
        return made

    def __repr__(self):
        return self.text


def _dump(value):
    """Write JSON, with what no JSON should have in it."""
    if isinstance(value, _Raw):
        return value.text
    if isinstance(value, dict):
        return '{%s}' % ', '.join('%s: %s' % (json.dumps(key), _dump(item))
                                  for key, item in value.items())
    if isinstance(value, list):
        return '[%s]' % ', '.join(_dump(item) for item in value)
    return json.dumps(value)


class Grammar:
    """Makes requests for the control API.

    :param rng: random.Random
    :param site: simulator.site.Site
    """

    def __init__(self, rng, site):
        self._rng = rng
        self._site = site
        self._schemas = control._document()['components']['schemas']
        self._operations = [
            (path, method.upper(), item.get('parameters', []) +
             operation.get('parameters', []), operation.get('requestBody'))
            for path, item in control._document()['paths'].items()
            # The stream of events does not end by itself.
            for method, operation in item.items()
            if method != 'parameters' and
            operation['operationId'] != 'stream']

    def request(self):
        """Make a request.

        :returns: tuple of method, path, body and headers
        """
        actions = [item for item in self._operations
                   if item[0] == '/simulator/control']
        path, method, parameters, body = self._rng.choice(
            self._operations + 15 * actions)
        query = []
        for spec in parameters:
            spec = self._resolve(spec)
            value = self._value(spec.get('schema', {}))
            value = attack_rest.quote(str(value))
            if spec['in'] == 'path':
                path = path.replace('{%s}' % spec['name'], value)
            elif self._rng.random() < 0.5:
                query.append('%s=%s' % (spec['name'], value))
        if self._rng.random() < 0.05:
            path = self._rng.choice((path + '/x', path + 'x', '/simulator//',
                                     path + '/%EF%BF%BE', path + '%00'))
        if self._rng.random() < 0.05:
            method = self._rng.choice(('GET', 'POST', 'PUT', 'DELETE'))
        data = self._body(body) if body else b''
        return (method, path + ('?' + '&'.join(query) if query else ''),
                data, {})

    def _body(self, body):
        if self._rng.random() < 0.03:
            return self._rng.choice((b'', b'[]', b'{', b'\xff', b'[' * 5000,
                                     b'{"a": ' * 3000, b'nan'))
        schema = body['content'].get('application/json', {}).get('schema')
        if schema is None:
            return b'x' * self._rng.choice((0, 1, 512))
        return _dump(self._tame(self._value(schema))).encode(
            'utf-8', 'surrogatepass')

    def _tame(self, data):
        """Take out what stops or slows the attack itself."""
        if isinstance(data, dict):
            if data.get('effect') in ('delay', 'no_answer', 'drop',
                                      'migration'):
                data['effect'] = 'busy'
            if 'effect' in data:
                data['times'] = 1
        return data

    def _resolve(self, schema):
        while '$ref' in schema:
            found = control._document()
            for part in schema['$ref'].split('/')[1:]:
                found = found[part]
            schema = found
        return schema

    def _value(self, schema, depth=0):
        """Make data for a schema; sometimes it does not fit."""
        schema = self._resolve(schema)
        if self._rng.random() < 0.06:
            return self._evil()
        for key in ('oneOf', 'anyOf'):
            if key in schema:
                return self._value(self._rng.choice(schema[key]), depth + 1)
        if 'const' in schema:
            return schema['const']
        if 'enum' in schema:
            return self._rng.choice(schema['enum'])
        kind = schema.get('type', 'string')
        if isinstance(kind, list):
            kind = self._rng.choice(kind)
        if kind == 'object':
            return {name: self._value(part, depth + 1) for name, part in
                    schema.get('properties', {}).items()
                    if name in schema.get('required', ()) or
                    self._rng.random() < 0.4}
        if kind == 'array':
            return [self._value(schema.get('items', {}), depth + 1)
                    for _ in range(self._rng.choice((1, 1, 2, 0)))]
        return self._scalar(kind)

    def _scalar(self, kind):
        if kind == 'boolean':
            return self._rng.random() < 0.5
        if kind in ('integer', 'number'):
            if self._rng.random() < 0.6:
                return self._rng.choice((1, 2, 3, 64, 1024, 1 << 20))
            return _Raw(self._rng.choice(_NUMBERS))
        if kind == 'null':
            return None
        return self._text()

    def _text(self):
        host = self._rng.choice(self._site.hosts)
        if self._rng.random() < 0.7:
            return self._rng.choice(_WORDS)
        if self._rng.random() < 0.5:
            return self._rng.choice(attack_rest.EVIL)
        return self._rng.choice([found.uuid for found in host.partitions()])

    def _evil(self):
        return self._rng.choice((
            None, True, [], {}, '\x00', '\ud800', '\ufffe', '\x1b[2J', '..',
            'm' * 300, _Raw(self._rng.choice(_NUMBERS)),
            self._rng.choice(attack_rest.EVIL)))
