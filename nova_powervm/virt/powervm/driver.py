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

"""The PowerVM compute driver: the methods that Nova calls.

A method resolves its inputs. Then it asks ``flows`` for a flow and runs it, or
calls one of the objects of ``actions``. It makes no REST request itself.
"""

from nova.compute import task_states
from nova import exception as nova_exc
from nova.virt import driver
from nova.virt import node
from oslo_log import log as logging
from oslo_utils import excutils
from oslo_utils import netutils

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import actions
from nova_powervm.virt.powervm.actions import runner
from nova_powervm.virt.powervm.actions import states
from nova_powervm.virt.powervm import before
from nova_powervm.virt.powervm import cleanup
from nova_powervm.virt.powervm import diagnostics
from nova_powervm.virt.powervm import driver_console
from nova_powervm.virt.powervm import driver_live
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm.flows import power as flow_power
from nova_powervm.virt.powervm.flows import rescue as flow_rescue
from nova_powervm.virt.powervm.flows import snapshot as flow_snapshot
from nova_powervm.virt.powervm.flows import volume as flow_volume
from nova_powervm.virt.powervm import granted
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import image
from nova_powervm.virt.powervm import inventory
from nova_powervm.virt.powervm import made_of
from nova_powervm.virt.powervm import mgmt as powervm_mgmt
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import nova_instances
from nova_powervm.virt.powervm import nvram
from nova_powervm.virt.powervm.nvram import manager as nvram_manager
from nova_powervm.virt.powervm import operations
from nova_powervm.virt.powervm.options import static as option_checks
from nova_powervm.virt.powervm import peers
from nova_powervm.virt.powervm import services as powervm_services
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


@operations.counted('init_host', 'cleanup_host', 'get_info',
                    'get_host_ip_addr', 'get_host_uptime',
                    'poll_rebooting_instances')
class PowerVMDriver(driver_live.LiveMigrationMethods,
                    driver_console.ConsoleMethods):
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
        self.actions = None
        self.nvram = None
        self.events = None
        self.inventory = None
        self.nodename = None
        self._node_uuid = None

    # ---- start and end -------------------------------------------------

    def init_host(self, host):
        """Connect to the platform and clean up what a crash left there."""
        option_checks.check()
        self.nodename = host
        # On the target of a live migration, nobody reports ports that have no
        # agent. An operator's value overrides this default.
        CONF.set_default('live_migration_wait_for_vif_plug', False,
                         group='compute')
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
        self.operations.open()
        LOG.info('The PowerVM compute driver is ready on system %s.',
                 platform.system_uuid)

    def _open_services(self, platform):
        platform.connect(self.events)
        platform.wait_for_vioses()
        self.services = powervm_services.open_services(self.virtapi, platform,
                                                       self.nvram)
        self.actions = actions.build(self.services, self.operations)
        disk_dvr = self.services.disk
        self.capabilities['has_imagecache'] = (
            disk_dvr.capabilities['has_imagecache'])
        for disk_format in disk_dvr.image_formats:
            self.capabilities['supports_image_type_' + disk_format] = True
        self.inventory = inventory.Inventory(
            platform, disk_dvr, pci_devices=self.services.pci_devices)

    def cleanup_host(self, host):
        """Wait for running operations; end all threads and the REST session.

        The wait is limited; see operations.MAX_WAIT. Live migrations continue
        without this process.
        """
        if self.services is not None:
            self.services.migrations.close()
        self.operations.close()
        if self.services is not None:
            self.services.consoles.shutdown()
        if self.events is None:
            return
        self.events.shutdown()
        if self.nvram is not None:
            self.nvram.shutdown()
        self.events.host.close()
        self.events = self.services = self.actions = self.nvram = None

    def get_available_nodes(self, refresh=False):
        return [self.nodename]

    @property
    def node_uuid(self):
        """The UUID of this host in Nova.

        Nova first looks in its database for the UUID of a host that an older
        version has run. So the driver reads it only when Nova asks.
        """
        if self._node_uuid is None:
            self._node_uuid = node.get_local_node_uuid()
        return self._node_uuid

    @property
    def _provider(self):
        return granted.Provider(self.nodename, self.node_uuid)

    def get_nodenames_by_uuid(self, refresh=False):
        return {self.node_uuid: self.nodename}

    # ---- servers and their states --------------------------------------

    def list_instances(self):
        return [inst.name for inst in nova_instances.get_instances(
            self.services.host)]

    def list_instance_uuids(self):
        return [inst.uuid for inst in nova_instances.get_instances(
            self.services.host)]

    def get_num_instances(self):
        """Count Nova's servers; one request also serves get_info of each."""
        return nova_instances.count(self.services.host)

    def instance_exists(self, instance):
        return vm.instance_exists(self.services.host, instance)

    def get_info(self, instance, use_cache=True):
        """Return the power state; NOSTATE while the platform does not answer.

        NOSTATE is also the answer after an operation for which cleanup_host()
        has waited: Nova asks at the end of a spawn, and must not fail then.
        """
        try:
            with self.operations.one('get_info'):
                return self.actions.states.get_info(instance, use_cache)
        except nova_exc.VirtDriverNotReady as exc:
            if not self.operations.was_last_awaited:
                raise
            return states.unknown(instance, exc)

    def get_diagnostics(self, instance):
        with runner.platform_errors(instance):
            return diagnostics.as_dict(
                diagnostics.collect(self.services.host, instance))

    def get_instance_diagnostics(self, instance):
        with runner.platform_errors(instance):
            return diagnostics.as_object(
                diagnostics.collect(self.services.host, instance), instance)

    # ---- the life of a server ------------------------------------------

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        runner.log_operation('spawn', instance)
        made_of.note_spawn(instance, self.nodename)
        granted.note(instance, self._provider, allocations)
        self.actions.servers.spawn(
            context, instance, image_meta, injected_files, admin_password,
            network_info, block_device_info, power_on)

    def destroy(self, context, instance, network_info, block_device_info=None,
                destroy_disks=True, destroy_secrets=True):
        runner.log_operation('destroy', instance)
        if self.actions.moves.is_revert_within_host(context, instance):
            self.actions.moves.begin_revert(instance, block_device_info)
        else:
            self.actions.live.give_up(instance)
            self.actions.servers.remove(instance, network_info, destroy_disks,
                                        block_device_info)

    def cleanup(self, context, instance, network_info, block_device_info=None,
                destroy_disks=True, migrate_data=None, destroy_vifs=True,
                destroy_secrets=True):
        runner.log_operation('cleanup', instance)
        if self.actions.live.has_moved(migrate_data):
            self.actions.live.clean_source(instance)
        else:
            self.actions.servers.remove(instance, network_info, destroy_disks,
                                        block_device_info, destroy_vifs)

    def soft_delete(self, instance):
        """Cut the power of a server that may be restored."""
        with before.noting_rescue(instance):
            self.power_off(instance)

    def restore(self, instance):
        """Start a softly deleted server; it is not rescued any more."""
        runner.log_operation('restore', instance)
        self.actions.recovery.restore(instance)

    def power_on(self, context, instance, network_info,
                 block_device_info=None, accel_info=None, share_info=None):
        runner.log_operation('power_on', instance)
        runner.run(flow_power.power_on(self.services, instance,
                                       block_device_info), instance)

    def power_off(self, instance, timeout=0, retry_interval=0):
        runner.log_operation('power_off', instance)
        if before.is_to_become_image(instance):
            # Nova asks for a snapshot next. Refuse it before the server stops.
            image.check_snapshot(self.services.host, self.services.disk,
                                 self.services.mgmt, instance)
        self.actions.servers.power_off(instance, timeout)

    def trigger_crash_dump(self, instance):
        runner.log_operation('crash dump', instance)
        runner.run(flow_power.crash_dump(self.services, instance), instance)

    def reboot(self, context, instance, network_info, reboot_type,
               block_device_info=None, bad_volumes_callback=None,
               accel_info=None, share_info=None):
        runner.log_operation('%s reboot' % reboot_type.lower(), instance)
        if reboot_type == 'HARD':
            self.actions.recovery.hard_reboot(
                context, instance, network_info, block_device_info)
        else:
            runner.run(flow_power.soft_reboot(self.services, instance,
                                              block_device_info), instance)

    def resume_state_on_host_boot(self, context, instance, network_info,
                                  share_info, block_device_info=None):
        runner.log_operation('resume_state_on_host_boot', instance)
        self.actions.recovery.resume(instance, block_device_info)

    def poll_rebooting_instances(self, timeout, instances):
        """Do nothing: reboot() returns only after the reboot."""

    def snapshot(self, context, instance, image_id, update_task_state):
        runner.log_operation('snapshot', instance)
        runner.run(flow_snapshot.snapshot(
            self.services, context, instance, image_id, update_task_state,
            was_on=before.was_stopped_by_nova(instance)), instance)

    def quiesce(self, context, instance, image_meta):
        """Refuse; Nova ignores this unless os_require_quiesce is set.

        Nova asks before it takes snapshots of the volumes of a server that
        boots from a volume.
        """
        raise image.no_quiesce(instance)

    def rescue(self, context, instance, network_info, image_meta,
               rescue_password, block_device_info, share_info):
        runner.log_operation('rescue', instance)
        runner.run(flow_rescue.rescue(
            self.services, context, instance, image_meta, block_device_info,
            was_on=before.was_stopped_by_nova(instance),
            at_menu=CONF.powervm.rescue_boot_mode.lower() == 'sms'), instance)

    def unrescue(self, context, instance):
        runner.log_operation('unrescue', instance)
        self.actions.recovery.unrescue(context, instance)

    # ---- resize and cold migration -------------------------------------

    def migrate_disk_and_power_off(self, context, instance, dest, flavor,
                                   network_info, block_device_info=None,
                                   timeout=0, retry_interval=0):
        runner.log_operation('migrate_disk_and_power_off', instance)
        return self.actions.moves.prepare(
            context, instance, flavor, block_device_info, timeout,
            is_same_host=dest == self.get_host_ip_addr())

    def finish_migration(self, context, migration, instance, disk_info,
                         network_info, image_meta, resize_instance,
                         allocations, block_device_info=None, power_on=True,
                         share_info=None):
        runner.log_operation('finish_migration', instance)
        with granted.noted(instance, self._provider, allocations, migration):
            self.actions.moves.finish(
                context, migration, instance, disk_info, network_info,
                block_device_info, power_on)

    def confirm_migration(self, context, migration, instance, network_info):
        runner.log_operation('confirm_migration', instance)
        self.actions.moves.confirm(context, migration, instance, network_info)

    def finish_revert_migration(self, context, instance, network_info,
                                migration, block_device_info=None,
                                power_on=True, share_info=None):
        runner.log_operation('finish_revert_migration', instance)
        self.actions.moves.revert(context, instance, network_info, migration,
                                  block_device_info, power_on)

    def rebuild(self, context, instance, image_meta, injected_files,
                admin_password, allocations, bdms, detach_block_devices,
                attach_block_devices, network_info=None, evacuate=False,
                block_device_info=None, preserve_ephemeral=False,
                accel_uuids=None, reimage_boot_volume=False):
        """Evacuate a server to this host; Nova does all other rebuilds.

        :raises NotImplementedError: so that Nova does it.
        :raises nova.exception.InstanceFaultRollback: if a rebuild would fail
            after Nova has removed the server.
        """
        if evacuate:
            self.actions.rebuilds.prepare_evacuation(instance, bdms)
        else:
            self.actions.rebuilds.check(context, instance, image_meta, bdms)
        if not evacuate or not self.instance_on_disk(instance):
            raise NotImplementedError()
        runner.log_operation('evacuation', instance)
        granted.note(instance, self._provider, allocations)
        self.actions.rebuilds.evacuate(
            context, instance, bdms, detach_block_devices,
            attach_block_devices, network_info, injected_files,
            admin_password)

    # ---- network ports -------------------------------------------------

    def plug_vifs(self, instance, network_info):
        self.actions.ports.replug(instance, network_info)

    def unplug_vifs(self, instance, network_info):
        self.actions.ports.unplug(instance, network_info)

    def attach_interface(self, context, instance, image_meta, vif):
        self.actions.ports.attach(instance, vif)

    def detach_interface(self, context, instance, vif):
        self.actions.ports.unplug(instance, [vif])

    # ---- volumes -------------------------------------------------------

    def get_volume_connector(self, instance):
        """Return the connector for Cinder; the server needs no LPAR."""
        self.actions.live.note_attachments(instance)
        return volume.connector_properties(self.services.host, instance)

    def attach_volume(self, context, connection_info, instance, mountpoint,
                      disk_bus=None, device_type=None, encryption=None):
        runner.log_operation('attach_volume', instance)
        volume.check_encryption(connection_info, encryption)
        runner.run(flow_volume.attach(self.services, instance,
                                      connection_info), instance)

    def detach_volume(self, context, connection_info, instance, mountpoint,
                      encryption=None):
        if self.actions.live.is_coming(instance):
            self.actions.live.forget_volume(instance, connection_info)
            return
        runner.log_operation('detach_volume', instance)
        runner.run(flow_volume.detach(
            self.services, instance, connection_info,
            for_rebuild=instance.task_state == task_states.REBUILDING),
            instance)

    def extend_volume(self, context, connection_info, instance,
                      requested_size):
        runner.log_operation('extend_volume', instance)
        runner.run(flow_volume.extend(
            self.services, instance, connection_info, requested_size),
            instance)

    def swap_volume(self, context, old_connection_info, new_connection_info,
                    instance, mountpoint, resize_to):
        """Replace a volume by a copy, while the server is off.

        :raises nova.exception.VolumeRebaseFailed: if the server is on, and the
            driver must not stop it.
        """
        runner.log_operation('swap_volume', instance)
        for connection_info in (old_connection_info, new_connection_info):
            volume.check_encryption(connection_info)
        was_on = self.actions.states.is_on(instance)
        block_device_info = driver.get_block_device_info(instance,
                                                         instance.get_bdms())
        with self.services.volumes.swapping(instance):
            runner.run(flow_volume.swap(
                self.services, instance, old_connection_info,
                new_connection_info, block_device_info, was_on=was_on,
                may_stop=CONF.powervm.swap_volume_stops_server,
                timeout=CONF.shutdown_timeout), instance)

    # ---- questions about other hosts -----------------------------------

    def instance_on_disk(self, instance):
        return self.actions.rebuilds.instance_on_disk(instance)

    def check_instance_shared_storage_local(self, context, instance):
        return self.services.disk.check_instance_shared_storage_local(
            context, instance)

    def check_instance_shared_storage_remote(self, context, data):
        """Answer a question of the driver of another host; see peers."""
        question = peers.question(data)
        if question is not None:
            return move.why_not_here(self.services.host, self.services.disk,
                                     **question)
        sought = peers.sought(data)
        if sought is not None:
            return self.actions.recovery.presence(sought)
        return self.services.disk.check_instance_shared_storage_remote(
            context, data)

    # ---- image cache ---------------------------------------------------

    def manage_image_cache(self, context, all_instances):
        self.services.disk.manage_image_cache(context, all_instances)

    def cache_image(self, context, image_id):
        return self.services.disk.cache_image(context, image_id)

    # ---- the host ------------------------------------------------------

    def get_available_resource(self, nodename):
        # Nova's start ends with this call.
        self.actions.states.end_start()
        self.actions.ports.end_start()
        cleanup.periodic(self.services.cleaning)
        data = self.inventory.get_available_resource(nodename)
        # Since microversion 2.88 the API shows this instead of asking a host.
        stats = dict(data['stats'], uptime=self.get_host_uptime(),
                     **self.services.kept_with_host)
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
