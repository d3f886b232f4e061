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

"""Nova's database for the walks: real, in a file, and quick.

Nova's fixture opens the file anew for each statement; here connections are
kept, and so is what SQLAlchemy has made of a statement. Most of what Nova
saves of a server is a few columns, for which its Instance.save() sends a dozen
statements; here it sends three.
"""

import fixtures as fx
from nova.compute import task_states
from nova.db.main import api as main_db_api
from nova.db.main import models
from nova import exception as nova_exc
from nova import objects
from nova.objects import fields
from nova.tests import fixtures as nova_fixtures
from oslo_serialization import jsonutils
import sqlalchemy

from nova_powervm.demo import quick

#: Tables with rows of one server, and the column with its UUID.
_TABLES = (
    (models.InstanceExtra, 'instance_uuid'),
    (models.InstanceInfoCache, 'instance_uuid'),
    (models.InstanceSystemMetadata, 'instance_uuid'),
    (models.InstanceMetadata, 'instance_uuid'),
    (models.InstanceFault, 'instance_uuid'),
    (models.BlockDeviceMapping, 'instance_uuid'),
    (models.VirtualInterface, 'instance_uuid'),
    (models.Migration, 'instance_uuid'),
    (models.InstanceIdMapping, 'uuid'),
    (models.Instance, 'uuid'),
)


_INSTANCE = models.Instance.__table__
_EXTRA = models.InstanceExtra.__table__
_METADATA = models.InstanceSystemMetadata.__table__
#: Fields of an instance that are plain columns of its table.
_COLUMNS = frozenset(
    name for name, field in objects.Instance.fields.items()
    if name in _INSTANCE.c and not isinstance(field, fields.ObjectField))
#: Objects that it has, kept as JSON in another table.
_EXTRAS = frozenset(('device_metadata', 'migration_context', 'numa_topology',
                     'resources', 'trusted_certs'))
_FLAVORS = frozenset(('flavor', 'old_flavor', 'new_flavor'))
# Those of a server's PCI devices are saved elsewhere.
_QUICK = _COLUMNS | _EXTRAS | _FLAVORS | {
    'info_cache', 'pci_devices', 'pci_requests', 'system_metadata'}


class Database(fx.Fixture):
    """Nova's main database, empty.

    :param before_write: called before something of a server is saved; may
        raise an exception, such as for a process that is dead
    """

    def __init__(self, before_write=lambda: None):
        super().__init__()
        self._before_write = before_write

    def _setUp(self):
        self.useFixture(quick.Databases(timeout=60))
        self.useFixture(quick.Collections())
        self.useFixture(quick.Objects())
        self.useFixture(nova_fixtures.Database(database='main'))
        original = objects.Instance.save
        before_write = self._before_write

        def save(instance, expected_vm_state=None, expected_task_state=None,
                 admin_state_reset=False):
            before_write()
            changes = instance.obj_what_changed()
            if changes <= _QUICK:
                _save(instance, changes, expected_vm_state,
                      expected_task_state)
            else:
                original(instance, expected_vm_state=expected_vm_state,
                         expected_task_state=expected_task_state)

        save_volume = objects.BlockDeviceMapping.save

        def save_mapping(mapping):
            before_write()
            save_volume(mapping)

        self.useFixture(fx.MonkeyPatch('nova.objects.Instance.save', save))
        # Nova saves what it has of a volume in a "finally", which a process
        # that is killed does not get to.
        self.useFixture(fx.MonkeyPatch('nova.objects.BlockDeviceMapping.save',
                                       save_mapping))
        save_migration = objects.Migration.save

        def save_record(migration):
            before_write()
            save_migration(migration)

        self.useFixture(fx.MonkeyPatch('nova.objects.Migration.save',
                                       save_record))

    @staticmethod
    def look(uuid):
        """Read the row of a server, without all that belongs to it.

        :returns: row with vm_state, task_state, host..., or None if it is
            deleted
        """
        with main_db_api.get_engine().connect() as connection:
            return connection.execute(_INSTANCE.select().where(
                _INSTANCE.c.uuid == uuid, _INSTANCE.c.deleted == 0)).first()

    @staticmethod
    def purge(uuid):
        """Delete all that Nova has of a server, and of its past."""
        engine = main_db_api.get_engine()
        with engine.begin() as connection:
            for model, column in _TABLES:
                table = model.__table__
                connection.execute(table.delete().where(
                    table.c[column] == uuid))


def _save(instance, changes, expected_vm_state, expected_task_state):
    """Save columns, and system_metadata, of an instance."""
    with main_db_api.get_engine().begin() as connection:
        now = connection.execute(
            sqlalchemy.select(_INSTANCE.c.task_state, _INSTANCE.c.vm_state)
            .where(_INSTANCE.c.uuid == instance.uuid,
                   _INSTANCE.c.deleted == 0)).first()
        if now is None:
            raise nova_exc.InstanceNotFound(instance_id=instance.uuid)
        _check(instance.uuid, now, expected_vm_state, expected_task_state)
        columns = {name: _plain(instance[name])
                   for name in changes & _COLUMNS}
        if columns:
            connection.execute(_INSTANCE.update().where(
                _INSTANCE.c.uuid == instance.uuid).values(columns))
        extras = _extras(instance, changes)
        if extras:
            connection.execute(_EXTRA.update().where(
                _EXTRA.c.instance_uuid == instance.uuid).values(extras))
        if 'system_metadata' in changes:
            _save_metadata(connection, instance)
    if 'info_cache' in changes and instance.info_cache:
        instance.info_cache.save()
    instance.obj_reset_changes(_QUICK)


def _extras(instance, changes):
    """What is kept as JSON: dict of the name of a column -> str."""
    found = {name: _json(instance[name]) for name in changes & _EXTRAS}
    if changes & _FLAVORS:
        found['flavor'] = jsonutils.dumps({
            short: flavor and flavor.obj_to_primitive()
            for short, flavor in (('cur', instance.flavor),
                                  ('old', instance.old_flavor),
                                  ('new', instance.new_flavor))})
    if 'pci_requests' in changes and instance.pci_requests:
        found['pci_requests'] = instance.pci_requests.to_json()
    return found


def _plain(value):
    return value.replace(tzinfo=None) if hasattr(value, 'tzinfo') else value


def _json(value):
    return None if value is None else jsonutils.dumps(value.obj_to_primitive())


def _check(uuid, now, expected_vm_state, expected_task_state):
    """Raise what Nova raises if an instance is in an unexpected state."""
    for name, expected in (('task_state', expected_task_state),
                           ('vm_state', expected_vm_state)):
        if expected is None:
            continue
        if not isinstance(expected, (list, tuple)):
            expected = [expected]
        actual = getattr(now, name)
        if actual not in expected:
            exception = nova_exc.UnexpectedTaskStateError
            if actual == task_states.DELETING:
                exception = nova_exc.UnexpectedDeletingTaskStateError
            raise exception(instance_uuid=uuid, expected={name: expected},
                            actual={name: actual})


def _save_metadata(connection, instance):
    connection.execute(_METADATA.delete().where(
        _METADATA.c.instance_uuid == instance.uuid))
    rows = [{'instance_uuid': instance.uuid, 'key': key, 'value': value,
             'deleted': 0}
            for key, value in instance.system_metadata.items()]
    if rows:
        connection.execute(_METADATA.insert(), rows)
