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

"""What belongs to somebody else must stay as it is, byte for byte.

There is one exception. An operator deletes an LPAR, and its VIOS keeps the
mappings of it. Then the platform gives the partition id of that LPAR to a new
server, which would see the disks of the operator. So the driver takes these
mappings away, and nothing else: the disks stay, with all their bytes.
"""

import json

from nova_powervm.simulator import fingerprint
from nova_powervm.simulator.resources import adapters

#: What the names of things that belong to somebody else begin with.
THEIRS = 'theirs'


class Watch:
    """Tells what the driver has done to things of somebody else.

    :param site: simulator.site.Site
    """

    def __init__(self, site):
        self._site = site
        self.remember()

    def remember(self):
        """Take what belongs to others now for what it has to be."""
        self._expected = _find(self._site)
        self.begin()

    def begin(self):
        """Note that an operation begins, which may create an LPAR."""
        self._creations = {host.name: _count_creations(host)
                           for host in self._site.hosts}

    def changes(self):
        """List what the driver must not have changed, as lines of text."""
        found = _find(self._site)
        self._allow_releases(found)
        return fingerprint.differences(self._expected, found)

    def _allow_releases(self, found):
        """Expect no mapping any more that the driver had to take away."""
        for host in self._site.hosts:
            for path, mapping in self._mappings_of(host):
                if path not in found and self._was_given(
                        host, mapping['lpar_id']):
                    del self._expected[path]
                    self._forget_client(host, mapping)

    def _mappings_of(self, host):
        """List (path, state) of the mappings to an LPAR that is gone.

        Those for any partition belong to no LPAR.
        """
        start = '%s/VirtualIOServer/' % host.name
        found = [(path, json.loads(state))
                 for path, state in self._expected.items()
                 if path.startswith(start) and '/mappings/' in path]
        return [(path, state) for path, state in found
                if state['lpar'] is None and
                state['lpar_id'] != adapters.ANY]

    def _was_given(self, host, partition_id):
        """Whether an LPAR has, or may have had, a partition id.

        The platform gives the lowest id that is free. So an LPAR that was
        created, and is gone again, can have had it.
        """
        return (_count_creations(host) > self._creations[host.name] or
                partition_id in {lpar.partition_id
                                 for lpar in host.partitions()})

    def _forget_client(self, host, mapping):
        """Expect that some storage has one client less."""
        client = 'partition %d (gone)' % mapping['lpar_id']
        # Hosts share logical units, so there it says which host is meant.
        clients = client, '%s of %s' % (client, host.name)
        for path, text in self._expected.items():
            # A digest of bytes is no JSON.
            state = json.loads(text) if text.startswith('{') else {}
            if state.get('name') != mapping['storage']:
                continue
            for known in clients:
                if known in state.get('mapped_to', ()):
                    state['mapped_to'].remove(known)
            if not state.get('mapped_to'):
                # A fingerprint leaves out empty lists.
                state.pop('mapped_to', None)
            self._expected[path] = json.dumps(state, sort_keys=True)


def _find(site):
    """Describe what belongs to others: str -> str, see fingerprint."""
    return {path: state for path, state in site.fingerprint().items()
            if THEIRS in path or THEIRS in state}


def _count_creations(host):
    """Count the requests that asked for a new LPAR so far."""
    return sum(record['method'] == 'PUT' and
               record['path'].endswith('/%s/LogicalPartition' %
                                       host.system.uuid)
               for record in host.journal.records())
