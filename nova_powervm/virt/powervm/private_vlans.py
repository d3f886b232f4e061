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

"""The VLANs of the virtual switch to Open vSwitch, which pairs are in.

A port of Open vSwitch is a pair of adapters, alone in a VLAN of that switch.
Only this process gives VLANs of it away. So it reads once which are in use,
and remembers what it gives and gets back.
"""

import threading

from oslo_concurrency import lockutils
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import cna as pvm_cna

LOG = logging.getLogger(__name__)

_LAST_VLAN = 4093


class PrivateVlans:
    """Which VLANs of a virtual switch are free.

    :param host: host.Host
    """

    def __init__(self, host):
        self._host = host
        self._lock = threading.Lock()
        # Name of the switch -> set of VLANs in use, once they were read.
        self._used = {}
        # UUIDs of LPARs that go, and their adapters with them.
        self._going = set()

    def create_in_free(self, vswitch_name, create):
        """Create an adapter in a free VLAN.

        It takes 1 request besides the first time, and when all VLANs seem to
        be in use. If the platform refuses the adapter, and somebody else has
        taken the VLAN, another one is tried.

        :param vswitch_name: str
        :param create: called with a VLAN, int; returns the adapter.
        :returns: the adapter.
        :raises pypowervm.exceptions.Error: if no VLAN is free, they cannot be
            read, or the platform refuses.
        """
        # The lock of pypowervm: a VLAN is free until its adapter is there.
        with lockutils.lock(pvm_cna.VLAN_LOCK):
            vlan = self._choose(vswitch_name)
            try:
                adapter = create(vlan)
            except pvm_exc.HttpError as exc:
                if exc.response is None or not (
                        400 <= exc.response.status < 500):
                    raise
                self.forget()
                fresh = self._choose(vswitch_name)
                if vlan not in self._used.get(vswitch_name, ()):
                    raise
                vlan, adapter = fresh, create(fresh)
            with self._lock:
                # Unless it was forgotten meanwhile.
                self._used.get(vswitch_name, set()).add(vlan)
            return adapter

    def _choose(self, vswitch_name):
        vlan = self._first_free(vswitch_name)
        if vlan is None:
            # What others have removed has not been given back.
            self._used.pop(vswitch_name, None)
            vlan = self._first_free(vswitch_name)
        if vlan is None:
            raise pvm_exc.Error('All VLANs of virtual switch %s are in use.' %
                                vswitch_name)
        return vlan

    def _first_free(self, vswitch_name):
        used = self._used.get(vswitch_name)
        if used is None:
            used = self._used[vswitch_name] = self._read(vswitch_name)
        return next((vlan for vlan in range(1, _LAST_VLAN + 1)
                     if vlan not in used), None)

    def _read(self, vswitch_name):
        """Read the virtual networks: one is there for each VLAN in use."""
        href = self._host.get_vswitch(vswitch_name).related_href
        return {vnet.vlan for vnet in self._host.virtual_networks()
                if vnet.associated_switch_uri == href}

    def give_back(self, vswitch_name, vlan):
        """Note that neither adapter of a VLAN is there any more.

        :param vswitch_name: str
        :param vlan: int
        """
        with self._lock:
            self._used.get(vswitch_name, set()).discard(vlan)

    def expect_deletion(self, lpar_uuid):
        """Note that adapters go with their LPAR.

        :param lpar_uuid: str, UUID of the LPAR.
        """
        with self._lock:
            self._going.add(lpar_uuid.upper())

    def lpar_deleted(self, lpar_uuid):
        """Take in that an LPAR is gone, or may be, and its adapters with it.

        :param lpar_uuid: str, UUID of the LPAR.
        """
        with self._lock:
            was_expected = lpar_uuid.upper() in self._going
            self._going.discard(lpar_uuid.upper())
        if was_expected:
            self.forget()

    def forget(self):
        """Have the VLANs in use be read again."""
        self._used = {}
