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

"""What the tasks on the documents of VIOSes do."""

from unittest import mock

import fixtures
from pypowervm import const as pvm_const
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.virt.powervm.tasks import base
from nova_powervm.tests.virt.powervm.tasks import storage_base
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import storage as tf_stg

setUpModule = base.set_up_module


class PartitionTest(storage_base.StorageTasksTestCase):
    """What is removed of an LPAR as a whole."""

    def setUp(self):
        super().setUp()
        self.stg = self.transaction()
        # Edits of what is touched come with one that is wanted.
        self.touch = tf_disk.DetachDisk(self.disk_dvr, self.instance, self.stg,
                                        [base.RESCUE])

    def test_detach_partition(self):
        self.make_medium()
        self.make_disks(base.BOOT, base.SWAP)
        self.run_edits(self.touch, tf_stg.DetachPartition(self.instance,
                                                          self.stg))
        self.assertEqual([], self.mapped())
        self.disk_dvr.delete_disks(self.instance)
        self.platform.config_drive.delete(self.instance)
        self.assert_site(self.before)

    def test_stale_mappings(self):
        """What the LPAR has that had the id before is not the server's."""
        [disk] = self.make_disks(base.BOOT)
        partition_id = self.lpar.partition_id
        self.simulated.remove(self.lpar)
        self.assertEqual(1, len(self.orphans(partition_id)))
        lpar_w = self.create_lpar()
        self.assertEqual(partition_id, lpar_w.id)
        self.run_edits(
            self.touch, tf_stg.DetachStaleMappings(self.instance, self.stg),
            lpar_wrap=lpar_w)
        self.assertEqual([], self.orphans(partition_id))
        self.disk_dvr.delete_disks(self.instance)
        self.assert_site(self.before)

    def orphans(self, partition_id):
        return [mapping for mapping in self.vios().state()['mappings']
                if mapping['lpar'] is None and
                mapping['lpar_id'] == partition_id]

    def test_own_mappings_are_not_stale(self):
        self.make_disks(base.BOOT)
        self.run_edits(
            self.touch, tf_stg.DetachStaleMappings(self.instance, self.stg),
            lpar_wrap=self.lpar_w)
        self.assertEqual([('vios1', base.BOOT)], self.mapped_types())

    def test_fibre_channel_mappings_of_what_was_read_only(self):
        """Edits may touch only those groups of documents that were read."""
        self.useFixture(fixtures.MockPatchObject(host_record, 'keep_id'))
        for groups in ([vios_mappings.SCSI_MAPPING],
                       [vios_mappings.SCSI_MAPPING, vios_mappings.FC_MAPPING]):
            stg = mock.Mock(reads=groups.__contains__)
            tf_stg.DetachStaleMappings(self.instance, stg).execute(self.lpar_w)
            self.assertEqual(len(groups), len(stg.edit_touched.mock_calls))

    def test_vioses_as_they_are_afterwards(self):
        self.make_disks(base.RESCUE)
        result = self.run_edits(self.touch)
        [vios_w] = result['vioses'].values()
        self.assertEqual(
            pvm_vios.VIOS.get(self.host.adapter, uuid=vios_w.uuid, xag=[
                pvm_const.XAG.VIO_SMAP]).etag, vios_w.etag)
        self.assertEqual([self.name(base.RESCUE)], [
            disk.name for disk in result['unmapped_storage']])
