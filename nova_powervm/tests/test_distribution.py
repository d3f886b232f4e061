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


"""What the sdist and the wheel have in them, and who may use it."""

import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest

from nova_powervm.tests import test_packaging
from nova_powervm.tests import tree

#: What a work tree has that git does not track. It has no build/lib here: from
#: that setuptools takes what an earlier build has left, but "python -m build"
#: makes the wheel of the sdist.
LITTER = ('.stestr/0', '.tox/log/1', '.venv/bin/python', '.coverage',
          'build/notes.txt', 'cover/index.html',
          'dist/old.whl', 'doc/build/html/index.html',
          'etc/nova/nova-powervm.conf.sample',
          'nova_powervm/__pycache__/old.cpython-311.pyc',
          'nova_powervm/simulator/profiles/__pycache__/old.pyc',
          'releasenotes/build/html/index.html')


def files_of_the_project():
    """What git tracks, or would: list of str."""
    listed = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others',
         '--exclude-standard'], cwd=tree.ROOT, check=True, text=True,
        stdout=subprocess.PIPE).stdout
    return [name for name in listed.split('\0')
            if name and os.path.isfile(tree.path(name))]


@unittest.skipUnless(os.path.exists(tree.path('.git')), 'needs a clone')
class DistributionTest(unittest.TestCase):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.check = tree.load('tools', 'check_distribution.py')
        cls.temp = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.temp)
        cls.tree = os.path.join(cls.temp, 'tree')
        for name in files_of_the_project():
            cls._make(name)
            shutil.copy(tree.path(name), os.path.join(cls.tree, name))
        test_packaging.git(cls.tree, 'init', '-q')
        test_packaging.git(cls.tree, 'add', '-A')
        test_packaging.git(cls.tree, 'commit', '-qm', 'All')
        for name in LITTER:
            cls._make(name)
        cls.tracked = cls.check.tracked_files(cls.tree)
        cls.sdist = test_packaging.backend('build_sdist', cls.tree, cls.temp)
        # As "python -m build" does, and pip from PyPI without a wheel.
        cls.unpacked = os.path.join(cls.temp, 'unpacked')
        with tarfile.open(cls.sdist) as archive:
            archive.extractall(cls.unpacked, filter='data')
        [name] = os.listdir(cls.unpacked)
        cls.wheel = test_packaging.backend(
            'build_wheel', os.path.join(cls.unpacked, name), cls.temp)

    @classmethod
    def _make(cls, name):
        path = os.path.join(cls.tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w'):
            pass

    def test_sdist(self):
        self.assertEqual([], self.check.check_sdist(self.sdist, self.tracked))

    def test_wheel_of_the_sdist(self):
        self.assertEqual([], self.check.check_wheel(self.wheel, self.tracked))

    def test_wheel_of_a_tree_with_litter(self):
        wheel = test_packaging.backend(
            'build_wheel', self.tree, tempfile.mkdtemp(dir=self.temp))
        self.assertEqual([], self.check.check_wheel(wheel, self.tracked))

    def test_data_files_are_in(self):
        for name in ('nova_powervm/simulator/control-openapi.yaml',
                     'nova_powervm/simulator/profiles/fc.yaml'):
            self.assertEqual(
                ['The wheel should not have ' + name],
                self.check.check_wheel(self.wheel, self.tracked - {name}))

    def test_tests_and_demo_are_in_the_sdist_only(self):
        for name in ('nova_powervm/tests/test_distribution.py',
                     'nova_powervm/demo/__main__.py'):
            self.assertIn(name, self.tracked)
            self.assertEqual(
                (['The sdist should not have ' + name], []),
                (self.check.check_sdist(self.sdist, self.tracked - {name}),
                 self.check.check_wheel(self.wheel, self.tracked - {name})))

    def test_what_is_missing_is_found(self):
        name = 'nova_powervm/lost.py'
        self.assertEqual(
            (['The sdist lacks ' + name], ['The wheel lacks ' + name]),
            (self.check.check_sdist(self.sdist, self.tracked | {name}),
             self.check.check_wheel(self.wheel, self.tracked | {name})))

    def test_license_headers(self):
        """Of all that is source and has comments.

        Notes of reno have none in any project of OpenStack; the few lines
        that set up a tool have none here.
        """
        missing = []
        for name in self.tracked:
            if name.startswith(('.pre-commit', '.stestr', 'releasenotes/no')):
                continue
            if name.endswith(('.py', '.sh', '.rst', '.yaml', '.service',
                              '.conf', '.cfg')) or name.startswith(
                                  ('.ci/', 'devstack/')):
                with open(os.path.join(self.tree, name)) as source:
                    if 'Licensed under the Apache License' not in (
                            source.read()):
                        missing.append(name)
        self.assertEqual([], missing)
