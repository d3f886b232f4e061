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

"""What the samples of the performance monitor (PCM) say.

The form is that of captures phyp_pcm_data.txt, vios_pcm_data.txt and
lpar_pcm_data.txt of pypowervm. Partitions do no work here, so the counters
are assumed: each of them grows steadily from the boot of its partition on, the
more the higher its slot is, so that no two adapters have the same.
"""

import time

from nova_powervm.simulator.resources import partition

#: Ticks of the time base in a second (source: capture phyp_pcm_data.txt).
FREQUENCY = 512000000
#: Shares of what a partition is entitled to: used, used beyond that by
#: uncapped partitions, and idle though used.
BUSY, BEYOND, IDLE = 0.1, 0.01, 0.02
#: Percent of the memory that guests with RMC leave free.
FREE, AVAILABLE = 61, 80
#: Bytes of a packet and of a request to a disk.
PACKET, BLOCK = 100, 4096

_MODES = {'capped': 'cap', 'uncapped': 'uncap'}
_TYPES = {'AIX/Linux': 'aixlinux', 'OS400': 'ibmi'}


def _stamp(at):
    return time.strftime('%Y-%m-%dT%H:%M:%S+0000', time.gmtime(at))


def running_seconds(part, at):
    """How long a partition has run at a time; 0 if it did not then.

    :param part: partition.Partition
    :param at: float seconds of the epoch
    """
    if part.boot_time is None or not part.is_on:
        return 0
    return max(0, int(at - part.boot_time))


def _info(host, version, **more):
    system = host.system
    return dict({'version': version, 'metricType': 'Raw',
                 'monitoringType': 'LTM', 'mtms': '%s-%s*%s' % (
                     system.machine_type, system.model, system.serial)},
                **more)


# ---- of the hypervisor -----------------------------------------------------

def phyp(host, since, at):
    """Make the sample of the hypervisor.

    :param host: host.Host
    :param since: float seconds of the epoch, when the monitor was turned on
    :param at: float seconds of the epoch, the time of the sample
    :returns: dict fit for JSON
    """
    system = host.system
    seconds = int(at - since)
    return {'systemUtil': {
        'utilInfo': _info(host, '1.3.0', name=system.name),
        'utilSample': {
            'timeStamp': _stamp(at), 'status': 0, 'errorInfo': [],
            # The system was up before.
            'timeBasedCycles': float((seconds + 864000) * FREQUENCY),
            'systemFirmware': {
                'utilizedProcCycles': seconds * FREQUENCY // 1000,
                'assignedMem': 4096},
            'processor': {
                'totalProcUnits': system.processors,
                'configurableProcUnits': system.processors,
                'availableProcUnits': round(system.available_units, 2),
                'procCyclesPerSecond': FREQUENCY},
            'memory': {'totalMem': system.memory_mb,
                       'availableMem': system.available_memory_mb,
                       'configurableMem': system.memory_mb},
            'sharedProcessorPool': [{
                'id': 0, 'name': 'DefaultPool',
                'assignedProcCycles': float(
                    seconds * FREQUENCY * system.processors),
                'utilizedPoolCycles': 0,
                'maxProcUnits': system.processors,
                'borrowedPoolProcUnits': 0}],
            'lparsUtil': [_lpar(lpar, at) for lpar in
                          host.store.all('LogicalPartition')],
            'viosUtil': [_vios_of_phyp(vios, at) for vios in
                         host.store.all('VirtualIOServer')]}}}


def _partition(part, at):
    return {'id': part.partition_id, 'uuid': part.uuid, 'name': part.name,
            'state': part.partition_state.title(),
            'affinityScore': part.host.system.affinity_score,
            'processor': _processor(part, running_seconds(part, at))}


def _processor(part, seconds):
    processors = part.processors
    units = processors.used_units
    entitled = int(units * seconds * FREQUENCY)
    is_uncapped = processors.sharing_mode == 'uncapped'
    found = {
        'mode': _MODES.get(processors.sharing_mode, 'share_idle_procs'),
        'maxVirtualProcessors': processors.desired, 'maxProcUnits': units,
        'entitledProcCycles': entitled,
        'utilizedCappedProcCycles': int(entitled * BUSY),
        'utilizedUnCappedProcCycles': int(
            entitled * BEYOND) if is_uncapped else 0,
        'idleProcCycles': int(entitled * IDLE), 'donatedProcCycles': 0,
        'timeSpentWaitingForDispatch': 0,
        'totalInstructions': int(entitled * BUSY),
        'totalInstructionsExecutionTime': int(entitled * BUSY)}
    if not processors.dedicated:
        found.update(poolId=processors.pool_id, weight=processors.weight)
    return found


def _lpar(lpar, at):
    found = _partition(lpar, at)
    found.update(type=_TYPES[lpar.type], memory={
        'logicalMem': lpar.memory.desired,
        'backedPhysicalMem': lpar.memory.desired})
    if lpar.is_on:
        # It is left out of others (source: capture phyp_pcm_data.txt).
        found.update(network=_network(lpar, at), storage=_storage(lpar))
    return found


def _vios_of_phyp(vios, at):
    return dict(_partition(vios, at), network=_network(vios, at),
                memory={'assignedMem': vios.memory.desired})


def _network(part, at):
    return {'virtualEthernetAdapters': [
        _ethernet(adapter, running_seconds(part, at)) for adapter in
        part.host.store.children(part, 'ClientNetworkAdapter')]}


def _ethernet(adapter, seconds):
    received, sent = adapter.slot * seconds, 2 * adapter.slot * seconds
    return {'vlanId': adapter.pvid, 'vswitchId': adapter.switch.switch_id,
            'physicalLocation': adapter.location(), 'isPortVLANID': True,
            'receivedPackets': received, 'sentPackets': sent,
            'droppedPackets': seconds // 100,
            'sentBytes': sent * PACKET, 'receivedBytes': received * PACKET,
            'receivedPhysicalPackets': 0, 'sentPhysicalPackets': 0,
            'droppedPhysicalPackets': 0, 'sentPhysicalBytes': 0,
            'receivedPhysicalBytes': 0}


def _storage(lpar):
    vioses = lpar.host.store.all('VirtualIOServer')
    return {
        'genericVirtualAdapters': [
            {'physicalLocation': lpar.host.location(lpar.partition_id,
                                                    bus.client_slot),
             'viosId': vios.partition_id,
             'viosAdapterSlotId': bus.server_slot}
            for vios in vioses for bus in vios.buses if bus.client is lpar],
        'virtualFiberChannelAdapters': [
            {'physicalLocation': lpar.host.location(lpar.partition_id,
                                                    mapping.client_slot),
             'viosId': vios.partition_id,
             'wwpnpair': [int(wwpn, 16) for wwpn in mapping.wwpns]}
            for vios in vioses for mapping in vios.fc_mappings
            if mapping.client is lpar]}


# ---- of a VIOS -------------------------------------------------------------

def vios(server, at):
    """Make the sample of a VIOS.

    :param server: vios.VirtualIOServer
    :param at: float seconds of the epoch, the time of the sample
    :returns: dict fit for JSON
    """
    return {'systemUtil': {
        'utilInfo': _info(server.host, '1.0.0'),
        'utilSample': {
            'timeStamp': _stamp(at), 'status': 0, 'errorInfo': [],
            'viosUtil': [{
                'id': str(server.partition_id), 'name': server.name,
                'memory': {'utilizedMem': server.memory.desired // 2},
                'storage': {
                    'fiberChannelAdapters': [
                        _fc_port(server, port, at)
                        for port in server.fc_ports],
                    'genericVirtualAdapters': [
                        dict(_io(bus, at), id=bus.name, type='virtual',
                             physicalLocation=server.host.location(
                                 server.partition_id, bus.server_slot))
                        for bus in server.buses]}}]}}}


def tells(server):
    """Whether a VIOS tells what it does: it runs, with RMC."""
    return (server.partition_state == partition.RUNNING and
            server.rmc == 'active')


def _io(pair, at):
    """Counters of a pair of virtual adapters."""
    seconds = running_seconds(pair.client, at) if pair.client else 0
    reads, writes = pair.server_slot * seconds, 2 * pair.server_slot * seconds
    return {'numOfReads': reads, 'numOfWrites': writes,
            'readBytes': reads * BLOCK, 'writeBytes': writes * BLOCK}


def _fc_port(server, port, at):
    there = [mapping for mapping in server.fc_mappings
             if mapping.port is port and mapping.client is not None]
    counters = [_io(mapping, at) for mapping in there]
    return dict(
        {name: sum(found[name] for found in counters)
         for name in ('numOfReads', 'numOfWrites', 'readBytes',
                      'writeBytes')},
        id=port.name, wwpn=port.wwpn.lower(), runningSpeed=8,
        physicalLocation=port.location,
        ports=[dict(found, id=mapping.name, runningSpeed=8,
                    wwpn=mapping.wwpns[0].lower(),
                    physicalLocation=server.host.location(
                        server.partition_id, mapping.server_slot))
               for mapping, found in zip(there, counters)])


# ---- of the guests ---------------------------------------------------------

def guests(host, at):
    """Make the sample of what guests tell through RMC.

    :param host: host.Host
    :param at: float seconds of the epoch, the time of the sample
    :returns: dict fit for JSON
    """
    return {'lparUtil': [_guest(lpar, at) for lpar in
                         host.store.all('LogicalPartition')]}


def _guest(lpar, at):
    found = {'uuid': lpar.uuid, 'id': str(lpar.partition_id),
             'name': lpar.name, 'timeStamp': None}
    if lpar.partition_state != partition.RUNNING:
        return dict(found, errorInfo={
            'errorId': '6001',
            'message': 'Lpar is not in running state on Managed System'})
    if lpar.rmc != 'active':
        return dict(found, errorInfo={
            'errorId': '6003', 'message': 'RMC is INACTIVE on lpar'})
    return dict(found, timeStamp=time.strftime(
        '%Y%m%dT%H%M%S+0000', time.gmtime(at)), memory={
            'pctRealMemAvbl': AVAILABLE, 'totalPgSpSizeCount': 1024,
            'totalPgSpFreeCount': 512, 'vmActivePgCount': 64,
            'realMemSizeBytes': lpar.memory.desired << 20,
            'pctRealMemFree': FREE, 'vmPgInRate': 0, 'vmPgOutRate': 25,
            'vmPgSpInRate': 0, 'vmPgSpOutRate': 0})
