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

"""Diagnostics of a server, as the platform reports them.

Values that the platform does not report are missing or None. Nova asks for
servers that run. For others the platform reports less.
"""

import typing

from nova.compute import power_state
from nova import context as nova_context
from nova import objects
from nova.objects import diagnostics as nova_diagnostics
from nova.objects import fields
from nova.virt import configdrive
from oslo_log import log as logging
from oslo_serialization import jsonutils
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm import util as pvm_util
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import metrics
from nova_powervm.virt.powervm import power_states
from nova_powervm.virt.powervm import size
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.vif import driver as vif_driver
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import fibre_channel

LOG = logging.getLogger(__name__)

#: The schema of Nova's API has no value for PowerVM, and accepts only the
#: names of Nova's own drivers (nova.objects.fields.HypervisorDriver).
DRIVER = fields.HypervisorDriver.LIBVIRT
HYPERVISOR = fields.HVType.PHYP

_MAPPINGS = [pvm_const.XAG.VIO_SMAP, pvm_const.XAG.VIO_FMAP]
_UPTIME = 'Uptime'
_NO_COUNTERS = (None,) * 4
_TRAFFIC_SUFFIXES = ('_rx', '_rx_packets', '_tx', '_tx_packets')
_IO_SUFFIXES = ('_read', '_read_req', '_write', '_write_req')


class Nic(typing.NamedTuple):
    """A network adapter.

    :ivar mac: str, with colons
    :ivar traffic: metrics.Traffic
    """

    mac: str
    traffic: metrics.Traffic


class Adapter(typing.NamedTuple):
    """A storage adapter: one of a VIOS and one of the LPAR.

    :ivar name: str, the names of the VIOS and its adapter, as in vios1_vhost3
    :ivar disks: frozenset of identifiers of the disks on it; empty for Fibre
        Channel, because the platform does not know these disks
    :ivar io: metrics.IO
    """

    name: str
    disks: frozenset
    io: metrics.IO


class Known(typing.NamedTuple):
    """The known values of a server.

    :ivar state: nova.compute.power_state
    :ivar lpar_w: LPAR wrapper
    :ivar uptime: int seconds, or None
    :ivar num_cpus: int, virtual or dedicated processors of the LPAR, or of the
        flavor if the platform does not report them
    :ivar memory: int MiB of the LPAR, or of the flavor
    :ivar metrics: metrics.Metrics
    :ivar nics: list of Nic; None if the platform does not report them
    :ivar scsi: list of Adapter; None if the platform does not report them
    :ivar fibre_channel: list of Adapter; None if the platform does not report
        them
    :ivar num_npiv: int, volumes on fibre_channel, by Nova's records
    :ivar num_recorded: int, all disks, by Nova's records
    """

    state: int
    lpar_w: object
    uptime: int | None
    num_cpus: int
    memory: int
    metrics: metrics.Metrics
    nics: list | None
    scsi: list | None
    fibre_channel: list | None
    num_npiv: int
    num_recorded: int


def collect(host, instance):
    """Collect the known values of a server (3 requests, metrics.read()).

    :param host: the Host.
    :param instance: nova.objects.Instance
    :returns: Known
    :raises nova.exception.InstanceNotFound: if it has no LPAR here.
    :raises pypowervm.exceptions.Error: if the LPAR cannot be read.
    """
    lpar_w = vm.get_instance_wrapper(host, instance)
    state = power_states.nova_state(lpar_w.state)
    is_on = state not in (power_state.SHUTDOWN, power_state.NOSTATE)
    with answers.understood('LPAR %s' % lpar_w.uuid):
        size_now = size.read(lpar_w)
        memory = ((is_on and lpar_w.mem_config.current) or size_now['mem'] or
                  instance.flavor.memory_mb)
    counted = (metrics.read(host, lpar_w.uuid) if is_on
               else metrics.Metrics())
    scsi, fibre_channel = _ask(instance, 'mappings', _adapters, host,
                               lpar_w.uuid, counted) or (None, None)
    return Known(
        state=state, lpar_w=lpar_w, memory=memory, metrics=counted,
        num_cpus=size_now['vcpu'] or instance.flavor.vcpus,
        uptime=_uptime(lpar_w) if is_on else None,
        nics=_ask(instance, 'network adapters', _nics, host, instance,
                  counted),
        scsi=scsi, fibre_channel=fibre_channel,
        **_recorded_disks(instance))


def _ask(instance, what, func, *args):
    """Read an optional part of the answer; return None if this fails."""
    try:
        with answers.understood(what):
            return func(*args)
    except pvm_exc.Error as exc:
        LOG.warning('The diagnostics lack the %(what)s: %(error)s',
                    {'what': what, 'error': exc}, instance=instance)
        return None


def _uptime(lpar_w):
    """Return the seconds since the start of an LPAR that is on, or None.

    The value of an LPAR that is off may be old (source: capture lpar.txt of
    pypowervm, an LPAR that is not activated). Older Power servers do not have
    the element.
    """
    if lpar_w.element.find(_UPTIME) is None:
        return None
    return lpar_w.uptime


def _nics(host, instance, counted):
    """Return the network adapters of an LPAR: list of Nic.

    1 request, and 1 more if it has ports that are vNICs.
    """
    types = dict.fromkeys((vif_driver.CLIENT_ADAPTER, *vif.adapter_types(
        instance.get_network_info() or ())))
    return [Nic(_mac(nic.mac), counted.traffic.get(
        nic.slot, metrics.Traffic(*_NO_COUNTERS)))
        for nic in vif_driver.read_adapters(host, instance, types)]


def _mac(digits):
    """Return a MAC address as Nova writes it."""
    return ':'.join(digits[at:at + 2] for at in range(0, 12, 2)).lower()


def _adapters(host, lpar_uuid, counted):
    """Return the storage adapters of an LPAR (1 request).

    :returns: (list of Adapter by virtual SCSI, list by Fibre Channel).
    """
    scsi, fibre_channel = [], []
    for vios_w in host.vioses(_MAPPINGS, log_errors=False):
        scsi.extend(_scsi_adapters(vios_w, lpar_uuid, counted))
        for mapping in vios_w.vfc_mappings:
            if clients.is_client(mapping, lpar_uuid):
                fibre_channel.append(_fc_adapter(vios_w, mapping, counted))
    return scsi, fibre_channel


def _scsi_adapters(vios_w, lpar_uuid, counted):
    disks, names = {}, {}
    for mapping in vios_w.scsi_mappings:
        if clients.is_client(mapping, lpar_uuid):
            slot = mapping.server_adapter.vios_slot_num
            names[slot] = mapping.server_adapter.name
            disks.setdefault(slot, set()).update(_disks(vios_w, mapping))
    return [Adapter('%s_%s' % (vios_w.name, name), frozenset(disks[slot]),
                    counted.scsi.get((vios_w.id, slot),
                                     metrics.IO(*_NO_COUNTERS)))
            for slot, name in names.items()]


def _disks(vios_w, mapping):
    """Return a list with the identifier of a mapping's disk, or []."""
    storage = mapping.backing_storage
    if storage is None or isinstance(storage, pvm_stg.VOptMedia):
        return []
    return [storage.udid or (vios_w.uuid, storage.name)]


def _fc_adapter(vios_w, mapping, counted):
    client = mapping.client_adapter
    wwpns = [pvm_util.sanitize_wwpn_for_api(wwpn) for wwpn in
             (client.wwpns if client is not None else ())]
    found = [counted.fibre_channel[wwpn] for wwpn in wwpns
             if wwpn in counted.fibre_channel]
    return Adapter('%s_%s' % (vios_w.name, mapping.server_adapter.name),
                   frozenset(), _sum(found))


def _sum(counters):
    """Add IO of several paths; a value that is missing on one path is None."""
    return metrics.IO(*[
        None if None in values else sum(values)
        for values in (zip(*counters) if counters else ((None,),) * 4)])


def _recorded_disks(instance):
    """Count the disks in Nova's records, see Known (1 DB call)."""
    bdms = objects.BlockDeviceMappingList.get_by_instance_uuid(
        nova_context.get_admin_context(), instance.uuid)
    num_npiv = sum(bdm.is_volume and fibre_channel.strategy_of(
        instance, jsonutils.loads(bdm.connection_info or '{}') or {}) ==
        fibre_channel.NPIV for bdm in bdms)
    return {'num_npiv': num_npiv, 'num_recorded': len(bdms)}


# ---- in Nova's formats -----------------------------------------------------

def disks(known):
    """Return the counters of each disk.

    An adapter with several disks counts for all of them together, so the
    counters of each are unknown. The counters of a single disk include reads
    of a config drive on the same adapter.

    :param known: Known
    :returns: list of metrics.IO; None if the platform does not report disks.
    """
    if known.scsi is None:
        return None
    found = []
    names = {name: None for adapter in known.scsi
             for name in sorted(adapter.disks, key=str)}
    for name in names:
        paths = [adapter for adapter in known.scsi if name in adapter.disks]
        is_alone = all(len(path.disks) == 1 for path in paths)
        found.append(_sum([path.io for path in paths] if is_alone else []))
    npiv = [adapter.io for adapter in known.fibre_channel]
    return found + [_sum(npiv if known.num_npiv == 1 else [])
                    for _volume in range(known.num_npiv)]


def as_object(known, instance):
    """Convert the known values into Nova's object.

    The platform counts the time of all processors of a server together, so
    each processor gets an equal part. If the platform does not report
    adapters, use Nova's records, because the object cannot express an unknown
    number.

    :param known: Known
    :returns: nova.objects.diagnostics.Diagnostics
    """
    found = nova_diagnostics.Diagnostics(
        state=power_state.STATE_MAP[known.state], driver=DRIVER,
        hypervisor=HYPERVISOR, hypervisor_os=None, uptime=known.uptime,
        config_drive=bool(configdrive.required_by(instance)))
    found.memory_details = nova_diagnostics.MemoryDiagnostics(
        maximum=known.memory, used=_memory_used(known))
    time = known.metrics.cpu_time
    for number in range(known.num_cpus):
        found.add_cpu(id=number, time=None if time is None
                      else time // known.num_cpus)
    for nic in _recorded_nics(instance) if known.nics is None else known.nics:
        found.add_nic(mac_address=nic.mac, **nic.traffic._asdict())
    for io in ([_sum([])] * known.num_recorded if known.scsi is None
               else disks(known)):
        found.add_disk(**io._asdict())
    return found


def _recorded_nics(instance):
    """Return the ports of a server in Nova's records."""
    return [Nic(vif['address'], metrics.Traffic(*_NO_COUNTERS))
            for vif in instance.get_network_info() or ()]


def as_dict(known):
    """Convert the known values into a dict, for Nova's API before 2.48.

    :param known: Known
    :returns: dict of str -> int or str, without unknown values. The operator's
        guide lists the names.
    """
    lpar_w = known.lpar_w
    all_disks = disks(known)
    found = {
        'state': power_state.STATE_MAP[known.state], 'uptime': known.uptime,
        'lpar_id': lpar_w.id, 'lpar_name': lpar_w.name,
        'lpar_state': lpar_w.state, 'rmc_state': lpar_w.rmc_state,
        'reference_code': lpar_w.ref_code,
        'operating_system': lpar_w.operating_system,
        'num_cpus': known.num_cpus, 'cpu_time': known.metrics.cpu_time,
        'memory': known.memory, 'memory_used': _memory_used(known),
        'num_nics': None if known.nics is None else len(known.nics),
        'num_disks': None if all_disks is None else len(all_disks)}
    for nic in known.nics or ():
        for suffix, value in zip(_TRAFFIC_SUFFIXES, nic.traffic):
            found[nic.mac + suffix] = value
    for adapter in (known.scsi or []) + (known.fibre_channel or []):
        for suffix, value in zip(_IO_SUFFIXES, adapter.io):
            found[adapter.name + suffix] = value
    return {name: value for name, value in found.items() if value is not None}


def _memory_used(known):
    """Return the MiB that the guest uses; None if unknown."""
    percent = known.metrics.memory_used
    return None if percent is None else known.memory * percent // 100
