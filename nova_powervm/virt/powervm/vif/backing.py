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


"""Which physical ports and VIOSes back a vNIC.

The functions here send no requests.
"""

import collections
import re
import typing

from nova import exception as nova_exc

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import pci
from nova_powervm.virt.powervm import physical_ports
from nova_powervm.virt.powervm.vif import details

CONF = cfg.CONF

#: source: IBM's documents
MOST_DEVICES = 6


class Need(typing.NamedTuple):
    """What a Neutron port needs.

    :ivar physnet: str, its physical network; None if Neutron does not tell
    :ivar count: int, how many backing devices
    :ivar capacity: int, at least this much of each physical port; None for
        as little as possible
    :ivar maximum: int, at most this much; None for no limit
    :ivar claimed: the ids of the physical port that Nova's scheduler has
        chosen; None if it has not
    """

    physnet: typing.Optional[str]
    count: int  # type: ignore[assignment]
    capacity: typing.Optional[int]
    maximum: typing.Optional[int]
    claimed: typing.Optional[tuple]


class Device(typing.NamedTuple):
    """A backing device that a vNIC is to get.

    :ivar vios: sriov.Vios
    :ivar port: physical_ports.Port
    """

    vios: typing.Any
    port: physical_ports.Port


class Refusal(typing.NamedTuple):
    """What the platform has refused.

    :ivar devices: list of Device
    :ivar exc: pypowervm HttpError, why, in its words
    """

    devices: list
    exc: typing.Any

    def is_of(self, devices):
        """Whether it is a refusal of some devices, too."""
        return _ids(self.devices) == _ids(devices)

    def blames(self, vios):
        """Whether the platform names a VIOS, and not all of them."""
        named = {device.vios.uuid for device in self.devices if re.search(
            r'\b%s\b' % re.escape(device.vios.name), str(self.exc))}
        return vios.uuid in named and named < {
            device.vios.uuid for device in self.devices}


def _ids(devices):
    return [(device.vios.uuid, device.port.ids) for device in devices]


def names(devices):
    """What operators know devices by, in a list: str."""
    return ', '.join('%s of %s' % (device.port.location, device.vios.name)
                     for device in devices)


def need_of(vif, fails_over):
    """Read what a port needs: Need.

    :param vif: nova.network.model.VIF
    :param fails_over: bool, whether a vNIC can have several devices
    :raises nova.exception.VirtualInterfacePlugException: if a value makes no
        sense.
    """
    wishes = vif.get('details') or {}
    # networking-powervm called it redundancy in the details.
    key = next((key for key in ('vnic_required_vfs', 'redundancy')
                if wishes.get(key) is not None), None)
    count = CONF.powervm.vnic_required_vfs if key is None else _count(vif, key)
    fraction = _fraction(vif, 'capacity')
    return Need(
        physnet=details.physical_network(vif),
        count=count if fails_over else 1,
        capacity=physical_ports.capacity(
            CONF.powervm.vnic_vf_capacity if fraction is None else fraction),
        maximum=physical_ports.capacity(_fraction(vif, 'maxcapacity')),
        claimed=pci.port_ids((vif.get('profile') or {}).get('pci_slot')))


def _count(vif, key):
    """Read a number of backing devices: int."""
    value = vif['details'][key]
    text = str(value)
    if (isinstance(value, bool) or not isinstance(value, (int, str)) or
            not re.fullmatch('[0-9]{1,9}', text) or
            not 1 <= int(text) <= MOST_DEVICES):
        raise _no_sense(vif, key)
    return int(text)


def _fraction(vif, key):
    """Read a fraction of a physical port: float, or None."""
    value = (vif.get('details') or {}).get(key)
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise ValueError()
        found = float(value)
    except (TypeError, ValueError):
        raise _no_sense(vif, key)
    if not 0 < found <= 1:
        raise _no_sense(vif, key)
    return found


def _no_sense(vif, key):
    return nova_exc.VirtualInterfacePlugException(
        'The value of %(key)s of port %(id)s makes no sense: %(value)r' % {
            'key': key, 'id': vif['id'], 'value': vif['details'].get(key)})


def choose(need, ports, vioses, refused=()):
    """Choose the backing devices of a vNIC, the preferred one first.

    :param need: Need
    :param ports: list of all physical_ports.Port
    :param vioses: list of sriov.Vios, in the order of preference
    :param refused: list of Refusal, of attempts to make this vNIC. Their
        ports are the last choice. So is a VIOS that a refusal names. If two
        refusals name none, all devices are in one VIOS: maybe another one
        refuses.
    :returns: list of Device, at least 1
    :raises nova.exception.VirtualInterfacePlugException: if there are not
        enough.
    """
    ports = [port for port in ports if port.runs]
    theirs = [port for port in ports
              if need.physnet and port.physnet == need.physnet]
    if not theirs:
        raise _refuse(need, 'no port of an SR-IOV adapter that runs has it as '
                      'label. The labels are: %s' % (', '.join(sorted(
                          {port.physnet for port in ports if port.physnet})) or
                          'none'))
    # A network with one port has no redundancy to offer.
    count = min(need.count, len(theirs))
    chosen = _choose_ports(need, theirs, count, collections.Counter(
        device.port.ids for refusal in refused for device in refusal.devices))
    return [Device(vios, port) for vios, port in zip(
        _choose_vioses(need, vioses, count, refused), chosen, strict=True)]


def missing(need, has, ports):
    """Tell how many backing devices a vNIC can get in addition.

    :param has: list of pypowervm wrappers of those that it has
    :param ports: list of all physical_ports.Port
    :returns: int
    """
    taken = {(device.sriov_adap_id, device.pport_id) for device in has}
    more = [port for port in ports if port.runs and port.ids not in taken and
            need.physnet and port.physnet == need.physnet and
            not _why_not(need, port)]
    return max(0, min(need.count - len(has), len(more)))


def choose_missing(need, ports, vioses, has):
    """Choose backing devices for a vNIC that has some, but not enough.

    :param has: list of pypowervm wrappers of those that it has
    :returns: list of Device, on other ports, in other VIOSes if possible
    :raises nova.exception.VirtualInterfacePlugException: if there are none.
    """
    taken = {(device.sriov_adap_id, device.pport_id) for device in has}
    hrefs = ' '.join(device.vios_href or '' for device in has).upper()
    able = [vios for vios in vioses if vios.fails_over]
    able.sort(key=lambda vios: vios.uuid.upper() in hrefs)
    return choose(
        need._replace(count=missing(need, has, ports)),
        [port for port in ports if port.ids not in taken and
         not _why_not(need, port)], able)


def _choose_ports(need, ports, count, refused):
    """Choose physical ports: list of Port, each once."""
    reasons = {port: _why_not(need, port) for port in ports}
    left = [port for port in ports if not reasons[port]]
    if len(left) < count:
        raise _refuse(need, 'it needs %d of its SR-IOV ports, but of these '
                      'cannot be used: %s' % (count, '; '.join(sorted(
                          '%s (%s)' % (port.location, reason)
                          for port, reason in reasons.items() if reason))))
    scarce, most_scarce = _scarce(need, left, count)
    chosen = []
    while len(chosen) < count:
        adapters = {port.adapter_id for port in chosen}
        spare = sum(port in scarce for port in chosen) < most_scarce
        best = min(left, key=lambda port: (
            refused[port.ids], port in scarce and not spare,
            port.ids != need.claimed, port.adapter_id in adapters,
            port.allocated, port.location))
        left.remove(best)
        chosen.append(best)
    return chosen


def _scarce(need, ports, count):
    """Tell which ports the vNICs that are to come need most.

    As many as physical_ports.most_vnics() promises get their devices only if
    none is wasted: a vNIC needs different ports, so the last functions of all
    must not be those of one port.

    :returns: set of Port, and int, how many of these a vNIC may use.
    """
    free = {port: port.room(need.capacity) for port in ports}
    most = physical_ports.most_vnics(list(free.values()), count)
    scarce = {port for port, room in free.items() if room < most}
    # Each of the other ports has a device for each vNIC that is to come.
    others = len(free) - len(scarce)
    return scarce, sum(free[port] for port in scarce) - (
        (count - others) * (most - 1))


def _why_not(need, port):
    """Tell why a port cannot have one more logical port: str, or None."""
    capacity = port.capacity(need.capacity)
    if not port.has_link:
        return 'no link'
    if port.used >= port.most:
        return 'all of its %d logical ports are in use' % port.most
    if capacity > physical_ports.WHOLE - port.allocated:
        return 'less than %s%% of its capacity is left' % (capacity / 100)
    if need.maximum is not None and not port.has_maximum:
        return 'its adapter supports no maximum capacity'
    if need.maximum is not None and need.maximum < capacity:
        return 'the maximum capacity %s%% is less than the capacity %s%%' % (
            need.maximum / 100, capacity / 100)
    return None


def _choose_vioses(need, vioses, count, refused):
    """Choose a VIOS for each device: list of Vios, different if possible."""
    able = [vios for vios in vioses if vios.fails_over or count == 1]
    if not able:
        raise _refuse(need, 'no VIOS is up that is capable of vNICs%s' % (
            ' with several backing devices' if count > 1 else ''))
    innocent = [vios for vios in able if not any(
        refusal.blames(vios) for refusal in refused)] or able
    if len(refused) > 1 and innocent == able:
        innocent = able[:1]
    return [innocent[number % len(innocent)] for number in range(count)]


def _refuse(need, reason):
    return nova_exc.VirtualInterfacePlugException(
        'The server cannot get a vNIC in the physical network %(net)s: '
        '%(reason)s.' % {'net': need.physnet, 'reason': reason})
