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

"""No change that was answered is lost by kill -9, and none is there in half.

Three clients change partitions, disks and volumes as fast as they can, until
the site is killed at a random moment. Each notes what was answered, and the
one change that was not.
"""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import fixtures as base_fixtures
from lxml import etree
import testtools

from nova_powervm.tests.simulator import killed

KILLS = 50
#: The most changes before a kill, and the most seconds from then on.
_CHANGES, _SECONDS = 20, 0.01
_DISKS = 3
_LOGON = ('<LogonRequest><UserID>neo</UserID><Password>abc123</Password>'
          '</LogonRequest>')
_LPAR = '''
<LogicalPartition xmlns="http://www.ibm.com/xmlns/systems/power/firmware/uom/\
mc/2012_10/"><PartitionMemoryConfiguration><DesiredMemory>256</DesiredMemory>\
<MaximumMemory>256</MaximumMemory><MinimumMemory>256</MinimumMemory>\
</PartitionMemoryConfiguration><PartitionName>%s</PartitionName>\
<PartitionProcessorConfiguration><HasDedicatedProcessors>false\
</HasDedicatedProcessors><SharedProcessorConfiguration>\
<DesiredProcessingUnits>0.05</DesiredProcessingUnits>\
<DesiredVirtualProcessors>1</DesiredVirtualProcessors>\
<MaximumProcessingUnits>0.05</MaximumProcessingUnits>\
<MaximumVirtualProcessors>1</MaximumVirtualProcessors>\
<MinimumProcessingUnits>0.05</MinimumProcessingUnits>\
<MinimumVirtualProcessors>1</MinimumVirtualProcessors>\
</SharedProcessorConfiguration></PartitionProcessorConfiguration>\
</LogicalPartition>'''


class Lost(Exception):
    """The site has been killed."""


class Server:
    """The process that is killed.

    :ivar token: str, of a session that is used all the time
    """

    def __init__(self, test, folder):
        self.token = ''
        self._runner = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-m', killed.__name__, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        test.addCleanup(self._runner.stdout.close)
        test.addCleanup(self._runner.wait)
        test.addCleanup(self._runner.stdin.close)
        test.addCleanup(self.kill)
        self._pid = None
        self._wait()

    def _wait(self):
        line = self._runner.stdout.readline()
        try:
            self._pid, self._port = map(int, line.split())
        except ValueError:
            raise AssertionError(line + self._runner.stdout.read())

    def kill(self):
        pid, self._pid = self._pid, None
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def restart(self):
        self._runner.stdin.write('\n')
        self._runner.stdin.flush()
        self._wait()

    def request(self, method, path, body=None, **headers):
        """Return the body of the answer.

        :raises Lost: if there is no answer
        """
        connection = http.client.HTTPConnection('127.0.0.1', self._port,
                                                timeout=60)
        headers['X-API-Session'] = self.token
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            raise Lost() from exc
        finally:
            connection.close()
        if answer.status >= 300:
            raise AssertionError('%s %s: %d %s' % (method, path,
                                                   answer.status, data))
        return data

    def control(self, **data):
        return json.loads(self.request('POST', '/simulator/control',
                                       json.dumps(data)))


class Client:
    """Changes things of one kind, and knows which have to be there.

    :ivar there: dict, name of each thing -> what a client was told of it
    :ivar pending: what the change that was not answered would make of that;
        None if there is no such change
    """

    def __init__(self, server, rng):
        self.server = server
        self.rng = rng
        self.there = {}
        self.pending = None
        self.count = 0

    def run(self, changed):
        """Change things until the site is killed.

        :param changed: function to call after each change
        """
        try:
            while True:
                self.change()
                changed()
        except Lost:
            pass

    def change(self):
        if self.rng.random() < len(self.there) / 16:
            name = self.rng.choice(sorted(self.there))
            self.pending = {key: value for key, value in self.there.items()
                            if key != name}
            self.remove(name)
        else:
            self.count += 1
            name = '%s-%d' % (self.KIND, self.count)
            # Nobody knows yet what the answer will tell of it.
            self.pending = dict(self.there, **{name: None})
            self.pending[name] = self.make(name)
        self.there, self.pending = self.pending, None

    def check(self, test):
        """Compare with what there is after a restart."""
        found = self.find()
        expected = self.there
        if self.pending is not None and found.keys() == self.pending.keys():
            expected = {name: found[name] if value is None else value
                        for name, value in self.pending.items()}
        test.assertEqual(expected, found)
        self.there, self.pending = found, None


class Partitions(Client):
    """Creates and deletes partitions; what it is told is the etag."""

    KIND = 'lpar'
    PATH = '/rest/api/uom/LogicalPartition'

    def __init__(self, *args):
        super().__init__(*args)
        self.uuids = {}

    def make(self, name):
        entry = etree.fromstring(self.server.request('PUT', self.PATH,
                                                     _LPAR % name))
        self.uuids[name] = entry.findtext('.//{*}PartitionUUID')
        return entry.findtext('{*}etag')

    def remove(self, name):
        self.server.request('DELETE', '%s/%s' % (self.PATH,
                                                 self.uuids[name]))

    def find(self):
        feed = etree.fromstring(self.server.request('GET', self.PATH))
        found = {}
        for entry in feed.findall('{*}entry'):
            name = entry.findtext('.//{*}PartitionName')
            if name.startswith(self.KIND):
                found[name] = entry.findtext('{*}etag')
                self.uuids[name] = entry.findtext('.//{*}PartitionUUID')
        return found


class Disks(Client):
    """Creates and deletes three disks at a time, and writes to them."""

    KIND = 'disks'

    def path(self):
        if not hasattr(self, '_path'):
            feed = etree.fromstring(self.server.request(
                'GET', '/rest/api/uom/VirtualIOServer?group=ViosStorage'))
            vios = feed.find('.//{*}VirtualIOServer').findtext(
                './/{*}PartitionUUID')
            groups = etree.fromstring(self.server.request(
                'GET', '/rest/api/uom/VirtualIOServer/%s/VolumeGroup' % vios))
            group = next(
                entry.findtext('{*}id') for entry in groups.findall('{*}entry')
                if entry.findtext('.//{*}GroupName') == 'datavg')
            self._path = '/rest/api/uom/VirtualIOServer/%s/VolumeGroup/%s' % (
                vios, group)
        return self._path

    def read(self):
        """Return the volume group, its disks, and its etag."""
        entry = etree.fromstring(self.server.request('GET', self.path()))
        group = entry.find('.//{*}VolumeGroup')
        return (group, group.find('{*}VirtualDisks'),
                entry.findtext('{*}etag'))

    def write(self, group, etag):
        self.server.request('POST', self.path(), etree.tostring(group),
                            **{'If-Match': etag})

    def make(self, name):
        group, disks, etag = self.read()
        for number in range(_DISKS):
            disk = etree.SubElement(disks, disks.tag[:-1])
            for tag, text in (('DiskCapacity', '1'), ('DiskLabel', 'None'),
                              ('DiskName', '%s.%d' % (name, number))):
                etree.SubElement(disk, disk.tag.replace('VirtualDisk', tag)
                                 ).text = text
        self.write(group, etag)
        # Up to here nobody knows whether they are there, then they are.
        self.there, self.pending = self.pending, None
        self.there[name] = ''
        self.pending = dict(self.there, **{name: None})
        self.server.request('POST', '/simulator/disks/%s.0' % name, name)
        return name

    def remove(self, name):
        group, disks, etag = self.read()
        for disk in list(disks):
            if disk.findtext('{*}DiskName', '').startswith(name + '.'):
                disks.remove(disk)
        self.write(group, etag)

    def find(self):
        _, disks, _ = self.read()
        names = [disk.findtext('{*}DiskName')
                 for disk in disks.findall('{*}VirtualDisk')]
        found = {}
        for name in {name.partition('.')[0] for name in names}:
            wanted = {'%s.%d' % (name, number) for number in range(_DISKS)}
            if not wanted <= set(names):
                raise AssertionError('Half of %s: %s' % (name, names))
            found[name] = self.server.request(
                'GET', '/simulator/disks/%s.0?length=%d' % (
                    name, len(name))).strip(b'\0').decode()
        return found


class Volumes(Client):
    """Creates and deletes volumes of the storage array."""

    KIND = 'volume'

    def make(self, name):
        return self.server.control(action='create_volume', volume=name,
                                   size_bytes=4096)['naa']

    def remove(self, name):
        self.server.control(action='delete_volume', volume=name)

    def find(self):
        san = json.loads(self.server.request('GET', '/simulator/san'))
        for volume in san['volumes']:
            self.server.request('GET', '/simulator/disks/%s?length=1' %
                                volume['id'])
        return {volume['id']: volume['naa'] for volume in san['volumes']}


class KilledTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(base_fixtures.TempDir()).path
        seed = int(os.environ.get('OS_TEST_SEED', 0)) or random.randrange(
            10 ** 6)
        self.addDetail('OS_TEST_SEED',
                       testtools.content.text_content(str(seed)))
        self.rng = random.Random(seed)
        self.server = Server(self, self.folder)
        self.server.token = etree.fromstring(self.server.request(
            'PUT', '/rest/api/web/Logon', _LOGON)).findtext(
                './/{*}X-API-Session')
        self.clients = [kind(self.server, random.Random(self.rng.random()))
                        for kind in (Partitions, Disks, Volumes)]

    def load(self):
        """Load the site, and kill it at a random moment."""
        problems = []
        changes = threading.Semaphore(0)

        def run(client):
            try:
                client.run(changes.release)
            except Exception as exc:
                problems.append('%s: %r' % (client.KIND, exc))
                # Wait for no more changes of this one.
                changes.release(_CHANGES)

        threads = [threading.Thread(target=run, args=(client,))
                   for client in self.clients]
        for thread in threads:
            thread.start()
        for _ in range(self.rng.randint(0, _CHANGES)):
            changes.acquire()
        time.sleep(self.rng.uniform(0, _SECONDS))
        self.server.kill()
        for thread in threads:
            thread.join()
        self.assertEqual([], problems)

    def test_kills(self):
        for number in range(KILLS):
            self.load()
            self.server.restart()
            for client in self.clients:
                client.check(self)
        # They have had something to lose.
        for client in self.clients:
            self.assertGreater(client.count, KILLS // 5, client.KIND)
