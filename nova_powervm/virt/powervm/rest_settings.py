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

"""Tell where the PowerVM REST API server is, and how to log on."""

import os

from pypowervm import const as pvm_const

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception

CONF = cfg.CONF


def read():
    """Return the arguments of rest.Session, from the configuration: dict.

    :raises nova.exception.InvalidConfiguration: if the options make no sense.
    """
    conf = CONF.powervm
    password = conf.rest_password or None
    if password and not conf.rest_user:
        raise exception.OptRequiredIfOtherOptValue(
            then_opt='rest_user', if_opt='rest_password', if_value='***')
    protocol = (conf.rest_protocol or
                ('https' if password else 'http')).lower()
    ca_file = conf.rest_ca_file or None
    if protocol == 'https' and ca_file:
        _check_ca_file(ca_file)
    return {
        'hosts': hosts(),
        'port': conf.rest_port or pvm_const.PORT_DEFAULT_BY_PROTO[protocol],
        'protocol': protocol,
        'username': conf.rest_user or None,
        'password': password,
        'ca_file': ca_file,
    }


def hosts(passed_over=()):
    """Return the hosts of the REST servers: list of str.

    :param passed_over: hosts that are left out.
    """
    return [host for host in CONF.powervm.rest_host or ['localhost']
            if host not in passed_over]


def url(protocol, host, port):
    """Return the address of a REST server: str.

    :param protocol: str, http or https
    :param host: str, a name or an IP address
    :param port: int
    """
    return '%s://%s:%d' % (
        protocol, '[%s]' % host if ':' in host and host[0] != '[' else host,
        port)


def _check_ca_file(path):
    if not os.path.isfile(path):
        raise exception.InvalidOption(option='rest_ca_file', value=path,
                                      reason='there is no such file')
    for variable in ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'):
        other = os.environ.get(variable)
        if other and other != path:
            raise exception.InvalidOption(
                option='rest_ca_file', value=path,
                reason='the environment variable %s=%s overrides it' % (
                    variable, other))
