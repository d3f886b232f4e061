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

"""Release notes have the form that reno reads, and so has their template."""

import glob
import os

from ruamel import yaml
import testtools

from nova_powervm.tests import tree

#: Sections of reno that this project uses, beside the prelude of a release.
SECTIONS = {'deprecations', 'features', 'fixes', 'issues', 'other',
            'security', 'upgrade'}


def load(text):
    """Read YAML."""
    return yaml.YAML(typ='safe').load(text)


def problem(text):
    """Return why a text is no release note, or None."""
    sections = load(text)
    if not isinstance(sections, dict) or not sections:
        return 'it has no sections'
    for name, items in sections.items():
        if name == 'prelude':
            # It is one text.
            items = [items]
        elif name not in SECTIONS:
            return 'there is no section %s' % name
        if not isinstance(items, list) or not items or not all(
                isinstance(item, str) for item in items):
            return 'section %s is no list of texts' % name
    return None


@tree.needs_source
class ReleaseNoteTest(testtools.TestCase):

    def test_each(self):
        paths = glob.glob(tree.path('releasenotes', 'notes', '*.yaml'))
        self.assertLess(100, len(paths))
        self.assertEqual({}, {
            os.path.basename(path): why for path in paths
            for why in [problem(tree.read(path))] if why})

    def test_template(self):
        template = load(tree.read('releasenotes', 'config.yaml'))
        self.assertIsNone(problem(template['template']))
        self.assertEqual(SECTIONS, {*load(template['template'])})

    def test_the_check_finds_them(self):
        for text, why in (
                ('', 'no sections'), ('- fixes', 'no sections'),
                ('fix:\n- It runs.', 'no section fix'),
                ('fixes: It runs.', 'no list'), ('fixes:\n', 'no list'),
                ('fixes:\n- a: b', 'no list'), ('prelude:\n- A', 'no list'),
                ('fixes: []', 'no list')):
            self.assertIn(why, problem(text), text)
