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

"""What the flows of Cinder volumes consist of."""

from unittest import mock

from nova import exception as nova_exc
from taskflow.patterns import linear_flow

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.flows import volume
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import npiv

SCSI_MAPPING = vios_mappings.SCSI_MAPPING
FC_MAPPING = vios_mappings.FC_MAPPING


class AttachTest(base.RecipesTestCase):
    """Its place is saved, and told to the guest, once it is connected."""

    MODULE = volume
    FLOW = 'attach'
    RECIPES = {
        'plain': ({}, {}, '''
            check_attach
            keep_connection
            discover_volumes
            connect_volumes
            update_vioses
            save_volumes
            tag_devices'''),
        'with a store': ({'store': True}, {}, '''
            check_attach
            keep_connection
            discover_volumes
            connect_volumes
            update_vioses
            save_volumes
            tag_devices
            save_slot_store'''),
    }

    def test_nova_saves_connection_info_itself(self):
        flow = self.build(volume.attach)
        self.assertIsNone(self.task(flow, 'save_volumes').bdms)


class DetachTest(base.RecipesTestCase):

    MODULE = volume
    FLOW = 'detach'
    RECIPES = {
        'for good': ({}, {}, '''
            check_detach
            disconnect_volumes
            update_vioses
            forget_volumes'''),
        # It is to come back to its place.
        'for a rebuild': ({}, {'for_rebuild': True}, '''
            check_detach
            disconnect_volumes
            update_vioses'''),
        'with a store': ({'store': True}, {}, '''
            check_detach
            disconnect_volumes
            update_vioses
            forget_volumes
            save_slot_store'''),
    }


class ExtendTest(base.RecipesTestCase):

    MODULE = volume
    FLOW = 'extend'
    RECIPES = {'plain': ({}, {'size': 1024 ** 3}, 'extend_volume')}


class SwapTest(base.RecipesTestCase):
    """What cannot be undone comes last."""

    MODULE = volume
    FLOW = 'swap'
    RECIPES = {
        'on': ({}, {'was_on': True, 'may_stop': True}, '''
            check_swap+may_stop
            note_swap+was_on
            pwr_back_on
            pwr_off_vm
            discover_swap
            copy_volume
            replace_volume
            update_vioses
            pwr_vm
            save_swap'''),
        'on and must not be stopped': (
            {}, {'was_on': True, 'may_stop': False}, '''
            check_swap
            note_swap+was_on
            pwr_back_on
            pwr_off_vm
            discover_swap
            copy_volume
            replace_volume
            update_vioses
            pwr_vm
            save_swap'''),
        # It is off: nothing has to be stopped.
        'off': ({}, {'was_on': False, 'may_stop': False}, '''
            check_swap+may_stop
            note_swap
            discover_swap
            copy_volume
            replace_volume
            update_vioses
            save_swap'''),
        'by force with a store': (
            {'store': True},
            {'was_on': True, 'may_stop': True, 'timeout': 0}, '''
            check_swap+may_stop
            note_swap+was_on
            pwr_back_on
            pwr_off_vm+force_immediate
            discover_swap
            copy_volume
            replace_volume
            update_vioses
            pwr_vm
            save_swap
            save_slot_store'''),
    }

    def test_time_to_shut_down(self):
        flow = self.build(volume.swap, was_on=True, may_stop=True,
                          timeout=17)
        self.assertEqual(17, self.task(flow, 'pwr_off_vm').timeout)


class PartsTest(base.FlowTestCase):
    """What flows of servers add for their volumes."""

    def setUp(self):
        super().setUp()
        self.server = base.Server(volumes=2, boot_volume=True)
        self.services = self.server.services()
        self.info = self.server.block_device_info()

    def volumes(self, function=volume.volumes_for, info=None):
        return function(self.services, self.server.instance(),
                        info or self.info)

    def test_boot_volume_comes_first(self):
        volumes = self.volumes()
        self.assertEqual([base.VOLUME % number for number in (0, 1, 2)],
                         volumes.ids)
        self.assertEqual([True, False, False],
                         [vol.boot for vol in volumes.volumes])

    def test_volume_of_an_unknown_kind(self):
        """It cannot be connected, but does not hinder the removal."""
        self.info['block_device_mapping'][0]['connection_info'][
            'driver_volume_type'] = 'iscsi'
        self.assertRaises(nova_exc.InvalidVolume, self.volumes)
        self.assertEqual({base.VOLUME % 0, base.VOLUME % 2},
                         set(self.volumes(volume.volumes_for_removal).ids))

    def test_adapters_of_a_server_without_volumes(self):
        """NPIV: what the server once had of adapters is removed, too."""
        with mock.patch('nova_powervm.virt.powervm.volume.fabrics.known_to',
                        return_value=['A']):
            found = self.volumes(volume.volumes_for_removal, {
                'block_device_mapping': []})
        self.assertTrue(found)
        self.assertEqual([], found.ids)
        self.assertEqual([npiv.NpivTransport],
                         list(map(type, found.transports)))

    def no_volumes(self):
        return self.volumes(info={'block_device_mapping': []})

    def test_transaction_reads_what_the_transport_needs(self):
        for transport, groups in (
                ('vscsi', {SCSI_MAPPING}),
                ('npiv', {SCSI_MAPPING, FC_MAPPING})):
            self.server.transport = transport
            stg = volume.transaction(self.services, 'test', self.volumes())
            self.assertEqual(groups, {
                group for group in (SCSI_MAPPING, FC_MAPPING)
                if stg.reads(group)})
        self.assertFalse(volume.transaction(
            self.services, 'test', self.no_volumes()).reads(FC_MAPPING))

    def test_nothing_is_added_without_volumes(self):
        flow = linear_flow.Flow('test')
        volume.add_connect(flow, self.no_volumes(), None)
        volume.add_save_volumes(flow, self.no_volumes(), None)
        volume.add_disconnect(flow, self.no_volumes(), None)
        self.assertEqual([], base.words(flow))

    def test_all_that_is_saved(self):
        """All volumes of the server are known: others are forgotten."""
        flow = linear_flow.Flow('test')
        volume.add_save_volumes(flow, self.volumes(), self.info)
        self.assertEqual(self.info['block_device_mapping'],
                         self.task(flow, 'save_volumes').bdms)
