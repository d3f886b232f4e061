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

"""Allocate the VLANs of the virtual switch to Open vSwitch.

A port of Open vSwitch is a pair of adapters, alone in a VLAN of that switch.
Only this process allocates its VLANs. So it reads the used VLANs once, and
remembers which ones it allocates and frees.
"""

import threading

from oslo_concurrency import lockutils
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import cna as pvm_cna

LOG = logging.getLogger(__name__)

_LAST_VLAN = 4093


class PrivateVlans:
    """The used and free VLANs of virtual switches.

    :param host: host.Host
    """

    def __init__(self, host):
        self._host = host
        self._lock = threading.Lock()
        # Name of the switch -> set of VLANs in use, after they were read.
        self._used = {}
        # UUIDs of LPARs that are about to be deleted with their adapters.
        self._going = set()

    def create_in_free(self, vswitch_name, create):
        """Create an adapter in a free VLAN.

        Needs 1 request more the first time, and when all VLANs seem to be in
        use. If the platform refuses the adapter because somebody else has
        taken the VLAN, try another one.

        :param vswitch_name: str
        :param create: called with a VLAN, int; returns the adapter.
        :returns: the adapter.
        :raises pypowervm.exceptions.Error: if no VLAN is free, the VLANs
            cannot be read, or the platform refuses.
        """
        # The lock of pypowervm: a VLAN is free until its adapter exists.
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
                # This has no effect if forget() was called in the meantime.
                self._used.get(vswitch_name, set()).add(vlan)
            return adapter

    def _choose(self, vswitch_name):
        vlan = self._first_free(vswitch_name)
        if vlan is None:
            # Others may have removed adapters without calling give_back().
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
        """Read the virtual networks; there is one for each VLAN in use."""
        href = self._host.get_vswitch(vswitch_name).related_href
        return {vnet.vlan for vnet in self._host.virtual_networks()
                if vnet.associated_switch_uri == href}

    def give_back(self, vswitch_name, vlan):
        """Free a VLAN, after both of its adapters were removed.

        :param vswitch_name: str
        :param vlan: int
        """
        with self._lock:
            self._used.get(vswitch_name, set()).discard(vlan)

    def expect_deletion(self, lpar_uuid):
        """Note that the adapters of an LPAR will be deleted with it.

        :param lpar_uuid: str, UUID of the LPAR.
        """
        with self._lock:
            self._going.add(lpar_uuid.upper())

    def lpar_deleted(self, lpar_uuid):
        """Drop the used VLANs if an LPAR with expected deletion is gone.

        :param lpar_uuid: str, UUID of the LPAR, which may be gone with its
            adapters.
        """
        with self._lock:
            was_expected = lpar_uuid.upper() in self._going
            self._going.discard(lpar_uuid.upper())
        if was_expected:
            self.forget()

    def forget(self):
        """Drop the used VLANs, so that they are read again."""
        self._used = {}
