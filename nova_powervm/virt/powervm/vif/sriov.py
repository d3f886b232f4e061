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


"""Ports of the type pvm_sriov: vNICs, backed by SR-IOV adapters.

The guest has one adapter. Behind it are virtual functions of several physical
ports, in several VIOSes. The platform uses the one with the best priority that
works.
"""

import re

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm import util as pvm_util
from pypowervm.wrappers import iocard as pvm_card

from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import physical_ports
from nova_powervm.virt.powervm import sriov
from nova_powervm.virt.powervm.vif import backing
from nova_powervm.virt.powervm.vif import details
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm.vif import logical_ports
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

#: Other devices that are tried after the platform has refused the first.
RETRIES = 2
# The lowest priority is the best one.
_FIRST_PRIORITY = _PRIORITY_STEP = 10
# Refusals that are none of a choice: who asks, or what for, is wrong.
_FINAL = (pvm_const.HTTPStatus.UNAUTHORIZED, 403,
          pvm_const.HTTPStatus.NOT_FOUND, 405)


class SriovVifDriver(driver.VifDriver):
    """A vNIC in the VLAN of the port."""

    adapter_type = driver.VNIC
    outlives_host = True
    has_agent = True
    moves_live = True

    def find_switch(self, vif):
        """See VifDriver: it is on none."""
        return None

    def prepare_on_target(self, vif, before):
        """See VifDriver: the platform makes the vNIC, see live.vnics.

        It takes the label and the VLAN of the source. Only for virtual
        Ethernet adapters it can be told another VLAN (source: pypowervm's
        tasks.migration).
        """
        here, there = map(_network_of, (vif, before))
        if here != there:
            raise nova_exc.VirtualInterfacePlugException(
                'Port %s is in %s on this host, and in %s on the host of the '
                'server. A vNIC of a running server keeps its network' % (
                    vif['id'], here, there))
        host_record.keep_mac(self.instance, self.host.nodename, _mac(vif))
        return None

    def plug(self, vif, lpar_w, slot_num=None):
        """See VifDriver: 2 requests, 3 if the VIOSes are not known."""
        vlan = details.vlan(vif)
        need = backing.need_of(vif, self._fails_over)
        mac = _mac(vif)
        if not host_record.keep_mac(self.instance, self.host.nodename, mac):
            # It has been plugged here before, and is not: it may have left
            # something.
            self.host.sriov.lose(mac)

        def create(devices):
            self._warn(vif, need, devices)
            return pvm_card.VNIC.bld(
                self.host.adapter, pvid=vlan, slot_num=slot_num,
                allowed_vlans=pvm_util.VLANList.NONE, mac_addr=vif['address'],
                allowed_macs=pvm_util.MACList.NONE,
                back_devs=self._build(devices, need)).create(parent=lpar_w)

        return self._create(need, mac, slot_num, create)

    @property
    def _fails_over(self):
        return physical_ports.fails_over(self.host.system)

    def _create(self, need, mac, slot_num, create):
        """Create a vNIC with the first devices that the platform accepts.

        Somebody else may have taken a virtual function, or a VIOS may have
        gone down. So what is known is read again after a refusal.

        :param create: called with a list of backing.Device
        """
        refused = []
        while True:
            with self.host.sriov.reserved(
                    mac, need.capacity, lambda ports, vioses: backing.choose(
                        need, ports, vioses, refused)) as devices:
                if any(refusal.is_of(devices) for refusal in refused):
                    raise refused[-1].exc
                try:
                    return create(devices)
                except pvm_exc.HttpError as exc:
                    if len(refused) == RETRIES or not _may_be_of_choice(
                            exc, mac, slot_num):
                        raise
                    LOG.warning('The platform refused the vNIC on '
                                '%(devices)s: %(exc)s',
                                {'devices': backing.names(devices),
                                 'exc': exc}, instance=self.instance)
                    refused.append(backing.Refusal(devices, exc))
            self.host.sriov.forget()

    def _warn(self, vif, need, devices):
        """Tell the operator of redundancy that a vNIC does not get."""
        if len(devices) < need.count:
            LOG.warning('Port %(id)s gets %(count)d backing devices instead '
                        'of %(wanted)d, on %(devices)s: no other ports of '
                        'SR-IOV adapters that run lead to the physical '
                        'network %(net)s. When there are more, hard reboot '
                        'the server: it gets the missing devices.',
                        {'id': vif['id'], 'count': len(devices),
                         'wanted': need.count, 'net': need.physnet,
                         'devices': backing.names(devices)},
                        instance=self.instance)
        vioses = {device.vios.name for device in devices}
        down = self.host.sriov.vioses_down
        if len(devices) > 1 and len(vioses) == 1 and down:
            LOG.warning('All backing devices of port %(id)s are in VIOS '
                        '%(vios)s, as %(down)s cannot be used now: the server '
                        'has no network there when %(vios)s is down. When '
                        'there is another VIOS, detach the port and attach it '
                        'again.', {'id': vif['id'], 'vios': vioses.pop(),
                                   'down': ', '.join(down)},
                        instance=self.instance)

    def _build(self, devices, need, first=_FIRST_PRIORITY):
        """Build the backing devices of a vNIC: list of VNICBackDev.

        :param first: int, priority of the first of them
        """
        return [pvm_card.VNICBackDev.bld(
            self.host.adapter, device.vios.uuid, device.port.adapter_id,
            device.port.port_id,
            capacity=None if need.capacity is None else (
                device.port.capacity(need.capacity) / physical_ports.WHOLE),
            max_capacity=None if need.maximum is None else (
                need.maximum / physical_ports.WHOLE),
            failover_pri=first + _PRIORITY_STEP * number
            if self._fails_over else None)
            for number, device in enumerate(devices)]

    # ---- a server that has its vNIC -------------------------------------

    def replug(self, vif, adapter):
        """Compare the vNIC with its port, and give it missing devices.

        It sends 2 requests if a device is missing that it can get, otherwise
        none. The server has run with its vNIC, so a failure is logged.
        """
        try:
            need = backing.need_of(vif, self._fails_over)
            self._compare(vif, need, adapter)
            if backing.missing(need, adapter.back_devs, physical_ports.read(
                    self.host.system)):
                self._add_missing(vif, need, adapter)
        except (nova_exc.VirtualInterfacePlugException,
                pvm_exc.Error) as exc:
            LOG.warning('The vNIC of port %(id)s cannot be brought up to '
                        'date. The next hard reboot tries again: %(exc)s',
                        {'id': vif['id'], 'exc': exc}, instance=self.instance)

    def _compare(self, vif, need, vnic_w):
        vlan = details.vlan(vif)
        if (vnic_w.pvid or None) != vlan:
            self.tell_difference(vif, 'it is in VLAN %s, and its network is '
                                 'in VLAN %s' % (vnic_w.pvid, vlan))
        known = {port.ids: port
                 for port in physical_ports.read(self.host.system)}
        for device in vnic_w.back_devs:
            port = known.get((device.sriov_adap_id, device.pport_id))
            if port is not None and port.physnet != need.physnet:
                self.tell_difference(
                    vif, 'its backing device on %s leads to the physical '
                    'network %s, and its network is in %s' % (
                        port.location, port.physnet, need.physnet))

    def _add_missing(self, vif, need, vnic_w):
        """Give a vNIC the backing devices that it could not get before."""
        has = vnic_w.back_devs
        lowest = max([device.failover_pri or 0 for device in has], default=0)
        with self.host.sriov.reserved(
                _mac(vif), need.capacity,
                lambda ports, vioses: backing.choose_missing(
                    need, ports, vioses, has)) as devices:
            LOG.info('Adding backing devices to the vNIC of port %(id)s, on '
                     '%(devices)s.', {'id': vif['id'],
                                      'devices': backing.names(devices)},
                     instance=self.instance)
            has.extend(self._build(devices, need, lowest + _PRIORITY_STEP))
            vnic_w.update()

    # ---- removal --------------------------------------------------------

    def unplug(self, vif, adapter, lpar_going=False):
        """See VifDriver. The platform frees the logical ports of the vNIC.

        If it does not, they are cleaned up. So they are noted, unless the
        platform has said that the vNIC stays.
        """
        lpar_uuid = vm.get_lpar_uuid(self.instance)
        if not isinstance(adapter, pvm_card.VNIC):
            super().unplug(vif, adapter, lpar_going=lpar_going)
            self.unplug_without_lpar(vif)
            return
        noted = [sriov.LogicalPort(
            pvm_util.get_req_path_uuid(device.vios_href, preserve_case=True),
            pvm_util.get_req_path_uuid(device.lport_href, preserve_case=True),
            adapter.mac, lpar_uuid, adapter.uuid)
            for device in adapter.back_devs
            if device.vios_href and device.lport_href]
        if lpar_going:
            self.host.sriov.frees_with_lpar(lpar_uuid, noted)
            return
        try:
            super().unplug(vif, adapter)
        except pvm_exc.HttpError:
            raise
        except pvm_exc.Error:
            self.host.sriov.frees(noted)
            raise
        self.host.sriov.frees(noted)

    def unplug_without_lpar(self, vif):
        """See VifDriver: what a vNIC that is gone has left is looked for."""
        mac = _mac(vif)
        if mac in host_record.kept_macs(self.instance.system_metadata,
                                        self.host.nodename):
            self.host.sriov.lose(mac)

    @classmethod
    def clean_periodically(cls, host):
        """See VifDriver: logical ports of vNICs that are gone."""
        logical_ports.clean_noted(host)
        logical_ports.clean_lost(host)


def _network_of(vif):
    """Name what tells the network of a port to the platform: str."""
    return 'VLAN %s of physical network %s' % (
        details.vlan(vif), details.physical_network(vif))


def _mac(vif):
    return pvm_util.sanitize_mac_for_api(vif['address'])


def _may_be_of_choice(exc, mac, slot_num):
    """Whether the platform may accept a vNIC on other ports, or VIOSes.

    It tells why it refuses only in words. It cannot be cured so if it does not
    want the MAC address, or the slot.
    """
    if not 400 <= exc.response.status < 500 or exc.response.status in _FINAL:
        return False
    text = str(exc).replace(':', '').upper()
    return mac not in text and not (slot_num and re.search(
        r'\bSLOT\b\D*\b%d\b' % slot_num, text))
