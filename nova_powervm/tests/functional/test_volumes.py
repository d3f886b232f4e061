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

"""Cinder volumes over Fibre Channel, through Nova's API."""

import fixtures as fx
from nova.tests import fixtures as nova_fixtures

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import test_budgets
from nova_powervm.tests.functional import test_fault_walk
from nova_powervm.tests.virt.powervm.volume import san

VOLUME = '5a5a0000-0000-4000-8000-0000000000%02d'
LUA = '0x%02x00000000000000'


class SanCinder(nova_fixtures.CinderFixture):
    """Nova's Cinder fixture with volumes in a storage area network.

    :ivar san: san.San
    :ivar wrong: list of what a real Cinder would have complained of.
    :ivar encrypted: set of ids of volumes.
    """

    def setUp(self):
        super().setUp()
        self.san = self.useFixture(san.San())
        self.wrong = []
        self.encrypted = set()

    def _find_connection_info(self, volume_id, attachment_id):
        attachment = self.volume_to_attachment[volume_id][attachment_id]
        info = self.san.connection(volume_id,
                                   attachment['connector']['wwpns'])
        info['data']['encrypted'] = volume_id in self.encrypted
        return info

    def fake_attachment_delete(self, context, attachment_id):
        volume_id, _attachment, attachments = self._find_attachment(
            attachment_id)
        super().fake_attachment_delete(context, attachment_id)
        lun = self.san.volumes.get(volume_id)
        if lun and not any(other['connector']
                           for other in attachments.values()):
            lun.exports.clear()
            self.wrong += self.still_there(lun)

    def still_there(self, lun):
        """Devices that VIOSes have of a volume."""
        return ['%s %s' % (vios.name, disk.name)
                for host in self.test.site.hosts
                for vios in host.store.all('VirtualIOServer')
                for disk in vios.volumes.values()
                if disk.serial == lun.serial]


class VolumeMixin:
    """A cloud whose volumes are in a storage area network."""

    STRATEGY = 'vscsi'

    def _prepare_platform(self):
        super()._prepare_platform()
        self.cinder = SanCinder(self)
        self.useFixture(fx.MockPatchObject(
            nova_fixtures, 'CinderFixture', lambda _test: self.cinder))

    def _configure_driver(self):
        super()._configure_driver()
        self.flags(fc_attach_strategy=self.STRATEGY, group='powervm')

    @property
    def san(self):
        return self.cinder.san

    def attach(self, server, number):
        """Attach a volume; returns whether that succeeded."""
        try:
            self.api.post_server_volume(server['id'], {
                'volumeAttachment': {'volumeId': VOLUME % number}})
        except Exception:
            return False
        self.settled(server)
        return VOLUME % number in self.attached(server)

    def attached(self, server):
        """Nova's view of the volumes of a server."""
        return [found['volumeId'] for found in
                self.api.get_server_volumes(server['id'])]

    def detach(self, server, number):
        try:
            self.api.delete_server_volume(server['id'], VOLUME % number)
        except Exception:
            base.LOG.exception('The detachment failed.')
        self.settled(server)
        return VOLUME % number not in self.attached(server)

    def boot_with(self, numbers, boots=False, **kwargs):
        """Create a server with volumes, the first to boot from or not."""
        mapping = [{'source_type': 'volume', 'destination_type': 'volume',
                    'uuid': VOLUME % number, 'boot_index': -1}
                   for number in numbers]
        if boots:
            mapping[0]['boot_index'] = 0
            kwargs['image_uuid'] = ''
        else:
            mapping.insert(0, {
                'source_type': 'image', 'destination_type': 'local',
                'uuid': self.image_id, 'boot_index': 0})
        server = self._build_server(networks=[
            {'port': self.neutron.port_1['id']}], **kwargs)
        server['block_device_mapping_v2'] = mapping
        return self.settled(self.api.post_server({'server': server}))

    def paths_of(self, server):
        """Volumes of a server: {LUA: [(VIOS, serial), ...]}."""
        paths = {}
        lpar = self.lpar_of(server)
        for vios in self.platform.store.all('VirtualIOServer'):
            for bus in vios.buses:
                for target in bus.targets:
                    if (bus.client_id == lpar['id'] and
                            target.backing.TAG == 'PhysicalVolume'):
                        paths.setdefault(target.lua, []).append(
                            (vios.name, target.backing.serial))
        return paths

    def paths(self, number):
        """What paths_of() is to show of one volume."""
        serial = self.san.volumes[VOLUME % number].serial
        return [('vios1', serial), ('vios2', serial)]

    def set_rmc(self, state):
        with self.site.lock:
            self.vios('vios2').set_rmc(state)

    def vios(self, name):
        return next(vios for vios in
                    self.platform.store.all('VirtualIOServer')
                    if vios.name == name)


class VolumeTest(VolumeMixin, base.PowerVMTestCase):

    def setUp(self):
        super().setUp()
        self.delete(self.boot())
        self.before = self.platform_state()

    def assert_nothing_left(self):
        self.assert_state_equal(self.before, self.platform_state(), 'Left')
        self.assertEqual([], self.cinder.wrong)

    def test_attach_and_detach(self):
        server = self.boot()
        without = self.platform_state()
        self.assertTrue(self.attach(server, 1))
        self.assertEqual({LUA % 0x90: self.paths(1)}, self.paths_of(server))
        self.assertTrue(self.attach(server, 2))
        self.assertEqual({LUA % 0x90: self.paths(1),
                          LUA % 0x91: self.paths(2)}, self.paths_of(server))
        for number in (1, 2):
            self.assertTrue(self.detach(server, number))
        self.assert_state_equal(without, self.platform_state(), 'Left')
        self.delete(server)
        self.assert_nothing_left()

    def test_stopped_server(self):
        server = self.boot()
        self._stop_server(server)
        self.assertTrue(self.attach(server, 1))
        self.assertTrue(self.detach(server, 1))
        self.assertEqual({}, self.paths_of(server))

    def test_running_without_rmc(self):
        server = self.boot()
        self.assertTrue(self.attach(server, 1))
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        with self.site.lock:
            lpar.set_rmc('inactive')
        self.assertFalse(self.attach(server, 2))
        self.assertFalse(self.detach(server, 1))
        self.assertEqual([VOLUME % 1], self.attached(server))
        self.assertEqual({LUA % 0x90: self.paths(1)}, self.paths_of(server))

    def test_boot_from_volume_and_delete(self):
        server = self.boot_with([1, 2], boots=True)
        self.assertEqual('ACTIVE', server['status'])
        self.assertEqual({LUA % 0x81: self.paths(1),
                          LUA % 0x90: self.paths(2)}, self.paths_of(server))
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()

    def test_image_and_volumes(self):
        server = self.boot_with([1, 2, 3])
        self.assertEqual('ACTIVE', server['status'])
        self.assertEqual([self.paths(number) for number in (1, 2, 3)],
                         [paths for _lua, paths in
                          sorted(self.paths_of(server).items())])
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()

    def test_encrypted(self):
        self.cinder.encrypted.add(VOLUME % 1)
        self.assertEqual('ERROR', self.boot_with([1])['status'])
        server = self.boot(networks='none')
        self.assertFalse(self.attach(server, 1))
        self.assertEqual({}, self.paths_of(server))

    def test_hard_reboot_makes_up_for_lost_paths(self):
        server = self.boot_with([1])
        lua = next(iter(self.paths_of(server)))
        bus = next(bus for bus in self.vios('vios2').buses
                   if bus.targets)
        with self.site.lock:
            bus.remove_target(bus.targets[0])
            self.vios('vios2').touch()
        self._reboot_server(server, hard=True)
        self.assertEqual({lua: self.paths(1)}, self.paths_of(server))

    def test_hard_reboot_goes_on_without_a_lost_volume(self):
        server = self.boot_with([1, 2])
        self.san.lost.add(VOLUME % 2)
        self._reboot_server(server, hard=True)
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assertIn(self.paths(1), self.paths_of(server).values())

    def test_hard_reboot_of_a_server_without_lpar(self):
        self.flags(force_config_drive=False)
        server = self.boot_with([1], boots=True)
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        with self.site.lock:
            lpar.set_state('not activated')
            self.platform.remove(lpar)
        self._reboot_server(server, hard=True)
        self.assertEqual({LUA % 0x81: self.paths(1)}, self.paths_of(server))
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()

    def test_rebuild_and_shelve(self):
        server = self.boot_with([1])
        self._rebuild_server(server, self.glance.image3['id'])
        self.assertEqual([self.paths(1)],
                         list(self.paths_of(server).values()))

    def test_one_vios_is_down(self):
        self.set_rmc('inactive')
        server = self.boot_with([1])
        self.assertEqual('ACTIVE', server['status'])
        self.assertTrue(self.attach(server, 2))
        self.assertTrue(self.detach(server, 2))
        self.assertIsNone(self.delete(server))
        self.set_rmc('active')
        self.assert_nothing_left()

    def test_extend(self):
        server = self.boot_with([1])
        self.san.volumes[VOLUME % 1].size_gb = 7
        self.api.create_server_external_events([
            {'name': 'volume-extended', 'server_uuid': server['id'],
             'tag': VOLUME % 1}])
        serial = self.san.volumes[VOLUME % 1].serial
        self.wait_for(lambda: [7 * 1024] * 2 == [
            disk.capacity_mb
            for vios in self.platform.store.all('VirtualIOServer')
            for disk in vios.volumes.values() if disk.serial == serial])


class VolumeBudgetTest(VolumeMixin, test_budgets.BudgetBase):

    def test_life(self):
        self.delete(self.boot_with([1]))
        server, bare = self.requests_of(self.boot)
        self.attach(server, 1)
        self.detach(server, 1)

        done, requests = self.requests_of(self.attach, server, 2)
        self.assertTrue(done)
        self.assert_within(11, requests)
        done, requests = self.requests_of(self.detach, server, 2)
        self.assertTrue(done)
        self.assert_within(10, requests)
        self.delete(server)

        server, requests = self.requests_of(self.boot_with, range(8))
        self.assertEqual('ACTIVE', server['status'])
        self.assert_within(len(bare) + 2 * (4 + 2 * 8), requests)
        self.delete(server)


class VolumeFaultWalkBase(VolumeMixin, test_fault_walk.FaultWalkBase):

    def setUp(self):
        super().setUp()
        # The ports of the VIOSes and the forms of jobs are read once.
        self.delete(self.boot_with([1]))

    def check(self, number, effect, fault):
        self.platform.faults.clear()
        self.assert_as_before('%s at request %d: %s' % (
            effect, number, fault.data()))
        self.assertEqual([], self.cinder.wrong)
        return not fault.applied

    def walk_attach(self, effect):
        server = self.boot()
        self.before = self.platform_state()
        for number in range(1, test_fault_walk.ENDLESS):
            fault = self.break_request(effect, number)
            if self.attach(server, 1):
                self.platform.faults.clear()
                self.assertTrue(self.detach(server, 1))
            if self.check(number, effect, fault):
                return number - 1
        self.fail('Attach does not end.')

    def walk_detach(self, effect):
        server = self.boot()
        self.before = self.platform_state()
        for number in range(1, test_fault_walk.ENDLESS):
            self.assertTrue(self.attach(server, 1))
            fault = self.break_request(effect, number)
            if not self.detach(server, 1):
                self.platform.faults.clear()
                self.assertTrue(self.detach(server, 1))
            if self.check(number, effect, fault):
                return number - 1
        self.fail('Detach does not end.')

    def walk_delete(self, effect):
        for number in range(1, test_fault_walk.ENDLESS):
            server = self.boot_with([1, 2, 3])
            fault = self.break_request(effect, number)
            left = self.delete(server)
            self.platform.faults.clear()
            if left:
                self.assertIsNone(self.delete(server))
            if self.check(number, effect, fault):
                return number - 1
        self.fail('Delete does not end.')

    def walk_boot(self, effect):
        for number in range(1, test_fault_walk.ENDLESS):
            fault = self.break_request(effect, number)
            server = self.boot_with([1, 2], boots=True)
            self.platform.faults.clear()
            self.assertIsNone(self.delete(server))
            if self.check(number, effect, fault):
                return number - 1
        self.fail('Boot does not end.')


def _walks(operation, at_least):
    """Make a class of tests that walk over one operation."""
    def test(effect):
        return lambda self: self.assertGreaterEqual(
            getattr(self, 'walk_' + operation)(effect),
            1 if effect == 'etag_412' else at_least)
    return {'test_' + effect: test(effect)
            for effect in test_fault_walk.EFFECTS}


AttachFaultWalkTest = type('AttachFaultWalkTest', (VolumeFaultWalkBase,),
                           _walks('attach', 8))
DetachFaultWalkTest = type('DetachFaultWalkTest', (VolumeFaultWalkBase,),
                           _walks('detach', 8))
DeleteFaultWalkTest = type('DeleteFaultWalkTest', (VolumeFaultWalkBase,),
                           _walks('delete', 20))
BootFaultWalkTest = type('BootFaultWalkTest', (VolumeFaultWalkBase,),
                         _walks('boot', 15))
