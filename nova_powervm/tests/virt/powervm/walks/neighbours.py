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

"""Stand-ins for what Nova's compute manager reaches over a network.

They do what the walks need, and raise AttributeError for anything else.
"""

import contextlib

from nova.compute import provider_tree
from nova.compute import task_states
from nova import exception as nova_exc
from nova.network import model as network_model
from nova import objects
from nova.objects import base as obj_base
from nova.scheduler.client import report

from nova_powervm import conf as cfg
from nova_powervm.tests.functional import cinder

CONF = cfg.CONF


class Silence:
    """A notifier that nobody listens to."""

    def is_enabled(self):
        return False

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class Placement:
    """The placement service, as one compute sees it.

    :ivar tree: nova.compute.provider_tree.ProviderTree, as the driver has
        reported it last
    """

    def __init__(self):
        self.tree = provider_tree.ProviderTree()

    def get_provider_subtree_and_ensure_root(self, _context, rp_uuid,
                                             name=None, **_kwargs):
        if not self.tree.exists(rp_uuid):
            self.tree.new_root(name, rp_uuid)
        return self.tree

    def get_allocations_for_provider_tree(self, _context, _nodename):
        return {}

    def update_from_provider_tree(self, _context, new_tree,
                                  allocations=None):
        self.tree = new_tree

    def get_allocations_for_resource_provider(self, _context, _rp_uuid):
        return report.ProviderAllocInfo(allocations={})

    def get_allocations_for_consumer(self, _context, _consumer):
        return {}

    def get_allocs_for_consumer(self, _context, _consumer):
        return {'allocations': {}, 'project_id': None, 'user_id': None,
                'consumer_generation': 1}

    def clear_provider_cache(self, *args, **kwargs):
        pass

    def invalidate_resource_provider(self, *args, **kwargs):
        pass

    def delete_allocation_for_instance(self, *args, **kwargs):
        pass

    def move_allocations(self, *args, **kwargs):
        return True

    def remove_provider_tree_from_instance_allocation(self, *args):
        return True


class Conductor:
    """The conductor, which finds no other host for what has failed."""

    def build_instances(self, context, instances, *args, **kwargs):
        raise AssertionError('Nothing is to be built elsewhere.')


class Shares:
    """Manila, of which no server has a share."""

    def get_share_info(self, *args, **kwargs):
        return _NoShares()

    def mount_all(self, *args):
        pass

    def umount_all(self, *args):
        pass

    def cleanup_shares_after_migration(self, *args):
        pass

    def reconcile_stale_share_access(self, *args):
        pass


class _NoShares(list):

    def activate_all(self):
        pass

    def deactivate_all(self):
        pass


class ComputeAPI:
    """Nova's API, as the compute that synchronizes power states uses it.

    :param cloud: cloud.Cloud
    """

    def __init__(self, cloud):
        self._cloud = cloud

    def force_stop(self, _context, instance):
        """Stop a server that is to be off, and is not."""
        self.stop(_context, instance)

    def stop(self, _context, instance):
        """Note that a server has stopped by itself."""
        instance.task_state = task_states.POWERING_OFF
        instance.save()
        self._cloud.cast(instance.host, 'stop_instance', instance,
                         clean_shutdown=True)


class ComputeRPC:
    """How one compute asks another one for something.

    A call returns the answer. A cast is done when the one who asks has
    finished, and nobody hears of its failure.

    :param cloud: cloud.Cloud
    """

    def __init__(self, cloud):
        self._cloud = cloud

    def check_instance_shared_storage(self, context, data, instance=None,
                                      host=None):
        return self._cloud.compute(host).check_instance_shared_storage(
            context, data)

    def resize_instance(self, context, instance, migration, image, flavor,
                        request_spec, clean_shutdown=True):
        self._cloud.cast(
            instance.host, 'resize_instance', instance, image=image,
            migration=migration, flavor=flavor,
            clean_shutdown=clean_shutdown, request_spec=request_spec)

    def finish_resize(self, context, instance, migration, image, disk_info,
                      host, request_spec):
        self._cloud.cast(
            host, 'finish_resize', instance, disk_info=disk_info,
            image=image, migration=migration, request_spec=request_spec)

    def finish_revert_resize(self, context, instance, migration, host,
                             request_spec):
        self._cloud.cast(
            host, 'finish_revert_resize', instance, migration=migration,
            request_spec=request_spec)

    # ---- live migration --------------------------------------------------

    @staticmethod
    def supports_numa_live_migration(context):
        return True

    def check_can_live_migrate_source(self, context, instance,
                                      dest_check_data):
        return _sent(context, self._cloud.ask(
            CONF.host, instance.host, 'check_can_live_migrate_source',
            context, instance, _sent(context, dest_check_data)))

    def pre_live_migration(self, context, instance, block_migration, disk,
                           host, migrate_data):
        return _sent(context, self._cloud.ask(
            instance.host, host, 'pre_live_migration', context,
            _sent(context, instance), disk, _sent(context, migrate_data)))

    def post_live_migration_at_destination(self, context, instance,
                                           block_migration, host):
        self._cloud.ask(
            instance.host, host, 'post_live_migration_at_destination',
            context, _sent(context, instance), block_migration)

    def remove_volume_connection(self, context, instance, volume_id, host):
        self._cloud.ask(instance.host, host, 'remove_volume_connection',
                        context, volume_id, _sent(context, instance))

    def rollback_live_migration_at_destination(self, context, instance, host,
                                               destroy_disks=True,
                                               migrate_data=None):
        self._cloud.cast(
            host, 'rollback_live_migration_at_destination', instance,
            destroy_disks=destroy_disks,
            migrate_data=_sent(context, migrate_data))


def _sent(context, found):
    """What another process gets of an object."""
    return obj_base.NovaObject.obj_from_primitive(
        found.obj_to_primitive(), context=context)


class Ports:
    """Neutron, with its ports bound as a mechanism driver would.

    :param vif_type: str, binding:vif_type of each port
    :param details: dict, binding:vif_details
    :ivar bindings: dict of (number of a port, Nova's name of a host) -> tuple
        of type and details, where they differ from those
    """

    def __init__(self, vif_type, details):
        self._vif_type = vif_type
        self._details = details
        self.bindings = {}
        # UUID of an instance -> list of numbers of its ports.
        self._owners = {}
        # The same, as Nova keeps it in its database.
        self._kept = {}

    def forget(self, uuid):
        """Forget an instance, of which Nova keeps nothing any more."""
        self._owners.pop(uuid, None)
        self._kept.pop(uuid, None)

    def vif(self, number, host=None):
        """Describe a port.

        :param number: int, which tells it from others
        :param host: Nova's name of the host that it is bound on, or None
        :returns: nova.network.model.VIF
        """
        kind, details = self.bindings.get(
            (number, host), (self._vif_type, self._details))
        address = network_model.FixedIP(
            address='192.168.1.%d' % number, version=4)
        subnet = network_model.Subnet(
            cidr='192.168.1.0/24', version=4, ips=[address], dns=[],
            routes=[], gateway=network_model.IP(address='192.168.1.254'))
        return network_model.VIF(
            id='00000000-0000-4000-8000-%012d' % number,
            address='fa:16:3e:00:00:%02x' % number, type=kind,
            vnic_type='normal', active=True, details=dict(details),
            devname='tap%d' % number, network=network_model.Network(
                id='11111111-0000-4000-8000-000000000000', label='net',
                bridge='br-int', subnets=[subnet]))

    def give(self, uuid, numbers):
        """Let an instance own ports, as Neutron has it from then on."""
        self._owners[uuid] = list(numbers)

    def numbers(self, uuid):
        """Numbers of the ports of an instance."""
        return list(self._owners.get(uuid, ()))

    def _describe(self, instance):
        """Tell the ports of an instance, and have Nova keep them."""
        numbers = self.numbers(instance.uuid)
        found = self._bound(instance, numbers)
        cache = objects.InstanceInfoCache(
            instance._context, instance_uuid=instance.uuid)
        cache.network_info = found
        if self._kept.get(instance.uuid) != found:
            cache.save()
            self._kept[instance.uuid] = found
        instance.info_cache = cache
        instance.obj_reset_changes(['info_cache'])
        return found

    def _bound(self, instance, numbers):
        return network_model.NetworkInfo([
            self.vif(number, instance.host) for number in numbers])

    # ---- what the manager calls -----------------------------------------

    def allocate_for_instance(self, context, instance, requested_networks,
                              **_kwargs):
        numbers = [int(request.port_id[-12:])
                   for request in requested_networks or ()]
        owned = self._owners.setdefault(instance.uuid, [])
        owned.extend(set(numbers).difference(owned))
        self._describe(instance)
        return self._bound(instance, numbers)

    def get_instance_nw_info(self, context, instance, **_kwargs):
        return self._describe(instance)

    def deallocate_for_instance(self, context, instance, **_kwargs):
        self._owners.pop(instance.uuid, None)

    def deallocate_port_for_instance(self, context, instance, port_id):
        owned = self._owners.get(instance.uuid, [])
        if int(port_id[-12:]) in owned:
            owned.remove(int(port_id[-12:]))
        return self._describe(instance), {}

    def has_port_binding_extension(self, _context):
        return True

    def create_resource_requests(self, *args, **kwargs):
        return None, [], None

    def setup_networks_on_host(self, *args, **kwargs):
        pass

    def setup_instance_network_on_host(self, *args, **kwargs):
        pass

    def cleanup_instance_network_on_host(self, *args, **kwargs):
        pass

    def migrate_instance_start(self, *args, **kwargs):
        pass

    def migrate_instance_finish(self, *args, **kwargs):
        pass

    def unbind_ports(self, *args, **kwargs):
        pass


class Cinder(cinder.SanCinder):
    """The Cinder of a cloud; it hears nothing of a process that is dead.

    :param cloud: cloud.Cloud
    :param before_write: called before something changes; it raises if the
        process that asks for it is dead
    """

    def __init__(self, cloud, before_write):
        super().__init__(cloud)
        self._cloud = cloud
        self._before_write = before_write

    def can_act(self, host):
        """See SanCinder."""
        return any(self._cloud.host_of(name) is host
                   for name in self._cloud.computes)

    def is_only_reserved(self, volume_id, attachment_id):
        """Whether an attachment has no connector, so nobody exports it."""
        attachment = self.volume_to_attachment.get(volume_id, {}).get(
            attachment_id)
        return attachment is not None and not attachment.get('connector')

    def fake_attachment_create(self, *args, **kwargs):
        self._before_write()
        return super().fake_attachment_create(*args, **kwargs)

    def fake_attachment_update(self, *args, **kwargs):
        self._before_write()
        return super().fake_attachment_update(*args, **kwargs)

    def fake_attachment_delete(self, *args, **kwargs):
        self._before_write()
        # As Nova's client of Cinder.
        with contextlib.suppress(nova_exc.VolumeAttachmentNotFound):
            super().fake_attachment_delete(*args, **kwargs)

    def fake_migrate_volume_completion(self, *args, **kwargs):
        self._before_write()
        return super().fake_migrate_volume_completion(*args, **kwargs)

    def fake_delete(self, *args, **kwargs):
        self._before_write()
        return super().fake_delete(*args, **kwargs)
