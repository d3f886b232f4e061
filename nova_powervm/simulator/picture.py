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

"""What the page shows of a site, in few words for each object."""

_KIB = 1024
#: Bytes of a GiB, which sizes are in.
_GIB = _KIB ** 3


def draw(site):
    """Describe the hosts, VIOSes, partitions and pools of a site.

    The lock of the site must be held.

    :param site: site.Site
    :returns: dict of str -> dict fit for JSON: an object by its key, which
        stays the same as long as the object exists. ``type`` is host, vios,
        lpar, pool or san. Sizes are in GiB
    """
    found = {}
    for host in site.hosts:
        _draw_host(found, host)
    for pool in site.pools:
        found['pool/%s' % pool.name] = {
            'type': 'pool', 'name': pool.pool_name, 'cluster': pool.name,
            'capacity': _gib(pool.capacity), 'free': _gib(pool.free),
            'units': len(pool.units),
            'members': [[vios.host.name, vios.name] for vios in pool.vioses]}
    if site.san.fabrics:
        found['san/site'] = _san(site.san)
    return found


def _san(san):
    return {
        'type': 'san',
        'fabrics': [{'name': fabric.name, 'up': fabric.up}
                    for fabric in san.fabrics.values()],
        'targets': [{'array': array.name, 'wwpn': target.wwpn,
                     'up': target.up} for array in san.arrays
                    for target in array.targets],
        'volumes': [{'id': volume.id, 'size': _gib(volume.size),
                     'exports': len(volume.exports),
                     'clients': volume.clients(), 'faults': volume.faults}
                    for volume in san.volumes.values()]}


def _draw_host(found, host):
    system = host.system.state()
    endpoint = host.endpoint
    found['host/%s' % host.name] = {
        'type': 'host', 'name': host.name, 'number': host.number,
        'system': system['name'], 'mtms': system['mtms'],
        'uuid': host.system.uuid, 'url': host.base_url,
        'server': endpoint.name, 'is_hmc': endpoint.is_hmc,
        'memory': system['memory_mb'] / _KIB,
        'free_memory': system['available_memory_mb'] / _KIB,
        'processors': system['processors'],
        'free_processors': system['available_units'],
        'switches': [_switch(switch) for switch in
                     host.store.all('VirtualSwitch')]}
    disks, fc_ports = {}, {}
    for vios in host.store.all('VirtualIOServer'):
        found['vios/%s/%s' % (host.name, vios.uuid)] = _vios(vios)
        for bus in vios.buses:
            disks.setdefault(bus.client_id, []).extend(
                _disk(vios, bus, target) for target in bus.targets)
        for mapping in vios.fc_mappings:
            fc_ports.setdefault(mapping.client_id, []).append({
                'vios': vios.name, 'slot': mapping.client_slot,
                'port': mapping.port and mapping.port.name,
                'wwpns': list(mapping.wwpns)})
    ports = _ports(host)
    for lpar in host.store.all('LogicalPartition'):
        found['lpar/%s/%s' % (host.name, lpar.uuid)] = dict(
            _partition(lpar), type='lpar', migration=lpar.migration_state,
            disks=disks.get(lpar.partition_id, []),
            fc_ports=fc_ports.get(lpar.partition_id, []),
            ports=ports.get(lpar.name, []))


def _gib(size):
    return round(size / _GIB, 9)


def _partition(partition):
    state = partition.state_base()
    made = {key: state[key] for key in (
        'uuid', 'name', 'id', 'state', 'rmc', 'processors', 'dedicated',
        'management')}
    return dict(made, host=partition.host.name, os=state['type'],
                memory=state['memory_mb'] / _KIB,
                units=state['processor_units'])


def _switch(switch):
    """Describe a virtual switch, with what joins it to networks outside."""
    return {'name': switch.name, 'seas': [
        [sea.vios.name, sea.device, sea.backing]
        for bridge in switch.host.store.all('NetworkBridge')
        if bridge.switch is switch for sea in bridge.seas]}


def _vios(vios):
    return dict(
        _partition(vios), type='vios',
        groups=[{'name': group.name, 'capacity': _gib(group.capacity),
                 'free': _gib(group.free), 'disks': len(group.disks),
                 'media': len(group.repository.media)
                 if group.repository else None}
                for group in vios.volume_groups],
        hdisks=len(vios.volumes),
        mappings=sum(len(bus.targets) for bus in vios.buses),
        fc_mappings=len(vios.fc_mappings),
        # Mappings whose partition is gone.
        orphans=[bus.name for bus in vios.buses if bus.client is None],
        fc_ports=[{'name': port.name, 'wwpn': port.wwpn.lower(),
                   'up': port.up, 'online': port.online,
                   'fabric': port.fabric and port.fabric.name}
                  for port in vios.fc_ports])


def _disk(vios, bus, target):
    state = target.state()
    return {'vios': vios.name, 'adapter': bus.name, 'slot': bus.client_slot,
            'name': state['storage'], 'kind': state['kind'],
            'lua': state['lua'], 'size': _gib(target.backing.size)}


def _ports(host):
    """List the network ports of a host by the name of their partition."""
    found = {}
    for adapter in host.store.all('ClientNetworkAdapter'):
        found.setdefault(adapter.partition.name, []).append({
            'kind': 'virtual', 'mac': adapter.mac, 'slot': adapter.slot,
            'vlan': adapter.pvid, 'switch': adapter.switch.name,
            'enabled': adapter.enabled})
    for vnic in host.store.all('VirtualNICDedicated'):
        found.setdefault(vnic.partition.name, []).append({
            'kind': 'vNIC', 'mac': vnic.mac, 'slot': vnic.slot,
            'vlan': vnic.policy.pvid, 'devices': [
                [device.vios.name, device.state(device is vnic.active)]
                for device in vnic.devices]})
    for port in host.store.all('SRIOVEthernetLogicalPort'):
        if not port.of_vnic:
            found.setdefault(port.partition.name, []).append({
                'kind': 'SR-IOV', 'mac': port.mac, 'location': port.location})
    return found
