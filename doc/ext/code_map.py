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

"""Sphinx directives that show where things are in the code.

``.. modules:: nova_powervm/simulator`` is a table of the modules of a folder,
each with the first line of its docstring.

``.. imports::`` is a table of the parts of the driver: what the docstring of
each says, and what it imports of the others. A part stands above all that it
imports.
"""

import ast
import graphlib
import importlib.util
import os

from docutils import nodes
from docutils.parsers import rst

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
RULES = os.path.join(ROOT, 'nova_powervm', 'tests', 'test_imports.py')


# ---- modules ---------------------------------------------------------------

def modules(folder):
    """List the modules of a folder, and what their docstrings say.

    :param folder: str, path in the source tree
    :returns: list of (file name, first line of the docstring)
    :raises ValueError: if a module has none
    """
    found = []
    for name in sorted(os.listdir(os.path.join(ROOT, folder))):
        if name.endswith('.py'):
            path = os.path.join(ROOT, folder, name)
            with open(path, encoding='utf-8') as code:
                found.append((name, _first_line(ast.parse(code.read()), path)))
    return found


def _first_line(tree, name):
    text = ast.get_docstring(tree)
    if not text:
        raise ValueError('%s has no docstring' % name)
    return text.splitlines()[0].replace('``', '')


class Modules(rst.Directive):
    """A table of the modules of a folder."""

    required_arguments = 1

    def run(self):
        return [_table(('Module', 'What it is'), (25, 75), [
            ([nodes.literal('', name)], [nodes.Text(text)])
            for name, text in modules(self.arguments[0])])]


# ---- imports ---------------------------------------------------------------

def _rules():
    """Load test_imports.py, without the tests' package around it."""
    spec = importlib.util.spec_from_file_location('import_rules', RULES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def imports():
    """Tell which part of the driver imports which.

    :returns: list of (part, first line of its docstring, list of the parts
        that it imports); each part comes before those that it imports.
    :raises graphlib.CycleError: if parts import each other in a circle
    """
    rules = _rules()
    trees = rules.read_modules()
    found = {}
    for name, tree in trees.items():
        here = rules.part(name)
        if here is None:
            continue
        known = found.setdefault(here, set())
        for _line, module, imported in rules.imports(tree):
            known.add(rules.part(rules.dotted(module, imported)))
    graph = {part: sorted(known & found.keys() - {part})
             for part, known in found.items()}
    depths = {}
    for part in graphlib.TopologicalSorter(graph).static_order():
        depths[part] = 1 + max((depths[one] for one in graph[part]),
                               default=-1)
    return [(part, _first_line(trees['%s.%s' % (rules.VIRT, part)], part),
             graph[part])
            for part in sorted(graph, key=lambda part: (-depths[part], part))]


class Imports(rst.Directive):
    """A table of the parts of the driver, and what they import."""

    def run(self):
        return [_table(
            ('Part', 'What it is', 'Imports'), (15, 45, 40), [
                ([nodes.literal('', part)], [nodes.Text(text)],
                 _names(imported))
                for part, text, imported in imports()])]


def _names(names):
    cell = []
    for name in names:
        cell += [nodes.Text(' '), nodes.literal('', name)]
    return cell[1:]


# ---- tables ----------------------------------------------------------------

def _table(titles, widths, rows):
    """Make a table.

    :param rows: iterable of rows, each a sequence of lists of nodes.
    """
    group = nodes.tgroup('', *[
        nodes.colspec(colwidth=width) for width in widths], cols=len(widths))
    group += nodes.thead('', _row([nodes.Text(title)] for title in titles))
    group += nodes.tbody('', *map(_row, rows))
    return nodes.table('', group)


def _row(cells):
    return nodes.row('', *[nodes.entry('', nodes.paragraph('', '', *cell))
                           for cell in cells])


def setup(app):
    """Register the directives with Sphinx."""
    app.add_directive('modules', Modules)
    app.add_directive('imports', Imports)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
