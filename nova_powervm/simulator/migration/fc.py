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

"""The move of the virtual Fibre Channel adapters of a partition."""

from nova_powervm.simulator import errors
from nova_powervm.simulator.migration import choice
from nova_powervm.simulator.resources import fc_mappings
from nova_powervm.simulator.resources import fibre_channel


class Item:
    """A mapping that is to be made on the target.

    :ivar slot: int, of the client
    :ivar server_slot: int, of the VIOS, or None for any
    """

    def __init__(self, old, vios, server_slot, port):
        self.slot = old.client_slot
        self._old = old
        self._vios = vios
        self.server_slot = server_slot
        self._port = port

    def make(self, lpar):
        """Make it: the other WWPN of the pair logs on from here.

        :raises errors.Refused: when there is no such slot any more
        """
        vios = self._vios
        mapping = fc_mappings.Mapping(
            vios, lpar, tuple(reversed(self._old.wwpns)), self.slot,
            self.server_slot)
        vios.fc_mappings.append(mapping)
        mapping.move(self._port)
        lpar.host.add(fibre_channel.ClientAdapter(lpar.host, mapping))

    def leaks(self):
        """Tell what others hear of it: nothing."""
        return []


def mappings_of(lpar):
    """Return the list of its mappings, in the order of slots."""
    return sorted((mapping for mapping in set(lpar.slots.values())
                   if isinstance(mapping, fc_mappings.Mapping) and
                   mapping.client is lpar),
                  key=lambda mapping: mapping.client_slot)


def plan(migration):
    """Plan the mappings on the target.

    :returns: list of Item
    :raises errors.Refused: HSCLA319 when a port does not show the second WWPN
        what the first one sees, or has no room for it
    """
    chosen = choice.Choice(migration, migration.wanted.fc, 'Fibre Channel')
    taken = []
    items = []
    for mapping in chosen.sorted(mappings_of(migration.lpar)):
        wanted = migration.wanted.fc.get(mapping.client_slot)
        name = wanted and wanted.port
        ports = {vios: _port_for(mapping, vios, name, taken)
                 for vios in choice.vioses(migration.target)}
        if wanted is None and not any(ports.values()):
            raise _refusal(migration, mapping)
        if wanted is not None:
            _check_mapped(migration, mapping, wanted, ports)
        vios, slot = chosen.vios_for(mapping, ports.get)
        taken.append(ports[vios])
        items.append(Item(mapping, vios, slot, ports[vios]))
    return items


def _check_mapped(migration, mapping, wanted, ports):
    vios = wanted.find_vios(migration.target)
    vios.check_serving()
    if wanted.port and wanted.port not in [p.name for p in vios.fc_ports]:
        raise errors.Refused('Mapping %s: VIOS %s has no Fibre Channel port '
                             '%s' % (wanted.text, vios.name, wanted.port))
    if ports[vios] is None:
        raise _refusal(migration, mapping, vios)


def _seen(mapping, port, wwpn):
    """Return the set of (volume, unit) that a WWPN sees through a port."""
    san = mapping.vios.host.site.san
    return {(volume.id, unit) for volume, _target, unit in
            san.luns(port, wwpn)}


def _port_for(mapping, vios, name, taken):
    """Find the port of a VIOS that can take over a mapping.

    :param name: str, only the port of this name; None for any
    :param taken: list of ports that other adapters get
    :returns: io_config.FcPort or None
    """
    before = set()
    if mapping.port is not None:
        before = _seen(mapping, mapping.port, mapping.wwpns[0])
    fabric = mapping.port and mapping.port.fabric
    found = [port for port in vios.fc_ports
             if name in (None, port.name) and port.carries and
             port.used + taken.count(port) < port.total and
             _seen(mapping, port, mapping.wwpns[1]) >= before]
    # One of the same fabric first.
    return min(found, key=lambda port: port.fabric is not fabric,
               default=None)


def _refusal(migration, mapping, vios=None):
    """Make the refusal of an adapter.

    source of the code: IBM Support; the text is ours
    """
    places = [vios] if vios else choice.vioses(migration.target)
    details = ''.join(
        '\nVIOS_DETAILED_ERROR\n%s: no port shows WWPN %s all volumes of '
        'WWPN %s, or has a virtual port left\nEnd Detailed Message.' % (
            place.name, mapping.wwpns[1], mapping.wwpns[0])
        for place in places)
    return errors.Refused(
        'HSCLA319 The virtual Fibre Channel client adapter in slot %d of '
        'partition %s cannot be served by a VIOS of system %s%s' % (
            mapping.client_slot, migration.lpar.name,
            migration.target.system.name, details))
