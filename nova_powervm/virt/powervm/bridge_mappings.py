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

"""Which Shared Ethernet Adapter leads to which physical network.

The option [powervm] bridge_mappings has the syntax of the networking-powervm
agent.
"""

import collections

from nova_powervm.virt.powervm import exception


def parse(entries):
    """Read the option [powervm] bridge_mappings (no request).

    :param entries: list of 'physical network:device:name of VIOS'.
    :returns: dict of physical network -> (device, name of VIOS), all str.
    :raises InvalidOption: if an entry is not such, a physical network has two,
        or two have the same.
    """
    found = {}
    for entry in entries:
        parts = [part.strip() for part in entry.split(':')]
        if len(parts) != 3 or not all(parts):
            raise _invalid(repr(entry), 'it must be "physical network:SEA '
                           'device:VIOS name", such as prod:ent5:vios1')
        network, device, vios = parts
        if network in found:
            raise _invalid(entry, 'it has the physical network %s twice' %
                           network)
        found[network] = device, vios
    check_unique({network: '%s of %s' % adapter
                  for network, adapter in found.items()})
    return found


def check_unique(names):
    """Refuse two physical networks on one Shared Ethernet Adapter.

    Neutron takes a VLAN of one and the same VLAN of the other for two
    networks, maybe of two tenants. There they would be one.

    :param names: dict of physical network -> what operators call its adapter.
    :raises InvalidOption: if two have the same.
    """
    networks = collections.defaultdict(list)
    for network, name in names.items():
        networks[name].append(network)
    for name, theirs in networks.items():
        if len(theirs) > 1:
            raise _invalid(
                ' and '.join(sorted(theirs)), 'both lead to one Shared '
                'Ethernet Adapter, %s, where servers in the same VLAN of both '
                'would reach each other' % name)


def _invalid(value, reason):
    return exception.InvalidOption(option='bridge_mappings', value=value,
                                   reason=reason)
