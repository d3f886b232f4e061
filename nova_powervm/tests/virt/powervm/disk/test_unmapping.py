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

"""Work that waited for a VIOS: does the server have its disk again?"""

from nova.compute import task_states

from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.virt.powervm.disk import paths
from nova_powervm.virt.powervm.disk import pool
from nova_powervm.virt.powervm.disk import unfinished
from nova_powervm.virt.powervm.disk import units
from nova_powervm.virt.powervm.storage import vios_mappings


class UnmappingTest(ssp_base.PoolTestCase):
    """A server gave up its disk while vios2 was down; vios2 is up again."""

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.instance.host = self.host.nodename
        self.instance.task_state = None
        self.disk = self.create()
        # The metadata of self.create() is of another object.
        units.keep(self.instance, [self.disk], self.adapter._pool.ssp_uuid)
        self.create_lpar(self.instance)
        self.connect(self.instance, self.disk)
        self.stop_vios('vios2')

    def give_up(self):
        self.disconnect(self.instance)
        self.start_vios('vios2')

    def clean(self):
        """Returns what vios2 maps after the periodic task."""
        self.adapter.clean_periodically()
        return self.mapped('vios2')

    def assert_nothing_to_do(self):
        self.simulated.journal.clear()
        self.adapter.clean_periodically()
        self.assertEqual([], self.requests())

    def test_server_is_elsewhere(self):
        self.give_up()
        self.instance.host = 'other'
        self.in_nova.append(self.instance)
        self.assertEqual([], self.clean())
        self.assert_nothing_to_do()

    def test_nova_has_deleted_it(self):
        self.give_up()
        self.assertEqual([], self.clean())

    def test_server_is_back(self):
        """The platform has mapped the disk, not connect_disk()."""
        self.give_up()
        self.in_nova.append(self.instance)
        self.assertEqual([self.disk.name], self.clean())
        self.assert_nothing_to_do()

    def test_server_is_coming(self):
        """It may be here to stay, or not: that is still open."""
        self.give_up()
        self.instance.host = 'other'
        self.instance.task_state = task_states.MIGRATING
        self.in_nova.append(self.instance)
        self.assertEqual([self.disk.name], self.clean())
        self.instance.task_state = None
        self.assertEqual([], self.clean())
        self.assert_nothing_to_do()

    def test_another_disk_is_its_own_now(self):
        self.give_up()
        units.keep(self.instance, [pool.Unit('', 'other', self.disk.name)],
                   self.adapter._pool.ssp_uuid)
        self.in_nova.append(self.instance)
        self.assertEqual([], self.clean())

    def test_disk_is_to_be_deleted(self):
        self.in_nova.append(self.instance)
        unmapped = self.disconnect(self.instance)
        self.adapter.delete_disks(self.instance, unmapped=unmapped)
        self.start_vios('vios2')
        self.assertEqual([], self.clean())
        self.assertEqual([], self.pool.find_units(self.disk.name))

    def test_disk_to_be_deleted_that_a_look_finds(self):
        """A hard reboot looks at the VIOSes; the disk stays unwanted."""
        self.in_nova.append(self.instance)
        unmapped = self.disconnect(self.instance)
        self.adapter.delete_disks(self.instance, unmapped=unmapped)
        self.start_vios('vios2')
        self.assertIsNone(paths.find_complete(
            self.adapter, self.instance, {
                vios_w.uuid: vios_w for vios_w in self.host.vioses(
                    [vios_mappings.SCSI_MAPPING])}))
        self.assertEqual([], self.clean())
        self.assertEqual([], self.pool.find_units(self.disk.name))

    def test_disk_was_to_be_deleted(self):
        """The server has it again when the deletion is due."""
        self.in_nova.append(self.instance)
        unmapped = self.disconnect(self.instance)
        self.adapter.delete_disks(self.instance, unmapped=unmapped)
        units.keep(self.instance, [self.disk], self.adapter._pool.ssp_uuid)
        units.forget_pending(self.instance, [self.disk.udid])
        self.start_vios('vios2')
        self.adapter.clean_periodically()
        self.assertEqual(1, len(self.pool.find_units(self.disk.name)))
        self.assert_nothing_to_do()


class EndTest(ssp_base.PoolTestCase):

    def test_work_that_came_meanwhile_stays(self):
        work = unfinished.Unfinished()
        first, second = (unfinished.Missed(['a'], [], set(), 'server')
                         for _ in range(2))
        work.add_mappings('vios', first)
        done = work.mappings('vios')
        work.add_mappings('vios', second)
        work.end('vios', done)
        self.assertEqual(['vios'], work.vios_uuids())
        work.end('vios', [second])
        self.assertEqual([], work.vios_uuids())
