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

"""The vNICs of a server that is migrated live.

The platform makes each backing device again, on a port of an SR-IOV adapter
of the target with the same label and the same switch mode, and chooses among
several (source: IBM Documentation; pypowervm knows no parameter for it). The
target makes sure that there are enough of them, and reserves none.
"""

import collections

from nova import exception as nova_exc
from pypowervm import util as pvm_util

from nova_powervm.virt.powervm import physical_ports
from nova_powervm.virt.powervm import sriov
from nova_powervm.virt.powervm import vif as powervm_vif
from nova_powervm.virt.powervm.vif import backing
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm import vm


def _refuse(reason, *args):
    raise nova_exc.MigrationPreCheckError(reason=reason % args)


def describe(host, instance):
    """Tell what the vNICs of a server need on another host.

    It takes 1 request, and none if the server has no such port.

    :param host: host.Host of the source.
    :param instance: nova.objects.Instance
    :returns: list of dict that JSON can tell, one for each vNIC.
    :raises nova.exception.MigrationPreCheckError: if one cannot be moved.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    if driver.VNIC not in powervm_vif.adapter_types(
            instance.get_network_info()):
        return []
    known = _networks(host.system)
    return [{'mac': vnic_w.mac, 'uuid': vnic_w.uuid,
             'devices': [_describe_device(vnic_w, device, known)
                         for device in vnic_w.back_devs]}
            for vnic_w in host.vnics(vm.get_lpar_uuid(instance))]


def _describe_device(vnic_w, device, known):
    label, switch_mode = known.get(
        (device.sriov_adap_id, device.pport_id), (None, None))
    if not label:
        _refuse('port %s of SR-IOV adapter %s, which backs vNIC %s, has no '
                'label: by it the platform finds one of the target',
                device.pport_id, device.sriov_adap_id, vnic_w.mac)
    return {
        'label': label, 'switch_mode': switch_mode,
        'capacity': physical_ports.capacity(device.capacity),
        'maximum': physical_ports.capacity(device.max_capacity),
        'vios': device.vios_href and pvm_util.get_req_path_uuid(
            device.vios_href, preserve_case=True),
        'logical_port': device.lport_href and pvm_util.get_req_path_uuid(
            device.lport_href, preserve_case=True)}


def _networks(system):
    """What the platform finds ports by: dict of ids -> (label, mode)."""
    config = system.asio_config
    if config.element is None:
        return {}
    return {(adapter.sriov_adap_id, port.port_id):
            (port.label, port.switch_mode)
            for adapter in config.sriov_adapters
            if adapter.sriov_adap_id is not None
            for port in adapter.phys_ports}


def check_room(host, vnics):
    """Refuse vNICs for which this host has no backing devices.

    It takes 1 request, 2 if the VIOSes are not known, none without vNICs.

    :param host: host.Host of the target.
    :param vnics: list, what describe() has returned on the source.
    :raises nova.exception.MigrationPreCheckError: names the label.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    if not vnics:
        return
    system = host.refresh_system()
    if not physical_ports.has_vnics(system):
        _refuse('the target system %s has no vNICs', system.system_name)
    if not physical_ports.fails_over(system) and any(
            len(vnic['devices']) > 1 for vnic in vnics):
        _refuse('the target system %s has no vNICs with several backing '
                'devices', system.system_name)
    known, ports = _networks(system), physical_ports.read(system)
    for vnic in vnics:
        ports = _take(host, vnic, ports, known, system.system_name)


def _take(host, vnic, ports, known, target):
    """Take what a vNIC needs of ports.

    :returns: list of physical_ports.Port, as they are then
    """
    groups = collections.defaultdict(list)
    for device in vnic['devices']:
        groups[device['label'], device['switch_mode']].append(device)
    taken = []
    for network, devices in groups.items():
        theirs = [port for port in ports if known[port.ids] == network]
        if len(theirs) < len(devices):
            _refuse('vNIC %s needs %d ports of SR-IOV adapters with the label '
                    '%s, and the target system %s has %d', vnic['mac'],
                    len(devices), network[0], target, len(theirs))
        taken += _choose(host, devices, theirs, network[0])
    return [port if port.ids not in dict(taken) else port._replace(
        used=port.used + 1,
        allocated=port.allocated + port.capacity(dict(taken)[port.ids]))
        for port in ports]


def _choose(host, devices, ports, label):
    """Choose ports with a label: list of (ids of the port, capacity)."""
    capacity = max(device['capacity'] or 1 for device in devices)
    most = [device['maximum'] for device in devices
            if (device['maximum'] or physical_ports.WHOLE) <
            physical_ports.WHOLE]
    need = backing.Need(physnet=label, count=len(devices), capacity=capacity,
                        maximum=min(most, default=None), claimed=None)
    try:
        chosen = backing.choose(
            need, [port._replace(physnet=label) for port in ports],
            host.sriov.vioses())
    except nova_exc.VirtualInterfacePlugException as exc:
        _refuse('%s', exc)
    return [(device.port.ids, capacity) for device in chosen]


def note_moved(host, instance, vnics):
    """Note the logical ports that the platform has freed with a move.

    If one stays, it is removed later, see vif.sriov (no request).

    :param host: host.Host of the source.
    :param vnics: list, what describe() has returned.
    """
    lpar_uuid = vm.get_lpar_uuid(instance)
    host.sriov.frees([
        sriov.LogicalPort(device['vios'], device['logical_port'],
                          vnic['mac'], lpar_uuid, vnic['uuid'])
        for vnic in vnics for device in vnic['devices']
        if device['vios'] and device['logical_port']])
