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

"""Tell Neutron's agents about new ports, and wait until they are plugged.

An agent of networking-powervm listens to the event feed of the platform. A
custom event there tells it about a new adapter; it then sets the port up, and
Neutron answers Nova with network-vif-plugged. Ports that the mechanism driver
of this project has bound have no agent, and nobody waits for them.
"""

import contextlib

from nova import exception as nova_exc
from oslo_log import log as logging
from oslo_serialization import jsonutils
from pypowervm import util as pvm_util
from pypowervm.wrappers import event as pvm_event
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import network as pvm_net

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.vif import details

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

EVENT_PROVIDER_ID = 'NOVA_PVM_VIF'
PLUG = 'plug'
UNPLUG = 'unplug'


class RemoteAdapter:
    """Stands for an adapter that is not on this host: it comes, or has left.

    The agent finds the port by its MAC, and takes the LPAR's UUID from the
    link to the adapter (source: the archived networking-powervm).

    :param adapter: the pypowervm Adapter.
    :param lpar_uuid: the UUID of the LPAR that has, or gets, the adapter.
    :param vif: the nova.network.model.VIF.
    """

    def __init__(self, adapter, lpar_uuid, vif):
        self.mac = pvm_util.sanitize_mac_for_api(vif['address'])
        self.related_href = adapter.build_href(
            pvm_lpar.LPAR.schema_type, root_id=lpar_uuid,
            child_type=pvm_net.CNA.schema_type, child_id=vif['id'], xag=[])


def push(adapter, action, nic, vif_type):
    """Tell the agent about an adapter (one request).

    The format is that of the networking-powervm agent.

    :param adapter: the pypowervm Adapter.
    :param action: PLUG or UNPLUG.
    :param nic: the wrapper of the port's adapter, or a RemoteAdapter.
    :param vif_type: the type of the Neutron port.
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    detail = jsonutils.dumps({'provider': EVENT_PROVIDER_ID, 'action': action,
                              'mac': nic.mac, 'type': vif_type})
    pvm_event.Event.bld(adapter, nic.related_href, detail).create()


@contextlib.contextmanager
def wait_until_plugged(virtapi, instance, vifs):
    """Wait, when the block ends, until Neutron has set the ports up.

    Waits for those ports only that are not active yet and have an agent, for
    [DEFAULT]vif_plugging_timeout seconds in all; 0 means not at all. Whether
    a port that does not come up matters is [DEFAULT]vif_plugging_is_fatal.

    :param virtapi: the nova.virt.virtapi.VirtAPI; None to wait for nothing.
    :param instance: the nova.objects.Instance.
    :param vifs: list of nova.network.model.VIF, plugged in the block.
    :raises VirtualInterfaceCreateException: if a port does not come up in
        time, or Neutron says that it failed, and that is fatal.
    """
    timeout = CONF.vif_plugging_timeout
    # A port whose state is not known may be up, and then no event comes.
    # Nobody reports a port without an agent; Nova may have an old state of it.
    awaited = [('network-vif-plugged', vif['id']) for vif in vifs
               if vif.get('active', True) is False and
               not details.is_agentless(vif)]
    if virtapi is None or not timeout or not awaited:
        yield
        return
    try:
        with virtapi.wait_for_instance_event(
                instance, awaited, timeout=timeout,
                error_callback=_port_failed):
            yield
    except nova_exc.InstanceEventTimeout:
        _not_plugged('Neutron did not report all ports plugged within '
                     '%d seconds.' % timeout, instance)


def _port_failed(event_name, instance):
    _not_plugged('Neutron reported failure of %s.' % event_name, instance)
    return True


def _not_plugged(reason, instance):
    if CONF.vif_plugging_is_fatal:
        LOG.error(reason, instance=instance)
        raise nova_exc.VirtualInterfaceCreateException(reason)
    LOG.warning('%s Continuing, because vif_plugging_is_fatal is off.',
                reason, instance=instance)
