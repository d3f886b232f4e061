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


import ast
import pathlib

from nova import objects

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt import powervm
from nova_powervm.virt.powervm import migration_status

# Texts that are statuses of migrations, and nothing else.
_STATUSES = {'accepted', 'pre-migrating', 'migrating', 'post-migrating',
             'preparing', 'queued', 'confirmed', 'reverted'}


class MigrationStatusTestCase(base.TestCase):

    @staticmethod
    def migration(status, kind='migration'):
        return objects.Migration(
            status=status, migration_type=kind, source_compute='one',
            dest_compute='two')

    def test_over(self):
        for kind, status, is_over in (
                ('live-migration', 'running', False),
                ('live-migration', 'error', False),
                ('live-migration', 'failed', True),
                ('resize', 'error', True),
                ('resize', 'finished', False),
                ('migration', 'confirmed', True)):
            with self.subTest(kind=kind, status=status):
                self.assertIs(is_over, migration_status.is_over(
                    self.migration(status, kind)))

    def test_brought_to(self):
        for status, host in (('completed', 'two'), ('reverted', 'one'),
                             ('finished', 'two'), ('error', None)):
            with self.subTest(status):
                self.assertEqual([host] if host else [], [
                    name for name in ('one', 'two')
                    if migration_status.has_brought_to(
                        name, self.migration(status))])

    def test_one_module_knows_the_statuses(self):
        """Others would forget one, or take it for something else."""
        top = pathlib.Path(powervm.__file__).parent
        self.assertEqual(['migration_status.py'], sorted(
            str(path.relative_to(top)) for path in top.rglob('*.py')
            if _STATUSES & {
                node.value for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Constant) and
                isinstance(node.value, str)}))
