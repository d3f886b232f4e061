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

"""What the flows of a resize on the same host consist of."""

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import resize


class PrepareTest(base.RecipesTestCase):
    """What can be refused is refused before the server is stopped."""

    MODULE = resize
    FLOW = 'prepare'
    RECIPES = {
        'was on': ({}, {'was_on': True}, '''
            check_flavor
            pwr_back_on
            pwr_off_vm+missing_ok'''),
        'was off': ({}, {'was_on': False}, '''
            check_flavor
            pwr_off_vm+missing_ok'''),
        'by force': ({}, {'was_on': True, 'timeout': 0}, '''
            check_flavor
            pwr_back_on
            pwr_off_vm+force_immediate+missing_ok'''),
        'to a larger boot disk': ({'new_root_gb': 2}, {'was_on': True}, '''
            check_flavor
            check_disk_growth
            pwr_back_on
            pwr_off_vm+missing_ok'''),
        'to a smaller boot disk': ({'root_gb': 2}, {'was_on': False}, '''
            check_flavor
            pwr_off_vm+missing_ok'''),
        # They are disconnected while it is off, and again before it is on.
        'with volumes': ({'volumes': 2}, {'was_on': True}, '''
            check_flavor
            pwr_back_on
            pwr_off_vm+missing_ok
            release_volumes
            update_vioses'''),
        'from a volume to a larger boot disk': (
            {'boot_volume': True, 'new_root_gb': 2}, {'was_on': False}, '''
            check_flavor
            pwr_off_vm+missing_ok
            release_volumes
            update_vioses'''),
    }

    def test_what_it_is_to_be(self):
        flavor = base.flavor(root_gb=2)
        flow = self.build(resize.prepare, was_on=True, timeout=17,
                          flavor=flavor)
        self.assertIs(flavor, self.task(flow, 'check_flavor').flavor)
        self.assertEqual(2, self.task(flow, 'check_disk_growth').size_gb)
        self.assertEqual(17, self.task(flow, 'pwr_off_vm').timeout)


class FinishTest(base.RecipesTestCase):
    """Volumes stay connected when it fails: Nova has attached them."""

    MODULE = resize
    FLOW = 'finish'
    RECIPES = {
        'to be on': ({'swap_before': 0}, {'power_on': True}, '''
            pwr_back_on
            resize_vm
            pwr_vm'''),
        'to be off': ({'swap_before': 0}, {'power_on': False}, '''
            resize_vm'''),
        'with another swap': (
            {'swap': 512, 'swap_before': 1024}, {'power_on': True}, '''
            pwr_back_on
            resize_vm
            replace_swap+mapped
            pwr_vm'''),
        'with the same swap': (
            {'swap': 512, 'swap_before': 512}, {'power_on': True}, '''
            pwr_back_on
            resize_vm
            pwr_vm'''),
        'with all there can be': (
            {'volumes': 1, 'swap_before': 512, 'store': True},
            {'power_on': True}, '''
            rediscover_volumes
            restore_volumes
            update_vioses
            save_volumes
            pwr_back_on
            resize_vm
            replace_swap+mapped
            save_slot_store
            pwr_vm'''),
    }

    def test_old_flavor(self):
        old_flavor = base.flavor(swap=512)
        flow = self.build(resize.finish, power_on=True, old_flavor=old_flavor)
        for name in ('resize_vm', 'replace_swap'):
            self.assertIs(old_flavor, self.task(flow, name).old_flavor)


class PauseTest(base.RecipesTestCase):

    MODULE = resize
    FLOW = 'pause'
    RECIPES = {
        'without volumes': ({}, {}, ''),
        'with volumes': ({'volumes': 1}, {}, '''
            pwr_off_vm+missing_ok
            release_volumes
            update_vioses'''),
    }


class RevertTest(base.RecipesTestCase):

    MODULE = resize
    FLOW = 'revert'
    RECIPES = {
        'to be on': ({'swap_before': 0}, {'power_on': True}, '''
            pwr_off_vm
            resize_vm_back
            pwr_vm'''),
        'to be off': ({'swap_before': 0}, {'power_on': False}, '''
            pwr_off_vm
            resize_vm_back'''),
        'with all there can be': (
            {'volumes': 1, 'swap_before': 512, 'store': True},
            {'power_on': True}, '''
            pwr_off_vm
            rediscover_volumes
            restore_volumes
            update_vioses
            save_volumes
            resize_vm_back
            replace_swap+mapped
            save_slot_store
            pwr_vm'''),
    }


class ExtendTest(base.RecipesTestCase):

    MODULE = resize
    FLOW = 'extend'
    RECIPES = {'plain': ({}, {}, 'extend_disk')}

    def test_size(self):
        flow = self.build(resize.extend, base.Server(root_gb=7))
        self.assertEqual(7, self.task(flow, 'extend_disk').size_gb)
