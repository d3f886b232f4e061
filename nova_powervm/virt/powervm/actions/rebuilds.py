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

"""Evacuate servers to this host, and check the rebuilds that Nova performs."""

from nova.compute import task_states
from nova.compute import utils as compute_utils
from nova import context as nova_context
from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import elsewhere
from nova_powervm.virt.powervm import flavor
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import image
from nova_powervm.virt.powervm import made_of
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import departure
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import whereabouts

LOG = logging.getLogger(__name__)


class Rebuilds:
    """Evacuates servers to this host, and checks other rebuilds.

    :param services: services.Services
    :param servers: actions.servers.Servers
    :param recovery: actions.recovery.Recovery
    """

    def __init__(self, services, servers, recovery):
        self._services = services
        self._servers = servers
        self._recovery = recovery

    def instance_on_disk(self, instance):
        """Return whether this host sees the disks of another host's server.

        The boot disk decides; if the server boots from a volume, any other
        disk does.

        :raises nova.exception.DiskNotFound: if the host certainly sees them,
            but the platform does not list them. Nova would create new disks.
        :raises LparElsewhere: if another system of the same HMC has its LPAR.
        :raises PowerVMAPIFailed: if the LPAR is on the target of a live
            migration that nobody has ended.
        """
        vm.check_only_here(self._services.host, instance)
        elsewhere.check_evacuated(nova_context.get_admin_context(), instance,
                                  self._services.host.nodename)
        disk_dvr = self._services.disk
        if not disk_dvr.capabilities['shared_storage']:
            return False
        is_volume_backed = compute_utils.is_volume_backed_instance(
            nova_context.get_admin_context(), instance)
        return disk_dvr.has_disks(
            instance, disk_driver.BLANK_DISK_TYPES if is_volume_backed
            else [disk_driver.DiskType.BOOT])

    def prepare_evacuation(self, instance, bdms):
        """Make sure that Nova can replace the attachments of the volumes.

        Nova does so before it asks for the connector of this host. If it could
        not be told then, the volumes would be exported to nobody, and a hard
        reboot on the old host would not find them. Nova's data of the server
        stays as it is: the evacuation may fail before anything is replaced.

        A live migration to this host, whose source has died, may have left
        devices of the volumes. They go before Cinder unexports the volumes.

        :param bdms: nova.objects.BlockDeviceMappingList
        :raises FabricPortNotFound: if no port is free for an adapter (NPIV).
        :raises pypowervm.exceptions.Error: if the platform does not answer.
        """
        if not any(bdm.is_volume for bdm in bdms):
            return
        host = self._services.host
        volume.check_connector(host, instance)
        if whereabouts.has_come_live(instance, host.nodename):
            utils.try_to('remove devices of a live migration',
                         departure.forget, host, instance,
                         device_addresses.udids(instance))

    def evacuate(self, context, instance, bdms, detach_block_devices,
                 attach_block_devices, network_info, injected_files,
                 admin_password):
        """Create a server here for its disks in the shared pool.

        The parameters are those of ComputeDriver.rebuild.
        """
        detach_block_devices(context, bdms)
        instance.task_state = task_states.REBUILD_BLOCK_DEVICE_MAPPING
        server_notes.save(
            instance, expected_task_state=[task_states.REBUILDING])
        block_device_info = attach_block_devices(context, instance, bdms)
        instance.task_state = task_states.REBUILD_SPAWNING
        nodename = self._services.host.nodename
        migration = move.find_evacuation(context.elevated(), instance,
                                         nodename)
        if migration is not None:
            host_record.mark_evacuation(instance, nodename, migration)
        server_notes.save(instance, expected_task_state=[
            task_states.REBUILD_BLOCK_DEVICE_MAPPING])
        self._servers.rebuild(context, instance, network_info,
                              block_device_info, injected_files=injected_files,
                              admin_password=admin_password)

    def check(self, context, instance, image_meta, bdms):
        """Find out whether a rebuild would fail, before it removes the server.

        :param image_meta: nova.objects.ImageMeta of the new image.
        :param bdms: nova.objects.BlockDeviceMappingList
        :raises nova.exception.InstanceFaultRollback: if it would. Nova then
            has the record of the old image again.
        """
        try:
            self._recovery.check_not_elsewhere(context, instance)
            flavor.check_rebuild(self._services.host, instance)
            if not compute_utils.is_volume_backed_instance(
                    context, instance, bdms):
                image.check_rebuild(self._services.disk, context, instance,
                                    image_meta)
        except (nova_exc.NovaException, pvm_exc.Error) as exc:
            self._give_back_record(instance)
            raise nova_exc.InstanceFaultRollback(inner_exception=exc) from exc

    def _give_back_record(self, instance):
        try:
            made_of.give_back(instance, lambda: vm.is_ibmi(
                self._services.host, instance))
        except (nova_exc.NovaException, pvm_exc.Error):
            LOG.exception('The rebuild is refused, but its image stays '
                          'on record. Rebuild the server with an image '
                          'that can be used.', instance=instance)
