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

"""Resizes on the same host: there, back again, and half-way."""

from oslo_utils import units

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base

#: Where the guest writes: behind the image, and in the last MiB of 2 GiB.
OFFSETS = (700 * units.Mi + 4097, 2 * units.Gi - 8192)
WRITTEN = b'written from inside the server' * 100


class SameHostResizeMixin(base.MoveMixin):

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)

    def test_confirm(self):
        server = self.boot(flavor_id=self.small)
        name = self.lpar_of(server)['name']
        self.assertEqual((2048, 1, 2), self.size_of(server))
        disk = self.boot_disk_of(server)
        for offset in OFFSETS:
            disk.write_at(offset, WRITTEN)

        self.resize(server, self.large)

        # Before it is confirmed the disk is as it was, for a revert.
        self.assertEqual((4096, 2, 2), self.size_of(server))
        lpar = self.lpar_of(server)
        self.assertEqual((name, 'running'), (lpar['name'], lpar['state']))

        self.assertEqual('ACTIVE',
                         self.act(server, 'confirmResize')['status'])

        self.assertEqual((4096, 2, 5), self.size_of(server))
        self.assertEqual('running', self.lpar_of(server)['state'])
        disk = self.boot_disk_of(server)
        self.assertEqual(5 * units.Gi, disk.size)
        for offset in OFFSETS:
            self.assertEqual(WRITTEN, disk.read(offset, len(WRITTEN)))

    def test_revert_gives_back_what_was(self):
        server = self.boot(flavor_id=self.small)
        before = self.platform_state()
        self.resize(server, self.large)
        after = self.act(server, 'revertResize')
        self.assertEqual('ACTIVE', after['status'], after.get('fault'))
        self.assert_state_equal(before, self.platform_state(), 'reverted')

    def test_stopped_server_stays_off(self):
        server = self.boot(flavor_id=self.small)
        self.stop(server)
        before = self.platform_state()
        self.resize(server, self.large)
        self.assertEqual('not activated', self.lpar_of(server)['state'])
        self.assertEqual((4096, 2, 2), self.size_of(server))
        self.assertEqual('SHUTOFF',
                         self.act(server, 'revertResize')['status'])
        self.assert_state_equal(before, self.platform_state(), 'reverted')
        self.resize(server, self.large)
        self.assertEqual('SHUTOFF',
                         self.act(server, 'confirmResize')['status'])
        self.assertEqual('not activated', self.lpar_of(server)['state'])
        self.assertEqual((4096, 2, 5), self.size_of(server))

    def test_down_in_all_but_the_disk(self):
        server = self.boot(flavor_id=self.small)
        for flavor in (self.large,
                       self.make_flavor('flat', memory_mb=1024, disk=5)):
            self.resize(server, flavor)
            self.act(server, 'confirmResize')
        self.assertEqual((1024, 1, 5), self.size_of(server))
        before = self.platform_state()
        self.resize(server, self.small, status='ACTIVE')
        self.assert_state_equal(before, self.platform_state(), 'refused')
        self.assertIn('cannot shrink from 5 to 2 GB',
                      self.fault_of(server))

    def test_flavor_that_the_host_cannot_fulfil(self):
        server = self.boot(flavor_id=self.small)
        before = self.platform_state()
        bad = self.make_flavor('bad', extra_spec={
            'powervm:proc_units': '7.5'})
        self.resize(server, bad, status='ACTIVE')
        self.assert_state_equal(before, self.platform_state(), 'refused')
        self.assertIn('powervm:proc_units=7.5', self.fault_of(server))

    def test_extra_specs_come_and_go(self):
        server = self.boot(flavor_id=self.small)
        before = self.platform_state()
        settings = self.settings_of(server)
        special = self.make_flavor('special', extra_spec={
            'powervm:availability_priority': '7',
            'powervm:max_mem': '4096',
            'powervm:dedicated_proc': 'true'})
        self.resize(server, special)
        memory, processors, priority, *_more = self.settings_of(server)
        self.assertTrue(processors.dedicated)
        self.assertEqual((4096, 7), (memory.maximum, priority))
        self.act(server, 'revertResize')
        self.assert_state_equal(before, self.platform_state(), 'reverted')
        self.assertEqual(settings, self.settings_of(server))

    def test_swap(self):
        server = self.boot(flavor_id=self.make_flavor('swap1', swap=1024))
        before = self.platform_state()
        self.resize(server, self.make_flavor('swap3', swap=3000))
        swap = [m for m in self.mappings_of(server)
                if m['storage'].startswith('s_')]
        self.assertTrue(swap)
        self.assertNotEqual(before, self.platform_state())
        self.act(server, 'revertResize')
        self.assertEqual('ACTIVE', self.settled(server)['status'])
        self.assertIsNone(self.delete(server))

    def test_delete_before_it_is_confirmed(self):
        before = self.platform_state()
        server = self.boot(flavor_id=self.small)
        self.resize(server, self.large)
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(before, self.platform_state(), 'deleted')


class LocalDiskTest(SameHostResizeMixin, base.ScenarioCase):

    def test_confirm_cannot_grow_the_disk(self):
        server = self.boot(flavor_id=self.small)
        self.resize(server, self.large)
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'method': 'POST', 'path': 'VolumeGroup'})
        self.assertEqual('ACTIVE',
                         self.act(server, 'confirmResize')['status'])
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertEqual((4096, 2, 2), self.size_of(server))
        self.assertIn('could not be made larger', self.logger.output)

        self.assertEqual('ACTIVE', self.act(
            server, 'reboot', {'type': 'HARD'})['status'])

        self.assertEqual((4096, 2, 5), self.size_of(server))


class SharedPoolTest(platforms.SharedPool, SameHostResizeMixin,
                     base.ScenarioCase):
    pass


class FilePoolTest(platforms.FilePool, base.MoveMixin, base.ScenarioCase):
    """The platform cannot resize the files."""

    def test_root_disk_does_not_grow(self):
        self.flags(allow_resize_to_same_host=True)
        server = self.boot(flavor_id=self.small)
        before = self.platform_state()
        self.resize(server, self.large, status='ACTIVE')
        self.assertIn('file-backed', self.fault_of(server))
        self.assert_state_equal(before, self.platform_state(), 'refused')
        self.resize(server, self.make_flavor('wide', memory_mb=4096))
        self.assertEqual('ACTIVE',
                         self.act(server, 'confirmResize')['status'])
        self.assertEqual(4096, self.lpar_of(server)['memory_mb'])


class ResizeBudgetTest(base.MoveMixin, base.ScenarioCase):
    """Jobs are answered after one poll."""

    TIMING = {'job_polls': 1}

    def test_requests(self):
        self.flags(allow_resize_to_same_host=True)
        server = self.boot(flavor_id=self.small)
        _after, requests = self.requests_of(self.resize, server, self.large)
        self.assertLessEqual(len(requests), 12, '\n'.join(requests))
        _after, requests = self.requests_of(self.act, server, 'confirmResize')
        self.assertLessEqual(len(requests), 2, '\n'.join(requests))
        self.assertEqual((4096, 2, 5), self.size_of(server))


class SharedPoolBudgetTest(platforms.SharedPool, ResizeBudgetTest):
    pass
