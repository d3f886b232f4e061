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

"""What the flows of a live migration consist of."""

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import live_migration

_DRIVE = {'config_drive': True}


class PrepareTest(base.RecipesTestCase):

    MODULE = live_migration
    FLOW = 'prepare'
    RECIPES = {
        'any server': (
            {}, {'ports': [], 'public_key': 'ssh-rsa', 'switches': {}}, '''
            check_is_awaited_first
            keep_host
            authorize_key
            prepare_ports
            check_is_awaited_last'''),
        'volumes': (
            {'volumes': 2},
            {'ports': [], 'public_key': 'ssh-rsa', 'switches': {},
             'adapters': {}}, '''
            check_is_awaited_first
            keep_host
            authorize_key
            prepare_ports
            prepare_volumes
            check_is_awaited_last'''),
    }


class SubmitTest(base.RecipesTestCase):

    MODULE = live_migration
    FLOW = 'submit'
    RECIPES = {
        'without config drive': (
            {}, {'migration': None, 'parameters': {}}, '''
            submit_migration'''),
        'with config drive': (
            _DRIVE, {'migration': None, 'parameters': {}}, '''
            unload_cfg_drive
            submit_migration'''),
    }


class RollBackAtSourceTest(base.RecipesTestCase):

    MODULE = live_migration
    FLOW = 'roll_back_at_source'
    RECIPES = {
        'without config drive': ({}, {}, ''),
        'with config drive': (_DRIVE, {}, '''
            reattach_cfg_drive
            update_vioses'''),
    }


class RollBackAtTargetTest(base.RecipesTestCase):

    MODULE = live_migration
    FLOW = 'roll_back_at_target'
    RECIPES = {
        'without volumes': ({}, {}, '''
            leave_ports
            forget_attachments'''),
        'volumes by virtual SCSI': (
            {'attrs': {'system_metadata': {
                'powervm_volume_x': '0x9000000000000000 01UDID'}}}, {}, '''
            leave_ports
            forget_devices
            forget_attachments'''),
    }


class ForgetVolumesTest(base.RecipesTestCase):

    MODULE = live_migration
    FLOW = 'forget_volumes'
    RECIPES = {'any server': ({'volumes': 1}, {}, 'forget_devices')}


class ReleaseVolumesTest(base.RecipesTestCase):

    MODULE = live_migration
    FLOW = 'release_volumes'
    RECIPES = {'any server': ({'volumes': 1}, {'target': 'compute2'}, '''
        note_departure
        forget_devices''')}


class UnplugAtSourceTest(base.RecipesTestCase):

    MODULE = live_migration
    FLOW = 'unplug_at_source'
    RECIPES = {'any server': ({}, {}, 'leave_ports')}


class CleanSourceTest(base.RecipesTestCase):

    MODULE = live_migration
    FLOW = 'clean_source'
    RECIPES = {
        'without config drive': ({}, {}, 'forget_state'),
        'with config drive': (_DRIVE, {}, '''
            forget_state
            vopt_delete_of_moved'''),
    }


class FinishOnTargetTest(base.RecipesTestCase):

    MODULE = live_migration
    FLOW = 'finish_on_target'
    RECIPES = {
        'without config drive': ({}, {}, '''
            keep_host
            announce_ports'''),
        'volumes': ({'boot_volume': True}, {}, '''
            keep_host
            note_volumes
            forget_attachments
            announce_ports'''),
        'with config drive': (_DRIVE, {}, '''
            keep_host
            announce_ports
            restore_cfg_drive'''),
        'with config drive and slot map': (
            dict(_DRIVE, store=True), {}, '''
            keep_host
            announce_ports
            restore_cfg_drive
            save_slot_store'''),
    }
