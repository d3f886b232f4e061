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

"""Disks that cannot be made end in a clear error, and no rest.

Nova tries another host after most of these failures, and tells the user that
there is none: the reason is in the log of nova-compute.
"""

from unittest import mock

from oslo_utils import units
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import platforms
from nova_powervm.virt.powervm.storage import deletion

FOREIGN = b'of somebody else'


class BadDiskMixin:

    def setUp(self):
        super().setUp()
        self.delete(self.boot())
        self.before = self.platform_state()

    def assert_refused(self, *words, **kwargs):
        """A server whose disk is refused, with these words in the log."""
        with mock.patch('nova.compute.manager.LOG') as log:
            server = self.boot(expected_status='ERROR', **kwargs)
        said = ' '.join(str(call) for call in log.method_calls)
        for word in words:
            self.assertIn(word, server['fault']['message'] + said)
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(self.before, self.platform_state(), words)

    def download(self, spoil):
        """Have Glance send what a generator makes of the chunks."""
        original = self.glance.download
        return mock.patch.object(
            self.glance, 'download',
            lambda *args, **kwargs: spoil(original(*args, **kwargs)))

    def other_image(self):
        """An image that is in no cache yet."""
        return self.glance.image3['id']

    def test_corrupted_download(self):
        def spoil(chunks):
            for number, chunk in enumerate(chunks):
                yield chunk if number else chunk[:-1] + b'!'

        image_id = self.other_image()
        self.glance.images[image_id].update(
            os_hash_algo='sha256', os_hash_value=self.glance.sha256(image_id))
        with self.download(spoil):
            self.assert_refused(image_id, 'sha256', image_uuid=image_id)

    def test_glance_goes_down_half_way(self):
        def spoil(chunks):
            yield next(chunks)
            raise ConnectionError('Glance is gone')

        with self.download(spoil):
            self.assert_refused('Glance is gone',
                                image_uuid=self.other_image())

    def test_full(self):
        """There is no room even without the cached image of 1 GB."""
        self.fill_up()
        self.before = self.platform_state()
        self.assert_refused('needed', image_uuid=self.other_image(),
                            flavor_id=self._create_flavor(disk=2))

    def test_name_of_a_foreign_disk(self):
        """It is left alone, with its bytes."""
        disk_dvr = self.driver.services.disk
        original = disk_dvr.create_disk_from_image
        other = self.boot(networks='none')
        others = self.boot_disk_of(other)
        others.write_at(0, FOREIGN)
        self.before = self.platform_state()

        wanted, = {mapping['storage'] for mapping in self.mappings_of(other)
                   if mapping['storage'].startswith('b_')}

        def take_the_name(*args, **kwargs):
            proof = deletion.Proof('its name is', [wanted].__contains__)
            with mock.patch.object(disk_dvr, 'get_disk_name',
                                   return_value=wanted), \
                    mock.patch.object(disk_dvr, 'proof', return_value=proof):
                return original(*args, **kwargs)

        with mock.patch.object(disk_dvr, 'create_disk_from_image',
                               take_the_name):
            self.assert_refused('mapped to')
        self.assertEqual(FOREIGN, others.read(0, len(FOREIGN)))


class VolumeGroupTest(BadDiskMixin, base.PowerVMTestCase):

    def fill_up(self):
        with self.site.lock:
            group = next(
                group for group in self.platform.store.all('VolumeGroup')
                if group.name == 'datavg')
            group.add_disk('foreign', group.free - units.Gi // 2)
            group.touch()


class SharedPoolTest(platforms.SharedPool, BadDiskMixin,
                     base.PowerVMTestCase):

    POOL_GB = 2000

    def fill_up(self):
        pool = self.driver.services.disk._pool
        pvm_stg.LUEnt.bld(
            self.driver.services.host.adapter, 'foreign', self.POOL_GB).create(
                parent_type=pvm_stg.Tier, parent_uuid=pool.tier_uuid)
