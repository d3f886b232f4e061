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

"""A simulated site: its hosts, what they share, and the servers for them."""

import errno
import fcntl
from importlib import metadata
import json
import os
import shutil
import tempfile
import threading

from oslo_log import log as logging

from nova_powervm.simulator import certificate
from nova_powervm.simulator import clock
from nova_powervm.simulator import endpoint
from nova_powervm.simulator import errors
from nova_powervm.simulator import fingerprint
from nova_powervm.simulator import host as site_host
from nova_powervm.simulator import keeper
from nova_powervm.simulator.migration import record
from nova_powervm.simulator.resources import cluster
from nova_powervm.simulator.san import network as san_network
from nova_powervm.simulator import server
from nova_powervm.simulator import stream
from nova_powervm.simulator import terminals

LOG = logging.getLogger(__name__)

#: A data folder with this file in it may be emptied.
_MARK = '.powervm-simulator'
#: What stays in the folder of a site whose state is kept.
_KEPT = (*keeper.FILES, keeper.DISKS, *certificate.FILES)
#: Bytes and files that have to be free in the file system of the data folder
#: before anything is changed.
_FREE_BYTES, _FREE_FILES = 1024 ** 2, 20


def wanted_ports(profile, port=None):
    """List the TCP ports of the REST servers of a site, in their order.

    :param profile: dict, of profile.load()
    :param port: int, of the first server, the others follow; 0 for any free
                 ports; None for the ports in the profile
    :returns: list of int
    """
    specs = [profile['console'] if _is_managed(profile, host['name']) else host
             for host in profile['hosts']]
    # An HMC is one server, whatever it manages.
    specs = [spec for number, spec in enumerate(specs)
             if not any(spec is other for other in specs[:number])]
    if port is None:
        return [spec.get('port', 0) for spec in specs]
    return [port + number if port else 0 for number in range(len(specs))]


def _is_managed(profile, host_name):
    """Tell whether an HMC manages a host."""
    console = profile.get('console')
    return console is not None and host_name in console.get(
        'hosts', [spec['name'] for spec in profile['hosts']])


def _claim(directory, keep=False):
    """Create a data folder, or empty the folder of an earlier site.

    :param keep: bool, whether a state that the folder has is to stay
    :returns: int, a file descriptor; the folder is taken until it is closed
    :raises OSError: when the folder is not ours, or another site runs in it
    """
    os.makedirs(directory, mode=0o700, exist_ok=True)
    mark = os.path.join(directory, _MARK)
    if os.listdir(directory) and not os.path.lexists(mark):
        raise FileExistsError(
            errno.EEXIST, 'The folder is not empty, and no earlier '
            'simulated site has created it', directory)
    lock = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW |
                   os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        names = set(os.listdir(directory))
        if keeper.FILES[0] in names and not keep:
            raise FileExistsError(
                errno.EEXIST, 'The folder has the state of a site. Go on with '
                'it (--keep-state), or delete the folder', directory)
        for name in names - {_MARK, *(_KEPT if keep else ())}:
            path = os.path.join(directory, name)
            # What a link leads to is not ours.
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    except BlockingIOError:
        os.close(lock)
        raise OSError(errno.EBUSY, 'Another simulated site uses the folder',
                      directory)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _nothing():
    """Go on."""


class Site:
    """A site made from a profile.

    :ivar hosts: list of host.Host
    :ivar endpoints: list of endpoint.Endpoint, the REST servers
    :ivar pools: list of shared_pool.Pool, one for each cluster
    :ivar streams: stream.Streams, of events for browsers
    :ivar san: san.network.San, the storage area network
    :ivar migrations: migration.record.Migrations, of all hosts
    :ivar control_token: str, what clients of the control API have to show;
                         None to let everybody use it
    :param profile: dict, of profile.load()
    :param data_dir: str, a folder for disks, uploads and token files; None
                     for a new one that stop() removes
    :param keep: bool, whether the state is kept in the data folder, and that
                 of an earlier site is used, if there is one
    :param check: function that is called often while the site is built; what
                  it raises ends that
    :ivar check: the same, and afterwards a function that does nothing
    :raises OSError: when the folder is not empty and not of an earlier site,
        or when another site uses it
    """

    def __init__(self, profile, data_dir=None, check=_nothing, keep=False):
        self.check = check
        self.control_token = None
        self.profile = profile
        self.name = profile['name']
        self.timing = dict(profile['timing'])
        self.lock = threading.RLock()
        self.clock = clock.Clock(self.lock)
        self._own_dir = data_dir is None
        self.data_dir = os.path.abspath(data_dir or tempfile.mkdtemp(
            prefix='powervm-simulator-'))
        self.hosts = []
        self.endpoints = []
        self.pools = []
        self.streams = stream.Streams(self)
        self._keeper = None
        self._folder_lock = _claim(self.data_dir, keep)
        try:
            self._keeper = self._make_keeper() if keep else None
            self._build(profile)
            if self._keeper is not None:
                self._keeper.save()
        except BaseException:
            self.stop()
            raise
        self.check = _nothing

    def _make_keeper(self):
        profile = dict(self.profile, timing=None)
        return keeper.Keeper(self.data_dir, {
            'version of nova-powervm': metadata.version('nova-powervm'),
            'profile': json.dumps(profile, sort_keys=True)})

    def _build(self, profile):
        is_new = self._keeper is None or not self._keeper.has_state
        self.migrations = record.Migrations()
        self.san = san_network.San(self, profile['san'])
        for number, spec in enumerate(profile['hosts']):
            host = site_host.Host(self, spec, number,
                                  self._endpoint_for(spec['name']))
            self.hosts.append(host)
            if is_new:
                host.build()
        with self.lock:
            if is_new:
                self.pools = [cluster.build_pool(self, spec)
                              for spec in profile['clusters']]
            if self._keeper is not None:
                self._keeper.watch(self)
            if not is_new:
                self._load()

    def _load(self):
        """Go on with the state of an earlier site."""
        self._keeper.load()
        for host in self.hosts:
            host.management.build()
        for found in list(self._keeper.objects.values()):
            if hasattr(found, 'restored'):
                found.restored()
        self.clock.resume()

    def save(self, always=True):
        """Keep the state, if that was asked for.

        :param always: False if only time can have changed something
        :raises errors.RestError: when that is not possible
        """
        if self._keeper is None:
            return
        try:
            self._keeper.save(always)
        except keeper.StateError as exc:
            raise errors.RestError(str(exc), 507)

    def check_space(self):
        """Refuse a change that the machine may have no space for.

        A change that finds no space when it is half done cannot be refused
        any more.

        :raises errors.Refused:
        """
        found = os.statvfs(self.data_dir)
        try:
            # Not all file systems count their files.
            if (found.f_bavail * found.f_frsize < _FREE_BYTES or
                    0 < found.f_files and found.f_favail < _FREE_FILES):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._keeper is not None:
                self._keeper.reserve()
        except OSError as exc:
            raise errors.Refused(
                'The machine that runs the simulator cannot store changes in '
                '%s: %s' % (self.data_dir, exc.strerror))

    @property
    def changes(self):
        """int, grows with each change of an object, and as time passes."""
        return self.clock.actions + sum(host.changes for host in self.hosts)

    @property
    def consoles(self):
        """List of the endpoints that are HMCs."""
        return [found for found in self.endpoints if found.is_hmc]

    def _endpoint_for(self, host_name):
        """Find the REST server of a host, or make it."""
        console = self.profile.get('console')
        if _is_managed(self.profile, host_name):
            for found in self.endpoints:
                if found.name == console['name']:
                    return found
            name = console['name']
        else:
            name, console = host_name, None
        made = endpoint.Endpoint(self, len(self.endpoints), name, console)
        self.endpoints.append(made)
        if 'second' in made.spec:
            self.endpoints.append(endpoint.SecondHmc(
                self, len(self.endpoints), made))
        return made

    def addresses(self, bind):
        """Return the addresses that the servers will listen on: set of str.

        :param bind: str, that of all servers that have none of their own
        """
        return {found.address or bind for found in self.endpoints}

    def start(self, bind='127.0.0.1', port=None, tls=None, sockets=None):
        """Start a REST server for each host, or for the HMC of several.

        :param bind: str, address to listen on
        :param port: int, of the first host, the others follow; 0 for any
                     free ports; None for the ports in the profile
        :param tls: server.Tls to serve https, or None
        :param sockets: list of the sockets that server.take() has made for
                        wanted_ports(); None to make them now
        """
        try:
            if sockets is None:
                sockets = server.take(bind, wanted_ports(self.profile, port))
            firsts = [found for found in self.endpoints if not found.first]
            for found, taken in zip(firsts, sockets):
                self._serve(found, server.RestServer(found, bind, taken, tls))
            for found in self.endpoints:
                if found.first:
                    [taken] = server.take(found.address, [found.first.port])
                    self._serve(found, server.RestServer(
                        found, found.address, taken, tls))
        except BaseException:
            for taken in sockets or ():
                taken.close()
            self.stop()
            raise

    def _serve(self, found, rest_server):
        """Start a REST server.

        :param found: endpoint.Endpoint that it serves
        :param rest_server: server.RestServer
        """
        found.server = rest_server
        rest_server.listen()
        if not found.is_hmc:
            terminals.write_commands(found.hosts[0].management_root,
                                     found.base_url, self.control_token)
        # So that not even the first request has to wait.
        for host in found.hosts:
            host.render_all()
        rest_server.start()

    def stop(self):
        """Stop the servers and forget the data folder if it is ours."""
        self.streams.close()
        for found in self.endpoints:
            found.events.close()
        for found in self.endpoints:
            if found.server is not None:
                found.server.stop()
        for host in self.hosts:
            host.management.stop()
            host.terminals.stop()
        self._end_keeper()
        self.clock.stop()
        if self._own_dir:
            shutil.rmtree(self.data_dir, ignore_errors=True)
        if self._folder_lock is not None:
            os.close(self._folder_lock)
            self._folder_lock = None

    def _end_keeper(self):
        """Keep the last state: what is yet to happen is part of it."""
        with self.lock:
            found, self._keeper = self._keeper, None
            if found is None:
                return
            try:
                if found.is_complete:
                    found.save()
            except keeper.StateError:
                LOG.exception('The last state of the site was not kept')
            found.close()

    def host(self, name):
        """Return the host with a name, or None."""
        for host in self.hosts:
            if host.name == name:
                return host
        return None

    def state(self):
        """Return the whole site as a dict fit for JSON."""
        with self.lock:
            return {'name': self.name,
                    'hosts': [host.state() for host in self.hosts],
                    'consoles': [found.state() for found in self.consoles],
                    'san': self.san.state(),
                    'migrations': self.migrations.state()}

    def fingerprint(self):
        """Describe all that is on the site, with digests of all bytes.

        :returns: dict of str -> str, see fingerprint.fingerprint();
            fingerprint.differences() shows what has changed between two
        """
        return fingerprint.fingerprint(self)
