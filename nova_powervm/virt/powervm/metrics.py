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

"""Counters of one LPAR from the performance monitor of the platform (PCM).

A sample of the hypervisor contains all LPARs, and a sample of a VIOS contains
all its adapters. This module reads only the latest samples, and keeps only the
values of the LPAR. It does not turn the monitor on.
"""

import datetime
from email import utils as email_utils
import json
import re
import typing

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm import answers

LOG = logging.getLogger(__name__)

#: Seconds after which a sample is too old. The platform takes a sample every
#: 30 seconds, and a sample of guests every 2 minutes (source:
#: pypowervm.tasks.monitor.util).
MAX_AGE = 300
#: Seconds to wait for an answer. A user of Nova waits for all answers.
TIMEOUT = 15

_PHYP, _GUESTS, _VIOS = 'phyp', 'lpar', 'vios_%d'
# The end of the location code of a virtual adapter.
_SLOT = re.compile(r'-C(\d+)(?:-T\d+)?$')
# A guest in a sample has this key if the platform could not ask it.
_NOT_ASKED = 'errorInfo'


class Traffic(typing.NamedTuple):
    """Traffic of a network adapter since the start of the LPAR.

    All values are int, or None if they are not known.
    """

    rx_octets: int | None
    rx_packets: int | None
    tx_octets: int | None
    tx_packets: int | None


class IO(typing.NamedTuple):
    """Traffic of a storage adapter since the start of the LPAR.

    All values are int, or None if they are not known.
    """

    read_bytes: int | None
    read_requests: int | None
    write_bytes: int | None
    write_requests: int | None


class Metrics:
    """Counters of an LPAR. Unknown values are missing or None.

    :ivar cpu_time: int, nanoseconds that all its processors together have
        worked
    :ivar memory_used: int, percent of its memory that the guest uses
    :ivar traffic: dict of virtual slot, int -> Traffic
    :ivar scsi: dict of (ID of the VIOS, virtual slot of its adapter) -> IO
    :ivar fibre_channel: dict of WWPN, 16 upper-case hex digits -> IO
    """

    def __init__(self):
        self.cpu_time = self.memory_used = None
        self.traffic, self.scsi, self.fibre_channel = {}, {}, {}


def read(host, lpar_uuid):
    """Read the counters of an LPAR. Never raises.

    Needs 1 request. If the monitor is on, it needs 2 more, and 1 for each VIOS
    from which the LPAR has adapters.

    :param host: the Host.
    :param lpar_uuid: str, UUID of the LPAR.
    :returns: Metrics, empty if the monitor is off or does not answer.
    """
    found = Metrics()
    try:
        latest = _latest_samples(host)
        if _PHYP in latest:
            _Reader(host, lpar_uuid.upper(), latest, found).read()
    except pvm_exc.Error as exc:
        LOG.warning('The performance monitor cannot be read, so the '
                    'diagnostics have no counters, or not all: %s', exc)
    return found


# ---- find samples ----------------------------------------------------------

def _latest_samples(host):
    """Find the latest sample of each kind that is not too old (1 request).

    :returns: dict of the kind, such as 'phyp' or 'vios_2' -> URL.
    """
    answer = host.latest_samples(TIMEOUT)
    with answers.understood('samples', answer):
        entries = list(answer.feed.entries)
    oldest = _oldest(answer)
    latest = {}
    for entry in entries:
        try:
            kind = entry.properties['category']
            known = _time(entry.properties['updated']), entry.links[None][0]
        except (LookupError, AttributeError, TypeError, ValueError):
            LOG.debug('This is no sample: %s', entry.properties)
            continue
        if known[0] > oldest:
            latest[kind] = max(known, latest.get(kind, known))
    return {kind: url for kind, (_when, url) in latest.items()}


def _oldest(answer):
    """Return the minimum time of a usable sample, by the platform's clock."""
    now = email_utils.parsedate_tz(answer.headers.get('Date'))
    if now is None:
        return datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    return datetime.datetime.fromtimestamp(
        email_utils.mktime_tz(now) - MAX_AGE, datetime.timezone.utc)


def _time(text):
    """Read a time such as 2015-04-30T03:53:00.000Z, or with -05:00."""
    found = datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
    return found.astimezone(datetime.timezone.utc)


# ---- read samples ----------------------------------------------------------

class _Reader:
    """Reads the latest samples into Metrics.

    :param latest: dict of kind -> URL
    """

    def __init__(self, host, lpar_uuid, latest, found):
        self._host = host
        self._uuid = lpar_uuid
        self._latest = latest
        self._found = found

    def read(self):
        """Read the sample of the hypervisor, and samples that it refers to.

        :raises pypowervm.exceptions.Error: if the hypervisor's sample cannot
            be read, or any sample does not come in time.
        """
        sample = self._load(_PHYP)
        system = _dig(sample, 'systemUtil', 'utilSample')
        lpar = self._own(_dig(system, 'lparsUtil'))
        if lpar is None:
            return
        self._processors(_dig(lpar, 'processor'), _number(
            _dig(system, 'processor', 'procCyclesPerSecond')))
        for adapter in _list(lpar, 'network', 'virtualEthernetAdapters'):
            self._traffic(adapter)
        for kind, part in self._others(lpar):
            try:
                part(self._load(kind))
            except pvm_exc.TimeoutError:
                # Do not wait for the other samples either.
                raise
            except pvm_exc.Error as exc:
                LOG.warning('The sample of %(kind)s cannot be read, so the '
                            'diagnostics lack its counters: %(error)s', {
                                'kind': kind, 'error': exc})

    def _load(self, kind):
        """Read a sample without the values of other LPARs."""
        answer = self._host.sample(self._latest[kind], TIMEOUT)
        with answers.understood(kind, answer):
            return json.loads(answer.body, object_hook=self._drop_others)

    def _drop_others(self, value):
        uuid = value.get('uuid')
        return value if uuid is None or self._is_own(uuid) else None

    def _is_own(self, uuid):
        return isinstance(uuid, str) and uuid.upper() == self._uuid

    def _own(self, partitions):
        if not isinstance(partitions, list):
            return None
        return next((found for found in partitions
                     if self._is_own(_dig(found, 'uuid'))), None)

    def _others(self, lpar):
        """Yield the kinds of other samples, and functions to read them."""
        vioses = {}
        for adapter in _list(lpar, 'storage', 'genericVirtualAdapters'):
            vios_id = _number(_dig(adapter, 'viosId'))
            vioses.setdefault(vios_id, (set(), set()))[0].add(
                _number(_dig(adapter, 'viosAdapterSlotId')))
        for adapter in _list(lpar, 'storage', 'virtualFiberChannelAdapters'):
            vios_id = _number(_dig(adapter, 'viosId'))
            vioses.setdefault(vios_id, (set(), set()))[1].update(
                _wwpn(wwpn) for name in ('wwpnpair', 'wwpnPair')
                for wwpn in _list(adapter, name))
        for vios_id, (slots, wwpns) in vioses.items():
            kind = _VIOS % (vios_id or 0)
            if kind in self._latest:
                yield kind, self._storage_reader(vios_id, slots, wwpns)
        if _GUESTS in self._latest:
            yield _GUESTS, self._memory

    def _processors(self, counted, frequency):
        """Set the processor time.

        The used cycles include the idle cycles (source: pypowervm,
        HostCPUMetricCache._delta_user_cycles).
        """
        used, beyond, idle = [_number(_dig(counted, name)) for name in (
            'utilizedCappedProcCycles', 'utilizedUnCappedProcCycles',
            'idleProcCycles')]
        if frequency and used is not None and beyond is not None:
            cycles = max(0, used + beyond - (idle or 0))
            self._found.cpu_time = cycles * 10 ** 9 // frequency

    def _traffic(self, adapter):
        slot = _slot(adapter)
        if slot is not None:
            self._found.traffic[slot] = Traffic(*[
                _number(_dig(adapter, name)) for name in (
                    'receivedBytes', 'receivedPackets', 'sentBytes',
                    'sentPackets')])

    def _storage_reader(self, vios_id, slots, wwpns):
        def read(sample):
            for vios in _list(sample, 'systemUtil', 'utilSample', 'viosUtil'):
                for adapter in _list(vios, 'storage',
                                     'genericVirtualAdapters'):
                    slot = _slot(adapter)
                    if slot in slots:
                        self._found.scsi[vios_id, slot] = _io(adapter)
                for port in _list(vios, 'storage', 'fiberChannelAdapters'):
                    for adapter in _list(port, 'ports'):
                        wwpn = _wwpn(_dig(adapter, 'wwpn'))
                        if wwpn in wwpns:
                            self._found.fibre_channel[wwpn] = _io(adapter)
        return read

    def _memory(self, sample):
        """Set the memory that the guest uses, if the platform could ask it.

        Newer guests report the available memory, which includes their caches
        (source: pypowervm.tasks.monitor.lpar.LparMemory).
        """
        guest = self._own(_dig(sample, 'lparUtil'))
        if guest is None or _NOT_ASKED in guest:
            return
        for name in ('pctRealMemAvbl', 'pctRealMemFree'):
            free = _number(_dig(guest, 'memory', name))
            if free is not None and free <= 100:
                self._found.memory_used = 100 - free
                return


def _io(adapter):
    return IO(*[_number(_dig(adapter, name)) for name in (
        'readBytes', 'numOfReads', 'writeBytes', 'numOfWrites')])


def _dig(value, *names):
    """Follow names through nested dicts; return None if one is missing."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _list(value, *names):
    found = _dig(value, *names)
    return found if isinstance(found, list) else []


def _number(value):
    """Return a number as int; None if it is no number or negative."""
    try:
        return int(value) if float(value) >= 0 else None
    except (OverflowError, TypeError, ValueError):
        return None


def _slot(adapter):
    match = _SLOT.search(str(_dig(adapter, 'physicalLocation')))
    return int(match[1]) if match else None


def _wwpn(value):
    """Return a WWPN as 16 digits.

    The hypervisor reports a number, and a VIOS reports digits.
    """
    if isinstance(value, int):
        return '%016X' % value
    return str(value).replace(':', '').upper()
