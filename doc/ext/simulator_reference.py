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

"""Sphinx directives that describe the simulated site from its own sources.

``simulator-profiles``, the profiles that come with it; ``profile-keys``, what
a profile can say; ``control-api`` and ``control-actions``, from the OpenAPI
document that the server checks requests with. The tests read what they say
without Sphinx, which only setup() needs.
"""

import importlib.resources
import os
import re

from ruamel import yaml

from nova_powervm import simulator
from nova_powervm.simulator import control
from nova_powervm.simulator import profile
from nova_powervm.simulator import schema_profile

_METHODS = ('get', 'put', 'post', 'delete')


def _text(text):
    return re.sub(r'([\\*`|])', r'\\\1', ' '.join(text.split()))


def _table(widths, titles, rows):
    """Return a list-table; cells are reStructuredText of one line."""
    lines = ['.. list-table::', '   :header-rows: 1',
             '   :widths: ' + ' '.join(map(str, widths)), '']
    for row in [titles, *rows]:
        for number, cell in enumerate(row):
            lines.append('   %s - %s' % (' ' if number else '*', cell))
    return '\n'.join(lines + [''])


# -- profiles -------------------------------------------------------------


def profiles():
    """Return a table of the profiles that come with the simulator."""
    place = importlib.resources.files(simulator) / 'profiles'
    rows = []
    for name in profile.names():
        source = (place / (name + '.yaml')).read_text()
        # The comment before the first key; the licence is before an empty
        # line.
        comment = source.partition('\nname:')[0].split('\n\n')[-1]
        data = profile.load(name)
        # An HMC has the only port.
        ports = [data['console']] if 'console' in data else data['hosts']
        rows.append((
            '``%s``' % name,
            ', '.join('%s: %d' % (host['name'], host['port'])
                      for host in ports),
            _text(re.sub('(?m)^# ?', '', comment))))
    return _table((15, 20, 65), ('Profile', 'Ports', 'Site'), rows)


def _kind(schema):
    """Say in words what a key of a profile takes."""
    if 'enum' in schema:
        return 'one of ' + ', '.join('``%s``' % v for v in schema['enum'])
    if schema['type'] == 'array':
        items = schema['items']
        return 'list of %ss' % items['type']
    limits = [words % schema[key] for key, words in (
        ('minimum', 'at least %s'), ('exclusiveMinimum', 'more than %s'),
        ('maximum', 'at most %s'), ('maxLength', 'at most %s characters'),
        ('pattern', 'matches ``%s``')) if key in schema]
    return ', '.join([schema['type'], *limits])


def _default(name, schema, required):
    if name in required:
        return 'required'
    default = schema.get('default')
    if default in (None, {}, []):
        return ''
    if default == '':
        return 'empty'
    if isinstance(default, list):
        return ', '.join('``%s``' % (item['name'] if isinstance(item, dict)
                                     else item) for item in default)
    return '``%s``' % str(default).replace('True', 'true').replace(
        'False', 'false')


def _objects(path, schema):
    """Yield (path, schema) of an object and of all objects within it."""
    yield path, schema
    for name, below in schema['properties'].items():
        inner = below.get('items', below)
        if 'properties' in inner:
            dots = '[]' if below['type'] == 'array' else ''
            yield from _objects('%s%s%s' % (
                path and path + '.', name, dots), inner)


def profile_keys():
    """Return the tables of the keys of a profile."""
    found = []
    for path, schema in _objects('', schema_profile.PROFILE):
        rows = [('``%s``' % name, _kind(below),
                 _default(name, below, schema['required']))
                for name, below in schema['properties'].items()]
        title = '``%s``' % path if path else 'The profile itself'
        found.append('\n'.join([
            title, '-' * len(title), '',
            _table((30, 45, 25), ('Key', 'Value', 'Default'), rows)]))
    return '\n'.join(found)


# -- the control API ------------------------------------------------------


def _document():
    return yaml.YAML(typ='safe', pure=True).load(control.openapi_text())


def _queries(document, *places):
    """Return the names of the query parameters that some places list."""
    known = document['components']['parameters']
    found = []
    for place in places:
        for parameter in place.get('parameters', []):
            if '$ref' in parameter:
                parameter = known[parameter['$ref'].rpartition('/')[2]]
            if parameter['in'] == 'query':
                found.append(parameter['name'])
    return found


def _sentence(text):
    return _text(text).rstrip('.') + '.'


def control_api():
    """Return a table of the paths of the control API."""
    document = _document()
    rows = []
    for path, operations in document['paths'].items():
        for method in _METHODS:
            what = operations.get(method)
            if what is None:
                continue
            text = _sentence(what['summary'])
            if 'description' in what:
                text += ' ' + _sentence(what['description'])
            queries = _queries(document, operations, what)
            if queries:
                text += ' Query: %s.' % ', '.join(
                    '``%s``' % name for name in queries)
            rows.append((method.upper(), '``%s``' % path, text))
    return _table((10, 40, 50), ('Method', 'Path', 'What it does'), rows)


def _values(schema):
    if 'enum' in schema:
        return ': ' + ', '.join(schema['enum'])
    return ''


def control_actions():
    """Return a definition list of the actions of POST control."""
    schemas = _document()['components']['schemas']
    lines = []
    mapping = schemas['Action']['discriminator']['mapping']
    for name, reference in mapping.items():
        schema = schemas[reference.rpartition('/')[2]]
        lines += ['``%s``' % name,
                  '   ' + _sentence(schema['description'])]
        for key, value in schema['properties'].items():
            if key != 'action':
                optional = '' if key in schema['required'] else ' (optional)'
                lines += ['', '   * ``%s``%s%s' % (key, optional,
                                                   _values(value))]
        lines.append('')
    return '\n'.join(lines)


def _directive(render):
    """Return a directive that renders a part of the documentation."""
    from sphinx.util import docutils

    class Generated(docutils.SphinxDirective):
        def run(self):
            # Read anew whenever something of the simulator has changed.
            folder = os.path.dirname(simulator.__file__)
            for name in ('control-openapi.yaml', 'schema_profile.py'):
                self.env.note_dependency(os.path.join(folder, name))
            return self.parse_text_to_nodes(
                render(), allow_section_headings=True)
    return Generated


def setup(app):
    """Register the directives with Sphinx."""
    for name, render in (('simulator-profiles', profiles),
                         ('profile-keys', profile_keys),
                         ('control-api', control_api),
                         ('control-actions', control_actions)):
        app.add_directive(name, _directive(render))
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
