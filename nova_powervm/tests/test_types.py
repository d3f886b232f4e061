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

"""Annotations name classes that exist.

mypy checks how our modules use each other; see setup.cfg. It does not read
Nova and pypowervm, so it cannot know whether a class of theirs exists.
"""

import configparser
import importlib
import inspect
import pkgutil
import typing

from nova import objects
import testtools

from nova_powervm.tests import tree


def interfaces():
    """Return the names of the modules that must be annotated, list of str."""
    config = configparser.ConfigParser()
    config.read(tree.path('setup.cfg'))
    found = []
    for section in config.sections():
        if config.has_option(section, 'disallow_untyped_defs'):
            for name in section.removeprefix('mypy-').split(','):
                found += modules(name)
    return found


def modules(name):
    """Return the names of a module; with '.*', of its package's modules."""
    if not name.endswith('.*'):
        return [name]
    package = importlib.import_module(name.removesuffix('.*'))
    return [package.__name__] + [
        '%s.%s' % (package.__name__, info.name)
        for info in pkgutil.iter_modules(package.__path__)]


def functions(module):
    """Yield each function and method that a module defines."""
    for found in vars(module).values():
        if getattr(found, '__module__', None) != module.__name__:
            continue
        if inspect.isclass(found):
            yield found
            for member in vars(found).values():
                member = getattr(member, '__func__', member)
                member = getattr(member, 'fget', member)
                if inspect.isfunction(member):
                    yield inspect.unwrap(member)
        elif inspect.isfunction(found):
            yield inspect.unwrap(found)


@tree.needs_source
class TypesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()

    def test_annotations_name_what_exists(self):
        problems, count = [], 0
        for name in interfaces():
            for function in functions(importlib.import_module(name)):
                try:
                    count += len(typing.get_type_hints(function))
                except (NameError, AttributeError, TypeError) as exc:
                    problems.append('%s.%s: %s' % (
                        name, function.__qualname__, exc))
        self.assertEqual([], problems)
        self.assertGreater(count, 500)

    def test_interfaces_are_named(self):
        found = interfaces()
        here = 'nova_powervm.virt.powervm.'
        for name in ('disk.driver', 'volume.driver', 'vif.driver', 'services',
                     'host', 'reader', 'slots.server', 'no_slots'):
            self.assertIn(here + name, found)

    def test_the_package_is_typed(self):
        self.assertEqual('', tree.read('nova_powervm', 'py.typed'))
