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

import functools

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm import util as pvm_util
from pypowervm.wrappers import iocard as pvm_card

from nova_powervm.virt.powervm import physical_ports
from nova_powervm.virt.powervm import sriov
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm.vif import backing
from nova_powervm.virt.powervm.vif import details
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

#: Other devices that are tried after the platform has refused the first.
RETRIES = 2
# The lowest priority is the best one.
_FIRST_PRIORITY = _PRIORITY_STEP = 10


class SriovVifDriver(driver.VifDriver):
    """A vNIC in the VLAN of the port."""

    adapter_type = driver.VNIC
    outlives_host = True
    has_agent = True

    def plug(self, vif, lpar_w, slot_num=None):
        """See VifDriver: 2 requests, 3 if the VIOSes are not known."""
        vlan = details.vlan(vif)
        need = backing.need_of(vif, self._fails_over)

        def create(devices):
            return pvm_card.VNIC.bld(
                self.host.adapter, pvid=vlan, slot_num=slot_num,
                allowed_vlans=pvm_util.VLANList.NONE, mac_addr=vif['address'],
                allowed_macs=pvm_util.MACList.NONE,
                back_devs=self._build(devices, need)).create(parent=lpar_w)

        with self.host.sriov.choosing:
            return self._create(need, create)

    @property
    def _fails_over(self):
        return physical_ports.fails_over(self.host.system)

    def _create(self, need, create):
        """Create a vNIC with the first devices that the platform accepts.

        Somebody else may have taken a virtual function, or a VIOS may have
        gone down. So what is known is read again after a refusal.

        :param create: called with a list of backing.Device
        """
        refused, refusal = [], None
        while True:
            devices = backing.choose(need, self.host.sriov.ports(),
                                     self.host.sriov.vioses(), refused)
            if refusal is not None and devices in refused:
                raise refusal
            if len(devices) < need.count:
                LOG.warning('Only %(count)d of %(wanted)d ports of SR-IOV '
                            'adapters that run lead to the physical network '
                            '%(net)s: the vNIC has less redundancy.',
                            {'count': len(devices), 'wanted': need.count,
                             'net': need.physnet}, instance=self.instance)
            try:
                return create(devices)
            except pvm_exc.HttpError as exc:
                if (exc.response is None or len(refused) == RETRIES or
                        not 400 <= exc.response.status < 500):
                    raise
                LOG.warning('The platform refused the vNIC on %(devices)s: '
                            '%(exc)s', {'devices': ', '.join(
                                '%s of %s' % (device.port.location,
                                              device.vios.name)
                                for device in devices), 'exc': exc},
                            instance=self.instance)
                refused.append(devices)
                refusal = exc
            self.host.sriov.forget()

    def _build(self, devices, need):
        """Build the backing devices of a vNIC: list of VNICBackDev."""
        return [pvm_card.VNICBackDev.bld(
            self.host.adapter, device.vios.uuid, device.port.adapter_id,
            device.port.port_id,
            capacity=None if need.capacity is None else (
                device.port.capacity(need.capacity) / physical_ports.WHOLE),
            max_capacity=None if need.maximum is None else (
                need.maximum / physical_ports.WHOLE),
            failover_pri=_FIRST_PRIORITY + _PRIORITY_STEP * number
            if self._fails_over else None)
            for number, device in enumerate(devices)]

    def unplug(self, vif, adapter, lpar_going=False):
        super().unplug(vif, adapter, lpar_going=lpar_going)
        if adapter is None:
            return
        # The platform frees them. If it does not, they are cleaned up.
        lpar_uuid = vm.get_lpar_uuid(self.instance)
        logical_ports = [sriov.LogicalPort(
            pvm_util.get_req_path_uuid(device.vios_href, preserve_case=True),
            pvm_util.get_req_path_uuid(device.lport_href, preserve_case=True),
            adapter.mac, lpar_uuid, adapter.uuid)
            for device in adapter.back_devs
            if device.vios_href and device.lport_href]
        if lpar_going:
            self.host.sriov.frees_with_lpar(lpar_uuid, logical_ports)
        else:
            self.host.sriov.frees(logical_ports)

    @classmethod
    def clean_periodically(cls, host):
        """See VifDriver: logical ports of vNICs that are gone.

        1 request for each VIOS that had some, and none without them; if one
        is left, 1 more, and 1 for each LPAR.
        """
        freed = host.sriov.freed()
        in_use = functools.cache(lambda: _logical_ports_in_use(host))
        for vios_uuid in sorted({noted.vios_uuid for noted in freed}):
            theirs = {noted.uuid.upper(): noted for noted in freed
                      if noted.vios_uuid == vios_uuid}
            if utils.try_to('remove what vNICs have left on VIOS %s' %
                            vios_uuid, _clean_vios, host, vios_uuid, theirs,
                            in_use):
                host.sriov.are_gone(theirs.values())


def _clean_vios(host, vios_uuid, theirs, in_use):
    """Remove logical ports from a VIOS whose vNICs are gone.

    :param theirs: dict of the UUID, upper case, -> sriov.LogicalPort noted
    :param in_use: function that returns the UUIDs, upper case, of all logical
        ports that vNICs of the host use
    """
    try:
        found = host.logical_ports(vios_uuid)
    except pvm_exc.HttpNotFound:
        # The VIOS is gone.
        return
    for logical_w in found:
        noted = theirs.get(logical_w.uuid.upper())
        if noted is None or logical_w.mac != noted.mac or (
                logical_w.vnic_port_usage !=
                pvm_card.VNICPortUsage.DEDICATED_VNIC):
            continue
        if logical_w.uuid.upper() not in in_use():
            _remove(host, logical_w, noted)


def _remove(host, logical_w, noted):
    LOG.warning('Removing the logical port %(port)s, which its vNIC %(mac)s '
                'has left.', {'port': logical_w.loc_code, 'mac': noted.mac})
    try:
        driver.delete_adapter(host, logical_w)
    except pvm_exc.HttpError as exc:
        if exc.response is None or not 400 <= exc.response.status < 500:
            raise
        LOG.error('The platform does not delete the logical port %(port)s. '
                  'Delete it there. %(exc)s',
                  {'port': logical_w.loc_code, 'exc': exc})


def _logical_ports_in_use(host):
    """The UUIDs, upper case, of the logical ports of all vNICs: set.

    A platform may give a UUID, or a MAC address, again: only that no vNIC of
    the host has a logical port proves that it is left. It takes 1 request,
    and 1 for each LPAR.
    """
    found = set()
    for lpar_w in host.lpars():
        try:
            vnics = host.vnics(lpar_w.uuid)
        except pvm_exc.HttpNotFound:
            continue
        found.update(
            pvm_util.get_req_path_uuid(device.lport_href).upper()
            for vnic_w in vnics for device in vnic_w.back_devs
            if device.lport_href)
    return found
