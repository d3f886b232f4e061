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

"""Names are made of the field's words, not of a private vocabulary."""

import ast
import re

import testtools

from nova_powervm.tests import test_imports

#: Packages to which a rule applies.
ALL = ('nova_powervm',)
DRIVER = ('nova_powervm.virt', 'nova_powervm._ext')
DRIVER_AND_ITS_TESTS = (*DRIVER, 'nova_powervm.tests.virt')

#: Words that no name has: regular expression -> packages, words to use. A
#: name is compared in lower case, with its words separated by "_".
RULES = {
    r'rooms': (ALL, 'services'),
    r'census': (ALL, 'platform snapshot'),
    r'former|formers|formerly': (ALL, 'old, legacy, departed, earlier'),
    r'in_9': (ALL, 'legacy'),
    r'places': (DRIVER_AND_ITS_TESTS, 'addresses, slots, positions'),
    r'place': (DRIVER, 'device address, slot, location'),
    r'(un)?swept|sweep(s|ing|er)?': (ALL, 'clean periodically'),
    r'scrub(s|bed|bing|ber)?': (ALL, 'clean at start'),
    r'left_?overs?|strays?': (ALL, 'stale'),
    r'doomed': (ALL, 'to delete, pending'),
    r'anew': (ALL, 'again, recreate'),
    r'afresh': (ALL, 'again, restart'),
    r'lack(s|ing)?': (ALL, 'missing'),
    r'leaving|arrivals?': (DRIVER, 'removal; on the source, on the target'),
    r'virt_api': (ALL, 'virtapi, as Nova spells it'),
    r'pvm_uuid': (ALL, 'lpar_uuid'),
}
#: Names that a function or class must not have, whole: they say too little.
#: Like RULES.
VAGUE = {
    r'of|of_.*': (ALL, 'what is returned, for example server_proof'),
    r'come_back|leave|arrive': (DRIVER_AND_ITS_TESTS,
                                'prepare_on_source, revert_on_source'),
    r'add_save': (ALL, 'what is saved, for example add_save_slots'),
}
#: Names that stay, and why.
EXCEPTIONS = {
    # These tests run the scrub tasks of pypowervm against the simulator.
    'test_comprehensive_scrub', 'test_comprehensive_scrub_of_a_medium',
    'test_scrub_for_the_next_partition_with_that_id',
    'test_scrub_of_orphans_leaves_it',
    # It stands for the class of Nova with this name.
    'VirtAPI',
}


def snake(name):
    """Spell a name in lower case, with its words separated by "_"."""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).strip('_').lower()


def names(module, tree):
    """Yield (line, name, whether a function or class) of what is defined."""
    for part in module.split('.'):
        yield 1, part, False
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef,
                             ast.ClassDef)):
            yield node.lineno, node.name, True
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg, False
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id, False
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx,
                                                            ast.Store):
            yield node.lineno, node.attr, False
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname, False


def problems(module, tree):
    """Yield what is wrong with the names of a module, one str for each."""
    rules, vague = _applying(RULES, module), _applying(VAGUE, module)
    for line, name, is_callable in names(module, tree):
        if name in EXCEPTIONS:
            continue
        spelled = snake(name)
        for words, better in rules:
            if re.search('(^|_)(%s)(_|$)' % words, spelled):
                yield '%s:%d: %s: say %s' % (module, line, name, better)
        for words, better in vague:
            if is_callable and re.fullmatch(words, spelled):
                yield '%s:%d: %s: say %s' % (module, line, name, better)
    for line, alias in aliases_of_ours(tree):
        if alias.startswith('pvm_'):
            yield '%s:%d: %s: pvm_ is for modules of pypowervm' % (
                module, line, alias)


def _applying(rules, module):
    return [(words, better) for words, (packages, better) in rules.items()
            if any(test_imports.is_in(module, one) for one in packages)]


def aliases_of_ours(tree):
    """Yield (line, alias) of each import of a module of this project."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and test_imports.is_in(
                node.module or '', 'nova_powervm'):
            for alias in node.names:
                if alias.asname:
                    yield node.lineno, alias.asname


class NamesTest(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.modules = test_imports.read_modules()

    def test_words(self):
        self.assertEqual([], [
            problem for module, tree in sorted(self.modules.items())
            for problem in problems(module, tree)])

    def test_the_check_finds_them(self):
        tree = ast.parse('''
from nova_powervm.virt.powervm import host as pvm_host
from pypowervm.tasks import power as pvm_power

class Leftovers:
    def of_server(self, doomed, kept):
        self._sweeping = before_former = kept

def add_save():
    """Sweep."""
''')
        found = [problem.split(': ')[1] for problem in problems(
            'nova_powervm.virt.powervm.rooms', tree)]
        self.assertEqual(['_sweeping', 'add_save', 'before_former', 'doomed',
                          'of_server', 'pvm_host', 'rooms', 'Leftovers'],
                         sorted(found, key=lambda name: (name[0].isupper(),
                                                         name)))

    def test_exceptions_are_needed(self):
        found = {name for module, tree in self.modules.items()
                 for _line, name, _callable in names(module, tree)}
        self.assertEqual(set(), EXCEPTIONS - found)
