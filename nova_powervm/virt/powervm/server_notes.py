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

"""Save servers in Nova without losing notes that somebody else has stored.

The driver keeps notes in a server's system_metadata. Nova's Instance.save()
writes all of system_metadata as soon as one key has changed. An operation may
have read the server before another operation, or another host, stored its
notes; then save() would delete those. In a live migration, for example, both
hosts store notes at the same time.

The functions here read what Nova has now, and change only the keys that the
caller has changed. All of the driver saves servers with them. Threads of one
process take turns. What another host, or Nova itself, stores between the read
and the save is still lost: Nova has no call that saves one key.
"""

from nova import exception as nova_exc
from nova import objects
from oslo_concurrency import lockutils


def save(instance, **expected):
    """Save a server, with those keys only that the caller has changed.

    It is 2 DB calls, or 1 if system_metadata has not changed.

    :param instance: nova.objects.Instance
    :param expected: what Instance.save() expects of Nova's record.
    :raises nova.exception.InstanceNotFound: if Nova has deleted the server.
    :raises nova.exception.UnexpectedTaskStateError: if Nova's record is not
        as expected.
    """
    with _lock(instance):
        changes = _unsaved(instance)
        if changes and instance._context is not None:
            _take_in(instance, _read(instance).system_metadata, changes)
        instance.save(**expected)


def change(instance, edit):
    """Edit the notes of a server, and save nothing else (2 DB calls).

    Nova may have changed other fields of the instance that it saves later.

    :param instance: nova.objects.Instance. It gets the notes that Nova has,
        and keeps the changes that the caller has not saved.
    :param edit: called with an Instance to change its system_metadata. That
        has what Nova has now.
    :returns: bool; False if Nova has deleted the server, or if the instance
        has no context any more. Then only the instance is edited.
    """
    if instance._context is None:
        edit(instance)
        return False
    with _lock(instance):
        try:
            fresh = _read(instance)
            before = dict(fresh.system_metadata)
            edit(fresh)
            edited = _difference(before, fresh.system_metadata)
            fresh.save()
        except nova_exc.InstanceNotFound:
            edit(instance)
            return False
        unsaved = {key: value for key, value in _unsaved(instance).items()
                   if key not in edited}
        _take_in(instance, fresh.system_metadata, unsaved)
    return True


def note(instance, notes):
    """Store notes with a server; see change().

    :param notes: dict of key -> str; None removes the key.
    """
    if notes:
        change(instance, lambda found: apply(found, notes))


def apply(instance, notes):
    """Change the system_metadata of an instance; do not save it.

    :param notes: see note().
    """
    for key, value in notes.items():
        instance.system_metadata.pop(key, None)
        if value is not None:
            instance.system_metadata[key] = value


def drop(instance, prefix):
    """Have Nova forget all notes whose keys begin with something.

    :param prefix: str
    """
    change(instance, lambda found: apply(found, {
        key: None for key in found.system_metadata
        if key.startswith(prefix)}))


def _lock(instance):
    return lockutils.lock('powervm_notes_' + instance.uuid, do_log=False)


def _read(instance):
    return objects.Instance.get_by_uuid(
        instance._context, instance.uuid, expected_attrs=['system_metadata'])


def _unsaved(instance):
    """Return what the caller has changed, see note(): dict."""
    if not instance.obj_attr_is_set('system_metadata'):
        return {}
    return _difference(instance._orig_system_metadata,
                       instance.system_metadata)


def _difference(old, new):
    return {key: new.get(key) for key in {**old, **new}
            if old.get(key) != new.get(key)}


def _take_in(instance, metadata, unsaved):
    """Have an instance know what Nova has, and what is not saved there.

    :param metadata: dict, what Nova has.
    :param unsaved: see note().
    """
    apply(instance, _difference(instance.system_metadata, metadata))
    instance.obj_reset_changes(['system_metadata'])
    apply(instance, unsaved)
