# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The move of the partition itself, and of all that hangs on it."""

import functools

from nova_powervm.simulator.resources import lpar as lpars
from nova_powervm.simulator.resources import partition

#: Detail of the events of a partition.
DETAIL = 'PartitionState,ReferenceCode'

#: What the partition on the target has from the beginning.
_SETTINGS = ('type', 'availability_priority', 'compatibility_mode', 'keylock',
             'boot_mode', 'perf_collection', 'secure_boot', 'remote_restart',
             'ipl_source', 'tagged_io', 'restricted_io')
#: What the running system is made of: it is in one place only.
_GUEST = ('boot_time', 'boot', 'has_dumped', 'nvram', 'os_version', 'rmc_ip')


def systems_changed(migration):
    """Tell the clients that the systems have other counters or resources."""
    migration.source.system.touch('Other')
    migration.target.system.touch('Other')


def vioses_changed(vioses):
    """Tell the clients that VIOSes have other mappings."""
    for vios in vioses:
        vios.touch('VirtualSCSIMappings,VirtualFibreChannelMappings')


def make_arrival(migration, plan):
    """Make the partition on the target, with its adapters.

    :param plan: refusals.Plan
    :raises errors.Refused: when that is not possible any more; nothing is
        left of it then
    """
    old = migration.lpar
    lpar = lpars.LogicalPartition(
        migration.target, old.uuid, old.name, plan.partition_id,
        plan.memory, plan.processors, old.type, old.max_slots)
    for name in _SETTINGS:
        setattr(lpar, name, getattr(old, name))
    lpar.current_mode = old.running_mode
    lpar.partition_state = partition.MIGRATING_OFF
    migration.target.add(lpar)
    migration.arrival = lpar
    try:
        # First those that want a certain slot of a VIOS.
        for item in sorted(plan.adapters, key=lambda item: (
                item.server_slot is None, item.slot)):
            item.make(lpar)
    except Exception:
        migration.arrival = None
        remove(lpar)
        raise
    # Adapters that are made cannot see a partition that cannot change.
    lpar.migration = migration
    vioses_changed(vioses_of(lpar))
    migration.leaks = [leak for item in plan.adapters
                       for leak in item.leaks()]
    migration.target.system.touch('Other')


def switch(migration):
    """Let the partition run on the target instead of the source.

    A virtual terminal that is open on the source is closed (assumed, no
    hardware).
    """
    old, new = migration.lpar, migration.arrival
    old.console.close()
    for name in _GUEST:
        setattr(new, name, getattr(old, name))
    old.boot_time = None
    old.boot = None
    old.os_version = 'Unknown'
    old.rmc = 'inactive'
    migration.switched = True
    old.set_state(partition.MIGRATING_OFF, DETAIL)
    new.set_state(partition.RUNNING, DETAIL)


def settle(lpar):
    """Let a partition that has arrived begin its life on the target.

    Its RMC connection comes up as after a boot (assumed, no hardware).
    """
    lpar.touch(DETAIL)
    lpar.touch('NVRAM')
    site = lpar.host.site
    if lpar.is_ibmi:
        lpar.set_rmc('none')
        return
    site.clock.after(site.timing['rmc_seconds'],
                     functools.partial(_rmc_up, lpar, lpar.boot_time))


def _rmc_up(lpar, boot):
    if lpar.boot_time == boot and lpar.is_on and lpar.migration is None:
        lpar.set_rmc('active')


def adapters_of(lpar):
    """Return the virtual SCSI buses and Fibre Channel mappings of one."""
    return [pair for pair in lpar.slots.values()
            if getattr(pair, 'client', None) is lpar]


def vioses_of(lpar):
    """Return the list of the VIOSes that serve a partition."""
    return list(dict.fromkeys(pair.vios for pair in adapters_of(lpar)))


def check_removable(lpar):
    """Refuse to remove a partition while a VIOS of it is down.

    :raises errors.Refused:
    """
    for vios in vioses_of(lpar):
        vios.check_serving()


def remove(lpar, force=False):
    """Take a partition off a host, with its adapters on the VIOSes.

    :param force: bool, whether to leave orphans on a VIOS that is down
    :returns: list of the VirtualIOServers that have changed
    """
    host = lpar.host
    vioses = vioses_of(lpar)
    for pair in adapters_of(lpar):
        if force and not pair.vios.is_serving:
            pair.orphan()
        else:
            pair.discard()
    lpar.partition_state = partition.OFF
    lpar.boot_time = None
    host.remove(lpar)
    return vioses
