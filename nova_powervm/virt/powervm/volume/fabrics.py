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

"""Fibre Channel fabrics: their ports here, and a server's WWPNs in them.

The WWPNs belong to the server for good and are kept in its system_metadata:
npiv_adpt_wwpns_<fabric> holds the WWPN of a physical port and the two of the
virtual adapter on it, three for each adapter, separated by commas. What does
not fit into one value is in npiv_adpt_wwpns_<fabric>_2 and so on.
fabric_state_<fabric> tells how far that has come. This is the format of
nova-powervm 9.0.0. npiv_adpt_host, which 9.0.0 did not have, names the host
whose VIOSes have adapters with these WWPNs.

The WWPNs change when the server is evacuated. Nova says that its old host is
down, but nobody can be sure: if it is not, the server there must lose its
volumes, and not share them, and two ports on a fabric must never have the same
WWPN. So a host makes new WWPNs for a server whose WWPNs another host has.
"""

import typing

from nova import exception as nova_exc
from nova import objects
from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import util as pvm_util

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_WWPNS_KEY = 'npiv_adpt_wwpns_'
_STATE_KEY = 'fabric_state_'
_HOST_KEY = 'npiv_adpt_host'
# Nova keeps 255 characters of a value; four adapters take 203.
_ADAPTERS_PER_KEY = 4

#: States of a server in a fabric: it has WWPNs but no adapters; it has left a
#: host and will have the same adapters on another; it has its adapters.
UNMAPPED = 'unmapped'
MIGRATING = 'fabric_migrating'
MAPPED = 'inst_mapped'


class Adapter(typing.NamedTuple):
    """A virtual Fibre Channel adapter of a server.

    :ivar port: WWPN of the physical port that it is on, str.
    :ivar wwpns: its own two WWPNs, str.
    """

    port: str
    wwpns: tuple

    @property
    def key(self):
        """Its WWPNs in a form that can be compared, frozenset."""
        return frozenset(map(pvm_util.sanitize_wwpn_for_api, self.wwpns))

    @property
    def port_map(self):
        """The same in the form that pypowervm's vfc_mapper wants."""
        return self.port, ' '.join(self.wwpns)


def names():
    """The fabrics that servers are connected to."""
    return CONF.powervm.fabrics


def ports(fabric):
    """WWPNs of the physical ports of a fabric, as the platform writes them."""
    return [pvm_util.sanitize_wwpn_for_api(wwpn) for wwpn in
            CONF.powervm['fabric_%s_port_wwpns' % fabric]]


def validate(host):
    """Check the options of the fabrics, which are registered by this.

    One request, if they are used.

    :param host: the owner of the REST connection (host.Host).
    :raises nova.exception.InvalidConfiguration: if they cannot be used.
    """
    fabrics = names()
    if len(set(fabrics)) < len(fabrics) or not fabrics or not all(
            name.isalnum() for name in fabrics):
        raise exception.InvalidOption(
            option='fabrics', value=','.join(fabrics),
            reason='it must list different names of letters and digits')
    cfg.register_fabrics()
    if CONF.powervm.fc_attach_strategy.lower() != 'npiv':
        return
    vioses = host.vioses([pvm_const.XAG.VIO_FMAP])
    known = {pvm_util.sanitize_wwpn_for_api(port.wwpn)
             for vios_w in vioses for port in vios_w.pfc_ports}
    # A VIOS that is down may not tell its ports.
    is_complete = len(vioses) == len(host.filter_active(vioses))
    for fabric in fabrics:
        _validate_ports(fabric, known, is_complete)
    _validate_once(fabrics)


def _validate_once(fabrics):
    """Refuse a port that is listed for two fabrics: it is in one."""
    seen = {}
    for fabric in fabrics:
        for wwpn in set(ports(fabric)):
            if wwpn in seen:
                raise exception.InvalidOption(
                    option='fabric_%s_port_wwpns' % fabric, value=wwpn,
                    reason='fabric %s has that port too' % seen[wwpn])
            seen[wwpn] = fabric


def _validate_ports(fabric, known, is_complete):
    option = 'fabric_%s_port_wwpns' % fabric
    listed = ports(fabric)
    if not listed:
        raise exception.OptRequiredIfOtherOptValue(
            then_opt=option, if_opt='fc_attach_strategy', if_value='npiv')
    strangers = [wwpn for wwpn in listed if wwpn not in known]
    if strangers and is_complete:
        raise exception.InvalidOption(
            option=option, value=','.join(listed),
            reason='no Virtual I/O Server of this host has a port %s; there '
            'are %s' % (', '.join(strangers), ', '.join(sorted(known))))


# ---- what is kept with a server ----------------------------------------

def _keys(instance, fabric):
    """The keys of a server's adapters in a fabric, in their order."""
    prefix = _WWPNS_KEY + fabric
    keys, number = [prefix], 2
    while '%s_%d' % (prefix, number) in instance.system_metadata:
        keys.append('%s_%d' % (prefix, number))
        number += 1
    return keys


def adapters(instance, fabric):
    """List the Adapters of a server in a fabric."""
    words = [word for key in _keys(instance, fabric)
             for word in instance.system_metadata.get(key, '').split(',')
             if word]
    return [Adapter(words[n], tuple(words[n + 1:n + 3]))
            for n in range(0, len(words), 3)]


def set_adapters(instance, fabric, found):
    """Keep the Adapters of a server in a fabric; the caller saves it."""
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
    """Read what is kept with a server from Nova's database anew.

    A request that Nova sent while another one was at work comes with what
    was there before that.
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
    """Have Nova keep it, unless the server is deleted by now."""
    try:
        instance.save()
    except nova_exc.InstanceNotFound:
        LOG.debug('The server is deleted, with its WWPNs.',
                  instance=instance)


def state(instance, fabric):
    """How far a server has come in a fabric."""
    return instance.system_metadata.get(_STATE_KEY + fabric, UNMAPPED)


def set_state(instance, fabric, value):
    """Keep how far a server has come in a fabric; the caller saves it."""
    instance.system_metadata[_STATE_KEY + fabric] = value


def host_of(instance):
    """Nova's name of the host that has adapters with a server's WWPNs.

    :returns: str; None if no host has, or it is not known.
    """
    return instance.system_metadata.get(_HOST_KEY)


def set_host(instance, nodename):
    """Keep which host has the adapters; the caller saves it.

    :param nodename: Nova's name of the host, or None.
    """
    instance.system_metadata.pop(_HOST_KEY, None)
    if nodename:
        instance.system_metadata[_HOST_KEY] = nodename


def known_to(instance):
    """The fabrics in which a server has adapters, by its metadata."""
    metadata = getattr(instance, 'system_metadata', None) or {}
    return [key[len(_STATE_KEY):] for key in metadata
            if key.startswith(_STATE_KEY)]


def wwpns_of(instance):
    """The WWPNs that a server was given, over all fabrics: set of str."""
    return {wwpn for fabric in known_to(instance)
            for adapter in adapters(instance, fabric)
            for wwpn in adapter.wwpns}


def forget(instance):
    """Forget the adapters of a server; the caller saves it."""
    for fabric in known_to(instance):
        set_adapters(instance, fabric, [])
        del instance.system_metadata[_STATE_KEY + fabric]
    set_host(instance, None)
