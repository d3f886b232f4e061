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

"""Keep the state of a site in a SQLite file, so that it survives the process.

The objects of the site are the state. The file has a row for each of them,
with its attributes; where one refers to another, the row has the number of the
other. save() compares the objects with their rows, and writes those that have
changed, in one transaction. The server calls it before it answers a request,
so a client never hears of a change that a kill can undo, and the file never
has half of a change: the lock of the site is held.

Some objects are not kept, because they belong to the process: servers, locks,
queues of events, the journal, faults. They are the fixed objects: each has a
name, and load() finds the new one by that name. FIXED lists them, with those
of their attributes that are kept.

The bytes of disks are in files already. For each disk that the SQLite file
knows there is a second, hard link to its file, named after the row. So the
bytes are still there if the process ends after it has removed, renamed or
replaced the file, and before save().
"""

import collections
import contextlib
import copy
import functools
import importlib
import io
import os
import pickle
import sqlite3
import threading
import types

from oslo_log import log as logging

from nova_powervm.simulator import sparse_disk

LOG = logging.getLogger(__name__)

#: In the data folder: the SQLite file and those that SQLite puts beside it,
#: the space for a last change, and the folder of the links to disks.
FILES = ('state.sqlite', 'state.sqlite-wal', 'state.sqlite-shm',
         'state.reserve')
#: Bytes that the largest change needs to be written.
RESERVE = 4 * 1024 ** 2
DISKS = 'state.disks'
_PACKAGE = __package__ + '.'

#: Fixed objects: what they are called -> attributes that are kept.
FIXED = {
    'site': ('san', 'pools', 'migrations'),
    'clock': ('_offset', '_due'),
    'events': ('_last_id',),
    'jobs': ('_jobs', '_last_id'),
    'sessions': ('_by_token',),
    'host': ('system', 'store', '_last_etag', '_last_mac'),
    'management': ('_devices',),
}
#: Attributes of other objects that are kept empty.
_CACHES = frozenset(('_documents', '_fragments', '_digested'))
#: Types that need no second look.
_PLAIN = frozenset((int, float, bool, bytes, type(None), dict, list, tuple))
#: Types of what belongs to a process, and what makes a new one.
_MADE_AGAIN = {type(threading.Lock()): threading.Lock,
               threading.Event: threading.Event}
#: Types that a row may name, beside those of this package.
_TYPES = {('builtins', 'set'): set, ('builtins', 'frozenset'): frozenset,
          ('builtins', 'bytearray'): bytearray,
          ('collections', 'deque'): collections.deque,
          ('collections', 'OrderedDict'): collections.OrderedDict,
          ('functools', 'partial'): functools.partial}
_TABLES = '''
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS fixed (name TEXT PRIMARY KEY, state BLOB);
CREATE TABLE IF NOT EXISTS objects (
    number INTEGER PRIMARY KEY, class TEXT, state BLOB);
'''


class StateError(Exception):
    """The state in a data folder cannot be used."""


class _Pickler(pickle.Pickler):
    """Writes the attributes of one object.

    :param keeper: Keeper
    """

    def __init__(self, out, keeper):
        super().__init__(out, 5)
        self._keeper = keeper

    def persistent_id(self, obj):
        kind = type(obj)
        if kind is str:
            folder = self._keeper.folder
            return (('path', obj[len(folder):])
                    if obj.startswith(folder) else None)
        if kind in _PLAIN:
            return None
        if kind.__module__.startswith(_PACKAGE):
            return self._keeper.reference(obj)
        if kind in _MADE_AGAIN:
            return 'new', kind.__name__
        if kind is types.MethodType:
            return 'method', obj.__self__, obj.__name__
        if kind is types.GeneratorType:
            return 'nothing',
        return None


class _Unpickler(pickle.Unpickler):
    """Reads the attributes of one object.

    :param objects: dict of number -> object, all of them
    :param fixed: dict of name -> fixed object
    :param folder: str, the data folder with a separator at its end
    """

    def __init__(self, data, objects, fixed, folder):
        super().__init__(io.BytesIO(data))
        self._objects, self._fixed = objects, fixed
        self._folder = folder

    def persistent_load(self, pid):
        kind, *rest = pid
        if kind == 'object':
            return self._objects[rest[0]]
        if kind == 'fixed':
            return self._fixed[rest[0]]
        if kind == 'path':
            return self._folder + rest[0]
        if kind == 'new':
            return next(made for found, made in _MADE_AGAIN.items()
                        if found.__name__ == rest[0])()
        if kind == 'method':
            return getattr(*rest)
        return None

    def find_class(self, module, name):
        if (module, name) in _TYPES:
            return _TYPES[module, name]
        return _find_class(module, name)


def _find_class(module, name):
    """Return a class or a function of this package.

    :raises StateError: when there is none
    """
    try:
        if not module.startswith(_PACKAGE):
            raise ImportError()
        found = importlib.import_module(module)
        for part in name.split('.'):
            found = getattr(found, part)
        # A module of this package has names of others.
        if not found.__module__.startswith(_PACKAGE):
            raise ImportError()
        return found
    except (ImportError, AttributeError):
        raise StateError('The state has a %s.%s, which this version does not '
                         'know' % (module, name))


def fixed_objects(site):
    """Name the objects that belong to the process.

    :returns: dict of str -> object; the name begins with a key of FIXED, and
        objects without attributes that are kept have other names
    """
    found = {'site': site, 'clock': site.clock,
             'streams': site.streams}
    for endpoint in site.endpoints:
        found['endpoint %s' % endpoint.name] = endpoint
        for name in ('events', 'jobs', 'sessions', 'faults', 'journal'):
            found['%s %s' % (name, endpoint.name)] = getattr(endpoint, name)
    for host in site.hosts:
        found['host %s' % host.name] = host
        for name in ('management', 'terminals', 'operator'):
            found['%s %s' % (name, host.name)] = getattr(host, name)
    return found


class Keeper:
    """Keeps the state of a site in its data folder.

    :param data_dir: str, the data folder, which nobody else uses
    :param about: dict of str, what wrote the state; another one cannot use it
    :ivar folder: str, the data folder with a separator at its end
    :ivar has_state: bool, whether there is a state to load
    :ivar objects: dict of number -> object, what load() has made
    :raises StateError: when the state in the folder is another one's
    """

    def __init__(self, data_dir, about):
        self.folder = os.path.join(data_dir, '')
        self.objects = {}
        self._site = None
        # Fixed objects by name, and the names by the id of the object.
        self._fixed, self._names = {}, {}
        # id of an object -> its number, and the object, so that no other one
        # gets the id.
        self._numbers = {}
        self._last_number = 0
        # What is in the file: number or name -> class, state.
        self._rows = {}
        # While save() walks: numbers that it has met, and what to visit.
        self._seen, self._to_visit = set(), collections.deque()
        self._saved = None
        path = self.folder + FILES[0]
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        if os.path.islink(self.folder + DISKS):
            # What it leads to is not ours, and load() removes files in it.
            raise StateError('%s%s is a link' % (self.folder, DISKS))
        os.makedirs(self.folder + DISKS, mode=0o700, exist_ok=True)
        self._reserved = False
        self.reserve()
        self._database = sqlite3.connect(path, isolation_level=None,
                                         check_same_thread=False)
        try:
            # What was written survives the process; to survive the machine
            # each transaction would have to wait for its disk.
            self._database.execute('PRAGMA journal_mode=WAL')
            self._database.execute('PRAGMA synchronous=NORMAL')
            self._database.executescript(_TABLES)
            self._check(about)
        except sqlite3.DatabaseError as exc:
            self.close()
            raise StateError('%s: %s' % (path, exc))
        except StateError:
            self.close()
            raise

    def _check(self, about):
        kept = dict(self._database.execute('SELECT name, value FROM about'))
        self.has_state = bool(kept)
        for name, value in about.items():
            if kept.get(name, value) != value:
                raise StateError(
                    'The state in %s is of another %s; use that, another '
                    'folder, or delete this one' % (self.folder, name))
        self._about = about

    @property
    def is_complete(self):
        """Whether the site was saved: it is not one that failed to start."""
        return self._saved is not None

    def reserve(self):
        """Set aside space for a last change, unless it is there.

        :raises OSError: when the machine has no space
        """
        if self._reserved:
            return
        with open(self.folder + FILES[3], 'wb') as reserved:
            try:
                os.posix_fallocate(reserved.fileno(), 0, RESERVE)
            except OSError:
                os.unlink(reserved.name)
                raise
        self._reserved = True

    def close(self):
        """Close the file."""
        self._database.close()

    # -- to the file; the lock of the site is held -------------------------

    def watch(self, site):
        """Note the fixed objects; call it when the site has all of them."""
        self._site = site
        self._fixed = fixed_objects(site)
        self._names = {id(found): name
                       for name, found in self._fixed.items()}

    def reference(self, obj):
        """Return how a row refers to an object of this package.

        :returns: tuple for _Unpickler.persistent_load()
        """
        name = self._names.get(id(obj))
        if name is not None:
            return 'fixed', name
        if not hasattr(obj, '__dict__'):
            return None
        known = self._numbers.get(id(obj))
        if known is None:
            self._last_number += 1
            known = self._numbers[id(obj)] = self._last_number, obj
        if known[0] not in self._seen:
            self._seen.add(known[0])
            self._to_visit.append(known)
        return 'object', known[0]

    def _dump(self, state):
        out = io.BytesIO()
        _Pickler(out, self).dump(state)
        return out.getvalue()

    def _walk(self):
        """Visit all objects that can be reached.

        Yields (name, None, state) of the fixed ones, and (number, class,
        state) of others.
        """
        self._seen = set()
        self._to_visit.clear()
        for name, found in self._fixed.items():
            kept = FIXED.get(name.split(' ')[0])
            if kept:
                # Some have locks of their own: a copy does not change.
                yield name, None, self._dump({
                    key: copy.copy(value) if type(value) in _PLAIN else value
                    for key, value in vars(found).items() if key in kept})
        while self._to_visit:
            number, obj = self._to_visit.popleft()
            state = dict(obj.__getstate__() or {})
            for cache in _CACHES.intersection(state):
                state[cache] = {} if state[cache].__class__ is dict else None
            yield number, type(obj), self._dump(state)

    def save(self, always=True):
        """Write what has changed.

        :param always: False to look only at the counters of changes: good
            for a request that only reads
        :raises StateError: when that is not possible
        """
        with self._site.lock:
            counters = self._site.changes
            if not always and counters == self._saved:
                return
            rows = {key: (cls, state) for key, cls, state in self._walk()}
            changed = {key: row for key, row in rows.items()
                       if self._rows.get(key) != row}
            gone = self._rows.keys() - rows.keys()
            if changed or gone:
                self._write_surely(changed, gone)
            self._rows = rows
            self._saved = counters
            self._numbers = {key: known for key, known in
                             self._numbers.items() if known[0] in rows}

    def _write_surely(self, changed, gone):
        """Write, with the reserve if there is no other space."""
        try:
            try:
                self._write(changed, gone)
            except (OSError, sqlite3.Error) as exc:
                if not self._reserved:
                    raise
                LOG.warning('The state of the site is kept with the last '
                            'space that there is: %s', exc)
                os.unlink(self.folder + FILES[3])
                self._reserved = False
                self._write(changed, gone)
        except (OSError, sqlite3.Error) as exc:
            raise StateError('The state cannot be kept: %s' % exc)

    def _write(self, changed, gone):
        for key, (cls, _) in changed.items():
            if cls is sparse_disk.SparseDisk and key not in self._rows:
                self._link(key)
        database = self._database
        with self._transaction():
            database.executemany('INSERT OR REPLACE INTO about VALUES (?, ?)',
                                 self._about.items())
            database.executemany(
                'INSERT OR REPLACE INTO fixed VALUES (?, ?)',
                [(key, state) for key, (cls, state) in changed.items()
                 if cls is None])
            database.executemany(
                'INSERT OR REPLACE INTO objects VALUES (?, ?, ?)',
                [(key, '%s:%s' % (cls.__module__, cls.__qualname__), state)
                 for key, (cls, state) in changed.items() if cls is not None])
            database.executemany('DELETE FROM objects WHERE number = ?',
                                 [(key,) for key in gone])
        for key in gone:
            if self._rows[key][0] is sparse_disk.SparseDisk:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._disk_path(key))

    @contextlib.contextmanager
    def _transaction(self):
        self._database.execute('BEGIN IMMEDIATE')
        try:
            yield
            self._database.execute('COMMIT')
        except BaseException:
            # SQLite may have done so already.
            if self._database.in_transaction:
                self._database.execute('ROLLBACK')
            raise

    def _disk_path(self, number):
        return os.path.join(self.folder + DISKS, str(number))

    def _link(self, number):
        """Make the second link to the file of a new disk."""
        disk = next(obj for known, obj in self._numbers.values()
                    if known == number)
        with contextlib.suppress(FileNotFoundError):
            # A transaction that has failed may have left one.
            os.unlink(self._disk_path(number))
        if not disk.is_deleted:
            os.link(disk.path, self._disk_path(number))

    # -- from the file -----------------------------------------------------

    def load(self):
        """Give the site the state; all other files of it have been removed.

        :raises StateError: when that is not possible
        """
        rows = self._database.execute(
            'SELECT number, class, state FROM objects').fetchall()
        objects = {}
        for number, path, _ in rows:
            cls = _find_class(*path.split(':'))
            objects[number] = cls.__new__(cls)
        try:
            for number, _, state in rows:
                vars(objects[number]).update(self._read(state, objects))
            for name, state in self._database.execute(
                    'SELECT name, state FROM fixed'):
                vars(self._fixed[name]).update(self._read(state, objects))
        except (pickle.UnpicklingError, LookupError, TypeError, EOFError,
                ValueError, AttributeError) as exc:
            raise StateError('The state in %s cannot be read: %s: %s' % (
                self.folder, type(exc).__name__, exc))
        self.objects = objects
        self._last_number = max(objects, default=0)
        self._numbers = {id(obj): (number, obj)
                         for number, obj in objects.items()}
        self._rows = {number: (type(objects[number]), state)
                      for number, _, state in rows}
        self._restore_disks(objects)

    def _read(self, state, objects):
        return _Unpickler(state, objects, self._fixed, self.folder).load()

    def _restore_disks(self, objects):
        """Put the files of all disks where they belong."""
        names = set()
        for number, disk in objects.items():
            if isinstance(disk, sparse_disk.SparseDisk):
                names.add(str(number))
                kept = self._disk_path(number)
                if disk.is_deleted:
                    # The management partition may still have it as a device.
                    disk.path = kept
                else:
                    os.makedirs(os.path.dirname(disk.path), exist_ok=True)
                    os.link(kept, disk.path)
                # A change of its size that nobody was told of.
                os.truncate(kept, disk.size)
        for name in set(os.listdir(self.folder + DISKS)) - names:
            os.unlink(os.path.join(self.folder + DISKS, name))
