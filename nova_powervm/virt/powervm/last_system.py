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

"""Compare the managed system with that of the last start of nova-compute.

With a wrong ``managed_system``, or with those of two hosts swapped, a host
would take all its servers for lost: Nova would delete one, and its LPAR would
run on. So Nova stores with the host which system it has. If that has changed,
or if Nova has stored none yet, the LPARs decide whose system it is.
"""

from oslo_log import log as logging

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import system_identity
from nova_powervm.virt.powervm import system_lpars
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


def check(host, snapshot):
    """Refuse a system that has the servers of another host, or not our own.

    If this is the system of the last start, it sends no request, and none to a
    NovaLink whose last start is not known. Otherwise it needs the LPARs, which
    each start reads, and all systems of an HMC (1 request) if few of the
    servers of this host have an LPAR here.

    :param host: the owner of the REST connection (host.Host), connected.
    :param snapshot: cleanup.platform_snapshot.PlatformSnapshot
    :raises InvalidOption: if another system of the HMC has more of the servers
        of this host, or if most servers here are those of other hosts.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    last_uuid = system_identity.stored(host.nodename).system
    is_same = last_uuid == host.system_uuid.lower()
    if is_same or not (last_uuid or host.is_hmc):
        return
    servers = {vm.get_lpar_uuid(instance) for instance in snapshot.instances
               if vm.was_made(instance)}
    here = servers & {lpar_w.uuid.upper() for lpar_w in snapshot.lpars}
    if last_uuid:
        LOG.warning(
            'At the last start this host had system %(last)s, now it has '
            '%(name)s (%(now)s), with the LPARs of %(here)d of its %(all)d '
            'servers.', {
                'last': last_uuid, 'name': host.system.system_name,
                'now': host.system_uuid, 'here': len(here),
                'all': len(servers)})
    if host.is_hmc:
        _check_other_systems(host, servers, here)
    _check_other_hosts(snapshot.others(), here)


def _check_other_systems(host, servers, here):
    """Refuse if another system of the HMC has more of our servers."""
    if len(servers) <= 2 * len(here):
        return
    for system in host.systems():
        there = servers & system_lpars.listed(system)
        if system.uuid != host.system_uuid and len(there) > len(here):
            raise _refusal(
                'of %d servers of this host it has %d, but system %s (%s) has '
                '%d' % (len(servers), len(here), system.system_name,
                        system.mtms.mtms_str, len(there)))


def _check_other_hosts(others, here):
    """Refuse if there are more servers of other hosts than of this one."""
    if len(others) > len(here):
        raise _refusal(
            'of the servers there Nova has %d on other hosts, as on %s, and '
            '%d on this one' % (len(others), others[0].host, len(here)))


def _refusal(reason):
    option = 'managed_system' if CONF.powervm.managed_system else 'rest_host'
    value = getattr(CONF.powervm, option)
    return exception.InvalidOption(
        option=option, reason=reason,
        value=value if isinstance(value, str) else ', '.join(value))
