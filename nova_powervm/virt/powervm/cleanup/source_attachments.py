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

"""Delete attachments of servers that were deleted amid a live migration.

Nova then deletes only the attachments for the target. If the server stayed on
this host, its LPAR has the volumes, so the removal of the LPAR deletes the
others. This cleaner does so if that failed: Cinder was down, nova-compute was
killed, or an operator deleted the LPAR.
"""

from nova import exception as nova_exc

from nova_powervm.virt.powervm.live import attachments
from nova_powervm.virt.powervm.live import records


def delete(snapshot, done):
    """Delete what is left, with 1 call of Cinder for each attachment.

    It reads nothing if no deleted server has such attachments. Nova keeps the
    notes of a deleted server, so each start tries this again, but only once.

    :param snapshot: platform_snapshot.PlatformSnapshot
    :param done: set of the UUIDs of servers that have none any more, as far as
        this process knows; servers are added.
    :raises nova.exception.CinderConnectionFailed: if an attachment is left.
    """
    found = [instance for instance in snapshot.deleted
             if instance.uuid not in done and attachments.read(instance)]
    if not found:
        return
    here = {instance.uuid for instance in snapshot.deleted_with_lpar}
    free = {instance.uuid: instance for instance in found
            if instance.uuid not in here and
            not records.are_under_way(instance)}
    gone = {uuid for uuid, instance in free.items()
            if attachments.delete_unused(instance)}
    done |= gone
    if gone != free.keys():
        raise nova_exc.CinderConnectionFailed(
            reason='attachments are left')
