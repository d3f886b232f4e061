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

"""What placement and Nova are told of a host, beside what it has.

What it has comes from the simulator's own objects, not from what the driver
reads of them.
"""

from nova_powervm.tests.virt.powervm.walks import foreign

_GIB = 1024 ** 3
#: What the names of the LPARs of Nova's servers begin with: see settings.
_OUR_LPARS = 'server-'
#: The same of their disks, which leaves out cached images and foreign disks.
_OUR_DISKS = 'b_', 'e0_', 'r_', 's_'


def faults(cloud):
    """List what hosts offer and never have, as lines of text.

    :param cloud: cloud.Cloud
    """
    found = []
    for name, running in cloud.computes.items():
        limits = _everything(cloud, cloud.host_of(name))
        found += _exceeded(name, _inventory(running), limits)
        for node in running.rt.compute_nodes.values():
            found += _exceeded(name, {
                'VCPU': node.vcpus, 'MEMORY_MB': node.memory_mb,
                'DISK_GB': node.local_gb}, limits)
            for what, used, total in (
                    ('memory', node.memory_mb_used, node.memory_mb),
                    ('disk', node.local_gb_used, node.local_gb)):
                if used > total:
                    found.append('%s of %s: %d of %d are used' % (
                        what, name, used, total))
    return found


def free_space_faults(cloud):
    """List hosts that tell more free disk space than they have.

    They must have been asked just before. They may tell less: the pass of
    the periodic tasks deletes disks after it has told.

    :param cloud: cloud.Cloud
    """
    found = []
    for name, running in cloud.computes.items():
        free = _storage(cloud, cloud.host_of(name)).free / _GIB
        for node in running.rt.compute_nodes.values():
            if node.disk_available_least > free:
                found.append('%s says that %d GB of %.1f are free' % (
                    name, node.disk_available_least, free))
    return found


def excess(cloud):
    """List what placement would grant, and the host could not give.

    Placement must have been told just before.

    :param cloud: cloud.Cloud
    """
    found = []
    for name, running in cloud.computes.items():
        found += _exceeded(name, _inventory(running),
                           _left_for_nova(cloud, cloud.host_of(name)))
    return found


def _inventory(running):
    """What placement may grant: dict of resource class -> int."""
    found = {}
    tree = running.reportclient.tree
    for provider in tree.get_provider_uuids():
        for resource, record in tree.data(provider).inventory.items():
            found[resource] = record['total'] - record['reserved']
    return found


def _exceeded(name, told, limits):
    return ['%s offers %d %s of %d' % (name, told[resource], resource, limit)
            for resource, limit in limits.items()
            if told.get(resource, 0) > limit]


def _storage(cloud, host):
    """The shared pool's default tier, or the largest volume group by the name.

    :returns: object with capacity and free in bytes
    """
    if cloud.site.pools:
        return next(tier for tier in cloud.site.pools[0].tiers
                    if tier.is_default)
    wanted = cloud.platform.options['volume_group_name']
    return max((group for group in host.store.all('VolumeGroup')
                if group.name == wanted), key=lambda group: group.capacity)


def _everything(cloud, host):
    return {'VCPU': host.system.processors,
            'MEMORY_MB': host.system.memory_mb,
            'DISK_GB': _storage(cloud, host).capacity // _GIB}


def _left_for_nova(cloud, host):
    """What Nova's servers have, and what nobody has."""
    storage = _storage(cloud, host)
    if cloud.site.pools:
        disks = sum(unit.used for unit in storage.units
                    if unit.name.startswith(_OUR_DISKS) and
                    foreign.THEIRS not in unit.name)
    else:
        disks = sum(disk.size for name, disk in storage.disks.items()
                    if name.startswith(_OUR_DISKS) and
                    foreign.THEIRS not in name)
    memory = host.system.available_memory_mb + sum(
        lpar.memory.desired for lpar in host.store.all('LogicalPartition')
        if lpar.name.startswith(_OUR_LPARS))
    return {'MEMORY_MB': memory, 'DISK_GB': (storage.free + disks) // _GIB}
