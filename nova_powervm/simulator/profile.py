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

"""Profiles: YAML files that describe a site."""

import copy
import importlib.resources
import os

import jsonschema
from jsonschema import validators
from ruamel import yaml
from ruamel.yaml import error as yaml_error

from nova_powervm.simulator.resources import partition_config
from nova_powervm.simulator import schema_profile
from nova_powervm.simulator import values


#: Most characters of a profile, and most values once aliases are copies. The
#: largest one that comes with the simulator has 4,000 and 300.
_MOST_TEXT = 256 * 1024
_MOST_VALUES = 100000
#: Most errors that are reported at once.
_MOST_ERRORS = 20
#: What else is in the data folder.
_TAKEN = ('san', 'pools', 'ca.pem', 'server.pem', 'server.key')


class ProfileError(Exception):
    """A profile cannot be used. The message names file, line and reason."""


def names():
    """Return the names of the profiles that come with the simulator."""
    place = importlib.resources.files(__package__) / 'profiles'
    return sorted(item.name[:-len('.yaml')] for item in place.iterdir()
                  if item.name.endswith('.yaml'))


def load(name_or_path):
    """Load a profile.

    :param name_or_path: str, a name that comes with the simulator, or the
                         path of a file
    :returns: dict with all defaults filled in
    :raises ProfileError: for a file that is not there or not valid
    """
    return parse(*read(name_or_path))


def read(name_or_path):
    """Read a profile, without a check.

    :param name_or_path: as for load()
    :returns: tuple of its text and its name for messages, both str
    :raises ProfileError: for a file that cannot be read
    """
    if os.sep not in name_or_path and name_or_path in names():
        label = name_or_path + '.yaml'
        place = importlib.resources.files(__package__) / 'profiles' / label
        return place.read_text(), label
    try:
        with open(name_or_path, encoding='utf-8') as profile_file:
            return profile_file.read(_MOST_TEXT + 1), name_or_path
    except OSError as exc:
        raise ProfileError('%s: %s. The profiles that come with the '
                           'simulator are: %s' % (
                               name_or_path, exc.strerror,
                               ', '.join(names())))
    except UnicodeDecodeError as exc:
        raise ProfileError('%s:1: this is no text: %s' % (name_or_path, exc))


def describe(name):
    """What a profile that comes with the simulator is for, str.

    That is the first comment after the license.
    """
    text = read(name)[0].split('\n\n', 2)[1]
    return ' '.join(line.lstrip('# ') for line in text.splitlines()
                    if line.startswith('#'))


def parse(source, label='profile'):
    """Parse and check a profile.

    :param source: str of YAML
    :param label: str, file name for messages
    :returns: dict with all defaults filled in
    :raises ProfileError: with file, line and reason, for each error
    """
    if len(source) > _MOST_TEXT:
        raise ProfileError('%s:1: a profile has at most %d characters' % (
            label, _MOST_TEXT))
    try:
        # The round-trip loader keeps the line of every value.
        tree = yaml.YAML(typ='rt', pure=True).load(source)
        data = _plain(tree, [_MOST_VALUES])
        values.check_text(data)
    except yaml_error.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise ProfileError('%s:%d: %s' % (
            label, mark.line + 1 if mark else 1, exc.problem))
    except yaml_error.YAMLError as exc:
        raise ProfileError('%s:1: %s' % (label, exc))
    except Exception as exc:
        # The loader raises anything for values that are not what their tags
        # say, and for what is too deep.
        raise ProfileError('%s:1: this is no profile: %s' % (label, exc))
    wrong = [(error.absolute_path, _reason(error))
             for error in _fill(data, schema_profile.PROFILE)]
    # Only a profile of the right form can be looked through for the others.
    wrong = wrong or list(_contradictions(data))
    if wrong:
        raise ProfileError(_report(label, sorted(
            {(_line(tree, path), reason) for path, reason in wrong})))
    return data


def _report(label, wrong):
    """A line for each of some errors, but not for too many.

    :param wrong: list of tuples of the line and the reason
    """
    lines = ['%s:%d: %s' % (label, *error) for error in wrong[:_MOST_ERRORS]]
    if len(wrong) > _MOST_ERRORS:
        lines.append('%s: there are %d more errors' % (
            label, len(wrong) - _MOST_ERRORS))
    return '\n'.join(lines)


def fill(data, schema):
    """Check a part of a profile, and fill in the defaults.

    :param data: dict, which is changed
    :param schema: dict, an object of schema_profile
    :returns: the dict
    :raises ProfileError: with the reason
    """
    for error in _fill(data, schema):
        raise ProfileError(_reason(error))
    return data


def _fill(data, schema):
    """Fill in the defaults, and return what is wrong: a list of errors."""
    return sorted(_Validator(schema).iter_errors(data),
                  key=lambda e: [str(p) for p in e.absolute_path])


def _plain(node, left):
    """Copy what the loader has made, aliases included.

    :param left: list of one int, how many more values there may be
    :raises ValueError: when there are more
    """
    left[0] -= 1
    if left[0] < 0:
        raise ValueError('with its aliases it has more than %d values' %
                         _MOST_VALUES)
    if isinstance(node, dict):
        return {str(key): _plain(value, left) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value, left) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _line(tree, path):
    """Return the number of the line that a path of keys leads to."""
    line = 1
    node = tree
    for key in path:
        try:
            where = (node.lc.key(key) if isinstance(node, dict)
                     else node.lc.item(key))
            line = where[0] + 1
            node = node[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line


def _reason(error):
    message = error.message
    if error.validator == 'additionalProperties':
        message = '%s; there can be: %s' % (
            message, ', '.join(sorted(error.schema['properties'])))
    place = '.'.join(str(part) for part in error.absolute_path)
    return '%s: %s' % (place, message) if place else message


def _contradictions(data):
    """Yield (path, reason) for what a schema cannot say."""
    for key in ('name', 'port'):
        seen = set()
        for i, host in enumerate(data['hosts']):
            value = host.get(key)
            if value and value in seen:
                yield (('hosts', i, key),
                       'two hosts have the %s %s' % (key, value))
            seen.add(value)
    console = data.get('console', {})
    if console and console['name'] == console.get('second', {}).get('name'):
        yield (('console', 'second', 'name'),
               'two HMCs have the name %s' % console['name'])
    managed = _managed_by_hmc(data)
    yield from _user_contradictions(data, managed)
    for i, host in enumerate(data['hosts']):
        if host['name'] in _TAKEN or host['name'].startswith('.'):
            yield (('hosts', i, 'name'), 'no host can have the name %s' %
                   host['name'])
        if 'console' in data and host['name'] == data['console']['name']:
            yield (('console', 'name'), 'a host has the name %s, too' %
                   host['name'])
    if 'console' in data and data['console']['name'] in _TAKEN:
        yield (('console', 'name'), 'no HMC can have the name %s' %
               data['console']['name'])
    for name in managed.difference(host['name'] for host in data['hosts']):
        yield ('console', 'hosts'), 'there is no host %s' % name
    for i, host in enumerate(data['hosts']):
        for path, reason in _host_contradictions(host,
                                                 host['name'] in managed):
            yield ('hosts', i) + path, reason
    yield from _cluster_contradictions(data)
    yield from _san_contradictions(data)


def _cluster_contradictions(data):
    everything = [{'host': host['name'], 'vios': vios['name']}
                  for host in data['hosts'] for vios in host['vioses']]
    taken, names = [], set()
    for i, cluster in enumerate(data['clusters']):
        if cluster['name'] in names:
            yield (('clusters', i, 'name'),
                   'two clusters have the name %s' % cluster['name'])
        names.add(cluster['name'])
        tiers = [tier['name'] for tier in cluster['tiers']]
        if len(set(tiers)) < len(tiers):
            yield ('clusters', i, 'tiers'), 'two tiers have the same name'
        if sum(tier['default'] for tier in cluster['tiers']) > 1:
            yield ('clusters', i, 'tiers'), 'two tiers are the default'
        for node in cluster.get('nodes', everything):
            if node not in everything:
                yield (('clusters', i, 'nodes'), 'there is no VIOS %s in host '
                       '%s' % (node['vios'], node['host']))
            if node in taken:
                yield (('clusters', i), 'VIOS %s of host %s is in two '
                       'clusters' % (node['vios'], node['host']))
            taken.append(node)


def _san_contradictions(data):
    fabrics = data['san']['fabrics']
    ports = [(('hosts', i, 'vioses', j, 'fc_ports', k), port)
             for i, host in enumerate(data['hosts'])
             for j, vios in enumerate(host['vioses'])
             for k, port in enumerate(vios['fc_ports'])]
    names = set()
    for i, array in enumerate(data['san']['arrays']):
        if array['name'] in names:
            yield (('san', 'arrays', i, 'name'),
                   'two arrays have the name %s' % array['name'])
        names.add(array['name'])
        ports += [(('san', 'arrays', i, 'targets', k), target)
                  for k, target in enumerate(array['targets'])]
    seen = set()
    for path, port in ports:
        if port.get('fabric', '') not in ['', *fabrics]:
            yield path, 'there is no fabric %s' % port['fabric']
        if port['wwpn'].upper() in seen:
            yield path, 'two ports have the WWPN %s' % port['wwpn']
        seen.add(port['wwpn'].upper())


def _user_contradictions(data, managed):
    names = {data['user']}
    for i, user in enumerate(data.get('console', {}).get('users', ())):
        path = ('console', 'users', i)
        if user['name'] in names:
            yield path + ('name',), 'two users have the name %s' % user['name']
        names.add(user['name'])
        for name in sorted(set(user['hosts']) - managed):
            yield path + ('hosts',), ('the HMC does not manage a host %s' %
                                      name)


def _managed_by_hmc(data):
    """Return the names of the hosts that an HMC manages: set of str."""
    if 'console' not in data:
        return set()
    return set(data['console'].get(
        'hosts', [host['name'] for host in data['hosts']]))


def _host_contradictions(host, is_hmc):
    partitions = [(('vioses', n), p) for n, p in enumerate(host['vioses'])]
    partitions += [(('lpars', n), p) for n, p in enumerate(host['lpars'])]
    yield from _management_contradictions(host, is_hmc, partitions)
    for key in ('name', 'id', 'uuid'):
        seen = set()
        for path, partition in partitions:
            value = partition.get(key)
            if value is not None and value in seen:
                yield path, 'two partitions have the %s %s' % (key, value)
            seen.add(value)
    yield from _too_much(host, [part for _, part in partitions])
    for n, vios in enumerate(host['vioses']):
        for path, reason in _group_contradictions(vios['volume_groups']):
            yield ('vioses', n, 'volume_groups') + path, reason
        for path, reason in _adapter_contradictions(vios):
            yield ('vioses', n, 'any_client_adapters') + path, reason
    yield from _switch_contradictions(host)
    yield from _network_contradictions(host)
    yield from _sriov_contradictions(host['sriov'])


def _management_contradictions(host, is_hmc, partitions):
    managers = [p for _, p in partitions if p['management']]
    if is_hmc and managers:
        yield (), ('an HMC manages the host: no partition can have '
                   'management: true')
    if is_hmc and 'port' in host:
        yield ('port',), 'an HMC manages the host, which has no port itself'
    if not is_hmc and len(managers) != 1:
        yield (), ('exactly one partition must have management: true; %d '
                   'have' % len(managers))


def _switch_contradictions(host):
    switches = [switch['name'] for switch in host['switches']]
    vioses = [vios['name'] for vios in host['vioses']]
    for n, bridge in enumerate(host['bridges']):
        if bridge['switch'] not in switches:
            yield (('bridges', n, 'switch'),
                   'there is no switch %s' % bridge['switch'])
        for name in bridge['vioses']:
            if name not in vioses:
                yield ('bridges', n, 'vioses'), 'there is no VIOS %s' % name
    for n, vios in enumerate(host['vioses']):
        for m, trunk in enumerate(vios['trunk_adapters']):
            if trunk['switch'] not in switches:
                yield (('vioses', n, 'trunk_adapters', m, 'switch'),
                       'there is no switch %s' % trunk['switch'])


def _sriov_contradictions(adapters):
    seen = set()
    for n, adapter in enumerate(adapters):
        if adapter['adapter'] in seen:
            yield (('sriov', n, 'adapter'), 'two SR-IOV adapters have the ID '
                   '%d' % adapter['adapter'])
        seen.add(adapter['adapter'])
        if adapter['mode'] == 'Dedicated' and adapter['ports']:
            yield (('sriov', n, 'ports'), 'a dedicated SR-IOV adapter has no '
                   'ports')
        ids = [port.get('id', position)
               for position, port in enumerate(adapter['ports'])]
        if len(set(ids)) < len(ids):
            yield ('sriov', n, 'ports'), 'two ports have the same ID'


def _network_contradictions(host):
    """Yield (path, reason) for what two bridges cannot share."""
    devices, vlans = set(), set()
    for n, bridge in enumerate(host['bridges']):
        for name in bridge['vioses']:
            for key in ('device', 'backing_device'):
                if (name, bridge[key]) in devices:
                    yield (('bridges', n, key), 'two bridges use %s of VIOS '
                           '%s' % (bridge[key], name))
                devices.add((name, bridge[key]))
        yield from _taken(('bridges', n), bridge, vlans,
                          range(1, len(bridge['vioses']) + 1))
    for n, vios in enumerate(host['vioses']):
        for m, trunk in enumerate(vios['trunk_adapters']):
            yield from _taken(('vioses', n, 'trunk_adapters', m), trunk,
                              vlans, [trunk['priority']])


def _taken(path, trunk, vlans, priorities):
    """Yield (path, reason) for VLANs in which another trunk adapter is.

    :param vlans: set of (switch, VLAN, trunk priority), which is added to
    :param priorities: the trunk priorities that it has
    """
    for vlan in (trunk['pvid'], *trunk['vlans']):
        places = {(trunk['switch'], vlan, priority)
                  for priority in priorities}
        if places & vlans:
            yield path, ('switch %s has two trunk adapters with the same '
                         'priority in VLAN %d' % (trunk['switch'], vlan))
        vlans |= places


def _group_contradictions(groups):
    """Yield (path, reason) for volume groups that no VIOS can have."""
    groups_seen, disks_seen, repositories = set(), set(), 0
    for n, group in enumerate(groups):
        if group['name'] in groups_seen:
            yield (n, 'name'), 'two volume groups have the name %s' % (
                group['name'])
        groups_seen.add(group['name'])
        repositories += 'media_repository_gb' in group
        if repositories > 1:
            yield (n,), 'a VIOS can have one media repository only'
        needed = group.get('media_repository_gb', 0) + sum(
            disk['size_gb'] for disk in group['disks'])
        if needed > group['capacity_gb']:
            yield (n,), ('volume group %s has %g GB, its disks and its media '
                         'repository need %g GB' % (
                             group['name'], group['capacity_gb'], needed))
        for m, disk in enumerate(group['disks']):
            if disk['name'] in disks_seen:
                yield (n, 'disks', m), 'two disks have the name %s' % (
                    disk['name'])
            disks_seen.add(disk['name'])


def _adapter_contradictions(vios):
    """Yield (path, reason) for the server adapters for any client."""
    groups = vios['volume_groups']
    # A volume group stands on the physical volume with its number.
    below = {'hdisk%d' % number for number, group in enumerate(groups)
             if group['kind'] == 'lvm'}
    known = {volume['name'] for volume in vios['physical_volumes']} - below
    known.update(disk['name'] for group in groups for disk in group['disks'])
    slots, taken = set(), set()
    for n, adapter in enumerate(vios['any_client_adapters']):
        slot = adapter.get('slot')
        if slot is not None and not slot < vios['max_slots']:
            yield (n, 'slot'), 'VIOS %s has no slot %d' % (vios['name'], slot)
        if slot is not None and slot in slots:
            yield (n, 'slot'), 'two adapters are in slot %d' % slot
        slots.add(slot)
        for name in adapter['storage']:
            if name not in known:
                yield ((n, 'storage'), 'VIOS %s has no disk %s to map' % (
                    vios['name'], name))
            if name in taken:
                yield (n, 'storage'), '%s is on two adapters' % name
            taken.add(name)


def _too_much(host, partitions):
    system = host['system']
    region = system['memory_region_mb']
    crowd = host.get('crowd')
    if crowd:
        partitions = partitions + [crowd] * crowd['count']
    for partition in partitions:
        if partition['memory_mb'] % region:
            yield (), '%d MB of memory is not a multiple of %d MB' % (
                partition['memory_mb'], region)
            return
    memory = sum(p['memory_mb'] for p in partitions)
    lpars = [lpar for lpar in host['lpars'] if not lpar['management']]
    overhead = sum(
        partition_config.Memory(*3 * [p['memory_mb']]).overhead_mb(region)
        for p in lpars + ([crowd] * crowd['count'] if crowd else []))
    free = system['memory_mb'] - system['hypervisor_memory_mb'] - overhead
    if memory > free:
        yield (), ('the partitions have %d MB of memory together, the system '
                   'has %d MB for them' % (memory, free))
    units = sum(p['processors'] if p.get('dedicated') else
                p.get('units', 0.1) for p in partitions)
    if units > system['processors']:
        yield (), ('the partitions have %.2f processor units together, the '
                   'system has %d' % (units, system['processors']))


def _filling(validate_properties):
    def fill(validator, properties, instance, schema):
        if isinstance(instance, dict):
            for name, subschema in properties.items():
                if 'default' in subschema:
                    instance.setdefault(
                        name, copy.deepcopy(subschema['default']))
        yield from validate_properties(validator, properties, instance,
                                       schema)
    return fill


_Validator = validators.extend(
    values.Validator, {'properties': _filling(
        jsonschema.Draft202012Validator.VALIDATORS['properties'])})
