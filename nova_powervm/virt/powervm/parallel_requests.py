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


"""Limits how many requests to an HMC are under way at the same time.

An HMC serves many hosts, and asks their VIOSes for much of what it answers.
"""

import contextlib
import threading

from pypowervm import const as pvm_const

from nova_powervm import conf as cfg

CONF = cfg.CONF

#: In the path of a poll for events.
EVENTS = '/uom/Event?'
# A logon may be part of another request, and a poll waits long.
_EXEMPT = (pvm_const.LOGON_PATH, EVENTS)


class ParallelRequests:
    """Lets requests to a server wait until few enough are under way.

    Each server has its own: one that hangs must not keep others waiting.
    """

    def __init__(self):
        most = CONF.powervm.hmc_parallel_requests
        self._turns = threading.BoundedSemaphore(most) if most else None

    def one(self, is_hmc, path, options):
        """Return a context manager for one request, which may wait for others.

        An upload has a limit of its own in pypowervm, and may take hours.

        :param is_hmc: bool, whether the request goes to an HMC.
        :param path: str, of the request.
        :param options: dict, keyword arguments of the request.
        """
        if (self._turns is None or not is_hmc or
                options.get('filehandle') is not None or
                any(part in path for part in _EXEMPT)):
            return contextlib.nullcontext()
        return self._turns
