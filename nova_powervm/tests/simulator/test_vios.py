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

"""Tests of the virtual I/O servers of the simulated site."""

from pypowervm import const as pvm_const
from pypowervm.tasks import partition as pvm_partition
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.simulator import app as sim_app
from nova_powervm.tests.simulator import storage_base

XAG = pvm_const.XAG


class ViosTestCase(storage_base.StorageTestCase):

    def names(self, xag):
        """Names of the elements of the document of the first VIOS."""
        return [child.tag for child in self.vios_w(xag).element]

    def test_feeds(self):
        root = pvm_vios.VIOS.get(self.adapter)
        child = pvm_vios.VIOS.get(self.adapter, parent=pvm_ms.System.get(
            self.adapter)[0])
        self.assertEqual(['vios1', 'vios2'], [w.name for w in root])
        self.assertEqual([w.uuid for w in root], [w.uuid for w in child])
        self.assertEqual([w.etag for w in root], [w.etag for w in child])

    def test_search(self):
        found = pvm_vios.VIOS.search(self.adapter, name='vios2')
        self.assertEqual([self.vios2.uuid], [w.uuid for w in found])

    def test_partition(self):
        vios_w = self.vios_w()
        self.assertEqual('Virtual IO Server', vios_w.env)
        self.assertEqual(('running', 'active', 2), (
            vios_w.state, vios_w.rmc_state, vios_w.id))
        self.assertTrue(vios_w.is_license_accepted)
        self.assertTrue(vios_w.is_mover_service_partition)
        self.assertTrue(vios_w.vnic_capable)

    def test_groups(self):
        groups = {
            XAG.VIO_SMAP: ['VirtualSCSIMappings'],
            XAG.VIO_FMAP: ['VirtualFibreChannelMappings'],
            XAG.VIO_STOR: ['MediaRepositories', 'PhysicalVolumes',
                           'StoragePools'],
            XAG.VIO_NET: ['SharedEthernetAdapters', 'TrunkAdapters',
                          'FreeIOAdaptersForLinkAggregation',
                          'FreeEthenetBackingDevicesForSEA']}
        base = set(self.names(None))
        everything = set(self.names([]))
        for group, names in groups.items():
            self.assertEqual(set(names), set(self.names([group])) - base)
            everything.difference_update(names)
        self.assertEqual(base, everything)

    def test_fibre_channel_ports(self):
        vios_w = self.vios_w(None)
        self.assertEqual(
            [('fcs0', '10000090FA1B2C01', 64, 64),
             ('fcs1', '10000090FA1B2C02', 64, 64)],
            [(port.name, port.wwpn, port.npiv_available_ports,
              port.npiv_total_ports) for port in vios_w.pfc_ports])
        self.assertEqual(2, len(vios_w.get_active_pfc_wwpns()))

    def test_cards(self):
        slots = [slot for vios in (self.vios, self.vios2)
                 for slot in pvm_vios.VIOS.get(
                     self.adapter, uuid=vios.uuid).io_config.io_slots]
        self.assertEqual(6, len({slot.drc_index for slot in slots}))
        self.assertEqual(6, len({slot.drc_name for slot in slots}))

    def test_physical_volumes(self):
        first, second = (
            {pv.name: pv for pv in pvm_vios.VIOS.get(
                self.adapter, uuid=vios.uuid, xag=[XAG.VIO_STOR]).phys_vols}
            for vios in (self.vios, self.vios2))
        self.assertEqual(102400, first['hdisk10'].capacity)
        self.assertTrue(first['hdisk10'].avail_for_use)
        self.assertFalse(first['hdisk0'].avail_for_use)
        # A LUN is the same one on both, a local disk is not.
        self.assertEqual(first['hdisk10'].udid, second['hdisk10'].udid)
        self.assertNotEqual(first['hdisk0'].udid, second['hdisk0'].udid)
        self.assertEqual(32, len(first['hdisk10'].pg83))

    def test_find_vg(self):
        vios_w, vg_w = pvm_tasks.find_vg(self.adapter, 'datavg', 'vios2')
        self.assertEqual(self.vios2.uuid, vios_w.uuid)
        self.assertEqual(self.group_of(self.vios2, 'datavg').uuid, vg_w.uuid)

    def test_settings(self):
        vios_w = self.vios_w()
        vios_w.is_mover_service_partition = False
        vios_w = vios_w.update()
        self.assertFalse(vios_w.is_mover_service_partition)
        self.assertFalse(self.vios.mover)

    def test_refused_settings_undo_the_mappings(self):
        disk = self.make_disk()
        lpar = self.make_lpar()
        before = self.host.state()
        vios_w = self.vios_w()
        vios_w.scsi_mappings.append(pvm_vios.VSCSIMapping.bld(
            self.adapter, None, lpar.uuid, self.group_w().virtual_disks[0]))
        vios_w.name = 'vios2'
        self.assertRefused('vios2 already exists', vios_w.update)
        self.assertEqual(before, self.host.state())
        self.assertEqual({}, lpar.slots)
        self.assertFalse(disk.in_use)

    def test_ready(self):
        pvm_partition.validate_vios_ready(self.adapter, max_wait_time=0)
        active = pvm_partition.get_active_vioses(self.adapter)
        self.assertEqual(2, len(active))

    def test_delete_and_create(self):
        self.assertRefused('', self.adapter.delete, 'VirtualIOServer',
                           root_id=self.vios.uuid)
        self.assertRefused('', self.vios_w().create)

    def test_changes_take_their_time(self):
        """A VIOS makes one change at a time; another VIOS does not wait."""
        self.site.timing['vios_write_seconds'] = 7
        busy = []
        self.patch(sim_app.time, 'sleep', lambda seconds: busy.append(
            (seconds, self.vios.turn.locked(), self.vios2.turn.locked())))
        vios_w = self.vios_w([XAG.VIO_SMAP])
        self.assertEqual([], busy)
        vios_w.update()
        self.assertEqual([(7, True, False)], busy)
        self.assertFalse(self.vios.turn.locked())
        self.assertRefused('', vios_w.update)
        self.assertEqual([(7, True, False)], busy)
