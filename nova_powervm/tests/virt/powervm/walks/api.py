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

"""What a user of Nova asks for, on its way to the computes.

API does what Nova's API and conductor do before a compute works: they note
the task, choose the host and keep the records of Cinder. What the compute
does then, and how it takes failures, is Nova's own code (see compute).
"""

import contextlib
import string

from nova import block_device
from nova.compute import task_states
from nova.compute import vm_states
from nova import exception as nova_exc
from nova.network import model as network_model
from nova import objects
from oslo_serialization import jsonutils

from nova_powervm.tests.functional import volumes
from nova_powervm.tests.virt.powervm.walks import server as walk_server

VOLUME = volumes.VOLUME


class API:
    """Nova's API and conductor, as far as the walks need them.

    Operations return the exception that the compute ended with, or None. A
    user would not see it, but the state of the server and its fault.

    :param cloud: cloud.Cloud
    """

    def __init__(self, cloud):
        self.cloud = cloud

    @property
    def context(self):
        return self.cloud.context

    def _call(self, server, task_state, method, **kwargs):
        """Note a task of a server, and have its compute do it."""
        instance = server.read()
        instance.task_state = task_state
        instance.save(expected_task_state=[None])
        return self.cloud.call(instance.host, method, instance=instance,
                               **kwargs)

    # ---- servers come and go --------------------------------------------

    def create(self, number, flavor=None, image=0, ports=None, volumes=(),
               boots=False, host='compute1', properties=None):
        """Make a server.

        :param number: int, see server.Server
        :param flavor: nova.objects.Flavor
        :param image: int, number of the image
        :param ports: numbers of its ports; by default it has one
        :param volumes: numbers of its volumes
        :param boots: whether it boots from the first of them
        :param host: Nova's name of the host
        :param properties: dict, of the image or the volume that it boots from
        :returns: server.Server
        """
        server = walk_server.Server(self.cloud, number)
        flavor = flavor or walk_server.make_flavor('small')
        if boots:
            image = None
        instance = self._make_instance(server, flavor, image)
        instance.system_metadata.update(
            {'image_' + key: value for key, value in
             (properties or {}).items()})
        instance.create()
        self._make_bdms(instance, flavor, image, volumes, boots)
        requested = objects.NetworkRequestList(objects=[
            objects.NetworkRequest(port_id=self.cloud.ports.vif(port)['id'])
            for port in ([number] if ports is None else ports)])
        self.cloud.call(
            host, '_do_build_and_run_instance', server.read(),
            self._image(image), None, {}, 'secret', [], requested, [],
            server.bdms(), node=host, limits={})
        return server

    def _make_instance(self, server, flavor, image):
        image_id = '' if image is None else self.cloud.images[image]
        return objects.Instance(
            self.context, uuid=server.uuid, user_id='user',
            project_id='project', image_ref=image_id, flavor=flavor,
            instance_type_id=flavor.id, memory_mb=flavor.memory_mb,
            vcpus=flavor.vcpus, root_gb=flavor.root_gb,
            ephemeral_gb=flavor.ephemeral_gb, old_flavor=None,
            new_flavor=None, vm_state=vm_states.BUILDING,
            task_state=task_states.SCHEDULING, power_state=0,
            display_name='server%d' % server.number,
            hostname='server%d' % server.number, root_device_name='/dev/sda',
            system_metadata={'image_base_image_ref': image_id}, metadata={},
            numa_topology=None, launch_index=0, config_drive='',
            pci_requests=objects.InstancePCIRequests(requests=[]),
            info_cache=objects.InstanceInfoCache(
                instance_uuid=server.uuid,
                network_info=network_model.NetworkInfo()))

    def _image(self, number):
        """Describe an image as Nova's API does to a compute."""
        if number is None:
            return {}
        found = self.cloud.glance.show(self.context, self.cloud.images[number])
        return {key: found[key] for key in (
            'id', 'name', 'status', 'size', 'disk_format',
            'container_format', 'properties', 'min_ram', 'min_disk')}

    def _make_bdms(self, instance, flavor, image, volumes, boots):
        """Note what disks a server is to have."""
        rows = []
        if image is not None:
            rows.append(dict(
                source_type='image', destination_type='local', boot_index=0,
                device_type='disk', image_id=instance.image_ref,
                device_name='/dev/sda', delete_on_termination=True))
        if flavor.ephemeral_gb:
            rows.append(dict(block_device.create_blank_bdm(
                flavor.ephemeral_gb, None), device_name='/dev/sdb'))
        if flavor.swap:
            rows.append(dict(block_device.create_blank_bdm(
                flavor.swap, 'swap'), device_name='/dev/sdc'))
        for row in rows:
            objects.BlockDeviceMapping(
                self.context, instance_uuid=instance.uuid, **{
                    key: value for key, value in row.items()
                    if value is not None}).create()
        for position, number in enumerate(volumes):
            is_root = boots and not position
            self._make_volume_bdm(
                instance, number, 'a' if is_root else _letters(position),
                boot_index=0 if is_root else -1)

    def _make_volume_bdm(self, instance, number, letter, boot_index=None):
        """Note a volume of a server, and reserve it in Cinder."""
        attachment = self.cloud.cinder.fake_attachment_create(
            self.context, VOLUME % number, instance.uuid)
        bdm = objects.BlockDeviceMapping(
            self.context, instance_uuid=instance.uuid, source_type='volume',
            destination_type='volume', boot_index=boot_index,
            volume_id=VOLUME % number, attachment_id=attachment['id'],
            delete_on_termination=False, device_name='/dev/sd' + letter)
        bdm.create()
        return bdm

    def delete(self, server):
        """Delete a server; it is deleted, or in ERROR, then."""
        instance = server.read()
        if instance is None:
            return None
        was_resized = instance.vm_state == vm_states.RESIZED
        instance.task_state = task_states.DELETING
        instance.save()
        if was_resized:
            # The compute that confirms reads the server anew; the one that
            # deletes it gets what was read before.
            self._confirm(server.read())
        if instance.host in self.cloud.computes:
            return self.cloud.call(instance.host, 'terminate_instance',
                                   instance, server.bdms())
        self._delete_here(server, instance)
        return None

    def _delete_here(self, server, instance):
        """Delete a server that is on no host, or whose host is down."""
        self.cloud.ports.deallocate_for_instance(self.context, instance)
        for bdm in server.bdms():
            if bdm.is_volume and bdm.attachment_id:
                with contextlib.suppress(nova_exc.VolumeAttachmentNotFound):
                    self.cloud.cinder.fake_attachment_delete(
                        self.context, bdm.attachment_id)
            bdm.destroy()
        instance.destroy()

    # ---- power and images -----------------------------------------------

    def stop(self, server):
        return self._call(server, task_states.POWERING_OFF, 'stop_instance',
                          clean_shutdown=True)

    def start(self, server):
        return self._call(server, task_states.POWERING_ON, 'start_instance')

    def reboot(self, server, hard=False):
        return self._call(
            server, task_states.REBOOTING_HARD if hard
            else task_states.REBOOTING, 'reboot_instance',
            block_device_info=None, reboot_type='HARD' if hard else 'SOFT')

    def reset_state(self, server, state=vm_states.ERROR):
        """What an administrator does to a server that Nova is stuck with."""
        instance = server.read()
        instance.vm_state = state
        instance.task_state = None
        instance.save()

    def rescue(self, server, image=1):
        return self._call(
            server, task_states.RESCUING, 'rescue_instance',
            rescue_password=None, rescue_image_ref=self.cloud.images[image],
            clean_shutdown=True)

    def unrescue(self, server):
        return self._call(server, task_states.UNRESCUING,
                          'unrescue_instance')

    def snapshot(self, server):
        """Make an image of a server.

        :returns: (exception or None, id of the image; Nova has deleted it if
            it failed)
        """
        image = self.cloud.glance.create(self.context, {
            'name': 'snapshot', 'status': 'queued', 'properties': {},
            'disk_format': 'raw', 'container_format': 'bare'})
        return self._call(
            server, task_states.IMAGE_SNAPSHOT_PENDING, 'snapshot_instance',
            image_id=image['id']), image['id']

    def rebuild(self, server, image=0):
        """Make the disks of a server anew, from an image."""
        instance = server.read()
        before = instance.image_ref
        instance.image_ref = self.cloud.images[image]
        instance.save()
        return self._call(
            server, task_states.REBUILDING, 'rebuild_instance',
            **dict(_REBUILD, orig_image_ref=before, reimage_boot_volume=True,
                   image_ref=instance.image_ref, bdms=server.bdms(),
                   orig_sys_metadata=dict(instance.system_metadata)))

    # ---- moves -----------------------------------------------------------

    def evacuate(self, server, host='compute2'):
        """Make a server, whose host is down, on another one.

        It is stopped there then, as since microversion 2.95.
        """
        instance = server.read()
        migration = objects.Migration(
            self.context, source_compute=instance.host,
            source_node=instance.node, instance_uuid=instance.uuid,
            dest_compute=host, status='accepted',
            migration_type='evacuation')
        migration.create()
        instance.task_state = task_states.REBUILDING
        instance.save()
        return self.cloud.call(
            host, 'rebuild_instance', instance=server.read(),
            **dict(_REBUILD, recreate=True, on_shared_storage=None,
                   migration=migration, scheduled_node=host,
                   target_state=vm_states.STOPPED))

    def resize(self, server, flavor=None, host=None):
        """Resize a server, or move it.

        :param flavor: nova.objects.Flavor; None to keep it
        :param host: Nova's name of the host that it goes to; None to stay
        """
        instance = server.read()
        new = flavor or instance.flavor
        instance.task_state = task_states.RESIZE_PREP
        instance.progress = 0
        instance.save(expected_task_state=[None])
        migration = objects.Migration(
            self.context, old_instance_type_id=instance.flavor.id,
            new_instance_type_id=new.id, status='pre-migrating',
            instance_uuid=instance.uuid, source_compute=instance.host,
            source_node=instance.node,
            migration_type='resize' if flavor else 'migration')
        migration.create()
        host = host or instance.host
        return self.cloud.call(
            host, 'prep_resize', image={}, instance=instance, flavor=new,
            request_spec=objects.RequestSpec(requested_resources=[]),
            filter_properties={}, node=host, clean_shutdown=True,
            migration=migration, host_list=[])

    def _migration(self, server_uuid, *statuses):
        """The migration of a resized server, None if it has no such one."""
        for status in statuses or ('finished',):
            with contextlib.suppress(nova_exc.MigrationNotFoundByStatus):
                return objects.Migration.get_by_instance_and_status(
                    self.context.elevated(), server_uuid, status)
        return None

    def confirm(self, server):
        return self._confirm(server.read())

    def _confirm(self, instance):
        migration = self._migration(instance.uuid, 'finished', 'confirming')
        if migration is None:
            return None
        migration.status = 'confirming'
        migration.save()
        return self.cloud.call(migration.source_compute, 'confirm_resize',
                               instance=instance, migration=migration)

    def revert(self, server):
        instance = server.read()
        migration = self._migration(instance.uuid)
        if migration is None:
            # A confirmation was cut off: Nova's API refuses it.
            return None
        instance.task_state = task_states.RESIZE_REVERTING
        instance.save(expected_task_state=[None])
        migration.status = 'reverting'
        migration.save()
        return self.cloud.call(
            migration.dest_compute, 'revert_resize', instance=instance,
            migration=migration, request_spec=objects.RequestSpec(
                requested_resources=[]))

    def live_migrate(self, server, host='compute2', block_migration=None):
        """Move a running server to another host.

        :param host: Nova's name of the host that it goes to
        :param block_migration: whether its disks are to be copied
        :returns: the exception that a check, or the move, ended with, or None
        """
        instance = server.read()
        migration = objects.Migration(
            self.context.elevated(), source_compute=instance.host,
            source_node=instance.node, instance_uuid=instance.uuid,
            dest_compute=host, status='accepted',
            old_instance_type_id=instance.flavor.id,
            new_instance_type_id=instance.flavor.id,
            migration_type='live-migration')
        migration.create()
        instance.task_state = task_states.MIGRATING
        instance.save(expected_task_state=[None])
        try:
            migrate_data = self.cloud.ask(
                host, host, 'check_can_live_migrate_destination',
                self.context.elevated(), server.read(), block_migration,
                False, migration, None)
        except Exception as exc:
            self.cloud.failures.append(exc)
            migration.status = 'error'
            migration.save()
            instance.task_state = None
            instance.save()
            return exc
        self._bind_ports(migrate_data, host)
        return self.cloud.call(
            instance.host, 'live_migration', host, server.read(),
            block_migration, migration, migrate_data)

    def _bind_ports(self, migrate_data, host):
        """Bind ports on the target, as the conductor has Neutron do it."""
        for vif in migrate_data.vifs:
            bound = self.cloud.ports.vif(int(vif.port_id[-12:]), host)
            vif.host, vif.profile = host, {}
            vif.vnic_type, vif.vif_type = bound['vnic_type'], bound['type']
            vif.vif_details = bound['details']

    def abort_live_migration(self, server):
        """Stop the live migration of a server."""
        migration = objects.MigrationList.get_by_filters(
            self.context.elevated(), {
                'instance_uuid': server.uuid,
                'status': ['queued', 'preparing', 'running']})[0]
        return self.cloud.call(
            migration.source_compute, 'live_migration_abort', server.read(),
            migration.id)

    # ---- volumes and ports -----------------------------------------------

    def attach(self, server, number):
        """Attach a volume."""
        instance = server.read()
        bdm = self._make_volume_bdm(instance, number, 'p')
        return self.cloud.call(instance.host, 'attach_volume', instance, bdm)

    def detach(self, server, number):
        instance = server.read()
        bdm = objects.BlockDeviceMapping.get_by_volume_and_instance(
            self.context, VOLUME % number, server.uuid)
        return self.cloud.call(instance.host, 'detach_volume',
                               VOLUME % number, instance, bdm.attachment_id)

    def refresh_attachments(self, server):
        """Connect volumes that are reserved only, as nova-manage does.

        A rebuild that fails leaves such volumes: nobody exports them. It is
        what ``nova-manage volume_attachment refresh`` is for.
        """
        instance, cinder = server.read(), self.cloud.cinder
        for bdm in server.bdms():
            if not bdm.is_volume or not cinder.is_only_reserved(
                    bdm.volume_id, bdm.attachment_id):
                continue
            with self.cloud.on(instance.host):
                connector = self.cloud.computes[
                    instance.host].driver.get_volume_connector(instance)
            info = cinder.fake_attachment_update(
                self.context, bdm.attachment_id, connector, bdm.device_name)
            bdm.connection_info = jsonutils.dumps(
                dict(info['connection_info'], serial=bdm.volume_id))
            bdm.save()

    def extend(self, server, number, size_gb):
        """Make a volume larger, and tell the server's host."""
        self.cloud.cinder.extend(VOLUME % number, size_gb)
        instance = server.read()
        return self.cloud.call(instance.host, 'extend_volume', instance,
                               VOLUME % number)

    def swap(self, server, number, other):
        """Put a volume in the place of another; it gets its id."""
        self.cloud.cinder.migrating.add(VOLUME % number)
        instance = server.read()
        attachment = self.cloud.cinder.fake_attachment_create(
            self.context, VOLUME % other, server.uuid)
        return self.cloud.call(
            instance.host, 'swap_volume', VOLUME % number, VOLUME % other,
            instance, attachment['id'])

    def attach_port(self, server, number):
        instance = server.read()
        return self.cloud.call(
            instance.host, 'attach_interface', instance, None,
            self.cloud.ports.vif(number)['id'], None, None)

    def detach_port(self, server, number):
        instance = server.read()
        return self.cloud.call(
            instance.host, 'detach_interface', instance,
            self.cloud.ports.vif(number)['id'])


def _letters(position):
    """What the name of the device of a volume ends with, by its place."""
    first, last = divmod(position + len('abc'), len(string.ascii_lowercase))
    return (string.ascii_lowercase[first - 1] if first else
            '') + string.ascii_lowercase[last]


#: What every rebuild of Nova's compute is asked for with.
_REBUILD = dict(
    orig_image_ref=None, image_ref=None, injected_files=None,
    new_pass='secret', orig_sys_metadata=None, bdms=None, recreate=False,
    on_shared_storage=False, preserve_ephemeral=False, migration=None,
    scheduled_node=None, limits={}, request_spec=None, accel_uuids=[],
    reimage_boot_volume=False, target_state=None)
