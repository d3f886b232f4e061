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

"""Tell which servers have an LPAR, with as few requests as possible."""

import time

from nova_powervm.virt.powervm import granted


class SystemLpars:
    """Finds the servers whose LPARs the system has.

    An HMC lists the LPARs in the document of the system. NovaLink leaves that
    list empty (source: pypowervm's captures fake_managedsystem.txt and
    sys_with_sriov.txt). Then the LPARs are read, but only if that can change
    the result: if what the system has in use beside its servers is not what it
    was before. Changes of servers alone do not change that.

    The caller has a lock.

    :param host: the Host.
    :param clock: returns seconds; for tests.
    """

    #: Seconds after which they are read again, in case a server has lost its
    #: LPAR and somebody else has got one of the same size.
    MAX_AGE = 600

    def __init__(self, host, clock=time.monotonic):
        self._host = host
        self._clock = clock
        # UUIDs of the LPARs that were missing at the last read.
        self._missing = frozenset()
        self._others = None
        self._good_until = 0

    def find(self, system, servers):
        """Return the servers that have an LPAR (1 request, or none).

        :param system: System wrapper, as just read.
        :param servers: list of granted.Server of this host.
        :returns: list of granted.Server
        :raises pypowervm.exceptions.Error: if the LPARs cannot be read.
        """
        uuids = listed(system)
        if uuids:
            return [server for server in servers if server.lpar_uuid in uuids]
        expected = [server for server in servers
                    if server.lpar_uuid not in self._missing]
        if (self._others == used_by_others(system, expected) and
                self._clock() < self._good_until):
            return expected
        return self._look(system, servers)

    def _look(self, system, servers):
        now, states = self._clock(), self._host.partition_states
        uuids = {server.lpar_uuid for server in servers}
        max_age = self.MAX_AGE
        if self._others is None and uuids and all(map(states.is_fresh, uuids)):
            # The start of nova-compute has just read all LPARs.
            max_age = states.MAX_AGE
        elif uuids:
            uuids = {lpar_w.uuid.upper() for lpar_w in (
                self._host.partition_states.refresh())}
        found = [server for server in servers if server.lpar_uuid in uuids]
        self._missing = frozenset(
            server.lpar_uuid for server in servers) - uuids
        self._others = used_by_others(system, found)
        self._good_until = now + max_age
        return found


def listed(system):
    """Return the LPARs that the document of a system lists (no request).

    :param system: System wrapper, as just read.
    :returns: set of str, UUIDs in upper case; empty on a NovaLink, see
        SystemLpars.
    """
    return {href.rsplit('/', 1)[-1].upper() for href in
            system.get_href('AssociatedLogicalPartitions/link')}


def used_by_others(system, servers):
    """Tell what a system has in use beside some servers.

    :param system: System wrapper, as just read.
    :param servers: list of granted.Server that have an LPAR.
    :returns: (int, MB of memory, and float, processing units). They may be
        negative if servers have less than in their flavors.
    """
    had = granted.taken(server.has for server in servers)
    return (
        system.memory_configurable - system.memory_free - had.memory_mb,
        round(system.proc_units_configurable - system.proc_units_avail -
              had.units, 3))
