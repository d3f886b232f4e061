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

"""What the documentation says can be done as it says.

Commands are in test_docs_commands.py, and what pages tell of the code is in
test_docs_facts.py.
"""

import collections
import configparser
import glob
import os
import re
import textwrap

import fixtures
from nova.conf import opts as nova_opts
from nova.privsep import sys_admin_pctxt
from nova import test as nova_test
from oslo_config import cfg
from oslo_log import _options as log_opts
import testtools

from nova_powervm.api import extra_specs
from nova_powervm import conf as our_conf
from nova_powervm.conf import powervm
from nova_powervm.neutron import conf as ml2_conf
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests import tree
from nova_powervm.virt.powervm import driver

OPERATOR = tree.path('doc', 'source', 'operator')
_BLOCK = r'^( *)\.\. code-block:: %s\n\n((?:(?:\1   .*)?\n)+)'


def pages():
    """Paths of all pages, as list of str."""
    return [tree.path('README.rst')] + sorted(glob.glob(
        tree.path('doc', 'source', '**', '*.rst'), recursive=True))


def blocks(language):
    """All code blocks of a language: list of (page, text)."""
    pattern = re.compile(_BLOCK % language, re.MULTILINE)
    found = []
    for page in pages():
        with open(page) as text:
            found += [(os.path.relpath(page, tree.ROOT),
                       textwrap.dedent(block))
                      for _indent, block in pattern.findall(text.read())]
    return found


def broken_rows(text):
    """Find the rows of simple tables that cross a border of a column.

    Sphinx refuses such a table.

    :returns: list of str, the rows.
    """
    found, gaps = [], None
    for line in text.splitlines():
        if re.fullmatch(r' *=+( +=+)+', line):
            gaps = [number for number, character in enumerate(line.rstrip())
                    if character == ' ' and line[:number].strip()]
        elif not line.strip():
            gaps = None
        elif gaps is not None:
            found += [line] * any(line[number:number + 1].strip()
                                  for number in gaps)
    return found


def ini_blocks():
    """All configurations of the pages: list of (page, text)."""
    return blocks('ini')


def parse(text):
    """Read a configuration as it is: {group: {option: value}}."""
    parser = configparser.ConfigParser(default_section=None)
    parser.optionxform = str
    parser.read_string(text)
    return {group: dict(parser[group]) for group in parser.sections()}


def load(test, text):
    """Have oslo.config load the options of the driver.

    :returns: dict of name -> value, of [powervm]; groups share what a test
        overrides, so they are read at once.
    """
    path = os.path.join(test.useFixture(fixtures.TempDir()).path, 'conf')
    with open(path, 'w') as out:
        out.write(text)
    conf = cfg.ConfigOpts()
    powervm.register_opts(conf)
    conf(['--config-file', path])
    powervm.register_fabrics(conf)
    return dict(conf.powervm)


def others_types():
    """Types of options outside of [powervm]: {(group, name): type}."""
    types = {('nova_sys_admin', name): str for name in sys_admin_pctxt.conf}
    # Neutron is not installed.
    types.update(dict.fromkeys((
        ('ml2', 'mechanism_drivers'), ('ml2', 'type_drivers'),
        ('ml2', 'project_network_types'),
        ('ml2_type_vlan', 'network_vlan_ranges'),
        ('ml2_type_vxlan', 'vni_ranges'),
        # Of oslo.messaging.
        ('oslo_messaging_notifications', 'driver')), str))
    types.update({(ml2_conf.GROUP, opt.dest): opt.type
                  for opt in ml2_conf.options})
    types.update({
        (str(group or 'DEFAULT'), opt.dest): opt.type for group, opts in
        [*nova_opts.list_opts(), *log_opts.list_opts()] for opt in opts})
    return types


@tree.needs_source
class TablesTest(testtools.TestCase):

    def test_pages(self):
        for page in pages():
            with open(page) as text:
                self.assertEqual([], broken_rows(text.read()), page)

    def test_the_check_finds_them(self):
        table = '====  ====\nName  What\n====  ====\n%s\n====  ====\n'
        for row, count in (('one   two', 0), ('      two and more', 0),
                           ('three  4', 1), ('more  \nmore than that', 1)):
            self.assertEqual(count, len(broken_rows(table % row)), row)


def unclear_links(text):
    """Names of links within a page that no title has, or several have."""
    lines = text.splitlines()
    names = collections.Counter(
        title.lower() for title, below in zip(lines, lines[1:])
        if re.fullmatch(r'([=~^-])\1{2,}', below) and
        len(below) >= len(title) > 0)
    names.update(re.findall(r'^\.\. _([^:]+):', text.lower(), re.MULTILINE))
    links = re.findall(r'(?<!`)`([^`<]+)`_(?!_)', text)
    return [link for link in links
            if names[' '.join(link.lower().split())] != 1]


@tree.needs_source
class LinksTest(testtools.TestCase):

    def test_pages(self):
        for page in pages():
            with open(page) as text:
                self.assertEqual([], unclear_links(text.read()), page)

    def test_the_check_finds_them(self):
        page = 'When it fails\n=============\nSee `%s`_.\n'
        self.assertEqual([], unclear_links(page % 'When it\nfails'))
        self.assertEqual(['It'], unclear_links(page % 'It'))
        self.assertEqual(2, len(unclear_links(2 * (page % 'When it fails'))))


@tree.needs_source
class ConfigurationTest(testtools.TestCase):
    """Each nova.conf in the documentation says what Nova understands."""

    parse = staticmethod(parse)

    def test_there_are_some(self):
        self.assertGreater(len(ini_blocks()), 8)

    def test_options_exist_and_take_the_values(self):
        others = others_types()
        for page, text in ini_blocks():
            ours = load(self, text)
            for group, options in parse(text).items():
                for name, value in options.items():
                    if group == 'powervm':
                        self.assertIn(name, ours, page)
                    else:
                        self.assertIn((group, name), others, page)
                        others[group, name](value)

    def test_complete_ones_name_the_driver(self):
        for page, text in ini_blocks():
            for name, value in parse(text).get('DEFAULT', {}).items():
                if name == 'compute_driver':
                    self.assertEqual('powervm_ext.driver.PowerVMDriver',
                                     value, page)


@tree.needs_source
class StartTest(nova_test.TestCase):
    """With a complete nova.conf the driver starts on a simulated site."""

    @staticmethod
    def _profile(options):
        """The name of the profile that has what a configuration names."""
        if options['managed_system']:
            return 'hmc'
        if options['disk_driver'] == 'ssp':
            return 'ssp'
        return ('fc-two-host' if options['volume_group_name'] == 'datavg'
                else 'mgmt-vios')

    def _start(self, site, options):
        """Start the driver, and end it."""
        values = {opt.dest: options[opt.dest] for opt in powervm.ALL_OPTS}
        values.update(
            rest_host='127.0.0.1', rest_port=site.hosts[0].port,
            rest_protocol='http', rest_user=site.profile['user'],
            rest_password=site.profile['password'], rest_ca_file=None,
            management_root=site.hosts[0].management_root)
        if options['managed_system']:
            values['managed_system'] = site.hosts[0].system.uuid
        self.flags(group='powervm', **values)
        our_conf.register_fabrics()
        self.flags(group='powervm', **{
            name: options[name] for name in options
            if name.startswith('fabric_')})
        connection = driver.PowerVMDriver(None)
        connection.init_host('powervm1')
        connection.cleanup_host('powervm1')

    def test_each(self):
        by_profile = {}
        for _page, text in ini_blocks():
            if 'compute_driver' in parse(text).get('DEFAULT', {}):
                options = load(self, text)
                by_profile.setdefault(self._profile(options),
                                      []).append(options)
        self.assertEqual({'ssp', 'fc-two-host', 'mgmt-vios', 'hmc'},
                         {*by_profile})
        self.assertIn('npiv', [options['fc_attach_strategy'] for options
                               in by_profile['fc-two-host']])
        for profile, configurations in by_profile.items():
            site = self.useFixture(
                powervm_fixtures.SimulatedSite(profile)).site
            for options in configurations:
                self._start(site, options)


@tree.needs_source
class FlavorTest(testtools.TestCase):
    """Each extra spec has an example that Nova's API takes."""

    def test_examples(self):
        with open(os.path.join(OPERATOR, 'flavors.rst')) as page:
            examples = re.findall(r'--property (powervm:\w+)=(\S+)',
                                  page.read())
        known = {spec.name: spec for spec in extra_specs.register()}
        self.assertEqual(sorted(known), sorted(name for name, _ in examples))
        for name, value in examples:
            known[name].validate(name, value)
