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
import types

import testtools

from nova_powervm.tests import tree
from nova_powervm.virt.powervm.storage import clients

_HREF = ('http://localhost:12080/rest/api/uom/ManagedSystem/1/'
         'LogicalPartition/089FFB20-5D19-4A8C-BB80-13650627D985')


def _mapping(href=None, adapter=None, lpar_id=7, slot=3):
    return types.SimpleNamespace(
        client_lpar_href=href, client_adapter=adapter,
        server_adapter=types.SimpleNamespace(lpar_id=lpar_id,
                                             lpar_slot_num=slot))


class ClientsTestCase(testtools.TestCase):

    def test_client(self):
        self.assertEqual('089ffb20-5d19-4a8c-bb80-13650627d985',
                         clients.client(_mapping(_HREF)))
        self.assertIsNone(clients.client(_mapping()))

    def test_is_client(self):
        uuid = '089FFB20-5D19-4A8C-BB80-13650627D985'
        self.assertTrue(clients.is_client(_mapping(_HREF), uuid))
        self.assertFalse(clients.is_client(_mapping(), uuid))

    def test_orphans(self):
        for is_orphan in (clients.is_orphan, clients.is_fc_orphan):
            self.assertTrue(is_orphan(_mapping()))
            self.assertFalse(is_orphan(_mapping(href=_HREF)))
            self.assertFalse(is_orphan(_mapping(adapter=object())))

    def test_path(self):
        uuid = clients.client(_mapping(href=_HREF)).upper()
        self.assertTrue(clients.is_path(
            _mapping(href=_HREF, adapter=object()), uuid))
        self.assertFalse(clients.is_path(_mapping(href=_HREF), uuid))
        self.assertFalse(clients.is_path(_mapping(adapter=object()), uuid))

    def test_for_any_client(self):
        for any_client in (_mapping(lpar_id=65535), _mapping(slot=65535)):
            self.assertTrue(clients.is_for_any_client(any_client))
            self.assertFalse(clients.is_orphan(any_client))
        self.assertFalse(clients.is_for_any_client(_mapping()))


def _takes_for_gone(source):
    """Lines that take a missing client adapter for a missing LPAR."""
    return [node.lineno for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Compare) and
            isinstance(node.left, ast.Attribute) and
            node.left.attr == 'client_adapter' and
            isinstance(node.ops[0], (ast.Is, ast.Eq))]


class OnePlaceTestCase(testtools.TestCase):
    """Nobody but clients says that the LPAR of a mapping is gone."""

    def test_the_driver(self):
        modules = pathlib.Path(tree.path('nova_powervm', 'virt')).rglob('*.py')
        wrong = [module.name for module in modules
                 if module.name != 'clients.py' and
                 _takes_for_gone(module.read_text())]
        self.assertEqual([], wrong)

    def test_a_planted_one_is_found(self):
        self.assertEqual([2], _takes_for_gone(
            'for m in mappings:\n    if m.client_adapter is None: drop(m)\n'))
