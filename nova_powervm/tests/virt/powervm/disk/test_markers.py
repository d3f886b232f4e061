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

import itertools
import threading

from nova import exception as nova_exc
from pypowervm.tasks import cluster_ssp
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests.virt.powervm.disk import ssp_base
from nova_powervm.virt.powervm.disk import image
from nova_powervm.virt.powervm.storage import vios_mappings

SECONDS = 60  # the most that a test waits for another thread
IMAGE = pvm_stg.LUType.IMAGE


class MarkerTestCase(ssp_base.ImagesTestCase):

    def test_waits_for_another_host(self):
        marker = self.marker_of()
        self.make_unit(self.image_name(), 0.01, IMAGE)
        naps = []

        def while_asleep():
            naps.append(self.now)
            self.assertEqual(2, len(self.unit_names()))
            if len(naps) == 3:
                self.delete_unit(marker)

        self.while_asleep = while_asleep
        self.create()
        self.assertEqual(3, len(naps))
        self.assertEqual([], self.glance.downloads)
        self.assertEqual(1, len(self.unit(self.image_name()).clones))

    def test_first_in_the_alphabet_wins(self):
        """Two hosts that begin at the same time; the other one gives up."""
        loses = self.make_unit('partffffffff' + self.image_name(), 0.001,
                               IMAGE).name
        self.while_asleep = lambda: self.delete_unit(loses)
        self.create()
        self.assertEqual([self.image_id], self.glance.downloads)
        self.assertEqual(1005, self.now)

    def test_last_in_the_alphabet_may_have_begun(self):
        """It had looked before there was another marker."""
        wins = self.make_unit('partffffffff' + self.image_name(), 0.001,
                              IMAGE).name
        naps = []

        def while_asleep():
            naps.append(self.now)
            if len(naps) == 1:
                self.make_unit(self.image_name(), 0.01, IMAGE)
            if len(naps) == 3:
                self.delete_unit(wins)

        self.while_asleep = while_asleep
        self.create()
        self.assertEqual(3, len(naps))
        self.assertEqual([], self.glance.downloads)

    def test_last_in_the_alphabet_gives_up(self):
        wins = self.make_unit('part00000000' + self.image_name(), 0.001,
                              IMAGE).name
        self.while_asleep = lambda: self.delete_unit(wins)
        self.create()
        self.assertEqual(1, len(self.glance.downloads))

    def test_own_marker_of_an_earlier_process(self):
        """It is dead at once: at the start, or whenever it is met."""
        token = self.adapter._images._host_token
        for meet in (
                self.create,
                lambda: self.adapter.clean(ssp_base.base.NobodyLeft()),
                lambda: self.adapter.manage_image_cache(self.context, [])):
            self.marker_of(token)
            self.make_unit(self.image_name(), 0.01, IMAGE)
            meet()
            self.assertNotIn('part', ' '.join(self.unit_names()))
            self.adapter.delete_disks(self.make_instance())
            if meet == self.create:
                self.assert_content(self.image_name())
                self.delete_unit(self.image_name())
            self.assertEqual([], self.unit_names())
        self.assertEqual(1000, self.now)

    def test_partial_image_that_somebody_has_mapped(self):
        """It stays, and is in the way of no other image."""
        other = self.image_name(self.glance.add(b'another image'))
        marker = self.marker_of(self.adapter._images._host_token, other)
        partial = self.make_unit(other, 0.01, IMAGE)
        lpar = self.create_lpar(self.make_instance(9))
        with self.edits() as stg:
            stg.edit(self.vios('vios1').uuid, vios_mappings.add_mapping_apart,
                     lpar.uuid, partial)
        self.create()
        self.adapter.clean(ssp_base.base.NobodyLeft())
        self.adapter.manage_image_cache(self.context, [])
        self.assert_content(self.image_name())
        self.assertLess({other, marker}, set(self.unit_names()))
        with self.edits() as stg:
            stg.edit(self.vios('vios1').uuid,
                     vios_mappings.remove_partition_mappings, lpar.uuid)
        self.adapter.manage_image_cache(self.context, [])
        self.assertTrue({other, marker}.isdisjoint(self.unit_names()))

    def test_dead_marker_of_another_host(self):
        self.marker_of()
        self.make_unit(self.image_name(), 0.01, IMAGE)
        self.create()
        self.assertEqual(1300, self.now)
        self.assert_content(self.image_name())
        self.assertEqual(2, len(self.unit_names()))

    def test_dead_marker_of_pypowervm(self):
        self.make_unit('part0badcafe' + self.image_name(), 0.001, IMAGE)
        self.make_unit(self.image_name(), 0.01, IMAGE)
        self.create()
        self.assertEqual(4600, self.now)
        self.assert_content(self.image_name())
        self.assertEqual(2, len(self.unit_names()))

    def test_dead_marker_is_removed_by_the_periodic_pass(self):
        self.marker_of()
        partial = self.make_unit(self.image_name(), 0.01, IMAGE).name
        for now, left in ((1000, 2), (1299, 2), (1300, 0)):
            self.now = now
            self.adapter.manage_image_cache(self.context, [])
            self.assertEqual(left, len(self.unit_names()))
        self.assertNotIn(partial, self.unit_names())

    def test_marker_is_renewed_while_bytes_come(self):
        seen = []

        def send(content):
            for start in range(0, len(content), 10000):
                self.now += 31
                seen.append([name for name in self.unit_names()
                             if name.startswith('part')])
                yield content[start:start + 10000]

        self.glance.send = send
        self.create()
        self.assertEqual({1}, {len(names) for names in seen})
        self.assertEqual(12, len({names[0] for names in seen}))
        self.assert_content(self.image_name())
        self.assertEqual(2, len(self.unit_names()))

    def test_failure_to_renew_does_not_matter(self):
        def send(content):
            self.now += 61
            self.break_request('drop_after', 'PUT', 'LogicalUnit')
            yield content[:100]
            self.now += 61
            yield content[100:]

        self.glance.send = send
        self.create()
        self.assert_content(self.image_name())
        self.assertEqual(2, len(self.unit_names()))

    def test_taken_for_dead_by_another_host(self):
        """The upload that another host has given up is not trusted."""
        def send(content):
            yield content
            for name in self.unit_names():
                self.delete_unit(name)
            self.make_unit(self.image_name(), 0.01, IMAGE)

        self.glance.send = send
        error = self.assertRaises(nova_exc.CouldNotFetchImage, self.create)
        self.assertIn('another host', str(error))
        self.assertEqual([self.image_name()], self.unit_names())

    def test_hosts_with_pypowervms_function(self):
        """They wait for this driver, and find what it has uploaded."""
        naps = []
        self.patch(cluster_ssp, '_sleep_for_upload',
                   lambda: naps.append(self.unit_names()) or
                   proceed.set() or ended.wait(SECONDS))
        proceed, ended = threading.Event(), threading.Event()
        found = []

        def other_host():
            tier = pvm_stg.Tier.get(self.host.adapter,
                                    uuid=self.adapter._pool.tier_uuid)
            found.append(cluster_ssp.get_or_upload_image_lu(
                tier, self.image_name(), self.vios().uuid, None,
                len(self.content)))

        thread = threading.Thread(target=other_host)

        def send(content):
            thread.start()
            proceed.wait(SECONDS)
            yield content

        self.glance.send = send
        self.create()
        ended.set()
        thread.join(SECONDS)
        self.assertEqual(1, len(naps))
        self.assertEqual([self.image_name()], [lu.name for lu in found])

    def test_what_pypowervm_uploads_is_used(self):
        tier = pvm_stg.Tier.get(self.host.adapter,
                                uuid=self.adapter._pool.tier_uuid)
        cluster_ssp.get_or_upload_image_lu(
            tier, self.image_name(), self.vios().uuid,
            iter([self.content]), len(self.content),
            upload_type=pvm_tasks.UploadType.IO_STREAM)
        self.assert_content(self.create().name)
        self.assertEqual([], self.glance.downloads)


class CrashTestCase(ssp_base.ImagesTestCase):
    """The driver ends without a chance to clean up."""

    def walk(self, recover):
        for answered in (False, True):
            for number in itertools.count(1):
                hit = self.crash(number, answered)
                recover()
                self.create()
                self.assertNotIn('part', ' '.join(self.unit_names()))
                self.assert_content(self.image_name())
                self.adapter.delete_disks(self.make_instance())
                self.assertEqual([self.image_name()], self.unit_names())
                self.delete_unit(self.image_name())
                self.delete_files()
                self.assertEqual(self.before, self.state())
                if not hit:
                    break
            self.assertGreater(number, 8)

    def delete_files(self):
        for name in ('vios1', 'vios2'):
            image.uploads.delete_files(
                self.host, [self.image_name()], self.vios(name).uuid)

    def test_clean_at_start(self):
        self.walk(self.restart)

    def test_without_a_new_start(self):
        self.walk(lambda: None)
