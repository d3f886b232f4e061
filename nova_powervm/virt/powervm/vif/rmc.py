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

"""The management adapter, which RMC of the guest talks through.

It is no Neutron port: it hangs on a virtual switch of its own, on which the
management partition listens.
"""

from oslo_log import log as logging
from pypowervm.wrappers import network as pvm_net

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.vif import driver

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

SECURE_RMC_VSWITCH = 'MGMTSWITCH'
SECURE_RMC_VLAN = 4094
#: In system_metadata of a server that has a management adapter: its MAC.
MAC_KEY = 'mgmt_interface_mac'


def plug(host, instance, lpar_w, adapters=None, slots=no_slots.NO_SLOTS):
    """Give an LPAR its management adapter (one request).

    The MAC is kept in the system metadata of the instance, so the adapter
    has the same one when the server is rebuilt. Nova saves the instance.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param lpar_w: the LPAR wrapper of the instance.
    :param adapters: the CNA wrappers that the LPAR has already; adapters of
        other types do not matter.
    :param slots: slots.server.ServerSlots that keeps it in its place.
    :returns: the new CNA wrapper, or the one that is there already; None if
        [powervm]use_rmc_mgmt_vif is off, the host has no such switch, or an
        HMC manages it.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    if not CONF.powervm.use_rmc_mgmt_vif or host.is_hmc:
        # RMC of a server reaches an HMC through the networks of the server.
        return None
    vswitch = host.get_vswitch(SECURE_RMC_VSWITCH)
    if vswitch is None:
        LOG.warning('There is no virtual switch %s: the server gets no '
                    'management adapter, and RMC will not reach it.',
                    SECURE_RMC_VSWITCH, instance=instance)
        return None
    cna = _find(adapters, vswitch)
    if cna is None:
        mac = instance.system_metadata.get(MAC_KEY)
        cna = driver.create_cna(
            host, lpar_w, SECURE_RMC_VSWITCH, SECURE_RMC_VLAN, mac_addr=mac,
            slot_num=slots.vnet_slot(mac))
        instance.system_metadata[MAC_KEY] = cna.mac
    slots.record_vnets([cna])
    return cna


def undo(host, instance, adapters=None):
    """Take back what plug() did with the same arguments.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param adapters: the CNA wrappers that the LPAR had before; adapters of
        other types do not matter.
    :raises pypowervm.exceptions.Error: if the adapter may be left behind.
    """
    if not CONF.powervm.use_rmc_mgmt_vif or host.is_hmc:
        return
    vswitch = host.get_vswitch(SECURE_RMC_VSWITCH)
    if vswitch is None or _find(adapters, vswitch) is not None:
        return
    cna = _find(driver.read_adapters(host, instance), vswitch)
    if cna is not None:
        driver.delete_adapter(host, cna)


def find(host, instance):
    """Read the management adapter of an LPAR (one request, or none).

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :returns: the CNA wrapper; None if the LPAR has none.
    :raises pypowervm.exceptions.Error: if the adapters cannot be read.
    """
    vswitch = host.get_vswitch(SECURE_RMC_VSWITCH)
    if not instance.system_metadata.get(MAC_KEY) or vswitch is None:
        return None
    return _find(driver.read_adapters(host, instance), vswitch)


def _find(adapters, vswitch):
    return next((cna for cna in adapters or ()
                 if isinstance(cna, pvm_net.CNA) and
                 cna.vswitch_id == vswitch.switch_id), None)
