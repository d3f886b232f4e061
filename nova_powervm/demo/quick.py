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

"""Fixtures that save time and change nothing that a test looks at.

They are of use for tests that run parts of Nova.
"""

import functools
import inspect
import itertools
import logging
import os
import re
import sys
import types

import fixtures
from futurist import _thread as futurist_thread
from nova.api.validation import validators
from nova.tests import fixtures as nova_fixtures
from nova import version
from nova.virt import configdrive
from oslo_policy import policy as oslo_policy
from oslo_utils import reflection
from oslo_versionedobjects import base as versioned
import pycdlib
from pycdlib import utils as iso_utils
import sqlalchemy
from sqlalchemy import orm
from sqlalchemy import pool
from sqlalchemy import util as sqlalchemy_util

from nova_powervm import conf as cfg

CONF = cfg.CONF
#: The command that makes config drives where no other is installed.
MKISOFS = os.path.join(os.path.dirname(sys.executable), 'pycdlib-genisoimage')
#: How many compiled statements a process keeps.
STATEMENTS = 2000
#: How many regular expressions it keeps.
EXPRESSIONS = 20000
#: How often a thread without work looks whether it is to end.
IDLE_SECONDS = 1
#: Our own messages are formatted at every level, to find those that cannot be.
OWN_LOGGER = 'nova_powervm'


class _Statements:
    """Compiled statements, for all databases of a process.

    SQLAlchemy keeps them for each engine, so each test compiles them again.
    The keys begin with the engine's dialect; those of SQLite are all alike.
    """

    def __init__(self):
        self._cache = sqlalchemy_util.LRUCache(STATEMENTS)

    def get(self, key):
        return self._cache.get(key[1:])

    def __setitem__(self, key, compiled):
        self._cache[key[1:]] = compiled


class Databases(fixtures.Fixture):
    """Databases in files whose connections and statements are used again.

    oslo.db opens a file of SQLite for each transaction, and reads its whole
    schema each time.

    :param timeout: seconds for which a writer waits for another; None for
        those of SQLite
    """

    _statements = _Statements()

    def __init__(self, timeout=None):
        super().__init__()
        self._arguments = {} if timeout is None else {'timeout': timeout}

    def _setUp(self):
        self._create_engine = sqlalchemy.create_engine
        self.useFixture(fixtures.MockPatchObject(
            sqlalchemy, 'create_engine', self._create))

    def _create(self, url, **kwargs):
        if kwargs.get('poolclass') is not pool.NullPool or not (
                sqlalchemy.make_url(url).drivername.startswith('sqlite')):
            return self._create_engine(url, **kwargs)
        kwargs.update(poolclass=pool.QueuePool, max_overflow=-1,
                      pool_pre_ping=False,
                      connect_args=dict(kwargs.get('connect_args', {}),
                                        **self._arguments))
        engine = self._create_engine(url, **kwargs)
        engine.update_execution_options(compiled_cache=self._statements)
        return engine


class Collections(fixtures.Fixture):
    """Metadata of servers that are read by the keys of the servers.

    Nova reads them with the whole query for the servers as a part of another,
    which SQLAlchemy puts together anew each time. The rows are the same.
    """

    def _setUp(self):
        self.useFixture(fixtures.MockPatchObject(
            orm, 'subqueryload', orm.selectinload))


class _Validators:
    """Validators of Nova's API, one for each schema."""

    def __init__(self):
        # ID of the schema, and the other arguments -> the schema, which keeps
        # its ID, and the validator.
        self._made = {}
        self._make = validators._SchemaValidator

    def get(self, schema, relax_additional_properties=False, is_body=True):
        """The validator of a schema; the arguments are those of Nova's."""
        key = id(schema), relax_additional_properties, is_body
        if key not in self._made:
            self._made[key] = schema, self._make(
                schema, relax_additional_properties, is_body)
        return self._made[key][1]


class Schemas(fixtures.Fixture):
    """Makes one validator for each schema of Nova's API in a process.

    Nova makes a class and a validator for each request, and for each schema
    that it has to match. A validator keeps nothing of what it validates.
    """

    _validators = _Validators()

    def _setUp(self):
        self.useFixture(fixtures.MockPatchObject(
            validators, '_SchemaValidator', self._validators.get))


class Signatures(fixtures.Fixture):
    """Looks at the arguments of each method once in a process.

    TaskFlow looks four times at the methods of a task, for each flow.
    """

    # What a method is bound to does not matter.
    _of_method = staticmethod(functools.lru_cache(maxsize=2000)(
        lambda function: inspect.signature(
            types.MethodType(function, object()))))

    def _setUp(self):
        self.useFixture(fixtures.MockPatchObject(
            reflection, 'get_signature', self._get))

    @classmethod
    def _get(cls, function):
        if isinstance(function, types.MethodType):
            return cls._of_method(function.__func__)
        return inspect.signature(function)


class Policies(fixtures.Fixture):
    """Parses each text of policies once in a process."""

    _parse = staticmethod(functools.lru_cache(maxsize=16)(
        oslo_policy.parse_file_contents))

    def _setUp(self):
        self.useFixture(fixtures.MockPatchObject(
            oslo_policy, 'parse_file_contents',
            lambda data: dict(self._parse(data))))


class Expressions(fixtures.Fixture):
    """Regular expressions that are compiled once in a process.

    Python keeps 512 of them. The routes of Nova's API are more, and each test
    builds them again.
    """

    def _setUp(self):
        # A later Python may have no such limit.
        if hasattr(re, '_MAXCACHE'):
            self.useFixture(fixtures.MockPatchObject(
                re, '_MAXCACHE', EXPRESSIONS))


class Objects(fixtures.Fixture):
    """Versioned objects that tell what has changed in a copy of them.

    Two of Nova's threads save an instance while it is built. In time one adds
    to a set over which the other iterates, and the build fails.
    """

    def _setUp(self):
        self.useFixture(fixtures.MockPatchObject(
            versioned.VersionedObject, 'obj_what_changed', _what_changed))


def _what_changed(versioned_object):
    """Names of changed fields: the method of a versioned object."""
    changes = {name for name in list(versioned_object._changed_fields)
               if name in versioned_object.fields}
    prefix = versioned._get_attrname('')
    for name, value in list(vars(versioned_object).items()):
        if (name.startswith(prefix) and
                isinstance(value, versioned.VersionedObject) and
                value.obj_what_changed()):
            changes.add(name.removeprefix(prefix))
    return changes


class Logs(nova_fixtures.StandardLogging):
    """Logs of INFO and above, and all of ours.

    Nova's own fixture formats each message of DEBUG, to see whether it can
    be, and throws it away.
    """

    def setUp(self):
        super().setUp()
        if os.environ.get('OS_DEBUG') in ('True', 'true', '1', 'yes'):
            return
        logging.getLogger().setLevel(logging.INFO)
        own = logging.getLogger(OWN_LOGGER)
        self.addCleanup(own.setLevel, own.level)
        own.setLevel(logging.DEBUG)


class Workers(fixtures.Fixture):
    """Threads of executors that sleep until there is work, or an end.

    Those of futurist look for work all the time, with Nova's base class every
    10 ms, to see soon that they are to end. A test has dozens of them.
    """

    def _setUp(self):
        worker = futurist_thread.ThreadWorker
        # A later futurist may do it otherwise, and better.
        if hasattr(worker, '_wait_for_work') and hasattr(worker, '_is_dying'):
            self.useFixture(fixtures.MockPatchObject(
                worker, '_wait_for_work', _wait_for_work))
            self.useFixture(fixtures.MockPatchObject(worker, 'stop', _stop))


def _wait_for_work(worker):
    """Wait for work: the method of a worker of futurist."""
    work_queue = worker.work_queue
    worker.idle = True
    with work_queue.not_empty:
        while not work_queue._qsize():
            if worker._is_dying():
                raise futurist_thread._Stopping()
            work_queue.not_empty.wait(IDLE_SECONDS)
        work = work_queue._get()
        work_queue.not_full.notify()
    worker.idle = False
    return work


def _stop(worker):
    """Let a worker end when it has nothing to do, and wake it up."""
    worker.should_stop = True
    # The garbage collector calls this, too, while any lock may be held. Then
    # the worker ends when it looks the next time.
    work_queue = worker.work_queue
    if work_queue.mutex.acquire(blocking=False):
        try:
            work_queue.not_empty.notify_all()
        finally:
            work_queue.mutex.release()


class ConfigDrives(fixtures.Fixture):
    """Config drives that are made in this process.

    Nova runs a command for it. MKISOFS is one, but needs a third of a second
    to start; this does the same with the same library. Other commands are run.
    """

    def _setUp(self):
        self._run = configdrive.ConfigDriveBuilder._make_iso9660
        self.useFixture(fixtures.MockPatchObject(
            configdrive.ConfigDriveBuilder, '_make_iso9660',
            lambda builder, path, folder: self._make(builder, path, folder)))

    def _make(self, builder, path, folder):
        if CONF.mkisofs_cmd == MKISOFS:
            write_iso(path, folder, 'config-2', '%s %s' % (
                version.product_string(),
                version.version_string_with_package()))
        else:
            self._run(builder, path, folder)


def write_iso(path, folder, volume, publisher):
    """Write the content of a folder to an ISO image.

    It has the names of Rock Ridge and of Joliet.

    :param path: str, of the image
    :param folder: str, path
    :param volume: str, the identifier of the volume
    :param publisher: str
    """
    iso = pycdlib.PyCdlib()
    iso.new(vol_ident=volume, pub_ident_str=publisher, joliet=3,
            rock_ridge='1.09')
    #: Path below folder: path in the plain ISO tree.
    places = {'': ''}
    for where, folders, files in os.walk(folder):
        below = where[len(folder):]
        for name in sorted(folders + files):
            is_folder = name in folders
            place = _iso_path(places[below], name, is_folder,
                              set(places.values()))
            joliet = '%s/%s' % (below, name)
            places[joliet] = place
            if is_folder:
                iso.add_directory(place, rr_name=name, joliet_path=joliet)
            else:
                iso.add_file(os.path.join(where, name), place, rr_name=name,
                             joliet_path=joliet)
    iso.write(path)
    iso.close()


def _iso_path(parent, name, is_folder, taken):
    """A path of upper case, 8.3, that is not taken."""
    if is_folder:
        stem, extension = iso_utils.mangle_dir_for_iso9660(name, 1), ''
    else:
        stem, extension = iso_utils.mangle_file_for_iso9660(name, 1)
        extension = '.' + extension
    stems = itertools.chain([stem], (
        '%s%03d' % (stem[:5], number) for number in itertools.count()))
    return next(path for path in (
        '%s/%s%s' % (parent, stem, extension) for stem in stems)
        if path not in taken)


class QuickNova(fixtures.Fixture):
    """All of it. To be used before Nova's class of tests sets itself up."""

    def _setUp(self):
        self.useFixture(Databases())
        self.useFixture(Collections())
        self.useFixture(Schemas())
        self.useFixture(Signatures())
        self.useFixture(Policies())
        self.useFixture(Expressions())
        self.useFixture(Objects())
        self.useFixture(Workers())
        self.useFixture(ConfigDrives())
        self.useFixture(fixtures.MockPatchObject(
            nova_fixtures, 'StandardLogging', Logs))
