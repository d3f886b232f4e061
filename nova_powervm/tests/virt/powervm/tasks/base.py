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

"""What tests of tasks share: a site with neighbours, and ways to fail.

The tests of a module share one site: to make it costs more than most tests.
Each test has a server of its own, by its number, and compares the site with
what it was when the test began: so no test depends on what another has left.
What must stay as it is, whatever a task does, is on the site as well:

* another server of Nova, which is on, with one of each: disks in the volume
  group and in the pool, a config drive, a port, a volume;
* an operator's LPAR, with the same under names that are not ours;
* disks and a medium that nothing maps, with names that look like ours.
"""

import difflib
import hashlib
import itertools
import os
import pprint
import time
import unittest

import fixtures
from nova import objects
from oslo_config import fixture as config_fixture
from oslo_utils import units
from taskflow.patterns import linear_flow
from taskflow import task
from taskflow.types import failure

from nova_powervm import conf as cfg
from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests import fixtures as pvm_fixtures
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.vif import base as vif_base
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm.disk import ssp
from nova_powervm.virt.powervm import host as pvm_host
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import mgmt
from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm.tasks import base as tf_base
from nova_powervm.virt.powervm.vif import plugger
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import places
from nova_powervm.virt.powervm import volumegroup

BOOT = disk_driver.DiskType.BOOT
RESCUE = disk_driver.DiskType.RESCUE
SWAP = disk_driver.DiskType.SWAP
EPHEMERAL = disk_driver.DiskType.EPHEMERAL[0]

# The names of config drives come from the beginning of it, those of disks
# from the end.
UUID = 'b1b2%04x-0000-4000-8000-%012x'
VOLUME = '5a5a0000-0000-4000-8000-%012d'
CONTENT = b'PowerVM!' * 1000
#: How many bytes of each disk are looked at.
CHECKED = 100

#: How a request may fail.
EFFECTS = {
    'refused': {'effect': 'status', 'status': 500},
    'lost on the way there': {'effect': 'drop_before'},
    'done but the answer lost': {'effect': 'drop_after'},
}
#: Those that leave something behind only if the request was to write.
OF_WRITES = ('done but the answer lost',)


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


# ---- the site ---------------------------------------------------------------

def make_flavor(root_gb=2, swap=0, **kwargs):
    """A flavor with disks of these sizes, in GiB and MiB."""
    flavor = base.make_flavor(**kwargs)
    flavor.update({'root_gb': root_gb, 'swap': swap, 'ephemeral_gb': 0})
    return flavor


def make_instance(number, **attrs):
    """A server that no database knows."""
    attrs.setdefault('flavor', make_flavor())
    return base.make_instance(number, **{
        'vm_state': 'active', 'image_ref': 'image', 'project_id': 'project',
        'uuid': UUID % (number, number), **attrs})


class Platform(fixtures.Fixture):
    """A simulated site, what the driver has of it, and neighbours there.

    :ivar site: simulator.site.Site
    :ivar simulated: its host.
    :ivar host: the Host that is connected to it.
    :ivar glance: ImageApi with the image ``image_id``.
    :ivar disks: dict of the name of a DiskAdapter -> that.
    :ivar options: dict of what [powervm] must say.
    """

    def _setUp(self):
        objects.register_all()
        self.useFixture(fixtures.FakeLogger())
        profile = sim_profile.load('fc')
        profile['clusters'] = sim_profile.load('ssp')['clusters']
        self.site = self.useFixture(
            pvm_fixtures.SimulatedSite(profile)).site
        self.simulated = self.site.hosts[0]
        self.options = {
            'rest_host': '127.0.0.1', 'rest_port': self.simulated.port,
            'rest_protocol': 'http', 'rest_user': self.site.profile['user'],
            'rest_password': self.site.profile['password'],
            'rest_connect_timeout': 0, 'volume_group_name': 'datavg',
            'management_root': self.simulated.management_root}
        # Nova's part of a config drive is tested with media.
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.virt.powervm.media._build_iso', _write_iso))
        # Each test sets the options itself, too.
        with config_fixture.Config(cfg.CONF) as config:
            config.config(group='powervm', **self.options)
            self._connect()
            Neighbours(self).move_in()

    def _connect(self):
        self.host = pvm_host.Host('compute1')
        self.addCleanup(self.host.close)
        self.host.connect(None)
        self.glance = disk_base.ImageApi()
        self.image_id = self.glance.add(CONTENT)
        self.disks = {
            'localdisk': localdisk.LocalStorage(self.host, self.glance),
            'ssp': ssp.SSPDiskAdapter(self.host, self.glance)}
        self.config_drive = media.ConfigDrive(
            self.host, self.disks['localdisk'].vios_uuids[0])
        self.mgmt = mgmt.ManagementPartition(
            self.host, clock=time.monotonic,
            sleep=lambda seconds: self.simulated.management.sync())

    def create_disk(self, disk_dvr, instance, disk_type=BOOT):
        """Create a disk from the image; returns its wrapper."""
        return disk_dvr.create_disk_from_image(
            None, instance, self.glance.meta(self.image_id),
            image_type=disk_type)

    def connector(self, instance, number):
        """Make a volume, export it, and return its connector."""
        volume_id = VOLUME % number
        wwpns = volume.fibre_channel_class().wwpns(self.host, instance)
        with self.site.lock:
            if volume_id not in self.site.san.volumes:
                self.site.san.create_volume(volume_id, units.Gi)
            data = self.site.san.export(volume_id, wwpns)
        return volume.build(self.host, instance, {
            'driver_volume_type': 'fibre_channel', 'serial': volume_id,
            'data': dict(data, volume_id=volume_id)})

    def state(self):
        """All that is on the site, with the first bytes of disks.

        Jobs are left out: who loses an answer cannot delete the job.
        """
        with self.site.lock:
            state = self.site.state()
            for host in state['hosts']:
                del host['jobs']
            state['bytes'] = {
                name: hashlib.sha1(disk.disk.read(0, CHECKED)).hexdigest()
                for name, disk in self._disks()}
        return state

    def _disks(self):
        for vios in self.simulated.store.all('VirtualIOServer'):
            for group in vios.volume_groups:
                yield from group.disks.items()
        for pool in self.site.pools:
            for unit in pool.units:
                yield unit.name, unit


def _write_iso(path, *_args):
    with open(path, 'wb') as iso:
        iso.write(os.path.basename(path).encode())


class Neighbours:
    """What is on the site beside the servers of the tests.

    :param platform: Platform
    """

    def __init__(self, platform):
        self.platform = platform
        self.host = platform.host
        self.local = platform.disks['localdisk']
        self.pool = platform.disks['ssp']

    def move_in(self):
        """Make them all."""
        self._make_server()
        self._make_operators_lpar()
        self._make_what_looks_like_ours()

    def _make_server(self):
        server = make_instance(1001)
        disks = [self.platform.create_disk(disk_dvr, server)
                 for disk_dvr in (self.local, self.pool)]
        disks += self.local.create_blank_disks(server, [
            disk_driver.BlankDisk(SWAP, 1)])
        self._inhabit(server, vm.create_lpar(self.host, server), disks,
                      media.get_cfg_drv_name(server))
        vm.power_on(self.host, server)

    def _make_operators_lpar(self):
        """Everything that a server has, under the operator's names."""
        lpar = make_instance(1002, display_name='oracle')
        disks = self._edit_group(volumegroup.create_blank_disks,
                                 {'oracle_data': 1})
        disks.append(self.pool._pool.create('oracle_lu', 1))
        self._inhabit(lpar, vm.create_lpar(self.host, lpar), disks,
                      'rhel9.iso')

    def _make_what_looks_like_ours(self):
        self._edit_group(volumegroup.create_blank_disks, {
            'b_looks_like_us': 1, 's_looks_like_us': 1})
        self.pool._pool.create('b_looks_like_us', 1)
        self._upload('cfg_%029x.iso' % 0xfeed)

    def _edit_group(self, *args):
        return list(self.local._vg.edit(*args))

    def _upload(self, name):
        """Upload a medium; returns what refers to it."""
        with fixtures.MonkeyPatch(
                'nova_powervm.virt.powervm.media.get_cfg_drv_name',
                lambda instance: name):
            return self.platform.config_drive.create(
                None, make_instance(1003), [], [], None)

    def _inhabit(self, instance, lpar_w, disks, medium):
        """Give an LPAR disks, a medium, a port and a volume."""
        medium = self._upload(medium)
        vol = self.platform.connector(instance, instance.id)
        volume.discover([vol])
        with storage.StorageTransaction.immediate(
                self.host, 'inhabit', xag=volume.xag([vol])) as stg:
            for disk in disks:
                disk_dvr = (self.pool if hasattr(disk, 'lu_type')
                            else self.local)
                disk_dvr.connect_disk(instance, disk, stg)
            self.platform.config_drive.attach(instance, medium, stg)
            vol.connect(stg)
        plugger.VifPlugger(None, self.host, instance, [
            vif_base.make_vif(address='fa:16:3e:01:00:%02x' % (
                instance.id % 256))]).plug(lpar_w, new_lpar=True)


# ---- tests ------------------------------------------------------------------

def set_up_module():
    """Make the site of the tests of a module; to be its setUpModule."""
    platform = Platform()
    unittest.addModuleCleanup(platform.cleanUp)
    platform.setUp()
    TaskTestCase.platform = platform


class TaskTestCase(base.TestCase):
    """A test on the site that its module shares.

    :cvar EFFECTS: in which of the EFFECTS requests of tasks are broken.
    :ivar platform: Platform
    :ivar instance: the server of this test.
    """

    # What is lost on the way there is undone like what is refused.
    EFFECTS = ('refused', 'done but the answer lost')
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
            places, 'keep', lambda instance, new: None))
        self.number = next(self._numbers)
        self.instance = make_instance(self.number)
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
            vm.power_on(self.host, self.instance)
        self.requests()
        return lpar_w

    @property
    def lpar(self):
        """The LPAR of the server in the simulator's model."""
        return self.simulated.store.get('LogicalPartition',
                                        vm.get_pvm_uuid(self.instance))

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
        return vif_base.make_vif(number, address='fa:16:3e:00:%02x:%02x' % (
            self.number, number))

    def transaction(self, *connectors):
        return storage.StorageTransaction(self.host, 'test',
                                          xag=volume.xag(connectors))

    def edits(self):
        """A transaction whose edits are made at the end."""
        return storage.StorageTransaction.immediate(self.host, 'test')

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
            self.fail('\n'.join([message, *difflib.unified_diff(
                *(pprint.pformat(data).splitlines()
                  for data in (expected, state)), 'before', 'after')]))

    def normal(self, state):
        """Leave out of a state what no revert can bring back."""
        return state

    def assert_undone(self, build, changes=True, effects=None):
        """However far tasks come, their reverts bring back what was before.

        They are reverted after they have finished; once more after that;
        when they have made nothing; and with each request of theirs broken
        in each way.

        :param build: function that makes the tasks, as a list.
        :param changes: whether they change anything on the platform.
        :param effects: keys of EFFECTS; None for those of the class.
        """
        before = self.normal(self.platform.state())
        tasks = build()
        calls = watch(tasks)
        seen, requests = self.run_to_the_end(*tasks)
        self.assertEqual(changes, before != self.normal(seen))
        self.assert_site(before, 'They have finished.')
        self.assertNotEqual({}, calls)
        self._revert_again(tasks, calls)
        self.assert_site(before, 'They are reverted once more.')
        self._revert_again(build(), calls)
        self.assert_site(before, 'They have made nothing.')
        for effect in self.EFFECTS if effects is None else effects:
            self._break_each(requests, build, effect, before)

    @staticmethod
    def _revert_again(tasks, calls):
        try:
            raise TheEnd()
        except TheEnd:
            nothing = failure.Failure()
        for number, kwargs in calls.items():
            tasks[number].revert(**dict(kwargs, result=nothing))

    def _break_each(self, requests, build, effect, before):
        for number, request in enumerate(requests, start=1):
            if effect in OF_WRITES and request.startswith('GET '):
                continue
            broken = 'Request %d, %s, was %s.' % (number, request, effect)
            fault = self.simulated.faults.add(dict(EFFECTS[effect],
                                                   nth=number))
            # What reverts ask for is not broken.
            self.run_broken(*build(), Stop(self.simulated.faults.clear))
            self.simulated.faults.clear()
            self.assertTrue(fault.applied, broken)
            self.assert_site(before, broken)


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
