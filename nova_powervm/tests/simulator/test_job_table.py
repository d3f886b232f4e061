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

"""Each job that pypowervm knows is done or refused, and the docs say which."""

import ast
import importlib
import pkgutil

from pypowervm import exceptions as pvm_exc
from pypowervm import tasks as pvm_tasks
from pypowervm.tasks.hdisk import _iscsi as pvm_iscsi
from pypowervm.tasks.hdisk import _rbd as pvm_rbd
import testtools

from nova_powervm.simulator import jobs
from nova_powervm.simulator.jobs import iscsi
from nova_powervm.tests import fixtures
from nova_powervm.tests.simulator import storage_base
from nova_powervm.tests import tree

#: Names that pypowervm gives to a job where the source does not tell them.
_INDIRECT = {'PowerOn', 'PowerOff', 'Migrate', 'MigrateValidate'}


def names_in_pypowervm():
    """The jobs that modules of pypowervm.tasks ask for, set of str."""
    found = set(_INDIRECT)
    for info in pkgutil.walk_packages(pvm_tasks.__path__,
                                      pvm_tasks.__name__ + '.'):
        module = importlib.import_module(info.name)
        with open(module.__file__, encoding='utf-8') as source:
            calls = [node for node in ast.walk(ast.parse(source.read()))
                     if isinstance(node, ast.Call)]
        for call in calls:
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            if 'suffix_parm' in given and not _is_quick(given):
                found.update(_values(module, given['suffix_parm']))
    return found


def _is_quick(given):
    kind = given.get('suffix_type')
    return isinstance(kind, ast.Constant) and kind.value == 'quick'


def _values(module, node):
    if isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.Name) and hasattr(module, node.id):
        yield getattr(module, node.id)


def documented():
    """The table of the docs: dict from (type, job) to whether it is done."""
    text = tree.read('doc', 'source', 'simulator', 'api.rst')
    table = text.partition('\nJobs\n====\n')[2].partition('\n=====')[0]
    rows = {}
    for row in table.split('   * - ')[2:]:
        type_, names, what = (' '.join(cell.split())
                              for cell in row.split('\n     - '))
        for name in names.split(', '):
            rows[type_, name] = not what.startswith('Refuses')
    return rows


@tree.needs_source
class TableTest(testtools.TestCase):

    def test_what_the_docs_say(self):
        self.assertEqual(set(jobs.OPERATIONS), {
            key for key, is_done in documented().items() if is_done})

    def test_all_of_pypowervm(self):
        names = names_in_pypowervm()
        self.assertLess(15, len(names))
        self.assertEqual(set(), names - {name for _, name in documented()})

    def test_refused(self):
        site = self.useFixture(fixtures.SimulatedSite()).site
        client = self.useFixture(fixtures.Client(site.hosts[0]))
        system = site.hosts[0].system
        for (type_, name), is_done in documented().items():
            if type_ in ('ManagementConsole', 'Cluster'):
                continue
            uuid = system.uuid
            if type_ != 'ManagedSystem':
                uuid = site.hosts[0].store.all(type_)[0].uuid
            reply = client.get('/rest/api/uom/%s/%s/do/%s' % (
                type_, uuid, name))
            self.assertEqual(200 if is_done else 404, reply.status, name)


class IscsiTest(storage_base.StorageTestCase):

    def test_initiator(self):
        names = [pvm_iscsi.discover_iscsi_initiator(self.adapter, vios.uuid)
                 for vios in (self.vios, self.vios, self.vios2)]
        self.assertEqual(iscsi.initiator(self.vios), names[0])
        self.assertEqual(names[0], names[1])
        self.assertNotEqual(names[0], names[2])

    def test_no_target_answers(self):
        exc = self.assertRaises(
            pvm_exc.ISCSIDiscoveryFailed, pvm_iscsi.discover_iscsi,
            self.adapter, '192.0.2.1:3260', 'user', 'secret',
            'iqn.2016-06.world.srv:target00', self.vios.uuid)
        self.assertIn('8', str(exc))

    def test_nothing_to_remove(self):
        pvm_iscsi.remove_iscsi(self.adapter, 'iqn.2016-06.world.srv:target00',
                               self.vios.uuid)
        self.assertFalse(pvm_rbd.rbd_exists(self.adapter, self.vios.uuid,
                                            'pool/image'))

    def test_vios_that_is_down(self):
        with self.site.lock:
            self.vios.set_state('not activated')
        for function, args in ((pvm_iscsi.discover_iscsi_initiator, ()),
                               (pvm_rbd.rbd_exists, ('pool/image',))):
            self.assertRaises(pvm_exc.JobRequestFailed, function,
                              self.adapter, self.vios.uuid, *args)
