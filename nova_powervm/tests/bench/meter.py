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

"""Measuring: REST requests, bytes, seconds and memory."""

import contextlib
import ctypes
import dataclasses
import gc
import re
import threading
import time
from unittest import mock

_SAMPLE_SECONDS = 0.01
_KIB_PER_MIB = 1024


@dataclasses.dataclass
class Measurement:
    """What an operation cost.

    :ivar requests: int, REST requests of the driver, without logon and polls
        for events; None if it is not about requests.
    :ivar all_requests: int, those and what Nova had the driver do around it,
        such as bringing the inventory up to date when a server is claimed.
    :ivar bytes_in: int, in the bodies of the requests of the driver.
    :ivar bytes_out: int, in the bodies of the answers to them.
    :ivar seconds: float
    :ivar value: number that the row is about; None means the requests.
    """

    requests: int = None
    all_requests: int = None
    bytes_in: int = None
    bytes_out: int = None
    seconds: float = None
    value: float = None


class Meter:
    """Measures operations on a simulated host.

    :param host: site.SimulatedHost
    """

    def __init__(self, host):
        self._host = host

    @contextlib.contextmanager
    def driver_call(self, driver, method):
        """Measure one call of the driver that Nova makes meanwhile.

        :param driver: PowerVMDriver
        :param method: str, the name of its method.
        :returns: Measurement, complete at the end.
        """
        measured = Measurement()
        original = getattr(driver, method)
        earlier = []

        def call(*args, **kwargs):
            earlier.extend(self._host.take_requests())
            with self._measure(measured):
                return original(*args, **kwargs)

        self._host.clear_journal()
        with mock.patch.object(driver, method, call):
            yield measured
        measured.all_requests = measured.requests + len(
            earlier + self._host.take_requests())

    @contextlib.contextmanager
    def operation(self):
        """Measure what happens meanwhile, all of it.

        :returns: Measurement, complete at the end.
        """
        measured = Measurement()
        self._host.clear_journal()
        with self._measure(measured):
            yield measured
        measured.all_requests = measured.requests

    @contextlib.contextmanager
    def _measure(self, measured):
        started = time.monotonic()
        yield
        measured.seconds = time.monotonic() - started
        records = self._host.take_requests()
        measured.requests = len(records)
        measured.bytes_in = sum(record['bytes_in'] for record in records)
        measured.bytes_out = sum(record['bytes_out'] for record in records)


def resident_mib():
    """Return the memory of this process in MiB (Linux only)."""
    with open('/proc/self/status') as status:
        kib = re.search(r'^VmRSS:\s+(\d+) kB', status.read(), re.MULTILINE)
    return int(kib.group(1)) / _KIB_PER_MIB


def _return_free_memory():
    """Have the C library give back what it keeps for later use.

    Otherwise a growth could hide in it.
    """
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)


@contextlib.contextmanager
def memory():
    """Measure by how much the memory of this process grows at most.

    :returns: Measurement; its value is MiB, complete at the end.
    """
    gc.collect()
    _return_free_memory()
    idle = resident_mib()
    peak = [idle]
    ended = threading.Event()

    def sample():
        while not ended.wait(_SAMPLE_SECONDS):
            peak[0] = max(peak[0], resident_mib())

    sampler = threading.Thread(target=sample, name='memory-sampler')
    measured = Measurement()
    started = time.monotonic()
    sampler.start()
    try:
        yield measured
    finally:
        ended.set()
        sampler.join()
    measured.seconds = time.monotonic() - started
    measured.value = max(peak[0], resident_mib()) - idle
