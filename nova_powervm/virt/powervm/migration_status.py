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


"""What the status of a migration tells (source: nova.compute.manager).

Nova keeps a record of each live migration, cold migration, resize and
evacuation. Its statuses are plain text, and differ by the kind of the move.
"""

from nova.objects import fields

#: The target of a live migration prepares itself.
LIVE_PREPARING = 'preparing'
#: The target is prepared.
LIVE_RUNNING = 'running'
#: Nobody has ended the live migration.
LIVE_UNDER_WAY = ('accepted', 'queued', LIVE_PREPARING, LIVE_RUNNING)
# Nova knows how the live migration has ended.
_LIVE_ENDED = ('completed', 'failed', 'cancelled', 'done')
#: The move has failed. A server whose live migration is in 'error' may be on
#: either host.
FAILED = ('failed', 'error')
#: The evacuation is under way.
EVACUATION_UNDER_WAY = ('accepted', 'pre-migrating')
#: The evacuation has begun, and has not succeeded.
EVACUATION_UNFINISHED = (*EVACUATION_UNDER_WAY, *FAILED)
#: The old host of an evacuated server has removed it.
EVACUATION_CLEANED = 'completed'
#: Nova has not called the driver of the target yet.
NOT_ON_TARGET = ('queued', 'accepted', 'pre-migrating', 'migrating')
# The server is on one host only, after a move that was not live.
_OTHERS_ENDED = (*_LIVE_ENDED, 'confirmed', 'reverted', 'error')
# The move has brought the server to its target.
_ARRIVED = ('completed', 'done', 'finished', 'confirmed')


def is_live(migration):
    """Whether a move is a live migration.

    :param migration: nova.objects.Migration
    """
    return migration.migration_type == fields.MigrationType.LIVE_MIGRATION


def is_over(migration):
    """Whether a move has ended, and Nova knows how.

    :param migration: nova.objects.Migration
    """
    return migration.status in (
        _LIVE_ENDED if is_live(migration) else _OTHERS_ENDED)


def has_brought_to(nodename, migration):
    """Whether a move has certainly ended with the server on a host.

    :param nodename: str, Nova's name of the host.
    :param migration: nova.objects.Migration
    """
    if migration.status == 'reverted':
        return migration.source_compute == nodename
    return (migration.status in _ARRIVED and
            migration.dest_compute == nodename)
