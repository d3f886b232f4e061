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

"""What placement is told while servers come, change and go."""

from unittest import mock

from nova import exception as nova_exc
import os_resource_classes as orc

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import neighbours
from nova_powervm.virt.powervm.disk import image as disk_image
from nova_powervm.virt.powervm import granted


def grants(name, amount, *node_uuids):
    """Have placement say that it granted that; a context manager."""
    found = {uuid: {'resources': {name: amount, orc.MEMORY_MB: 2048}}
             for uuid in node_uuids}
    return mock.patch.multiple(
        neighbours.Placement,
        get_allocations_for_consumer=mock.Mock(return_value=found),
        get_allocs_for_consumer=mock.Mock(return_value={
            'allocations': found, 'project_id': None, 'user_id': None,
            'consumer_generation': 1}))


class OffersCase(base.ScenarioCase):

    OPTIONS = {'cpu_allocation_ratio': 1.0, 'ram_allocation_ratio': 1.0}

    def offered(self, name, host='compute1'):
        """What placement would grant now, after a look at the platform."""
        self.run_task('update_available_resource', host)
        running = self.cloud.compute(host)
        record = running.reportclient.tree.data(host).inventory[name]
        servers = granted.find(running.driver.services.host.system, host)
        return ((record['total'] - record['reserved']) *
                record['allocation_ratio'] - granted.total(servers, name))

    def assert_memory_fits(self, least=0.95, host='compute1'):
        offered = self.offered(orc.MEMORY_MB, host)
        free = self.simulated_host(host).system.available_memory_mb
        self.assertLessEqual(offered, free)
        self.assertGreaterEqual(offered, least * free)
        return offered


class MemoryTest(base.MoveMixin, OffersCase):

    def test_life(self):
        before = self.assert_memory_fits()
        server = self.boot(flavor_id=self.make_flavor(memory_mb=8192))
        # With 256 MB for its page table and adapters.
        self.assertEqual(before - 8448, self.assert_memory_fits())
        self.delete(server)
        self.assertEqual(before, self.assert_memory_fits())

    def test_resize(self):
        self.flags(allow_resize_to_same_host=True)
        server = self.boot(flavor_id=self.make_flavor(memory_mb=4096))
        before = self.assert_memory_fits()
        self.resize(server, self.make_flavor('more', memory_mb=16384))
        # Placement holds both sizes until the resize is confirmed, and is
        # told of so much more.
        self.assertEqual(before + 4352 - 16896, self.assert_memory_fits())
        self.act(server, 'revertResize')
        self.assertEqual(before, self.assert_memory_fits())

    def test_lost_lpar(self):
        """Nova has granted the memory still, and a hard reboot needs it."""
        server = self.boot(flavor_id=self.make_flavor(memory_mb=8192))
        before = self.assert_memory_fits()
        uuid = self.lpar_of(server)['uuid']
        self.platform.operator.delete_partition(uuid)
        self.assertEqual(before, self.assert_memory_fits(least=0.9))

    def test_others(self):
        before = self.assert_memory_fits()
        lpar = self.platform.operator.create_partition(
            'theirs', memory_mb=65536, running=False)
        self.addCleanup(self.platform.operator.delete_partition, lpar.uuid)
        # With a page table of 1 GB.
        self.assertGreaterEqual(before - 65536 - 1024,
                                self.assert_memory_fits())


class ProcessorsTest(OffersCase):

    def setUp(self):
        super().setUp()
        self.flavor = self.make_flavor('own', vcpu=3, extra_spec={
            'hw:cpu_policy': 'dedicated'})

    def boot_granted(self, name):
        with grants(name, 3, self.driver.node_uuid):
            return self.boot(flavor_id=self.flavor)

    def test_dedicated(self):
        before = self.offered(orc.VCPU), self.offered(orc.PCPU)
        for name, others in ((orc.PCPU, orc.VCPU), (orc.VCPU, orc.PCPU)):
            server = self.boot_granted(name)
            processors = self.settings_of(server)[1]
            self.assertEqual((True, 3), (processors.dedicated,
                                         processors.desired))
            self.assertEqual(
                (before[0] - 3, before[1] - 3),
                (self.offered(orc.VCPU), self.offered(orc.PCPU)), name)
            self.delete(server)
            self.assertEqual(before, (self.offered(orc.VCPU),
                                      self.offered(orc.PCPU)))

    def test_mixed(self):
        flavor = self.make_flavor('mixed', extra_spec={
            'hw:cpu_policy': 'mixed'})
        server = self.boot('ERROR', flavor_id=flavor)
        self.assertIn('Flavor mixed: hw:cpu_policy=mixed cannot be used',
                      self.logger.output)
        self.delete(server)

    def test_policy_that_was_ignored(self):
        """A server of an earlier version; a resize gives it its own."""
        server = self.boot(flavor_id=self.make_flavor('plain', vcpu=3))
        instance = self.instance_of(server)
        instance.flavor.extra_specs = {'hw:cpu_policy': 'dedicated'}
        instance.save()
        self.assertLessEqual(self.offered(orc.PCPU),
                             self.platform.system.available_units)
        self.assertGreaterEqual(self.offered(orc.VCPU), 0)
        self.delete(server)


class FallbackMixin:
    """A server with dedicated processors that was granted shared ones."""

    OPTIONS = OffersCase.OPTIONS

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.own, self.more = [
            self.make_flavor(name, memory_mb=2048, vcpu=vcpus, extra_spec={
                'hw:cpu_policy': 'dedicated'})
            for name, vcpus in (('own', 6), ('more', 8))]
        self.before = self.offers({orc.VCPU: 0, orc.PCPU: 0})
        with self.granted(orc.VCPU, 6):
            self.server = self.boot(flavor_id=self.own)

    def granted(self, name, amount):
        return grants(name, amount, *(
            compute.driver.node_uuid
            for compute in self.cloud.computes.values()))

    def offers(self, used, host='compute1'):
        """What placement would grant beyond what it really has."""
        self.run_task('update_available_resource', host)
        inventory = self.cloud.compute(host).reportclient.tree.data(
            host).inventory
        return {name: inventory[name]['total'] - inventory[name]['reserved'] -
                amount for name, amount in used.items()}

    def assert_offers(self, vcpus, pcpus, used, host='compute1'):
        """All that is free, and no more, is offered as either."""
        offers = self.offers({orc.VCPU: vcpus, orc.PCPU: pcpus}, host)
        for name, least in self.before.items():
            self.assertEqual(least - used, offers[name], name)


class RevertedTest(FallbackMixin, base.MoveMixin, OffersCase):

    def test_resize(self):
        self.assert_offers(6, 0, 6)
        with self.granted(orc.PCPU, 8):
            self.resize(self.server, self.more)
        # It has the one or the other.
        self.assertEqual(
            {orc.VCPU: 7, orc.PCPU: 13},
            self.offers({orc.VCPU: 6, orc.PCPU: 8}))
        self.assertEqual(13.5, self.platform.system.available_units)
        self.act(self.server, 'revertResize')
        self.assert_offers(6, 0, 6)
        with self.granted(orc.PCPU, 8):
            self.resize(self.server, self.more)
        self.act(self.server, 'confirmResize')
        self.assert_offers(0, 8, 8)

    def test_resize_that_fails_in_the_end(self):
        """Nova keeps what the new flavor was granted, not the flavor."""
        with self.granted(orc.PCPU, 8), mock.patch.object(
                self.driver.actions.moves, 'finish',
                side_effect=nova_exc.ResizeError(
                    reason='broken on purpose')):
            self.act(self.server, 'resize', {'flavorRef': self.more})
        self.assertEqual(6, self.instance_of(self.server).flavor.vcpus)
        offers = self.offers({orc.VCPU: 0, orc.PCPU: 8})
        self.assertLessEqual(offers[orc.PCPU],
                             self.platform.system.available_units)
        self.assertEqual(self.before[orc.VCPU] - 8, offers[orc.VCPU])

    def test_resize_that_is_refused(self):
        with mock.patch('nova_powervm.virt.powervm.move.check',
                        side_effect=nova_exc.ResizeError(
                            reason='refused on purpose')):
            self.act(self.server, 'resize', {'flavorRef': self.more})
        self.assert_offers(6, 0, 6)

    def test_flavor_that_asks_for_no_disk(self):
        def free():
            found = self.driver.services.disk.capacity()
            return found.total_gb - found.used_gb

        for specs in ({'resources:DISK_GB': '0'}, {'resources:DISK_GB': '10'}):
            asked = int(specs['resources:DISK_GB'])
            self.boot(networks='none', flavor_id=self.make_flavor(
                'odd%d' % asked, disk=30, extra_spec=specs))
            # The last server was granted what it asked for.
            offers = self.offers({orc.DISK_GB: asked + 1})
            self.assertLessEqual(offers[orc.DISK_GB], free())
            self.assertGreaterEqual(offers[orc.DISK_GB], free() - 1)


class DiskTest(base.MoveMixin, OffersCase):
    """What is offered is granted, and the server has it."""

    def offered_gb(self):
        self.run_task('update_available_resource')
        record = self.cloud.compute('compute1').reportclient.tree.data(
            'compute1').inventory[orc.DISK_GB]
        return record['total'] - record['reserved']

    def test_server_of_all_that_is_offered(self):
        """Of an image that is not in the cache."""
        offered = self.offered_gb()
        server = self.boot(image_uuid=self.glance.image3['id'],
                           flavor_id=self.make_flavor('all', disk=offered))
        self.delete(server)
        self.assertEqual(offered, self.offered_gb())

    def test_disks_of_all_that_is_offered(self):
        """An image comes into the cache after the last look."""
        offered = self.offered_gb()
        flavor = self.make_flavor('many', disk=offered - 100, ephemeral=100)
        self.boot(image_uuid=self.glance.image3['id'], flavor_id=flavor)

    def test_images_of_which_none_alone_makes_the_room(self):
        """Both came into the cache after the last look."""
        offered = self.offered_gb()
        images = self.glance.image3['id'], self.glance.image4['id']
        with self.cloud.on('compute1'):
            for image_id in images:
                self.driver.cache_image(self.context, image_id)
        for image_id in images:
            self.delete(self.boot(
                image_uuid=image_id, flavor_id=self.make_flavor(
                    disk=offered)))

    def test_rescue_after_a_crash_in_an_upload(self):
        """A server never runs from a disk without its content."""
        other = self.boot()
        server = self.boot(flavor_id=self.make_flavor(
            disk=self.offered_gb()), networks='none')
        with mock.patch.object(disk_image, 'upload',
                               side_effect=effects.Killed):
            self.act(server, 'rebuild', {
                'imageRef': self.glance.image4['id']})
        self.cloud.start_all()
        self.delete(other)
        for rescue in (False, True):
            instance = self.instance_of(server)
            instance.vm_state, instance.task_state = 'error', None
            instance.save()
            if rescue:
                self.act(server, 'rescue', {
                    'rescue_image_ref': self.glance.image3['id']})
                self.act(server, 'unrescue')
            self.assertEqual('ERROR', self.act(
                server, 'reboot', {'type': 'HARD'})['status'], rescue)
            self.assertIn('No disk at b_', str(self.fault_of(server)))
        self.act(server, 'rebuild', {'imageRef': self.glance.image4['id']})
        self.assertEqual('ACTIVE', self.act(
            server, 'reboot', {'type': 'HARD'})['status'])


class MigrationTest(base.TwoHostMixin, OffersCase):

    PROFILE = 'ssp-two-host'
    STORAGE = {'disk_driver': 'ssp'}

    def test_both_hosts(self):
        before = {host: self.assert_memory_fits(host=host)
                  for host in ('compute1', 'compute2')}
        server = self.boot_on_first(flavor_id=self.make_flavor(
            memory_mb=8192))
        self.migrate(server)
        for host in before:
            self.assertEqual(before[host] - 8448,
                             self.assert_memory_fits(host=host))
        self.act(server, 'confirmResize')
        self.assertEqual(before['compute1'], self.assert_memory_fits())
        self.assertEqual(before['compute2'] - 8448,
                         self.assert_memory_fits(host='compute2'))


class MigratedFallbackTest(FallbackMixin, base.TwoHostMixin, OffersCase):

    PROFILE = 'ssp-two-host'
    STORAGE = {'disk_driver': 'ssp'}

    def test_reverted_and_confirmed(self):
        """Of the same flavor, which the other host grants as PCPU."""
        source = self.host_of(self.server)
        target, = set(self.cloud.computes) - {source}
        for act, used in (('revertResize', 6), ('confirmResize', 0)):
            with self.granted(orc.PCPU, 6):
                self.migrate(self.server)
            self.assert_offers(6, 0, 6, source)
            self.assert_offers(0, 6, 6, target)
            self.act(self.server, act)
            self.assert_offers(used, 0, used, source)
            self.assert_offers(0, 6 - used, 6 - used, target)
