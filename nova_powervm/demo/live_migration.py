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

"""The second act of the demo: a running server moves to another host.

The steps are like those of demo.steps, and use the same Demo.
"""

import contextlib
import itertools
import re
import time

from nova_powervm.demo import steps

PROFILE = 'ssp-two-host'
OPTIONS = {'disk_driver': 'ssp'}
#: The guest counts the seconds, and the platform copies its memory for a
#: while: the driver tells of the progress every ten seconds.
TIMING = {'guest_seconds': 1, 'migration_copy_seconds': 20}
SOURCE, TARGET = COMPUTES = 'compute1', 'compute2'
#: Seconds for the migration, between two looks at the guest, and between two
#: questions to Nova.
TIMEOUT = 120
INTERVAL = 0.2
ASK_INTERVAL = 1
#: Nothing takes back that NovaLinks know each other's keys.
KEYS = 'ManagementConsole'
#: What the guest writes to its disk, and where.
NOTE = b'The guest wrote this before it moved.\n'
NOTE_OFFSET = 20 * 1024 ** 2
#: What a VIOS maps to the server.
MAPPINGS = ['LogicalUnit', 'VirtualOpticalMedia']
MIB = 1024 ** 2
_LINE = re.compile(r'^(\d+): up (\d+) s on (\S+)\r?$', re.MULTILINE)


class Client:
    """Somebody who watches what a guest prints on its console.

    The platform closes the terminal when the guest moves; the client opens it
    again on the host where the guest runs.

    :param hosts: list of site.SimulatedHost
    :param partition: str, the name of the guest's LPAR.
    :param say: called with each line of the guest, str.
    :ivar lines: list of (number, uptime in seconds, name of the host).
    """

    def __init__(self, hosts, partition, say):
        self._hosts = hosts
        self._partition = partition
        self._say = say
        self.lines = []

    def look(self):
        """Read the lines that are new; open the terminal if it is closed."""
        for host in self._hosts:
            lpar = _find(host.state(), self._partition)
            if lpar is None or lpar['state'] not in ('running',
                                                     'migrating running'):
                continue
            # The guest may leave this host at any moment.
            with contextlib.suppress(host.NotFound):
                if lpar['console'] == 'closed':
                    host.act('open_console', partition=self._partition)
                self._take(host.console_of(self._partition)['text'])

    def look_for(self, seconds):
        """Look again and again, for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.look()
            time.sleep(INTERVAL)

    def _take(self, text):
        last = self.lines[-1][0] if self.lines else 0
        for number, uptime, host in _LINE.findall(text):
            # A terminal that is open tells all lines again.
            if int(number) > last:
                self.lines.append((int(number), int(uptime), host))
                self._say('%s: up %s s on %s' % (number, uptime, host))


def _find(state, name):
    """The LPAR of a name in the state of a host: dict, or None."""
    return next((lpar for lpar in state['LogicalPartition']
                 if lpar['name'] == name), None)


class Demo(steps.Demo):
    """What the steps of this act know.

    :ivar client: Client
    :ivar disk_sha256: str, of the disk as the guest saw it last.
    :ivar states_before: list of dict, the states of the hosts at first.
    """

    def __init__(self, cloud, screen, image_path=None):
        super().__init__(cloud, screen, image_path)
        self.client = None
        self.disk_sha256 = None
        self.states_before = None

    @property
    def hosts(self):
        """List of the SimulatedHosts, in the order of COMPUTES."""
        return self.cloud.simulator.hosts

    @property
    def lpar_name(self):
        """str, the name of the server's LPAR."""
        return self.servers[0]['OS-EXT-SRV-ATTR:instance_name']

    def migration(self):
        """Return the migration as Nova's API lists it: dict, or None."""
        found = self.cloud.nova.admin_api.api_get(
            '/os-migrations').body['migrations']
        return found[0] if found else None

    def memory(self):
        """Return (bytes to copy, bytes left) as Nova's API tells.

        :returns: tuple of int; (None, None) before the driver has told.
        """
        found = self.cloud.nova.admin_api.api_get(
            '/servers/%s/migrations' % self.servers[0]['id']
        ).body['migrations']
        if not found:
            return None, None
        return (found[0]['memory_total_bytes'],
                found[0]['memory_remaining_bytes'])


def start_site(demo):
    demo.cloud.start_simulator()
    return 'process %d; %s, with one Shared Storage Pool; watch at %s/' % (
        demo.cloud.simulator.pid, ' and '.join(
            '%s at %s' % (host.name, host.url) for host in demo.hosts),
        demo.hosts[0].url)


def start_nova(demo):
    demo.cloud.start_nova()
    demo.states_before = [host.state() for host in demo.hosts]
    return '%s on %s, %s on %s, and what they need, in this process' % (
        SOURCE, demo.hosts[0].name, TARGET, demo.hosts[1].name)


def boot(demo):
    service = demo.cloud.nova.computes[TARGET].service_ref
    api = demo.cloud.nova.admin_api
    api.put_service(service.uuid, {'status': 'disabled'})
    demo.servers.append(demo.cloud.boot('demo-1', demo.image, demo.flavor))
    api.put_service(service.uuid, {'status': 'enabled'})
    return 'on %s; %s was disabled meanwhile' % (SOURCE, TARGET)


def watch(demo):
    demo.client = Client(demo.hosts, demo.lpar_name,
                         lambda line: demo.screen.say('     guest: ' + line))
    deadline = time.monotonic() + TIMEOUT
    while len(demo.client.lines) < 3:
        if time.monotonic() > deadline:
            raise steps.Failure('The guest prints nothing')
        demo.client.look()
        time.sleep(INTERVAL)
    return 'it counts the seconds since it was booted'


def write(demo):
    [disk] = {disk['storage'] for disk in _disks(demo, 0)}
    demo.hosts[0].write_disk(disk, NOTE_OFFSET, NOTE)
    demo.disk_sha256 = _disk_sha256(demo, 0)
    return '%d bytes to disk %s, sha256 %s... now' % (
        len(NOTE), disk, demo.disk_sha256[:16])


def _disks(demo, number):
    """The disks that the guest sees on a host, one for each path."""
    return demo.hosts[number].disks_of(
        demo.lpar_name, max(demo.image['size'], NOTE_OFFSET + len(NOTE)))


def _disk_sha256(demo, number):
    found = _disks(demo, number)
    sums = {disk['sha256'] for disk in found}
    if len(sums) != 1 or not all(disk['works'] for disk in found):
        raise steps.Failure('The guest sees the disks %s' % found)
    return sums.pop()


def begin(demo):
    demo.cloud.nova.admin_api.post_server_action(
        demo.servers[0]['id'],
        {'os-migrateLive': {'host': None, 'block_migration': 'auto'}})
    deadline = time.monotonic() + TIMEOUT
    while _find(demo.hosts[1].state(), demo.lpar_name) is None:
        demo.client.look()
        migration = demo.migration()
        if time.monotonic() > deadline or (
                migration and migration['status'] in ('error', 'failed')):
            raise steps.Failure('No migration began: %s' % migration)
        time.sleep(INTERVAL)
    demo.refresh()
    return 'openstack server migrate --live-migration %s' % (
        demo.servers[0]['name'])


def follow(demo):
    shown = None
    deadline = time.monotonic() + TIMEOUT
    while True:
        demo.client.look_for(ASK_INTERVAL)
        migration = demo.migration()
        status = migration['status']
        text = _progress(status, *demo.memory())
        if text != shown:
            shown = text
            demo.screen.say('     openstack server migration list: ' + text)
        if status == 'completed':
            break
        if status not in ('preparing', 'running') or (
                time.monotonic() > deadline):
            raise steps.Failure('The migration is %s' % status)
    demo.servers = [demo.cloud.wait_for_status(demo.servers[0], 'ACTIVE')]
    return 'migration %s of %s from %s to %s' % (
        migration['id'], demo.servers[0]['name'],
        migration['source_compute'], migration['dest_compute'])


def _progress(status, total, left):
    if not total:
        return status
    return '%s, %d of %d MiB of the memory are copied' % (
        status, (total - left) // MIB, total // MIB)


def compare(demo):
    [server] = demo.servers
    if server['OS-EXT-SRV-ATTR:host'] != TARGET:
        raise steps.Failure('Nova says that the server is on %s' %
                            server['OS-EXT-SRV-ATTR:host'])
    if _find(demo.hosts[0].state(), demo.lpar_name) is not None:
        raise steps.Failure('There is still an LPAR %s on the source' %
                            demo.lpar_name)
    state = demo.hosts[1].state()
    lpar = steps.lpar_of(state, server)
    if lpar['state'] != 'running':
        raise steps.Failure('LPAR %s is %s' % (lpar['name'], lpar['state']))
    kinds = sorted(kind for _vios, kind, _name in
                   steps.mappings_of(state, lpar))
    if sorted(set(kinds)) != MAPPINGS:
        raise steps.Failure('LPAR %s has mappings of %s' % (
            lpar['name'], kinds))


def compare_guest(demo):
    deadline = time.monotonic() + TIMEOUT
    while demo.client.lines[-1][2] != demo.hosts[1].name:
        if time.monotonic() > deadline:
            raise steps.Failure('The guest prints nothing on the target')
        time.sleep(INTERVAL)
        demo.client.look()
    return check_lines(demo.client.lines, [host.name for host in demo.hosts])


def check_lines(lines, hosts):
    """Check that a guest counted on while it moved.

    :param lines: of a Client.
    :param hosts: list of str, the names of the source and the target.
    :returns: str, what the client has seen.
    :raises steps.Failure: if it was booted again, or moved more than once.
    """
    for earlier, later in itertools.pairwise(lines):
        if later[0] <= earlier[0] or later[1] <= earlier[1]:
            raise steps.Failure('The guest did not count on: it printed %s '
                                'and then %s' % (earlier, later))
    moves = [pair for pair in itertools.pairwise(lines)
             if pair[0][2] != pair[1][2]]
    if [(before[2], after[2]) for before, after in moves] != [tuple(hosts)]:
        raise steps.Failure('The guest moved like that: %s' % moves)
    [(before, after)] = moves
    missed = lines[-1][0] - lines[0][0] + 1 - len(lines)
    return ('up %d s on %s, then up %d s on %s: it was never booted; lines '
            'that the client missed: %d' % (
                before[1], before[2], after[1], after[2], missed))


def read_back(demo):
    found = _disk_sha256(demo, 1)
    if found != demo.disk_sha256:
        raise steps.Failure('The disk has sha256 %s now, not %s' % (
            found, demo.disk_sha256))
    [disk] = {disk['storage'] for disk in _disks(demo, 1)}
    content = demo.hosts[1].read_disk(disk, NOTE_OFFSET, len(NOTE))
    return 'sha256 %s..., as before; it reads "%s"' % (
        found[:16], content.decode().strip())


def delete(demo):
    steps.delete(demo)
    left = [len(host.state()['LogicalPartition']) for host in demo.hosts]
    return 'LPARs left: %d on %s and %d on %s, the management partitions' % (
        left[0], demo.hosts[0].name, left[1], demo.hosts[1].name)


def compare_with_before(demo):
    for host, before in zip(demo.hosts, demo.states_before):
        steps.check_same(dict(before, **{KEYS: None}),
                         dict(host.state(), **{KEYS: None}))
    return ('nothing is left on either; but %s lets the NovaLink of %s log on '
            'from now on' % (demo.hosts[1].name, demo.hosts[0].name))


def show(demo):
    """Show what there is of the server on both hosts, beside each other."""
    [server] = demo.servers
    migration = demo.migration()
    states = [host.state() for host in demo.hosts]
    demo.screen.table(
        'Nova says: %s is on %s, %s%s' % (
            server['name'], server['OS-EXT-SRV-ATTR:host'], server['status'],
            ', migration %s' % migration['status'] if migration else ''),
        ['', *['%s (%s)' % (host.name, compute) for host, compute in zip(
            demo.hosts, COMPUTES)]],
        [[title, *[function(state, _find(state, demo.lpar_name))
                   for state in states]] for title, function in _PICTURE])


def _say_lpar(state, lpar):
    return '-' if lpar is None else '%(name)s\nID %(id)d, %(state)s' % lpar


def _say_migration(state, lpar):
    if lpar is None:
        return '-'
    total, left = lpar['progress']
    return '%s\n%s' % (lpar['migration_state'], (
        '%d of %d MB copied' % (total - left, total) if total else ''))


def _say_adapters(state, lpar):
    return '-' if lpar is None else '\n'.join(
        adapter['mac'] for adapter in lpar['adapters'])


def _say_mappings(state, lpar):
    return '-' if lpar is None else '\n'.join(
        '%s %s' % mapping[:2] for mapping in steps.mappings_of(state, lpar))


_PICTURE = (('LPAR', _say_lpar), ('Migration', _say_migration),
            ('Adapters', _say_adapters),
            ('Storage mappings', _say_mappings))

#: Until the server runs on the target.
BUILD_UP = (
    ('Start a simulated site of two PowerVM servers', start_site),
    ("Start Nova's services, two of them compute", start_nova),
    ('Upload an image to Glance', steps.upload_image),
    ('Boot a server, with its disk in the pool', boot),
    ('Let a client watch what its guest prints', watch),
    ('Write to its disk, as the guest does', write, show),
    ('Ask Nova to live-migrate it', begin, show),
    ('Watch it move', follow),
    ('Compare what Nova and the PowerVM servers say', compare, show),
    ('Compare the uptime that the client has seen', compare_guest),
    ('Read the disk as the guest sees it now', read_back),
)
TEAR_DOWN = (
    ('Delete the server', delete),
    ('Drop the image that the pool has kept', steps.forget_image),
    ('Compare the PowerVM servers with how they began',
     compare_with_before),
)
