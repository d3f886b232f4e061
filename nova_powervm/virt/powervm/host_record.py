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

"""What servers had on hosts outlives LPARs, and Nova's memory of the host.

Nova does not keep the host of a server that it has shelved, or whose build
failed. A VIOS that was down then may still have something of the server. So
the server's system_metadata tells each host that ever made an LPAR for it.
That is a proof that something which bears the server's name here is ours.

The mapping of a Fibre Channel adapter does not tell whose it was once its
LPAR is gone, but for the partition id. So the id is kept, too, for each host
that the server was on: a host that was down when the server was evacuated, or
deleted after that, has such mappings when it is back. An LPAR that is made
anew may get another id: those of before are kept as well, since a VIOS that
was down then still has their mappings. Ids are used again: that of a mapping
without LPAR counts only as long as no LPAR of others has it.
"""

#: Followed by the name of the host. Alone, it is of the host that the server
#: is on, as earlier versions kept it.
_KEY = 'powervm_lpar_id'
_WAS_ON = 'powervm_was_on_'
_YES = 'yes'
#: How many ids are kept of a server on one host.
_MOST_IDS = 16


def _key(nodename):
    return '%s_%s' % (_KEY, nodename)


def keep_id(instance, nodename, lpar_id):
    """Have Nova keep the partition id of a server.

    :param nodename: str, Nova's name of the host.
    :param lpar_id: int
    """
    earlier = kept_ids(instance, nodename)
    ids = [*(kept for kept in earlier if kept != lpar_id), lpar_id]
    if ids != earlier or _key(nodename) not in instance.system_metadata:
        instance.system_metadata[_key(nodename)] = ','.join(
            map(str, ids[-_MOST_IDS:]))
        instance.save()


def kept_ids(instance, nodename):
    """The partition ids that a server had on a host, the last one last.

    :param nodename: str, Nova's name of the host.
    :returns: list of int
    """
    kept = instance.system_metadata.get(_key(nodename))
    if kept is None and instance.host in (None, nodename):
        kept = instance.system_metadata.get(_KEY)
    return [int(lpar_id) for lpar_id in (kept or '').split(',') if lpar_id]


def keep_host(instance, nodename):
    """Have Nova keep that a host may have something of a server.

    :param nodename: str, Nova's name of the host.
    """
    wanted = host_metadata(nodename)
    if not wanted.items() <= instance.system_metadata.items():
        instance.system_metadata.update(wanted)
        instance.save()


def was_made_here(instance):
    """Whether this driver has made, or removed, an LPAR of a server."""
    return any(key.startswith((_WAS_ON, _KEY))
               for key in instance.system_metadata)


def host_metadata(nodename):
    """What servers have in system_metadata that were on a host: dict."""
    return {_WAS_ON + nodename: _YES}
