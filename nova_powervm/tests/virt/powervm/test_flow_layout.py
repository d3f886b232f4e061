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

"""No module of flows and tasks is without its tests."""

import ast
import glob
import importlib
import inspect
import os
import pkgutil

from taskflow import task
import testtools

from nova_powervm.tests.virt.powervm import flows as flow_tests
from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.tests.virt.powervm import tasks as task_tests
from nova_powervm.virt.powervm import flows
from nova_powervm.virt.powervm import tasks


def modules(package):
    """The modules of a package: {name without the package's: module}."""
    return {found.name: importlib.import_module('%s.%s' % (
        package.__name__, found.name))
        for found in pkgutil.iter_modules(package.__path__)}


def trees(package):
    """Parse the test modules of a package: a list of syntax trees."""
    found = []
    for path in glob.glob(os.path.join(package.__path__[0], 'test_*.py')):
        with open(path, encoding='utf-8') as source:
            found.append(ast.parse(source.read(), path))
    return found


def own(module, is_kind):
    """What a module defines of a kind: {name: thing}."""
    return {name: thing for name, thing in inspect.getmembers(module, is_kind)
            if thing.__module__ == module.__name__}


def tasks_with_revert():
    """Names of the classes of tasks that undo something."""
    return {name for module in modules(tasks).values()
            for name, found in own(module, inspect.isclass).items()
            if issubclass(found, task.Task) and
            found.revert is not task.Task.revert}


def flow_functions():
    """(Module, function) of each public function that begins a flow."""
    return {(name, function) for name, module in modules(flows).items()
            for function, thing in own(module, inspect.isfunction).items()
            if not function.startswith('_') and
            'linear_flow.Flow(' in inspect.getsource(thing)}


def tables():
    """(Module, function) of each table of recipes."""
    modules(flow_tests)
    return {(found.MODULE.__name__.rsplit('.', 1)[-1], found.FLOW)
            for found in base.RecipesTestCase.__subclasses__()
            if found.RECIPES}


class LayoutTest(testtools.TestCase):

    def test_each_module_has_its_tests(self):
        for package, tests in ((flows, flow_tests), (tasks, task_tests)):
            wanted = {'test_' + name for name in modules(package)}
            self.assertLess(3, len(wanted))
            self.assertEqual(set(), wanted - set(modules(tests)))

    def test_each_revert_is_tried(self):
        named = {node.attr for tree in trees(task_tests)
                 for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        wanted = tasks_with_revert()
        self.assertLess({'Create', 'CreateRescueDisk', 'ConnectVolumes'},
                        wanted)
        self.assertEqual(set(), wanted - named)

    def test_each_flow_has_recipes(self):
        wanted = flow_functions()
        self.assertLess({('spawn', 'spawn'), ('resize', 'extend')}, wanted)
        self.assertEqual(wanted, tables())
