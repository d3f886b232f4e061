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

"""What the platform checks before it migrates a partition, in its order.

The order, and all codes but HSCLA319, are assumed, no hardware.
"""

import dataclasses

from nova_powervm.simulator import errors
from nova_powervm.simulator.migration import choice
from nova_powervm.simulator.migration import fc
from nova_powervm.simulator.migration import network
from nova_powervm.simulator.migration import parameters
from nova_powervm.simulator.migration import record
from nova_powervm.simulator.migration import scsi
from nova_powervm.simulator.migration import vnic
from nova_powervm.simulator.resources import management_console
from nova_powervm.simulator.resources import partition

#: The user that a NovaLink logs on as at another one.
_USER = 'wlp'
_ACTIVE_CAPABLE = 'ActiveLogicalPartitionMobilityCapable'
_IBMI_CAPABLE = 'IBMiLogicalPartitionMobilityCapable'


class Plan:
    """What is to be made on the target.

    :ivar partition_id: int
    :ivar memory: partition_config.Memory
    :ivar processors: partition_config.Processors
    :ivar adapters: list of items with slot, server_slot, make() and leaks()
    """

    def __init__(self, migration):
        self.memory = migration.lpar.memory
        self.processors = migration.lpar.processors
        if migration.wanted.pool_id is not None:
            self.processors = dataclasses.replace(
                self.processors, pool_id=migration.wanted.pool_id)
        self.partition_id = migration.lpar.partition_id
        self.adapters = []


def begin(job):
    """Check what is known when a client submits the job.

    :param job: jobs.Job for a LogicalPartition
    :returns: record.Migration
    :raises errors.Refused:
    """
    wanted = parameters.Parameters(job.parameters, job.host.endpoint.is_hmc)
    migration = record.Migration(job, wanted, _find_target(job.host, wanted))
    for check_one in _AT_SUBMIT:
        check_one(migration)
    return migration


def check(migration):
    """Check everything else, which the platform does after a while.

    :returns: Plan
    :raises errors.RestError: to refuse
    """
    plan = Plan(migration)
    for check_one in _BEFORE_MOVE:
        check_one(migration, plan)
    return plan


# -- when it is submitted ---------------------------------------------------

def _find_target(source, wanted):
    for host in source.site.hosts:
        if host.system.name == wanted.system:
            break
    else:
        raise errors.Refused('System %s is not known to %s' % (
            wanted.system or 'without a name', source.system.name))
    if host is source:
        raise errors.Refused('The target system %s is the same as the source' %
                             wanted.system)
    return host


def _console(host):
    console, = host.endpoint.all(management_console.ManagementConsole.TYPE)
    return console


def _share_hmc(migration):
    """Whether one HMC manages both systems: then nobody has to log on.

    Assumed, no hardware: it does not look at the address and the user.
    """
    endpoint = migration.source.endpoint
    return endpoint.is_hmc and endpoint is migration.target.endpoint


def _check_address(migration):
    if _share_hmc(migration):
        return
    wanted, console = migration.wanted, _console(migration.target)
    if not wanted.address or wanted.user != _USER or (
            console.addresses and wanted.address not in console.addresses):
        raise errors.Refused('Cannot connect to the management console %s@%s' %
                             (wanted.user or '', wanted.address or ''))


def _check_key(migration):
    if _share_hmc(migration):
        return
    if not _console(migration.target).lets_in(_console(migration.source)):
        raise errors.Refused(
            'Public key authentication was refused for %s@%s: the key of %s '
            'is not authorized there' % (
                _USER, migration.wanted.address, migration.source.name))


def _check_capable(migration):
    for host in (migration.source, migration.target):
        if not host.system.capability(_ACTIVE_CAPABLE):
            raise errors.Refused('System %s is not capable of active '
                                 'migrations' % host.system.name)


def _check_limits(migration):
    migrations = migration.source.site.migrations
    for host in (migration.source, migration.target):
        limit = host.system.spec['migration']['max_active']
        if migrations.count(host) >= limit:
            raise errors.Refused(
                'The limit of %d active migrations of system %s is reached' % (
                    limit, host.system.name))
    chosen = []
    for host, addresses in _movers_wanted(migration):
        found = _movers(host, addresses)
        free = [vios for vios in found
                if migrations.moved_by(vios) < vios.mover_max]
        if found and not free:
            raise errors.Refused(
                'The limit of the mover service partitions of system %s is '
                'reached' % host.system.name)
        chosen += sorted(free, key=lambda vios: (
            migrations.moved_by(vios), vios.partition_id))[:1]
    migration.movers = tuple(chosen)


def _movers_wanted(migration):
    return ((migration.source, migration.wanted.source_movers),
            (migration.target, migration.wanted.target_movers))


def _movers(host, addresses=()):
    """Return the list of the VIOSes that can move, at certain addresses."""
    return [vios for vios in choice.vioses(host) if vios.mover and (
        not addresses or not set(addresses).isdisjoint(
            vios.mover_addresses))]


def _check_kind(migration):
    if migration.lpar.is_management:
        raise errors.Refused('The management partition %s cannot be migrated' %
                             migration.lpar.name)


def check_state(migration, _plan=None):
    """Refuse a partition that does not run.

    :raises errors.Refused:
    """
    lpar = migration.lpar
    # Inactive migration is not modelled.
    if lpar.partition_state not in (partition.RUNNING,
                                    partition.MIGRATING_RUNNING):
        raise errors.Refused('Partition %s cannot be migrated: its state is '
                             '%s' % (lpar.name, lpar.partition_state))


def _check_idle(migration):
    lpar = migration.lpar
    if lpar.migration is not None:
        raise errors.Refused('Partition %s is migrating already: its '
                             'migration state is %s' % (lpar.name,
                                                        lpar.migration_state))


_AT_SUBMIT = (_check_address, _check_key, _check_capable, _check_limits,
              _check_kind, check_state, _check_idle)


# -- after a while ----------------------------------------------------------

def _check_rmc(migration, _plan):
    # source: pypowervm.wrappers.logical_partition, LPAR.can_lpm()
    lpar = migration.lpar
    if not lpar.is_ibmi and lpar.rmc != 'active':
        raise errors.Refused('The RMC connection of partition %s is %s' % (
            lpar.name, lpar.rmc))


def _check_ibmi(migration, _plan):
    if not migration.lpar.is_ibmi:
        return
    if not migration.lpar.restricted_io:
        raise errors.Refused('Partition %s has no restricted I/O' %
                             migration.lpar.name)
    for host in (migration.source, migration.target):
        if not host.system.capability(_IBMI_CAPABLE):
            raise errors.Refused('System %s is not capable of migrations of '
                                 'IBM i partitions' % host.system.name)


def _check_movers(migration, _plan):
    for host, addresses in _movers_wanted(migration):
        found = _movers(host, addresses)
        for address in addresses:
            if not any(address in vios.mover_addresses for vios in found):
                raise errors.Refused(
                    'System %s has no mover service partition with the '
                    'address %s' % (host.system.name, address))
        if not found:
            raise errors.Refused('System %s has no mover service partition '
                                 'that runs' % host.system.name)


def _check_names(migration, plan):
    lpar, target = migration.lpar, migration.target
    for other in target.partitions():
        if other.uuid == lpar.uuid:
            raise errors.Refused('A partition with the UUID %s exists on '
                                 'system %s' % (lpar.uuid, target.system.name))
    lpar.check_name(target, lpar.name)
    wanted = migration.wanted.partition_id
    taken = {other.partition_id for other in target.partitions()}
    if wanted is not None and (wanted < 1 or wanted in taken):
        raise errors.Refused('Partition ID %d is not free on system %s' % (
            wanted, target.system.name))
    plan.partition_id = wanted or plan.partition_id
    if plan.partition_id in taken:
        plan.partition_id = target.free_partition_id()


def _check_mode(migration, _plan):
    mode = migration.lpar.running_mode
    if mode not in migration.target.system.spec['compatibility_modes']:
        raise errors.Refused(
            'System %s does not support the processor compatibility mode %s '
            'of partition %s' % (migration.target.system.name, mode,
                                 migration.lpar.name))


def _check_resources(migration, plan):
    source, target = migration.source.system, migration.target.system
    if source.region_mb != target.region_mb:
        raise errors.Refused(
            'The memory region size of system %s is %d MB, that of system %s '
            'is %d MB' % (source.name, source.region_mb, target.name,
                          target.region_mb))
    target.check_resources(plan.memory, plan.processors)


def _check_affinity(migration, _plan):
    # source: pypowervm.tasks.migration
    source, target = migration.source.system, migration.target.system
    if (migration.wanted.checks_affinity and
            target.affinity_score < source.affinity_score):
        raise errors.Refused(
            'The affinity score of partition %s is %d, and would be %d on '
            'system %s' % (migration.lpar.name, source.affinity_score,
                           target.affinity_score, target.name))


def _check_pool(migration, plan):
    if plan.processors.dedicated:
        return
    pools = migration.target.store.all('SharedProcessorPool')
    if plan.processors.pool_id not in [0] + [pool.pool_id for pool in pools]:
        raise errors.Refused('System %s has no shared processor pool %d' % (
            migration.target.system.name, plan.processors.pool_id))


def _check_console(migration, _plan):
    lpar = migration.lpar
    if (migration.source.system.spec['migration']['closed_consoles'] and
            lpar.console.is_open):
        raise errors.Refused('Close the virtual terminal of partition %s' %
                             lpar.name)


def _plan_scsi(migration, plan):
    plan.adapters += scsi.plan(migration)


def _plan_fc(migration, plan):
    plan.adapters += fc.plan(migration)


def _plan_network(migration, plan):
    plan.adapters += network.plan(migration)


def _plan_vnics(migration, plan):
    plan.adapters += vnic.plan(migration)


_BEFORE_MOVE = (check_state, _check_rmc, _check_ibmi, _check_movers,
                _check_names, _check_mode, _check_resources, _check_affinity,
                _check_pool, _plan_scsi, _plan_fc, _plan_network, _plan_vnics,
                _check_console)
