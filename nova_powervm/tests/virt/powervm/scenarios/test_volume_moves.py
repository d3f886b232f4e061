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

"""Volumes of servers that are resized, moved, rescued, shelved, rebuilt."""

from nova import exception as nova_exc

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import volumes

VOLUME = volumes.VOLUME


class VolumeMoveMixin(volumes.VolumeMixin):
    """A server with some volumes.

    :cvar BOOTS: whether it boots from the first of them.
    :cvar MADE_WITH: numbers of the volumes that it is made with.
    :cvar HAS: numbers of those that it keeps then.
    """

    BOOTS = True
    # So the addresses of the volumes have a gap.
    MADE_WITH = (1, 2, 3)
    HAS = (1, 3)

    def boot_server(self):
        """Create it."""
        server = self.boot_with(self.MADE_WITH, boots=self.BOOTS,
                                flavor_id=self.small)
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assert_sees(server, *self.MADE_WITH, boots=self.BOOTS)
        for number in set(self.MADE_WITH).difference(self.HAS):
            self.assertTrue(self.detach(server, number))
        self.assert_whole(server)
        return server

    def assert_whole(self, server):
        """It has its volumes, at the addresses where they were."""
        self.assert_sees(server, *self.HAS, boots=self.BOOTS)

    def assert_nothing_left(self, server):
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(self.empty, self.platform_state(), 'Left')
        self.assert_detached()


class ResizeTest(VolumeMoveMixin, base.MoveMixin, base.ScenarioCase):

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.empty = self.platform_state()

    def test_confirm(self):
        server = self.boot_server()
        self.resize(server, self.large)
        self.assert_whole(server)
        self.act(server, 'confirmResize')
        self.assert_whole(server)
        self.assert_nothing_left(server)

    def test_revert(self):
        server = self.boot_server()
        self.resize(server, self.large)
        self.assert_whole(server)
        self.assertEqual('ACTIVE',
                         self.act(server, 'revertResize')['status'])
        self.assert_whole(server)
        self.assert_nothing_left(server)

    def test_attached_between(self):
        server = self.boot_server()
        self.resize(server, self.large)
        self.assertTrue(self.attach(server, 4))
        self.assert_sees(server, 1, 3, 4, boots=self.BOOTS)
        self.act(server, 'revertResize')
        self.assert_sees(server, 1, 3, 4, boots=self.BOOTS)
        self.assert_nothing_left(server)

    def test_delete_before_it_is_confirmed(self):
        server = self.boot_server()
        self.resize(server, self.large)
        self.assert_nothing_left(server)


class ResizeOfImageTest(ResizeTest):

    BOOTS = False


class ColdMigrationMixin(VolumeMoveMixin, base.TwoHostMixin):
    """Two hosts on the same fabrics; the server is on the first."""

    PROFILE = 'fc-two-host'

    def setUp(self):
        super().setUp()
        self.empty = self.platform_state()

    def boot_server(self):
        server = super().boot_server()
        self.assertEqual('compute1', self.host_of(server))
        return server

    def assert_on(self, server, host, others=()):
        lpars = self.lpars_of(server)
        self.assertEqual('running', lpars.pop(host))
        self.assertEqual(dict.fromkeys(others, 'not activated'), lpars)
        for self.where in others:
            self.assertEqual([], self.disks_of(server))
        self.where = host
        self.assert_whole(server)


class ColdMigrationTest(ColdMigrationMixin, base.ScenarioCase):

    #: What keeps volumes from being connected again.
    NO_WAY_BACK = {'effect': 'job_failed', 'count': 0, 'message': 'No answer',
                   'path': 'do/LUARecovery'}

    def test_confirm(self):
        server = self.boot_server()
        self.lun(3).disk.write_at(volumes.MIB, b'written')
        self.migrate(server)
        self.assert_on(server, 'compute2', others=['compute1'])
        self.act(server, 'confirmResize')
        self.assert_on(server, 'compute2')
        self.assertEqual(b'written', self.lun(3).disk.read(volumes.MIB, 7))
        self.assert_nothing_left(server)

    def test_revert(self):
        server = self.boot_server()
        self.migrate(server)
        self.assert_on(server, 'compute2', others=['compute1'])
        self.assertEqual('ACTIVE',
                         self.act(server, 'revertResize')['status'])
        self.assert_on(server, 'compute1')
        self.assert_nothing_left(server)

    def test_there_and_back(self):
        server = self.boot_server()
        for host in ('compute2', 'compute1'):
            self.migrate(server)
            self.act(server, 'confirmResize')
            self.assert_on(server, host)
        self.assert_nothing_left(server)

    def test_delete_before_it_is_confirmed(self):
        server = self.boot_server()
        self.migrate(server)
        self.assert_nothing_left(server)

    def assert_reboot_mends(self, server):
        """A hard reboot makes a server usable; nothing of it is left."""
        self.assertEqual('ACTIVE', self.act(
            server, 'reboot', {'type': 'HARD'})['status'])
        self.assert_on(server, 'compute2', others=['compute1'])
        self.assertIsNone(self.delete(server))
        self.reap()
        self.assert_state_equal(self.empty, self.platform_state(), 'Left')
        self.assert_detached()

    def test_target_sees_no_volume(self):
        """A hard reboot makes the server usable; nothing is left."""
        server = self.boot_server()
        ports = [port.wwpn for vios in self.site.hosts[1].store.all(
            'VirtualIOServer') for port in vios.fc_ports]
        with self.site.lock:
            self.lun(3).set_fault('not_exported', ports)
        self.migrate(server, status='ERROR')
        self.assertEqual({'compute1': 'not activated'}, self.lpars_of(server))
        with self.site.lock:
            self.lun(3).clear_faults()
        self.assert_reboot_mends(server)

    def test_source_cannot_let_go(self):
        server = self.boot_server()
        self.where = 'compute1'
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'method': 'POST',
            'path': 'VirtualIOServer', 'nth': 1})
        self.migrate(server, status='ACTIVE')
        self.assert_on(server, 'compute1')
        self.assert_nothing_left(server)

    def test_source_cannot_bring_them_back(self):
        """Nova is not told that all is as before: the volumes lack."""
        server = self.boot_server()
        self.platform.faults.add({
            'effect': 'status', 'status': 500, 'method': 'POST',
            'path': 'VirtualIOServer/[^/]*$', 'nth': 2})
        self.platform.faults.add(self.NO_WAY_BACK)
        self.migrate(server, status='ERROR')
        self.assertEqual([], [
            failure for failure in self.cloud.failures if isinstance(
                failure, nova_exc.InstanceFaultRollback)])
        self.platform.faults.clear()
        self.assertEqual('ACTIVE', self.act(
            server, 'reboot', {'type': 'HARD'})['status'])
        self.assert_on(server, 'compute1')
        self.assert_nothing_left(server)

    def test_evacuate(self):
        server = self.boot_server()
        for name in self.VIOSES:
            self.set_rmc(name, 'inactive')
        self.evacuate(server)
        self.where = 'compute2'
        self.assert_whole(server)
        self.where = 'compute1'
        for name in self.VIOSES:
            self.set_rmc(name, 'active')
        self.restart()
        self.assert_on(server, 'compute2')
        self.assert_nothing_left(server)


class RescueTest(VolumeMoveMixin, base.MoveMixin, base.ScenarioCase):

    BOOTS = False

    def setUp(self):
        super().setUp()
        self.empty = self.platform_state()

    def test_rescue(self):
        server = self.boot_server()
        self.act(server, 'rescue', {
            'rescue_image_ref': self.glance.image3['id']})
        self.assertTrue(self.lpar_of(server)['boot']['disk'].startswith('r_'))
        self.assert_whole(server)
        self.assertEqual('ACTIVE', self.act(server, 'unrescue')['status'])
        self.assertTrue(self.lpar_of(server)['boot']['disk'].startswith('b_'))
        self.assert_whole(server)
        self.delete(self.boot(networks='none',
                              image_uuid=self.glance.image3['id']))

    def test_rebuild(self):
        server = self.boot_server()
        self.assertEqual('ACTIVE', self.act(server, 'rebuild', {
            'imageRef': self.glance.image1['id']})['status'])
        self.assert_whole(server)
        self.assert_nothing_left(server)


class RebuildOfVolumeTest(VolumeMoveMixin, base.MoveMixin,
                          base.ScenarioCase):

    def setUp(self):
        super().setUp()
        self.empty = self.platform_state()
        self.image_of_root = None

    def content(self, number):
        if number == 1 and self.image_of_root:
            return self.glance.sha256(self.image_of_root)
        return super().content(number)

    def test_rebuild(self):
        server = self.boot_server()
        self.image_of_root = self.glance.image3['id']
        self.assertEqual('ACTIVE', self.act(server, 'rebuild', {
            'imageRef': self.image_of_root})['status'])
        self.assert_whole(server)
        self.assert_nothing_left(server)

    def test_shelve(self):
        server = self.boot_server()
        self.assertEqual('SHELVED_OFFLOADED',
                         self.act(server, 'shelve')['status'])
        self.assertIsNone(self.lpar_of(server))
        self.assertEqual('ACTIVE', self.act(server, 'unshelve')['status'])
        self.assert_whole(server)
        self.assert_nothing_left(server)


class ShelveTest(platforms.ManagementVios, VolumeMoveMixin,
                 base.MoveMixin, base.ScenarioCase):
    """A server whose own disk can be made an image of, and so shelved."""

    BOOTS = False

    @classmethod
    def load_profile(cls):
        profile = sim_profile.load(cls.PROFILE)
        model = sim_profile.load('fc')
        profile['san'] = model['san']
        for vios, other in zip(profile['hosts'][0]['vioses'],
                               model['hosts'][0]['vioses']):
            vios['fc_ports'] = other['fc_ports']
        return profile

    def test_shelve(self):
        server = self.boot_server()
        self.assertEqual('SHELVED_OFFLOADED',
                         self.act(server, 'shelve')['status'])
        self.assertNotIn('LogicalPartition', self.platform.state())
        self.assertEqual('ACTIVE', self.act(server, 'unshelve')['status'])
        self.assert_whole(server)
        self.assertIsNone(self.delete(server))
        self.assert_detached()
