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

"""What the demo does, step by step.

A step is a function of a Demo. It raises Failure, or anything else, if what
it sees is not as it should be; what it returns is shown below its title.
"""

import hashlib
import json
import os
import time

from nova_powervm.demo import image as demo_image

SERVER_NAMES = ('demo-1', 'demo-2')
FLAVOR = 'demo'
#: What a server has on the platform: its port and the RMC adapter, its boot
#: disk and its config drive.
ADAPTERS = 2
MAPPINGS = ['VirtualDisk', 'VirtualOpticalMedia']
POWER_STATES = {0: 'no state', 1: 'running', 3: 'paused', 4: 'shut down',
                6: 'crashed', 7: 'suspended'}


class Failure(Exception):
    """What the demo shows is not what it should be."""


class Demo:
    """What the steps know.

    :param cloud: cloud.Cloud, entered.
    :param screen: screen.Screen
    :param image_path: str, a raw image; None for one made on the spot.
    :ivar servers: list of dicts, the servers as Nova's API showed them last.
    :ivar gone: int, how many servers have come and gone.
    :ivar requests: int, the REST requests so far.
    :ivar seconds: float, for which steps ran so far.
    """

    def __init__(self, cloud, screen, image_path=None):
        self.cloud = cloud
        self.screen = screen
        self.image_path = image_path
        self.image_sha256 = None
        self.image = None
        self.flavor = None
        self.servers = []
        self.gone = 0
        self.state_before = None
        self.requests = 0
        self.seconds = 0.0

    def run(self, steps):
        """Run steps, and count what each of them costs.

        :param steps: iterable of (title, function), or of (title, function,
            function that shows what there is then).
        """
        started = time.monotonic()
        for title, function, *pictures in steps:
            with self.screen.step(title) as result:
                result.detail = function(self)
                result.requests = self._take_requests()
            for picture in pictures:
                picture(self)
        self.seconds += time.monotonic() - started

    def _take_requests(self):
        """Count the REST requests since the last time."""
        if not self.cloud.nova:
            return None
        count = sum(len(host.take_requests())
                    for host in self.cloud.simulator.hosts)
        self.requests += count
        return count

    def refresh(self):
        """Read the servers from Nova's API again."""
        self.servers = [self.cloud.server(server) for server in self.servers]


def start_site(demo):
    cloud = demo.cloud
    cloud.start_simulator()
    vioses = cloud.host.state()['VirtualIOServer']
    return 'process %d, one server with %d VIOSes; watch it at %s/' % (
        cloud.simulator.pid, len(vioses), cloud.host.url)


def start_nova(demo):
    demo.cloud.start_nova()
    demo.state_before = demo.cloud.host.state()
    return 'API, conductor, scheduler, placement and compute, in this process'


def upload_image(demo):
    path, kind = demo.image_path, ''
    if path is None:
        path = os.path.join(demo.cloud.folder, 'nova-powervm-demo.iso')
        demo_image.make(path)
        kind = ', ISO 9660'
    demo.image_sha256 = _sha256(path)
    demo.image = demo.cloud.create_image(path, os.path.basename(path))
    gigabytes = -(-demo.image['size'] // 1024 ** 3)
    demo.flavor = demo.cloud.create_flavor(FLAVOR, disk_gb=gigabytes)
    return '%s: %.1f MiB%s, sha256 %s...' % (
        demo.image['name'], demo.image['size'] / demo_image.MIB, kind,
        demo.image_sha256[:16])


def _sha256(path):
    with open(path, 'rb') as image:
        return hashlib.file_digest(image, 'sha256').hexdigest()


def boot_first(demo):
    demo.servers.append(demo.cloud.boot(SERVER_NAMES[0], demo.image,
                                        demo.flavor))
    return 'the image was sent to a VIOS and is kept there'


def boot_second(demo):
    demo.servers.append(demo.cloud.boot(SERVER_NAMES[1], demo.image,
                                        demo.flavor))
    return 'its disk is a copy that the VIOS made of the image it has'


def compare(demo):
    state = demo.cloud.host.state()
    for server in demo.servers:
        lpar = lpar_of(state, server)
        if lpar['state'] != 'running':
            raise Failure('LPAR %s is %s' % (lpar['name'], lpar['state']))
        if len(lpar['adapters']) != ADAPTERS:
            raise Failure('LPAR %s has %d adapters, not %d' % (
                lpar['name'], len(lpar['adapters']), ADAPTERS))
        kinds = sorted(kind for _vios, kind, _name in mappings_of(state, lpar))
        if kinds != MAPPINGS:
            raise Failure('LPAR %s has mappings of %s' % (lpar['name'],
                                                          kinds))
        macs = {adapter['mac'] for adapter in lpar['adapters']}
        if not set(_macs(server)) <= macs:
            raise Failure('LPAR %s has none of the MAC addresses %s' % (
                lpar['name'], ', '.join(_macs(server))))


def show(demo):
    """Show the two views beside each other."""
    state = demo.cloud.host.state()
    lpars = [lpar_of(state, server) for server in demo.servers]
    demo.screen.table(
        'Nova says', ['Server', 'UUID', 'Status', 'Port'],
        [[server['name'], server['id'], server['status'],
          '\n'.join(_addresses(server))] for server in demo.servers])
    demo.screen.table(
        'The simulated PowerVM server has',
        ['LPAR', 'Adapters', 'Storage mappings'],
        [['%(name)s\nID %(id)d, %(state)s\n%(memory_mb)d MB\n'
          '%(processors)d processors' % lpar,
          '\n'.join('%s\n%s %d' % (
              adapter['mac'], adapter['switch'].partition('(')[0],
              adapter['pvid']) for adapter in lpar['adapters']),
          '\n'.join('%s %s\n%s' % mapping
                    for mapping in mappings_of(state, lpar))]
         for lpar in lpars])


def read_back(demo):
    for server in demo.servers:
        name = boot_disk_of(demo.cloud.host.state(), server)
        found = demo.cloud.host.disk_checksum(name, demo.image['size'])
        if found != demo.image_sha256:
            raise Failure('Disk %s of server %s has sha256 %s, the image %s' %
                          (name, server['name'], found, demo.image_sha256))
    return 'sha256 %s... on both, as in the image' % demo.image_sha256[:16]


def read_config_drives(demo):
    for server in demo.servers:
        name = config_drive_of(demo.cloud.host.state(), server)
        meta_data = demo_image.read_file(
            demo.cloud.host.read_disk(name), 'openstack/latest/meta_data.json')
        found = json.loads(meta_data)
        if (found['uuid'], found['name']) != (server['id'], server['name']):
            raise Failure('Medium %s is for server %s (%s)' % (
                name, found['name'], found['uuid']))
    return 'openstack/latest/meta_data.json names the server on each'


def stop(demo):
    _act_on_all(demo, 'SHUTOFF', 'not activated', 'os-stop')


def start(demo):
    _act_on_all(demo, 'ACTIVE', 'running', 'os-start')


def reboot_soft(demo):
    _act_on_all(demo, 'ACTIVE', 'running', 'reboot', {'type': 'SOFT'})


def reboot_hard(demo):
    _act_on_all(demo, 'ACTIVE', 'running', 'reboot', {'type': 'HARD'})


def _act_on_all(demo, status, lpar_state, action, argument=None):
    for server in demo.servers:
        demo.cloud.act(server, status, action, argument)
        lpar = lpar_of(demo.cloud.host.state(), server)
        if lpar['state'] != lpar_state:
            raise Failure('LPAR %s is %s, not %s' % (
                lpar['name'], lpar['state'], lpar_state))
    demo.refresh()


def delete(demo):
    # With --keep there may be others by now.
    for server in demo.cloud.servers():
        demo.cloud.delete(server)
    demo.servers = []
    demo.gone = demo.cloud.count_deleted_servers()
    left = len(demo.cloud.host.state()['LogicalPartition'])
    return 'LPARs left: %d, the management partition' % left


def forget_image(demo):
    demo.cloud.clean_image_cache()
    return "by Nova's image cache manager; nothing uses it any more"


def compare_with_before(demo):
    before, state = demo.state_before, demo.cloud.host.state()
    if before.get('NetworkBridge') == state.get('NetworkBridge'):
        check_same(before, state)
        return 'no LPAR, adapter, disk, medium or mapping is left of them'
    # With --keep somebody has used a network with a VLAN.
    check_same(_without_bridges(before), _without_bridges(state))
    return 'only VLANs are left, which the driver keeps for later servers'


#: Until two servers run.
BUILD_UP = (
    ('Start the simulated PowerVM site', start_site),
    ("Start Nova's services around the PowerVM driver", start_nova),
    ('Upload an image to Glance', upload_image),
    ('Boot a server from it', boot_first),
    ('Boot a second server from it', boot_second),
    ('Compare what Nova and the PowerVM server say', compare, show),
    ('Read the boot disks back from the VIOS', read_back),
    ('Read the config drives back from the VIOS', read_config_drives),
)
POWER = (
    ('Stop both', stop),
    ('Start both', start),
    ('Reboot both, softly', reboot_soft),
    ('Reboot both, hard', reboot_hard),
    ('Read the boot disks back once more', read_back),
)
TEAR_DOWN = (
    ('Delete the servers', delete),
    ('Drop the image that the VIOS has kept', forget_image),
    ('Compare the PowerVM server with what it was before',
     compare_with_before),
)


# ---- reading the state of the simulated host -------------------------------

def check_same(before, state):
    """Check that a host is as it was before.

    :param before: dict of SimulatedHost.state().
    :param state: another one.
    :raises Failure: if it differs.
    """
    different = [what for what in state if state[what] != before.get(what)]
    if different:
        raise Failure('Not as before: %s' % ', '.join(different))


def _without_bridges(state):
    """The state of a host without what belongs to its bridges: dict."""
    kept = {what: state[what] for what in state
            if what not in ('NetworkBridge', 'VirtualNetwork')}
    return dict(
        kept, ClientNetworkAdapter=[
            adapter for adapter in kept['ClientNetworkAdapter']
            if not adapter['sea']],
        VirtualIOServer=[dict(vios, slots=None)
                         for vios in kept['VirtualIOServer']])


def lpar_of(state, server):
    """Find a server's LPAR.

    :param state: dict of SimulatedHost.state().
    :raises Failure: if there is none.
    """
    name = server['OS-EXT-SRV-ATTR:instance_name']
    for lpar in state['LogicalPartition']:
        if lpar['name'] == name:
            return lpar
    raise Failure('There is no LPAR %s' % name)


def mappings_of(state, lpar):
    """Return what is mapped to an LPAR: list of (VIOS, kind, name)."""
    return [(vios['name'], mapping['kind'], mapping['storage'])
            for vios in state['VirtualIOServer']
            for mapping in vios['mappings']
            if mapping['lpar_id'] == lpar['id']]


def boot_disk_of(state, server):
    """Return the name of the virtual disk that a server boots from."""
    return _mapped(state, server, 'VirtualDisk')


def config_drive_of(state, server):
    """Return the name of the medium that is a server's config drive."""
    return _mapped(state, server, 'VirtualOpticalMedia')


def _mapped(state, server, wanted):
    names = [name for _vios, kind, name in mappings_of(
        state, lpar_of(state, server)) if kind == wanted]
    if len(names) != 1:
        raise Failure('Server %s has %d mappings of the kind %s' % (
            server['name'], len(names), wanted))
    return names[0]


def _addresses(server):
    return ['%s\n%s' % (address['addr'],
                        address['OS-EXT-IPS-MAC:mac_addr'])
            for network in server['addresses'].values()
            for address in network]


def _macs(server):
    """MAC addresses of a server's ports, as PowerVM spells them."""
    return [address['OS-EXT-IPS-MAC:mac_addr'].replace(':', '').upper()
            for network in server['addresses'].values()
            for address in network]
