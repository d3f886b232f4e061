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

"""What a simulated site looks like, in a form that can be compared.

Two sites are equal if no guest and no operator could tell the difference:
UUIDs, UDIDs and the names of devices, which the platform makes up, are left
out.
"""

import difflib
import json
import os

from nova_powervm.simulator import guest_disks
from nova_powervm.simulator.resources import partition

#: What the platform makes up, or changes by itself.
# The keys of other hosts stay authorized.
_MADE_UP = frozenset(('adapter', 'authorized_keys', 'naa', 'server_slot',
                      'sessions', 'target', 'udid', 'used_bytes', 'uuid',
                      'wwpns'))
#: What the status of a job that has ended begins with.
_ENDED = 'COMPLETED', 'FAILED', 'CANCELED'
#: Sites give addresses of this kind to adapters that ask for none.
_ANY_MAC = 'FA00', 'FA01'


def view(site):
    """Describe a site.

    :param site: simulator.site.Site
    :returns: dict fit for JSON
    """
    state = site.state()
    state['migrations'] = [migration for migration in state['migrations']
                           if migration['outcome'] is None]
    for host in state['hosts'] + state['consoles']:
        host['jobs'] = [job for job in host['jobs']
                        if not job['status'].startswith(_ENDED)]
    return _plain(state)


def _plain(value):
    if isinstance(value, dict):
        found = {key: _plain(item) for key, item in value.items()
                 if key not in _MADE_UP}
        if 'mode' in found and 'disk' in found:
            # How it boots: the disk tells, however it was found.
            found.pop('string', None)
        if str(found.get('mac', '')).startswith(_ANY_MAC):
            found['mac'] = 'made up'
        if 'wwpns' in value:
            # Which of two like adapters is in which slot.
            found.pop('client_slot', None)
        if found.get('kind') == 'PhysicalVolume':
            found['storage'] = 'a volume'
        if 'exports' in found or found.get('volume'):
            # Some operations make it larger, and nothing makes it smaller.
            for size in ('size_bytes', 'capacity_mb'):
                found.pop(size, None)
        if 'volume' in found and str(found.get('name')).startswith('hdisk'):
            found['name'] = 'a volume'
        _forget_choices(found)
        if isinstance(found.get('exports'), dict):
            found['exports'] = len(found['exports'])
        return found
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=json.dumps)
    return value


def _forget_choices(found):
    """Leave out which physical ports and VIOSes back a vNIC.

    The driver chooses by what is in use, and lets the VIOSes take turns. How
    many devices there are, and with which settings, is left.

    :param found: dict, what is told of any object; it is changed
    """
    if 'priority' in found and 'device' in found:
        del found['device']
    if 'vnic' in found and 'policy' in found:
        found['vnic'] = found['vnic'] is not None
        del found['location'], found['partition']
    if 'logical_ports' in found and 'link_up' in found:
        del found['logical_ports'], found['allocated']


def difference(before, after):
    """Tell how two views differ, str; empty if they do not."""
    if before == after:
        return ''
    lines = [json.dumps(found, indent=1, sort_keys=True).splitlines()
             for found in (before, after)]
    return '\n'.join(difflib.unified_diff(*lines, 'expected', 'found', n=2))


def partition_of(host, uuid):
    """Find the LPAR of a server.

    :param host: simulator.host.Host
    :param uuid: str, Nova's UUID of the server
    :returns: the simulated partition, or None
    """
    digits = '%x%s' % (int(uuid[0], 16) & 7, uuid[1:])
    return host.store.find('LogicalPartition', digits)


def is_on(lpar):
    """Whether a partition may write to its disks.

    One of the two that there are while a server is migrated does not run.
    """
    return lpar is not None and lpar.is_on and (
        lpar.partition_state != partition.MIGRATING_OFF)


def has_crashed(lpar):
    """Whether the operating system of a partition has crashed."""
    return lpar is not None and lpar.partition_state == partition.ERROR


def disks(lpar):
    """What a partition can write to: list of guest_disks.Disk that work."""
    return [disk for disk in guest_disks.list_disks(lpar) if disk.works]


def writable(lpar, but=()):
    """What a partition can write to, on any path; site.lock is held.

    :param but: names of VIOSes whose paths do not count
    :returns: set of the path of a disk, or the id of a volume
    """
    return {disk.volume or (disk.disk and disk.disk.path)
            for disk in disks(lpar) if disk.vios not in but}


def own_disks(host, uuid):
    """The disks, of ours, that are mapped to a server: name -> SparseDisk."""
    lpar = partition_of(host, uuid)
    return {} if lpar is None else {
        os.path.basename(disk.backing.name): disk.disk
        for disk in guest_disks.list_disks(lpar)
        if disk.volume is None and disk.disk is not None}


def writers(site, but=()):
    """Who can write to what, over all hosts.

    :param but: set of (name of a host, name of a VIOS) whose paths do not
        count
    :returns: dict of a disk, or id of a volume -> set of 'LPAR of host'
    """
    found = {}
    with site.lock:
        for host in site.hosts:
            for lpar in host.store.all('LogicalPartition'):
                if not is_on(lpar) or lpar.is_management:
                    continue
                for key in writable(lpar, {vios for name, vios in but
                                           if name == host.name}):
                    found.setdefault(key, set()).add('%s of %s' % (
                        lpar.name, host.name))
    return found
