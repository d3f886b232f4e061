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

"""Create servers, stop them, and remove them."""

from nova.compute import task_states
from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm.tasks import power_opts

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm import failures
from nova_powervm.virt.powervm.flows import destroy as flow_destroy
from nova_powervm.virt.powervm.flows import power as flow_power
from nova_powervm.virt.powervm.flows import spawn as flow_spawn
from nova_powervm.virt.powervm.live import attachments
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import utils

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class Servers:
    """Creates servers on this host, stops them, and removes them.

    :param services: services.Services
    """

    def __init__(self, services):
        self._services = services
        self._nodename = services.host.nodename

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, network_info, block_device_info, power_on):
        """Create a server; the parameters are those of ComputeDriver.spawn.

        :raises nova.exception.BuildAbortException: if the build would fail on
            each host.
        :raises nova.exception.ResizeError: see move.check_cell().
        """
        move.check_cell(self._services.disk, instance)
        flow = flow_spawn.spawn(
            self._services, context, instance, image_meta, injected_files,
            admin_password, network_info or [], block_device_info,
            power_on=power_on, power_opts=_first_power_opts(instance))
        try:
            runner.run(flow, instance)
        except Exception as exc:
            failure = failures.build_failure(exc, instance)
            if failure is exc:
                raise
            raise failure from exc

    def rebuild(self, context, instance, network_info, block_device_info,
                **kwargs):
        """Create an LPAR for the existing disks of a server.

        :param kwargs: further parameters of flows.spawn.rebuild().
        """
        runner.run(flow_spawn.rebuild(
            self._services, context, instance, network_info or [],
            block_device_info, power_opts=_first_power_opts(instance),
            **kwargs), instance)

    def remove(self, instance, network_info, destroy_disks,
               block_device_info=None, destroy_vifs=True, keeps_log=False):
        """Remove a server; the parameters are those of ComputeDriver.cleanup.

        :param keeps_log: whether the log of its console stays.
        :raises nova.exception.InstancePowerOffFailure: if the server cannot be
            stopped. Nova then keeps its ports.
        :raises nova.exception.InstanceTerminationFailure: if another step
            fails.
        """
        try:
            runner.run(flow_destroy.destroy(
                self._services, instance, network_info or [],
                block_device_info, destroy_disks=destroy_disks,
                destroy_vifs=destroy_vifs), instance)
        except nova_exc.InstancePowerOffFailure:
            raise
        except Exception as exc:
            LOG.exception('Removing the server failed; deleting it again '
                          'removes what is left.', instance=instance)
            raise nova_exc.InstanceTerminationFailure(reason=str(exc))
        if instance.deleted or instance.task_state == task_states.DELETING:
            # Nova deleted it while this host was down, maybe amid a live
            # migration. Or it deletes it now, and does not know how its last
            # one has ended.
            utils.try_to('delete attachments that nobody uses',
                         attachments.delete_unused, instance)
        if not keeps_log and self._services.consoles is not None:
            self._services.consoles.forget(instance)

    def power_off(self, instance, timeout):
        """Stop a server.

        Nova stops a server that it has evacuated to this host. If that failed,
        Nova would keep the server on its old host, and both hosts would run
        it. So the failure is only logged.

        :param timeout: seconds that the guest has to shut down; 0 powers off
            at once.
        :raises nova.exception.InstanceNotFound: if there is no LPAR, unless a
            rebuild will create it.
        """
        try:
            runner.run(flow_power.power_off(self._services, instance, timeout),
                       instance)
        except nova_exc.InstanceNotFound:
            if instance.task_state != task_states.REBUILDING:
                raise
            LOG.warning('The LPAR is gone; the rebuild creates it again.',
                        instance=instance)
        except Exception:
            if instance.host == self._nodename:
                raise
            LOG.exception('The server could not be stopped after its '
                          'evacuation. It runs here until Nova stops it.',
                          instance=instance)


def _first_power_opts(instance):
    """Return the options to power on a new LPAR; see remove_vopt_media..."""
    opts = power_opts.PowerOnOpts()
    if CONF.powervm.remove_vopt_media_on_boot:
        opts.remove_optical(media.get_cfg_drv_name(instance),
                            time=CONF.powervm.remove_vopt_media_time)
    return opts
