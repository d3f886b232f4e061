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

"""Numbers and names from outside."""

import ast
import os

import testtools

from nova_powervm.simulator import values
from nova_powervm.tests import tree

#: Modules that call int() or float() on text, and why they may.
_READERS = {
    'values.py': 'the one place',
    'cmd.py': 'argparse tells it, or values.number() has read it',
    'host.py': 'a UUID that it has made itself',
    'jobs/wwpn.py': 'one of eight words',
    'resources/logical_unit.py': 'a size that it has written itself',
    'resources/processor_pool.py': 'a number of the profile',
    'request.py': 'the HTTP server has checked it',
    'migration/parameters.py': 'after a pattern of at most five digits',
    'control.py': 'after patterns of at most 18 digits',
    'resources/network_adapters.py': 'after a pattern of two digits',
    'resources/san_disk.py': 'the names that it has made itself',
    'resources/volume_group.py': 'the UDIDs that it has made itself',
    'resources/pcm.py': 'the names that it has made itself',
    'resources/pcm_samples.py': 'the WWPNs that the site has made',
    'font.py': 'its own table',
    'firmware.py': 'after a pattern of 16 digits',
}


class NumberTest(testtools.TestCase):

    def test_good(self):
        self.assertEqual([0, -5, 5, values.LARGEST], [
            values.whole(text) for text in
            ('0', '-5', '+5', str(values.LARGEST))])
        self.assertEqual([0.5, 10, 0.5, -2000, 3], [
            values.number(text) for text in
            ('.5', '10', '5e-1', '-2E3', '3.')])
        self.assertEqual([255, 255, 2 ** 64 - 1], [
            values.hexadecimal(text) for text in ('ff', '0xFF', 'f' * 16)])

    def test_bad(self):
        for text in ('', ' ', 'nan', 'inf', '-inf', 'Infinity', '1_0', '0x1',
                     '\u0663', '\u00b2', '1e400', '-1e400', '9' * 20,
                     '9' * 5000, '1 2', 'one', '1\n'):
            self.assertRaises(ValueError, values.number, text)
            self.assertRaises(ValueError, values.whole, text)
        for text in ('', '-1', '1_0', 'f' * 17, 'xyz', '\u0663', ' 1'):
            self.assertRaises(ValueError, values.hexadecimal, text)
        for text in ('1.0', '1e2'):
            self.assertRaises(ValueError, values.whole, text)

    def test_of_a_schema(self):
        check = values.Validator({'type': 'number'}).is_valid
        self.assertTrue(all(check(good) for good in (0, -1, 1.5, 1e18)))
        self.assertFalse(any(check(bad) for bad in (
            float('nan'), float('inf'), -float('inf'), 10 ** 400, 1e300,
            True, '1')))
        check = values.Validator({'type': 'integer'}).is_valid
        self.assertTrue(check(values.LARGEST))
        self.assertFalse(any(check(bad) for bad in (
            1.0, float('nan'), 10 ** 30, False)))


class NameTest(testtools.TestCase):

    def test_file_names(self):
        for good in ('a', 'a.b', '...', '_-', 'x' * 15):
            self.assertTrue(values.is_file_name(good, 15), good)
        for bad in ('', '.', '..', 'a/b', 'x' * 16, '\u00e4', 'a b', 'a\n',
                    '\0'):
            self.assertFalse(values.is_file_name(bad, 15), bad)

    def test_text(self):
        values.check_text({'a': ['b\t\n', 1, None, {'c': '\u00e4\U0001f4a5'}],
                           'text': '\x1b[2J\0'}, ['text'])
        for bad in ('\0', '\x1b', '\ufffe', '\ud800'):
            self.assertRaises(ValueError, values.check_text, [{'a': bad}])
            self.assertRaises(ValueError, values.check_text, {bad: 1})
            self.assertEqual('a?', values.printable('a' + bad))
        self.assertRaises(ValueError, values.check_text, {'text': '\ud800'},
                          ['text'])


class OnePlaceTest(testtools.TestCase):
    """Nobody else turns text into numbers."""

    def readers(self):
        root = tree.path('nova_powervm', 'simulator')
        for folder, _folders, files in os.walk(root):
            for name in files:
                if name.endswith('.py'):
                    path = os.path.join(folder, name)
                    with open(path, encoding='utf-8') as source:
                        if any(map(self.reads, ast.walk(
                                ast.parse(source.read())))):
                            yield os.path.relpath(path, root)

    @staticmethod
    def reads(node):
        """Whether a syntax node may turn text into a number."""
        if isinstance(node, ast.Attribute):
            return node.attr in ('isdigit', 'isnumeric')
        if not (isinstance(node, ast.Call) and
                getattr(node.func, 'id', '') in ('int', 'float')):
            return False
        what = node.args[0]
        if len(node.args) > 1:
            return True
        # Arithmetic, clocks and properties of objects are numbers.
        if isinstance(what, ast.Call):
            function = what.func
            return getattr(function, 'attr', getattr(
                function, 'id', '')) not in ('round', 'now', 'gigabytes',
                                             'min', 'max')
        return not isinstance(what, (ast.BinOp, ast.Attribute))

    def test_all_modules(self):
        self.assertEqual(set(_READERS), set(self.readers()))
