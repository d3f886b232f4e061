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

"""The systems of one HMC: what is done on one changes nothing of the others.

A site without an HMC has systems, too, but servers move between them.
"""

import contextlib

from nova_powervm.simulator import fingerprint

#: What several systems show, and none of them has for itself.
_SHARED = ('Cluster', 'LogicalUnit', 'SharedStoragePool', 'Tier')
_ROOT_FEEDS = ('/rest/api/uom/LogicalPartition',
               '/rest/api/uom/VirtualIOServer')


class Changed(AssertionError):
    """Something of another system was changed, or asked for."""


def parts(site, *but):
    """Describe what belongs to systems: dict of str, see fingerprint.

    :param site: simulator.site.Site
    :param but: names of the simulated hosts that are left out
    """
    names = {host.name for host in site.hosts} - set(but)
    found = {}
    for path, state in site.fingerprint().items():
        name, *below = path.split('/', 2)
        if name in names and below[:1] not in ([kind] for kind in _SHARED):
            found[path] = state
    return found


def root_feeds(records):
    """The requests of a journal that were for partitions of all systems."""
    return [record for record in records if record['path'] in _ROOT_FEEDS]


class Watch:
    """Looks whether an operation on one system leaves the others alone.

    :param cloud: cloud.Cloud; without an HMC nothing is looked at
    :param moves: function that lists (host, host) between which a server may
        be moving
    """

    def __init__(self, cloud, moves=lambda: ()):
        self._cloud = cloud
        self._moves = moves
        # How many requests have been looked at.
        self._seen = 0

    @contextlib.contextmanager
    def stay(self, *names):
        """Have all systems but some stay as they are meanwhile.

        :param names: Nova's names of the hosts of those; those to or from
            which a server of theirs is moving may change, too
        :raises Changed: if one does not
        """
        if not self._cloud.platform.is_hmc:
            yield
            return
        site = self._cloud.site
        but = [self._cloud.host_of(name).name for name in self._with(names)]
        before = parts(site, *but)
        yield
        records = site.hosts[0].journal.records()
        changes = fingerprint.differences(before, parts(site, *but)) + [
            str(record) for record in root_feeds(records[self._seen:])]
        self._seen = len(records)
        if changes:
            raise Changed('of another system: ' + '\n'.join(changes))

    def _with(self, names):
        """Some hosts, with those that a migration connects with them."""
        return set(names).union(*(
            hosts for hosts in self._moves() if set(names) & set(hosts)))

    def run_periodic_tasks(self):
        """Run them on one host after the other, see cloud.Cloud."""
        for name in list(self._cloud.computes):
            with self.stay(name):
                self._cloud.run_periodic_tasks(name)
