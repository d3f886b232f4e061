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

"""Ports of the type ovs: an Open vSwitch on the management partition.

Such a port is a pair: the client adapter of the LPAR and a trunk adapter of
the management partition, alone in a VLAN of a private virtual switch. The
platform plugs the trunk's device into the Open vSwitch bridge.
"""

from nova import exception as nova_exc
from oslo_concurrency import lockutils
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.utils import transaction as pvm_tx
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import network as pvm_net

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_DEV_NAME_LENGTH = 14  # of a Linux network device
#: Held while the switch is looked for, and made.
_SWITCH_LOCK = 'powervm-ovs-switch'
_SERVER = 'vm-uuid='
_NO_LINUX_BRIDGE = (
    'Neutron filters port %s in a Linux bridge, which is not between the '
    'server and Open vSwitch here: nothing would filter it. Set '
    'firewall_driver = openvswitch in group [securitygroup] of the Open '
    'vSwitch agent of this host, restart the agent, and try again.')


class OvsVifDriver(driver.VifDriver):
    """A point-to-point link between the LPAR and the management partition.

    Does what pypowervm.tasks.cna.crt_p2p_cna and find_trunks do, with less
    requests: the trunks are on the management partition only, whose UUID is
    known, and the virtual switch is cached. Unlike there, no trunk is left
    behind when its client adapter is refused.
    """

    moves_live = True
    needs_mgmt = True

    @property
    def _vswitch_name(self):
        return CONF.powervm.pvm_vswitch_for_novalink_io

    def plug(self, vif, lpar_w, slot_num=None):
        _refuse_linux_bridge(vif)
        trunk = self._create_trunk(vif)
        try:
            return driver.create_cna(self.host, lpar_w, self._vswitch_name,
                                     trunk.pvid, mac_addr=vif['address'],
                                     slot_num=slot_num)
        except Exception:
            self._discard(trunk)
            raise

    def replug(self, vif, adapter):
        """Have the trunk plugged into its bridge again.

        Writing the trunk makes the platform create the device anew, should it
        be lost (launchpad bug 1731548). A trunk that is lost is made anew.
        """
        if _wants_linux_bridge(vif):
            LOG.error(_NO_LINUX_BRIDGE, vif['id'], instance=self.instance)
        if not self._is_on_switch(adapter):
            LOG.error('Port %(id)s is of Open vSwitch now, and its adapter is '
                      'on another virtual switch: it has no connection. '
                      'Detach the port and attach it again.',
                      {'id': vif['id']}, instance=self.instance)
            return
        linked = False
        for trunk in self._find_trunks(vif, adapter):
            if trunk.pvid == adapter.pvid:
                _rewrite(trunk, self._ovs_attrs(vif))
                linked = True
            else:
                # Open vSwitch would know two devices of the port.
                LOG.warning('Removing trunk adapter %s, which is not in the '
                            'VLAN of the server.', trunk.mac,
                            instance=self.instance)
                driver.delete_adapter(self.host, trunk)
        if not linked:
            self._create_trunk(vif, vlan=adapter.pvid)

    def restore(self, vif, adapters):
        """See VifDriver: has the trunks plugged into their bridge again."""
        if _wants_linux_bridge(vif):
            LOG.error(_NO_LINUX_BRIDGE, vif['id'], instance=self.instance)
        trunks = [cna for cna in adapters.find(_ext_ids, _iface_id(vif))
                  if cna.is_trunk and self._is_ours(cna)]
        if len(trunks) != 1:
            return False
        _rewrite(trunks[0], self._ovs_attrs(vif))
        return True

    def unplug(self, vif, adapter, lpar_going=False):
        """See VifDriver. With the LPAR all trunks of the server have to go.

        Nova may have forgotten a port whose removal has failed.
        """
        trunks = (self._find_trunks_of_server(vif, adapter) if lpar_going
                  else self._find_trunks(vif, adapter))
        try:
            for trunk in trunks:
                driver.delete_adapter(self.host, trunk)
            super().unplug(vif, adapter, lpar_going=lpar_going)
        except Exception:
            # What is there now is not known.
            self.host.private_vlans.forget()
            raise
        vlans = self.host.private_vlans
        if lpar_going:
            vlans.expect_deletion(vm.get_lpar_uuid(self.instance))
        elif adapter is not None and self._is_on_switch(adapter):
            vlans.give_back(self._vswitch_name, adapter.pvid)

    def find_switch(self, vif):
        return self._vswitch_name

    def prepare_on_target(self, vif, before):
        """See VifDriver: the trunk is there first, in a VLAN that is free.

        What an earlier attempt has left is removed (3 requests, and 1 for
        each trunk).
        """
        _refuse_linux_bridge(vif)
        self.unplug_without_lpar(vif)
        return self._create_trunk(vif).pvid

    def unplug_without_lpar(self, vif):
        """See VifDriver: trunks (1 request, and 1 for each)."""
        for trunk in self._find_trunks(vif, None):
            if _server_of(trunk) == self.instance.uuid:
                driver.delete_adapter(self.host, trunk)
                self.host.private_vlans.give_back(self._vswitch_name,
                                                  trunk.pvid)

    @classmethod
    def remove_stale(cls, host, is_stale):
        """See VifDriver: trunks (1 request, 0 without such ports)."""
        vswitch = host.get_vswitch(CONF.powervm.pvm_vswitch_for_novalink_io)
        if vswitch is None:
            return
        for trunk in _mgmt_trunks(host):
            server = _server_of(trunk)
            if (server and trunk.vswitch_id == vswitch.switch_id and
                    is_stale(server)):
                LOG.warning('Removing stale trunk adapter %(mac)s of server '
                            '%(server)s.',
                            {'mac': trunk.mac, 'server': server})
                driver.delete_adapter(host, trunk)

    def _ovs_attrs(self, vif):
        return {'ovs_bridge': vif['network']['bridge'],
                'ovs_ext_ids': ','.join([
                    _iface_id(vif), 'iface-status=active',
                    'attached-mac=%s' % vif['address'],
                    _SERVER + self.instance.uuid]),
                'configured_mtu': vif['network']['meta'].get('mtu')}

    def _create_trunk(self, vif, vlan=None):
        """Create the trunk of a port, in a VLAN that nobody else is in."""
        mgmt_w = self.host.read_mgmt_partition()
        self._ensure_vswitch()

        def create(chosen):
            return driver.create_cna(
                self.host, mgmt_w, self._vswitch_name, chosen, trunk_pri=1,
                dev_name=_dev_name(vif), **self._ovs_attrs(vif))

        return create(vlan) if vlan else (
            self.host.private_vlans.create_in_free(self._vswitch_name,
                                                   create))

    def _discard(self, trunk):
        try:
            # The client adapter may be there: its creation may not have been
            # answered.
            self.host.private_vlans.forget()
            driver.delete_adapter(self.host, trunk)
        except pvm_exc.Error:
            LOG.exception('Trunk adapter %s in VLAN %s of %s is left behind.',
                          trunk.mac, trunk.pvid, self._vswitch_name,
                          instance=self.instance)

    def _find_trunks(self, vif, cna):
        """Find the trunks of a port, also if its client adapter is gone."""
        return [trunk for trunk in _mgmt_trunks(self.host)
                if self._is_of_port(trunk, vif, cna)]

    def _find_trunks_of_server(self, vif, cna):
        """Find the trunks of a port, and all others of its server."""
        return [trunk for trunk in _mgmt_trunks(self.host)
                if self._is_of_port(trunk, vif, cna) or (
                    _server_of(trunk) == self.instance.uuid and
                    self._is_on_switch(trunk))]

    def _is_of_port(self, trunk, vif, cna):
        """Whether a trunk is of a port of the server.

        :param cna: the port's client adapter, or None.
        """
        link = (cna.pvid if cna is not None and self._is_on_switch(cna)
                else None)
        return self._is_ours(trunk) and (
            trunk.pvid == link or _iface_id(vif) in _ext_ids(trunk))

    def _is_ours(self, trunk):
        """Whether a trunk may be of the server: no other one is named in it.

        Nova may list a port with a server that has it no more: Neutron does
        not tell that somebody has given the port to another server. Trunks on
        other virtual switches are of others, too.
        """
        return _server_of(trunk) in (None, self.instance.uuid) and (
            self._is_on_switch(trunk))

    def _is_on_switch(self, cna):
        return is_on_switch(self.host, cna)

    @lockutils.synchronized(_SWITCH_LOCK)
    def _ensure_vswitch(self):
        if self.host.get_vswitch(self._vswitch_name) is None:
            LOG.info('Creating virtual switch %s.', self._vswitch_name)
            pvm_net.VSwitch.bld(self.host.adapter, self._vswitch_name).create(
                parent_type=pvm_ms.System, parent_uuid=self.host.system_uuid)
            self.host.vswitches_changed()


def is_on_switch(host, cna):
    """Whether an adapter is on the virtual switch to Open vSwitch.

    :param cna: pypowervm wrapper, of any type of adapter.
    :returns: bool
    :raises pypowervm.exceptions.Error: if the switches cannot be read; they
        are read once.
    """
    if not isinstance(cna, pvm_net.CNA):
        return False
    vswitch = host.get_vswitch(CONF.powervm.pvm_vswitch_for_novalink_io)
    return vswitch is not None and cna.vswitch_id == vswitch.switch_id


def _mgmt_trunks(host):
    """Read the trunk adapters of the management partition (1 request)."""
    return [cna for cna in host.mgmt_network_adapters() if cna.is_trunk]


def _ext_ids(trunk):
    """What Open vSwitch is told of a trunk, as list of str."""
    return (trunk.ovs_ext_ids or '').split(',')


def _server_of(trunk):
    """UUID of the server of a trunk that is one of ours, or None."""
    return next((text[len(_SERVER):] for text in _ext_ids(trunk)
                 if text.startswith(_SERVER)), None)


@pvm_tx.entry_transaction
def _rewrite(trunk, ovs_attrs):
    for name, value in ovs_attrs.items():
        if value is not None:
            setattr(trunk, name, value)
    trunk.update()


def _wants_linux_bridge(vif):
    """Whether the security groups of a port need a Linux bridge (hybrid)."""
    return bool((vif.get('details') or {}).get('ovs_hybrid_plug'))


def _refuse_linux_bridge(vif):
    if _wants_linux_bridge(vif):
        raise nova_exc.VirtualInterfacePlugException(_NO_LINUX_BRIDGE %
                                                     vif['id'])


def _dev_name(vif):
    return vif.get('devname') or ('nic' + vif['id'])[:_DEV_NAME_LENGTH]


def _iface_id(vif):
    return 'iface-id=%s' % (vif.get('ovs_interfaceid') or vif['id'])
