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

"""What placement has granted Nova's servers of a host, and what they take.

A driver does not see allocations. So this computes them from Nova's servers
and moves, as Nova does when it makes them. If a server has dedicated
processors, it is kept with the server how they were granted: as PCPU, or as
VCPU. The latter is so for servers of a version that ignored hw:cpu_policy, and
for those made when placement had no PCPU to offer.
"""

import math
import typing

from nova.compute import vm_states
from nova import context as nova_context
from nova import objects
import os_resource_classes as orc

from nova_powervm.virt.powervm import cpu_policy
from nova_powervm.virt.powervm import lpar_sizes
from nova_powervm.virt.powervm import vm

# In system_metadata: the resource class of the processors.
_KEY = 'powervm_processors'


class Server(typing.NamedTuple):
    """What a server was granted here, and what it takes.

    A server that is being resized on its host was granted both sizes.

    :ivar instance: nova.objects.Instance
    :ivar flavors: list of nova.objects.Flavor, those that it was granted.
    :ivar pvm_uuid: str, UUID of its LPAR.
    :ivar resources: dict of resource class -> int, VCPU, PCPU and MEMORY_MB.
    :ivar has: lpar_sizes.LparSize, what its LPAR takes at least, if there is
        one.
    :ivar needs: lpar_sizes.LparSize, what it may come to take.
    """

    instance: typing.Any
    flavors: typing.List[typing.Any]
    pvm_uuid: str
    resources: typing.Dict[str, int]
    has: lpar_sizes.LparSize
    needs: lpar_sizes.LparSize


def note(instance, allocations):
    """Keep how the processors of a server are granted.

    Nothing is kept of a server whose policy gives it none of its own.

    :param instance: nova.objects.Instance, to be saved.
    :param allocations: dict as of ComputeDriver.spawn, or None.
    """
    if not cpu_policy.is_dedicated(instance.flavor,
                                   instance.system_metadata):
        return
    classes = {name for record in (allocations or {}).values()
               for name in record['resources']}
    for name in (orc.PCPU, orc.VCPU):
        if name in classes:
            instance.system_metadata[_KEY] = name
            instance.save()
            return


def find(system, nodename):
    """Find what servers were granted on a host (no request).

    :param system: System wrapper of the host.
    :param nodename: str, Nova's name of the host.
    :returns: list of Server.
    """
    context = nova_context.get_admin_context()
    instances = {
        instance.uuid: instance for instance in
        objects.InstanceList.get_by_host(
            context, nodename, expected_attrs=['flavor', 'system_metadata'])}
    flavors = {uuid: ([instance.flavor], [])
               for uuid, instance in instances.items()}
    migrations = objects.MigrationList.get_in_progress_by_host_and_node(
        context, nodename, nodename)
    instances.update(_find_others(context, migrations, instances))
    for migration in migrations:
        instance = instances.get(migration.instance_uuid)
        if instance is not None:
            flavors[instance.uuid] = _of_move(instance, migration, nodename)
    return [describe(system, instances[uuid], stays + comes, comes)
            for uuid, (stays, comes) in flavors.items() if stays + comes]


def _find_others(context, migrations, instances):
    """Servers that are on another host, and move from or to this one."""
    uuids = sorted({migration.instance_uuid
                    for migration in migrations} - set(instances))
    if not uuids:
        return {}
    return {instance.uuid: instance for instance in
            objects.InstanceList.get_by_filters(
                context, {'uuid': uuids, 'deleted': False},
                expected_attrs=['flavor', 'system_metadata'])}


def _of_move(instance, migration, nodename):
    """Flavors that a server was granted on a host, while it moves.

    :returns: list of those that it has, and of those that it is to have.
    """
    stays, comes = [], []
    if migration.source_compute == nodename and (
            migration.migration_type != 'evacuation'):
        stays.append(instance.old_flavor or instance.flavor)
    if migration.dest_compute == nodename:
        comes.append(instance.new_flavor or instance.flavor)
    return stays, comes


def describe(system, instance, flavors, comes=()):
    """Tell what a server was granted on a host, and takes there.

    :param system: System wrapper of the host.
    :param instance: nova.objects.Instance
    :param flavors: list of nova.objects.Flavor, those that it was granted.
    :param comes: list of those of them that a move is to give it.
    :returns: Server
    """
    metadata = instance.system_metadata
    sizes = [lpar_sizes.of_flavor(system, flavor, metadata)
             for flavor in flavors]
    resources = {}
    for flavor in flavors:
        is_new = not instance.launched_at or any(
            flavor is new for new in comes)
        for name, amount in (
                (_processor_class(flavor, metadata, is_new), flavor.vcpus),
                (orc.MEMORY_MB, flavor.memory_mb)):
            resources[name] = resources.get(name, 0) + _amount(
                flavor, name, amount)
    # Once a resize has ended, the LPAR has its new size.
    is_resized = instance.vm_state == vm_states.RESIZED
    return Server(instance, flavors, vm.get_pvm_uuid(instance), resources,
                  sizes[-1] if is_resized else _each(min, sizes),
                  _each(max, sizes))


def _each(choose, sizes):
    """The least or the most of each part of some sizes."""
    return lpar_sizes.LparSize(*map(choose, zip(*sizes)))


def _amount(flavor, name, amount):
    """What is asked of placement; a flavor can say something else."""
    try:
        return int(flavor.extra_specs.get('resources:' + name, amount))
    except ValueError:
        return amount


def _processor_class(flavor, metadata, is_new):
    """How the processors of a server are granted: PCPU or VCPU.

    :param is_new: bool, whether this version had placement grant it. If it is
        not known how, it was as the policy says.
    """
    if not cpu_policy.is_dedicated(flavor, metadata):
        return orc.VCPU
    return metadata.get(_KEY, orc.PCPU if is_new else orc.VCPU)


def total(servers, name):
    """Add up what servers were granted of a resource class."""
    return sum(server.resources.get(name, 0) for server in servers)


def taken(sizes):
    """Add up LparSizes.

    :returns: lpar_sizes.LparSize
    """
    sizes = list(sizes)
    return lpar_sizes.LparSize(
        sum(size.memory_mb for size in sizes),
        math.fsum(size.units for size in sizes),
        sum(size.dedicated for size in sizes))
