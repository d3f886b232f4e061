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

"""Servers that are booted from a rescue disk, and from their own again."""

import os

from nova import objects

from nova_powervm.simulator import disk_io
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_budgets


class RescueMixin:
    """Rescues servers, and looks at what they boot from."""

    def rescue(self, server, image_id=None):
        """Rescue a server; returns it as it is then."""
        return self.act(server, 'rescue', image_id and {
            'rescue_image_ref': image_id})

    def unrescue(self, server):
        return self.act(server, 'unrescue')

    def hard_reboot(self, server):
        return self.act(server, 'reboot', {'type': 'HARD'})

    def assert_boots_from(self, letter, server):
        """It runs, from the disk that has this letter for its type."""
        lpar = self.lpar_of(server)
        self.assertEqual(('running', letter + '_'), (
            lpar['state'], lpar['boot']['disk'][:2]))

    def disks_of(self, server):
        """What is mapped to a server: {(letter, slot, address)}."""
        return {(os.path.basename(mapping['storage'])[0],
                 mapping['client_slot'], mapping['lua'])
                for mapping in self.mappings_of(server)}

    def resting_state(self):
        """The platform, but for how servers were booted."""
        state = self.platform_state()
        for host in state['hosts']:
            for lpar in host['LogicalPartition']:
                del lpar['boot']
        return state


class LifeMixin(RescueMixin):
    """The life of a rescue disk, whatever it is made of."""

    CACHED = 2

    def setUp(self):
        super().setUp()
        self.rescue_image = self.glance.image3['id']
        self.empty = self.platform_state()
        self.server = self.boot()
        self.before = self.resting_state()

    def rescue_disk(self):
        """The SparseDisk that the server is rescued with."""
        name = self.lpar_of(self.server)['boot']['disk']
        return disk_io.find(self.platform, name).backing.disk

    def test_there_and_back(self):
        own = self.disks_of(self.server)
        boot_disk = self.boot_disk_of(self.server)
        boot_disk.write_at(0, b'broken')
        broken = boot_disk.sha256(self.glance.IMAGE_SIZE)

        after = self.rescue(self.server, self.rescue_image)

        self.assertEqual('RESCUE', after['status'])
        self.assert_boots_from('r', self.server)
        self.assertEqual(self.glance.sha256(self.rescue_image),
                         self.rescue_disk().sha256(self.glance.IMAGE_SIZE))
        # Its own disks are where they were.
        self.assertLess(own, self.disks_of(self.server))
        boot_disk.write_at(0, b'mended')

        after = self.unrescue(self.server)

        self.assertEqual('ACTIVE', after['status'])
        self.assert_boots_from('b', self.server)
        self.assertEqual(self.before, self.resting_state())
        self.assertNotEqual(broken, boot_disk.sha256(self.glance.IMAGE_SIZE))
        self.assertEqual(b'mended', boot_disk.read(0, 6))
        self.assertIsNone(self.delete(self.server))
        self.assertEqual(self.empty, self.platform_state())

    def test_with_the_image_that_it_was_made_from(self):
        after = self.rescue(self.server)
        self.assertEqual('RESCUE', after['status'])
        self.assertEqual(self.glance.sha256(self.image_id),
                         self.rescue_disk().sha256(self.glance.IMAGE_SIZE))

    def test_deleted_while_it_is_rescued(self):
        self.rescue(self.server)
        self.assertIsNone(self.delete(self.server))
        self.assertEqual(self.empty, self.platform_state())

    def test_what_a_crash_has_left(self):
        """A rescue disk that is mapped, and booted from, is replaced."""
        instance = self.instance_of(self.server)
        image = objects.ImageMeta.from_dict(
            self.glance.images[self.rescue_image])
        for _attempt in range(2):
            self.driver.rescue(self.context, instance, [], image, None, None,
                               None)
            self.assert_boots_from('r', self.server)
        self.driver.unrescue(self.context, instance)
        self.assertEqual(self.before, self.resting_state())


class LocalDiskTest(LifeMixin, base.ScenarioCase):

    def test_stopped_server(self):
        self.stop(self.server)
        self.assertEqual('RESCUE', self.rescue(self.server)['status'])
        self.assert_boots_from('r', self.server)

    def test_at_the_menu(self):
        self.flags(rescue_boot_mode='sms', group='powervm')
        self.assertEqual('RESCUE', self.rescue(self.server)['status'])
        lpar = self.lpar_of(self.server)
        self.assertEqual('open firmware', lpar['state'])
        self.assertEqual('sms', lpar['boot']['mode'])
        self.assertEqual('ACTIVE', self.unrescue(self.server)['status'])
        self.assert_boots_from('b', self.server)
        self.assertEqual(self.before, self.resting_state())

    def ask_for(self, **wishes):
        self.glance.images[self.rescue_image]['properties'].update(
            ('hw_rescue_' + name, value) for name, value in wishes.items())

    def test_any_bus(self):
        for bus in ('virtio', 'usb', 'scsi'):
            self.ask_for(bus=bus, device='disk')
            after = self.rescue(self.server, self.rescue_image)
            self.assertEqual('RESCUE', after['status'], bus)
            self.assert_boots_from('r', self.server)
            self.assertEqual('ACTIVE', self.unrescue(self.server)['status'])
            self.assert_boots_from('b', self.server)
            self.assertEqual(self.before, self.resting_state())

    def test_refused(self):
        """Nova says ERROR, but the server runs on from its own disk."""
        for device in ('cdrom', 'floppy'):
            self.ask_for(bus='scsi', device=device)
            after = self.rescue(self.server, self.rescue_image)
            self.assertEqual('ERROR', after['status'])
            self.assertIn(device, after['fault']['message'])
            self.assert_boots_from('b', self.server)
            self.assertEqual(self.before, self.resting_state())
            self.assertEqual('ACTIVE', self.hard_reboot(self.server)['status'])

    def test_refused_while_it_is_off(self):
        self.stop(self.server)
        before = self.platform_state()
        self.ask_for(device='cdrom')
        self.assertEqual('ERROR', self.rescue(
            self.server, self.rescue_image)['status'])
        self.assertEqual(before, self.platform_state())

    def test_failure(self):
        """A server that was on runs on from its own disk."""
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'count': 0, 'method': 'PUT',
            'path': '/rest/api/web/File/contents/.*'})
        after = self.rescue(self.server, self.glance.image4['id'])
        self.assertEqual('ERROR', after['status'])
        self.assert_boots_from('b', self.server)
        self.assertEqual(self.before, self.resting_state())

    def test_hard_reboot_after_a_crash(self):
        """The server boots from its own disk; the rescue disk is gone."""
        self.driver.rescue(
            self.context, self.instance_of(self.server),
            [], objects.ImageMeta.from_dict(
                self.glance.images[self.rescue_image]), None, None, None)
        self.assertEqual('ACTIVE', self.hard_reboot(self.server)['status'])
        self.assert_boots_from('b', self.server)
        self.assertEqual(self.before, self.resting_state())

    def test_host_boots_while_it_is_rescued(self):
        self.rescue(self.server)
        instance = self.instance_of(self.server)
        self.driver.power_off(instance)
        self.driver.resume_state_on_host_boot(
            self.context, instance, [], None)
        self.assert_boots_from('r', self.server)


class SharedPoolTest(platforms.SharedPool, LifeMixin, base.ScenarioCase):

    def test_a_vios_is_down(self):
        self.set_vios('vios2', False)
        self.assertEqual('RESCUE', self.rescue(self.server)['status'])
        self.assert_boots_from('r', self.server)
        self.set_vios('vios2', True)
        self.assertEqual('ACTIVE', self.unrescue(self.server)['status'])
        self.assert_boots_from('b', self.server)
        self.assertEqual(self.before, self.resting_state())


class FilePoolTest(platforms.FilePool, LifeMixin, base.ScenarioCase):
    pass


class BudgetMixin(RescueMixin):
    """What a rescue costs: in the driver, and all that Nova asks for.

    Before it rescues a server, Nova stops it; afterwards it asks for the
    state of the server.
    """

    def test_budgets(self):
        self.delete(self.boot())
        server = self.boot()
        # The first time, the forms of the jobs are read.
        self.rescue(server)
        self.unrescue(server)

        after, requests = self.requests_of(self.rescue, server)
        self.assertEqual('RESCUE', after['status'])
        self.assert_within(self.RESCUE_BY_NOVA, requests)

        after, requests = self.requests_of(self.unrescue, server)
        self.assertEqual('ACTIVE', after['status'])
        self.assert_within(self.UNRESCUE_BY_NOVA, requests)

        instance = self.instance_of(server)
        image = objects.ImageMeta.from_dict(self.glance.images[self.image_id])
        self.driver.power_off(instance)
        _none, requests = self.requests_of(
            self.driver.rescue, self.context, instance, [], image, None, None,
            None)
        self.assert_within(self.RESCUE, requests)
        _none, requests = self.requests_of(self.driver.unrescue, self.context,
                                           instance)
        self.assert_within(self.UNRESCUE, requests)


class LocalDiskBudgetTest(BudgetMixin, test_budgets.BudgetBase):
    RESCUE, RESCUE_BY_NOVA = 7, 11
    UNRESCUE, UNRESCUE_BY_NOVA = 10, 10


class SharedPoolBudgetTest(platforms.SharedPool, BudgetMixin,
                           test_budgets.BudgetBase):
    RESCUE, RESCUE_BY_NOVA = 6, 10
    UNRESCUE, UNRESCUE_BY_NOVA = 10, 10
