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

"""What VIOSes that were down keep of volumes harms nobody."""

import fixtures as fx
from nova import context as nova_context
from nova import objects

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import volumes
from nova_powervm.virt.powervm.volume import copying
from nova_powervm.virt.powervm.volume import stale

VOLUME = volumes.VOLUME


class StaleMixin(volumes.VolumeMixin):

    def look_around(self, host='compute1'):
        """Run the periodic task that also cleans up."""
        self.run_task('update_available_resource', host)

    def look_now(self):
        """Look for what is left without a reason, as once an hour."""
        self.useFixture(fx.MockPatchObject(stale.StaleVolumes, 'INTERVAL',
                                           -1))
        self.look_around()

    def detach_without(self, server, number, name='vios2'):
        """Detach a volume while a VIOS is down, and start that again."""
        self.set_rmc(name, 'inactive')
        self.assertTrue(self.detach(server, number))
        self.set_rmc(name, 'active')
        self.assertEqual({VOLUME % number}, set(self.luas_of(server)))


class StaleVolumesTest(StaleMixin, volumes.VolumeCase):

    WITH_SESSIONS = False

    def setUp(self):
        super().setUp()
        self.server = self.boot_with([1])
        self.assert_sees(self.server, 1)

    def test_periodic_clean(self):
        self.detach_without(self.server, 1)
        self.look_around()
        self.assert_sees(self.server)
        self.assertEqual([], self.lun(1).hdisks)
        self.assert_deleted(self.server)

    def test_periodic_clean_costs_nothing_without_a_reason(self):
        _none, requests = self.requests_of(self.look_around)
        self.look_now()
        self.assert_sees(self.server, 1)
        self.assertLessEqual(len(requests), 2)
        self.assert_deleted(self.server)

    def test_periodic_clean_after_a_restart(self):
        """nova-compute starts again before the VIOS is back."""
        self.set_rmc('vios2', 'inactive')
        self.assertTrue(self.detach(self.server, 1))
        self.restart()
        self.look_around()
        self.set_rmc('vios2', 'active')
        self.look_around()
        self.assert_sees(self.server)
        self.assertEqual([], self.lun(1).hdisks)
        self.assert_deleted(self.server)

    def unmap(self, name='vios2'):
        """Let a VIOS keep the device of volume 1 without a mapping."""
        self.platform.operator.unmap_storage(name, self.lun(1).udid)

    def test_device_that_nobody_maps(self):
        self.detach_without(self.server, 1)
        self.unmap()
        [device] = self.lun(1).hdisks
        self.assertEqual('vios2', device.vios.name)
        self.look_now()
        self.assertEqual([], self.lun(1).hdisks)
        self.assert_deleted(self.server)

    def test_device_that_an_operator_has_mapped(self):
        """Nobody in Nova needs it, but it is not asked to be removed."""
        self.detach_without(self.server, 1)
        self.unmap()
        udid = self.lun(1).udid
        self.platform.operator.create_partition('theirs')
        self.platform.operator.map_storage('vios2', udid, 'theirs')
        _none, requests = self.requests_of(self.look_now)
        self.assertEqual([], [request for request in requests
                              if not request.startswith('GET')])
        self.platform.operator.unmap_storage('vios2', udid, 'theirs')
        self.platform.operator.delete_partition('theirs')
        self.look_now()
        self.assertEqual([], self.lun(1).hdisks)
        self.assert_deleted(self.server)

    def test_device_that_a_server_needs(self):
        self.unmap()
        self.look_now()
        self.assertEqual(2, len(self.lun(1).hdisks))
        self.assert_deleted(self.server)

    def test_device_of_a_volume_that_another_server_gets(self):
        """A VIOS has found it for that server, and not mapped it yet."""
        other = self.boot(networks='none')
        for name in 'vios1', 'vios2':
            self.unmap(name)
        bdm = objects.BlockDeviceMapping(
            nova_context.get_admin_context(), instance_uuid=other['id'],
            source_type='volume', destination_type='volume',
            volume_id=VOLUME % 1, device_name='/dev/sdz')
        bdm.create()
        self.assertIsNone(self.delete(self.server))
        self.assertEqual(2, len(self.lun(1).hdisks))
        # Cinder takes it from the first server; this one never gets it.
        del self.cinder.complaints[:]
        bdm.destroy()
        self.look_now()
        self.assertEqual([], self.lun(1).hdisks)
        self.assert_deleted(other)

    def test_volume_goes_to_another_server(self):
        """The former server does not reach it any more."""
        other = self.boot(networks='none')
        self.detach_without(self.server, 1)
        self.assertTrue(self.attach(other, 1))
        self.assert_sees(other, 1)
        self.assert_sees(self.server)
        self.assertIsNone(self.delete(other))
        self.assert_deleted(self.server)

    def test_volume_of_a_server_that_was_deleted_in_absence(self):
        self.cloud.stop('compute1')
        self.assertIsNone(self.delete(self.server))
        # The host could not let go of the volume.
        del self.cinder.complaints[:]
        self.restart()
        other = self.boot_with([1], networks='none')
        self.assertEqual('ACTIVE', other['status'], other.get('fault'))
        with self.site.lock:
            self.assertEqual([[self.lpar_of(other)['name']]] * 2, [
                hdisk.clients() for hdisk in self.lun(1).hdisks])
        self.assert_sees(other, 1)
        self.cloud.run_periodic_tasks()
        self.assert_deleted(other)

    def test_lun_goes_to_another_volume(self):
        self.detach_without(self.server, 1)
        other = self.boot_with([2], networks='none')
        self.assert_sees(other, 2, vioses=['vios1'])
        self.look_around()
        self.assert_sees(self.server)
        self.reboot(other, hard=True)
        self.assert_sees(other, 2)
        self.assertIsNone(self.delete(other))
        self.assert_deleted(self.server)

    def test_lpar_of_an_operator(self):
        """It has the volume; nobody else may have it, nor take it away."""
        operator = self.platform.operator
        operator.create_partition('theirs', memory_mb=256)
        udid = self.lun(1).udid
        with self.site.lock:
            self.site.san.export(VOLUME % 1, [
                port.wwpn for port in self.vios('vios1').fc_ports])
        operator.map_storage('vios1', udid, 'theirs')
        self.assertTrue(self.detach(self.server, 1))
        before = self.platform_state()
        self.assertFalse(self.attach(self.server, 1))
        self.assertIn('mapped to LPAR', self.last_action(self.server))
        self.look_now()
        self.assert_state_equal(before, self.platform_state(), 'Changed')

    def test_any_client(self):
        self.assertTrue(self.detach(self.server, 1))
        self.assertTrue(self.attach(self.server, 1))
        self.platform.operator.map_storage('vios1', self.lun(1).udid)
        failure = self.users.reboot(self.walk_server(self.server), hard=True)
        self.assertIn('any LPAR', str(failure))
        before = self.platform_state()
        self.look_now()
        self.assert_state_equal(before, self.platform_state(), 'Changed')

    def test_server_of_another_nova_compute(self):
        """Somebody runs two for one host; they take nothing from another."""
        instance = self.instance_of(self.server)
        instance.host = 'stranger'
        instance.save()
        before = self.platform_state()
        self.look_now()
        self.restart()
        self.assert_state_equal(before, self.platform_state(), 'Changed')
        instance.host = 'compute1'
        instance.save()
        self.assert_deleted(self.server)

    def test_swap_while_a_vios_is_down(self):
        """The old volume is unmapped there, though the new has its id."""
        self.flags(group='powervm', swap_volume_stops_server=True)
        self.set_rmc('vios2', 'inactive')
        self.swap(self.server, 1, 2)
        self.assertEqual('[]', self.last_action(self.server))
        self.set_rmc('vios2', 'active')
        self.look_around()
        self.assertEqual({'vios1'}, {
            disk.vios for disk in self.disks_of(self.server)})
        self.assertEqual([], [
            hdisk for hdisk in self.vios('vios2').volumes.values()
            if getattr(hdisk, 'volume', None)])
        self.reboot(self.server, hard=True)
        self.assertEqual({'vios1', 'vios2'}, {
            disk.vios for disk in self.disks_of(self.server)})

    def test_periodic_clean_during_a_swap(self):
        """Nova does not know yet which volume is the new one."""
        self.flags(group='powervm', swap_volume_stops_server=True)
        take_back = copying.VolumeCopier.take_back
        lend = copying.VolumeCopier._lend

        def lend_and_look(*args):
            lent = lend(*args)
            self.look_now()
            return lent

        def look_and_take_back(*args):
            self.look_now()
            take_back(*args)

        for name, func in (('_lend', lend_and_look),
                           ('take_back', look_and_take_back)):
            self.useFixture(fx.MonkeyPatch(
                'nova_powervm.virt.powervm.volume.copying.VolumeCopier.' +
                name, func))
        self.swap(self.server, 1, 2)
        self.assertEqual('[]', self.last_action(self.server))
        self.assert_nothing_lent()
        self.look_now()
        self.assert_sees(self.server, 1)


class MigrationTest(StaleMixin, base.TwoHostMixin, base.ScenarioCase):
    """A VIOS of the source is down when the server leaves it."""

    PROFILE = 'fc-two-host'

    def migrate_away(self):
        server = self.boot_with([1], boots=True, flavor_id=self.small)
        self.set_rmc('vios2', 'inactive')
        self.migrate(server)
        self.where = 'compute1'
        self.set_rmc('vios2', 'active')
        self.assertEqual({VOLUME % 1}, set(self.luas_of(server)))
        self.look_around()
        self.assertEqual({}, self.luas_of(server))
        self.assertEqual({self.simulated_host('compute2')}, {
            hdisk.vios.host for hdisk in self.lun(1).hdisks})
        self.where = 'compute2'
        self.look_around('compute2')
        self.assert_sees(server, 1, boots=True)
        return server

    def test_confirm(self):
        server = self.migrate_away()
        self.act(server, 'confirmResize')
        self.assert_sees(server, 1, boots=True)
        self.assertIsNone(self.delete(server))
        self.assert_detached()

    def test_revert(self):
        server = self.migrate_away()
        self.act(server, 'revertResize')
        self.where = 'compute1'
        self.look_around()
        self.assert_sees(server, 1, boots=True)
        self.assertIsNone(self.delete(server))
        self.assert_detached()
