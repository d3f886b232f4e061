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

"""What tests of tasks share: flows that fail, on a site with neighbours.

The tests of a module share one site: to make it costs more than most tests.
Each test has a server of its own, by its number, and compares the site with
what it was when the test began: so no test depends on what another has left.
"""

import itertools
import unittest

import fixtures
from taskflow.patterns import linear_flow
from taskflow import task
from taskflow.types import failure

from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm.tasks import site
from nova_powervm.tests.virt.powervm.vif import base as vif_base
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.tasks import base as tf_base
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import device_addresses

BOOT = disk_driver.DiskType.BOOT
RESCUE = disk_driver.DiskType.RESCUE
SWAP = disk_driver.DiskType.SWAP
EPHEMERAL = disk_driver.DiskType.EPHEMERAL[0]

#: How a request may fail.
EFFECTS = {
    'refused': {'effect': 'status', 'status': 500},
    'lost on the way there': {'effect': 'drop_before'},
    'done but the answer lost': {'effect': 'drop_after'},
}


# ---- which requests of tasks are broken, and how ----------------------------

def ends(numbers):
    """The first one is refused, the last one is done but not answered.

    What may happen in between, walks over whole operations tell.

    :param numbers: list of the numbers of the requests that write.
    :returns: list of (number, key of EFFECTS).
    """
    return [(numbers[0], 'refused'),
            (numbers[-1], 'done but the answer lost')]


def each(numbers):
    """Each of them is broken in each way; see ends()."""
    return list(itertools.product(numbers, EFFECTS))


def writes(requests):
    """The numbers of the requests that change something, as list of int."""
    return [number for number, request in enumerate(requests, start=1)
            if not request.startswith('GET ') and request != 'DELETE jobs']


# ---- tasks for tests --------------------------------------------------------

class TheEnd(Exception):
    """What makes the flows of tests fail."""


class Provide(task.Task):
    """Provides values, as earlier tasks of a flow would."""

    def __init__(self, **values):
        super().__init__('provide_' + '_'.join(values),
                         provides=tuple(values))
        self.values = tuple(values.values())

    def execute(self):
        return self.values


class Witness(task.Task):
    """Does nothing, but tells afterwards whether it was reverted."""

    reverted = False

    def execute(self):
        """Nothing to do."""

    def revert(self, **kwargs):
        self.reverted = True


class Stop(task.Task):
    """Has a flow fail after all its other tasks.

    :param look: called before that, or None.
    """

    def __init__(self, look=None):
        super().__init__()
        self.look = look

    def execute(self):
        if self.look is not None:
            self.look()
        raise TheEnd()


def set_up_module(**kwargs):
    """Make the site of the tests of a module; to be its setUpModule.

    :param kwargs: of site.Platform.
    """
    platform = site.Platform(**kwargs)
    unittest.addModuleCleanup(platform.cleanUp)
    platform.setUp()
    TaskTestCase.platform = platform


class TaskTestCase(base.TestCase):
    """A test on the site that its module shares.

    :cvar ONCE: whether tasks are reverted only once, see assert_undone().
    :ivar platform: site.Platform
    :ivar instance: the server of this test.
    :ivar addresses: dict of volume id -> DeviceAddress that Nova was told of.
    """

    ONCE = False
    platform = None
    _numbers = itertools.count(1)

    def setUp(self):
        super().setUp()
        self.site = self.platform.site
        self.simulated = self.platform.simulated
        self.host = self.platform.host
        self.flags(group='powervm', **self.platform.options)
        self.addCleanup(self.simulated.faults.clear)
        # There is no database.
        self.useFixture(fixtures.MockPatchObject(
            device_addresses, 'keep',
            lambda instance, new: self.addresses.update(new)))
        self.addresses = {}
        self.number = next(self._numbers)
        self.instance = site.make_instance(self.number)
        self.requests()

    def requests(self):
        """What was sent since the last call: ['GET LogicalPartition', ...].

        Of a path only the type is told.
        """
        records = self.simulated.journal.records()
        self.simulated.journal.clear()
        return ['%s %s' % (record['method'], next(
            part for part in reversed(record['path'].split('/'))
            if part.isalpha())) for record in records]

    # ---- what is on the site -------------------------------------------

    def create_lpar(self, on=False, **kwargs):
        """Make the LPAR of the server; returns its wrapper."""
        lpar_w = vm.create_lpar(self.host, self.instance, **kwargs)
        if on:
            power_jobs.PowerOp(self.host, self.instance).start()
        self.requests()
        return lpar_w

    @property
    def lpar(self):
        """The LPAR of the server in the simulator's model."""
        return self.simulated.store.get('LogicalPartition',
                                        vm.get_lpar_uuid(self.instance))

    def vios(self, name='vios1'):
        """A VIOS in the simulator's model."""
        return next(vios for vios in
                    self.simulated.store.all('VirtualIOServer')
                    if vios.name == name)

    def mapped(self):
        """[(VIOS name, what the server has of it), ...]"""
        return sorted(
            (vios.name, mapping['storage']) for vios in
            self.simulated.store.all('VirtualIOServer')
            for mapping in vios.state()['mappings']
            if mapping['lpar_id'] == self.lpar.partition_id)

    def make_vif(self, number=1):
        """A port of the server; no other test has one with that MAC."""
        return vif_base.make_vif(number, address='fa:16:3e:%02x:%02x:%02x' % (
            *divmod(self.number, 256), number))

    def transaction(self, *volumes):
        """A transaction for edits of some InstanceVolumes."""
        groups = {vios_mappings.SCSI_MAPPING}.union(
            *(vols.xag for vols in volumes))
        return transaction.StorageTransaction(self.host, 'test',
                                              xag=sorted(groups))

    def edits(self):
        """A transaction whose edits are made at the end."""
        return transaction.StorageTransaction.immediate(self.host, 'test')

    # ---- flows ---------------------------------------------------------

    def run_flow(self, *tasks):
        """Run tasks in a flow; returns what they provide."""
        return tf_base.run(linear_flow.Flow('test').add(*tasks),
                           instance=self.instance)

    def run_broken(self, *tasks):
        """Run tasks in a flow that fails; returns the exception."""
        try:
            self.run_flow(*tasks)
        except Exception as exc:
            return exc
        self.fail('The flow did not fail.')

    def run_to_the_end(self, *tasks):
        """Run tasks in a flow that fails after them.

        :returns: the site as it was when they had finished, and the requests
            that they had sent.
        """
        seen = []
        stop = Stop(lambda: seen.extend([self.platform.state(),
                                         self.requests()]))
        self.requests()
        self.assertRaises(TheEnd, self.run_flow, *tasks, stop)
        return seen

    def assert_site(self, expected, message=''):
        """All that is on the site is what it was."""
        state = self.normal(self.platform.state())
        if expected != state:
            self.fail('\n'.join([message, *differences(expected, state)]))

    def normal(self, state):
        """Leave out of a state what no revert can bring back."""
        return state

    def assert_undone(self, build, changes=True, once=None, breaks=ends):
        """However far tasks come, their reverts bring back what was before.

        They are reverted after they have finished; once more after that;
        when they have made nothing; and when a request of theirs is broken.

        :param build: function that makes the tasks, as a list.
        :param changes: whether they change anything on the platform.
        :param once: whether they are reverted only once, after they have
            finished; None means what the class says.
        :param breaks: which of the requests that write are broken: ends or
            each.
        """
        before = self.normal(self.platform.state())
        tasks = build()
        calls = watch(tasks)
        seen, requests = self.run_to_the_end(*tasks)
        self.assertEqual(changes, before != self.normal(seen))
        self.assert_site(before, 'They have finished.')
        self.assertNotEqual({}, calls)
        if self.ONCE if once is None else once:
            return
        self._revert_again(tasks, calls)
        self.assert_site(before, 'They are reverted once more.')
        self._revert_again(build(), calls)
        self.assert_site(before, 'They have made nothing.')
        for number, effect in breaks(writes(requests)):
            self._break(number, build, effect, before)

    @staticmethod
    def _revert_again(tasks, calls):
        try:
            raise TheEnd()
        except TheEnd:
            nothing = failure.Failure()
        for number, kwargs in calls.items():
            tasks[number].revert(**dict(kwargs, result=nothing))

    def _break(self, number, build, effect, before):
        """Break one request of tasks; none of their reverts."""
        tasks = build()
        fault = self.simulated.faults.add(dict(EFFECTS[effect], nth=number))
        self.run_broken(*tasks, Stop(self.simulated.faults.clear))
        self.simulated.faults.clear()
        broken = 'Request %d was %s.' % (number, effect)
        self.assertTrue(fault.applied, broken)
        self.assert_site(before, broken)


def differences(before, after, path='site'):
    """Tell what differs in two states of a site, as an iterator of str."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from differences(before.get(key), after.get(key),
                                   '%s.%s' % (path, key))
    elif isinstance(before, list) and isinstance(after, list):
        gone = [item for item in before if item not in after]
        new = [item for item in after if item not in before]
        if len(gone) == len(new) == 1:
            yield from differences(gone[0], new[0], path + '[]')
        else:
            yield from ('%s - %s' % (path, item) for item in gone)
            yield from ('%s + %s' % (path, item) for item in new)
    elif before != after:
        yield '%s was %r, is %r' % (path, before, after)


def watch(tasks):
    """Note with what the reverts of tasks are called.

    :returns: dict of the number of a task -> keyword arguments, in the order
        of the calls; empty by now.
    """
    calls = {}

    def wrap(number, revert):
        def wrapper(**kwargs):
            calls[number] = kwargs
            return revert(**kwargs)
        return wrapper

    for number, found in enumerate(tasks):
        if type(found).revert is not task.Task.revert:
            found.revert = wrap(number, found.revert)
    return calls
