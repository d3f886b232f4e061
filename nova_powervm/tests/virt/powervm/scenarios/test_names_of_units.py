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

"""Names of logical units may repeat: the driver knows its own by UDID."""

import fixtures as fx

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.virt.powervm.disk import units

GIB = 1 << 30
WHERE, OURS, THEIRS = 1 << 20, b'precious', b'theirs'


class PoolMixin:
    """Looks at the pool of a site."""

    WITH_SESSIONS = False

    @property
    def pool(self):
        return self.platform.store.all('Cluster')[0].pool

    def units(self):
        """The LUs of servers: list of (UDID, name)."""
        with self.site.lock:
            return sorted((unit.udid, unit.name) for unit in self.pool.units
                          if not unit.name.startswith('i_'))

    def mark(self, server):
        """Write to the boot disk of a server; returns its name."""
        self.boot_disk_of(server).write_at(WHERE, OURS)
        [(_udid, name)] = self.units()
        return name

    def assert_kept(self, server):
        """The server has the disk that it had, and no other."""
        with self.site.lock:
            [disk] = [unit.disk for unit in self.pool.units
                      if str(unit.clients()).startswith(
                          "['%s of " % self.lpar_of(server)['name'])]
        self.assertEqual(OURS, disk.read(WHERE, len(OURS)))


class SameNameTest(platforms.SharedPool, PoolMixin, base.ScenarioCase):
    """An operator makes an LU that has the name of a server's."""

    OPTIONS = {'shelved_offload_time': 0}

    def setUp(self):
        super().setUp()
        self._is_broken = True
        self.server = self.boot()
        name = self.mark(self.server)
        self.theirs = self.platform.operator.create_logical_unit(
            name, 2 * GIB, THEIRS * 100)

    def lose_lpar(self):
        self.platform.operator.delete_partition(
            self.lpar_of(self.server)['uuid'])
        for vios in ('vios1', 'vios2'):
            for udid, _name in self.units():
                if udid != self.theirs.udid:
                    self.platform.operator.unmap_storage(vios, udid)

    def assert_theirs_only(self):
        self.assertEqual([self.theirs.udid],
                         [udid for udid, _name in self.units()])

    def forget(self):
        """Be a server that an older version has made."""
        instance = self.instance_of(self.server)
        for key in list(instance.system_metadata):
            if key.startswith(units.KEY):
                del instance.system_metadata[key]
        instance.save()

    def test_hard_reboot(self):
        self.lose_lpar()
        self.restart()
        self.reboot(self.server, hard=True)
        self.assert_kept(self.server)
        self.assertIsNone(self.delete(self.server))
        self.assert_theirs_only()

    def test_hard_reboot_if_nobody_knows(self):
        self.forget()
        self.lose_lpar()
        self.assertIn('logical units', str(
            self.users.reboot(self.walk_server(self.server), hard=True)))
        self.assertIn(self.theirs.udid, self.logger.output)
        self.assertIsNone(self.lpar_of(self.server))

    def test_delete(self):
        """Whatever the process knows of the pool."""
        self.driver.services.disk._pool.list_units()
        self.assertIsNone(self.delete(self.server))
        self.assert_theirs_only()

    def test_delete_if_nobody_knows(self):
        """That which is mapped to the server is its own."""
        self.forget()
        self.driver.services.disk._pool.list_units()
        self.assertIsNone(self.delete(self.server))
        self.assert_theirs_only()

    def test_deleted_in_absence(self):
        self.cloud.stop('compute1')
        self.lose_lpar()
        self.assertIsNone(self.delete(self.server))
        self.restart()
        self.assert_theirs_only()

    def test_shelve(self):
        self.act(self.server, 'shelve')
        self.assert_theirs_only()
        self.restart()
        self.act(self.server, 'unshelve')
        self.assertEqual('ACTIVE', self.status_of(self.server))
        self.assertEqual(2, len(self.units()))
        self.assertIsNone(self.delete(self.server))
        self.assert_theirs_only()


class EmptyListTest(platforms.SharedPool, PoolMixin, base.TwoHostMixin,
                    base.ScenarioCase):
    """The platform tells no LU, for whatever reason."""

    PROFILE = 'ssp-two-host'

    def test_evacuation(self):
        """It is refused, not begun anew with an empty disk."""
        self._is_broken = True
        server = self.boot_on_first()
        self.mark(server)
        before = self.units()
        self.cloud.stop('compute1')
        with fx.MonkeyPatch('pypowervm.wrappers.storage.LUEnt.get',
                            classmethod(lambda _cls, *_args, **_kwargs: [])):
            self.users.evacuate(self.walk_server(server))
        self.assertEqual(before, self.units())
        self.assertEqual('compute1', self.host_of(server))
        instance = self.instance_of(server)
        instance.vm_state, instance.task_state = 'active', None
        instance.save()
        self.users.evacuate(self.walk_server(server))
        self.assertEqual('compute2', self.host_of(server))
        self.where = 'compute2'
        self.assert_kept(server)


class RebuiltTest(platforms.SharedPool, PoolMixin, base.ScenarioCase):
    """A server is rebuilt while a VIOS is down, and nova-compute ends."""

    def test_replaced_disk(self):
        """It goes when the VIOS is back, with its mapping there."""
        server = self.boot()
        self.mark(server)
        self.set_vios('vios2', False)
        self.act(server, 'rebuild', {'imageRef': self.image_id})
        self.assertEqual(2, len(self.units()))
        self.cloud.stop('compute1')
        self.set_vios('vios2', True)
        self.cloud.start_all()
        [(udid, _name)] = self.units()
        self.assertIn(udid, str(self.instance_of(server).system_metadata))
        self.assertEqual({}, units.pending(
            self.instance_of(server).system_metadata))
        for vios in self.platform.state()['VirtualIOServer']:
            self.assertLessEqual(len([
                mapping for mapping in vios['mappings']
                if mapping['storage'].startswith('b_')]), 1)
        self.assertIsNone(self.delete(server))
        self.assertEqual([], self.units())
