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

"""Create the WWPNs of a server for its Fibre Channel adapters."""

from nova.compute import task_states
from nova import objects
from oslo_concurrency import lockutils
from pypowervm.tasks import vfc_mapper

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import npiv_ports

CONF = cfg.CONF

# The platform makes no more WWPN pairs at a time (source: pypowervm).
_MAX_PAIRS = 8
_MOVING = (task_states.RESIZE_MIGRATING, task_states.RESIZE_MIGRATED,
           task_states.RESIZE_FINISH, task_states.RESIZE_REVERTING)
# An evacuation is a rebuild on another host.
_REBUILDS = (task_states.REBUILDING, task_states.REBUILD_BLOCK_DEVICE_MAPPING,
             task_states.REBUILD_SPAWNING)


def is_moving(instance):
    """Return whether Nova moves an instance to another host, or back."""
    return instance.task_state in _MOVING


def is_coming(host, instance):
    """Return whether a running server is being migrated to a host.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    """
    return (instance.task_state == task_states.MIGRATING and
            instance.host not in (None, host.nodename))


def wwpns(host, instance):
    """Return the WWPN by which each adapter logs on; create missing WWPNs.

    It is the first one of each pair, and on the target of a live migration
    the second one. Needs 4 requests the first time, then none.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance; other objects have no WWPNs.
    :returns: list of str
    :raises FabricPortNotFound: if a fabric has no port.
    """
    if not isinstance(instance, objects.Instance):
        return []
    if is_coming(host, instance):
        return [adapter.wwpns[1] for fabric in fabrics.known_to(instance)
                for adapter in fabrics.adapters(instance, fabric)]
    with lockutils.lock('npiv_%s' % instance.uuid):
        if _missing(host, instance):
            fabrics.refresh(instance)
        missing = _missing(host, instance)
        if missing and instance.task_state != task_states.DELETING:
            _make_wwpns(host, instance, missing)
        return [adapter.wwpns[0] for fabric in fabrics.names()
                for adapter in fabrics.adapters(instance, fabric)]


def check(host, instance):
    """Check that a host has ports for the adapters that a server lacks here.

    Create no WWPNs: the server may yet stay on its old host with those that it
    has, to which its volumes are exported. Needs 1 request, or none.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :raises FabricPortNotFound: if a fabric has no port.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    missing = _missing(host, instance)
    if missing:
        _choose_ports(host, instance, missing)


def _missing(host, instance):
    """Return the fabrics in which a server has no WWPNs for a host: list."""
    if _are_elsewhere(host, instance):
        return list(fabrics.names())
    return [fabric for fabric in fabrics.names()
            if not fabrics.adapters(instance, fabric)]


def _are_elsewhere(host, instance):
    """Return whether another host may have a server's WWPNs on adapters.

    In a migration it does not, because the source removes its adapters first.
    """
    if is_moving(instance):
        return False
    nodename = fabrics.host_of(instance)
    if nodename is not None:
        return nodename != host.nodename
    # An earlier version, which did not store the host, connected it.
    return (instance.task_state in _REBUILDS and
            instance.host not in (None, host.nodename) and
            any(fabrics.state(instance, fabric) == fabrics.MAPPED
                for fabric in fabrics.known_to(instance)))


def _make_wwpns(host, instance, missing):
    """Let the platform create WWPNs for a server, and save them with it.

    They replace the WWPNs that it may have in these fabrics.

    :param missing: list of the fabrics in which it has none for this host.
    :raises FabricPortNotFound: if a fabric has no port. Then none were
        created.
    """
    chosen = _choose_ports(host, instance, missing)
    adapters = {fabric: [] for fabric in missing}
    for (fabric, port), wwpns in zip(chosen, _next_wwpns(host, len(chosen))):
        adapters[fabric].append(fabrics.Adapter(port, wwpns))
    if _are_elsewhere(host, instance):
        fabrics.forget(instance)
    for fabric in missing:
        fabrics.set_adapters(instance, fabric, adapters[fabric])
        fabrics.set_state(instance, fabric, fabrics.UNMAPPED)
    server_notes.save(instance)


def _choose_ports(host, instance, missing):
    """Choose ports for the adapters that a server lacks (1 request).

    :param missing: list of the fabrics in which it has none for this host.
    :returns: list of (fabric, WWPN of a port), one for each adapter.
    :raises FabricPortNotFound: if a fabric has no port.
    """
    ports = npiv_ports.Ports(host.active_vioses([vios_mappings.FC_MAPPING]))
    for fabric in fabrics.names():
        if fabric not in missing:
            for adapter in fabrics.adapters(instance, fabric):
                ports.use(adapter.port)
    return [(fabric, ports.choose(fabric)[1]) for fabric in missing
            for _number in range(CONF.powervm.ports_per_fabric)]


def _next_wwpns(host, count):
    """Let the platform create pairs of WWPNs: list of tuples of str."""
    made = []
    for first in range(0, count, _MAX_PAIRS):
        made += vfc_mapper.build_wwpn_pair(
            host.adapter, host.system_uuid,
            pair_count=min(_MAX_PAIRS, count - first))
    return list(zip(made[::2], made[1::2]))
