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

"""Store with a server the hosts on which something of it may still exist.

Nova forgets the host of a server that it has shelved, or whose build failed. A
VIOS that was down at that time may still have something of the server. So the
server's system_metadata lists each host that ever created an LPAR for it. This
list proves that an object with the server's name on this host is ours.

Once its LPAR is gone, the mapping of a Fibre Channel adapter names only the
partition id. So the driver also stores the ids, for each host of the server. A
host that was down when the server was evacuated, or later deleted, still has
such mappings when it returns. If an LPAR is created again, it may get another
id; the old ids stay on record, because a VIOS that was down still has their
mappings. The platform reuses ids. So the id of a mapping without LPAR is a
proof only while no LPAR of others has this id.

A virtual function that a vNIC has left in a VIOS has the MAC address of the
vNIC, and no other trace of it. So the driver stores the MAC addresses of the
vNICs that it is about to make.

An evacuation that is cut off leaves an LPAR that must not run. One that a live
migration or an operator has brought must run. So the driver marks a server
whose LPAR an evacuation is about to make.
"""

from nova_powervm.virt.powervm import server_notes

#: Prefix of a key; the name of the host follows. Earlier versions wrote the
#: key without a name, for the current host of the server.
_KEY = 'powervm_lpar_id'
_WAS_ON = 'powervm_was_on_'
_MACS = 'powervm_vnics_'
_EVACUATION = 'powervm_evacuation_'
_YES = 'yes'
#: Most ids that are stored for a server and a host.
_MOST_IDS = 16
#: How many MAC addresses: Nova's column for values has 255 characters.
_MOST_MACS = 19


def _key(nodename):
    return '%s_%s' % (_KEY, nodename)


def keep_id(instance, nodename, lpar_id):
    """Store the partition id of a server in Nova.

    :param nodename: str, Nova's name of the host.
    :param lpar_id: int
    """
    earlier = kept_ids(instance, nodename)
    ids = [*(kept for kept in earlier if kept != lpar_id), lpar_id]
    if ids != earlier or _key(nodename) not in instance.system_metadata:
        instance.system_metadata[_key(nodename)] = ','.join(
            map(str, ids[-_MOST_IDS:]))
        server_notes.save(instance)


def kept_ids(instance, nodename):
    """Return the partition ids of a server on a host, the latest last.

    :param nodename: str, Nova's name of the host.
    :returns: list of int
    """
    kept = instance.system_metadata.get(_key(nodename))
    if kept is None and instance.host in (None, nodename):
        kept = instance.system_metadata.get(_KEY)
    return [int(lpar_id) for lpar_id in (kept or '').split(',') if lpar_id]


def keep_host(instance, nodename):
    """Store in Nova that a host may have something of a server.

    :param nodename: str, Nova's name of the host.
    """
    wanted = host_metadata(nodename)
    if not wanted.items() <= instance.system_metadata.items():
        instance.system_metadata.update(wanted)
        server_notes.save(instance)


def keep_mac(instance, nodename, mac):
    """Have Nova store that a server is to get a vNIC on a host.

    :param nodename: str, Nova's name of the host.
    :param mac: str, 12 upper-case hex digits
    :returns: bool; False if that is stored already.
    """
    earlier = kept_macs(instance.system_metadata, nodename)
    if mac in earlier:
        return False
    instance.system_metadata[_MACS + nodename] = ','.join(
        [*earlier, mac][-_MOST_MACS:])
    server_notes.save(instance)
    return True


def kept_macs(metadata, nodename):
    """Return the MAC addresses of vNICs of a server on a host, latest last.

    :param metadata: dict, the system_metadata of the server.
    :param nodename: str, Nova's name of the host.
    :returns: list of str
    """
    return [mac for mac in metadata.get(_MACS + nodename, '').split(',')
            if mac]


def mark_evacuation(instance, nodename, migration):
    """Mark a server whose LPAR an evacuation is about to make; do not save it.

    :param nodename: str, Nova's name of the host.
    :param migration: nova.objects.Migration, the evacuation.
    """
    instance.system_metadata[_EVACUATION + nodename] = str(migration.id)


def was_made_by(instance, migration):
    """Return whether an evacuation was about to make the LPAR on its target.

    :param migration: nova.objects.Migration, the evacuation.
    """
    return instance.system_metadata.get(
        _EVACUATION + migration.dest_compute) == str(migration.id)


def was_made_here(instance):
    """Return whether this driver ever created or removed the server's LPAR."""
    return any(key.startswith((_WAS_ON, _KEY))
               for key in instance.system_metadata)


def host_metadata(nodename):
    """Return the system_metadata of servers that were on a host: dict."""
    return {_WAS_ON + nodename: _YES}
