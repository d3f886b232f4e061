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

"""Plug and unplug the ports of servers."""

from nova import exception as nova_exc
from oslo_log import log as logging
from oslo_utils import excutils

from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.flows import network as flow_network
from nova_powervm.virt.powervm import other_systems
from nova_powervm.virt.powervm import vif as powervm_vif
from nova_powervm.virt.powervm.vif import starting
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import tags

LOG = logging.getLogger(__name__)


class Ports:
    """Plugs and unplugs the ports of servers.

    :param services: services.Services
    """

    def __init__(self, services):
        self._services = services
        self._at_start: starting.PortsAtStart | None = (
            starting.PortsAtStart(services.host))

    def end_start(self):
        """Stop sharing what was read of ports; Nova has started."""
        self._at_start = None

    def replug(self, instance, network_info):
        """Repair the ports of a server when nova-compute starts.

        Nova then calls this for each server, and puts a server into ERROR if
        it raises. The server may run well, so a failure is only logged; a hard
        reboot plugs missing ports. No request is sent for a port that is
        complete on the platform.

        :param network_info: nova.network.model.NetworkInfo of all ports.
        """
        shared = self._at_start or starting.PortsAtStart(self._services.host)
        vifs = shared.update(instance, network_info)
        if not vifs:
            return
        try:
            self._plug(instance, vifs)
        except Exception as exc:
            LOG.error('The ports of the server could not be updated. If one '
                      'is missing, hard reboot the server. %s', exc,
                      instance=instance)

    def _plug(self, instance, vifs, are_new=False):
        runner.log_operation('plug_vifs', instance)
        try:
            runner.run(flow_network.plug(self._services, instance, vifs,
                                         are_new=are_new), instance)
        except Exception as exc:
            # The traceback of an exception of the driver or of Nova adds
            # nothing to its message.
            LOG.error('Plugging ports failed: %s', exc, instance=instance,
                      exc_info=not isinstance(exc, nova_exc.NovaException))
            raise nova_exc.VirtualInterfacePlugException(str(exc))

    def unplug(self, instance, network_info):
        """Unplug ports of a server, which may have lost its LPAR.

        :param network_info: list of nova.network.model.VIF
        :raises nova.exception.InterfaceDetachFailed: if that fails.
        """
        runner.log_operation('unplug_vifs', instance)
        try:
            self._unplug(instance, network_info)
        except Exception as exc:
            LOG.exception('Unplugging ports failed.', instance=instance)
            raise nova_exc.InterfaceDetachFailed(
                instance_uuid=instance.uuid) from exc

    def _unplug(self, instance, network_info):
        """Unplug ports; retry if the platform wrongly said the LPAR is gone.

        :raises nova.exception.NovaException: if that fails.
        :raises pypowervm.exceptions.Error: if what they have outside of the
            LPAR cannot be removed.
        """
        def run():
            runner.run(flow_network.unplug(self._services, instance,
                                           network_info), instance)

        host = self._services.host
        try:
            run()
        except nova_exc.InstanceNotFound:
            level = vm.level_of_missing(instance)
            # One such answer may be wrong, unless it is expected.
            if level > logging.INFO and not vm.is_gone(host, instance):
                LOG.warning('The platform reported that the LPAR is gone, but '
                            'lists it; trying to unplug again.',
                            instance=instance)
                run()
                return
            reason = level > logging.INFO and other_systems.why_not_gone(
                host, instance, vm.get_lpar_uuid(instance))
            if reason:
                raise exception.PowerVMAPIFailed(inst_name=instance.name,
                                                 reason=reason) from None
            LOG.log(level, 'The LPAR is gone and its ports with it.',
                    instance=instance)
            for vif in powervm_vif.known(network_info):
                powervm_vif.unplug_without_lpar(host, instance, vif)

    def attach(self, instance, vif):
        """Plug a new port of a server, and tell the guest its tag.

        :param vif: nova.network.model.VIF
        :raises nova.exception.VirtualInterfacePlugException: if plugging
            fails.
        """
        self._plug(instance, [vif], are_new=True)
        try:
            tags.update(instance)
        except Exception:
            with excutils.save_and_reraise_exception():
                self.unplug(instance, [vif])
