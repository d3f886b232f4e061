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


"""The manual of the simulated site says what the simulator does."""

import importlib
import os
import re
import shlex
import sys
import urllib.error
import urllib.request

from ruamel import yaml
import testtools

from nova_powervm.simulator import cmd
from nova_powervm.simulator import control
from nova_powervm.simulator import profile
from nova_powervm.simulator import schema_profile
from nova_powervm.tests import fixtures
from nova_powervm.tests import test_docs
from nova_powervm.tests import tree

PAGES = ('doc', 'source', 'simulator')


def read(page):
    with open(tree.path(*PAGES, page)) as text:
        return text.read()


def blocks(page, language):
    """Return the code blocks of a page in one language: list of str."""
    return [block for found, block in test_docs.blocks(language)
            if found == os.path.join(*PAGES, page)]


class ExtensionTest(testtools.TestCase):
    """What the directives of doc/ext make of the simulator."""

    def extension(self, name):
        """Import a module of doc/ext."""
        self.patch(sys, 'path', [tree.path('doc', 'ext')] + sys.path)
        return importlib.import_module(name)


@tree.needs_source
class ManualTest(ExtensionTest):

    def test_page_is_generated(self):
        self.assertIn('\n.. simulator-manual::\n', read('manual.rst'))

    def test_page_says_what_the_parser_says(self):
        text = self.extension('manual').render()
        plain = ' '.join(re.sub('[`\\\\]', '', text).split())
        parser = cmd.make_parser()
        for action in parser._actions:
            self.assertIn('.. option:: ' + ', '.join(
                name + (' ' + action.metavar if action.metavar else '')
                for name in action.option_strings), text)
            self.assertIn(action.help % vars(action), plain)
        for title, entries in cmd.sections():
            self.assertIn('\n%s\n---' % title.capitalize(), text)
            for term, meaning in entries:
                self.assertIn('``%s``\n' % term, text)
                self.assertIn(meaning, plain)

    def test_page_of_the_package_is_new(self):
        """python tools/man_page.py makes it."""
        self.assertEqual(
            tree.load('tools', 'man_page.py').render(cmd),
            tree.read('doc', 'man', 'powervm-simulator.1'))

    def test_help_says_the_same(self):
        parser = cmd.make_parser()
        said = parser.format_help()
        words = ' '.join(said.split())
        for title, entries in cmd.sections():
            self.assertIn('\n%s:\n' % title, said)
            for term, meaning in entries:
                self.assertIn(term, words)
                self.assertIn(meaning, words)
        self.assertEqual([], [line for line in parser.epilog.splitlines()
                              if len(line) > 79])

    def test_timing_has_what_a_profile_has(self):
        terms = [term.split()[0] for term, _ in
                 dict(cmd.sections())['timing']]
        self.assertEqual(list(schema_profile.TIMING['properties']), terms)

    def test_examples_are_accepted(self):
        examples = dict(cmd.sections())['examples']
        for term, _ in examples:
            program, *arguments = shlex.split(term)
            if program != 'curl':
                self.assertEqual(cmd.make_parser().prog, program)
                options = cmd.make_parser().parse_args(arguments)
                self.assertIn(options.profile, profile.names())


@tree.needs_source
class ProfilesTest(ExtensionTest):

    def test_table(self):
        table = self.extension('simulator_reference').profiles()
        self.assertEqual(profile.names(),
                         re.findall(r'\* - ``(.*)``', table))
        self.assertIn('.. simulator-profiles::\n', read('profiles.rst'))

    def test_keys(self):
        text = self.extension('simulator_reference').profile_keys()
        for key in ('job_polls', 'media_repository_gb', 'thin_overcommit',
                    'hosts[].vioses[].fc_ports[]', 'san.arrays[].targets[]'):
            self.assertIn('``%s``' % key, text)
        self.assertIn('.. profile-keys::\n', read('profiles.rst'))

    def test_a_profile_of_your_own(self):
        for source in blocks('profiles.rst', 'yaml'):
            data = profile.parse(source)
            site = self.useFixture(fixtures.SimulatedSite(data)).site
            self.assertEqual('power1', site.hosts[0].name)

    def test_where_disks_go(self):
        for name in profile.names():
            data = profile.load(name)
            groups = {group['name'] for host in data['hosts']
                      for vios in host['vioses']
                      for group in vios['volume_groups']}
            self.assertEqual(not name.startswith('ssp'), 'datavg' in groups)


@tree.needs_source
class QuickStartTest(testtools.TestCase):

    def test_python(self):
        """The blocks of the page run, one after the other."""
        site = self.useFixture(fixtures.SimulatedSite()).site
        names = {'print': lambda *said: None}
        for block in blocks('quickstart.rst', 'python'):
            exec(block.replace('port=12080', 'port=%d' % site.hosts[0].port),
                 names)
        names['session']._logoff()
        [host] = site.state()['hosts']
        self.assertEqual(['novalink'], [lpar['name'] for lpar in
                                        host['LogicalPartition']])
        self.assertEqual(b'The boot disk', next(
            group.disks['boot'].disk.read(0, 13)
            for group in site.hosts[0].store.all('VolumeGroup')
            if 'boot' in group.disks))


@tree.needs_source
class ControlApiTest(ExtensionTest):

    def test_tables(self):
        reference = self.extension('simulator_reference')
        document = yaml.YAML(typ='safe', pure=True).load(
            control.openapi_text())
        rows = re.findall(r'\* - ([A-Z]+)\n     - ``(.*)``',
                          reference.control_api())
        self.assertEqual(
            [(method.upper(), path)
             for path, methods in document['paths'].items()
             for method in methods if method != 'parameters'], rows)
        schemas = document['components']['schemas']
        self.assertEqual(
            list(schemas['Action']['discriminator']['mapping']),
            re.findall(r'(?m)^``(.*)``$', reference.control_actions()))
        effects = schemas['Fault']['properties']['effect']['enum']
        section = read('api.rst').partition('\nFaults\n======\n')[2]
        self.assertEqual(['effect', *effects], re.findall(
            r'(?m)^``(\w+)``  ', section.partition('\nActions\n')[0]))
        for directive in ('control-api', 'control-actions'):
            self.assertIn('.. %s::\n' % directive, read('api.rst'))

    def test_examples(self):
        """Each curl command of the page does what it says, in their order."""
        # The examples are for two profiles.
        both = profile.load('fc')
        both['hosts'][0]['sriov'] = profile.load('sriov')['hosts'][0]['sriov']
        site = self.useFixture(fixtures.SimulatedSite(both)).site
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        answers = []
        for block in blocks('api.rst', 'bash'):
            for command in self.commands(block):
                request = self.request(command, site.hosts[0].port)
                try:
                    with opener.open(request) as reply:
                        answers.append(reply.read())
                except urllib.error.HTTPError as exc:
                    self.fail('%s: %s' % (command, exc.read()))
        self.assertGreater(len(answers), 15)
        self.assertIn(b'some bytes', answers)
        volume = site.san.volume('vol1')
        self.assertEqual(['10000090fa1ba101'], list(volume.exports))
        self.assertFalse(site.san.fabrics['B'].up)
        system = site.hosts[0].system
        self.assertFalse(system.sriov[0].port(0).link_up)
        self.assertTrue(system.keeps_logical_ports)
        self.assertEqual(
            [('their_boot', 20), ('their.iso', 20), ('lv_backup', 65535)],
            [(m['storage'], m['lpar_id']) for m in
             site.hosts[0].operator.vios('vios1').state()['mappings']])

    @staticmethod
    def commands(block):
        """Split a block into commands: list of lists of str."""
        found = []
        for word in shlex.split(block.replace('\\\n', ' ')):
            if word == 'curl':
                found.append([])
            else:
                found[-1].append(word)
        return found

    def request(self, words, port):
        """Make of the arguments of curl what it would send."""
        words = iter(words)
        url, method, headers, data = None, None, {}, None
        for word in words:
            if word == '-X':
                method = next(words)
            elif word == '-d':
                data = next(words).encode()
            elif word == '-H':
                name, value = next(words).split(': ')
                headers[name] = value
            elif word != '-s':
                self.assertIsNone(url)
                url = word
        self.assertTrue(url.startswith('http://127.0.0.1:12080/'), url)
        return urllib.request.Request(url.replace('12080', str(port)), data,
                                      headers, method=method)
