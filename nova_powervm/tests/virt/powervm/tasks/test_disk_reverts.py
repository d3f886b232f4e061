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

"""The reverts of tasks on disks take back what the tasks did, and no more.

Each of them is tried on a site where others have disks, media and mappings,
see base. UpdateVioses makes the edits that tasks have queued; it is in the
flows here as it is in those of the driver.
"""

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import site
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm import vm

setUpModule = base.set_up_module
BLANK = [disk_driver.BlankDisk(base.EPHEMERAL, 1),
         disk_driver.BlankDisk(base.SWAP, 1)]
BLANK_TYPES = [disk.disk_type for disk in BLANK]


class DiskRevertsMixin:
    """A server and its disks, of one kind.

    :cvar DISK: the name of the DiskAdapter.
    """

    DISK = None

    def setUp(self):
        super().setUp()
        self.disk_dvr = self.platform.disks[self.DISK]
        self.image_meta = self.platform.glance.meta(self.platform.image_id)

    def make_disks(self, blank=()):
        """Make the boot disk of the server, and others; returns them all."""
        disks = [self.platform.create_disk(self.disk_dvr, self.instance)]
        if blank:
            disks += self.disk_dvr.create_blank_disks(self.instance, blank)
        return disks

    def connect(self, *disks):
        with self.edits() as stg:
            for disk in disks:
                self.disk_dvr.connect_disk(self.instance, disk, stg)

    def has_disk(self, disk_type):
        return self.disk_dvr.get_disk_ref(self.instance,
                                          disk_type) is not None

    def queue(self, task_class, *args, provided=None, **kwargs):
        """Make a function that makes a flow of a task that queues edits.

        :param args: of the task, behind the server and the transaction.
        :param provided: dict of what earlier tasks provide.
        """
        def build():
            stg = self.transaction()
            return [base.Provide(**(provided or {})), task_class(
                self.disk_dvr, self.instance, stg, *args, **kwargs),
                tf_stg.UpdateVioses(stg)]
        return build

    # ---- new disks -----------------------------------------------------

    def create_boot_disk(self):
        return [tf_disk.CreateDiskForImg(self.disk_dvr, None, self.instance,
                                         self.image_meta, base.BOOT)]

    def create_rescue_disk(self):
        return [tf_disk.CreateRescueDisk(self.disk_dvr, None, self.instance,
                                         self.image_meta)]

    def create_blank_disks(self):
        return [tf_disk.CreateBlankDisks(self.disk_dvr, self.instance, BLANK)]

    def test_create_disk(self):
        self.assert_undone(self.create_boot_disk)

    def test_create_rescue_disk(self):
        self.create_lpar()
        self.connect(*self.make_disks())
        self.assert_undone(self.create_rescue_disk)

    def test_create_blank_disks(self):
        self.make_disks()
        self.assert_undone(self.create_blank_disks)

    def test_create_disk_whose_name_another_uses(self):
        """It is not deleted, though it has the name of the server's disk."""
        self.make_disks()
        self.create_lpar()
        stranger = site.make_instance(2000 + self.number)
        vm.create_lpar(self.host, stranger)
        with self.edits() as stg:
            self.disk_dvr.connect_disk(stranger, self.disk_dvr.get_disk_ref(
                self.instance, base.BOOT), stg)
        before = self.platform.state()
        self.assertRaises(exception.DiskNameInUse, self.run_flow,
                          *self.create_boot_disk())
        self.assert_site(before)

    def test_create_disk_that_is_refused_where_there_is_one(self):
        self.make_disks()
        before = self.platform.state()
        glance = self.platform.glance
        self.image_meta = glance.meta(glance.add(b'', size=3 << 30))
        self.assertRaises(nova_exc.FlavorDiskSmallerThanImage, self.run_flow,
                          *self.create_boot_disk())
        self.assert_site(before)

    def test_create_blank_disks_where_there_are_some(self):
        self.make_disks(BLANK)
        before = self.platform.state()
        self.simulated.faults.add(base.EFFECTS['refused'])
        self.run_broken(*self.create_blank_disks())
        self.assert_site(before)

    # ---- their mappings ------------------------------------------------

    def test_connect_disk(self):
        [disk] = self.make_disks()
        self.create_lpar()
        self.assert_undone(self.queue(
            tf_disk.ConnectDisk, base.BOOT, provided={'disk_dev_info': disk}))

    def test_connect_disk_leaves_others(self):
        boot, *blank = self.make_disks(BLANK)
        self.create_lpar()
        self.connect(*blank)
        self.assert_undone(self.queue(
            tf_disk.ConnectDisk, base.BOOT, provided={'disk_dev_info': boot}),
            once=True)

    def test_connect_blank_disks(self):
        boot, *blank = self.make_disks(BLANK)
        self.create_lpar()
        self.connect(boot)
        self.assert_undone(self.queue(
            tf_disk.ConnectBlankDisks, BLANK, provided={'blank_disks': blank}))

    def test_connect_rescue_disk(self):
        self.create_lpar()
        self.connect(*self.make_disks())
        disk = self.platform.create_disk(self.disk_dvr, self.instance,
                                         base.RESCUE)
        self.assert_undone(lambda: [
            base.Provide(disk_dev_info=disk),
            tf_disk.ConnectRescueDisk(self.disk_dvr, self.instance)])

    def test_connect_own_disks(self):
        self.make_disks(BLANK)
        self.create_lpar()
        self.assert_undone(self.queue(
            tf_disk.ConnectOwnDisks, [base.BOOT, *BLANK_TYPES]), once=True)

    def test_connect_own_disks_one_of_which_is_missing(self):
        self.make_disks()
        self.create_lpar()
        before = self.platform.state()
        self.assertRaises(
            nova_exc.DiskNotFound, self.run_flow,
            *self.queue(tf_disk.ConnectOwnDisks, [base.BOOT, base.SWAP])())
        self.assert_site(before)

    def test_connect_own_disks_for_good(self):
        """They stay where they are, for the next attempt."""
        self.make_disks()
        self.create_lpar()
        seen, _requests = self.run_to_the_end(*self.queue(
            tf_disk.RestoreOwnDisks, [base.BOOT])())
        self.assertNotEqual([], self.mapped())
        self.assert_site(seen)

    def test_connect_no_own_disks(self):
        """A server that boots from a volume may have none."""
        self.create_lpar()
        self.run_to_the_end(*self.queue(tf_disk.ConnectOwnDisks, [])()[:2])
        self.assertEqual([], self.requests())

    def test_release_own_disks(self):
        """They are where they were afterwards, in the same order."""
        self.create_lpar()
        self.connect(*self.make_disks(BLANK))
        self.assert_undone(self.queue(
            tf_disk.ReleaseOwnDisks, [base.BOOT, *BLANK_TYPES]),
            once=False)


class LocalDiskRevertsTest(DiskRevertsMixin, base.TaskTestCase):

    DISK = 'localdisk'


class PoolDiskRevertsTest(DiskRevertsMixin, base.TaskTestCase):
    """Two VIOSes map each disk."""

    DISK = 'ssp'
    # An edit takes twice as many requests; most are tried once.
    ONCE = True

    def test_create_blank_disks_that_an_evacuated_server_has(self):
        """They may have its data: they are used, and stay after a failure."""
        made = self.make_disks(BLANK)[1:]
        self.assert_undone(self.create_blank_disks, changes=False)
        self.assertEqual(
            [disk.udid for disk in made],
            [disk.udid for disk in self.run_flow(
                *self.create_blank_disks())['blank_disks']])

    def test_create_blank_disks_one_of_which_is_there(self):
        self.make_disks(BLANK[:1])
        self.assert_undone(self.create_blank_disks)

    def test_create_blank_disks_where_one_has_another_size(self):
        """An ephemeral disk of another size is not taken for it."""
        self.make_disks([BLANK[0]._replace(size_gb=2)])
        before = self.platform.state()
        error = self.assertRaises(exception.DiskNameInUse, self.run_flow,
                                  *self.create_blank_disks())
        self.assertIn('2 GB', str(error))
        self.assert_site(before)

    def test_swap_disk_has_another_size(self):
        self.make_disks([BLANK[0], BLANK[1]._replace(size_gb=2)])
        disks = self.run_flow(*self.create_blank_disks())['blank_disks']
        self.assertEqual([1, 1], [disk.capacity for disk in disks])

    def test_connect_disk_that_breaks_off(self):
        [disk] = self.make_disks()
        self.create_lpar()
        self.assert_undone(self.queue(
            tf_disk.ConnectDisk, base.BOOT, provided={'disk_dev_info': disk}),
            once=False)


class ReplaceSwapTest(base.TaskTestCase):
    """A swap disk has no content that is worth anything: it is made anew."""

    def setUp(self):
        super().setUp()
        self.disk_dvr = self.platform.disks['localdisk']
        self.create_lpar()
        self.old_flavor = site.make_flavor(swap=1024)

    def normal(self, state):
        """Leave out of disks what tells a new one from the old one."""
        if isinstance(state, dict):
            return {key: self.normal(value) for key, value in state.items()
                    if key not in ('udid', 'target')}
        if isinstance(state, list):
            return [self.normal(value) for value in state]
        return state

    def make_disks(self, swap_gb, mapped=True):
        boot = self.platform.create_disk(self.disk_dvr, self.instance)
        disks = [boot] + (self.disk_dvr.create_blank_disks(self.instance, [
            disk_driver.BlankDisk(base.SWAP, swap_gb)]) if swap_gb else [])
        if mapped:
            with self.edits() as stg:
                for disk in disks:
                    self.disk_dvr.connect_disk(self.instance, disk, stg)

    def replace(self, swap, old_swap, **kwargs):
        self.instance.flavor = site.make_flavor(swap=swap)
        return lambda: [tf_disk.ReplaceSwap(
            self.disk_dvr, self.instance, site.make_flavor(swap=old_swap),
            **kwargs)]

    def test_mapped(self):
        self.make_disks(1)
        self.assert_undone(self.replace(2048, 1024))

    def test_not_mapped(self):
        """The LPAR is not there, or has let go of its disks."""
        self.make_disks(1, mapped=False)
        self.assert_undone(self.replace(2048, 1024, mapped=False),
                           once=True)

    def test_new_flavor_has_none(self):
        self.make_disks(1)
        self.assert_undone(self.replace(0, 1024), once=True)

    def test_old_flavor_has_none(self):
        self.make_disks(0)
        self.assert_undone(self.replace(1024, 0), once=True)


class ManagementRevertsTest(base.TaskTestCase):
    """A boot disk that the management partition reads while it is in use."""

    def setUp(self):
        super().setUp()
        self.disk_dvr = self.platform.disks['ssp']
        disk = self.platform.create_disk(self.disk_dvr, self.instance)
        self.create_lpar()
        with self.edits() as stg:
            self.disk_dvr.connect_disk(self.instance, disk, stg)
        power_jobs.PowerOp(self.host, self.instance).start()

    def test_attach(self):
        self.assert_undone(lambda: [tf_disk.InstanceDiskToMgmt(
            self.disk_dvr, self.platform.mgmt, self.instance)])
