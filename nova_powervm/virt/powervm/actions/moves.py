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

"""Resize servers, and move them to another host while they are off."""

from nova.compute import task_states
from nova.compute import utils as compute_utils
from nova.compute import vm_states
from nova import exception as nova_exc
from oslo_log import log as logging

from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm import elsewhere
from nova_powervm.virt.powervm import failures
from nova_powervm.virt.powervm.flows import migrate as flow_migrate
from nova_powervm.virt.powervm.flows import resize as flow_resize
from nova_powervm.virt.powervm.flows import spawn as flow_spawn
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import size
from nova_powervm.virt.powervm.tasks import base as tf_base
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class Moves:
    """Performs this host's part of resizes and cold migrations.

    :param services: services.Services
    :param servers: actions.servers.Servers
    :param recovery: actions.recovery.Recovery
    """

    def __init__(self, services, servers, recovery):
        self._services = services
        self._servers = servers
        self._recovery = recovery

    def prepare(self, context, instance, flavor, block_device_info, timeout,
                is_same_host):
        """Stop a server; if that fails, it runs as before.

        A server that came to this host, but could not be created here, can
        leave again.

        :param flavor: nova.objects.Flavor that the server gets.
        :param timeout: seconds that the guest has to shut down.
        :param is_same_host: whether it stays here, if Nova has no record of
            the migration.
        :returns: dict for the target, which says where the disks are.
        :raises nova.exception.InstanceFaultRollback: if the server is as
            before.
        """
        was_on = (instance.vm_state != vm_states.STOPPED and
                  not self._recovery.is_lost(instance))
        stays = move.is_within_host(context, instance, default=is_same_host)
        stop = flow_resize.prepare if stays else flow_migrate.prepare_on_source
        disk_dvr = self._services.disk
        try:
            self._recovery.check_not_elsewhere(context, instance)
            own_disks = flow_spawn.own_disk_types(block_device_info)
            move.check(disk_dvr, instance, flavor, block_device_info,
                       own_disks, stays)
            if not stays:
                move.check_target(context, self._services.host, disk_dvr,
                                  instance, flavor, own_disks)
            runner.run(stop(self._services, instance, flavor,
                            block_device_info, timeout, was_on), instance)
        except Exception as exc:
            self._raise_rolled_back(instance, exc, was_on)
        return {} if stays else disk_dvr.get_info()

    def finish(self, context, migration, instance, disk_info, network_info,
               block_device_info, power_on):
        """Give a server its new size, or create it on its new host.

        If a resize fails, the server is as before. If a migration fails, there
        is no LPAR here, and a hard reboot creates it.

        :param disk_info: dict, the result of prepare() on the source.
        :raises nova.exception.InstanceFaultRollback: if the server is as
            before.
        """
        has_moved = not move.is_same_host(migration)
        if has_moved:
            move.check_target_disks(self._services.disk, disk_info,
                                    flow_spawn.own_disk_types(
                                        block_device_info))
            self._remove_stale_lpar(instance, network_info)
        if has_moved or self._recovery.is_lost(instance):
            create = (self._servers.rebuild if has_moved
                      else self._recovery.recreate)
            create(context, instance, network_info, block_device_info,
                   old_flavor=instance.old_flavor, power_on=power_on)
            return
        try:
            runner.run(flow_resize.finish(
                self._services, instance, block_device_info,
                instance.old_flavor, power_on), instance)
        except Exception as exc:
            self._raise_rolled_back(instance, exc, power_on,
                                    may_be_resized=True)

    def confirm(self, context, migration, instance, network_info):
        """Remove a server here if it has moved; then its disk may grow.

        If the disk cannot grow, the server runs on with the disk that it has,
        until a hard reboot extends the disk.
        """
        has_moved = not move.is_same_host(migration)
        if has_moved and instance.host == self._services.host.nodename:
            LOG.error('Nova has confirmed late that the server has left this '
                      'host: it has come back since then, and stays.',
                      instance=instance)
            return
        size.forget(instance)
        if has_moved:
            self._servers.remove(instance, network_info, destroy_disks=False)
        if (move.grows(instance) and
                instance.task_state != task_states.DELETING and
                not compute_utils.is_volume_backed_instance(context,
                                                            instance)):
            try:
                runner.run(flow_resize.extend(self._services, instance),
                           instance)
            except Exception:
                LOG.exception('The boot disk could not be made larger. A hard '
                              'reboot tries again.', instance=instance)

    def is_revert_within_host(self, context, instance):
        """Return whether Nova is reverting a resize that stayed on this host.

        Costs no request, and 1 DB call in a revert.
        """
        return (instance.task_state == task_states.RESIZE_REVERTING and
                move.is_within_host(context, instance))

    def begin_revert(self, instance, block_device_info):
        """Stop a server, and keep its LPAR, to revert a resize on this host.

        Nova calls destroy() for this.
        """
        LOG.info('Same-host resize: keeping the LPAR.', instance=instance)
        runner.run(flow_resize.pause(self._services, instance,
                                     block_device_info), instance)

    def revert(self, context, instance, network_info, migration,
               block_device_info, power_on):
        """Give a server its old size, or bring it back to this host.

        After a crash the server may still be here.
        """
        reverted_flavor = instance.new_flavor or instance.flavor
        if move.is_same_host(migration):
            self._revert_resize(context, instance, network_info,
                                block_device_info, reverted_flavor, power_on)
            return
        # Nova has deleted the LPAR on the target, unless somebody moved it.
        elsewhere.check_lost(context, instance, self._services.host.nodename)
        if vm.instance_exists(self._services.host, instance):
            runner.run(flow_migrate.revert_on_source(
                self._services, instance, network_info or [],
                block_device_info, reverted_flavor, power_on), instance)
        else:
            # Between two cells Nova has removed the LPAR in the meantime.
            self._servers.rebuild(context, instance, network_info,
                                  block_device_info, power_on=power_on)

    def _revert_resize(self, context, instance, network_info,
                       block_device_info, reverted_flavor, power_on):
        try:
            runner.run(flow_resize.revert(
                self._services, instance, block_device_info, reverted_flavor,
                power_on), instance)
        except nova_exc.InstanceNotFound:
            if not self._recovery.is_gone(instance):
                raise
            self._recovery.recreate(context, instance, network_info,
                                    block_device_info,
                                    old_flavor=reverted_flavor,
                                    power_on=power_on)
        size.forget(instance)

    def _remove_stale_lpar(self, instance, network_info):
        """Remove the LPAR that an earlier, failed move to this host left."""
        if vm.instance_exists(self._services.host, instance):
            LOG.warning('Removing an LPAR that a failed move has '
                        'left.', instance=instance)
            self._servers.remove(instance, network_info, destroy_disks=False)

    def _raise_rolled_back(self, instance, exc, was_on, may_be_resized=False):
        """Raise the failure of a move; tell Nova if the server is as before.

        :param exc: the exception of the move.
        :param was_on: whether the server was on before.
        :param may_be_resized: whether it may have its new size.
        :raises nova.exception.InstanceFaultRollback: if the server is as
            before; exc otherwise.
        """
        LOG.log(logging.INFO if failures.is_users(exc) else logging.WARNING,
                'The move failed: %s', exc, instance=instance)
        if tf_base.failed_reverts(exc) or not vm.is_as_before(
                self._services.host, instance, was_on, may_be_resized):
            raise exc
        size.forget(instance)
        raise nova_exc.InstanceFaultRollback(inner_exception=exc)
