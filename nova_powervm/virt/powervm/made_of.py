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

"""Store the image that a server was created from.

When a user rebuilds a server, Nova writes the new image and its properties
into the record of the server. Only then does it ask the scheduler, the host
and the driver, and it does not restore the record if one of them refuses
(source: nova.compute.api.API.rebuild()). So the driver stores the image and
its properties when it creates a server, and decides by these. If it refuses a
rebuild itself, it restores Nova's record from them.
"""

from nova.compute import task_states
from nova.compute import vm_states
from nova import context as nova_context
from nova import objects
from oslo_log import log as logging
from pypowervm.utils import uuid as pvm_uuids
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm import server_notes

LOG = logging.getLogger(__name__)

#: os_distro of images with IBM i.
IBMI = 'ibmi'

# Prefix of image properties in system_metadata (source: nova.utils).
_PROPERTY = 'image_'
# Keys in system_metadata: the UUID of the image, empty for a boot volume; and
# the prefix of the stored properties.
_IMAGE = 'powervm_image'
_KEPT = 'powervm_image_'
#: Prefix of the keys that this module writes, for instance_id.
NOTES = _IMAGE
# Characters in Nova's column for keys of system_metadata.
_LONGEST_KEY = 255
# Attributes of an instance that Nova takes from properties of the image.
_ATTRIBUTES = {'os_type': None, 'architecture': None, 'vm_mode': None,
               'kernel_id': '', 'ramdisk_id': ''}


def read(metadata, name):
    """Return a property of the image that a server was created from.

    :param metadata: dict, the system_metadata of the server.
    :param name: str, as in Glance.
    :returns: str, or None.
    """
    prefix = _KEPT if _IMAGE in metadata else _PROPERTY
    return metadata.get(prefix + name)


def is_known(instance):
    """Return whether the image of a server is stored."""
    return _IMAGE in instance.system_metadata


def note_spawn(instance, nodename):
    """Store the image of a server, when the driver is to create its disks.

    If the server is built or rebuilt, store what Nova has on record. Do the
    same if it is evacuated without its disks, because Nova fetches the image
    on record for the new disks. If the server is unshelved, or evacuated with
    volumes, keep what is stored. For a server of an older version, the next
    start of nova-compute stores the image, see take_over().

    :param instance: nova.objects.Instance, which is saved.
    :param nodename: str, Nova's name of this host.
    """
    is_new = instance.vm_state == vm_states.BUILDING or (
        instance.task_state == task_states.REBUILD_SPAWNING and
        (instance.host == nodename or instance.image_ref))
    if is_new:
        note(instance)


def note(instance):
    """Store the image on Nova's record (2 DB calls, 0 if already stored)."""
    metadata = instance.system_metadata
    wanted = {_kept_key(key): value for key, value in metadata.items()
              if _is_kept(key)}
    wanted[_IMAGE] = instance.image_ref or ''
    if wanted != {key: metadata[key] for key in _kept_keys(metadata)}:
        _forget(metadata)
        metadata.update(wanted)
        server_notes.save(instance)


def as_on_record(instance):
    """Return a copy of an instance with the image on Nova's record."""
    copy = instance.obj_clone()
    _forget(copy.system_metadata)
    return copy


def give_back(instance, is_ibmi):
    """Restore the image of a server in Nova's record (2 DB calls).

    If an older version created the server and its image is not stored, restore
    only the property that says whether it runs IBM i.

    :param instance: nova.objects.Instance, which is saved.
    :param is_ibmi: called without arguments, only if the image is not stored;
        returns whether the server runs IBM i.
    """
    metadata = instance.system_metadata
    if not is_known(instance):
        LOG.warning('The image that the server was made of is not known, so '
                    'that of the refused rebuild stays on record. Rebuild the '
                    'server with an image that can be used.',
                    instance=instance)
        _set_system(metadata, is_ibmi())
        note(instance)
        return
    for key in list(metadata):
        if _is_kept(key):
            del metadata[key]
    metadata.update({
        _PROPERTY + key[len(_KEPT):]: metadata[key]
        for key in _kept_keys(metadata) if key != _IMAGE})
    instance.image_ref = metadata[_IMAGE]
    for name, default in _ATTRIBUTES.items():
        setattr(instance, name, metadata.get(_PROPERTY + name, default))
    server_notes.save(instance)


def take_over(nodename, find_partitions):
    """Store the images of servers that older versions created.

    :param nodename: str, Nova's name of the host.
    :param find_partitions: called without arguments if there is such a server;
        returns the LPAR wrappers of the host.
    :raises pypowervm.exceptions.Error: if find_partitions raises it.
    """
    missing = [instance for instance in objects.InstanceList.get_by_host(
        nova_context.get_admin_context(), nodename,
        expected_attrs=['system_metadata'])
        if instance.launched_at and not is_known(instance)]
    if not missing:
        return
    systems = {lpar_w.uuid.upper(): lpar_w.env for lpar_w in
               find_partitions()}
    for instance in missing:
        system = systems.get(pvm_uuids.convert_uuid_to_pvm(
            instance.uuid).upper())
        if system is not None:
            _set_system(instance.system_metadata,
                        system == pvm_bp.LPARType.OS400)
        try:
            note(instance)
        except Exception as exc:
            LOG.warning('The image that the server is made of could not be '
                        'stored. The next start of nova-compute tries again: '
                        '%s', exc, instance=instance)


def _set_system(metadata, is_ibmi):
    """Set the property that says whether the server runs IBM i."""
    key = _PROPERTY + 'os_distro'
    if is_ibmi:
        metadata[key] = IBMI
    elif metadata.get(key, '').lower() == IBMI:
        del metadata[key]


def _kept_key(key):
    """Return the key under which a property of Nova's record is stored."""
    return _KEPT + key[len(_PROPERTY):]


def _is_kept(key):
    """Return whether a key of system_metadata is a property to store.

    A property with a long name stays only in Nova's record, because the driver
    does not use it.
    """
    return (key.startswith(_PROPERTY) and
            len(_kept_key(key)) <= _LONGEST_KEY)


def _kept_keys(metadata):
    return [key for key in metadata if key == _IMAGE or key.startswith(_KEPT)]


def _forget(metadata):
    for key in _kept_keys(metadata):
        del metadata[key]
