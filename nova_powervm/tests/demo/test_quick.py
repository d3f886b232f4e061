# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What saves time in tests gives them what they had without it."""

import functools
import io
import logging
import os
import re
import threading

import fixtures
import futurist
from nova.api.validation import validators
from nova import context as nova_context
from nova import exception
from nova import objects
from nova import test
from nova.tests import fixtures as nova_fixtures
from nova.virt import configdrive
from oslo_config import fixture as config_fixture
from oslo_db.sqlalchemy import engines
from oslo_policy import policy as oslo_policy
from oslo_utils import reflection
import pycdlib
import sqlalchemy
from sqlalchemy import pool
import testtools

from nova_powervm import conf as cfg
from nova_powervm.demo import quick

FILES = (
    ('openstack/2012-08-10/meta_data.json', b'{"uuid": "1"}'),
    ('openstack/2013-04-04/meta_data.json', b'{"uuid": "2"}'),
    ('openstack/2013-10-17/vendor_data.json', b'{}'),
    ('openstack/latest/network_data.json', '{"name": "Größe"}'),
    ('openstack/latest/network_data2.json', b'x' * 5000),
    ('openstack/content/0000', b''),
    ('ec2/latest/meta-data.json', b'[]'),
)


class ConfigDrivesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(config_fixture.Config(cfg.CONF)).config(
            mkisofs_cmd=quick.MKISOFS)
        self.useFixture(fixtures.MonkeyPatch('nova.version.loaded', True))
        self.folder = self.useFixture(fixtures.TempDir()).path

    def _make(self, name):
        builder = configdrive.ConfigDriveBuilder()
        builder.mdfiles.extend(FILES)
        path = os.path.join(self.folder, name)
        builder.make_drive(path)
        iso = pycdlib.PyCdlib()
        iso.open(path)
        self.addCleanup(iso.close)
        return iso

    @staticmethod
    def _content(iso, kind):
        """All files of an image, by the names of joliet_path or rr_path."""
        found = {}
        for where, folders, names in iso.walk(**{kind: '/'}):
            found[where] = sorted(folders)
            for name in names:
                path = '%s/%s' % (where.rstrip('/'), name)
                content = io.BytesIO()
                iso.get_file_from_iso_fp(content, **{kind: path})
                found[path] = content.getvalue()
        return found

    def test_same_as_of_the_command(self):
        of_command = self._make('command.iso')
        self.useFixture(quick.ConfigDrives())
        # The command that is there to be replaced is not run.
        self.useFixture(fixtures.MockPatch(
            'nova.virt.configdrive.processutils.execute',
            side_effect=AssertionError))
        ours = self._make('ours.iso')
        self.assertEqual(b'config-2',
                         ours.pvd.volume_identifier.rstrip(b' '))
        for name in ('volume_identifier', 'space_size', 'system_identifier'):
            self.assertEqual(getattr(of_command.pvd, name),
                             getattr(ours.pvd, name), name)
        self.assertEqual(of_command.pvd.publisher_identifier.text,
                         ours.pvd.publisher_identifier.text)
        for kind in ('joliet_path', 'rr_path'):
            content = self._content(ours, kind)
            self.assertEqual(b'x' * 5000,
                             content['/openstack/latest/network_data2.json'])
            self.assertEqual(self._content(of_command, kind), content)

    def test_other_commands_are_run(self):
        self.useFixture(quick.ConfigDrives())
        cfg.CONF.set_override('mkisofs_cmd', '/nonesuch')
        self.assertRaises(OSError, self._make, 'none.iso')


class DatabasesTest(testtools.TestCase):

    TABLE = sqlalchemy.Table('things', sqlalchemy.MetaData(),
                             sqlalchemy.Column('name', sqlalchemy.String(9)))

    def setUp(self):
        super().setUp()
        self.useFixture(quick.Databases())
        self.folder = self.useFixture(fixtures.TempDir()).path

    def _engine(self, name):
        engine = engines.create_engine(
            'sqlite:///' + os.path.join(self.folder, name))
        self.addCleanup(engine.dispose)
        self.TABLE.create(engine)
        with engine.begin() as connection:
            connection.execute(self.TABLE.insert(), [{'name': name}])
        return engine

    def _names(self, engine):
        with engine.connect() as connection:
            return [row.name for row in connection.execute(
                self.TABLE.select().where(self.TABLE.c.name != 'x'))]

    def test_each_has_what_is_its_own(self):
        one, two = self._engine('one'), self._engine('two')
        self.assertEqual(['one'], self._names(one))
        # The statement is not compiled again.
        compile_ = self.useFixture(fixtures.MockPatchObject(
            one.dialect, 'statement_compiler')).mock
        compile_two = self.useFixture(fixtures.MockPatchObject(
            two.dialect, 'statement_compiler')).mock
        self.assertEqual(['two'], self._names(two))
        self.assertEqual(['one'], self._names(one))
        compile_.assert_not_called()
        compile_two.assert_not_called()

    def test_connections_are_used_again(self):
        engine = self._engine('one')
        with engine.connect() as connection:
            first = connection.connection.dbapi_connection
        with engine.connect() as connection:
            self.assertIs(first, connection.connection.dbapi_connection)

    def test_in_memory(self):
        engine = engines.create_engine('sqlite://')
        self.addCleanup(engine.dispose)
        self.assertIsInstance(engine.pool, pool.StaticPool)


class CollectionsTest(testtools.TestCase):

    def test_same_metadata(self):
        self.useFixture(quick.Databases(timeout=60))
        self.useFixture(nova_fixtures.Database(database='main'))
        context = nova_context.get_admin_context()
        uuids = []
        for number in range(3):
            instance = objects.Instance(
                context, system_metadata={'image_%d' % n: str(number)
                                          for n in range(number)},
                metadata={'name': 'server%d' % number})
            instance.create()
            uuids.append(instance.uuid)

        def read():
            return [(each.uuid, each.metadata, each.system_metadata)
                    for each in objects.InstanceList.get_all(
                        context, ['metadata', 'system_metadata'])]
        expected = read()
        self.assertEqual(set(uuids), {uuid for uuid, _, _ in expected})
        self.assertIn({'name': 'server2'}, [item[1] for item in expected])
        with quick.Collections():
            self.assertEqual(expected, read())
            one = objects.Instance.get_by_uuid(
                context, uuids[2], ['metadata', 'system_metadata'])
        self.assertEqual({'image_0': '2', 'image_1': '2'},
                         one.system_metadata)


class SchemasTest(testtools.TestCase):

    ONE = {'type': 'object', 'properties': {'a': {'minimum': 3}},
           'additionalProperties': False}
    TWO = {'type': 'object', 'properties': {'a': {'minimum': 5}},
           'additionalProperties': False}

    def setUp(self):
        super().setUp()
        self.useFixture(quick.Schemas())

    def _validate(self, schema, instance, *args):
        validators._SchemaValidator(schema, *args).validate(instance)

    def test_each_schema_has_its_own(self):
        for _ in range(2):
            self._validate(self.ONE, {'a': '4'})
            self.assertRaises(exception.ValidationError,
                              self._validate, self.TWO, {'a': '4'})
            self.assertRaises(exception.ValidationError,
                              self._validate, self.ONE, {'a': '2'})

    def test_more_properties_are_let_pass_only_if_asked(self):
        for _ in range(2):
            more = {'a': '4', 'b': 1}
            self.assertRaises(exception.ValidationError,
                              self._validate, self.ONE, more)
            self._validate(self.ONE, more, True)
            self.assertEqual({'a': '4'}, more)

    def test_one_is_made(self):
        self.assertIs(validators._SchemaValidator(self.ONE),
                      validators._SchemaValidator(self.ONE))


class SignaturesTest(testtools.TestCase):

    class _Task:
        def __init__(self, execute=None):
            if execute is not None:
                self.execute = execute

        def execute(self, disk, size=1):
            pass

    def _arguments(self, function):
        return (reflection.get_callable_args(function),
                reflection.get_callable_args(function, required_only=True),
                reflection.accepts_kwargs(function))

    def test_same_as_the_library(self):
        functions = [self._Task().execute, self._Task.execute,
                     self._Task(lambda vm, **kwargs: None).execute,
                     self._Task().execute, self._Task, self.id,
                     functools.partial(self._Task().execute, 1)]
        expected = [self._arguments(function) for function in functions]
        self.assertEqual((['disk', 'size'], ['disk'], False), expected[0])
        self.useFixture(quick.Signatures())
        self.assertEqual(expected, [self._arguments(function)
                                    for function in functions])


class PoliciesTest(testtools.TestCase):

    def test_each_gets_its_own(self):
        self.useFixture(quick.Policies())
        one = oslo_policy.parse_file_contents('{"a": "role:b"}')
        one['c'] = ''
        self.assertEqual({'a': 'role:b'},
                         oslo_policy.parse_file_contents('{"a": "role:b"}'))


class ExpressionsTest(testtools.TestCase):

    def test_more_than_python_keeps(self):
        self.useFixture(quick.Expressions())
        first = re.compile('first of many')
        for number in range(1000):
            re.compile('number %d' % number)
        self.assertIs(first, re.compile('first of many'))


class ObjectsTest(testtools.TestCase):

    def test_same_as_the_library(self):
        flavor = objects.Flavor(name='small', memory_mb=2048)
        instance = objects.Instance(flavor=flavor, host='host1', vcpus=1)
        unchanged = objects.Instance(flavor=objects.Flavor(name='large'))
        unchanged.obj_reset_changes(recursive=True)
        inner = objects.Instance(flavor=flavor)
        inner.obj_reset_changes()
        for each in (flavor, instance, unchanged, inner):
            expected = each.obj_what_changed()
            with quick.Objects():
                self.assertEqual(expected, each.obj_what_changed())
        self.assertIn('flavor', inner.obj_what_changed())


class LogsTest(testtools.TestCase):

    def _run(self, method):
        """Run a test of Nova that fails; return its details, str."""
        class NovaTest(test.NoDBTestCase):

            def setUp(self):
                self.useFixture(quick.QuickNova())
                super().setUp()

            def test_it(self):
                method(self)

        outcomes = []
        result = testtools.StreamToDict(outcomes.append)
        result.startTestRun()
        NovaTest('test_it').run(testtools.ExtendedToStreamDecorator(result))
        result.stopTestRun()
        [outcome] = outcomes
        self.assertEqual('fail', outcome['status'])
        return '\n'.join(detail.as_text()
                         for detail in outcome['details'].values())

    def test_a_failure_comes_with_its_log(self):
        def fail(case):
            logging.getLogger('nova.compute').info('What %s did', 'Nova')
            logging.getLogger('nova.compute').debug('Too much')
            case.fail('On purpose')
        details = self._run(fail)
        self.assertIn('INFO [nova.compute] What Nova did', details)
        self.assertIn('On purpose', details)
        self.assertNotIn('Too much', details)

    def test_our_messages_are_formatted_at_every_level(self):
        self.assertIn('TypeError', self._run(
            lambda case: logging.getLogger('nova_powervm.virt').debug(
                '%d', 'no number')))


class WorkersTest(testtools.TestCase):

    def test_work_is_done_and_threads_end(self):
        self.useFixture(quick.Workers())
        # Nobody waits for it.
        self.useFixture(fixtures.MockPatchObject(quick, 'IDLE_SECONDS', 3600))
        executor = futurist.ThreadPoolExecutor(max_workers=4)
        barrier = threading.Barrier(4)
        ran = [executor.submit(barrier.wait) for _ in range(4)]
        self.assertEqual({0, 1, 2, 3}, {future.result() for future in ran})
        self.assertEqual(5, executor.submit(lambda: 5).result())
        workers = list(executor._workers)
        executor.shutdown()
        self.assertEqual([False] * 4,
                         [worker.is_alive() for worker in workers])
