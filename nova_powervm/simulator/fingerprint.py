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

"""What is on a site, as text that tells one state of it from another."""

import hashlib
import json

#: REST types whose objects have names that tell them apart.
_NAMED = frozenset(('Cluster', 'LogicalPartition', 'ManagedSystem',
                    'SharedStoragePool', 'Tier', 'VirtualIOServer',
                    'VirtualSwitch', 'VolumeGroup'))
#: What an item of a list is called, in the order of preference.
_LABELS = ('name', 'id', 'device', 'udid', 'uuid')


def fingerprint(site):
    """Describe all that is on a site.

    Each object of the REST API is a part, and so are the mappings and volumes
    of a VIOS, the disks and media of a volume group, the jobs and sessions of
    a host, and the volumes of the storage area network: each has its state as
    JSON. Another part has a digest of the bytes for each disk, medium, logical
    unit and volume. Nothing volatile is in it: no etags or time stamps.

    :param site: site.Site
    :returns: dict of str -> str, such as
        ``{'server1/VolumeGroup/vios1/datavg/disks/boot_1': '{"name"...'}``
    """
    found = {}
    with site.lock:
        for host in site.hosts:
            _add_host(found, host)
        for endpoint in site.consoles:
            _add(found, endpoint.name, endpoint.state())
        for pool in site.pools:
            for unit in pool.units:
                _add_bytes(found, 'pools/%s/units/%s %s' % (
                    pool.pool_name, unit.name, unit.uuid), unit)
        _add(found, 'san', site.san.state())
        for volume in site.san.volumes.values():
            _add_bytes(found, 'san/volumes/' + volume.id, volume)
    return dict(sorted(found.items()))


def differences(before, after):
    """Tell two fingerprints apart.

    :returns: list of str, a line for each part that is new, gone or another
    """
    lines = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            lines.append('- %s: %s' % (name, before[name]))
        elif name not in before:
            lines.append('+ %s: %s' % (name, after[name]))
        elif before[name] != after[name]:
            lines.append('! %s: %s -> %s' % (name, before[name],
                                             after[name]))
    return lines


def _add_host(found, host):
    for type_ in host.store.types():
        for resource in host.store.all(type_):
            path = '%s/%s/%s' % (host.name, type_, _place(resource))
            state = resource.state()
            if type_ == 'LogicalPartition':
                # They are objects of their own.
                del state['adapters']
            _add(found, path, state)
            if getattr(resource, 'nvram', ''):
                found[path + '/nvram'] = hashlib.sha256(
                    resource.nvram.encode()).hexdigest()
            if type_ == 'VolumeGroup':
                _add_group_bytes(found, path, resource)
    _add(found, host.name, {
        'name': host.name, 'jobs': host.jobs.state(host),
        'sessions': [] if host.endpoint.is_hmc else host.sessions.state(),
        'management_devices': host.management.state()})


def _place(resource):
    """Return the labels of a resource, and of what it hangs under."""
    labels = []
    while resource is not None and (not labels or
                                    resource.parent is not None):
        labels.append(getattr(resource, 'name', resource.uuid)
                      if resource.TYPE in _NAMED else resource.uuid)
        resource = resource.parent
    return '/'.join(reversed(labels))


def _add_group_bytes(found, path, group):
    for disk in group.disks.values():
        _add_bytes(found, '%s/disks/%s' % (path, disk.name), disk)
    if group.repository is not None:
        for medium in group.repository.media.values():
            _add_bytes(found, '%s/repository/media/%s' % (path, medium.name),
                       medium)


def _add_bytes(found, path, backing):
    try:
        found[path + '/bytes'] = backing.disk.digest()
    except FileNotFoundError:
        found[path + '/bytes'] = 'gone'


def _add(found, path, state):
    """Add a state, with a separate part for each dict in it."""
    plain = {}
    for key, value in state.items():
        below = '%s/%s' % (path, key)
        if isinstance(value, dict):
            _add(found, below, value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, item in enumerate(value):
                _add(found, '%s/%s' % (below, _label(item, number)), item)
        elif value != []:
            # An empty list may be one of parts that are not there.
            plain[key] = value
    found[path] = json.dumps(plain, sort_keys=True)


def _label(item, number):
    if 'adapter' in item:
        return '/'.join(str(item[key]) for key in ('vios', 'adapter', 'lua')
                        if item.get(key))
    for key in _LABELS:
        if key in item:
            return str(item[key])
    return str(number)
