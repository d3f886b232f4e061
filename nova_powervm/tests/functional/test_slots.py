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

"""Servers that are made anew find their devices where they were."""

import os
import pickle
import types

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import moves
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import volumes
from nova_powervm.tests import swift
from nova_powervm.virt.powervm.slots import slot_map
from nova_powervm.virt.powervm import vm

CONTAINER = 'powervm_nvram'


class SlotMixin:
    """A cloud with a Swift, self.swift; it comes first in a list of bases."""

    def _configure_driver(self):
        super()._configure_driver()
        self.swift = self.useFixture(swift.SwiftFixture())
        self.flags(group='powervm', **self.swift.options)

    # ---- what is in the store ------------------------------------------

    def settle_store(self):
        """Wait until the drivers have stored all that they want to."""
        computes = getattr(self, 'computes', {'compute1': self.compute})
        for compute in computes.values():
            self.assertTrue(self.driver_of(compute).nvram.worker.flush(60))

    @staticmethod
    def key(server):
        return '%s_slot_map' % server['id']

    def kept(self, server):
        """What is kept of a server: tuple of bool, NVRAM and slot map."""
        self.settle_store()
        objects = self.swift.objects()
        return server['id'] in objects, self.key(server) in objects

    def topology(self, server):
        self.settle_store()
        return pickle.loads(self.swift.objects()[self.key(server)])

    def names(self, server):
        """First letters of the disks and media in a slot map."""
        return sorted({name[:2] for devices in self.topology(server).values()
                       for name in devices.get(slot_map.NAMES, ())})

    def macs(self, server):
        """MAC addresses in a slot map."""
        return sorted(mac for devices in self.topology(server).values()
                      for mac in devices.get('CNA', ()))

    def move(self, server):
        """Change a slot map to what no platform would choose by itself.

        :returns: where the devices must be after it was followed.
        """
        moved = {
            _moved_slot(number): {
                cls: {name: _moved_lua(value)
                      for name, value in found.items()}
                for cls, found in devices.items()}
            for number, devices in self.topology(server).items()}
        self.swift.containers[CONTAINER][self.key(server)] = pickle.dumps(
            moved, protocol=2)
        return sorted((_moved_slot(address[0]), *map(_moved_lua, address[1:]))
                      for address in self.devices_of(server))

    # ---- what is on the platform ---------------------------------------

    def devices_of(self, server):
        """Where a server has its devices, as the platform shows it.

        :returns: sorted list of (slot, LUA, name) of disks and media, and
            (slot, MAC address) of network adapters.
        """
        name = self.lpar_of(server)['name']
        return sorted([
            (mapping['client_slot'], mapping['lua'],
             os.path.basename(mapping['storage']))
            for mapping in self.mappings_of(server)] + [
            (cna['slot'], cna['mac'])
            for cna in self.platform.state()['ClientNetworkAdapter']
            if cna['partition'] == name])

    def partition_of(self, server):
        """The simulated partition of a server."""
        return self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])

    def set_nvram(self, server, nvram):
        """Let the guest change its NVRAM, and wait until it is kept."""
        partition = self.partition_of(server)
        with self.site.lock:
            partition.nvram = nvram
            partition.touch('NVRAM')
        self.wait_for(lambda: self.swift.objects().get(server['id']) ==
                      nvram.encode())

    def lose_lpar(self, server):
        """Delete the LPAR behind Nova's back; its disks stay."""
        partition = self.partition_of(server)
        with self.site.lock:
            partition.set_state('not activated')
        vm.delete_lpar(self.driver.services.host, types.SimpleNamespace(
            uuid=server['id'], name=server['name']))

    def hard_reboot(self, server):
        self.api.post_server_action(server['id'],
                                    {'reboot': {'type': 'HARD'}})
        after = self.settled(server)
        self.assertEqual('ACTIVE', after['status'], after.get('fault'))

    def attach_port(self, server):
        port = self.neutron.create_port()['port']
        self._attach_interface(server, port['id'])
        return port['mac_address'].replace(':', '').upper()


def _moved_slot(number):
    return number + 10 if number < 30 else number - 20


def _moved_lua(value):
    if isinstance(value, str) and value.startswith('0x8'):
        return '0x9' + value[3:]
    return value


class LocalDiskSlotTest(SlotMixin, moves.MoveMixin,
                        base.PowerVMTestCase):

    def test_hard_reboot_without_lpar(self):
        server = self.boot(flavor_id=self.make_flavor(
            'disks', ephemeral=3, swap=1024))
        self.attach_port(server)
        self.set_nvram(server, 'QUJD')
        self.assertEqual(['b_', 'cf', 'e0', 's_'], self.names(server))
        self.assertEqual(3, len(self.macs(server)))
        expected = self.move(server)
        self.lose_lpar(server)

        self.hard_reboot(server)

        self.assertEqual(expected, self.devices_of(server))
        self.assertEqual('QUJD', self.partition_of(server).nvram)
        # The map is what it was, made anew.
        self.assertEqual({address[0] for address in expected},
                         set(self.topology(server)))

    def test_hard_reboot_without_lpar_while_swift_is_down(self):
        server = self.boot()
        before = self.devices_of(server)
        self.settle_store()
        self.move(server)
        self.lose_lpar(server)
        self.swift.status = 503

        self.hard_reboot(server)

        self.assertEqual(before, self.devices_of(server))
        self.assertIn('slot map is not known', self.stdlog.logger.output)
        self.assertIn('starts with empty NVRAM', self.stdlog.logger.output)

    def test_hard_reboot_keeps_the_addresses(self):
        server = self.boot()
        before = self.devices_of(server)
        self.hard_reboot(server)
        self.assertEqual(before, self.devices_of(server))
        self.assertEqual({address[0] for address in before},
                         set(self.topology(server)))

    def test_swift_is_down_at_first(self):
        self.swift.status = 503
        server = self.boot()
        self.settle_store()
        self.assertEqual({}, self.swift.objects())
        self.swift.status = None
        mac = self.attach_port(server)
        self.assertEqual((True, True), self.kept(server))
        self.assertEqual(['b_', 'cf'], self.names(server))
        self.assertIn(mac, self.macs(server))

    def test_ports_come_and_go(self):
        server = self.boot()
        before = self.macs(server)
        mac = self.attach_port(server)
        self.assertEqual(sorted(before + [mac]), self.macs(server))
        self._detach_interface(server, self.neutron.port_2['id'])
        self.assertEqual(before, self.macs(server))

    def test_deletion(self):
        server = self.boot()
        self.wait_for(lambda: self.kept(server) == (True, True))
        self.assertIsNone(self.delete(server))
        self.settle_store()
        self.assertEqual({}, self.swift.objects())

    def test_resize(self):
        self.flags(allow_resize_to_same_host=True)
        server = self.boot(flavor_id=self.make_flavor('a', swap=1024))
        before = self.devices_of(server)
        self.act(server, 'resize', {'flavorRef': self.make_flavor(
            'b', swap=4096)})
        self.assertEqual(before, self.devices_of(server))
        self.act(server, 'confirmResize')
        self.assertEqual(['b_', 'cf', 's_'], self.names(server))
        self.assertEqual((True, True), self.kept(server))

    def test_no_request_is_added(self):
        """But for one each time that NVRAM has changed."""
        self.delete(self.boot())
        self.settle_store()
        self.platform.journal.clear()
        server = self.boot()
        self.wait_for(lambda: self.kept(server) == (True, True))
        self.assert_requests(15)
        self.delete(server)
        self.settle_store()
        self.assert_requests(13)

    def assert_requests(self, budget):
        requests = ['%s %s?%s' % (record['method'], record['path'],
                                  record['query'])
                    for record in self.platform.journal.records()
                    if 'QUEUE_CLIENTKEY' not in (record['query'] or '') and
                    'group=NVRAM' not in (record['query'] or '')]
        self.platform.journal.clear()
        self.assertLessEqual(len(requests), budget, '\n'.join(requests))


class SharedPoolSlotTest(SlotMixin, platforms.SharedPool,
                         moves.TwoHostMixin,
                         base.PowerVMTestCase):

    PROFILE = 'ssp-two-host'

    def test_evacuate(self):
        server = self.boot_on_first()
        self.set_nvram(server, 'QUJD')
        expected = self.move(server)
        self.evacuate(server)
        self.where = 'compute2'
        self.assertEqual(expected, self.devices_of(server))
        self.assertEqual('QUJD', self.partition_of(server).nvram)
        # The former host, back again, takes nothing away.
        self.computes['compute1'] = self.restart_compute_service(self.compute)
        self.assertEqual((True, True), self.kept(server))

    def test_cold_migration(self):
        server = self.boot_on_first()
        # Changed while nobody looked: it is stored when the server leaves.
        with self.site.lock:
            self.partition_of(server).nvram = 'QUJD'
            self.partition_of(server).touch(event=False)
        before = self.devices_of(server)
        expected = self.move(server)
        self.migrate(server)
        self.where = 'compute2'
        self.assertEqual(expected, self.devices_of(server))
        self.assertEqual('QUJD', self.partition_of(server).nvram)

        self.act(server, 'revertResize')
        self.where = 'compute1'
        self.assertEqual((True, True), self.kept(server))
        # What was mapped there all the time is where it was.
        self.assertEqual([address for address in before if len(address) == 2],
                         [address for address in self.devices_of(server)
                          if len(address) == 2])

    def test_cold_migration_there_and_back(self):
        server = self.boot_on_first()
        before = self.devices_of(server)
        for host in ('compute2', 'compute1'):
            self.migrate(server)
            self.act(server, 'confirmResize')
            self.where = host
            self.assertEqual(before, self.devices_of(server))
            self.assertEqual((True, True), self.kept(server))
        self.assertIsNone(self.delete(server))
        self.settle_store()
        self.assertEqual({}, self.swift.objects())

    def test_revert_restores_the_addresses(self):
        server = self.boot_on_first()
        before = self.devices_of(server)
        self.migrate(server)
        self.act(server, 'revertResize')
        self.where = 'compute1'
        self.assertEqual(before, self.devices_of(server))

    def test_shelve(self):
        server = self.boot_on_first(flavor_id=self.make_flavor('s', disk=1))
        self.set_nvram(server, 'QUJD')
        expected = self.move(server)
        self.act(server, 'shelve')
        self.assertIsNone(self.lpar_of(server))
        self.assertEqual((True, True), self.kept(server))

        self.assertEqual('ACTIVE', self.act(server, 'unshelve')['status'])

        self.where = self.host_of(server)
        self.assertEqual(expected, self.devices_of(server))
        self.assertEqual('QUJD', self.partition_of(server).nvram)


class VscsiSlotTest(SlotMixin, volumes.VolumeMixin, moves.MoveMixin,
                    base.PowerVMTestCase):
    """Volumes by virtual SCSI; they have addresses of their own."""

    def check_hard_reboot(self, server):
        expected = [(_moved_slot(address[0]), *address[1:])
                    for address in self.devices_of(server)]
        topology = self.topology(server)
        self.swift.containers[CONTAINER][self.key(server)] = pickle.dumps(
            {_moved_slot(number): devices
             for number, devices in topology.items()}, protocol=2)
        self.lose_lpar(server)
        self.hard_reboot(server)
        self.assertEqual(sorted(expected), self.devices_of(server))

    def test_beside_a_disk(self):
        server = self.boot_with([0])
        self.assertTrue(self.attach(server, 1))
        self.check_hard_reboot(server)

    def test_boot_from_volume(self):
        server = self.boot_with([0, 1], boots=True)
        self.check_hard_reboot(server)
