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

"""Read the power states of all LPARs together while nova-compute starts.

When nova-compute starts, it asks twice for the power state of each server, and
does not accept a cached state. Instead of one request for each server, the
driver reads the states of all LPARs in one request. It repeats this request if
the start takes long.
"""

import time

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

LOG = logging.getLogger(__name__)


class PowerStates:
    """The power states of all LPARs while nova-compute starts.

    :param host: the owner of the REST connection (host.Host), connected.
    :param clock: returns seconds; for tests.
    """

    #: Seconds for which the states are recent enough. When a state changes,
    #: the platform sends an event, and the driver reads this state again.
    MAX_AGE = 30

    def __init__(self, host, clock=time.monotonic):
        self._host = host
        self._clock = clock
        self._last = None
        self._are_known = False

    def are_known(self):
        """Read the states if they are too old (0 or 1 request). Never raises.

        :returns: bool; False if the platform did not answer. The caller then
            has to read each state on its own.
        """
        now = self._clock()
        if self._last is None or now - self._last >= self.MAX_AGE:
            self._last = now
            try:
                self._host.partition_states.refresh()
                self._are_known = True
            except pvm_exc.Error as exc:
                LOG.warning('The states of all LPARs could not be read: %s',
                            exc)
                self._are_known = False
        return self._are_known
