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

"""The choice of the VIOSes that serve a partition on the target."""

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import partition


def vioses(host):
    """Return the list of the VIOSes that serve, in the order of their IDs."""
    return sorted((vios for vios in host.store.all('VirtualIOServer')
                   if vios.is_serving), key=lambda vios: vios.partition_id)


class Choice:
    """Chooses a VIOS for each adapter, another one for each if possible.

    source: IBM Documentation, redundancy is kept where that is possible; the
    order is assumed, no hardware

    :param migration: record.Migration
    :param mappings: dict, client slot -> parameters.Adapter
    :param kind: str, for messages
    """

    def __init__(self, migration, mappings, kind):
        self._migration = migration
        self._mappings = mappings
        self._kind = kind
        self._used = []
        self._slots = set()

    def sorted(self, pairs):
        """Return adapters in the order in which to choose.

        :param pairs: list of adapters.AdapterPair
        :raises errors.Refused: when a mapping is of none of them
        """
        for slot in sorted(self._mappings):
            if slot not in [pair.client_slot for pair in pairs]:
                raise errors.Refused(
                    'Mapping %s: partition %s has no virtual %s adapter in '
                    'slot %d' % (self._mappings[slot].text,
                                 self._migration.lpar.name, self._kind, slot))
        return sorted(pairs, key=lambda pair: (
            pair.client_slot not in self._mappings, pair.client_slot))

    def vios_for(self, pair, sees):
        """Choose the VIOS of an adapter.

        :param pair: adapters.AdapterPair
        :param sees: function of a VIOS, whether it can serve the adapter
        :returns: tuple of VirtualIOServer and int, its slot, or None for any
        :raises errors.Refused: when there is none
        """
        mapping = self._mappings.get(pair.client_slot)
        if mapping is not None:
            vios = self._mapped(mapping, sees)
            self._used.append(vios)
            return vios, mapping.server_slot
        target = self._migration.target
        found = [vios for vios in vioses(target) if sees(vios)]
        if not found:
            raise errors.Refused(
                'No running VIOS of system %s can serve the virtual %s '
                'adapter in slot %d' % (
                    target.system.name, self._kind, pair.client_slot))
        fresh = [vios for vios in found if vios not in self._used]
        vios = (fresh or found)[0]
        self._used.append(vios)
        return vios, None

    def _mapped(self, mapping, sees):
        vios = mapping.find_vios(self._migration.target)
        vios.check_serving()
        if not sees(vios):
            raise errors.Refused(
                'Mapping %s: VIOS %s cannot serve all that is behind the '
                'adapter' % (mapping.text, vios.name))
        slot = mapping.server_slot
        if slot is None:
            return vios
        if not partition.FIRST_SLOT <= slot < vios.max_slots:
            raise errors.Refused('Mapping %s: VIOS %s has no virtual slot %d' %
                                 (mapping.text, vios.name, slot))
        if slot in vios.slots or (vios, slot) in self._slots:
            raise errors.Refused('Mapping %s: virtual slot %d of VIOS %s is '
                                 'in use' % (mapping.text, slot, vios.name))
        self._slots.add((vios, slot))
        return vios
