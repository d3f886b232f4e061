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

"""The mechanism driver ``powervm``: binds ports of PowerVM hosts, no agent.

Neutron's server decides from its configuration alone whether a port can be
bound. The driver of Nova does the rest on the host, when it plugs the port.
"""

import fnmatch

from neutron_lib.api.definitions import portbindings
from neutron_lib import constants
from neutron_lib.plugins import directory
from neutron_lib.plugins.ml2 import api
from neutron_lib.services.trunk import constants as trunk
from oslo_config import cfg
from oslo_log import log

from nova_powervm.neutron import conf
from nova_powervm.neutron import wishes

LOG = log.getLogger(__name__)

VIF_SEA = 'pvm_sea'
VIF_SRIOV = 'pvm_sriov'
#: The detail of a port that says that no agent will report it plugged, so
#: nobody should wait for network-vif-plugged.
AGENTLESS = 'powervm_agentless'
NETWORK_TYPES = (constants.TYPE_VLAN, constants.TYPE_FLAT)


class PowerVMMechanismDriver(api.MechanismDriver):
    """Binds ports on the hosts of [ml2_powervm] host_physical_networks."""

    def __init__(self):
        super().__init__()
        self._hosts = []
        self._sriov = []

    def initialize(self):
        """Read the options.

        :raises oslo_config.cfg.ConfigFileValueError: if one is wrong; then
            Neutron's server does not start
        """
        conf.register(cfg.CONF)
        options = cfg.CONF[conf.GROUP]
        self._hosts = options.host_physical_networks
        self._sriov = options.sriov_physical_networks
        if not self._hosts:
            LOG.warning('The mechanism driver powervm binds no ports, because '
                        '[%s] host_physical_networks is empty.', conf.GROUP)

    @property
    def connectivity(self):
        """Ports need no IP address to be bound: layer 2."""
        return portbindings.CONNECTIVITY_L2

    def filter_hosts_with_segment_access(
            self, context, segments, candidate_hosts, agent_getter):
        """Tell which hosts of agents can have ports on some segments.

        The scheduler of DHCP agents asks this. This driver binds no ports of
        agents on any host.

        :returns: set, empty
        """
        return set()

    def bind_port(self, context):
        """Bind a port, or leave it to other drivers.

        :param context: neutron_lib.plugins.ml2.api.PortContext
        """
        port, host = context.current, context.host
        networks = self._networks_of(host)
        if not networks:
            LOG.debug('Host %s of port %s is not in [%s] '
                      'host_physical_networks.', host, port['id'], conf.GROUP)
            return
        reason = _why_not(port)
        if reason:
            LOG.info('powervm leaves port %s on host %s to other mechanism '
                     'drivers: %s.', port['id'], host, reason)
            return
        segment = _choose(context, networks)
        if segment is None:
            LOG.info('powervm leaves port %s on host %s to other mechanism '
                     'drivers: its network has no segment of type vlan or '
                     'flat on a physical network of this host (%s), for the '
                     'subnets and the PCI device of the port.',
                     port['id'], host, ', '.join(networks))
            return
        self._bind(context, segment)

    def update_port_postcommit(self, context):
        """Report a port as up that this driver has bound.

        When Nova activates the binding of a live migration's target, ML2 sets
        the port down, and expects an agent to report it up again.

        :param context: neutron_lib.plugins.ml2.api.PortContext
        """
        port = context.current
        if (port['status'] == constants.PORT_STATUS_DOWN and
                context.vif_type in (VIF_SEA, VIF_SRIOV) and
                context.vif_details.get(AGENTLESS)):
            directory.get_plugin().update_port_status(
                context.plugin_context, port['id'],
                constants.PORT_STATUS_ACTIVE)

    def _networks_of(self, host):
        """The patterns of physical networks that a host has: list of str."""
        return [network for item in self._hosts
                if fnmatch.fnmatchcase(host or '', item.hosts)
                for network in item.networks]

    def _bind(self, context, segment):
        port = context.current
        vif_type, details = VIF_SEA, _details(segment)
        if (_vnic_type(port) == portbindings.VNIC_DIRECT or
                _matches(segment[api.PHYSICAL_NETWORK], self._sriov)):
            vif_type = VIF_SRIOV
            try:
                details.update(wishes.parse(port.get(portbindings.PROFILE)))
            except ValueError as error:
                LOG.error('powervm does not bind port %s on host %s. Correct '
                          'its binding:profile: %s.', port['id'],
                          context.host, error)
                return
        context.set_binding(segment[api.ID], vif_type, details,
                            status=constants.PORT_STATUS_ACTIVE)
        LOG.debug('powervm has bound port %s on host %s as %s: %s', port['id'],
                  context.host, vif_type, details)


def _vnic_type(port):
    return port.get(portbindings.VNIC_TYPE, portbindings.VNIC_NORMAL)


def _why_not(port):
    """Tell why a port is for other drivers, whatever its network is.

    :param port: dict, as the API shows it
    :returns: str, or None if it may be ours
    """
    vnic_type = _vnic_type(port)
    profile = port.get(portbindings.PROFILE) or {}
    owner = port.get('device_owner') or ''
    if vnic_type not in (portbindings.VNIC_NORMAL, portbindings.VNIC_DIRECT):
        return 'its vnic_type is %s' % vnic_type
    if 'switchdev' in (profile.get('capabilities') or ()):
        return 'its binding:profile asks for switchdev'
    if port.get('trunk_details') or owner == trunk.TRUNK_SUBPORT_OWNER:
        return 'it belongs to a trunk'
    if owner and not owner.startswith(
            constants.DEVICE_OWNER_COMPUTE_PREFIX):
        return 'its owner is %s, no server' % owner
    return None


def _matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _choose(context, networks):
    """Choose the segment to bind.

    :param context: neutron_lib.plugins.ml2.api.PortContext
    :param networks: list of str, patterns of the host's physical networks
    :returns: dict, or None if no segment fits
    """
    found = [segment for segment in context.segments_to_bind
             if segment[api.NETWORK_TYPE] in NETWORK_TYPES and
             _matches(segment[api.PHYSICAL_NETWORK], networks)]
    profile = context.current.get(portbindings.PROFILE) or {}
    # Nova writes the physical network of the PCI device that it has claimed.
    claimed = profile.get('physical_network')
    if claimed:
        found = [segment for segment in found
                 if segment[api.PHYSICAL_NETWORK] == claimed]
    if found and len(context.network.network_segments) > 1:
        wanted = _segments_of_subnets(context)
        if wanted:
            found = [segment for segment in found
                     if segment[api.ID] in wanted]
    return found[0] if found else None


def _segments_of_subnets(context):
    """The segments that the addresses of a port are bound to.

    :returns: set of IDs, empty if its subnets have no segments
    """
    plugin = directory.get_plugin()
    subnets = {address['subnet_id']
               for address in context.current.get('fixed_ips') or ()}
    return {plugin.get_subnet(context.plugin_context, subnet).get('segment_id')
            for subnet in subnets} - {None}


def _details(segment):
    """The details of a port, which Nova hands to its driver.

    :param segment: dict
    :returns: dict; vlan is text, and only there if the segment has one
    """
    details = {
        portbindings.CAP_PORT_FILTER: False,
        portbindings.VIF_DETAILS_CONNECTIVITY: portbindings.CONNECTIVITY_L2,
        'physical_network': segment[api.PHYSICAL_NETWORK],
        'network_type': segment[api.NETWORK_TYPE],
        AGENTLESS: True,
    }
    if segment[api.NETWORK_TYPE] == constants.TYPE_VLAN:
        details[portbindings.VIF_DETAILS_VLAN] = str(
            segment[api.SEGMENTATION_ID])
    return details
