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

"""What placement has granted to Nova's servers on a host, and what they use.

Nova passes allocations to the driver only when it creates a server or when a
server moves to the host. The driver then stores them with the server, by host
and flavor, so it still knows them when a resize or a migration is reverted,
and after a crash. If nothing is stored, the driver computes the allocations
from Nova's servers and moves, with the function that Nova uses to ask
placement.

Placement has granted dedicated processors as PCPU or as VCPU. It granted VCPU
if an earlier version of the driver ignored hw:cpu_policy, or if there was no
PCPU left when Nova created the server.
"""

import contextlib
import hashlib
import json
import math
import typing

from nova.compute import vm_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from nova.objects import fields
from nova.scheduler import utils as scheduler_utils
import os_resource_classes as orc
from oslo_utils import excutils

from nova_powervm.virt.powervm import cpu_policy
from nova_powervm.virt.powervm import lpar_sizes
from nova_powervm.virt.powervm import migration_status
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm import vm

# Prefix of a key in system_metadata; a digest of the host and the flavor
# follows. The value has the amount of each resource class, such as
# VCPU=2,MEMORY_MB=1024.
_KEY = 'powervm_granted_'
#: Prefix of the keys that this module writes, for instance_id.
NOTES = _KEY
_CLASSES = (orc.VCPU, orc.PCPU, orc.MEMORY_MB, orc.DISK_GB)


class Disks(typing.NamedTuple):
    """Disk space that a server was granted at most, in GB.

    :ivar boot: int, for the boot disk.
    :ivar blank: int, for all ephemeral and swap disks.
    :ivar total: int, for all disks.
    """

    boot: int
    blank: int
    total: int


class Server(typing.NamedTuple):
    """What a server was granted on this host, and what it uses.

    During a resize on the same host, a server was granted both sizes.

    :ivar instance: nova.objects.Instance
    :ivar flavors: list of nova.objects.Flavor for which it was granted.
    :ivar lpar_uuid: str, UUID of its LPAR.
    :ivar resources: dict of resource class -> int, VCPU, PCPU and MEMORY_MB.
    :ivar disks: Disks
    :ivar has: lpar_sizes.LparSize that its LPAR uses at least, if it has an
        LPAR.
    :ivar needs: lpar_sizes.LparSize that it may use later.
    """

    instance: typing.Any
    flavors: typing.List[typing.Any]
    lpar_uuid: str
    resources: typing.Dict[str, int]
    disks: Disks
    has: lpar_sizes.LparSize
    needs: lpar_sizes.LparSize


class Provider(typing.NamedTuple):
    """A host, as placement knows it.

    :ivar nodename: str, Nova's name of the host.
    :ivar uuid: str, of its compute node.
    """

    nodename: str
    uuid: str


def note(instance, provider, allocations, flavor=None, earlier=()):
    """Store with a server what it is granted on a host.

    Remove other records, except those of ``earlier``.

    :param instance: nova.objects.Instance, which is saved.
    :param provider: Provider, the host.
    :param allocations: dict as in ComputeDriver.spawn, or None. An evacuated
        server also has allocations on its old host.
    :param flavor: nova.objects.Flavor of the server with these allocations;
        None means its own.
    :param earlier: list of (Nova's name of a host, nova.objects.Flavor) whose
        records stay, because the server may return to them.
    """
    record = (allocations or {}).get(provider.uuid, {'resources': {}})
    metadata = instance.system_metadata
    wanted = {key: metadata[key] for key in (_key(*pair) for pair in earlier)
              if key in metadata}
    wanted.update(to_keep(provider.nodename, flavor or instance.flavor,
                          record['resources']))
    if wanted == {key: value for key, value in metadata.items()
                  if key.startswith(_KEY)}:
        return
    for key in [key for key in metadata if key.startswith(_KEY)]:
        del metadata[key]
    metadata.update(wanted)
    server_notes.save(instance)


@contextlib.contextmanager
def noted(instance, provider, allocations, migration):
    """Store what a server is granted when it moves to a host; see note().

    If the move fails in this context, Nova gives the server its old flavor
    back, but in placement the server keeps the new allocations.

    :param migration: nova.objects.Migration
    """
    old_flavor = instance.old_flavor or instance.flavor
    note(instance, provider, allocations,
         earlier=[(migration.source_compute, old_flavor)])
    try:
        yield
    except Exception:
        with excutils.save_and_reraise_exception():
            with contextlib.suppress(nova_exc.NovaException):
                note(instance, provider, allocations, old_flavor)


def to_keep(nodename, flavor, resources):
    """Return the entry of system_metadata for an allocation, as a dict.

    :param nodename: str, Nova's name of the host.
    :param flavor: nova.objects.Flavor of the server with this allocation.
    :param resources: dict of resource class -> int.
    """
    found = ','.join('%s=%d' % (name, resources[name])
                     for name in _CLASSES if name in resources)
    return {_key(nodename, flavor): found} if found else {}


def _key(nodename, flavor):
    """Return the key in system_metadata for a host and a flavor, str."""
    said = [nodename] + [
        getattr(flavor, name) if name in flavor else None for name in (
            'flavorid', 'memory_mb', 'vcpus', 'root_gb', 'ephemeral_gb',
            'swap')]
    said.append(sorted(flavor.extra_specs.items()))
    return _KEY + hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


def _kept(metadata, nodename, flavor):
    """Return the stored allocation of a server, a dict, or None."""
    text = metadata.get(_key(nodename, flavor))
    if text is None:
        return None
    return {name: int(amount) for name, amount in (
        part.split('=') for part in text.split(','))}


def find(system, nodename):
    """Return what servers were granted on a host (no request).

    :param system: System wrapper of the host.
    :param nodename: str, Nova's name of the host.
    :returns: list of Server.
    """
    context = nova_context.get_admin_context()
    instances = {
        instance.uuid: instance for instance in
        objects.InstanceList.get_by_host(
            context, nodename, expected_attrs=['flavor', 'system_metadata'])}
    flavors = {uuid: ([instance.flavor], [], [])
               for uuid, instance in instances.items()}
    migrations = objects.MigrationList.get_in_progress_by_host_and_node(
        context, nodename, nodename)
    instances.update(_find_others(context, migrations, instances))
    for migration in migrations:
        instance = instances.get(migration.instance_uuid)
        if instance is not None:
            flavors[instance.uuid] = _move_flavors(instance, migration,
                                                   nodename)
    return [describe(system, nodename, instances[uuid], stays, comes, asks)
            for uuid, (stays, comes, asks) in flavors.items()
            if stays + comes + asks]


def _find_others(context, migrations, instances):
    """Return servers on other hosts that move from or to this host."""
    uuids = sorted({migration.instance_uuid
                    for migration in migrations} - set(instances))
    if not uuids:
        return {}
    return {instance.uuid: instance for instance in
            objects.InstanceList.get_by_filters(
                context, {'uuid': uuids, 'deleted': False},
                expected_attrs=['flavor', 'system_metadata'])}


def _move_flavors(instance, migration, nodename):
    """Return the flavors that a moving server was granted on a host.

    :returns: three lists: the flavors that the server has, the flavors that
        it will have, and the flavors whose allocations Nova has not passed to
        the driver of this host yet.
    """
    stays, comes, asks = [], [], []
    if migration.source_compute == nodename and (
            migration.migration_type != fields.MigrationType.EVACUATION):
        stays.append(instance.old_flavor or instance.flavor)
    if migration.dest_compute == nodename:
        is_on_target = (migration.status not in
                        migration_status.NOT_ON_TARGET)
        (comes if is_on_target else asks).append(
            instance.new_flavor or instance.flavor)
    return stays, comes, asks


def describe(system, nodename, instance, stays, comes=(), asks=()):
    """Return what a server was granted on a host, and what it uses there.

    :param system: System wrapper of the host.
    :param nodename: str, Nova's name of the host.
    :param instance: nova.objects.Instance
    :param stays: list of nova.objects.Flavor that the server has.
    :param comes: list of flavors that a running move gives it.
    :param asks: list of flavors that a move will give it later.
    :returns: Server
    """
    metadata = instance.system_metadata
    flavors = [*stays, *comes, *asks]
    found = []
    for flavor in stays:
        found.append(_kept(metadata, nodename, flavor) or _asked(
            flavor, metadata, is_new=not instance.launched_at))
    for flavor in comes:
        found.append(_kept(metadata, nodename, flavor) or _asked(
            flavor, metadata, is_new=True))
    found.extend(_asked(flavor, metadata, is_new=True) for flavor in asks)
    resources = {}
    for name in (orc.VCPU, orc.PCPU, orc.MEMORY_MB):
        amounts = [granted[name] for granted in found if name in granted]
        if amounts:
            resources[name] = sum(amounts)
    disks = [_disks(flavor, granted)
             for flavor, granted in zip(flavors, found)]
    sizes = [lpar_sizes.flavor_size(system, flavor, metadata)
             for flavor in flavors]
    # Once a resize has ended, the LPAR has its new size.
    is_resized = instance.vm_state == vm_states.RESIZED
    return Server(instance, flavors, vm.get_lpar_uuid(instance), resources,
                  Disks(max(disk.boot for disk in disks),
                        max(disk.blank for disk in disks),
                        sum(disk.total for disk in disks)),
                  sizes[-1] if is_resized else _each(min, sizes),
                  _each(max, sizes))


def _each(choose, sizes):
    """Return the minimum or the maximum of each part of some sizes."""
    return lpar_sizes.LparSize(*map(choose, zip(*sizes)))


def _asked(flavor, metadata, is_new):
    """Return what Nova asks placement for, if it is not stored, as a dict.

    :param is_new: bool, whether this version of the driver got the
        allocation. If nothing is known, assume that placement granted
        processors as the policy says.
    """
    is_pinned = is_new and cpu_policy.is_dedicated(flavor, metadata)
    spec = objects.RequestSpec(flavor=flavor, is_bfv=False)
    if is_pinned:
        spec.image = objects.ImageMeta(properties=objects.ImageMetaProps(
            hw_cpu_policy=fields.CPUAllocationPolicy.DEDICATED))
    try:
        return scheduler_utils.ResourceRequest.from_request_spec(
            spec, enable_pinning_translate=is_pinned).merged_resources()
    except (nova_exc.NovaException, ValueError):
        # Nova never asked placement for such a flavor.
        return {orc.PCPU if is_pinned else orc.VCPU: flavor.vcpus,
                orc.MEMORY_MB: flavor.memory_mb}


def _disks(flavor, granted):
    """Return the disk space that a server with a flavor was granted.

    If the flavor asks for another amount than the size of its disks, nobody
    knows which part belongs to which disk. Otherwise nothing is for the boot
    disk if the server boots from a volume, or if the flavor leaves the size of
    the boot disk to the image.
    """
    blank = flavor.ephemeral_gb + math.ceil(flavor.swap / 1024)
    total = granted.get(orc.DISK_GB, 0)
    if total == flavor.root_gb + blank:
        return Disks(flavor.root_gb, blank, total)
    return Disks(total, total, total)


def total(servers, name):
    """Return the sum of what servers were granted of a resource class."""
    return sum(server.resources.get(name, 0) for server in servers)


def taken(sizes):
    """Return the sum of LparSizes.

    :returns: lpar_sizes.LparSize
    """
    sizes = list(sizes)
    return lpar_sizes.LparSize(
        sum(size.memory_mb for size in sizes),
        math.fsum(size.units for size in sizes),
        sum(size.dedicated for size in sizes))
