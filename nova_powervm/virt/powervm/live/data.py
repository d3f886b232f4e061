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

"""What the hosts of a live migration tell each other, through Nova.

Nova passes an object from the target to the source, to its conductor and back.
The conductor does not have this package, so a class of our own would be
unknown there. MigrateData therefore bears the name and the version of a class
that every Nova has, and adds no field: our data is JSON in one of its text
fields. Of the classes that Nova has, only that of libvirt makes Nova clean up
at the source afterwards, and at the target after a failure.

Everything that is known of this is in this module.
"""

import typing

from nova import exception as nova_exc
from nova.objects import base as obj_base
from nova.objects import migrate_data as nova_data
from oslo_serialization import jsonutils

#: Number of the layout of the data. A host refuses one that it does not know.
SCHEMA = 1
#: In a text field: tells our data from that of libvirt.
MARKER = 'powervm'
_MARKER_FIELD = 'instance_relative_path'
_TEXT_FIELD = 'filename'
#: They make Nova clean up at both ends, and delete no disks.
_FLAGS = {'is_shared_instance_path': False, 'is_shared_block_storage': True,
          'block_migration': False}

# If a future Nova lacks the class, this module can be imported all the same.
_Carrier: typing.Any = getattr(nova_data, 'LibvirtLiveMigrateData',
                               nova_data.LiveMigrateData)


def is_usable():
    """Whether Nova has the class that the data travels in."""
    return (_Carrier is not nova_data.LiveMigrateData and
            {_TEXT_FIELD, _MARKER_FIELD, *_FLAGS} <= set(_Carrier.fields))


@obj_base.NovaObjectRegistry.register_if(is_usable())
class MigrateData(_Carrier):
    """Nova's class in our hands, in the processes that have this package."""

    @classmethod
    def obj_name(cls):
        return _Carrier.__name__


def build(content):
    """Make the object that Nova passes on.

    :param content: dict that JSON can tell; nothing secret, as Nova logs it.
    :returns: MigrateData
    :raises nova.exception.MigrationPreCheckError: if Nova lacks the class.
    """
    if not is_usable():
        raise nova_exc.MigrationPreCheckError(
            reason='this version of Nova has no object that the PowerVM '
            'driver can send its data in')
    found = MigrateData(**_FLAGS, **{_MARKER_FIELD: MARKER})
    write(found, content)
    return found


def is_ours(migrate_data):
    """Whether an object has our data, on whichever process made it."""
    return (migrate_data is not None and
            _MARKER_FIELD in migrate_data.fields and
            migrate_data.obj_attr_is_set(_MARKER_FIELD) and
            getattr(migrate_data, _MARKER_FIELD) == MARKER)


def read(migrate_data):
    """Return what is in an object: dict.

    :param migrate_data: nova.objects.migrate_data.LiveMigrateData
    :raises nova.exception.MigrationPreCheckError: if it is not ours, or of a
        version of the driver that this one does not understand.
    """
    if not is_ours(migrate_data):
        raise nova_exc.MigrationPreCheckError(
            reason='the other host does not run the PowerVM driver')
    content = jsonutils.loads(getattr(migrate_data, _TEXT_FIELD))
    if content.get('schema') != SCHEMA:
        raise nova_exc.MigrationPreCheckError(
            reason='the other host sends migration data of layout '
            '%s, this one understands layout %d: update the older driver' % (
                content.get('schema'), SCHEMA))
    return content


def write(migrate_data, content):
    """Put other data into an object.

    :param content: dict, as of build().
    """
    setattr(migrate_data, _TEXT_FIELD, jsonutils.dumps(
        dict(content, schema=SCHEMA), sort_keys=True))


def attachments(migrate_data):
    """Tell Cinder's attachments of the volumes on the source.

    :returns: dict of volume id -> id of the attachment.
    """
    if not migrate_data.obj_attr_is_set('old_vol_attachment_ids'):
        return {}
    return dict(migrate_data.old_vol_attachment_ids)
