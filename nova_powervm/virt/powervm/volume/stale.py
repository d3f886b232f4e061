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

"""Remove what VIOSes still have of volumes that nobody has any more.

owners.Owners finds this from the platform and Nova's database, so the driver
needs no other record. It checks:

* when nova-compute starts, and once an hour;
* when a VIOS is back that was down or that an operation has skipped;
* when a server is gone because of which a doubtful mapping was kept;
* when a live migration to this host was cut off.

On the same occasions it checks devices that nobody has mapped, but only in the
periodic tasks.
"""

import collections
import contextlib
import threading
import time

from oslo_log import log as logging
from pypowervm import const as pvm_const

from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm.volume import discovery
from nova_powervm.virt.powervm.volume import mappings
from nova_powervm.virt.powervm.volume import owners
from nova_powervm.virt.powervm.volume import whereabouts

LOG = logging.getLogger(__name__)


class StaleVolumes:
    """Removes stale mappings of volumes, and their devices.

    Operations may run at the same time. Only a swap has to announce itself,
    because Nova does not store the new volume before the swap has ended.

    :param host: the owner of the REST connection (host.Host).
    :param clock: returns seconds; for tests.
    """

    #: Seconds between two checks without a special reason.
    INTERVAL = 3600

    def __init__(self, host, clock=time.monotonic):
        self._host = host
        self._clock = clock
        self._lock = threading.Lock()
        self._swapping = collections.Counter()
        self._cleaning = threading.Lock()
        # UUIDs of the VIOSes that were down at the last check.
        self._unseen = set()
        # UUIDs of servers because of which the last check kept mappings.
        self._protecting = set()
        # UUIDs of busy servers on other hosts because of which it kept
        # devices.
        self._awaited = set()
        # UUIDs of servers that are to come in live migrations.
        self._coming = set()
        self._has_seen_devices = False
        self._last = clock()

    @contextlib.contextmanager
    def swapping(self, instance):
        """Protect the volumes of a server in a with statement."""
        with self._lock:
            self._swapping[instance.uuid] += 1
        try:
            yield
        finally:
            with self._lock:
                self._swapping[instance.uuid] -= 1
                self._swapping += collections.Counter()

    def _is_idle(self, instance_uuid):
        with self._lock:
            return not self._swapping[instance_uuid] if instance_uuid else (
                not any(self._swapping.values()))

    def start(self, vioses):
        """Check when nova-compute starts (0 requests if nothing is stale).

        Log failures.

        :param vioses: function that returns the wrappers of all VIOSes, read
            with SCSI_MAPPING.
        """
        if not utils.try_to('remove what is left of volumes', self._look,
                            vioses):
            # No check has succeeded yet.
            self._last = self._clock() - self.INTERVAL

    def miss(self, vios_uuids):
        """Check VIOSes as soon as they are up.

        :param vios_uuids: set of the UUIDs of VIOSes that were down.
        """
        with self._lock:
            self._unseen = self._unseen | vios_uuids

    def expect(self, instance):
        """Check as soon as a server does not come that was to come.

        Its host may go down before it can tell that.
        """
        with self._lock:
            self._coming = self._coming | {instance.uuid}

    def expect_no_more(self, instance):
        """Take in that a server has come, or that all of it was removed."""
        with self._lock:
            self._coming = self._coming - {instance.uuid}

    def clean_periodically(self):
        """Check if there is a reason (0 requests if not); log failures."""
        if self._cleaning.acquire(blocking=False):
            try:
                utils.try_to('remove what is left of volumes',
                             self._clean_if_due)
            finally:
                self._cleaning.release()

    def _clean_if_due(self):
        absent = self._find_absent()
        if not absent and not self._is_due():
            return
        vioses = self._host.vioses([vios_mappings.SCSI_MAPPING,
                                    pvm_const.XAG.VIO_STOR])
        self._remove_devices(self._look(lambda: vioses))
        self._has_seen_devices = True
        with self._lock:
            self._coming = self._coming - absent

    def _find_absent(self):
        """Return the UUIDs of servers that will not come any more: set."""
        with self._lock:
            expected = self._coming
        if not expected:
            return set()
        coming, absent = whereabouts.still_coming(self._host, expected)
        with self._lock:
            self._coming = self._coming - (expected - coming - absent)
        return absent

    def _is_due(self):
        """Return whether there is a reason for a check."""
        if not self._has_seen_devices or (
                self._clock() - self._last >= self.INTERVAL):
            return True
        if self._protecting and not whereabouts.are_all_here(
                self._host, self._protecting):
            return True
        if self._awaited and not whereabouts.are_all_busy(self._awaited):
            return True
        return bool(self._unseen) and not self._unseen.isdisjoint(
            vios_w.uuid for vios_w in self._host.active_vioses())

    def _remove_devices(self, vioses):
        """Make VIOSes forget stale volumes that are not mapped."""
        if not self._is_idle(None):
            return
        unmapped = {vios_w.uuid: discovery.find_unmapped(vios_w)
                    for vios_w in vioses}
        left, self._awaited = owners.left_devices(self._host, {
            element.udid for found in unmapped.values() for element in found})
        for vios_uuid, found in unmapped.items():
            for element in found:
                if element.udid in left:
                    LOG.warning('Removing stale device %(name)s of volume '
                                '%(udid)s from VIOS %(vios)s.', {
                                    'name': element.name, 'vios': vios_uuid,
                                    'udid': element.udid})
                    discovery.remove(self._host, vios_uuid, element.name)

    def _look(self, read):
        """Remove stale mappings from all VIOSes that are up.

        :param read: see start().
        :returns: wrappers of the VIOSes that are up, list.
        """
        vioses = read()
        active = self._host.filter_active(vioses)
        found = {vios_w.uuid: [mapping for mapping in vios_w.scsi_mappings
                               if mappings.may_be_of_volume(mapping)]
                 for vios_w in active}
        judge = _Judge(self._host, self._is_idle)
        failed = {vios_uuid for vios_uuid, stale in (
            (vios_uuid, judge.stale(volumes))
            for vios_uuid, volumes in found.items()) if stale and
            not utils.try_to('remove volumes from VIOS %s' % vios_uuid,
                             judge.remove_from, vios_uuid)}
        self._protecting = judge.protecting
        self._unseen = failed | ({vios_w.uuid for vios_w in vioses} -
                                 {vios_w.uuid for vios_w in active})
        self._last = self._clock()
        return active


class _Judge:
    """Finds stale mappings, and removes them.

    :param is_idle: see Owners.is_stale().
    :ivar protecting: set, see Owners.protecting; of all VIOSes.
    """

    def __init__(self, host, is_idle):
        self._host = host
        self._is_idle = is_idle
        self.protecting = set()

    def stale(self, found):
        """Return the stale ones of some mappings, list."""
        if not found:
            return []
        known = owners.Owners(self._host, found)
        stale = [mapping for mapping in found
                 if known.is_stale(mapping, self._is_idle)]
        self.protecting |= known.protecting
        return stale

    def remove_from(self, vios_uuid):
        """Remove stale mappings from a VIOS, and devices that nobody needs."""
        names = set()

        def unmap(vios_w):
            """Edit: ask Nova after the document was read."""
            names.clear()
            found = [mapping for mapping in vios_w.scsi_mappings
                     if mappings.may_be_of_volume(mapping)]
            known = owners.Owners(self._host, found)
            is_idle = self._is_idle
            removed = vios_mappings.remove_mappings(
                vios_w, lambda mapping: known.is_stale(mapping, is_idle))
            names.update(
                mapping.backing_storage.name for mapping in removed
                if not known.needs_device(mapping.backing_storage))
            names.difference_update(
                mapping.backing_storage.name
                for mapping in vios_w.scsi_mappings
                if mapping.backing_storage is not None)
            return removed

        stg = transaction.StorageTransaction(self._host, 'stale_volumes')
        stg.edit(vios_uuid, unmap)
        stg.execute()
        for element in stg.removed_storage:
            LOG.warning('Removed a stale mapping of volume %(volume)s '
                        '(%(udid)s) from VIOS %(vios)s.', {
                            'volume': element.tag, 'udid': element.udid,
                            'vios': vios_uuid})
        for name in sorted(names):
            discovery.remove(self._host, vios_uuid, name)
