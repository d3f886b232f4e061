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

"""Notes of a server that several have changed, in a database of Nova."""

import ast
import pathlib

from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from nova.tests import fixtures as nova_fixtures

from nova_powervm.demo import quick
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt import powervm
from nova_powervm.virt.powervm import server_notes

# Objects of Nova that are no servers, by the names that the driver gives them.
_NO_SERVERS = {'bdm', 'record', 'migration', 'changed', 'self.slots',
               'self._maps'}


class ServerNotesTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(quick.Databases(timeout=60))
        self.useFixture(nova_fixtures.Database(database='main'))
        self.context = nova_context.get_admin_context()
        self.uuid = base.UUID % 1
        made = objects.Instance(
            self.context, uuid=self.uuid, project_id='project',
            user_id='user', task_state='migrating',
            system_metadata={'old': 'x', 'gone': 'y'})
        made.create()

    def read(self):
        return objects.Instance.get_by_uuid(
            self.context, self.uuid, expected_attrs=['system_metadata'])

    def check(self, **notes):
        self.assertEqual(notes, self.read().system_metadata)

    def test_two_save(self):
        one, other = self.read(), self.read()
        one.system_metadata.update(one='1')
        del one.system_metadata['gone']
        server_notes.save(one)
        other.system_metadata.update({'other': '2', 'old': 'z'})
        server_notes.save(other)
        self.check(old='z', one='1', other='2')
        self.assertEqual(self.read().system_metadata, other.system_metadata)

    def test_nova_saves_later(self):
        """It finds the notes to be unchanged, and writes none."""
        saving, noting, other = self.read(), self.read(), self.read()
        saving.system_metadata['saved'] = '1'
        server_notes.save(saving)
        server_notes.note(noting, {'noted': '2'})
        server_notes.note(other, {'late': '3'})
        for found in (saving, noting):
            found.display_name = 'changed'
            found.save()
        self.check(old='x', gone='y', saved='1', noted='2', late='3')

    def test_fields_are_saved_too(self):
        """Nova's record must be as expected."""
        found = self.read()
        found.task_state = 'deleting'
        self.assertRaises(nova_exc.UnexpectedTaskStateError,
                          server_notes.save, found,
                          expected_task_state=['spawning'])
        server_notes.save(found, expected_task_state=['migrating'])
        self.assertEqual('deleting', self.read().task_state)

    def test_save_again(self):
        """What others have dropped since a refused save is not written."""
        found, other = self.read(), self.read()
        server_notes.note(other, {'other': '1'})
        found.system_metadata['own'] = '2'
        self.assertRaises(nova_exc.UnexpectedTaskStateError,
                          server_notes.save, found,
                          expected_task_state=['spawning'])
        server_notes.note(other, {'other': None})
        server_notes.save(found)
        self.check(old='x', gone='y', own='2')

    def test_note_saves_nothing_else(self):
        found, other = self.read(), self.read()
        server_notes.note(other, {'other': '1'})
        found.task_state = 'deleting'
        found.system_metadata.update(unsaved='2', old='unsaved', noted='3')
        server_notes.note(found, {'noted': '4', 'gone': None})
        self.check(old='x', other='1', noted='4')
        self.assertEqual('migrating', self.read().task_state)
        self.assertEqual(
            {'old': 'unsaved', 'other': '1', 'unsaved': '2', 'noted': '4'},
            found.system_metadata)
        server_notes.save(found)
        self.check(old='unsaved', other='1', unsaved='2', noted='4')

    def test_drop(self):
        found = self.read()
        server_notes.note(self.read(), {'gone_too': '1', 'good': '2'})
        server_notes.drop(found, 'go')
        self.check(old='x')
        self.assertEqual({'old': 'x'}, found.system_metadata)

    def test_nothing_to_note(self):
        found = self.read()
        server_notes.note(self.read(), {'other': '1'})
        server_notes.note(found, {})
        self.assertNotIn('other', found.system_metadata)

    def test_server_is_deleted(self):
        """What is edited is known to those that go on with the instance."""
        found = self.read()
        self.read().destroy()
        self.assertIs(False, server_notes.change(
            found, lambda edited: edited.system_metadata.pop('gone')))
        self.assertEqual({'old': 'x'}, found.system_metadata)
        self.assertRaises(nova_exc.InstanceNotFound, server_notes.save, found)

    def test_no_context(self):
        """Nova has taken it away when it deleted the server."""
        found = self.read()
        found._context = None
        server_notes.note(found, {'gone': None})
        self.assertEqual({'old': 'x'}, found.system_metadata)
        self.check(old='x', gone='y')

    def test_no_notes_were_read(self):
        found = objects.Instance.get_by_uuid(self.context, self.uuid,
                                             expected_attrs=[])
        found.task_state = None
        server_notes.save(found)
        self.check(old='x', gone='y')


class GatewayTest(base.TestCase):

    @staticmethod
    def saved(path):
        """Return on what a module calls save(): set of str."""
        return {ast.unparse(node.func.value)
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Call) and
                isinstance(node.func, ast.Attribute) and
                node.func.attr == 'save'}

    def test_all_servers_are_saved_here(self):
        """Another save() could delete the notes of others."""
        top = pathlib.Path(powervm.__file__).parent
        found = {(str(path.relative_to(top)), what)
                 for path in top.rglob('*.py') if
                 path.name != 'server_notes.py'
                 for what in self.saved(path) - _NO_SERVERS -
                 {'server_notes', 'fabrics'}}
        self.assertEqual(set(), found)
