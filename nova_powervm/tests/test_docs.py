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


"""What the documentation says can be done as it says."""

import configparser
import glob
import os
import re
import textwrap

import fixtures
import nova.conf
from oslo_config import cfg
import testtools

from nova_powervm.api import extra_specs
from nova_powervm.conf import powervm

CONF = nova.conf.CONF
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
_INI = re.compile(r'^\.\. code-block:: ini\n\n((?:(?:   .*)?\n)+)',
                  re.MULTILINE)


def pages():
    """Paths of all pages, as list of str."""
    return [os.path.join(ROOT, 'README.rst')] + sorted(glob.glob(
        os.path.join(ROOT, 'doc', 'source', '**', '*.rst'), recursive=True))


def ini_blocks():
    """All configurations of the pages: list of (page, text)."""
    found = []
    for page in pages():
        with open(page) as text:
            found += [(os.path.relpath(page, ROOT), textwrap.dedent(block))
                      for block in _INI.findall(text.read())]
    return found


class ConfigurationTest(testtools.TestCase):
    """Each nova.conf in the documentation says what Nova understands."""

    def load(self, text):
        """Load the options of the driver from a configuration."""
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'conf')
        with open(path, 'w') as out:
            out.write(text)
        conf = cfg.ConfigOpts()
        powervm.register_opts(conf)
        conf(['--config-file', path])
        powervm.register_fabrics(conf)
        return conf

    @staticmethod
    def parse(text):
        """Read a configuration as it is: {group: {option: value}}."""
        parser = configparser.ConfigParser(default_section=None)
        parser.optionxform = str
        parser.read_string(text)
        return {group: dict(parser[group]) for group in parser.sections()}

    def test_there_are_some(self):
        self.assertGreater(len(ini_blocks()), 4)

    def test_options_exist_and_take_the_values(self):
        for page, text in ini_blocks():
            ours = self.load(text).powervm
            for group, options in self.parse(text).items():
                where = {'powervm': ours, 'DEFAULT': CONF}.get(group)
                if where is None:
                    where = CONF[group]
                for name in options:
                    self.assertIn(name, where, page)
                    if where is ours:
                        getattr(ours, name)

    def test_complete_ones_name_the_driver(self):
        for page, text in ini_blocks():
            for name, value in self.parse(text).get('DEFAULT', {}).items():
                if name == 'compute_driver':
                    self.assertEqual('powervm_ext.driver.PowerVMDriver',
                                     value, page)


class FlavorTest(testtools.TestCase):
    """Each extra spec has an example that Nova's API takes."""

    def test_examples(self):
        with open(os.path.join(ROOT, 'doc', 'source', 'operator',
                               'flavors.rst')) as page:
            examples = re.findall(r'--property (powervm:\w+)=(\S+)',
                                  page.read())
        known = {spec.name: spec for spec in extra_specs.register()}
        self.assertEqual(sorted(known), sorted(name for name, _ in examples))
        for name, value in examples:
            known[name].validate(name, value)
