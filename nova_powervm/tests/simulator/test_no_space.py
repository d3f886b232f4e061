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

"""A machine without space: a change is refused, or made and kept."""

import errno
import functools
import json
import os
import sqlite3
from unittest import mock

import fixtures as base_fixtures
import testtools

from nova_powervm.simulator import errors
from nova_powervm.simulator import keeper
from nova_powervm.simulator import site as sim_site
from nova_powervm.simulator import sparse_disk
from nova_powervm.tests.simulator import attack

_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
_LOGON = (b'<LogonRequest><GenerateX-API-SessionFile>true'
          b'</GenerateX-API-SessionFile></LogonRequest>')


class NoSpaceTestCase(testtools.TestCase):

    PROFILE = 'live-migration'

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(base_fixtures.TempDir()).path
        with mock.patch.object(attack.sim_site, 'Site', functools.partial(
                sim_site.Site, data_dir=self.folder, keep=True)):
            self.target = attack.Target(self.PROFILE)
        self.addCleanup(self.target.close)
        self.site = self.target.site
        self.site.save()

    def send(self, method, path, body=b''):
        """Send a request: its status and the text of the answer."""
        sessions = self.site.endpoints[0].sessions
        if not hasattr(self, 'token'):
            self.token = sessions.logon_password(
                self.site.profile['user'], self.site.profile['password']).token
        answer = self.target.send(attack.Request(
            method, path, body, {'X-API-Session': self.token}))
        return answer.status, answer.body.decode()

    def act(self, action, **data):
        return self.send('POST', '/simulator/control', json.dumps(
            dict(data, action=action)).encode())

    def assertFine(self):
        """No traceback, and nothing that was refused and made."""
        self.assertEqual([], self.target.findings)

    def names(self):
        return {partition.name
                for partition in self.site.hosts[0].partitions()}

    def kept(self):
        """Return what stands in the folder, as another process sees it."""
        database = sqlite3.connect(os.path.join(self.folder, keeper.FILES[0]))
        try:
            return [sorted(database.execute('SELECT * FROM ' + table))
                    for table in ('fixed', 'objects')]
        finally:
            database.close()


class EarlyTest(NoSpaceTestCase):
    """The machine has next to nothing left."""

    def fill(self, **values):
        free = os.statvfs(self.folder)
        full = mock.Mock(**dict({name: getattr(free, name) for name in (
            'f_bavail', 'f_frsize', 'f_files', 'f_favail')}, **values))
        patch = mock.patch.object(sim_site.os, 'statvfs', lambda path: full)
        patch.start()
        self.addCleanup(patch.stop)
        return patch

    def check(self):
        uuid = self.site.hosts[0].partition(1).uuid
        for method, path, body in (
                ('PUT', '/rest/api/web/Logon', _LOGON),
                ('PUT', '/rest/api/uom/LogicalPartition', b'<x/>'),
                ('POST', '/rest/api/uom/LogicalPartition/' + uuid, b'<x/>'),
                ('DELETE', '/rest/api/uom/LogicalPartition/' + uuid, b'')):
            status, text = self.send(method, path, body)
            self.assertEqual((400, True), (
                status, 'cannot store changes' in text), text)
        status, text = self.act('create_partition', name='vm2')
        self.assertEqual(400, status)
        self.assertIn('cannot store changes in ' + self.folder, text)
        self.assertEqual(200, self.send(
            'GET', '/rest/api/uom/LogicalPartition')[0])
        self.assertFine()

    def test_bytes(self):
        patch = self.fill(f_bavail=10)
        self.check()
        # That makes space.
        self.assertEqual(200, self.act('delete_volume', volume='volume1')[0])
        patch.stop()
        self.assertEqual(200, self.act('create_partition', name='vm2')[0])

    def test_files(self):
        self.fill(f_files=1000, f_favail=3)
        self.check()

    def test_file_system_that_does_not_count_files(self):
        self.fill(f_files=0, f_favail=0)
        self.assertEqual(200, self.act('create_partition', name='vm2')[0])


class LateTest(NoSpaceTestCase):
    """A change that has been made meets the end of the space."""

    def reserve(self):
        return os.path.exists(os.path.join(self.folder, keeper.FILES[3]))

    def test_reserve(self):
        self.assertTrue(self.reserve())
        write = keeper.Keeper._write

        def writing(*args):
            if self.reserve():
                raise sqlite3.OperationalError('database or disk is full')
            write(*args)

        with mock.patch.object(keeper.Keeper, '_write', writing):
            before = self.kept()
            self.assertEqual(200, self.act('create_partition', name='vm2')[0])
            self.assertNotEqual(before, self.kept())
            self.assertFalse(self.reserve())
            with mock.patch.object(keeper.os, 'posix_fallocate',
                                   side_effect=_FULL):
                status, text = self.act('create_partition', name='vm3')
                self.assertEqual(400, status)
                self.assertIn('cannot store changes', text)
                self.assertFalse(self.reserve())
        self.assertEqual(200, self.act('create_partition', name='vm4')[0])
        self.assertTrue(self.reserve())
        self.assertIn('vm2', self.names())
        self.assertFine()

    def test_no_link(self):
        """The second link to a new disk needs space, too."""
        with mock.patch.object(keeper.os, 'link', side_effect=[
                _FULL, *3 * [mock.DEFAULT]]):
            self.assertEqual(200, self.act(
                'create_volume', volume='v', size_bytes=4096)[0])
        self.assertFalse(self.reserve())
        self.assertFine()

    def test_not_even_the_reserve(self):
        with mock.patch.object(keeper.Keeper, '_write', side_effect=_FULL):
            status, text = self.act('create_partition', name='vm2')
            self.assertEqual(507, status)
            self.assertIn('The state cannot be kept', text)
        self.assertEqual(200, self.act('create_partition', name='vm3')[0])
        self.assertFalse([found for found in self.target.findings
                          if 'Traceback' in found])

    def test_transaction_that_fails(self):
        """The next one begins anew."""
        database = self.site._keeper._database
        database.execute('PRAGMA max_page_count = 1')
        for number in range(100):
            status, _ = self.act('create_partition', name='p%d' % number,
                                 memory_mb=256)
            if status != 200:
                break
        self.assertEqual(507, status)
        database.execute('PRAGMA max_page_count = 100000')
        self.assertEqual(200, self.act('create_partition', name='last')[0])
        for name in self.names():
            self.assertIn(name.encode(), str(self.kept()).encode())

    def test_start(self):
        self.target.close()
        with mock.patch.object(keeper.Keeper, '_write', side_effect=_FULL):
            self.assertRaises(keeper.StateError, sim_site.Site,
                              self.site.profile, self.folder + '-new',
                              keep=True)


class ContentTest(NoSpaceTestCase):
    """The bytes of something new do not find space."""

    def test_operator(self):
        vios = next(found.name for found in self.site.hosts[0].store.all(
            'VirtualIOServer') if found.repository)
        with mock.patch.object(sparse_disk.SparseDisk, 'write_at',
                               side_effect=errors.Refused('no space')):
            for action, data in (
                    ('create_disk', {
                        'vios': vios, 'volume_group': 'datavg',
                        'name': 'd', 'size_bytes': 9}),
                    ('create_medium', {'vios': vios, 'name': 'm'}),
                    ('create_logical_unit', {'name': 'u', 'size_bytes': 9}),
                    ('create_partition', {
                        'name': 'p', 'disk': {
                            'vios': vios, 'volume_group': 'datavg',
                            'name': 'd', 'size_bytes': 9}})):
                self.assertEqual(400, self.act(action, **data)[0], action)
        self.assertFine()


class RefusedTest(NoSpaceTestCase):

    def test_upload_that_breaks_off(self):
        """What it has changed is kept when the refusal is sent."""
        vios, disk = next(
            (vios, group.disks['boot_1'])
            for vios in self.site.hosts[0].store.all('VirtualIOServer')
            for group in vios.volume_groups if 'boot_1' in group.disks)
        status, text = self.send('PUT', '/rest/api/web/File', (
            '<File><Filename>image</Filename>'
            '<ExpectedFileSizeInBytes>9</ExpectedFileSizeInBytes>'
            '<FileEnumType>BROKERED_DISK_IMAGE</FileEnumType>'
            '<TargetDeviceUniqueDeviceID>%s</TargetDeviceUniqueDeviceID>'
            '<TargetVirtualIOServerUUID>%s</TargetVirtualIOServerUUID>'
            '</File>' % (disk.udid, vios.uuid)).encode())
        self.assertEqual(200, status, text)
        made, = self.site.hosts[0].store.all('File')
        for data in (b'x', b'yz'):
            status, text = self.send(
                'PUT', '/rest/api/web/File/contents/' + made.uuid, data)
            self.assertEqual(400, status)
            self.assertIn('%d bytes of image arrived' % len(data), text)
            with self.site.lock:
                row = self.site._keeper._dump(
                    dict(made.__getstate__(), _documents={}))
            self.assertIn(row, [state for _number, _class, state
                                in self.kept()[1]])
