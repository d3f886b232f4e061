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

"""Cinder's attachments of volumes on the source of a live migration.

Before a server moves, Nova makes a second attachment of each volume, for the
target. In Nova's database it replaces the first one. From then on only the
process that migrates the server knows the first ones. If this process ends,
the next one must know them too, because it has to delete one of the two. So
the target has Nova store them with the server until the migration has ended.
It does this when Nova asks for its connector, before Nova replaces any.
"""

import contextlib

from nova import exception as nova_exc
from nova import objects
from nova.volume import cinder
from oslo_serialization import jsonutils

from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm import utils

_KEY = 'powervm_attachment_'


def note(instance):
    """Have Nova keep the attachments on the source (2 DB calls).

    :param instance: nova.objects.Instance; Nova has not made the attachments
        of its volumes for the target yet.
    """
    bdms = objects.BlockDeviceMappingList.get_by_instance_uuid(
        instance._context, instance.uuid)
    server_notes.note(instance, {
        _KEY + bdm.volume_id: bdm.attachment_id for bdm in bdms
        if bdm.is_volume and bdm.attachment_id})


def forget(instance):
    """Have Nova forget them (1 DB call, another if there are any)."""
    server_notes.drop(instance, _KEY)


def read(instance):
    """Tell what note() has kept: dict of volume id -> attachment id."""
    return {key[len(_KEY):]: value
            for key, value in instance.system_metadata.items()
            if key.startswith(_KEY)}


def source_bdms(context, instance, volume_api):
    """What Nova had of the volumes of a server before it was migrated.

    1 call of Cinder for each volume.

    :param instance: nova.objects.Instance
    :param volume_api: nova.volume.cinder.API
    :returns: nova.objects.BlockDeviceMappingList, copies that are not saved;
        without changes for volumes whose attachment is not known.
    """
    kept = read(instance)
    found = objects.BlockDeviceMappingList.get_by_instance_uuid(
        context, instance.uuid)
    for bdm in found:
        if bdm.is_volume and bdm.volume_id in kept:
            utils.try_to('read attachment %s' % kept[bdm.volume_id], _set,
                         context, volume_api, bdm, kept[bdm.volume_id])
    return found


def restore(instance, found):
    """Have Nova connect volumes as on the source again.

    2 DB calls and 1 call of Cinder for each. A failure is logged: a hard
    reboot reads the data of the volume anew.

    :param instance: nova.objects.Instance
    :param found: dict of volume id -> id of its attachment on the source.
    """
    volume_api = cinder.API()
    for volume_id, attachment_id in found.items():
        utils.try_to('restore attachment %s' % attachment_id, _restore,
                     instance, volume_id, attachment_id, volume_api)


def delete(instance, found):
    """Delete the attachments on the source of a server that Nova has deleted.

    Nova knew only those on the target by then. 1 call of Cinder for each; a
    failure is logged.

    :param instance: nova.objects.Instance
    :param found: dict of volume id -> id of its attachment on the source.
    :returns: bool, whether none of them is left.
    """
    volume_api = cinder.API()
    return all([utils.try_to('delete attachment %s' % attachment_id, _delete,
                             instance, attachment_id, volume_api)
                for attachment_id in found.values()])


def delete_unused(instance):
    """Delete attachments on the source of a server that has left it.

    Nova has deleted the server, or made it elsewhere, and has given up only
    the attachments on the target, which it knew. It must not be migrated just
    now. 3 DB calls, and 1 call of Cinder for each.

    :param instance: nova.objects.Instance
    :returns: bool, whether none of them is left.
    """
    kept = read(instance)
    if not kept:
        return True
    used = {bdm.attachment_id for bdm in
            objects.BlockDeviceMappingList.get_by_instance_uuid(
                instance._context, instance.uuid)}
    are_gone = delete(instance, {
        volume_id: attachment_id for volume_id, attachment_id in kept.items()
        if attachment_id not in used})
    if are_gone and not instance.deleted:
        forget(instance)
    return are_gone


def _delete(instance, attachment_id, volume_api):
    with contextlib.suppress(nova_exc.VolumeAttachmentNotFound):
        volume_api.attachment_delete(instance._context, attachment_id)


def _restore(instance, volume_id, attachment_id, volume_api):
    context = instance._context
    bdm = objects.BlockDeviceMapping.get_by_volume_and_instance(
        context, volume_id, instance.uuid)
    _set(context, volume_api, bdm, attachment_id)
    bdm.save()


def _set(context, volume_api, bdm, attachment_id):
    info = volume_api.attachment_get(context,
                                     attachment_id)['connection_info']
    bdm.attachment_id = attachment_id
    bdm.connection_info = jsonutils.dumps(
        dict(info, serial=info.get('serial') or bdm.volume_id))
