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

import contextlib
import glob
import os
import re
import textwrap

import fixtures
from nova.conf import opts as nova_opts
from oslo_config import cfg
import testtools

from nova_powervm.conf import powervm

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
        """Load a configuration with all options of Nova and of ours."""
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'conf')
        with open(path, 'w') as out:
            out.write(text)
        conf = cfg.ConfigOpts()
        for group, options in nova_opts.list_opts():
            for option in options:
                # Nova's list names some twice, in two ways.
                with contextlib.suppress(cfg.DuplicateOptError):
                    conf.register_opt(
                        option, None if group == 'DEFAULT' else group)
        powervm.register_opts(conf)
        # Nova's list has options for other services that must be set.
        with contextlib.suppress(cfg.RequiredOptError):
            conf(['--config-file', path])
        return conf

    def test_there_are_some(self):
        self.assertGreater(len(ini_blocks()), 4)

    def test_options_exist_and_take_the_values(self):
        for page, text in ini_blocks():
            conf = self.load(text)
            group = 'DEFAULT'
            for line in text.splitlines():
                if line.startswith('['):
                    group = line.strip('[]')
                elif '=' in line and not line.startswith('#'):
                    name = line.split('=')[0].strip()
                    where = conf if group == 'DEFAULT' else conf[group]
                    self.assertIn(name, where, '%s: %s' % (page, line))
                    getattr(where, name)

    def test_complete_ones_name_the_driver(self):
        for page, text in ini_blocks():
            if 'compute_driver' in text:
                self.assertEqual('powervm_ext.driver.PowerVMDriver',
                                 self.load(text).compute_driver, page)
