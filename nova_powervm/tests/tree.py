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

"""The tree that the package came from, for tests of what is beside it."""

import importlib.util
import os
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def path(*names):
    """The path of something in the tree, str."""
    return os.path.join(ROOT, *names)


#: For classes of tests; an installed package has no such tree.
needs_source = unittest.skipUnless(os.path.exists(path('doc', 'source')),
                                   'needs the source tree')


def read(*names):
    """Read a text file of the tree.

    :param names: of its folders from ROOT on, and of the file.
    :returns: str
    """
    with open(path(*names), encoding='utf-8') as text:
        return text.read()


def load(*names):
    """Load a module that is in no package.

    :param names: of its folders from ROOT on, and of its file.
    """
    spec = importlib.util.spec_from_file_location(
        os.path.splitext(names[-1])[0], path(*names))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
