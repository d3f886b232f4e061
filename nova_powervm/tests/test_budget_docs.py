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

"""The page on REST budgets says what the tests and the bench hold."""

import inspect
import re

import testtools

from nova_powervm.tests.bench import rows
from nova_powervm.tests.functional import test_snapshot
from nova_powervm.tests import tree
from nova_powervm.tests.virt.powervm.scenarios import live_volumes
from nova_powervm.tests.virt.powervm.scenarios import test_budgets
from nova_powervm.tests.virt.powervm.scenarios import test_crash_dump
from nova_powervm.tests.virt.powervm.scenarios import test_diagnostics
from nova_powervm.tests.virt.powervm.scenarios import test_live_migration
from nova_powervm.tests.virt.powervm.scenarios import test_npiv_budgets
from nova_powervm.tests.virt.powervm.scenarios import test_rescue
from nova_powervm.tests.virt.powervm.scenarios import test_resize
from nova_powervm.tests.virt.powervm.scenarios import test_volume_budgets

PAGE = tree.path('doc', 'source', 'contributor', 'rest-budgets.rst')
#: A row: operation, one or two columns of what was measured, budget, 9.0.0.
_ROW = re.compile(
    r'^(\S.*?)  +(\d+)(?:  +(\d+))?  +(\d+|--)  +(\d+(?:-\d+)?|--)$')
NONE = '--'


def read_tables():
    """Read the page.

    :returns: dict of heading -> dict of operation -> (list of what was
        measured, budget, 9.0.0), all of them str.
    """
    found, heading, last = {}, None, ''
    with open(PAGE, encoding='utf-8') as page:
        for line in page.read().splitlines():
            if line and set(line) == {'='} and last and len(last) == len(line):
                heading = last
            row = _ROW.match(line)
            if row:
                found.setdefault(heading, {})[row[1]] = (
                    [value for value in row.group(2, 3) if value],
                    row[4], row[5])
            last = line
    return found


def literals(function):
    """The numbers that a test passes to assert_within(), in their order."""
    return re.findall(r'assert(?:_within|LessEqual)\((?:len\(requests\), )?'
                      r'(\d+)', inspect.getsource(function))


@tree.needs_source
class BudgetDocsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.tables = read_tables()

    def budgets(self, heading, *operations):
        return [self.tables[heading][name][1] for name in operations]

    def assert_is_bench(self, heading, wanted):
        """A table has the rows of a group of the bench, and their limits."""
        table = self.tables[heading]
        self.assertEqual(
            {row.title: (NONE if row.bar is None else str(row.bar),
                         row.old or NONE) for row in wanted},
            {name: cells[1:] for name, cells in table.items()})

    def test_life(self):
        heading = 'The life of a server'
        self.assert_is_bench(heading, rows.OPERATIONS)
        self.assertEqual(
            literals(test_budgets.BudgetBase.check_life),
            self.budgets(heading, 'second spawn', 'periodic resource update',
                         'power-state sync of 4 servers',
                         'destroy of a running server'))

    def test_disks(self):
        heading = 'By type of storage'
        # The first spawn is in the other table.
        self.assert_is_bench(heading, rows.ON_DISKS[1:])
        self.assertEqual(
            literals(test_resize.ResizeBudgetTest.test_requests),
            self.budgets(heading, 'resize on the same host',
                         'its confirmation'))
        # What the tests hold is stricter, by kind of disk.
        for name, by_kind in (
                ('snapshot', [test_snapshot.ManagementViosBudgetTest.BUDGET,
                              test_snapshot.SharedPoolBudgetTest.BUDGET]),
                ('rescue', [test_rescue.LocalDiskBudgetTest.RESCUE_BY_NOVA,
                            test_rescue.SharedPoolBudgetTest.RESCUE_BY_NOVA]),
                ('unrescue', [
                    test_rescue.LocalDiskBudgetTest.UNRESCUE_BY_NOVA,
                    test_rescue.SharedPoolBudgetTest.UNRESCUE_BY_NOVA])):
            measured, budget, _old = self.tables[heading][name]
            for seen, limit in zip(measured, by_kind):
                self.assertLessEqual(int(seen), limit, name)
                self.assertLessEqual(limit, int(budget), name)

    def test_live_migration(self):
        cls = test_live_migration.BudgetTest
        self.assertEqual(
            [str(cls.BARE), str(cls.WITH_CONFIG_DRIVE)],
            self.budgets('Live migration', 'migration without config drive',
                         'migration with config drive'))
        self.assertEqual(
            [str(cls.BUDGET) for cls in (live_volumes.LiveVolumeMixin,
                                         live_volumes.LiveNpivMixin)],
            self.budgets('Live migration', 'migration with a volume',
                         'migration with volumes through NPIV'))

    def test_volumes(self):
        base = test_volume_budgets.VolumeBudgetBase
        self.assertEqual(
            literals(base.check_attach_and_detach),
            self.budgets('Volumes by virtual SCSI',
                         'attach, the server is on',
                         'detach, the server is on'))
        vioses, many = len(base.VIOSES), test_volume_budgets.MANY
        self.assertEqual(
            [str(4 * vioses + 2 * many * vioses)],
            self.budgets('Volumes by virtual SCSI',
                         'spawn with %d volumes, more than bare' % many))

    def test_npiv(self):
        heading = 'Volumes through NPIV'
        one, two = (test_npiv_budgets.OneFabricBudgetTest,
                    test_npiv_budgets.TwoFabricBudgetTest)
        self.assertEqual(
            [str(one.FIRST_ATTACH), str(two.FIRST_ATTACH)],
            self.budgets(heading, 'first attach, one fabric',
                         'first attach, two fabrics'))
        self.assertEqual(
            literals(one.check_attach_and_detach),
            self.budgets(heading, 'first connector of a server'))
        # These are what it costs, no more and no less.
        for cls, name in ((one, 'first attach, one fabric'),
                          (two, 'first attach, two fabrics')):
            [costs] = re.findall(r'assertEqual\(\[([\d, ]+)\]',
                                 inspect.getsource(cls.test_attach_and_detach))
            self.assertEqual(costs.split(', '), [
                self.tables[heading][row][0][0] for row in (
                    'first connector of a server', name, 'further attach',
                    'further attach')])

    def test_looks_and_dumps(self):
        heading = 'Diagnostics and dumps'
        self.assertEqual(
            literals(test_diagnostics.RunningTest.test_requests) +
            literals(test_crash_dump.CrashDumpTest.test_requests),
            self.budgets(heading, *self.tables[heading]))

    def test_nothing_is_over_its_budget(self):
        self.assertEqual(6, len(self.tables))
        for table in self.tables.values():
            for name, (measured, budget, _old) in table.items():
                if budget != NONE:
                    for seen in measured:
                        self.assertLessEqual(int(seen), int(budget), name)
