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

"""Fibre Channel fabrics: their ports here, and servers' WWPNs in them.

The WWPNs of a server are permanent. They are stored in its system_metadata:
npiv_adpt_wwpns_<fabric> has three WWPNs for each adapter, separated by commas:
the WWPN of a physical port, and the two of the virtual adapter on this port.
What does not fit into one value is in npiv_adpt_wwpns_<fabric>_2 and so on.
fabric_state_<fabric> is the state of the server in the fabric. This is the
format of nova-powervm 9.0.0. npiv_adpt_host, which 9.0.0 did not have, names
the host whose VIOSes have adapters with these WWPNs.

The WWPNs change when the server is evacuated. Nova says that the old host is
down, but this is not certain. If the old host is up, the server there must
lose its volumes instead of sharing them, and two ports on a fabric must never
have the same WWPN. So a host creates new WWPNs for a server if another host
has its WWPNs.
"""

import typing

from nova import exception as nova_exc
from nova import objects
from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import util as pvm_util

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import server_notes

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_WWPNS_KEY = 'npiv_adpt_wwpns_'
_STATE_KEY = 'fabric_state_'
_HOST_KEY = 'npiv_adpt_host'
# Nova stores 255 characters of a value; four adapters need 203.
_ADAPTERS_PER_KEY = 4

#: States of a server in a fabric: it has WWPNs but no adapters; it has left a
#: host and will have the same adapters on another; it has its adapters.
UNMAPPED = 'unmapped'
MIGRATING = 'fabric_migrating'
MAPPED = 'inst_mapped'


class Adapter(typing.NamedTuple):
    """A virtual Fibre Channel adapter of a server.

    :ivar port: str, WWPN of its physical port.
    :ivar wwpns: tuple of str, its own two WWPNs.
    """

    port: str
    wwpns: tuple

    @property
    def key(self):
        """Its WWPNs in a form that can be compared, frozenset."""
        return frozenset(map(pvm_util.sanitize_wwpn_for_api, self.wwpns))

    @property
    def port_map(self):
        """The adapter in the form that pypowervm's vfc_mapper needs."""
        return self.port, ' '.join(self.wwpns)


def names():
    """Return the names of the fabrics that servers are connected to."""
    return CONF.powervm.fabrics


def ports(fabric):
    """Return the WWPNs of a fabric's physical ports, as on the platform."""
    return [pvm_util.sanitize_wwpn_for_api(wwpn) for wwpn in
            CONF.powervm['fabric_%s_port_wwpns' % fabric]]


def validate(host):
    """Register the options of the fabrics, and check them.

    Needs 1 request if the options are used.

    :param host: the owner of the REST connection (host.Host).
    :raises nova.exception.InvalidConfiguration: if an option is invalid.
    """
    validate_names()
    cfg.register_fabrics()
    fabrics = names()
    if CONF.powervm.fc_attach_strategy.lower() != 'npiv':
        return
    vioses = host.vioses([pvm_const.XAG.VIO_FMAP])
    known = {pvm_util.sanitize_wwpn_for_api(port.wwpn)
             for vios_w in vioses for port in vios_w.pfc_ports}
    # A VIOS that is down may not report its ports.
    is_complete = len(vioses) == len(host.filter_active(vioses))
    for fabric in fabrics:
        _validate_ports(fabric, known, is_complete)
    validate_once()


def validate_names():
    """Check the names of the fabrics (no request).

    :raises InvalidOption: if there are none, or one is bad.
    """
    fabrics = names()
    if len(set(fabrics)) < len(fabrics) or not fabrics or not all(
            name.isalnum() for name in fabrics):
        raise exception.InvalidOption(
            option='fabrics', value=','.join(fabrics),
            reason='it must list different names of letters and digits, such '
            'as A,B')


def validate_once():
    """Refuse a port that is listed for two fabrics, because it is in one.

    :raises InvalidOption: if there is such a port.
    """
    seen = {}
    for fabric in names():
        for wwpn in set(ports(fabric)):
            if wwpn in seen:
                raise exception.InvalidOption(
                    option='fabric_%s_port_wwpns' % fabric, value=wwpn,
                    reason='fabric %s has that port too' % seen[wwpn])
            seen[wwpn] = fabric


def validate_servers(instances):
    """Refuse ports of a fabric at which servers have adapters of another one.

    So somebody has swapped the ports of two fabrics in the configuration.

    :param instances: the servers of this host, nova.objects.Instance.
    :raises InvalidOption: if there is such a port.
    """
    fabric_of = {port: fabric for fabric in names() for port in ports(fabric)}
    for instance in instances:
        for fabric in known_to(instance):
            if host_of(instance) not in (None, instance.host):
                continue
            for adapter in adapters(instance, fabric):
                port = pvm_util.sanitize_wwpn_for_api(adapter.port)
                if fabric_of.get(port, fabric) != fabric:
                    raise exception.InvalidOption(
                        option='fabric_%s_port_wwpns' % fabric_of[port],
                        value=port, reason='server %s has an adapter of '
                        'fabric %s at this port; list it there' % (
                            instance.uuid, fabric))


def _validate_ports(fabric, known, is_complete):
    option = 'fabric_%s_port_wwpns' % fabric
    listed = ports(fabric)
    if not listed:
        raise exception.OptRequiredIfOtherOptValue(
            then_opt=option, if_opt='fc_attach_strategy', if_value='npiv')
    strangers = [wwpn for wwpn in listed if wwpn not in known]
    if strangers and is_complete:
        raise exception.InvalidOption(
            option=option, value=','.join(strangers),
            reason='no Virtual I/O Server of this host has such a port',
            there=sorted(known))


# ---- stored with a server ----------------------------------------------

def _keys(instance, fabric):
    """Return the keys of a server's adapters in a fabric, in their order."""
    prefix = _WWPNS_KEY + fabric
    keys, number = [prefix], 2
    while '%s_%d' % (prefix, number) in instance.system_metadata:
        keys.append('%s_%d' % (prefix, number))
        number += 1
    return keys


def adapters(instance, fabric):
    """Return the Adapters of a server in a fabric: list."""
    words = [word for key in _keys(instance, fabric)
             for word in instance.system_metadata.get(key, '').split(',')
             if word]
    return [Adapter(words[n], tuple(words[n + 1:n + 3]))
            for n in range(0, len(words), 3)]


def set_adapters(instance, fabric, found):
    """Set the Adapters of a server in a fabric; the caller saves it."""
    for key in _keys(instance, fabric):
        instance.system_metadata.pop(key, None)
    for number in range(0, len(found), _ADAPTERS_PER_KEY):
        key = _WWPNS_KEY + fabric
        if number:
            key += '_%d' % (number // _ADAPTERS_PER_KEY + 1)
        instance.system_metadata[key] = ','.join(
            ','.join((adapter.port, *adapter.wwpns))
            for adapter in found[number:number + _ADAPTERS_PER_KEY])


def refresh(instance):
    """Read the stored data of a server from Nova's database again.

    A request that Nova sent while another one was running has older data.
    """
    try:
        kept = objects.Instance.get_by_uuid(
            instance._context, instance.uuid,
            expected_attrs=['system_metadata']).system_metadata
    except nova_exc.InstanceNotFound:
        return
    ours = (_WWPNS_KEY, _STATE_KEY, _HOST_KEY)
    for key in list(instance.system_metadata):
        if key.startswith(ours) and key not in kept:
            del instance.system_metadata[key]
    instance.system_metadata.update({
        key: value for key, value in kept.items() if key.startswith(ours)})


def save(instance):
    """Save a server in Nova, unless it is deleted by now."""
    try:
        server_notes.save(instance)
    except nova_exc.InstanceNotFound:
        LOG.debug('The server is deleted, with its WWPNs.',
                  instance=instance)


def state(instance, fabric):
    """Return the state of a server in a fabric."""
    return instance.system_metadata.get(_STATE_KEY + fabric, UNMAPPED)


def set_state(instance, fabric, value):
    """Set the state of a server in a fabric; the caller saves it."""
    instance.system_metadata[_STATE_KEY + fabric] = value


def host_of(instance):
    """Return the host that has adapters with a server's WWPNs.

    :returns: str, Nova's name of the host; None if there is none, or if it is
        unknown.
    """
    return instance.system_metadata.get(_HOST_KEY)


def set_host(instance, nodename):
    """Set the host that has the adapters; the caller saves it.

    :param nodename: Nova's name of the host, or None.
    """
    instance.system_metadata.pop(_HOST_KEY, None)
    if nodename:
        instance.system_metadata[_HOST_KEY] = nodename


def known_to(instance):
    """Return the fabrics in which a server has adapters, by its metadata.

    :returns: list of str, sorted
    """
    metadata = getattr(instance, 'system_metadata', None) or {}
    return sorted(key[len(_STATE_KEY):] for key in metadata
                  if key.startswith(_STATE_KEY))


def wwpns_of(instance):
    """Return the WWPNs of a server in all fabrics: set of str."""
    return {wwpn for fabric in known_to(instance)
            for adapter in adapters(instance, fabric)
            for wwpn in adapter.wwpns}


def forget(instance):
    """Forget the adapters of a server; the caller saves it."""
    for fabric in known_to(instance):
        set_adapters(instance, fabric, [])
        del instance.system_metadata[_STATE_KEY + fabric]
    set_host(instance, None)
