# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""Base of the tests of VIOSes and storage of the simulated site."""

import io

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.wrappers import cluster as pvm_cluster
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios
import testtools

from nova_powervm.simulator.resources import lpar as sim_lpar
from nova_powervm.simulator.resources import storage as sim_storage
from nova_powervm.tests import fixtures as powervm_fixtures

GIB = sim_storage.GIB
SCSI = ['ViosSCSIMapping']


class StorageTestCase(testtools.TestCase):
    """A test on host server1 of the default profile, through pypowervm.

    :ivar host: the simulated host; ``vios`` its first VIOS, ``group`` that
                one's datavg, which has no media repository
    :ivar adapter: pypowervm Adapter of the host
    """

    PROFILE = 'default'
    GROUP = 'datavg'

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(
            powervm_fixtures.SimulatedSite(self.PROFILE)).site
        self.host = self.site.hosts[0]
        self.adapter = self.useFixture(
            powervm_fixtures.Adapter(self.host)).adapter
        self.vios, self.vios2 = self.host.store.all('VirtualIOServer')
        self.group = self.group_of(self.vios, self.GROUP)

    @staticmethod
    def group_of(vios, name):
        """The model of a volume group."""
        return next(g for g in vios.volume_groups if g.name == name)

    def make_lpar(self, name='vm1', running=False, max_slots=64, host=None):
        """Put a partition on the host."""
        with self.site.lock:
            return sim_lpar.from_spec(host or self.host, {
                'name': name, 'memory_mb': 1024, 'processors': 1,
                'units': 0.5, 'dedicated': False, 'management': False,
                'running': running, 'type': 'AIX/Linux',
                'max_slots': max_slots, 'adapters': []})

    def make_disk(self, name='boot_1', size_gb=1, group=None):
        """Put a disk in a volume group."""
        with self.site.lock:
            group = group or self.group
            disk = group.add_disk(name, size_gb * GIB)
            group.touch()
            return disk

    def vios_w(self, xag=SCSI):
        """Read the first VIOS."""
        return pvm_vios.VIOS.get(self.adapter, uuid=self.vios.uuid, xag=xag)

    def group_w(self, group=None):
        """Read a volume group."""
        group = group or self.group
        return pvm_stor.VG.get(
            self.adapter, uuid=group.uuid, parent_type=pvm_vios.VIOS,
            parent_uuid=group.parent.uuid)

    def upload(self, name='cfg.iso', data=b'iso'):
        """Upload a medium to the repository of the first VIOS."""
        return pvm_tasks.upload_vopt(self.adapter, self.vios.uuid,
                                     io.BytesIO(data), name)[0]

    def assertRefused(self, text, func, *args, **kwargs):
        """Check that the server refuses, and that it says why."""
        exc = self.assertRaises(pvm_exc.HttpError, func, *args, **kwargs)
        self.assertIn(text, str(exc))
        return exc


class PoolTestCase(StorageTestCase):
    """A test on host server1 of the profile ssp.

    :ivar pool: the model of the pool of the cluster
    :ivar tier: the wrapper of its default tier
    """

    PROFILE = 'ssp'
    GROUP = 'rootvg'

    def setUp(self):
        super().setUp()
        self.pool = self.site.pools[0]
        self.tier = self.tier_w()

    def tier_w(self, name='SYSTEM', adapter=None):
        """Read a tier as a driver finds it."""
        adapter = adapter or self.adapter
        cluster_w = pvm_cluster.Cluster.get(adapter)[0]
        ssp_w = pvm_stor.SSP.get_by_href(adapter, cluster_w.ssp_uri)
        return pvm_stor.Tier.search(adapter, parent=ssp_w, name=name,
                                    one_result=True)

    def crt_lu(self, name='boot_1', size_gb=1, **kwargs):
        """Create a logical unit in the default tier."""
        return pvm_tasks.crt_lu(self.tier, name, size_gb, **kwargs)[1]

    def crt_image(self, name='image_1', data=b'image'):
        """Create an image and upload its data."""
        return pvm_tasks.upload_new_lu(
            self.vios.uuid, self.tier, io.BytesIO(data), name, len(data))[0]

    def unit(self, name='boot_1'):
        """The model of a logical unit."""
        return self.pool.find_units(name)[0]


def raw_events(adapter, app_id):
    """Poll the events of an application once."""
    resp = adapter.read('Event?QUEUE_CLIENTKEY_METHOD=USE_APPLICATIONID&'
                        'QUEUE_APPLICATIONID=%s' % app_id)
    return [{child.tag: child.text for child in entry.element}
            for entry in resp.feed.entries]
