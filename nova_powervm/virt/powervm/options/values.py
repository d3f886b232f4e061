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

"""What values of options must be, as far as this machine can tell.

Each function takes the value of an option, and tells why it cannot be used:
str, or None if it can.
"""

import importlib.util
import ipaddress
import math
import os
import re
import ssl
from urllib import parse

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import bridge_mappings
from nova_powervm.virt.powervm.console import tls
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.volume import fabrics as volume_fabrics

CONF = cfg.CONF

_HOST_NAME = re.compile(r'[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?')
_WWPN = re.compile('[0-9a-fA-F]{16}')
_ENDPOINTS = ('publicURL', 'internalURL', 'adminURL', 'public', 'internal',
              'admin')
_BUNDLES = ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE')
# Most bytes of the name of a container (Swift's API).
_CONTAINER = 256
# Below management_root: what each Linux has.
_UPTIME = 'proc/uptime'


def anything(value):
    """Accept any text: only the platform knows what is right."""


def finite(value):
    """Refuse what is no number, which is within any limits."""
    if not math.isfinite(value):
        return 'it must be a number'


# ---- the connection ----------------------------------------------------

def rest_host(value):
    """Accept host names and IP addresses, each once."""
    for host in value:
        if not _HOST_NAME.fullmatch(host) and not (
                _is_address(host.strip('[]'))):
            return ('it must be a host name or an IP address, or several; '
                    'rest_protocol and rest_port have the rest of a URL')
    if len(set(value)) < len(value):
        return 'it must not have the same host twice'


def _is_address(value):
    try:
        return bool(ipaddress.ip_address(value))
    except ValueError:
        return False


def rest_user(value):
    """Refuse a user without a password, who would not be used."""
    if not CONF.powervm.rest_password:
        return ('it has no effect without rest_password; set both, or none '
                'for the local file authentication of NovaLink')


def rest_password(value):
    """Refuse a password without a user."""
    if not CONF.powervm.rest_user:
        return 'it requires rest_user'


def rest_ca_file(value):
    """Accept the file that https will use."""
    options = CONF.powervm
    protocol = options.rest_protocol or (
        'https' if options.rest_password else 'http')
    if protocol.lower() != 'https':
        return 'it has no effect with http; set rest_protocol=https'
    for variable in _BUNDLES:
        other = os.environ.get(variable)
        if other and other != value:
            return 'the environment variable %s=%s overrides it' % (
                variable, other)
    return certificates(value)


def certificates(path):
    """Accept a PEM file with certificates."""
    if not os.path.isfile(path):
        return 'there is no such file'
    if not os.access(path, os.R_OK):
        return 'this user cannot read the file'
    try:
        ssl.create_default_context(cafile=path)
    except (ssl.SSLError, OSError, ValueError):
        return 'the file has no certificates in PEM format'


def root_folder(path):
    """Accept the root of this machine, or what looks like one."""
    if os.path.realpath(path) == '/':
        return None
    if not os.path.isabs(path) or not os.path.exists(
            os.path.join(path, _UPTIME)):
        return 'it must be /, or a directory that has %s' % _UPTIME


# ---- networks ----------------------------------------------------------

def vswitch(name):
    """Refuse the switch of RMC, in which nothing else may be."""
    if name == 'MGMTSWITCH':
        return 'that switch is for RMC; ports of Open vSwitch need their own'


def mappings(entries):
    """Accept the items of bridge_mappings."""
    try:
        bridge_mappings.parse(entries)
    except exception.InvalidOption as exc:
        return exc.kwargs['reason']


# ---- storage -----------------------------------------------------------

def fabrics(names):
    """Accept the names of fabrics; with a message of its own."""
    volume_fabrics.validate_names()


def wwpns(listed):
    """Accept the WWPNs of the ports of a fabric."""
    plain = [wwpn.replace(':', '').upper() for wwpn in listed]
    for wwpn in plain:
        if not _WWPN.fullmatch(wwpn):
            return ('%r is no WWPN, which has 16 hexadecimal digits, such as '
                    '10000090FA1B2C01' % wwpn)
        if plain.count(wwpn) > 1:
            return '%s is there twice' % wwpn
    return None


# ---- NVRAM -------------------------------------------------------------

def nvram_store(value):
    """Accept a store whose library is installed."""
    if value.lower() == 'swift' and not importlib.util.find_spec(
            'swiftclient'):
        return ('it needs the Python package python-swiftclient; install '
                'nova-powervm[swift], or choose none')


def swift_container(name):
    """Accept the name of a container (source: Swift's API)."""
    if '/' in name or len(name.encode()) > _CONTAINER:
        return 'it must have no slash, and at most %d bytes' % _CONTAINER


def swift_auth_version(value):
    """Accept a version of Keystone's API, as in 3, v3 and 2.0."""
    if not re.fullmatch(r'v?[23](\.\d+)?', value):
        return 'it must be 3 or 2'


def url(value):
    """Accept the URL of a service."""
    try:
        parts = parse.urlsplit(value)
        is_url = parts.scheme in ('http', 'https') and parts.hostname
    except ValueError:
        is_url = False
    if not is_url:
        return 'it must be a URL, such as https://controller:5000/v3'


def endpoint_type(value):
    """Accept a kind of endpoints in Keystone's catalog."""
    if value not in _ENDPOINTS:
        return 'it must be one of %s' % ', '.join(_ENDPOINTS[:3])


# ---- consoles ----------------------------------------------------------

def x509(value):
    """Accept certificates that can be used; with a message of its own."""
    tls.build_context()


def address(value):
    """Accept an IP address to listen at."""
    if not _is_address(value):
        return 'it must be an IP address of this machine, or 0.0.0.0'


def serial_port(value):
    """Refuse a port at which VNC consoles listen, too."""
    hosts = {CONF.vnc.server_listen, CONF.powervm.serial_console_listen}
    if value and value == CONF.powervm.vnc_port and (
            len(hosts) == 1 or hosts & {'0.0.0.0', '::'}):
        return 'it must differ from vnc_port'
