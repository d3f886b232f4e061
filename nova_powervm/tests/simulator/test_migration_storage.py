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
"""Tests of the storage that moves with a partition."""

from pypowervm.tasks import migration as pvm_migration
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.simulator.resources import fc_mappings
from nova_powervm.simulator.resources import fibre_channel
from nova_powervm.simulator.resources import san_disk
from nova_powervm.tests.simulator import migration_base as base


class StorageTestCase(base.MigrationTestCase):
    """A test with a volume of the storage area network."""

    PROFILE = 'fc-two-host'

    def setUp(self):
        super().setUp()
        self.volume = self.create('one')

    def create(self, volume_id):
        """Put a volume in the network, with some bytes."""
        with self.site.lock:
            volume = self.site.san.create_volume(volume_id, base.GIB)
        volume.disk.write_at(0, b'written before')
        return volume

    def vioses(self, host):
        return host.store.all('VirtualIOServer')

    def discover(self, host, volume=None, vioses=None):
        """Let VIOSes of a host find a volume: list of their hdisks."""
        volume = volume or self.volume
        found = []
        with self.site.lock:
            for vios in vioses or self.vioses(host):
                self.site.san.export(volume.id, [
                    port.wwpn for port in vios.fc_ports])
                paths = {(port, target.wwpn, unit)
                         for port in vios.fc_ports
                         for seen, target, unit in self.site.san.luns(
                             port, port.wwpn.lower()) if seen is volume}
                found.append(san_disk.configure(vios, volume, paths))
        return found

    def connect(self, lpar=None, volume=None):
        """Map a volume on both VIOSes of the source."""
        lpar = lpar or self.lpar
        for hdisk in self.discover(lpar.host, volume):
            lpar.host.operator.map_storage(hdisk.vios.name, hdisk.udid,
                                           lpar.name)

    def vios_names(self):
        """Slot -> name of the VIOS, of the arrival's disks."""
        return {disk.slot: disk.vios for disk in
                self.target.lpar_disks(self.arrival())}


class TestVolumes(StorageTestCase):
    """Volumes by virtual SCSI."""

    def setUp(self):
        super().setUp()
        self.connect()
        self.discover(self.target)

    def test_move(self):
        self.migrate()
        self.assertEqual([b'written before'] * 2, self.read(self.arrival()))
        disks = self.target.lpar_disks(self.arrival())
        self.assertEqual({self.volume.udid},
                         {disk.backing.udid for disk in disks})
        self.assertEqual({self.target}, {disk.backing.vios.host
                                         for disk in disks})
        self.assertEqual({3: 'vios1', 4: 'vios2'}, self.vios_names())
        for hdisk in self.volume.hdisks:
            self.assertEqual(hdisk.vios.host is self.target, hdisk.in_use)

    def test_there_and_back(self):
        before = self.states()
        self.migrate()
        self.migrate(self.arrival())
        after = self.states()
        for states in (before, after):
            for name in [n for n in states if 'ClientNetworkAdapter' in n]:
                del states[name]
        self.assertEqual(before, after)

    def test_mapping(self):
        self.migrate(virtual_scsi_mappings=['3/vios2/3', '4//2/30'])
        self.assertEqual({3: 'vios2', 4: 'vios1'}, self.vios_names())
        self.assertIn(30, self.vios(self.target, 'vios1').slots)

    def test_each_path_where_it_can_be(self):
        """One VIOS that sees the disk serves both adapters."""
        with self.site.lock:
            vios2 = self.vios(self.target, 'vios2')
            hdisk, = [h for h in self.volume.hdisks if h.vios is vios2]
            san_disk.remove(vios2, hdisk)
        self.migrate()
        self.assertEqual({3: 'vios1', 4: 'vios1'}, self.vios_names())
        self.assertEqual([b'written before'] * 2, self.read(self.arrival()))

    def test_nothing_is_discovered(self):
        with self.site.lock:
            for hdisk in list(self.volume.hdisks):
                if hdisk.vios.host is self.target:
                    san_disk.remove(hdisk.vios, hdisk)
        self.assertRefused('is not backed by storage that the target can '
                           'reach: no running VIOS')

    def test_multiattach(self):
        """Another partition of the target has the volume."""
        other = self.make_lpar('other', self.target)
        self.target.operator.map_storage('vios1', self.volume.udid, 'other')
        self.migrate()
        self.assertEqual([b'written before'] * 2, self.read(self.arrival()))
        self.assertEqual([b'written before'], self.read(other))

    def test_reserved(self):
        with self.site.lock:
            self.volume.set_fault('reserved')
        self.assertRefused('which is reserved')
        with self.site.lock:
            self.volume.clear_faults()
            for hdisk in self.volume.hdisks:
                hdisk.reserve_policy = 'SinglePath'
        self.assertRefused('which is reserved')

    def test_tags_stay_behind(self):
        """The platform knows nothing of what a client has tagged."""
        with self.site.lock:
            for hdisk in self.volume.hdisks:
                if hdisk.vios.host is self.source:
                    hdisk.set_tag('a tag')
        self.migrate()
        self.assertEqual({None}, {hdisk.tag for hdisk in self.volume.hdisks})

    def test_refused_mappings(self):
        for mapping, text in (
                ('9/vios1/2', 'has no virtual SCSI adapter in slot 9'),
                ('3/vios9/', 'has no such VIOS'),
                ('3/vios1/3', 'has no such VIOS'),
                ('3//', 'is not a mapping'), ('3', 'is not a mapping'),
                ('x/vios1/', 'is not a mapping'),
                ('3/vios1//4/fcs0', 'is not a mapping'),
                ('3/vios1//2', 'virtual slot 2 of VIOS vios1 is in use'),
                ('3/vios1//1', 'VIOS vios1 has no virtual slot 1'),
                ('3/vios1//2000', 'VIOS vios1 has no virtual slot 2000')):
            self.assertRefused(text, virtual_scsi_mappings=[mapping])
        self.assertRefused('two mappings of slot 3', virtual_scsi_mappings=[
            '3/vios1/', '3/vios2/'])
        self.assertRefused('is in use', virtual_scsi_mappings=[
            '3/vios1//30', '4/vios1//30'])

    def test_mapping_on_a_vios_that_cannot(self):
        self.target.operator.vios('vios2').halted()
        self.assertRefused('VIOS vios2 cannot do this', virtual_scsi_mappings=[
            '3/vios2/'])
        with self.site.lock:
            self.vios(self.target, 'vios2').booted()
            for hdisk in list(self.volume.hdisks):
                if hdisk.vios is self.vios(self.target, 'vios2'):
                    san_disk.remove(hdisk.vios, hdisk)
        self.assertRefused('cannot serve all that is behind the adapter',
                           virtual_scsi_mappings=['3/vios2/'])


class TestLocalStorage(StorageTestCase):
    """Storage that cannot move."""

    def test_disk(self):
        operator = self.source.operator
        operator.create_disk('vios1', 'datavg', 'local', base.GIB)
        operator.map_storage('vios1', 'local', 'vm1')
        self.assertRefused('is not backed by storage that the target can '
                           'reach, but by local')

    def test_medium(self):
        operator = self.source.operator
        operator.create_medium('vios1', 'config.iso', b'config')
        operator.map_storage('vios1', 'config.iso', 'vm1')
        self.assertRefused('has the media config.iso')

    def test_volume_of_the_profile(self):
        self.source.operator.map_storage('vios2', 'hdisk2', 'vm1')
        self.assertRefused('no running VIOS of system')

    def test_empty_bus(self):
        """An adapter without a device moves, too."""
        operator = self.source.operator
        operator.create_medium('vios1', 'config.iso', b'config')
        target = operator.map_storage('vios1', 'config.iso', 'vm1')
        with self.site.lock:
            target.bus.remove_target(target)
        self.migrate()
        bus, = self.vios(self.target, 'vios1').buses
        self.assertEqual((3, []), (bus.client_slot, bus.targets))
        self.assertEqual([], self.vios(self.source, 'vios1').buses)


class PortsTestCase(StorageTestCase):
    """A test with a volume on two virtual ports."""

    def setUp(self):
        super().setUp()
        self.mappings = [
            self.add_map(self.vios(self.source, name), port)
            for name, port in (('vios1', 0), ('vios2', 1))]
        self.export()

    def add_map(self, vios, port, lpar=None):
        """Give the partition a virtual port on a physical one."""
        with self.site.lock:
            mapping = fc_mappings.Mapping(
                vios, lpar or self.lpar,
                self.site.san.issue_wwpns(vios.host))
            vios.fc_mappings.append(mapping)
            mapping.move(vios.fc_ports[port])
            vios.host.add(fibre_channel.ClientAdapter(vios.host, mapping))
        return mapping

    def export(self, second=True):
        """Export the volume to the ports, or to the first of each pair."""
        with self.site.lock:
            self.site.san.unexport('one')
            self.site.san.export('one', [
                wwpn for mapping in self.mappings
                for wwpn in mapping.wwpns[:1 + second]])

    def arrived(self):
        """The mappings on the target, by slot."""
        return {mapping.client_slot: mapping
                for vios in self.vioses(self.target)
                for mapping in vios.fc_mappings}


class TestPorts(PortsTestCase):
    """Volumes by virtual Fibre Channel (NPIV)."""

    def test_move(self):
        slots = [mapping.client_slot for mapping in self.mappings]
        wwpns = [mapping.wwpns for mapping in self.mappings]
        self.migrate()
        arrived = self.arrived()
        self.assertEqual(slots, sorted(arrived))
        for slot, pair in zip(slots, wwpns):
            self.assertEqual(pair[::-1], arrived[slot].wwpns)
        # Both targets of the fabric, through both virtual ports.
        self.assertEqual([b'written before'] * 4, self.read(self.arrival()))
        self.assertEqual(['A', 'B'], [
            arrived[slot].port.fabric.name for slot in slots])
        self.assertEqual({3: 'vios1', 4: 'vios2'}, {
            slot: mapping.vios.name for slot, mapping in arrived.items()})

    def test_source_has_nothing_left(self):
        self.migrate()
        for vios in self.vioses(self.source):
            self.assertEqual([], vios.fc_mappings)
            self.assertEqual([0, 0], [port.used for port in vios.fc_ports])
        self.assertEqual([], self.source.store.all(
            fibre_channel.ClientAdapter.TYPE))
        self.assertEqual(2, len(self.target.store.all(
            fibre_channel.ClientAdapter.TYPE)))

    def test_what_a_client_reads(self):
        self.migrate()
        vios_w = pvm_vios.VIOS.get(
            self.target_adapter, uuid=self.vios(self.target, 'vios1').uuid,
            xag=['ViosFCMapping'])
        mapping, = vios_w.vfc_mappings
        self.assertEqual([wwpn.upper() for wwpn in
                          self.mappings[0].wwpns[::-1]],
                         mapping.client_adapter.wwpns)

    def test_both_are_logged_in(self):
        self.hold('cleanup')
        self.submit()
        self.assertEqual([b'written before'] * 4, self.read(self.lpar))
        self.assertEqual([b'written before'] * 4, self.read(self.arrival()))
        self.release()
        self.assertEqual('done', self.record()['outcome'])

    def test_there_and_back(self):
        wwpns = [mapping.wwpns for mapping in self.mappings]
        before = self.states()
        self.migrate()
        self.migrate(self.arrival())
        again = sorted((mapping for vios in self.vioses(self.source)
                        for mapping in vios.fc_mappings),
                       key=lambda mapping: mapping.client_slot)
        self.assertEqual(wwpns, [mapping.wwpns for mapping in again])
        after = self.states()
        for states in (before, after):
            for name in [n for n in states if 'ClientNetworkAdapter' in n]:
                del states[name]
        self.assertEqual(before, after)

    def test_mapping(self):
        self.migrate(virtual_fc_mappings=['3/vios2/3/40/fcs0', '4/vios1///'])
        arrived = self.arrived()
        self.assertEqual(
            [('vios2', 'fcs0', 40), ('vios1', 'fcs1')],
            [(arrived[3].vios.name, arrived[3].port.name,
              arrived[3].server_slot),
             (arrived[4].vios.name, arrived[4].port.name)])

    def test_second_wwpn_is_not_zoned(self):
        self.export(second=False)
        self.assertRefused(
            'HSCLA319 The virtual Fibre Channel client adapter in slot 3')
        self.assertIn('VIOS_DETAILED_ERROR', self.record()['message'])

    def test_other_lun(self):
        """The second one sees the volume at another address."""
        wwpns = [mapping.wwpns[1] for mapping in self.mappings]
        with self.site.lock:
            self.site.san.unexport('one', wwpns)
            self.site.san.export('one', wwpns, lun=9)
        self.assertRefused('HSCLA319')

    def test_wrong_fabric(self):
        with self.site.lock:
            self.site.san.set_fabric('B', False)
            target = self.target.operator
            for name in ('vios1', 'vios2'):
                target.vios(name).fc_ports[0].up = False
        self.assertRefused('HSCLA319')

    def test_no_virtual_port_left(self):
        with self.site.lock:
            for vios in self.vioses(self.target):
                for port in vios.fc_ports:
                    port.used = port.total
        self.assertRefused('HSCLA319')

    def test_refused_mappings(self):
        for mapping, text in (
                ('9/vios1/2', 'has no virtual Fibre Channel adapter in slot'),
                ('3/vios1///fcs7', 'has no Fibre Channel port fcs7'),
                ('3/vios9/', 'has no such VIOS'),
                ('3/vios1///fcs1/x', 'is not a mapping'),
                ('3/vios1//2/fcs0', 'virtual slot 2 of VIOS vios1')):
            self.assertRefused(text, virtual_fc_mappings=[mapping])

    def test_abort(self):
        self.site.timing.update(base.SLOW)
        before = self.states()
        self.to_phase('copy')
        self.assertEqual(2, len(self.arrived()))
        pvm_migration.migrate_abort(self.wrapper())
        self.assertSame(before)


class TestAllKinds(PortsTestCase):
    """All kinds of storage, on a site that has everything."""

    PROFILE = 'live-migration'

    def test_all_at_once(self):
        """A unit, and volumes on virtual SCSI and on virtual ports."""
        self.add_unit()
        second = self.create('two')
        self.connect(volume=second)
        self.discover(self.target, second)
        slots = {disk.slot for disk in self.source.lpar_disks(self.lpar)}
        before = len(self.read(self.lpar))
        self.migrate()
        disks = self.target.lpar_disks(self.arrival())
        self.assertEqual(slots, {disk.slot for disk in disks})
        self.assertEqual({'vscsi', 'npiv'},
                         {disk.transport for disk in disks})
        self.assertEqual([b'written before'] * before,
                         self.read(self.arrival()))
        for udid in {disk.backing.udid for disk in disks}:
            self.assertEqual({'vios1', 'vios2'}, {
                disk.vios for disk in disks if disk.backing.udid == udid})
