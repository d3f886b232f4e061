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

"""What a live migration needs for the processors of a server.

A shared processor pool has a number, which differs from host to host. So the
hosts tell each other its name.
"""

from nova import exception as nova_exc
from oslo_utils import strutils

#: Number of the pool that every system has; nothing has to be told of it.
DEFAULT_POOL = 0
_AFFINITY = 'powervm:enforce_affinity_check'


def find_pool_name(host, lpar_w):
    """Tell which pool the processors of an LPAR are from.

    It takes no request, and 1 for another pool than the default one.

    :param host: host.Host of the source.
    :param lpar_w: LPAR wrapper.
    :returns: str; None for the default pool, and for dedicated processors.
    :raises nova.exception.MigrationPreCheckError: if the pool is not listed.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    if lpar_w.proc_config.has_dedicated:
        return None
    pool_id = lpar_w.proc_config.shared_proc_cfg.pool_id
    if pool_id in (None, DEFAULT_POOL):
        return None
    for pool in host.processor_pools():
        if pool.id == pool_id:
            return pool.name
    raise nova_exc.MigrationPreCheckError(
        reason='system %s does not list shared processor pool %d, which the '
        'partition is in' % (host.system.system_name, pool_id))


def find_pool_id(host, name):
    """Find a pool of the target by its name (1 request, 0 without a name).

    :param host: host.Host of the target.
    :param name: str, or None for the default pool.
    :returns: int; None for the default pool.
    :raises nova.exception.MigrationPreCheckError: if there is none.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    if name is None:
        return None
    found = [pool.id for pool in host.processor_pools() if pool.name == name]
    if len(found) != 1:
        raise nova_exc.MigrationPreCheckError(
            reason='the target system %s has %d shared processor pools with '
            'the name %s' % (host.system.system_name, len(found), name))
    return found[0]


def wants_affinity(instance):
    """Whether the server may not get a worse affinity by a move, bool.

    The platform checks that (source: pypowervm's tasks.migration).
    """
    return strutils.bool_from_string(
        instance.flavor.extra_specs.get(_AFFINITY))


def check_affinity(instance, target):
    """Refuse a target that cannot check what the flavor wants (no request).

    :param target: dict, what checks.describe_target() has returned there.
    :raises nova.exception.MigrationPreCheckError:
    """
    if wants_affinity(instance) and not target['affinity_capable']:
        raise nova_exc.MigrationPreCheckError(
            reason='the target system %s cannot check the affinity of '
            'partitions, which the flavor wants (%s)' % (
                target['system'], _AFFINITY))
