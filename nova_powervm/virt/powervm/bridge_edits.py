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

"""Edits of Shared Ethernet Adapters, as careful as the driver wants them.

pypowervm chooses the trunk adapters. It would also take a VLAN away from
another bridge of the same virtual switch, and try for minutes to beat others
who edit the bridge. Both are ruled out here.
"""

import typing

from nova import exception as nova_exc
from pypowervm.tasks import network_bridger
from pypowervm.utils import retry as pvm_retry

#: How often an edit is tried if somebody else has just edited the bridge.
TRIES = 4


class _Careful(network_bridger.NetworkBridger):
    """What differs from pypowervm's classes.

    :ivar has_edited: whether the platform was asked for a change.
    :ivar host: host.Host
    """

    has_edited = False
    host: typing.Any = None

    def _add_vlans_to_nb(self, *args):
        self.has_edited = True
        super()._add_vlans_to_nb(*args)

    def _remove_vlan_from_nb_synch(self, nb_uuid, vlan_id, *args, **kwargs):
        """Refuse: pypowervm found the VLAN on another bridge."""
        raise nova_exc.VirtualInterfacePlugException(
            'Another Shared Ethernet Adapter of the same virtual switch '
            'carries VLAN %s by now.' % vlan_id)

    @pvm_retry.retry(tries=TRIES, delay_func=pvm_retry.STEPPED_RANDOM_DELAY)
    def _ensure_vlans_on_nb_synch(self, nb_uuid, vlan_ids):
        # Each try reads the bridges again, and checks them again.
        network_bridger.NetworkBridger._ensure_vlans_on_nb_synch.__wrapped__(
            self, nb_uuid, vlan_ids)


class _TrunkBridger(_Careful, network_bridger.NetworkBridgerTA):
    """For a NovaLink."""


class _NetworkBridger(_Careful, network_bridger.NetworkBridgerVNET):
    """For an HMC, whose load groups decide what trunk adapters carry."""

    #: pypowervm cannot make two load groups in one edit. A new one takes this
    #: many VLANs, besides its own.
    MOST = 19

    def ensure_vlans_on_nb(self, nb_uuid, vlan_ids):
        for start in range(0, len(vlan_ids), self.MOST):
            super().ensure_vlans_on_nb(nb_uuid,
                                       vlan_ids[start:start + self.MOST])

    def _find_or_create_vnet(self, vnets, vlan, vswitch, tagged=True):
        """Refuse where pypowervm deletes a network to make it otherwise.

        Somebody else has made that network, and may need it as it is.
        """
        for vnet in vnets:
            if (vnet.vlan == vlan and vnet.vswitch_id == vswitch.switch_id and
                    vnet.tagged != tagged):
                raise nova_exc.VirtualInterfacePlugException(
                    'Virtual network %s has VLAN %d %s tags. Delete it, or '
                    'use another VLAN.' % (
                        vnet.name, vlan, 'with' if vnet.tagged else 'without'))
        return super()._find_or_create_vnet(vnets, vlan, vswitch, tagged)

    def _find_new_arbitrary_vid(self, all_nbs, others=()):
        """Choose none that a network with tags has (1 request)."""
        taken = {vnet.vlan for vnet in self.host.virtual_networks()
                 if vnet.tagged}
        return super()._find_new_arbitrary_vid(all_nbs, {*others, *taken})


def add_vlans(host, bridge_uuid, vlans):
    """Have a bridge carry VLANs (5 requests; more on an HMC).

    :param host: host.Host
    :param bridge_uuid: str
    :param vlans: iterable of int
    :returns: bool; False if it carries them already (2 requests).
    :raises nova.exception.VirtualInterfacePlugException: if another bridge of
        the virtual switch carries one, or if an HMC has a network for it that
        somebody has made without tags.
    :raises pypowervm.exceptions.Error: if a trunk adapter of no bridge has
        one, or the platform refuses.
    """
    bridger = (_NetworkBridger if host.adapter.traits.vnet_aware
               else _TrunkBridger)(host.adapter, host.system_uuid)
    bridger.host = host
    bridger.ensure_vlans_on_nb(bridge_uuid, sorted(vlans))
    return bridger.has_edited


def remove_vlan(adapter, system_uuid, bridge_uuid, vlan):
    """Have a bridge carry a VLAN no more (2 requests).

    :param vlan: int
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    network_bridger.remove_vlan_from_nb(adapter, system_uuid, bridge_uuid,
                                        vlan)
