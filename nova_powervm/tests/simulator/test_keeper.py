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

"""The state of a site survives its process."""

import contextlib
import functools
import os
import pickle
import random
import re
import shutil
import sqlite3
from unittest import mock

import fixtures as base_fixtures
import testtools

from nova_powervm.simulator import keeper
from nova_powervm.simulator import profile as sim_profile
from nova_powervm.simulator import resources
from nova_powervm.simulator.resources import lpar as sim_lpar
from nova_powervm.simulator import site as sim_site
from nova_powervm.tests import fixtures
from nova_powervm.tests.simulator import attack

GIB = 1024 ** 3


#: The only thing in a document that changes although nothing happens.
_UPTIME = re.compile('(<Uptime[^>]*>)[0-9]+')


def documents(site):
    """Return what REST clients can read of all objects, with the etags."""
    with site.lock:
        return {(host.name, cls.TYPE, found.uuid, groups): (
            found.etag, found.modified,
            _UPTIME.sub(r'\1', found.document(groups).decode()))
            for host in site.hosts for cls in resources.ALL
            for found in host.store.all(cls.TYPE)
            for groups in (frozenset(), frozenset(cls.GROUPS))}


def picture(site):
    """Return all that has to be the same after a restart."""
    return {'state': site.state(), **site.fingerprint(), **documents(site)}


class KeeperTestCase(testtools.TestCase):

    PROFILE = 'default'

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(base_fixtures.TempDir()).path
        self.site = self.make_site()

    def make_site(self, profile=None, keep=True, **timing):
        """Make a site on the folder, as a process does that starts."""
        profile = profile or fixtures.load_profile(self.PROFILE)
        profile['timing'].update(timing)
        site = sim_site.Site(profile, self.folder, keep=keep)
        self.addCleanup(site.stop)
        self.host = site.hosts[0]
        return site

    def end(self, site):
        """End a site without a last word, as kill -9 does."""
        found, site._keeper = site._keeper, None
        found.close()
        site.stop()

    def assertSame(self, before, site=None):
        """Compare a picture with what is there now."""
        after = picture(site or self.site)
        self.assertEqual(before.keys(), after.keys())
        self.assertEqual({}, {key: (value, after[key])
                              for key, value in before.items()
                              if value != after[key]})

    def restart(self, **timing):
        self.end(self.site)
        self.site = self.make_site(**timing)

    def lpar(self, name='vm1', running=False):
        with self.site.lock:
            return sim_lpar.from_spec(self.host, {
                'name': name, 'memory_mb': 1024, 'processors': 1,
                'units': 0.5, 'dedicated': False, 'management': False,
                'running': running, 'type': 'AIX/Linux', 'max_slots': 64,
                'adapters': []})

    def group(self, name='datavg'):
        return next(group for group in self.host.store.all('VolumeGroup')
                    if group.name == name)

    def disk(self, name, data=b'', size=GIB):
        with self.site.lock:
            disk = self.group().add_disk(name, size)
            self.group().touch()
            disk.disk.write_at(0, data)
        return disk

    def read(self, name):
        return self.group().disks[name].disk.read(0, 5)


class ProfilesTest(KeeperTestCase):

    def test_every_profile(self):
        self.site.stop()
        for name in sorted(set(sim_profile.names()) - {'large'}):
            self.addDetail('profile', testtools.content.text_content(name))
            shutil.rmtree(self.folder)
            site = self.make_site(fixtures.load_profile(name))
            before = picture(site)
            site.stop()
            site = self.make_site(fixtures.load_profile(name))
            self.assertSame(before, site)
            site.stop()


class AttackTest(KeeperTestCase):
    """Whatever clients do, the same is there after a kill."""

    def attack(self, profile, seed, count=80):
        folder = self.useFixture(base_fixtures.TempDir()).path
        with mock.patch.object(attack.sim_site, 'Site', functools.partial(
                sim_site.Site, data_dir=folder, keep=True)):
            campaign = attack.Campaign(random.Random(seed), profile)
        # Who looks at an object may move its etag, so look before the end.
        site = campaign.run(count).site
        before = picture(site)
        site.save(always=False)
        self.end(site)
        site = sim_site.Site(site.profile, folder, keep=True)
        self.addCleanup(site.stop)
        self.assertSame(before, site)

    def test_random_requests(self):
        for seed, profile in enumerate(attack.PROFILES):
            self.addDetail('profile', testtools.content.text_content(profile))
            self.attack(profile, seed)


class StateTest(KeeperTestCase):

    PROFILE = 'fc'

    def test_what_was_saved_is_there(self):
        lpar = self.lpar()
        self.disk('boot', b'bytes')
        self.site.san.create_volume('volume-1', GIB)
        before = picture(self.site)
        self.site.save()
        self.restart()
        self.assertSame(before)
        self.assertEqual('vm1', self.host.partition(lpar.partition_id).name)
        self.assertEqual(b'bytes', self.read('boot'))

    def test_nothing_twice(self):
        """Numbers that are given out go on."""
        self.site.save()
        before = (self.host.next_etag(), self.host.next_mac(),
                  self.site.san.issue_wwpns(self.host))
        self.site.save()
        self.restart()
        after = (self.host.next_etag(), self.host.next_mac(),
                 self.site.san.issue_wwpns(self.host))
        for old, new in zip(before, after):
            self.assertNotEqual(old, new)

    def test_what_was_not_saved_is_not_there(self):
        """A kill within a request undoes it: it has no answer."""
        self.disk('removed', b'first')
        self.disk('replaced', b'first')
        self.site.san.create_volume('volume-1', GIB)
        before = picture(self.site)
        self.site.save()
        with self.site.lock:
            for name in ('removed', 'replaced'):
                self.group().disks.pop(name).delete()
        self.disk('replaced', b'again')
        self.disk('new', b'again')
        self.site.san.rename_volume('volume-1', 'volume-2')
        self.site.san.extend_volume('volume-2', 2 * GIB)
        self.restart()
        self.assertSame(before)
        self.assertEqual([b'first', b'first'], [
            self.read(name) for name in ('removed', 'replaced')])
        # Nothing is left that would be in the way.
        self.disk('new', b'third')

    def test_only_changes_are_written(self):
        self.lpar()
        self.site.save()
        with mock.patch.object(self.site._keeper, '_write') as write:
            self.site.save()
            write.assert_not_called()
            self.host.partition(1).touch()
            self.site.save()
            [[changed, gone]] = [call.args for call in write.call_args_list]
        self.assertIn('host server1', changed)
        self.assertEqual(1, sum(isinstance(key, int) for key in changed))
        self.assertEqual(set(), gone)

    def test_links_of_deleted_disks_go(self):
        self.disk('boot')
        self.site.save()
        folder = os.path.join(self.folder, keeper.DISKS)
        self.assertEqual(1, len(os.listdir(folder)))
        with self.site.lock:
            self.group().disks.pop('boot').delete()
        self.site.save()
        self.assertEqual([], os.listdir(folder))

    def test_rmc_comes_up_later(self):
        self.site.timing['rmc_seconds'] = 1000
        lpar = self.lpar()
        with self.site.lock:
            lpar.booted()
        self.site.save()
        self.restart()
        lpar = self.host.partition(lpar.partition_id)
        self.assertEqual('inactive', lpar.rmc)
        self.site.clock.advance(1001)
        self.assertEqual('active', lpar.rmc)

    def test_console_of_a_command_is_closed(self):
        lpar = self.lpar(running=True)
        lpar.console.open(mock.Mock())
        self.site.save()
        self.restart()
        self.assertFalse(self.host.partition(
            lpar.partition_id).console.is_open)

    def test_devices_of_the_management_partition(self):
        disk = self.disk('boot', b'bytes')
        with self.site.lock:
            management = self.host.partition(1)
            vios = self.group().parent
            self.host.operator.map_storage(vios.name, disk.name,
                                           management.name)
        root = self.host.management_root
        [scan] = [os.path.join(folder, 'scan')
                  for folder, _, files in os.walk(root) if 'scan' in files]
        with open(scan, 'w') as scan_file:
            scan_file.write('- - -')
        self.host.management.sync()
        self.restart()
        with open(os.path.join(root, 'dev', 'sdb'), 'rb') as device:
            self.assertEqual(b'bytes', device.read(5))
        # A device stays until somebody deletes it, even without its disk.
        with self.site.lock:
            for bus in list(self.group().parent.buses):
                bus.discard()
            self.group().disks.pop('boot').delete()
        self.disk('boot', b'again')
        self.site.save()
        self.restart()
        with open(os.path.join(root, 'dev', 'sdb'), 'rb') as device:
            self.assertEqual(b'bytes', device.read(5))
        self.assertEqual(b'again', self.read('boot'))


class JobsTest(KeeperTestCase):

    def submit(self, operation, lpar):
        doc = mock.Mock(text=lambda path: operation,
                        all=lambda path: [])
        with self.site.lock:
            return self.host.jobs.submit('LogicalPartition', operation, lpar,
                                         doc)

    def test_ended(self):
        lpar = self.lpar()
        job = self.submit('PowerOn', lpar)
        self.site.save()
        self.restart()
        self.assertEqual('COMPLETED_OK', self.host.jobs.get(job.id).status)
        self.assertEqual('running', self.host.partition(
            lpar.partition_id).partition_state)

    def test_broken_off(self):
        self.site.timing['job_seconds'] = 1000
        lpar = self.lpar()
        job = self.submit('PowerOn', lpar)
        self.assertEqual('starting', lpar.partition_state)
        self.site.save()
        self.restart()
        job = self.host.jobs.get(job.id)
        self.assertEqual('FAILED_BEFORE_COMPLETION', job.status)
        self.assertIn('The simulator has ended', job.message)
        lpar = self.host.partition(lpar.partition_id)
        self.assertEqual('not activated', lpar.partition_state)
        # What was to happen to the old job harms nobody.
        self.site.clock.advance(1001)
        self.assertEqual('FAILED_BEFORE_COMPLETION', job.status)
        self.assertEqual('COMPLETED_OK', self.submit('PowerOn', lpar).status)

    def test_broken_off_but_forgotten(self):
        self.site.timing['job_seconds'] = 1000
        lpar = self.lpar()
        self.submit('PowerOn', lpar)
        self.host.jobs.forget()
        self.site.save()
        self.restart()
        self.assertEqual('not activated', self.host.partition(
            lpar.partition_id).partition_state)


class FolderTest(KeeperTestCase):

    def assertFails(self, text, kind, *args, **kwargs):
        exc = self.assertRaises(kind, self.make_site, *args, **kwargs)
        self.assertIn(text, str(exc))

    def test_state_is_not_removed(self):
        self.site.stop()
        self.assertFails('--keep-state', OSError, keep=False)
        self.make_site()

    def test_other_profile(self):
        self.site.stop()
        self.assertFails('another profile', keeper.StateError,
                         fixtures.load_profile('ssp'))
        # Only how long things take may change.
        self.make_site(job_seconds=3)

    def test_other_version(self):
        self.site.stop()
        with mock.patch('importlib.metadata.version', lambda name: '99'):
            self.assertFails('another version', keeper.StateError)

    def damage(self, sql, *args):
        self.site.stop()
        with contextlib.closing(sqlite3.connect(os.path.join(
                self.folder, keeper.FILES[0]))) as database:
            database.execute(sql, args)
            database.commit()

    def test_no_database(self):
        self.site.stop()
        with open(os.path.join(self.folder, keeper.FILES[0]), 'wb') as state:
            state.write(b'something else' * 1000)
        self.assertFails('state.sqlite', keeper.StateError)

    def test_unknown_class(self):
        self.damage('UPDATE objects SET class = ? WHERE number = 1',
                    'nova_powervm.simulator.site:Gone')
        self.assertFails('Gone', keeper.StateError)

    def test_code_of_others_is_not_run(self):
        self.damage('UPDATE objects SET state = ? WHERE number = 1',
                    pickle.dumps({'x': os.system}))
        self.assertFails('posix.system', keeper.StateError)

    def test_names_of_other_modules(self):
        """A module of the simulator imports them."""
        self.damage('UPDATE objects SET state = ? WHERE number = 1',
                    b'cnova_powervm.simulator.site\nos.system\n.')
        self.assertFails('os.system', keeper.StateError)

    def test_incomplete(self):
        self.damage('DELETE FROM objects WHERE number = 5')
        self.assertFails('cannot be read', keeper.StateError)

    def test_other_folder(self):
        """The folder may be moved."""
        self.disk('boot', b'bytes')
        self.site.stop()
        moved = self.folder + '-moved'
        shutil.move(self.folder, moved)
        self.addCleanup(shutil.rmtree, moved)
        self.folder = moved
        self.site = self.make_site()
        self.assertEqual(b'bytes', self.read('boot'))
        self.assertTrue(self.group().disks['boot'].disk.path.startswith(
            moved))

    def test_link_to_a_folder_of_others(self):
        self.site.stop()
        links = os.path.join(self.folder, keeper.DISKS)
        os.rmdir(links)
        other = self.useFixture(base_fixtures.TempDir()).path
        os.symlink(other, links)
        with open(os.path.join(other, 'precious'), 'w'):
            pass
        self.assertFails('is a link', keeper.StateError)
        self.assertEqual(['precious'], os.listdir(other))

    def test_interrupted_start(self):
        """The site of a start that was killed has no state."""
        self.site.stop()
        shutil.rmtree(self.folder)
        with mock.patch.object(keeper.Keeper, 'save',
                               side_effect=KeyboardInterrupt):
            self.assertRaises(KeyboardInterrupt, self.make_site)
        self.make_site()
