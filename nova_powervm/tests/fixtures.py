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

"""Fixtures: a simulated site in this process, and sessions with it."""

import functools
import http.client
import json
import os
import pickle
from unittest import mock
from urllib import parse

import fixtures
from lxml import etree
from pypowervm import adapter as pvm_adapter

from nova_powervm.demo import fresh
from nova_powervm.simulator import host as sim_host
from nova_powervm.simulator import profile as sim_profile
from nova_powervm.simulator import site as sim_site


@functools.lru_cache(maxsize=None)
def _pickled(read, source):
    return pickle.dumps(read(source))


def load_profile(name):
    """Load a profile that comes with the simulator, once in a process.

    :param name: str, as simulator.profile.load() has it
    :returns: dict, of its own for each call
    """
    return pickle.loads(_pickled(sim_profile.load, name))


def load_sriov_profile(name):
    """Load a profile as load_profile(), with SR-IOV adapters on its hosts.

    They are those of the profile 'sriov'.
    """
    profile = load_profile(name)
    for host in profile['hosts']:
        host['sriov'] = load_profile('sriov')['hosts'][0]['sriov']
    return profile


def parse_profile(source):
    """Parse a profile, once in a process.

    :param source: str of YAML
    :returns: dict, of its own for each call
    """
    return pickle.loads(_pickled(sim_profile.parse, source))


#: The VLANs of the ports that tests plug.
PORT_VLANS = (101,)


class SimulatedSite(fixtures.Fixture):
    """A simulated site that serves on free ports of 127.0.0.1.

    :ivar site: simulator.site.Site
    :param profile: str, name or path of a profile, or a dict of
                    simulator.profile.load()
    :param vlans: VLANs that an operator has added to each Shared Ethernet
                  Adapter, iterable of int
    :param keep: bool, whether the site keeps its state in its data folder
    :param timing: overrides of the timing section of the profile, such as
                   job_polls=1, rmc_seconds=30
    """

    def __init__(self, profile='default', vlans=(), keep=False, **timing):
        super().__init__()
        self._profile = profile
        self._vlans = vlans
        self._keep = keep
        self._timing = dict({'event_seconds': 0.5}, **timing)

    def _setUp(self):
        self.useFixture(fresh.FreshPypowervm())
        profile = self._profile
        if isinstance(profile, str):
            # A file may change.
            load = sim_profile.load if os.sep in profile else load_profile
            profile = load(profile)
        profile['timing'].update(self._timing)
        for bridge in [found for host in profile['hosts']
                       for found in host['bridges']]:
            bridge['vlans'] = sorted({*bridge['vlans'], *self._vlans})
        self.data_dir = self.useFixture(fixtures.TempDir()).path
        self.site = sim_site.Site(profile, self.data_dir, keep=self._keep)
        self.addCleanup(self.site.stop)
        # Tests can wait for the first request, which renders what it needs.
        with mock.patch.object(sim_host.Host, 'render_all', lambda host: None):
            self.site.start(port=0)


def _address_of(host):
    """The address that a simulated host, or an HMC, listens on."""
    name = parse.urlsplit(host.base_url).hostname
    return '127.0.0.1' if name == 'localhost' else name


class Adapter(fixtures.Fixture):
    """A pypowervm Adapter that is logged on to a simulated host.

    :ivar adapter: pypowervm.adapter.Adapter
    :param host: simulator.host.Host
    :param user: str, and
    :param password: str; those of the profile by default
    """

    def __init__(self, host, user=None, password=None):
        super().__init__()
        self._host = host
        self._user = user or host.site.profile['user']
        self._password = password or host.site.profile['password']

    def _setUp(self):
        self.session = pvm_adapter.Session(
            _address_of(self._host), self._user, self._password,
            protocol='http', port=self._host.port)
        self.addCleanup(self._close)
        self.adapter = pvm_adapter.Adapter(self.session)

    def _close(self):
        session = self.session
        self.session = self.adapter = None
        if session.has_event_listener:
            listener = session.get_event_listener()
            # listener.shutdown() forgets every second handler.
            for handler in list(listener.handlers):
                listener.unsubscribe(handler)
        session._logoff()


class Client(fixtures.Fixture):
    """A bare HTTP client of a simulated host, logged on.

    :ivar token: str, the X-API-Session that is sent
    :param host: simulator.host.Host
    """

    def __init__(self, host):
        super().__init__()
        self._host = host
        self.token = ''

    def _setUp(self):
        self.logon()

    def logon(self, user=None, password=None):
        """Log on, with user and password of the profile by default."""
        profile = self._host.site.profile
        reply = self.request('PUT', '/rest/api/web/Logon', (
            '<LogonRequest><UserID>%s</UserID><Password>%s</Password>'
            '</LogonRequest>') % (user or profile['user'],
                                  password or profile['password']))
        self.token = etree.fromstring(reply.body).findtext(
            '{*}X-API-Session')

    def request(self, method, path, body=None, **headers):
        """Send a request.

        :param path: str, sent as it is
        :param body: str, bytes, or an iterable of bytes to send in chunks
        :param headers: underscores in the names stand for hyphens
        :returns: Reply
        :raises OSError: when there is no answer
        """
        if isinstance(body, str):
            body = body.encode()
        sent = {'X-API-Session': self.token}
        sent.update({name.replace('_', '-'): value
                     for name, value in headers.items()})
        connection = http.client.HTTPConnection(
            _address_of(self._host), self._host.port, timeout=60)
        try:
            connection.request(method, path, body, sent)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **headers):
        """Send a GET request."""
        return self.request('GET', path, **headers)


class Reply:
    """The answer to a request of a Client.

    :ivar status: int
    :ivar headers: mapping
    :ivar body: bytes
    """

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def xml(self):
        """The body as a lxml element."""
        return etree.fromstring(self.body)

    @property
    def json(self):
        """The body as JSON data."""
        return json.loads(self.body)

    def text(self, name):
        """Return the text of the first element with a name, or None."""
        return self.xml.findtext('.//{*}' + name)
