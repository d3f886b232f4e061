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
from nova import exception as nova_exc
from nova.image import glance
from nova.virt import driver
from nova.virt import hardware
from nova.virt import node
from oslo_log import log as logging
from oslo_utils import excutils
from oslo_utils import netutils
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import power_opts

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import disk
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.flows import destroy as flow_destroy
from nova_powervm.virt.powervm.flows import network as flow_network
from nova_powervm.virt.powervm.flows import power as flow_power
from nova_powervm.virt.powervm.flows import spawn as flow_spawn
from nova_powervm.virt.powervm import host as pvm_host
from nova_powervm.virt.powervm import inventory
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import rooms as pvm_rooms
from nova_powervm.virt.powervm.tasks import base as tf_base
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class PowerVMDriver(driver.ComputeDriver):
    """Nova's virt driver for IBM PowerVM, through the NovaLink REST API."""

    def __init__(self, virtapi):
        super().__init__(virtapi)
        self.capabilities = dict(
            driver.ComputeDriver.capabilities,
            supports_attach_interface=True,
            supports_image_type_raw=True)
        self.rooms = None
        self.events = None
        self.inventory = None
        self.node_uuid = None
        self.nodename = None

    # ---- start and end -------------------------------------------------

    def init_host(self, host):
        """Connect to the platform and clean up what a crash left there."""
        self.nodename = host
        self.node_uuid = node.get_local_node_uuid()
        platform = pvm_host.Host(host)
        self.events = event.PowerVMNovaEventHandler(self, platform)
        try:
            self._open_rooms(platform)
        except Exception:
            with excutils.save_and_reraise_exception():
                self.cleanup_host(host)
        LOG.info('The PowerVM compute driver is ready on system %s.',
                 platform.system_uuid)

    def _open_rooms(self, platform):
        platform.connect(self.events)
        platform.wait_for_vioses()
        platform.scrub()
        disk_dvr = disk.build(platform, glance.API())
        disk_dvr.scrub()
        self.capabilities['has_imagecache'] = (
            disk_dvr.capabilities['has_imagecache'])
        self.inventory = inventory.Inventory(platform, disk_dvr)
        self.rooms = pvm_rooms.Rooms(
            virtapi=self.virtapi, host=platform, disk=disk_dvr,
            config_drive=media.ConfigDrive(
                platform, preferred_vios_uuid=disk_dvr.vios_uuids[0]))

    def cleanup_host(self, host):
        """End every thread and the REST session."""
        if self.events is None:
            return
        self.events.shutdown()
        self.events.host.close()
        self.events = self.rooms = None

    def get_available_nodes(self, refresh=False):
        return [self.nodename]

    def get_nodenames_by_uuid(self, refresh=False):
        return {self.node_uuid: self.nodename}

    # ---- what is there -------------------------------------------------

    def list_instances(self):
        return [inst.name for inst in vm.get_instances(self.rooms.host)]

    def list_instance_uuids(self):
        return [inst.uuid for inst in vm.get_instances(self.rooms.host)]

    def get_num_instances(self):
        """Count Nova's servers; one request also serves get_info of each."""
        return len(vm.get_instances(self.rooms.host))

    def instance_exists(self, instance):
        return vm.instance_exists(self.rooms.host, instance)

    def get_info(self, instance, use_cache=True):
        """Tell the power state; NOSTATE while the platform does not answer.

        Nova asks right after a spawn too, and would forget on which host a
        server is that it cannot get the state of.
        """
        try:
            return vm.get_vm_info(self.rooms.host, instance,
                                  use_cache=use_cache)
        except pvm_exc.Error as exc:
            LOG.warning('The power state is not known: %s', exc,
                        instance=instance)
            return hardware.InstanceInfo(state=power_state.NOSTATE)

    # ---- the life of a server ------------------------------------------

    def spawn(self, context, instance, image_meta, injected_files,
              admin_password, allocations, network_info=None,
              block_device_info=None, power_on=True, accel_info=None):
        self._log_operation('spawn', instance)
        flow = flow_spawn.spawn(
            self.rooms, context, instance, image_meta, injected_files,
            admin_password, network_info or [], block_device_info,
            power_on=power_on, power_opts=self._spawn_power_opts(instance))
        try:
            self._run(flow, instance)
        except nova_exc.ImageNotFound as exc:
            # It is missing for every host: Nova is not to try another.
            raise nova_exc.BuildAbortException(
                instance_uuid=instance.uuid, reason=str(exc)) from exc

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
        self._destroy(instance, network_info, destroy_disks)

    def cleanup(self, context, instance, network_info, block_device_info=None,
                destroy_disks=True, migrate_data=None, destroy_vifs=True,
                destroy_secrets=True):
        self._log_operation('cleanup', instance)
        self._destroy(instance, network_info, destroy_disks,
                      destroy_vifs=destroy_vifs)

    def _destroy(self, instance, network_info, destroy_disks,
                 destroy_vifs=True):
        try:
            self._run(flow_destroy.destroy(
                self.rooms, instance, network_info or [],
                destroy_disks=destroy_disks, destroy_vifs=destroy_vifs),
                instance)
        except nova_exc.InstancePowerOffFailure:
            # Nova keeps the ports of a server that would not go off.
            raise
        except Exception as exc:
            LOG.exception('Removing the server failed; deleting it again '
                          'removes what is left.', instance=instance)
            raise nova_exc.InstanceTerminationFailure(reason=str(exc))

    def power_on(self, context, instance, network_info,
                 block_device_info=None, accel_info=None, share_info=None):
        self._log_operation('power_on', instance)
        self._run(flow_power.power_on(self.rooms, instance), instance)

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._log_operation('power_off', instance)
        self._run(flow_power.power_off(self.rooms, instance, timeout),
                  instance)

    def reboot(self, context, instance, network_info, reboot_type,
               block_device_info=None, bad_volumes_callback=None,
               accel_info=None, share_info=None):
        self._log_operation('%s reboot' % reboot_type.lower(), instance)
        if reboot_type == 'HARD':
            flow = flow_power.hard_reboot(self.rooms, instance,
                                          network_info or [])
        else:
            flow = flow_power.soft_reboot(self.rooms, instance)
        self._run(flow, instance)

    def resume_state_on_host_boot(self, context, instance, network_info,
                                  share_info, block_device_info=None):
        self._log_operation('resume_state_on_host_boot', instance)
        self._run(flow_power.power_on(self.rooms, instance), instance)

    def poll_rebooting_instances(self, timeout, instances):
        """Nothing to do: a reboot has ended when reboot() returns."""

    # ---- network ports -------------------------------------------------

    def plug_vifs(self, instance, network_info):
        self._log_operation('plug_vifs', instance)
        try:
            self._run(flow_network.plug(self.rooms, instance, network_info),
                      instance)
        except Exception as exc:
            LOG.exception('Plugging ports failed.', instance=instance)
            raise nova_exc.VirtualInterfacePlugException(str(exc))

    def unplug_vifs(self, instance, network_info):
        self._log_operation('unplug_vifs', instance)
        try:
            self._run(flow_network.unplug(self.rooms, instance, network_info),
                      instance)
        except nova_exc.InstanceNotFound:
            LOG.warning('The LPAR is gone and its ports with it.',
                        instance=instance)
        except Exception as exc:
            LOG.exception('Unplugging ports failed.', instance=instance)
            raise nova_exc.InterfaceDetachFailed(
                instance_uuid=instance.uuid) from exc

    def attach_interface(self, context, instance, image_meta, vif):
        self.plug_vifs(instance, [vif])

    def detach_interface(self, context, instance, vif):
        self.unplug_vifs(instance, [vif])

    # ---- volumes -------------------------------------------------------

    def get_volume_connector(self, instance):
        """Describe this host to Cinder; needs no LPAR and no request."""
        return {'ip': CONF.my_block_storage_ip, 'host': CONF.host,
                'initiator': None, 'multipath': False}

    # ---- image cache ---------------------------------------------------

    def manage_image_cache(self, context, all_instances):
        self.rooms.disk.manage_image_cache(context, all_instances)

    def cache_image(self, context, image_id):
        return self.rooms.disk.cache_image(context, image_id)

    # ---- the host ------------------------------------------------------

    def get_available_resource(self, nodename):
        return dict(self.inventory.get_available_resource(nodename),
                    uuid=self.node_uuid)

    def update_provider_tree(self, provider_tree, nodename, allocations=None):
        self.inventory.update_provider_tree(
            provider_tree, nodename,
            allocation_ratios=self._get_allocation_ratios,
            reserved_disk_gb=self._get_reserved_host_disk_gb_from_config())

    def get_host_ip_addr(self):
        if CONF.my_ip not in netutils.get_my_ipv4():
            LOG.debug('my_ip %s is not an address of this host.', CONF.my_ip)
        return CONF.my_ip

    def get_host_uptime(self):
        return pvm_host.get_uptime()

    def get_host_cpu_stats(self):
        return self.rooms.host.get_cpu_stats()

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
