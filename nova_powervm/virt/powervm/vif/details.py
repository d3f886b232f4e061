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

"""What Neutron tells of a port, as far as it matters to adapters.

The mechanism driver of this project (nova_powervm.neutron) tells in
``binding:vif_details``: ``vlan``, ``network_type``, ``physical_network``, and
that no agent looks after the port. The one of networking-powervm tells
``vlan`` only.
"""

from nova import exception as nova_exc

from nova_powervm import conf as cfg

CONF = cfg.CONF

#: Detail that the mechanism driver of this project sets. Nobody reports its
#: ports as plugged: they are active from their binding on.
AGENTLESS = 'powervm_agentless'

_FLAT = 'flat'
_LAST_VLAN = 4094


def vlan(vif):
    """Tell the VLAN of a port.

    :param vif: nova.network.model.VIF
    :returns: int; None if its frames have no VLAN tag on the wire.
    :raises nova.exception.VirtualInterfacePlugException: if Neutron tells
        nothing that can be used.
    """
    details = vif.get('details') or {}
    found = vif['network']['meta'].get('vlan')
    if found is None:
        found = details.get('vlan')
    if found is None and details.get('network_type') == _FLAT:
        return None
    try:
        number = int(found)
    except (TypeError, ValueError):
        raise no_vlan(vif)
    if not 1 <= number <= _LAST_VLAN:
        raise no_vlan(vif)
    return number


def no_vlan(vif):
    """Make the error of a port without a VLAN that can be used."""
    return nova_exc.VirtualInterfacePlugException(
        'Port %(id)s has no usable VLAN: %(vlan)s' % {
            'id': vif['id'], 'vlan': (vif.get('details') or {}).get('vlan')})


def physical_network(vif):
    """Tell the physical network of a port: str, None if it is not known."""
    details = vif.get('details') or {}
    return (details.get('physical_network') or
            vif['network']['meta'].get('physical_network'))


def is_agentless(vif):
    """Whether no agent looks after a port, so that nobody reports it."""
    return bool((vif.get('details') or {}).get(AGENTLESS))


def has_agent(vif):
    """Whether an agent of networking-powervm is to be told of a port."""
    return CONF.powervm.send_vif_events and not is_agentless(vif)
