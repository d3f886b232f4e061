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

"""What the flows of a rescue, and of its end, consist of."""

from pypowervm.tasks import power_opts

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import rescue

IBMI = {'image_os_distro': 'ibmi'}


class RescueTest(base.RecipesTestCase):
    """The rescue disk is mapped at once: what boots needs its address."""

    MODULE = rescue
    FLOW = 'rescue'
    RECIPES = {
        'from the rescue disk': ({}, {}, '''
            check_rescue
            crt_disk_from_img[rescue]
            connect_rescue_disk
            find_boot_device[rescue]
            pwr_vm'''),
        'from the rescue disk, after Nova has stopped it': (
            {}, {'was_on': True}, '''
            pwr_back_on
            check_rescue
            crt_disk_from_img[rescue]
            connect_rescue_disk
            find_boot_device[rescue]
            pwr_vm'''),
        'at the menu': ({}, {'at_menu': True}, '''
            check_rescue
            crt_disk_from_img[rescue]
            connect_rescue_disk
            pwr_vm+restart'''),
    }

    def test_menu(self):
        flow = self.build(rescue.rescue, at_menu=True)
        self.assertEqual(
            str(power_opts.PowerOnOpts().bootmode(power_opts.BootMode.SMS)),
            str(self.task(flow, 'pwr_vm').opts))

    def test_boots_from_what_was_found(self):
        flow = self.build(rescue.rescue)
        self.assertEqual({'boot_device'},
                         set(self.task(flow, 'pwr_vm').requires))


class IbmiTest(base.RecipesTestCase):
    """The disk gets an adapter of its own; there is no menu."""

    MODULE = rescue
    FLOW = 'rescue'
    RECIPES = {
        title: ({'attrs': {'system_metadata': IBMI}}, arguments, '''
            check_rescue
            crt_disk_from_img[rescue]
            connect_rescue_disk+apart
            pwr_vm+restart''')
        for title, arguments in (('from the rescue disk', {}),
                                 ('not at the menu', {'at_menu': True}))}

    def test_what_it_boots_from(self):
        server = base.Server(attrs={'system_metadata': IBMI})
        for flow, disk_type in (
                (self.build(rescue.rescue, server), 'rescue'),
                (self.build(rescue.power_on, server), 'rescue'),
                (self.build(rescue.unrescue, server), 'boot')):
            self.assertEqual(disk_type, self.task(
                flow, 'pwr_vm').source._find.args[2])


class IbmiPowerOnTest(base.RecipesTestCase):

    MODULE = rescue
    FLOW = 'power_on'
    RECIPES = {'plain': ({'attrs': {'system_metadata': IBMI}}, {}, '''
        reconnect_rescue_disk
        pwr_vm''')}


class IbmiUnrescueTest(base.RecipesTestCase):

    MODULE = rescue
    FLOW = 'unrescue'
    RECIPES = {'plain': ({'attrs': {'system_metadata': IBMI}}, {}, '''
        pwr_off_vm+force_immediate
        detach_storage[rescue]
        update_vioses
        dlt_storage[rescue]
        pwr_vm+restart''')}


class DiscardTest(base.RecipesTestCase):

    MODULE = rescue
    FLOW = 'discard'
    RECIPES = {'plain': ({}, {}, 'dlt_storage[rescue]')}


class PowerOnTest(base.RecipesTestCase):
    """A rescue disk that was there before stays mapped if it fails."""

    MODULE = rescue
    FLOW = 'power_on'
    RECIPES = {'plain': ({}, {}, '''
        restore_own_disks[rescue]
        update_vioses
        find_boot_device[rescue]
        pwr_vm''')}


class UnrescueTest(base.RecipesTestCase):

    MODULE = rescue
    FLOW = 'unrescue'
    RECIPES = {
        'plain': ({'volumes': 1}, {}, '''
            pwr_off_vm+force_immediate
            detach_storage[rescue]
            update_vioses
            dlt_storage[rescue]
            find_boot_device[boot]
            pwr_vm'''),
        'to a volume': ({'boot_volume': True}, {}, '''
            pwr_off_vm+force_immediate
            detach_storage[rescue]
            update_vioses
            dlt_storage[rescue]
            find_boot_device[boot]
            pwr_vm'''),
    }
