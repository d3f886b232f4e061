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

"""The management console: the NovaLink itself and its SSH keys, or an HMC."""

import base64
import hashlib
import struct

from nova_powervm.simulator import atom
from nova_powervm.simulator.resources import base

el = atom.el

_KEY_BYTES = 256


class ManagementConsole(base.Resource):
    """The NovaLink itself, and the SSH keys that live migration needs.

    :ivar name: str, host name
    :ivar public_key: str, its own SSH key
    :ivar authorized_keys: list of str, keys that may log on
    :ivar addresses: tuple of str, where others reach it; empty for any
    """

    TYPE = 'ManagementConsole'
    METHODS = ('POST',)

    def __init__(self, host, name, authorized_keys=(), addresses=()):
        super().__init__(host, host.new_uuid(self.TYPE))
        self.name = name
        self.public_key = _ssh_key(host.name)
        self.authorized_keys = list(authorized_keys)
        self.addresses = tuple(addresses)

    def lets_in(self, other):
        """Whether another console may log on to this one with its key.

        :param other: ManagementConsole
        """
        return other.public_key.split()[:2] in [
            key.split()[:2] for key in self.authorized_keys]

    def update(self, doc, groups):
        if doc.has('AuthorizedKeys'):
            self.authorized_keys = [
                key.text('.') for key in
                doc.all('AuthorizedKeys/AuthorizedKey')]
        return 'AuthorizedKeys'

    def render(self, groups):
        system = self.host.system
        return [
            atom.section('MachineTypeModelAndSerialNumber',
                         el('MachineType', system.machine_type),
                         el('Model', system.model),
                         el('SerialNumber', system.serial)),
            el('ManagedFrames'),
            el('ManagedSystems'),
            el('ManagementConsoleName', self.name),
            atom.section('NetworkInterfaces'),
            el('PowerEnterprisePools'),
            el('PublicSSHKey', self.public_key),
            atom.section('AuthorizedKeys', [
                el('AuthorizedKey', key) for key in self.authorized_keys])]

    def state(self):
        return {'uuid': self.uuid, 'name': self.name,
                'public_key': self.public_key,
                'authorized_keys': sorted(self.authorized_keys)}


class HmcConsole(ManagementConsole):
    """An HMC, which manages several systems (capture managementconsole.txt).

    REST shows no SSH keys of it.

    :ivar endpoint_number: int, position of its endpoint.Endpoint in the site
    :param host: host.Host, the first one that it manages
    :param endpoint: endpoint.Endpoint
    """

    METHODS = ()

    def __init__(self, host, endpoint):
        super().__init__(host, endpoint.name)
        self.endpoint_number = endpoint.number
        self.serial = '2911559'
        if endpoint.first is not None:
            self.uuid = host.new_uuid(self.TYPE, endpoint.name)
            self.serial = '2911560'

    def document_for(self, endpoint, groups):
        """See base; a user may not see all systems."""
        if not endpoint.hidden:
            return self.document(groups)
        return atom.document(self.TYPE, self.SERVICE, [
            atom.metadata(self.uuid), *self._render(endpoint.hosts)])

    def render(self, groups):
        return self._render(self.host.endpoint.hosts)

    def _render(self, hosts):
        systems = [host.system for host in hosts]
        return [
            atom.section('MachineTypeModelAndSerialNumber',
                         el('MachineType', 'Ve57'),
                         el('Model', 'f93'),
                         el('SerialNumber', self.serial)),
            el('ManagedFrames'),
            el('ManagedSystems', [
                atom.link('link', '%s/ManagedSystem/%s' % (
                    self.href(), system.uuid)) for system in systems
                if system is not None]),
            el('ManagementConsoleName', self.name),
            atom.section('NetworkInterfaces', atom.section(
                'ManagementConsoleNetworkInterface',
                el('InterfaceName', 'eth0'),
                el('NetworkAddress', '127.0.0.1'))),
            atom.section('VersionInfo'),
            el('PowerEnterprisePools')]


def build(host, spec):
    """Make the management console of a host.

    :param spec: dict, the host's part of the profile; its section ``misc``
                 may have ``management_console`` (name, authorized_keys,
                 addresses)
    """
    if host.endpoint.is_hmc:
        if host is host.endpoint.hosts[0]:
            for endpoint in host.site.endpoints:
                if host.endpoint in (endpoint, endpoint.first):
                    host.add(HmcConsole(host, endpoint))
        return
    console = spec['misc'].get('management_console', {})
    host.add(ManagementConsole(host, console.get('name', 'localhost'),
                               console.get('authorized_keys', ()),
                               console.get('addresses', ())))


def _ssh_key(name):
    """Return a made-up RSA public key without a private key."""
    modulus = b'\0' + hashlib.shake_256(name.encode()).digest(_KEY_BYTES)
    parts = (b'ssh-rsa', b'\1\0\1', modulus)
    blob = b''.join(struct.pack('>I', len(part)) + part for part in parts)
    return 'ssh-rsa %s neo@%s' % (base64.b64encode(blob).decode(), name)
