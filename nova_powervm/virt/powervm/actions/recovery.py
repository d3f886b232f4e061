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

"""Start servers again, and create LPARs again that somebody has deleted."""

from nova.compute import power_state
from nova.compute import vm_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova.virt import driver as virt_driver
from oslo_log import log as logging
from oslo_utils import excutils

from nova_powervm.virt.powervm.actions import intact
from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm import before
from nova_powervm.virt.powervm import elsewhere
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.flows import power as flow_power
from nova_powervm.virt.powervm.flows import rescue as flow_rescue
from nova_powervm.virt.powervm.flows import spawn as flow_spawn
from nova_powervm.virt.powervm import peers
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume

LOG = logging.getLogger(__name__)


class Recovery:
    """Starts servers again, with a new LPAR if theirs is gone.

    :param services: services.Services
    :param servers: actions.servers.Servers
    :param states: actions.states.States
    """

    def __init__(self, services, servers, states):
        self._services = services
        self._servers = servers
        self._states = states

    def hard_reboot(self, context, instance, network_info, block_device_info):
        """Restart a server, and connect again whatever it is missing.

        A server that certainly is missing nothing is restarted in one job.

        :raises nova.exception.NovaException: if a step fails. Volumes that no
            VIOS sees are only logged.
        """
        try:
            results = self._hard_reboot(instance, network_info,
                                        block_device_info)
        except nova_exc.InstanceNotFound:
            self.recreate(context, instance, network_info, block_device_info,
                          grow=True)
            return
        bad_volumes = volume.devices(results.get('bad_volumes'),
                                     block_device_info)
        if bad_volumes:
            # bad_volumes_callback is not called: Nova 34 then begins to detach
            # the volumes in Cinder, and fails with a TypeError of its own.
            LOG.error('No VIOS sees these volumes; the server runs without '
                      'them: %s', ', '.join(bad_volumes), instance=instance)

    def _hard_reboot(self, instance, network_info, block_device_info):
        """Restart a server; retry if the platform wrongly said it is gone.

        :returns: dict of what the flow has stored.
        :raises nova.exception.InstanceNotFound: if its LPAR is gone.
        """
        server = intact.Server(
            instance, network_info or [], block_device_info,
            flow_spawn.own_disk_types(block_device_info))

        def run():
            return runner.run(flow_power.hard_reboot(
                self._services, *server), instance)

        if self._restart_intact(server):
            return {}
        try:
            return run()
        except nova_exc.InstanceNotFound:
            if self.is_gone(instance):
                raise
            LOG.warning('The platform reported that the LPAR is gone, but '
                        'lists it; retrying the reboot.', instance=instance)
        try:
            return run()
        except nova_exc.InstanceNotFound as exc:
            raise exception.PowerVMAPIFailed(
                inst_name=instance.name, reason='it says that there is no '
                'LPAR, and that there is') from exc

    def _restart_intact(self, server):
        """Restart a server in one job, unless it may be missing something.

        :param server: intact.Server
        :returns: bool, whether it is done. If not, the server runs on, or its
            state is not known.
        """
        adapters = intact.find_adapters(self._services, server)
        if adapters is None:
            return False
        try:
            runner.run(flow_power.restart(
                self._services, server.instance, server.network_info,
                adapters), server.instance)
        except nova_exc.NovaException as exc:
            LOG.warning('The server, which is missing nothing, could not be '
                        'restarted at once. It is stopped, then started: %s',
                        exc, instance=server.instance)
            return False
        return True

    def is_lost(self, instance):
        """Return whether certainly no LPAR exists.

        Needs no request if the LPAR is known.
        """
        return (not vm.instance_exists(self._services.host, instance) and
                self.is_gone(instance))

    def is_gone(self, instance):
        """Ask the platform whether certainly no LPAR exists."""
        with runner.platform_errors(instance):
            return vm.is_gone(self._services.host, instance)

    def presence(self, instance):
        """Answer another host whether a server has an LPAR here, see peers.

        Needs 1-2 requests, and 1 more if there is one.
        """
        is_gone = self.is_gone(instance)
        return peers.presence(is_gone, not is_gone and vm.is_off(
            self._services.host, instance, use_cache=False))

    def check_not_elsewhere(self, context, instance):
        """Refuse an operation that would create a second LPAR for a server.

        Needs no request if this host has the LPAR.

        :raises PowerVMAPIFailed: if another host has it, or may have it, or if
            a live migration of the server has not ended.
        """
        if self._services.migrations.has(instance):
            raise exception.PowerVMAPIFailed(
                inst_name=instance.name, reason='an earlier live migration of '
                'the server has not ended')
        if self.is_lost(instance):
            elsewhere.check_lost(context, instance,
                                 self._services.host.nodename)

    def recreate(self, context, instance, network_info, block_device_info,
                 **kwargs):
        """Create the LPAR of a server again that somebody has deleted.

        The disks and volumes of the server still exist. Other remains, such as
        its config drive, would be in the way, so they are removed. The rescue
        of a rescued server ends, so the rescue disk is deleted.

        :param kwargs: further parameters of flows.spawn.rebuild().
        :raises PowerVMAPIFailed: if another host has the LPAR, or may have it.
        """
        elsewhere.check_lost(context, instance, self._services.host.nodename)
        LOG.warning('The LPAR is gone; creating it again for the existing '
                    'disks.', instance=instance)
        self._servers.remove(instance, network_info, destroy_disks=False,
                             keeps_log=True)
        try:
            runner.run(flow_rescue.discard(self._services, instance), instance)
        except Exception:
            LOG.exception('The rescue disk could not be deleted. It stays '
                          'until the server is rescued again or deleted.',
                          instance=instance)
        self._servers.rebuild(context, instance, network_info,
                              block_device_info, **kwargs)

    def unrescue(self, context, instance):
        """Boot a rescued server from its own disk again."""
        block_device_info = _block_device_info(instance)
        try:
            runner.run(flow_rescue.unrescue(self._services, instance,
                                            block_device_info), instance)
        except nova_exc.InstanceNotFound:
            if not self.is_gone(instance):
                raise
            self.recreate(context, instance, instance.get_network_info(),
                          block_device_info)

    def restore(self, instance):
        """Start a softly deleted server; if it was rescued, unrescue it."""
        if before.was_rescued(instance):
            self.unrescue(nova_context.get_admin_context(), instance)
            before.forget_rescue(instance)
        else:
            runner.run(flow_power.power_on(
                self._services, instance, _block_device_info(instance)),
                instance)

    def resume(self, instance, block_device_info):
        """Start a server when nova-compute starts, unless it is on.

        Nova puts the server into ERROR if this raises. So it raises only if
        the server is not on.
        """
        flows = (flow_rescue if instance.vm_state == vm_states.RESCUED
                 else flow_power)
        try:
            runner.run(flows.power_on(self._services, instance,
                                      block_device_info), instance)
        except Exception:
            with excutils.save_and_reraise_exception() as reraise:
                now = self._states.get_info(instance, use_cache=False).state
                reraise.reraise = now not in (power_state.RUNNING,
                                              power_state.NOSTATE)
                LOG.exception('The server could not be started; its power '
                              'state is %s.', power_state.STATE_MAP[now],
                              instance=instance)


def _block_device_info(instance):
    return virt_driver.get_block_device_info(instance, instance.get_bdms())
