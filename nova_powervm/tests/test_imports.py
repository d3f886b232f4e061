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

"""Rules of the project that a machine can check.

How modules are imported, who reads the platform, and that no module has
state. Which module may import which is in .importlinter. This file needs the
standard library only: ``tox -e pep8`` runs it as a script.
"""

import ast
import os
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
PACKAGE = 'nova_powervm'
VIRT = 'nova_powervm.virt.powervm'

# The only modules that read the platform, with the functions of pypowervm that
# do: reader, and host, which keeps what hardly ever changes.
READERS = (VIRT + '.reader', VIRT + '.host')
READ_MODULES = ('pypowervm.tasks.partition', 'pypowervm.tasks.monitor')
READ_CALLS = ('get', 'get_by_href', 'getter', 'search')
ADAPTER_CALLS = ('read', 'read_by_href', 'read_by_path', 'read_job')
# The only module that reads and writes the management partition, and runs
# commands there.
MGMT = VIRT + '.mgmt'
MGMT_MODULES = ('subprocess', 'oslo_concurrency.processutils', 'nova.privsep')
# Objects of ours with a refresh(); any other is a wrapper of pypowervm.
REFRESHED = ('partition_states', '_pool')

MUTABLE_NODES = (ast.Dict, ast.DictComp, ast.List, ast.ListComp, ast.Set,
                 ast.SetComp)
MUTABLE_CALLS = ('dict', 'list', 'set', 'bytearray', 'defaultdict',
                 'OrderedDict', 'deque', 'WeakValueDictionary')
MUTATORS = ('add', 'append', 'appendleft', 'clear', 'discard', 'extend',
            'insert', 'pop', 'popitem', 'remove', 'setdefault', 'update')


def is_in(name, package):
    """Whether the dotted name is the package or lies in it."""
    return name == package or name.startswith(package + '.')


def is_test(name):
    return is_in(name, 'nova_powervm.tests')


def read_modules():
    """Parse the project: {dotted module name: syntax tree}."""
    modules = {}
    for folder, _folders, files in os.walk(os.path.join(ROOT, PACKAGE)):
        for file_name in files:
            if not file_name.endswith('.py'):
                continue
            path = os.path.join(folder, file_name)
            name = os.path.relpath(path, ROOT)[:-len('.py')]
            name = name.replace(os.sep, '.').removesuffix('.__init__')
            with open(path, encoding='utf-8') as source:
                modules[name] = ast.parse(source.read(), path)
    return modules


def imports(tree):
    """Yield (line, module, name or None) of each import, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, None
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = '.' * node.level + (node.module or '')
                yield node.lineno, module, alias.name


def dotted(module, name):
    return module if name is None else '%s.%s' % (module, name)


def part(name):
    """The part of virt/powervm that a module belongs to: 'disk', 'vm'..."""
    if not name.startswith(VIRT + '.'):
        return None
    return name[len(VIRT) + 1:].split('.')[0]


def is_mutable(node):
    if isinstance(node, ast.Call):
        func = node.func
        return getattr(func, 'attr', getattr(func, 'id', '')) in MUTABLE_CALLS
    return isinstance(node, MUTABLE_NODES)


def bindings(body):
    """Yield (name, value) of the plain assignments in a list of statements."""
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            if isinstance(node.target, ast.Name):
                yield node.target.id, node.value


def functions(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def changed(function):
    """Yield the objects that a function changes in place, as AST nodes."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            if (isinstance(node.func, ast.Attribute) and
                    node.func.attr in MUTATORS):
                yield node.func.value
        elif isinstance(node, (ast.Assign, ast.Delete)):
            for target in node.targets:
                if isinstance(target, ast.Subscript):
                    yield target.value
        elif isinstance(node, ast.AugAssign):
            target = node.target
            if isinstance(target, ast.Subscript):
                target = target.value
            yield target


def locals_of(function):
    """The names that a function binds itself."""
    args = function.args
    names = {arg.arg for arg in
             args.args + args.kwonlyargs + args.posonlyargs}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def assigned_attributes(tree):
    """The X of every ``something.X = ...``."""
    return {node.attr for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and
            isinstance(node.ctx, ast.Store)}


def module_state(tree):
    """Yield what of a module's or of its classes' objects functions change.

    :returns: an iterator of (line, name).
    """
    module_names = {name for name, value in bindings(tree.body)
                    if is_mutable(value)}
    class_names = {
        name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
        for name, value in bindings(node.body) if is_mutable(value)}
    class_names -= assigned_attributes(tree)
    for function in functions(tree):
        own = locals_of(function)
        for node in changed(function):
            if isinstance(node, ast.Name):
                if node.id in module_names - own:
                    yield node.lineno, node.id
            elif isinstance(node, ast.Attribute):
                if node.attr in class_names:
                    yield node.lineno, node.attr
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield node.lineno, 'global ' + ', '.join(node.names)


def pypowervm_names(tree):
    """The names that a module imports from pypowervm: set of str."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                origin = getattr(node, 'module', None) or alias.name
                if is_in(origin, 'pypowervm'):
                    names.add(alias.asname or alias.name.split('.')[0])
    return names


def platform_reads(tree):
    """Yield (line, call) of what reads the platform through pypowervm."""
    names = pypowervm_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(
                node.func, ast.Attribute) and (
                reads_by_class(node.func, names) or reads_by_object(node)):
            yield node.lineno, ast.unparse(node.func)


def reads_by_class(func, names):
    """Whether a function is one such as pvm_vios.VIOS.get, or VIOS.get."""
    first = func
    while isinstance(first, ast.Attribute):
        first = first.value
    return (func.attr in READ_CALLS and isinstance(first, ast.Name) and
            first.id in names)


def reads_by_object(call):
    """Whether a call is one such as host.adapter.read(...), vg_w.refresh()."""
    owner = call.func.value
    owner = getattr(owner, 'attr', getattr(owner, 'id', ''))
    if owner.endswith('adapter'):
        return call.func.attr in ADAPTER_CALLS
    return (call.func.attr == 'refresh' and not call.args and
            owner not in REFRESHED)


class RulesTest(unittest.TestCase):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.modules = read_modules()

    def _found(self, check):
        """Run check(importer, imported) on all imports; list the hits."""
        found = []
        for importer, tree in sorted(self.modules.items()):
            for line, module, name in imports(tree):
                complaint = check(importer, dotted(module, name))
                if complaint:
                    found.append('%s:%d %s' % (importer, line, complaint))
        return found

    def test_the_tree_was_found(self):
        self.assertIn('nova_powervm._ext.driver', self.modules)

    def test_jobs_of_power_are_our_own(self):
        # pypowervm's take an LPAR that is off, or on, already for an error.
        def check(importer, imported):
            if is_in(importer, VIRT) and is_in(imported,
                                               'pypowervm.tasks.power'):
                return 'imports %s' % imported
        self.assertEqual([], self._found(check))

    def test_only_the_readers_read_the_platform(self):
        found = [
            '%s:%d calls %s' % (name, line, call)
            for name, tree in sorted(self.modules.items())
            if is_in(name, VIRT) and name not in READERS
            for line, call in platform_reads(tree)]

        def check(importer, imported):
            if is_in(importer, VIRT) and importer not in READERS and any(
                    is_in(imported, module) for module in READ_MODULES):
                return 'imports %s' % imported
        self.assertEqual([], found + self._found(check))

    def test_one_door_to_the_management_partition(self):
        def check(importer, imported):
            if is_in(importer, VIRT) and importer != MGMT and any(
                    is_in(imported, module) for module in MGMT_MODULES):
                return 'imports %s' % imported
        roots = ['%s:%d' % (name, node.lineno)
                 for name, tree in sorted(self.modules.items())
                 if is_in(name, VIRT) and name != MGMT
                 for node in ast.walk(tree)
                 if isinstance(node, ast.Attribute) and
                 node.attr == 'management_root']
        self.assertEqual([], roots + self._found(check))

    def test_reads_are_seen(self):
        source = '''
from pypowervm.wrappers import virtual_io_server as pvm_vios
from pypowervm.wrappers.storage import VG
import pypowervm.wrappers.cluster
def f(host, adapter, instance):
    vios_w = pvm_vios.VIOS.get(host.adapter)
    VG.getter(adapter)
    pypowervm.wrappers.cluster.Cluster.search(adapter)
    host.adapter.read('VirtualIOServer')
    adapter.read_by_href('')
    vios_w.refresh()
    host.vios('').refresh()
    host.partition_states.refresh()
    fabrics.refresh(instance)
    instance.get('a')
    host.adapter.delete('')
    pvm_vios.VIOS.bld(adapter)
    stream.read()
'''
        self.assertEqual(list(range(6, 13)), [
            line for line, _call in sorted(platform_reads(
                ast.parse(source)))])

    def test_imports_are_absolute_and_of_modules(self):
        found = []
        for importer, tree in sorted(self.modules.items()):
            for line, module, name in imports(tree):
                target = dotted(module, name)
                if module.startswith('.') or (
                        is_in(module, PACKAGE) and
                        target not in self.modules):
                    found.append('%s:%d %s is relative, or no module' % (
                        importer, line, target))
        self.assertEqual([], found)

    def test_no_module_level_state(self):
        found = ['%s:%d changes %s' % (name, line, what)
                 for name, tree in sorted(self.modules.items())
                 if not is_test(name)
                 for line, what in module_state(tree)]
        self.assertEqual([], found)

    def test_module_state_is_seen(self):
        source = '''
CACHE = {}
NAMES = ['a']
class A:
    seen = []
    mine = []
    def __init__(self):
        self.mine = []
    def f(self, key):
        self.seen.append(key)
        self.mine.append(key)
        CACHE[key] = NAMES[0]
def g():
    CACHE = {}
    CACHE['own'] = 1
'''
        self.assertEqual({(10, 'seen'), (12, 'CACHE')},
                         set(module_state(ast.parse(source))))


if __name__ == '__main__':
    unittest.main()
