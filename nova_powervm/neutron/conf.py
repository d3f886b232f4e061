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

"""The options of the mechanism driver, all in group [ml2_powervm].

Neutron's server reads them from the files of ML2. The name of the group is
like those of ML2's own drivers, such as [ml2_type_vlan]. The group [powervm]
of nova.conf belongs to the driver of Nova, on other machines.
"""

import typing

from oslo_config import cfg
from oslo_config import types

GROUP = 'ml2_powervm'


class HostNetworks(typing.NamedTuple):
    """The physical networks that some hosts reach; both are patterns."""

    hosts: str
    networks: tuple


class ListType(types.List):
    """A list whose error names the item that is wrong.

    types.List takes a comma for a part of an item that is wrong without it.
    """

    def __call__(self, value):
        """Parse a list.

        :param value: str with commas, or list
        :returns: list of what item_type returns
        :raises ValueError: if an item is wrong
        """
        if isinstance(value, str):
            value = [item for item in value.split(',') if item.strip()]
        return [self.item_type(item) for item in value]


class HostNetworksType(types.ConfigType):
    """The type of one item of host_physical_networks."""

    EXAMPLE = 'such as power*:prod|test'

    def __init__(self):
        super().__init__(type_name='host networks')

    def __call__(self, value):
        """Parse an item.

        :param value: str, or what a call has returned
        :returns: HostNetworks
        :raises ValueError: if it is none
        """
        if isinstance(value, HostNetworks):
            return value
        hosts, colon, networks = value.partition(':')
        hosts, networks = hosts.strip(), tuple(
            network.strip() for network in networks.split('|'))
        if not colon:
            raise ValueError('"%s" has no colon between the hosts and their '
                             'physical networks, %s' % (value, self.EXAMPLE))
        if len(hosts.split()) != 1:
            raise ValueError('"%s" needs one name of a host, or pattern, '
                             'before the colon, %s' % (value, self.EXAMPLE))
        for network in networks:
            check_network(network, value)
        return HostNetworks(hosts, networks)

    def __repr__(self):
        return 'HOSTS:NETWORKS'

    def __eq__(self, other):
        return type(self) is type(other)

    __hash__ = types.ConfigType.__hash__

    def _formatter(self, value):
        return '%s:%s' % (value.hosts, '|'.join(value.networks))


class NetworkType(types.String):
    """The type of one item of sriov_physical_networks."""

    def __call__(self, value):
        """Check the name, or pattern, of a physical network.

        :param value: str
        :returns: str
        :raises ValueError: if it cannot be one
        """
        name = super().__call__(value).strip()
        check_network(name, name)
        return name


def check_network(name, item):
    """Check the name of a physical network, or a pattern of names.

    :param name: str
    :param item: str, the text that the operator has written
    :raises ValueError: if it cannot be one
    """
    if len(name.split()) != 1 or ':' in name or '|' in name:
        raise ValueError('"%s" is no name or pattern of a physical network, '
                         'in "%s"' % (name, item))


group = cfg.OptGroup(
    GROUP,
    title='PowerVM options of ML2',
    help="""
Options of the mechanism driver for IBM PowerVM. Neutron's server
uses them if ``[ml2]/mechanism_drivers`` has ``powervm``.
""")

options = [
    cfg.Opt(
        'host_physical_networks',
        type=ListType(HostNetworksType()),
        default=[],
        help="""
PowerVM hosts, and the physical networks that their ports can use.

Each item is ``HOSTS:NETWORKS``. HOSTS is the value of
``[DEFAULT]/host`` of nova-compute. NETWORKS is the name of a
physical network, or several names with ``|`` between them. All of
these may be patterns with ``*``, ``?`` and ``[abc]``; upper and
lower case differ. If several items match a host, it has the
networks of all of them. An example is
``power*:prod|test, power7:backup``.

The driver leaves ports on other hosts, and ports of other
networks, to other mechanism drivers. If some ports of a host
belong to Open vSwitch, do not name the physical networks of these
ports here. An empty list means that the driver binds no port.
"""),
    cfg.Opt(
        'sriov_physical_networks',
        type=ListType(NetworkType()),
        default=[],
        help="""
Physical networks on which all ports get an SR-IOV vNIC.

Each item is a name or a pattern. On these networks a port of type
``normal`` gets a vNIC instead of an adapter on a Shared Ethernet
Adapter. Nova's scheduler does not count the capacity of SR-IOV
ports for it. A port of type ``direct`` gets a vNIC on each
network of ``host_physical_networks``.
"""),
]


def register(conf):
    """Register the options; this may be repeated.

    :param conf: oslo_config.cfg.ConfigOpts
    """
    conf.register_group(group)
    conf.register_opts(options, group=group)


def list_opts():
    """Options for oslo-config-generator (entry point oslo.config.opts).

    :returns: list of (group, list of options).
    """
    return [(group, options)]
