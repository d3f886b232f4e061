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

"""Files and functions stay short enough to read in one sitting.

A file that grows over the limit has a second subject: give that a module.
"""

import ast
import os

import testtools

from nova_powervm.tests import tree

#: Most lines of a file, and of a function with its docstring.
FILE_LINES = 500
FUNCTION_LINES = 40
#: Files with another limit: driver.py has a method for each call of Nova.
FILES = {'driver.py': 600}
ROOT = tree.path('nova_powervm', 'virt', 'powervm')
SIMULATOR = tree.path('nova_powervm', 'simulator')


def sources(root=ROOT):
    """Yield (path below a folder, text) of each module in the folder."""
    for folder, _folders, files in os.walk(root):
        for name in sorted(files):
            if name.endswith('.py'):
                path = os.path.join(folder, name)
                with open(path, encoding='utf-8') as source:
                    yield os.path.relpath(path, root), source.read()


def problems(path, text):
    """Yield what is too long in a module, one str for each."""
    lines = len(text.splitlines())
    limit = FILES.get(path, FILE_LINES)
    if lines > limit:
        yield '%s: %d lines, not %d' % (path, lines, limit)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield '%s: %s has %d lines, not %d' % (
                    path, node.name, lines, FUNCTION_LINES)


class SizesTest(testtools.TestCase):

    def test_driver(self):
        self.assertEqual([], [problem for path, text in sources()
                              for problem in problems(path, text)])

    def test_simulator(self):
        self.assertEqual([], [problem for path, text in sources(SIMULATOR)
                              for problem in problems(path, text)])

    def test_modules_are_found(self):
        found = [path for path, _text in sources()]
        self.assertLess({'driver.py', os.path.join('disk', 'driver.py')},
                        set(found))
        self.assertEqual(set(), set(FILES).difference(found))
        self.assertIn('app.py', [path for path, _text in sources(SIMULATOR)])

    def test_the_check_finds_them(self):
        text = 'def short():\n' + '    pass\n' * (FUNCTION_LINES - 1)
        self.assertEqual([], list(problems('x.py', text)))
        self.assertEqual(['x.py: short has 41 lines, not 40'],
                         list(problems('x.py', text + '    pass\n')))
        for path, most in (('disk/driver.py', 500), ('driver.py', 600)):
            text = '# A line.\n' * most
            self.assertEqual([], list(problems(path, text)))
            self.assertEqual(
                ['%s: %d lines, not %d' % (path, most + 1, most)],
                list(problems(path, text + '\n')))
