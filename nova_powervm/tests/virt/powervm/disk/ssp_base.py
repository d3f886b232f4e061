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

"""What tests of disks in a Shared Storage Pool share."""

import contextlib

import fixtures
from nova import exception as nova_exc
from nova import objects
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm.disk import image
from nova_powervm.virt.powervm.disk import poolimages
from nova_powervm.virt.powervm.disk import ssp
from nova_powervm.virt.powervm.storage import transaction


class PoolTestCase(base.StorageTestCase):
    """A simulated host in the cluster of a Shared Storage Pool.

    :ivar pool: the pool in the simulator's model.
    :ivar adapter: ssp.SSPDiskAdapter
    :ivar in_nova: list of the servers that Nova has, as there is no database.
    """

    PROFILE = 'ssp'

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(objects.Instance, 'save'))
        self.in_nova = []
        self.useFixture(fixtures.MockPatchObject(
            objects.Instance, 'get_by_uuid', self._read_server))
        self.pool = self.simulated.store.all('Cluster')[0].pool
        self.content = b'PowerVM!' * 30000
        self.image_id = self.glance.add(self.content)
        self.restart()
        self.before = self.state()

    def _read_server(self, _context, uuid, expected_attrs=None):
        for instance in self.in_nova:
            if instance.uuid == uuid:
                return instance
        raise nova_exc.InstanceNotFound(instance_id=uuid)

    def restart(self):
        """Begin anew with what is on the platform."""
        self.adapter = ssp.SSPDiskAdapter(self.host, self.glance)
        self.adapter.clean(base.NobodyLeft())
        self.simulated.journal.clear()

    def state(self):
        """All that is on all hosts."""
        return [host.state() for host in self.site.hosts]

    def create(self, number=1, image_id=None, adapter=None, instance=None,
               **kwargs):
        return (adapter or self.adapter).create_disk_from_image(
            self.context, instance or self.make_instance(number),
            self.glance.meta(image_id or self.image_id), **kwargs)

    def image_name(self, image_id=None):
        return poolimages.lu_name(image.Image.from_glance(
            self.glance, self.context, image_id or self.image_id))

    def unit(self, name):
        """The one LU of a name in the simulator's model."""
        unit, = self.pool.find_units(name)
        return unit

    def unit_names(self):
        return sorted(unit.name for unit in self.pool.units)

    def make_unit(self, name, size_gb=1, lu_type=pvm_stg.LUType.DISK):
        """Make an LU as some other host would."""
        lu_w = pvm_stg.LUEnt.bld(
            self.host.adapter, name, size_gb, typ=lu_type).create(
                parent_type=pvm_stg.Tier,
                parent_uuid=self.adapter._pool.tier_uuid)
        self.simulated.journal.clear()
        return lu_w

    def delete_unit(self, name):
        """Delete an LU as some other host would."""
        self.host.adapter.delete(
            'Tier', root_id=self.adapter._pool.tier_uuid,
            child_type='LogicalUnit', child_id=self.unit(name).uuid)
        self.simulated.journal.clear()

    def assert_content(self, name, content=None):
        content = content or self.content
        self.assertEqual(content, self.unit(name).disk.read(0, len(content)))

    @contextlib.contextmanager
    def edits(self):
        """A transaction whose edits are made at the end."""
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            yield stg

    def connect(self, instance, disk):
        with self.edits() as stg:
            self.adapter.connect_disk(instance, disk, stg)

    def disconnect(self, instance, disk_types=None):
        """Unmap disks; returns what was unmapped."""
        with self.edits() as stg:
            self.adapter.disconnect_disk(instance, stg, disk_types)
        return stg.removed_storage

    def mapped(self, vios):
        """Names of what a VIOS maps."""
        return sorted(target.backing.name for bus in self.vios(vios).buses
                      for target in bus.targets)

    def stop_vios(self, name, rmc_only=False):
        """Power a VIOS off, or only break its RMC connection."""
        with self.site.lock:
            self.vios(name).set_rmc('inactive')
            if not rmc_only:
                self.vios(name).set_state('not activated')

    def start_vios(self, name):
        """Have a VIOS running again."""
        with self.site.lock:
            self.vios(name).set_state('running')
            self.vios(name).set_rmc('active')


class ImagesTestCase(PoolTestCase):
    """Base: time goes by while somebody sleeps, and only then."""

    def setUp(self):
        self.now = 1000
        self.while_asleep = None
        super().setUp()

    def restart(self):
        super().restart()
        self.prepare(self.adapter)

    def prepare(self, adapter):
        adapter._images.clock = lambda: self.now
        adapter._images._sleep = self.sleep

    def sleep(self, seconds):
        self.now += seconds
        if self.while_asleep is not None:
            self.while_asleep()

    def marker_of(self, host_token='aaaaaaaa', image_name=None):
        """Make a marker as another host with this driver would."""
        name = 'part%08x_%s_%s' % (7, host_token,
                                   image_name or self.image_name())
        return self.make_unit(name, 0.001,
                              pvm_stg.LUType.IMAGE).name
