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


"""The Sphinx directive ``extra-specs``: the validators, as documentation."""

from docutils import nodes
from docutils.parsers import rst

from nova_powervm.api import extra_specs


def _values(value):
    """Say in words what a validator takes."""
    if 'enum' in value:
        return 'one of %s' % ', '.join(value['enum'])
    if value['type'] is bool:
        return 'true or false'
    if value['type'] is int:
        return 'a whole number, at least %d%s' % (
            value['min'],
            ', at most %d' % value['max'] if 'max' in value else '')
    if 'pattern' in value:
        return 'text that matches the regular expression %s' % value['pattern']
    return 'text'


class ExtraSpecs(rst.Directive):
    """A definition list of all extra specs of the driver."""

    def run(self):
        found = nodes.definition_list()
        for spec in sorted(extra_specs.register(), key=lambda spec: spec.name):
            values = _values(spec.value)
            found += nodes.definition_list_item(
                '', nodes.term('', '', nodes.literal('', spec.name)),
                nodes.definition(
                    '', nodes.paragraph(
                        '', values[0].upper() + values[1:] + '. ' +
                        spec.description)))
        return [found]


def setup(app):
    """Register the directive with Sphinx."""
    app.add_directive('extra-specs', ExtraSpecs)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
