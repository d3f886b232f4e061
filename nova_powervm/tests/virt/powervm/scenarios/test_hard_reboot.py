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

"""A hard reboot looks first, and makes up for what is missing."""

import os

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_slopes
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import paths
from nova_powervm.virt.powervm import size as lpar_size
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm import vm


class MissingNothingTest(base.ScenarioCase):
    """A server that is missing nothing is restarted in one job."""

    TIMING = {'job_polls': 1}
    #: A look at the adapters, one at the VIOS, and the job.
    BUDGET = 5

    def setUp(self):
        super().setUp()
        self.server = self.boot()
        self.before = self.platform_state()

    def hard_reboot(self):
        """Reboot the server; returns the requests: list of 'method path'.

        Without that of Nova, which asks for the state before.
        """
        _none, requests = self.requests_of(
            lambda: self.reboot(self.server, hard=True))
        return [request for request in requests
                if not request.endswith('/quick/PartitionState')]

    def jobs(self, requests):
        return [os.path.basename(request) for request in requests
                if request.startswith('PUT ') and '/do/' in request]

    def assert_mended(self):
        self.assert_state_equal(self.before, self.platform_state(),
                                'after the reboot')

    def test_requests(self):
        self.reboot(self.server, hard=True)
        requests = self.hard_reboot()
        self.assertEqual(['PowerOff'], self.jobs(requests))
        self.assert_within(self.BUDGET, requests)
        self.assert_mended()

    def assert_stopped_first(self):
        """The reboot is a whole one, and all is as before."""
        self.assertEqual(['PowerOff', 'PowerOn'],
                         self.jobs(self.hard_reboot()))
        self.assert_mended()

    def storage(self):
        return sorted({mapping['storage']
                       for mapping in self.mappings_of(self.server)})

    def unmap(self, prefix):
        """Take a disk or a medium from the server, behind Nova's back."""
        for mapping, vios in [
                (mapping, vios['name'])
                for vios in self.platform.state()['VirtualIOServer']
                for mapping in vios['mappings']
                if mapping['lpar_id'] == self.lpar_of(self.server)['id'] and
                os.path.basename(mapping['storage']).startswith(prefix)]:
            self.platform.operator.unmap_storage(
                vios, os.path.basename(mapping['storage']),
                self.lpar_of(self.server)['uuid'])
            return
        self.fail('no mapping of %s in %s' % (prefix, self.storage()))

    def test_lost_mapping_of_the_disk(self):
        self.unmap('b')
        self.assert_stopped_first()

    def test_lost_mapping_of_the_config_drive(self):
        self.unmap('cfg')
        self.assert_stopped_first()

    def test_lost_adapter(self):
        """A client of REST deletes the adapter of a port."""
        host = self.driver.services.host
        [vif] = self.instance_of(self.server).get_network_info()
        mac = vif['address'].replace(':', '').upper()
        [adapter] = [adapter for adapter in host.network_adapters(
            self.lpar_of(self.server)['uuid']) if adapter.mac == mac]
        host.adapter.delete_by_href(adapter.href)
        self.assertNotIn(mac, self.macs_of(self.server))
        self.assertEqual(['PowerOff', 'PowerOn'],
                         self.jobs(self.hard_reboot()))
        self.assertIn(mac, self.macs_of(self.server))

    def test_lost_mapping_after_a_look(self):
        """What the driver knows of the VIOS is not used if it has changed."""
        for _number in range(2):
            self.reboot(self.server, hard=True)
            self.unmap('b')
            self.assert_stopped_first()

    def test_rescue_disk_that_is_left(self):
        disk_dvr = self.driver.services.disk
        instance = self.instance_of(self.server)
        with self.cloud.on('compute1'):
            [disk] = disk_dvr.create_blank_disks(instance, [
                disk_driver.BlankDisk(disk_driver.DiskType.RESCUE, 1)])
            with transaction.StorageTransaction.immediate(
                    disk_dvr.host, 'test') as stg:
                disk_dvr.connect_disk(instance, disk, stg)
        self.assertNotEqual(self.before, self.platform_state())
        self.assert_stopped_first()

    def test_resize_that_has_not_ended(self):
        instance = self.instance_of(self.server)
        host = self.driver.services.host
        with self.cloud.on('compute1'):
            lpar_size.keep(instance, instance.flavor, lpar_size.read(
                vm.get_instance_wrapper(host, instance)))
        self.assert_stopped_first()
        self.assertIsNone(lpar_size.kept(self.instance_of(self.server)))

    def test_stopped(self):
        """A server that is off is started only after all is looked at."""
        self.stop(self.server)
        self.unmap('b')
        self.reboot(self.server, hard=True)
        self.assert_mended()

    def test_refused_restart(self):
        """The platform does not restart it, so it is stopped and started."""
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'method': 'PUT', 'count': 1,
            'path': '/do/PowerOff$'})
        self.assertEqual(['PowerOff', 'PowerOff', 'PowerOn'],
                         self.jobs(self.hard_reboot()))
        self.assert_mended()

    def test_lost_answer(self):
        self.platform.faults.add({
            'effect': 'dropped_after', 'method': 'PUT', 'count': 1,
            'path': '/do/PowerOff$'})
        self.assertEqual('PowerOff', self.jobs(self.hard_reboot())[0])
        self.assert_mended()

    def test_nothing_can_be_looked_at(self):
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'method': 'GET', 'count': 1,
            'path': '/VirtualIOServer/'})
        self.assert_stopped_first()


class PoolMissingNothingTest(platforms.SharedPool, MissingNothingTest):
    """Each VIOS of a pool has a path to the disk; one path is lost."""

    #: One more VIOS.
    BUDGET = 6

    def test_swap_disk_that_nothing_maps(self):
        """A resize to a flavor without swap has left it."""
        disk_dvr = self.driver.services.disk
        with self.cloud.on('compute1'):
            disk_dvr.create_blank_disks(self.instance_of(self.server), [
                disk_driver.BlankDisk(disk_driver.DiskType.SWAP, 1)])
        self.assertNotEqual(self.before, self.platform_state())
        self.assert_stopped_first()
        self.assertEqual(['PowerOff'], self.jobs(self.hard_reboot()))

    def test_rescue_disk_by_one_vios(self):
        """A rescue maps its disk by one VIOS; what it leaves has one path."""
        disk_dvr = self.driver.services.disk
        instance = self.instance_of(self.server)
        with self.cloud.on('compute1'):
            [disk] = disk_dvr.create_blank_disks(instance, [
                disk_driver.BlankDisk(disk_driver.DiskType.RESCUE, 1)])
            paths.connect_by_one(disk_dvr, instance, disk, apart=True)
        self.assertNotEqual(self.before, self.platform_state())
        self.assert_stopped_first()


class BytesTest(test_slopes.SlopesTest):
    """A hard reboot moves as much beside 100 other LPARs as beside none."""

    def measure(self, server):
        return {'hard reboot': self.bytes_of(self.reboot, server, True)}

    def test_flat(self):
        server = self.boot()
        self.add_crowd()
        # The platform tells late of what has changed before.
        self.assertLessEqual(min(self.measure(server)['hard reboot']
                                 for _number in range(4)), 50000)

    def test_idle_host(self):
        """Not repeated here."""

    def test_life(self):
        """Not repeated here."""
