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

"""Servers with IBM i that boot from volumes, or have some."""

from oslo_serialization import jsonutils

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_ibmi
from nova_powervm.tests.virt.powervm.scenarios import test_npiv
from nova_powervm.tests.virt.powervm.scenarios import test_npiv_moves
from nova_powervm.tests.virt.powervm.scenarios import test_volume_moves
from nova_powervm.tests.virt.powervm.scenarios import volumes
from nova_powervm.virt.powervm.volume import driver
from nova_powervm.virt.powervm.volume import swaps

VOLUME = volumes.VOLUME


class VolumeMixin(test_ibmi.RescueMixin):

    def assert_boots_from(self, server, number=0):
        """It runs, from that volume."""
        paths = {str(disk.slot): disk.backing.base_name
                 for disk in self.disks_of(server)
                 if disk.volume == VOLUME % number}
        self.assert_boots(
            server, paths[self.tags_of(server)['load_source']], set(paths))


class VscsiTest(VolumeMixin, volumes.VolumeCase):
    """Booted from a volume that the VIOSes see."""

    CACHED = 2
    OPTIONS = {'allow_resize_to_same_host': True}

    def test_life(self):
        server = self.boot_with([0, 1], boots=True)
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assert_boots_from(server)
        for step in (lambda: self.stop(server) or self.start(server),
                     lambda: self.reboot(server, hard=True),
                     lambda: self.attach(server, 2),
                     lambda: self.detach(server, 1),
                     lambda: self.reboot(server, hard=True)):
            step()
            self.assert_boots_from(server)
        self.assert_deleted(server)

    def test_resize(self):
        server = self.boot_with([0, 1], boots=True)
        for end in ('revertResize', 'confirmResize'):
            self.act(server, 'resize', {'flavorRef': self.make_flavor(
                memory_mb=1024, disk=0)})
            self.assertEqual('VERIFY_RESIZE', self.status_of(server))
            self.assert_boots_from(server)
            self.act(server, end)
            self.assert_boots_from(server)

    def test_swap(self):
        """The boot volume, and another one."""
        self.flags(swap_volume_stops_server=True, group='powervm')
        server = self.boot_with([0, 1], boots=True)
        self.swap(server, 0, 5)
        self.assertEqual('ACTIVE', self.status_of(server))
        # The id that the new volume had when the server booted from it.
        self.assertEqual(VOLUME % 5, self.lpar_of(server)['boot']['disk'])
        self.swap(server, 1, 6)
        self.assert_boots_from(server)

    def test_swap_that_was_not_ended(self):
        """The start of nova-compute gives back what was, and starts it.

        nova-compute has ended when the server was stopped, and nothing else
        was done. Then something has changed what is tagged.
        """
        server = self.boot_with([0, 1], boots=True)
        for bdm in self.walk_server(server).bdms():
            old = driver.Volume(jsonutils.loads(bdm.connection_info))
            # It leads nowhere.
            new = driver.Volume(dict(
                old.connection_info, serial=VOLUME % 5, data=dict(
                    {key: value for key, value in old.data.items()
                     if not key.startswith(('target_U', 'target_L'))},
                    volume_id=VOLUME % 5, target_lun=77)))
            swaps.begin(self.instance_of(server), old, new, was_on=True)
            with self.site.lock:
                self.partition_of(server).halted()
            if bdm.boot_index == 0:
                self.change(server, load_source='0')
            self.restart()
            self.assert_boots_from(server)

    def test_rescue(self):
        server = self.boot_with([0, 1], boots=True)
        self.check_rescue(server, self.assert_boots_from,
                          self.resting_state)


class NpivTest(test_npiv.NpivMixin, VscsiTest):
    """Booted from a volume that the server sees itself."""

    KEEPS_LUNS = False
    # The platform cannot copy such volumes.
    test_swap = test_swap_that_was_not_ended = None


class OwnDiskTest(test_npiv.NpivMixin, test_ibmi.IbmiMixin,
                  volumes.VolumeCase):
    """A server with adapters for volumes boots from its own disk."""

    def test_life(self):
        server = self.boot_with([1])
        self.assert_boots(server)
        self.stop(server)
        self.start(server)
        self.assert_boots(server)
        self.reboot(server, hard=True)
        self.assert_boots(server)


class MoveTest(VolumeMixin, test_volume_moves.ColdMigrationMixin,
               base.ScenarioCase):
    """Booted from a volume, on one host and on another."""

    def test_cold_migration(self):
        server = self.boot_server()
        self.assert_boots_from(server, 1)
        for end, host in (('revertResize', 'compute1'),
                          ('confirmResize', 'compute2')):
            self.migrate(server)
            self.where = 'compute2'
            self.assert_boots_from(server, 1)
            self.act(server, end)
            self.where = host
            self.assert_boots_from(server, 1)

    def test_evacuation(self):
        server = self.boot_server()
        self.evacuate(server)
        self.where = 'compute2'
        self.assert_boots_from(server, 1)

    def test_shelved(self):
        server = self.boot_server()
        self.act(server, 'shelve')
        self.act(server, 'unshelve')
        self.assert_boots_from(server, 1)


class NpivMoveTest(VolumeMixin, test_npiv_moves.NpivMigrationMixin,
                   base.ScenarioCase):

    test_cold_migration = MoveTest.test_cold_migration
    test_shelved = MoveTest.test_shelved

    def test_evacuation(self):
        """With new WWPNs."""
        server = self.boot_server()
        self.wwpns = None
        self.evacuate(server)
        self.where = 'compute2'
        self.assert_boots_from(server, 1)
