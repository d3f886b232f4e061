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

"""Look at VIOSes cheaply.

A VIOS with 1,000 mappings is a document of 2 MB. So the driver keeps the last
one, and asks the platform for it only if it has changed. Operations that
change a VIOS read it themselves, see storage.transaction.
"""

from __future__ import annotations

import threading
import time
import typing

from pypowervm import const as pvm_const
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import reader
from nova_powervm.virt.powervm import rereads

#: Seconds without a look after which the document of a VIOS is dropped.
IDLE = 600


class _Look(typing.NamedTuple):
    document: rereads.Rereads
    since: float


class ViosLooks:
    """Reads VIOSes with their SCSI mappings, for callers that only look.

    :param host: the Host.
    :param clock: returns seconds; for tests.
    """

    def __init__(self, host: reader.PlatformReader,
                 clock: typing.Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._clock = clock
        self._lock = threading.Lock()
        # UUID in upper case -> _Look.
        self._looks: dict[str, _Look] = {}

    def get(self, vios_uuid: str) -> pvm_vios.VIOS:
        """Read a VIOS (1 request).

        If it has not changed since the last call, the platform answers without
        content.

        :returns: VIOS wrapper, read with VIO_SMAP; do not change it.
        :raises pypowervm.exceptions.Error: if it cannot be read.
        """
        return self._look(vios_uuid.upper()).document.get()

    def _look(self, vios_uuid: str) -> _Look:
        with self._lock:
            known = self._looks.get(vios_uuid)
            document = known.document if known else rereads.Rereads(
                lambda: self._host.vios(vios_uuid, [pvm_const.XAG.VIO_SMAP]),
                self._host.read_again)
            look = self._looks[vios_uuid] = _Look(document, self._clock())
        return look

    def forget(self, vios_uuid: str | None = None) -> None:
        """Drop what was read of a VIOS, or of all, because it has changed."""
        with self._lock:
            if vios_uuid is None:
                self._looks.clear()
            else:
                self._looks.pop(vios_uuid.upper(), None)

    def drop_idle(self) -> None:
        """Drop the VIOSes that nobody has looked at for IDLE seconds."""
        with self._lock:
            self._looks = {uuid: look for uuid, look in self._looks.items()
                           if self._clock() - look.since < IDLE}
