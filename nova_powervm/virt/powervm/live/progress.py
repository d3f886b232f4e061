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

"""What Nova is told of the progress of a live migration."""

from oslo_log import log as logging
from oslo_utils import units

LOG = logging.getLogger(__name__)

#: Seconds between two looks at the LPAR while it moves.
INTERVAL = 10
# Elements of an LPAR that pypowervm has no properties for. Their unit is
# assumed to be MB, no hardware.
_TOTAL = 'ProgressPartitionDataTotal'
_REMAINING = 'ProgressPartitionDataRemaining'
# It is assumed to be true while a job migrates the LPAR, no hardware.
_UNDER_WAY = 'IsOperationInProgress'


class Progress:
    """Saves how much of the memory of a server is copied.

    :ivar state: str, the migration state of the LPAR when it was read last,
        or None.
    :ivar is_under_way: bool, whether the platform worked on the LPAR then.
    :param record: nova.objects.Migration, or None.
    :param clock: running.Clock
    """

    def __init__(self, record, clock):
        self._record = record
        self._clock = clock
        self._last = clock.now()
        self.state = None
        self.is_under_way = False

    def is_due(self):
        """Whether it is time to look again."""
        return self._clock.now() - self._last >= INTERVAL

    def note(self, lpar_w):
        """Save what an LPAR that was just read tells. Never raises."""
        self._last = self._clock.now()
        self.state = lpar_w.migration_state
        self.is_under_way = lpar_w._get_val_bool(_UNDER_WAY)
        total = lpar_w._get_val_int(_TOTAL)
        if not total or self._record is None:
            return
        remaining = lpar_w._get_val_int(_REMAINING) or 0
        try:
            self._save(total, remaining)
        except Exception as exc:
            LOG.warning('The progress of the migration is not saved: %s', exc)

    def _save(self, total, remaining):
        record = self._record
        record.memory_total = total * units.Mi
        record.memory_remaining = remaining * units.Mi
        record.memory_processed = (total - remaining) * units.Mi
        record.save()
