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

"""Cinder volumes of servers that stay where they are.

The classes have volumes through the VIOSes. test_npiv runs what holds for
each transport with NPIV.
"""

from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME


class AttachTest(volumes.VolumeCase):

    def test_running_server(self):
        server = self.boot()
        without = self.platform_state()
        self.assertTrue(self.attach(server, 1))
        self.assert_sees(server, 1)
        self.assert_paths(server)
        paths = self.paths_of(server)
        self.assertTrue(self.attach(server, 2))
        self.assert_sees(server, 1, 2)
        self.assertTrue(self.detach(server, 1))
        self.assert_sees(server, 2)
        self.assertTrue(self.detach(server, 2))
        self.assert_sees(server)
        self.assert_without_volumes(server, without)
        self.assertEqual(paths, self.paths_of(server))
        self.assert_deleted(server)

    def test_stopped_server(self):
        server = self.boot()
        self.stop(server)
        self.assertTrue(self.attach(server, 1))
        self.assertTrue(self.attach(server, 2))
        self.assert_sees(server, 1, 2)
        self.assertTrue(self.detach(server, 1))
        self.start(server)
        self.assert_sees(server, 2)
        self.assert_deleted(server)

    def test_running_without_rmc(self):
        server = self.boot()
        self.assertTrue(self.attach(server, 1))
        with self.site.lock:
            self.partition_of(server).set_rmc('inactive')
        self.assertFalse(self.attach(server, 2))
        self.assertFalse(self.detach(server, 1))
        self.assert_sees(server, 1)
        self.assert_deleted(server)

    def test_boot_from_volume(self):
        server = self.boot_with([1, 2, 3], boots=True)
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assert_sees(server, 1, 2, 3, boots=True)
        self.assertEqual(VOLUME % 1, self.lpar_of(server)['boot']['disk'])
        self.assertTrue(self.attach(server, 4))
        self.assertTrue(self.detach(server, 2))
        self.assert_sees(server, 1, 3, 4, boots=True)
        self.assert_paths(server)
        self.assert_deleted(server)

    def test_boot_from_an_image_with_volumes(self):
        server = self.boot_with([1, 2, 3])
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assert_sees(server, 1, 2, 3)
        self.assert_order(server, 1, 2, 3)
        self.assertTrue(self.lpar_of(server)['boot']['disk'].startswith('b_'))
        self.assert_deleted(server)

    def assert_order(self, server, *numbers):
        """The guest finds volumes in the order of the request."""
        luas = {volume: min(found) for volume, found in
                self.luas_of(server).items()}
        self.assertEqual([VOLUME % number for number in numbers],
                         sorted(luas, key=luas.get))


class RebootTest(volumes.VolumeCase):

    def lose_path(self, name):
        """Take what leads through a VIOS to the boot volume."""
        bus = next(bus for bus in self.vios(name).buses if any(
            target.backing.TAG == 'PhysicalVolume' for target in bus.targets))
        with self.site.lock:
            bus.remove_target(next(
                target for target in bus.targets
                if target.backing.TAG == 'PhysicalVolume'))
            self.vios(name).touch()

    def test_lost_path(self):
        server = self.boot_with([1, 2])
        self.assert_sees(server, 1, 2)
        paths = self.paths_of(server)
        self.lose_path('vios2')
        self.assert_lost(server, ['vios2'])
        self.reboot(server, hard=True)
        self.assert_sees(server, 1, 2)
        self.assertEqual(paths, self.paths_of(server))
        self.assert_deleted(server)

    def test_lost_boot_volume(self):
        server = self.boot_with([1, 2], boots=True)
        self.assert_sees(server, 1, 2, boots=True)
        paths = self.paths_of(server)
        for name in self.VIOSES:
            self.lose_path(name)
        self.assert_lost(server, self.VIOSES)
        self.reboot(server, hard=True)
        self.assert_sees(server, 1, 2, boots=True)
        self.assertEqual(paths, self.paths_of(server))
        self.assert_deleted(server)

    def assert_lost(self, server, vioses):
        """lose_path() of these VIOSes has taken the boot volume away."""
        found = [disk.volume for disk in self.disks_of(server)]
        self.assertEqual(
            [len(self.VIOSES) - len(vioses), len(self.VIOSES)],
            [found.count(VOLUME % number) for number in (1, 2)])

    def test_without_lpar(self):
        self.flags(force_config_drive=False)
        server = self.boot_with([1, 2], boots=True)
        self.assert_sees(server, 1, 2, boots=True)
        identity = self.identity_of(server)
        lpar = self.partition_of(server)
        with self.site.lock:
            lpar.set_state('not activated')
            self.platform.remove(lpar)
        self.reboot(server, hard=True)
        self.assert_sees(server, 1, 2, boots=True)
        self.assertEqual(identity, self.identity_of(server))
        self.assert_deleted(server)

    def test_soft_reboot_and_power(self):
        server = self.boot_with([1], boots=True)
        self.assert_sees(server, 1, boots=True)
        self.reboot(server)
        self.assert_sees(server, 1, boots=True)
        self.stop(server)
        self.start(server)
        self.assert_sees(server, 1, boots=True)


class UnseenTest(volumes.VolumeCase):

    def test_volume_that_nobody_sees(self):
        server = self.boot_with([1, 2])
        with self.site.lock:
            self.lun(2).set_fault('not_exported')
        self.reboot(server, hard=True)
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertEqual({VOLUME % 1: True, VOLUME % 2: False}, {
            disk.volume: disk.works for disk in self.disks_of(server)})
        with self.site.lock:
            self.lun(2).clear_faults()
        self.reboot(server, hard=True)
        self.assert_sees(server, 1, 2)
        self.assert_deleted(server)


class ExtendTest(volumes.VolumeCase):

    def sizes(self, server):
        return {disk.size // volumes.GIB for disk in self.disks_of(server)}

    def test_running(self):
        server = self.boot_with([1])
        self.extend(server, 1, 7)
        self.wait_for(lambda: self.sizes(server) == {7})
        self.assert_sees(server, 1)

    def test_stopped(self):
        server = self.boot_with([1], boots=True)
        self.stop(server)
        self.extend(server, 1, 7)
        self.wait_for(lambda: self.sizes(server) == {7})

    def test_boot_volume(self):
        server = self.boot_with([1, 2], boots=True)
        self.assertIsNone(self.extend(server, 1, 7))
        self.assertEqual({(VOLUME % 1, 7), (VOLUME % 2, 1)},
                         self.sizes_by_volume(server))
        self.assertIsNone(self.extend(server, 2, 3))
        self.assertEqual({(VOLUME % 1, 7), (VOLUME % 2, 3)},
                         self.sizes_by_volume(server))
        self.assert_sees(server, 1, 2, boots=True)

    def sizes_by_volume(self, server):
        return {(disk.volume, disk.size // volumes.GIB)
                for disk in self.disks_of(server)}


class ExtendPathsTest(volumes.VolumeCase):
    """Each VIOS notices by itself that a volume has grown."""

    sizes = ExtendTest.sizes

    def break_jobs(self, vios, jobs):
        """Let a VIOS fail to do some jobs."""
        self.platform.faults.add({
            'effect': 'job_failed', 'count': 0, 'message': 'It is stuck',
            'path': 'VirtualIOServer/%s/do/(%s)$' % (
                self.vios(vios).uuid, jobs)})

    def test_one_path_does_not_grow(self):
        """That is no success: the guest sees paths of 5 and 1 GiB."""
        server = self.boot_with([1])
        self.break_jobs('vios2', 'LUARecovery|RescanVirtualDisk')
        failure = str(self.extend(server, 1, 5))
        self.assertEqual({5, 1}, self.sizes(server))
        self.assertIn('vios2', failure)
        self.assertIn('still has 1024 MB instead of 5120', failure)
        self.assertIn('It is stuck', failure)
        self.assertNotIn('vios1', failure)
        self.platform.faults.clear()
        self.assertIsNone(self.extend(server, 1, 6))
        self.assertEqual({6}, self.sizes(server))
        self.assert_sees(server, 1)

    def test_no_path_grows(self):
        server = self.boot_with([1])
        for vios in self.VIOSES:
            self.break_jobs(vios, 'LUARecovery|RescanVirtualDisk')
        self.assertIn('no Virtual I/O Server sees it',
                      str(self.extend(server, 1, 5)))
        self.assertEqual({1}, self.sizes(server))

    def test_path_that_grows_later(self):
        server = self.boot_with([1])
        self.break_jobs('vios2', 'LUARecovery')
        self.assertIsNone(self.extend(server, 1, 5))
        self.assertEqual({5}, self.sizes(server))

    def test_vios_that_cannot_be_asked(self):
        """It may go on to show the volume to the server."""
        server = self.boot_with([1])
        self.set_rmc('vios2', 'inactive')
        self.assertIn('Virtual I/O Server vios2 cannot be asked',
                      str(self.extend(server, 1, 5)))
        self.set_rmc('vios2', 'active')
        self.assertIsNone(self.extend(server, 1, 5))
        self.assertEqual({5}, self.sizes(server))

    def test_vios_that_is_off(self):
        """It shows it with its new size when it is on."""
        server = self.boot_with([1])
        with self.site.lock:
            self.vios('vios2').halted()
        self.assertIsNone(self.extend(server, 1, 5))
        with self.site.lock:
            self.vios('vios2').booted()
        self.set_rmc('vios2', 'active')
        self.assertEqual({5}, self.sizes(server))
        self.assert_sees(server, 1)

    def test_lpar_is_gone(self):
        server = self.boot_with([1], boots=True)
        partition = self.partition_of(server)
        with self.site.lock:
            partition.halted()
        self.driver.services.host.adapter.delete('LogicalPartition',
                                                 root_id=partition.uuid)
        self.assertIn('no Virtual I/O Server maps it',
                      str(self.extend(server, 1, 5)))


class EncryptedTest(volumes.VolumeCase):

    def test_refused_before_anything_is_made(self):
        self.cinder.encrypted.add(VOLUME % 1)
        server = self.boot_with([1])
        self.assertEqual('ERROR', server['status'])
        self.assertIsNone(self.lpar_of(server))
        self.assert_deleted(server)
        server = self.boot(networks='none')
        without = self.platform_state()
        self.assertFalse(self.attach(server, 1))
        self.assert_state_equal(without, self.platform_state(), 'Left')
        self.assert_sees(server)
        self.assert_deleted(server)
