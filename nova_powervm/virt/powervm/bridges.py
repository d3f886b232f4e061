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

"""The network bridges of a host: Shared Ethernet Adapters (SEAs).

A network bridge is an SEA, or two on different VIOSes of which one stands in
for the other. It carries the PVID of its primary trunk adapter untagged, and
tagged the VLANs of its trunk adapters (source: pypowervm.wrappers.network).

All partitions of the host share the bridges. So the driver never takes a VLAN
from a bridge to give it to another one, and adds one only if no other trunk
adapter of the virtual switch has it. It adds several at once where it can:
each edit of an SEA takes the VIOS seconds.
"""

import collections
import threading
import time
import typing

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import bridge_edits
from nova_powervm.virt.powervm import bridge_mappings
from nova_powervm.virt.powervm import echoes
from nova_powervm.virt.powervm import facts

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

#: Seconds for which bridges are good if no event comes.
MAX_AGE = 600
#: Seconds for which they are good after an event that was expected: somebody
#: else may have changed them at the same time.
AGE_AFTER_ECHO = 30

_SEA_DETAILS = frozenset(('SharedEthernetAdapters', 'TrunkAdapters'))


class Bridge(typing.NamedTuple):
    """A network bridge, as it was read.

    :ivar uuid: str
    :ivar devices: tuple of (device of the SEA, such as 'ent5', name of its
        VIOS), the primary SEA first
    :ivar vios_uuids: tuple of str, in the same order
    :ivar vswitch_id: int, number of its virtual switch
    :ivar vswitch: str, name of that switch
    :ivar pvid: int, the VLAN that it carries untagged
    :ivar tagged: frozenset of int, the VLANs that it carries tagged
    :ivar fillers: frozenset of int, the PVIDs of its additional trunk
        adapters, which carry nothing
    :ivar removable: frozenset of int, those of the tagged VLANs that are on
        additional trunk adapters
    """

    uuid: str
    devices: tuple
    vios_uuids: tuple
    vswitch_id: int
    vswitch: str
    pvid: int
    tagged: frozenset
    fillers: frozenset
    removable: frozenset

    @property
    def name(self):
        """What operators know it by, as in 'ent5 of vios1'."""
        return ' and '.join('%s of %s' % device for device in self.devices)


class Bridges:
    """Finds the bridge of a physical network, and has it carry VLANs.

    :param host: host.Host
    :param clock: returns seconds; for tests.
    """

    def __init__(self, host, clock=time.monotonic):
        self._host = host
        self._clock = clock
        self._fact = facts.AgingFact(self._read, host.news, MAX_AGE,
                                     lambda: self._clock())
        # UUID of a VIOS -> its name.
        self._vios_names = {}
        self._echoes = echoes.Echoes(clock)
        self._lock = threading.Lock()
        # UUID of a bridge -> VLANs that somebody waits for.
        self._wanted = collections.defaultdict(set)
        self._editing = threading.Lock()
        # (UUID of a bridge, VLAN) -> when a port needed it last.
        self._needed = {}
        # (UUID of a bridge, VLAN) that is being removed.
        self._removing = None
        # How many removals have begun.
        self._removals = 0

    def check_options(self):
        """Check the options (no request; as all() if there are mappings).

        A bridge that is not there now may come later, so that is only logged.

        :raises nova.exception.InvalidConfiguration: if one makes no sense.
        """
        mappings = bridge_mappings.parse(CONF.powervm.bridge_mappings)
        if not mappings:
            return
        try:
            bridges = self.all()
        except pvm_exc.Error as exc:
            LOG.warning('[powervm] bridge_mappings cannot be checked: %s', exc)
            return
        for network, device in sorted(missing(mappings, bridges).items()):
            LOG.error('[powervm] bridge_mappings has %(device)s for the '
                      'physical network %(net)s, but no network bridge of '
                      'this host has that now. Until there is one, no port '
                      'can be plugged there. The bridges are: %(all)s', {
                          'device': '%s of %s' % device, 'net': network,
                          'all': _names(bridges)})
        bridge_mappings.check_unique({
            network: bridge.name for network, device in mappings.items()
            for bridge in bridges if device in bridge.devices})

    # ---- what there is -------------------------------------------------

    def all(self):
        """List the bridges: list of Bridge (0 requests if they are known).

        :raises pypowervm.exceptions.Error: if they cannot be read.
        """
        return self._fact.get()

    def note_vioses(self, vioses):
        """Note the names of all VIOSes (no request).

        :param vioses: list of VIOS wrappers
        """
        self._vios_names = {vios_w.uuid.upper(): vios_w.name
                            for vios_w in vioses}

    def _read(self):
        """Read the bridges (1 request, 2 or 3 the first time)."""
        found = self._host.network_bridges()
        if not found:
            return [], True
        if not self._vios_names.keys() >= {
                uuid for bridge_w in found for uuid in _vios_uuids(bridge_w)}:
            self.note_vioses(self._host.vioses())
        switches = self._host.vswitch_names()
        if not switches.keys() >= {bridge_w.vswitch_id for bridge_w in found}:
            self._host.vswitches_changed()
            switches = self._host.vswitch_names()
        return [_as_bridge(bridge_w, self._vios_names, switches)
                for bridge_w in found], True

    def find(self, physical_network):
        """Find the bridge to a physical network (see all()).

        :param physical_network: Neutron's name of it, str; None if Neutron
            did not tell.
        :returns: Bridge
        :raises nova.exception.VirtualInterfacePlugException: if [powervm]
            bridge_mappings names none, or one that does not exist.
        :raises pypowervm.exceptions.Error: as all().
        """
        bridges = self.all()
        mappings = bridge_mappings.parse(CONF.powervm.bridge_mappings)
        wanted = mappings.get(physical_network)
        if wanted is not None:
            found = [bridge for bridge in bridges if wanted in bridge.devices]
        else:
            found = [] if mappings else bridges
        if len(found) != 1:
            raise nova_exc.VirtualInterfacePlugException(
                'No single Shared Ethernet Adapter is known for the physical '
                'network %(net)s. Set [powervm] bridge_mappings. The bridges '
                'of this host are: %(all)s' % {
                    'net': physical_network, 'all': _names(bridges)})
        return found[0]

    # ---- adding VLANs --------------------------------------------------

    def ensure(self, physical_network, vlan):
        """Have a bridge carry a VLAN (0 requests if it is known to do so).

        :param physical_network: see find().
        :param vlan: int; None for what is untagged on the wire.
        :returns: Bridge that carries it.
        :raises nova.exception.VirtualInterfacePlugException: if it does not
            carry it and must not be changed so.
        :raises pypowervm.exceptions.Error: if the platform refuses.
        """
        removals = self._removals
        bridge = self.find(physical_network)
        if vlan is None:
            return bridge
        self._needed[bridge.uuid, vlan] = self._clock()
        if removals != self._removals:
            bridge = self._look_again(bridge.uuid)
        if _carries(bridge, vlan) and self._removing != (bridge.uuid, vlan):
            return bridge
        if vlan != bridge.pvid and CONF.powervm.manage_sea_vlans:
            self._add(bridge.uuid, vlan)
        else:
            bridge = self._look_again(bridge.uuid)
            if not _carries(bridge, vlan):
                _refuse(vlan, bridge, _why_not(
                    vlan, bridge, []) or '[powervm] manage_sea_vlans is off')
        return bridge

    def _look_again(self, uuid):
        """Read a bridge, as it may carry what it did not: Bridge."""
        self.forget()
        return self._read_one(uuid)

    def _read_one(self, uuid):
        found = next((bridge for bridge in self.all()
                      if bridge.uuid == uuid), None)
        if found is None:
            raise nova_exc.VirtualInterfacePlugException(
                'The network bridge %s is gone.' % uuid)
        return found

    def _add(self, uuid, vlan):
        """Add a VLAN, together with those that others wait for."""
        with self._lock:
            self._wanted[uuid].add(vlan)
        with self._editing:
            with self._lock:
                wanted = self._wanted.pop(uuid, set())
            if vlan not in wanted and _carries(self._read_one(uuid), vlan):
                return
            # If it is not, whoever had taken it has failed, maybe for
            # another VLAN.
            bridge = self._look_again(uuid)
            refused = self._refusals(bridge, wanted | {vlan})
            new = {number for number in wanted | {vlan}
                   if number not in refused and not _carries(bridge, number)}
            if new:
                self._edit(bridge, new, vlan)
        if vlan in refused:
            _refuse(vlan, bridge, refused[vlan])

    def _refusals(self, bridge, vlans):
        """Tell why VLANs cannot be added: dict of int -> str."""
        peers = [other for other in self.all() if other.uuid != bridge.uuid and
                 other.vswitch_id == bridge.vswitch_id]
        reasons = {vlan: _why_not(vlan, bridge, peers) for vlan in vlans}
        return {vlan: reason for vlan, reason in reasons.items() if reason}

    def _edit(self, bridge, vlans, own):
        """Add VLANs to a bridge; if that fails, the own one alone.

        :param vlans: set of int, of which one may be in the way of all.
        """
        try:
            self._send(bridge, vlans)
        except (pvm_exc.Error,
                nova_exc.VirtualInterfacePlugException) as exc:
            # It may be for a VLAN that another server needs.
            if vlans == {own}:
                raise
            LOG.warning('VLANs %(vlans)s could not be added together: '
                        '%(exc)s', {'vlans': sorted(vlans), 'exc': exc})
            if own in vlans:
                self._send(bridge, {own})

    def _send(self, bridge, vlans):
        LOG.info('Adding VLANs %(vlans)s to the Shared Ethernet Adapter '
                 '%(bridge)s.', {'vlans': sorted(vlans),
                                 'bridge': bridge.name})
        before = self.all()
        if not self._announced(bridge, lambda: bridge_edits.add_vlans(
                self._host, bridge.uuid, vlans)):
            # Somebody else was faster.
            return
        self._fact.replace(before, [
            other._replace(tagged=other.tagged | vlans,
                           removable=other.removable | vlans)
            if other.uuid == bridge.uuid else other for other in before])

    def _announced(self, bridge, edit):
        """Edit a bridge, whose events are expected if it was edited.

        :param edit: function that returns whether it was.
        :returns: the same.
        """
        uuids = (bridge.uuid, *bridge.vios_uuids)
        for uuid in uuids:
            self._echoes.expect(uuid)
        is_edited = False
        try:
            is_edited = edit()
        finally:
            if not is_edited:
                for uuid in uuids:
                    self._echoes.withdraw(uuid)
                # What the bridges carry now is not known.
                self.forget()
        return is_edited

    # ---- removing VLANs ------------------------------------------------

    def remove(self, bridge, vlan, seconds):
        """Remove a VLAN that no partition uses, unless a port may need it.

        A port that needs it meanwhile waits, and has it added again.

        :param bridge: Bridge
        :param vlan: int, one of those that are removable.
        :param seconds: for how long no port must have needed it.
        :returns: bool, whether it was removed.
        :raises pypowervm.exceptions.Error: if the platform refuses.
        """
        key = bridge.uuid, vlan
        with self._editing:
            self._removing = key
            self._removals += 1
            try:
                # In this order: who needs it first notes that, and then looks
                # whether it is being removed.
                needed = self._needed.get(key)
                if needed is not None and self._clock() - needed < seconds:
                    return False
                bridge_edits.remove_vlan(
                    self._host.adapter, self._host.system_uuid, bridge.uuid,
                    vlan)
                return True
            finally:
                self.forget()
                self._removing = None

    # ---- what has changed ----------------------------------------------

    def forget(self):
        """Have the bridges read again."""
        self._fact.forget()

    def changed(self, uuid, detail=None):
        """Take in that the platform tells of a change.

        :param uuid: UUID of a network bridge, or of a VIOS.
        :param detail: str, comma list of what has changed of a VIOS; None
            for a bridge, '' if the platform does not tell.
        """
        if detail and _SEA_DETAILS.isdisjoint(detail.split(',')):
            return
        if self._echoes.take(uuid):
            self._fact.age(AGE_AFTER_ECHO)
        else:
            self.forget()


def missing(mappings, bridges):
    """Return the mappings whose device no bridge has: dict, like mappings."""
    return {network: device for network, device in mappings.items()
            if not any(device in bridge.devices for bridge in bridges)}


def _names(bridges):
    return '; '.join(bridge.name for bridge in bridges) or 'none'


def _vios_uuids(bridge_w):
    return tuple(sea.vio_uri.rpartition('/')[2].upper()
                 for sea in bridge_w.seas)


def _as_bridge(bridge_w, vioses, switches):
    """Note what matters of a pypowervm NetBridge wrapper: Bridge."""
    vios_uuids = _vios_uuids(bridge_w)
    return Bridge(
        uuid=bridge_w.uuid,
        devices=tuple((sea.dev_name, vioses.get(uuid, uuid)) for sea, uuid in
                      zip(bridge_w.seas, vios_uuids, strict=True)),
        vios_uuids=vios_uuids,
        vswitch_id=bridge_w.vswitch_id,
        vswitch=switches.get(bridge_w.vswitch_id),
        pvid=bridge_w.pvid,
        tagged=frozenset(bridge_w.list_vlans(pvid=False)),
        fillers=frozenset(bridge_w.arbitrary_pvids),
        removable=frozenset(bridge_w.list_vlans(pvid=False)) - frozenset(
            bridge_w.seas[0].primary_adpt.tagged_vlans))


def _carries(bridge, vlan):
    """Whether a bridge carries a VLAN as the network of a port needs it."""
    return vlan in bridge.tagged or (
        vlan == bridge.pvid and CONF.powervm.untagged_vlan_networks)


def _why_not(vlan, bridge, peers):
    """Tell why a bridge cannot get a VLAN: str; None if it can."""
    if vlan == bridge.pvid:
        return ('it carries this VLAN untagged. Use a flat network, or set '
                '[powervm] untagged_vlan_networks')
    for peer in peers:
        if vlan in peer.tagged or vlan == peer.pvid:
            return ('%s on the same virtual switch carries it. Remove it '
                    'there, or correct [powervm] bridge_mappings' % peer.name)
        if vlan in peer.fillers:
            return ('%s on the same virtual switch uses it as the PVID of a '
                    'trunk adapter. Change that PVID' % peer.name)
    return None


def _refuse(vlan, bridge, reason):
    raise nova_exc.VirtualInterfacePlugException(
        'The Shared Ethernet Adapter %(bridge)s does not carry VLAN %(vlan)s: '
        '%(reason)s.' % {'bridge': bridge.name, 'vlan': vlan,
                         'reason': reason})
