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

"""The PowerVM compute driver: the table of contents of this package.

A method here resolves its inputs, asks ``flows`` for a flow, runs it, and
maps exceptions to what Nova's manager expects. It makes no REST call itself.
"""

from nova.compute import power_state
from nova.compute import task_states
from nova.compute import utils as compute_utils
from nova.compute import vm_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova.virt import driver
from nova.virt import hardware
from nova.virt import node
from oslo_log import log as logging
from oslo_utils import excutils
from oslo_utils import netutils
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import power_opts

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import before
from nova_powervm.virt.powervm import cleanup
from nova_powervm.virt.powervm import diagnostics
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import failures
from nova_powervm.virt.powervm import flavor
from nova_powervm.virt.powervm.flows import destroy as flow_destroy
from nova_powervm.virt.powervm.flows import migrate as flow_migrate
from nova_powervm.virt.powervm.flows import network as flow_network
from nova_powervm.virt.powervm.flows import power as flow_power
from nova_powervm.virt.powervm.flows import rescue as flow_rescue
from nova_powervm.virt.powervm.flows import resize as flow_resize
from nova_powervm.virt.powervm.flows import snapshot as flow_snapshot
from nova_powervm.virt.powervm.flows import spawn as flow_spawn
from nova_powervm.virt.powervm.flows import volume as flow_volume
from nova_powervm.virt.powervm import granted
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import image
from nova_powervm.virt.powervm import inventory
from nova_powervm.virt.powervm import made_of
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import mgmt as powervm_mgmt
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import nvram
from nova_powervm.virt.powervm.nvram import manager as nvram_manager
from nova_powervm.virt.powervm import operations
from nova_powervm.virt.powervm import peers
from nova_powervm.virt.powervm import services as powervm_services
from nova_powervm.virt.powervm import size
from nova_powervm.virt.powervm import startup
from nova_powervm.virt.powervm.tasks import base as tf_base
from nova_powervm.virt.powervm import vif as powervm_vif
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import tags

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


@operations.counted('init_host', 'cleanup_host', 'get_info',
                    'get_host_ip_addr', 'get_host_uptime',
                    'poll_rebooting_instances',
                    'check_can_live_migrate_destination')
class PowerVMDriver(driver.ComputeDriver):
    """Nova's virt driver for IBM PowerVM, through the NovaLink REST API.

    Before init_host(), and from cleanup_host() on, the other methods raise
    nova.exception.VirtDriverNotReady.
    """

    def __init__(self, virtapi):
        super().__init__(virtapi)
        self.capabilities = dict(
            driver.ComputeDriver.capabilities,
            supports_attach_interface=True,
            supports_bfv_rescue=True,
            supports_device_tagging=True,
            supports_evacuate=True,
            supports_extend_volume=True,
            supports_image_type_raw=True,
            supports_multiattach=True,
            supports_tagged_attach_interface=True,
            supports_tagged_attach_volume=True)
        self.operations = operations.Operations()
        self.services = None
        self.nvram = None
        self.events = None
        self.inventory = None
        self.nodename = None
        self._node_uuid = None
        # Those of a start that Nova has not finished; None afterwards.
        self._states_at_start = None

    # ---- start and end -------------------------------------------------

    def init_host(self, host):
        """Connect to the platform and clean up what a crash left there."""
        self.nodename = host
        platform = powervm_host.Host(host)
        store = nvram.build_store()
        if store is not None:
            self.nvram = nvram_manager.NvramManager(platform, store)
        self.events = event.PowerVMNovaEventHandler(self, platform,
                                                    nvram=self.nvram)
        try:
            self._open_services(platform)
            if self.nvram is not None:
                self.nvram.store_all()
        except Exception:
            with excutils.save_and_reraise_exception():
                self.cleanup_host(host)
        self._states_at_start = startup.PowerStates(platform)
        self.operations.open()
        LOG.info('The PowerVM compute driver is ready on system %s.',
                 platform.system_uuid)

    def _open_services(self, platform):
        platform.connect(self.events)
        platform.wait_for_vioses()
        self.services = powervm_services.open_services(self.virtapi, platform,
                                                       self.nvram)
        disk_dvr = self.services.disk
        self.capabilities['has_imagecache'] = (
            disk_dvr.capabilities['has_imagecache'])
        for disk_format in disk_dvr.image_formats:
            self.capabilities['supports_image_type_' + disk_format] = True
        self.inventory = inventory.Inventory(platform, disk_dvr)

    def cleanup_host(self, host):
        """End every thread and the REST session, after the operations.

        It waits for those that are under way, but not for ever.
        """
        self.operations.close()
        if self.events is None:
            return
        self.events.shutdown()
        if self.nvram is not None:
            self.nvram.shutdown()
        self.events.host.close()
        self.events = self.services = self.nvram = None

    def get_available_nodes(self, refresh=False):
        return [self.nodename]

    @property
    def node_uuid(self):
        """The UUID of this host in Nova.

        Not before Nova asks: it looks in its database first for that of a
        host that an older version has run.
        """
        if self._node_uuid is None:
            self._node_uuid = node.get_local_node_uuid()
        return self._node_uuid

    @property
    def _provider(self):
        return granted.Provider(self.nodename, self.node_uuid)

    def get_nodenames_by_uuid(self, refresh=False):
        return {self.node_uuid: self.nodename}

    # ---- what is there -------------------------------------------------

    def list_instances(self):
        return [inst.name for inst in vm.get_instances(self.services.host)]

    def list_instance_uuids(self):
        return [inst.uuid for inst in vm.get_instances(self.services.host)]

    def get_num_instances(self):
        """Count Nova's servers; one request also serves get_info of each."""
        return len(vm.get_instances(self.services.host))

    def instance_exists(self, instance):
        return vm.instance_exists(self.services.host, instance)

    def get_info(self, instance, use_cache=True):
        """Tell the power state; NOSTATE while the platform does not answer.

        Nova asks right after a spawn too, and would forget on which host a
        server is that it cannot get the state of: so it is not told either
        after an operation for which cleanup_host() has waited. While
        nova-compute starts, the states of all servers are read together.
        """
        try:
            with self.operations.one('get_info'):
                if self._states_at_start is not None:
                    use_cache = self._states_at_start.are_known() or use_cache
                return vm.get_vm_info(self.services.host, instance,
                                      use_cache=use_cache)
        except (pvm_exc.Error, nova_exc.VirtDriverNotReady) as exc:
            if (isinstance(exc, nova_exc.VirtDriverNotReady) and
                    not self.operations.was_last_awaited):
                raise
            LOG.warning('The power state is not known: %s', exc,
                        instance=instance)
            return hardware.InstanceInfo(state=power_state.NOSTATE)

    def get_diagnostics(self, instance):
        return diagnostics.as_dict(self._diagnose(instance))

    def get_instance_diagnostics(self, instance):
        return diagnostics.as_object(self._diagnose(instance), instance)

    def _diagnose(self, instance):
        try:
            return diagnostics.collect(self.services.host, instance)
        except pvm_exc.Error as exc:
            raise exception.PowerVMAPIFailed(
                inst_name=instance.name, reason=str(exc)) from exc

    # ---- the life of a server ------------------------------------------

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        self._log_operation('spawn', instance)
        made_of.note_spawn(instance, self.nodename)
        granted.note(instance, self._provider, allocations)
        flow = flow_spawn.spawn(
            self.services, context, instance, image_meta, injected_files,
            admin_password, network_info or [], block_device_info,
            power_on=power_on, power_opts=self._spawn_power_opts(instance))
        try:
            self._run(flow, instance)
        except Exception as exc:
            failure = failures.build_failure(exc, instance)
            if failure is exc:
                raise
            raise failure from exc

    def _spawn_power_opts(self, instance):
        """How to power on for the first time (see remove_vopt_media...)."""
        opts = power_opts.PowerOnOpts()
        if CONF.powervm.remove_vopt_media_on_boot:
            opts.remove_optical(media.get_cfg_drv_name(instance),
                                time=CONF.powervm.remove_vopt_media_time)
        return opts

    def destroy(self, context, instance, network_info, block_device_info=None,
                destroy_disks=True, destroy_secrets=True):
        self._log_operation('destroy', instance)
        if (instance.task_state == task_states.RESIZE_REVERTING and
                move.is_within_host(context, instance)):
            LOG.info('Same-host resize: keeping the LPAR.',
                     instance=instance)
            self._run(flow_resize.pause(self.services, instance,
                                        block_device_info), instance)
            return
        self._destroy(instance, network_info, destroy_disks,
                      block_device_info=block_device_info)

    def cleanup(self, context, instance, network_info, block_device_info=None,
                destroy_disks=True, migrate_data=None, destroy_vifs=True,
                destroy_secrets=True):
        self._log_operation('cleanup', instance)
        self._destroy(instance, network_info, destroy_disks,
                      destroy_vifs=destroy_vifs,
                      block_device_info=block_device_info)

    def _destroy(self, instance, network_info, destroy_disks,
                 destroy_vifs=True, block_device_info=None):
        try:
            self._run(flow_destroy.destroy(
                self.services, instance, network_info or [], block_device_info,
                destroy_disks=destroy_disks, destroy_vifs=destroy_vifs),
                instance)
        except nova_exc.InstancePowerOffFailure:
            # Nova keeps the ports of a server that would not go off.
            raise
        except Exception as exc:
            LOG.exception('Removing the server failed; deleting it again '
                          'removes what is left.', instance=instance)
            raise nova_exc.InstanceTerminationFailure(reason=str(exc))

    def soft_delete(self, instance):
        """Cut the power of a server that may be restored."""
        with before.noting_rescue(instance):
            self.power_off(instance)

    def restore(self, instance):
        """Start a server again; one that was rescued is not any more."""
        self._log_operation('restore', instance)
        if before.was_rescued(instance):
            self._unrescue(nova_context.get_admin_context(), instance)
            before.forget_rescue(instance)
        else:
            self._run(flow_power.power_on(
                self.services, instance, self._block_device_info(instance)),
                instance)

    def power_on(self, context, instance, network_info,
                 block_device_info=None, accel_info=None, share_info=None):
        self._log_operation('power_on', instance)
        self._run(flow_power.power_on(self.services, instance,
                                      block_device_info), instance)

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._log_operation('power_off', instance)
        if before.is_to_become_image(instance):
            # Nova goes on to ask for what would be refused then.
            image.check_snapshot(self.services.host, self.services.disk,
                                 self.services.mgmt, instance)
        try:
            self._run(flow_power.power_off(self.services, instance, timeout),
                      instance)
        except nova_exc.InstanceNotFound:
            if instance.task_state != task_states.REBUILDING:
                raise
            LOG.warning('The LPAR is gone; the rebuild creates it again.',
                        instance=instance)
        except Exception:
            # Nova stops a server that it has evacuated to this host. If that
            # failed, Nova would keep the server on its former host, and both
            # hosts would run it.
            if instance.host == self.nodename:
                raise
            LOG.exception('The server could not be stopped after its '
                          'evacuation. It runs here until Nova stops it.',
                          instance=instance)

    def trigger_crash_dump(self, instance):
        self._log_operation('crash dump', instance)
        self._run(flow_power.crash_dump(self.services, instance), instance)

    def reboot(self, context, instance, network_info, reboot_type,
               block_device_info=None, bad_volumes_callback=None,
               accel_info=None, share_info=None):
        self._log_operation('%s reboot' % reboot_type.lower(), instance)
        if reboot_type != 'HARD':
            self._run(flow_power.soft_reboot(self.services, instance,
                                             block_device_info), instance)
            return
        try:
            results = self._hard_reboot(instance, network_info,
                                        block_device_info)
        except nova_exc.InstanceNotFound:
            self._recreate(context, instance, network_info,
                           block_device_info, grow=True)
            return
        bad_volumes = volume.devices(results.get('bad_volumes'),
                                     block_device_info)
        if bad_volumes:
            # Not told with bad_volumes_callback: in Nova 34 that begins to
            # detach them in Cinder, and then meets a TypeError of its own.
            LOG.error('No VIOS sees these volumes; the server runs without '
                      'them: %s', ', '.join(bad_volumes), instance=instance)

    def _hard_reboot(self, instance, network_info, block_device_info):
        """Restart a server, once more if the platform wrongly said it is gone.

        :returns: dict, what the flow has stored.
        :raises nova.exception.InstanceNotFound: if its LPAR is gone.
        """
        def run():
            return self._run(flow_power.hard_reboot(
                self.services, instance, network_info or [], block_device_info,
                flow_spawn.own_disk_types(block_device_info)), instance)

        try:
            return run()
        except nova_exc.InstanceNotFound:
            if self._is_gone(instance):
                raise
            LOG.warning('The platform reported that the LPAR is gone, but '
                        'lists it; retrying the reboot.', instance=instance)
        try:
            return run()
        except nova_exc.InstanceNotFound as exc:
            raise exception.PowerVMAPIFailed(
                inst_name=instance.name, reason='it says that there is no '
                'LPAR, and that there is') from exc

    def _is_lost(self, instance):
        """Whether there surely is no LPAR (0 requests if it is known)."""
        return not self.instance_exists(instance) and self._is_gone(instance)

    def _is_gone(self, instance):
        try:
            return vm.is_gone(self.services.host, instance)
        except pvm_exc.Error as exc:
            raise exception.PowerVMAPIFailed(inst_name=instance.name,
                                             reason=str(exc)) from exc

    def resume_state_on_host_boot(self, context, instance, network_info,
                                  share_info, block_device_info=None):
        """Start the server, unless it is on.

        Nova calls this for each server whose state it did not get, and puts
        it into ERROR if this fails: so it fails only if the server is not on.
        """
        self._log_operation('resume_state_on_host_boot', instance)
        flows = (flow_rescue if instance.vm_state == vm_states.RESCUED
                 else flow_power)
        try:
            self._run(flows.power_on(self.services, instance,
                                     block_device_info), instance)
        except Exception:
            with excutils.save_and_reraise_exception() as reraise:
                now = self.get_info(instance, use_cache=False).state
                reraise.reraise = now not in (power_state.RUNNING,
                                              power_state.NOSTATE)
                LOG.exception('The server could not be started; its power '
                              'state is %s.', power_state.STATE_MAP[now],
                              instance=instance)

    def poll_rebooting_instances(self, timeout, instances):
        """Nothing to do: a reboot has ended when reboot() returns."""

    def snapshot(self, context, instance, image_id, update_task_state):
        self._log_operation('snapshot', instance)
        self._run(flow_snapshot.snapshot(
            self.services, context, instance, image_id, update_task_state,
            was_on=before.was_stopped_by_nova(instance)), instance)

    def quiesce(self, context, instance, image_meta):
        """Refuse; Nova minds only if the image has os_require_quiesce.

        Nova asks before it makes snapshots of the volumes of a server that
        boots from one.
        """
        raise image.no_quiesce(instance)

    def rescue(self, context, instance, network_info, image_meta,
               rescue_password, block_device_info, share_info):
        self._log_operation('rescue', instance)
        self._run(flow_rescue.rescue(
            self.services, context, instance, image_meta, block_device_info,
            was_on=before.was_stopped_by_nova(instance),
            at_menu=CONF.powervm.rescue_boot_mode.lower() == 'sms'), instance)

    def unrescue(self, context, instance):
        self._log_operation('unrescue', instance)
        self._unrescue(context, instance)

    def _unrescue(self, context, instance):
        block_device_info = self._block_device_info(instance)
        try:
            self._run(flow_rescue.unrescue(self.services, instance,
                                           block_device_info), instance)
        except nova_exc.InstanceNotFound:
            if not self._is_gone(instance):
                raise
            self._recreate(context, instance, instance.get_network_info(),
                           block_device_info)

    @staticmethod
    def _block_device_info(instance):
        return driver.get_block_device_info(instance, instance.get_bdms())

    # ---- resize and cold migration -------------------------------------

    def migrate_disk_and_power_off(self, context, instance, dest, flavor,
                                   network_info, block_device_info=None,
                                   timeout=0, retry_interval=0):
        """Stop the server; if that fails, it runs as before.

        One that came here, and could not be made here, can leave again.

        :returns: dict that tells the target where the disks are.
        """
        self._log_operation('migrate_disk_and_power_off', instance)
        was_on = (instance.vm_state != vm_states.STOPPED and
                  not self._is_lost(instance))
        stays = move.is_within_host(
            context, instance, default=dest == self.get_host_ip_addr())
        stop = flow_resize.prepare if stays else flow_migrate.prepare_on_source
        try:
            own_disks = flow_spawn.own_disk_types(block_device_info)
            move.check(self.services.disk, instance, flavor, block_device_info,
                       own_disks, stays)
            if not stays:
                move.check_target(context, self.services.disk, instance,
                                  flavor, own_disks)
            self._run(stop(self.services, instance, flavor, block_device_info,
                           timeout, was_on), instance)
        except Exception as exc:
            self._raise_rolled_back(instance, exc, was_on)
        return {} if stays else self.services.disk.get_info()

    def finish_migration(self, context, migration, instance, disk_info,
                         network_info, image_meta, resize_instance,
                         allocations, block_device_info=None, power_on=True,
                         share_info=None):
        """Give the server its new size, or build it on its new host.

        If the former fails, the server is as before; if the latter does,
        there is no LPAR here, and a hard reboot makes it.
        """
        self._log_operation('finish_migration', instance)
        with granted.noted(instance, self._provider, allocations, migration):
            self._finish_on_target(context, migration, instance, disk_info,
                                   network_info, block_device_info, power_on)

    def _finish_on_target(self, context, migration, instance, disk_info,
                          network_info, block_device_info, power_on):
        """See finish_migration."""
        has_moved = not move.is_same_host(migration)
        if has_moved:
            move.check_target_disks(self.services.disk, disk_info,
                                    flow_spawn.own_disk_types(
                                        block_device_info))
            self._remove_stale_lpar(instance, network_info)
        if has_moved or self._is_lost(instance):
            make = self._rebuild if has_moved else self._recreate
            make(context, instance, network_info, block_device_info,
                 old_flavor=instance.old_flavor, power_on=power_on)
            return
        try:
            self._run(flow_resize.finish(
                self.services, instance, block_device_info,
                instance.old_flavor, power_on), instance)
        except Exception as exc:
            self._raise_rolled_back(instance, exc, power_on,
                                    may_be_resized=True)

    def confirm_migration(self, context, migration, instance, network_info):
        """Remove the server here if it has moved; then its disk may grow.

        If it cannot grow, the server runs on with the disk that it has, until
        a hard reboot makes up for it.
        """
        self._log_operation('confirm_migration', instance)
        size.forget(instance)
        if not move.is_same_host(migration):
            self._destroy(instance, network_info, destroy_disks=False)
        if (move.grows(instance) and
                instance.task_state != task_states.DELETING and
                not compute_utils.is_volume_backed_instance(context,
                                                            instance)):
            try:
                self._run(flow_resize.extend(self.services, instance),
                          instance)
            except Exception:
                LOG.exception('The boot disk could not be made larger. A hard '
                              'reboot tries again.', instance=instance)

    def finish_revert_migration(self, context, instance, network_info,
                                migration, block_device_info=None,
                                power_on=True, share_info=None):
        """Bring the server back to its former size, or to this host.

        Also after a crash, when it may not have left yet.
        """
        self._log_operation('finish_revert_migration', instance)
        reverted_flavor = instance.new_flavor or instance.flavor
        if move.is_same_host(migration):
            try:
                self._run(flow_resize.revert(
                    self.services, instance, block_device_info,
                    reverted_flavor, power_on), instance)
            except nova_exc.InstanceNotFound:
                if not self._is_gone(instance):
                    raise
                self._recreate(context, instance, network_info,
                               block_device_info, old_flavor=reverted_flavor,
                               power_on=power_on)
            size.forget(instance)
        elif self.instance_exists(instance):
            self._run(flow_migrate.revert_on_source(
                self.services, instance, network_info or [], block_device_info,
                reverted_flavor, power_on), instance)
        else:
            # Between two cells Nova has the LPAR removed in the meantime.
            self._rebuild(context, instance, network_info, block_device_info,
                          power_on=power_on)

    def rebuild(self, context, instance, image_meta, injected_files,
                admin_password, allocations, bdms, detach_block_devices,
                attach_block_devices, network_info=None, evacuate=False,
                block_device_info=None, preserve_ephemeral=False,
                accel_uuids=None, reimage_boot_volume=False):
        """Evacuate a server to this host; Nova does all other rebuilds.

        The disks that the host which is down has left in a shared pool are
        used, not made anew.

        :raises NotImplementedError: for Nova to do it.
        :raises nova.exception.InstanceFaultRollback: if it would be refused,
            when the server is gone.
        """
        if not evacuate:
            self._check_rebuild(context, instance, image_meta, bdms)
        if not evacuate or not self.instance_on_disk(instance):
            raise NotImplementedError()
        self._log_operation('evacuation', instance)
        granted.note(instance, self._provider, allocations)
        detach_block_devices(context, bdms)
        instance.task_state = task_states.REBUILD_BLOCK_DEVICE_MAPPING
        instance.save(expected_task_state=[task_states.REBUILDING])
        block_device_info = attach_block_devices(context, instance, bdms)
        instance.task_state = task_states.REBUILD_SPAWNING
        instance.save(expected_task_state=[
            task_states.REBUILD_BLOCK_DEVICE_MAPPING])
        self._rebuild(context, instance, network_info, block_device_info,
                      injected_files=injected_files,
                      admin_password=admin_password)

    def _check_rebuild(self, context, instance, image_meta, bdms):
        """Find out what would fail, while the server is there.

        :raises nova.exception.InstanceFaultRollback: if something would; Nova
            knows again what the server is made of.
        """
        try:
            flavor.check_rebuild(self.services.host, instance)
            if not compute_utils.is_volume_backed_instance(
                    context, instance, bdms):
                image.check_rebuild(self.services.disk, context, instance,
                                    image_meta)
        except (nova_exc.NovaException, pvm_exc.Error) as exc:
            try:
                made_of.give_back(instance, lambda: vm.is_ibmi(
                    self.services.host, instance))
            except (nova_exc.NovaException, pvm_exc.Error):
                LOG.exception('The rebuild is refused, but its image stays '
                              'on record. Rebuild the server with an image '
                              'that can be used.', instance=instance)
            raise nova_exc.InstanceFaultRollback(inner_exception=exc) from exc

    def _rebuild(self, context, instance, network_info, block_device_info,
                 **kwargs):
        """Make an LPAR for the disks that a server has."""
        self._run(flow_spawn.rebuild(
            self.services, context, instance, network_info or [],
            block_device_info, power_opts=self._spawn_power_opts(instance),
            **kwargs), instance)

    def _recreate(self, context, instance, network_info, block_device_info,
                  **kwargs):
        """Make the LPAR of a server again that somebody has deleted.

        Its disks and volumes are there; so may be what it has left, such as
        its config drive, which is in the way, and the disk of a rescue, which
        ends with this.
        """
        LOG.warning('The LPAR is gone; creating it again for the existing '
                    'disks.', instance=instance)
        self._destroy(instance, network_info, destroy_disks=False)
        try:
            self._run(flow_rescue.discard(self.services, instance), instance)
        except Exception:
            LOG.exception('The rescue disk could not be deleted. It stays '
                          'until the server is rescued again or deleted.',
                          instance=instance)
        self._rebuild(context, instance, network_info, block_device_info,
                      **kwargs)

    def _remove_stale_lpar(self, instance, network_info):
        """Remove what a move that failed has left of a server that comes."""
        if self.instance_exists(instance):
            LOG.warning('Removing an LPAR that a failed move has '
                        'left.', instance=instance)
            self._destroy(instance, network_info, destroy_disks=False)

    def _raise_rolled_back(self, instance, exc, was_on, may_be_resized=False):
        """Tell Nova that the server is as it was, if it is."""
        LOG.log(logging.INFO if failures.is_users(exc) else
                logging.WARNING, 'The move failed: %s', exc,
                instance=instance)
        if tf_base.failed_reverts(exc) or not vm.is_as_before(
                self.services.host, instance, was_on, may_be_resized):
            raise exc
        size.forget(instance)
        raise nova_exc.InstanceFaultRollback(inner_exception=exc)

    # ---- network ports -------------------------------------------------

    def plug_vifs(self, instance, network_info):
        """Mend the ports of a server when nova-compute starts.

        Nova calls this then for each server, and puts a server into ERROR if
        it fails. The server may run well, so a failure is logged; a hard
        reboot plugs what is missing. It sends no request for a port of which
        all is on the platform.
        """
        vifs = powervm_vif.ports_to_replug(network_info)
        if not vifs:
            return
        try:
            self._plug_vifs(instance, vifs)
        except Exception as exc:
            LOG.error('The ports of the server could not be updated. If one '
                      'is missing, hard reboot the server. %s', exc,
                      instance=instance)

    def _plug_vifs(self, instance, network_info):
        self._log_operation('plug_vifs', instance)
        try:
            self._run(flow_network.plug(self.services, instance, network_info),
                      instance)
        except Exception as exc:
            # What the driver and Nova raise says all; its trace says no more.
            LOG.error('Plugging ports failed: %s', exc, instance=instance,
                      exc_info=not isinstance(exc, nova_exc.NovaException))
            raise nova_exc.VirtualInterfacePlugException(str(exc))

    def unplug_vifs(self, instance, network_info):
        self._log_operation('unplug_vifs', instance)
        try:
            self._run(flow_network.unplug(self.services, instance,
                                          network_info),
                      instance)
        except nova_exc.InstanceNotFound:
            LOG.log(vm.level_of_missing(instance),
                    'The LPAR is gone and its ports with it.',
                    instance=instance)
        except Exception as exc:
            LOG.exception('Unplugging ports failed.', instance=instance)
            raise nova_exc.InterfaceDetachFailed(
                instance_uuid=instance.uuid) from exc

    def attach_interface(self, context, instance, image_meta, vif):
        self._plug_vifs(instance, [vif])
        try:
            tags.update(instance)
        except Exception:
            with excutils.save_and_reraise_exception():
                self.unplug_vifs(instance, [vif])

    def detach_interface(self, context, instance, vif):
        self.unplug_vifs(instance, [vif])

    # ---- volumes -------------------------------------------------------

    def get_volume_connector(self, instance):
        """Describe to Cinder where to export volumes; needs no LPAR."""
        return volume.connector_properties(self.services.host, instance)

    def attach_volume(self, context, connection_info, instance, mountpoint,
                      disk_bus=None, device_type=None, encryption=None):
        self._log_operation('attach_volume', instance)
        volume.check_encryption(connection_info, encryption)
        self._run(flow_volume.attach(self.services, instance, connection_info),
                  instance)

    def detach_volume(self, context, connection_info, instance, mountpoint,
                      encryption=None):
        self._log_operation('detach_volume', instance)
        self._run(flow_volume.detach(
            self.services, instance, connection_info,
            for_rebuild=instance.task_state == task_states.REBUILDING),
            instance)

    def extend_volume(self, context, connection_info, instance,
                      requested_size):
        self._log_operation('extend_volume', instance)
        self._run(flow_volume.extend(
            self.services, instance, connection_info, requested_size),
            instance)

    def swap_volume(self, context, old_connection_info, new_connection_info,
                    instance, mountpoint, resize_to):
        """Put a copy of a volume in its place, while the server is off.

        :raises nova.exception.VolumeRebaseFailed: if it is on, and must not
            be stopped.
        """
        self._log_operation('swap_volume', instance)
        for connection_info in (old_connection_info, new_connection_info):
            volume.check_encryption(connection_info)
        # A server that has crashed is not on for Nova, and is not off.
        was_on = (self.get_info(instance, use_cache=False).state !=
                  power_state.SHUTDOWN or
                  not vm.is_off(self.services.host, instance))
        with self.services.volumes.swapping(instance):
            self._run(flow_volume.swap(
                self.services, instance, old_connection_info,
                new_connection_info, self._block_device_info(instance),
                was_on=was_on, may_stop=CONF.powervm.swap_volume_stops_server,
                timeout=CONF.shutdown_timeout), instance)

    # ---- what other hosts have to do with ------------------------------

    def check_can_live_migrate_destination(self, context, instance,
                                           src_compute_info, dst_compute_info,
                                           block_migration=False,
                                           disk_over_commit=False):
        """Refuse, so that the server goes on as if nothing had happened."""
        raise nova_exc.MigrationPreCheckError(
            reason='the PowerVM driver cannot migrate running servers yet')

    def instance_on_disk(self, instance):
        """Whether the disks of a server of another host are here too.

        Those are its boot disk, or, if it boots from a volume, any other.

        :raises nova.exception.DiskNotFound: if they certainly are, and the
            platform does not tell of them: Nova would make them anew.
        """
        disk_dvr = self.services.disk
        if not disk_dvr.capabilities['shared_storage']:
            return False
        is_volume_backed = compute_utils.is_volume_backed_instance(
            nova_context.get_admin_context(), instance)
        return disk_dvr.has_disks(
            instance, disk_driver.BLANK_DISK_TYPES if is_volume_backed
            else [disk_driver.DiskType.BOOT])

    def check_instance_shared_storage_local(self, context, instance):
        return self.services.disk.check_instance_shared_storage_local(
            context, instance)

    def check_instance_shared_storage_remote(self, context, data):
        """Answer what the driver of another host asks; see peers."""
        question = peers.question(data)
        if question is not None:
            return move.why_not_here(self.services.host, self.services.disk,
                                     **question)
        return self.services.disk.check_instance_shared_storage_remote(
            context, data)

    # ---- image cache ---------------------------------------------------

    def manage_image_cache(self, context, all_instances):
        self.services.disk.manage_image_cache(context, all_instances)

    def cache_image(self, context, image_id):
        return self.services.disk.cache_image(context, image_id)

    # ---- the host ------------------------------------------------------

    def get_available_resource(self, nodename):
        # With this, Nova ends its start.
        self._states_at_start = None
        cleanup.periodic(self.services.cleaning)
        data = self.inventory.get_available_resource(nodename)
        # From microversion 2.88 on the API tells this, and asks no host.
        stats = dict(data['stats'], uptime=self.get_host_uptime(),
                     **self.services.disk.kept_with_host)
        return dict(data, uuid=self.node_uuid, stats=stats)

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        self.inventory.update_provider_tree(
            provider_tree, nodename,
            allocation_ratios=self._get_allocation_ratios,
            reserved_disk_gb=self._get_reserved_host_disk_gb_from_config(),
            allocations=allocations)

    def get_host_ip_addr(self):
        if CONF.my_ip not in netutils.get_my_ipv4():
            LOG.debug('my_ip %s is not an address of this host.', CONF.my_ip)
        return CONF.my_ip

    def get_host_uptime(self):
        return powervm_mgmt.read_uptime()

    def get_host_cpu_stats(self):
        return self.services.host.get_cpu_stats()

    # ---- helpers -------------------------------------------------------

    @staticmethod
    def _run(flow, instance):
        """Run a flow; a platform failure carries the platform's message."""
        try:
            return tf_base.run(flow, instance=instance)
        except pvm_exc.Error as exc:
            raise exception.PowerVMAPIFailed(inst_name=instance.name,
                                             reason=str(exc)) from exc

    @staticmethod
    def _log_operation(operation, instance):
        LOG.info('Operation %(op)s on %(name)s.',
                 {'op': operation, 'name': instance.name}, instance=instance)
