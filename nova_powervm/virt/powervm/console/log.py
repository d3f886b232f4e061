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

"""The logs of consoles: two files for each server, of bounded size."""

import os
import threading
import time

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: Bytes of each of the two files.
FILE_BYTES = 128 * 1024
#: Bytes that Nova gets at most.
TAIL_BYTES = 100 * 1024


class ConsoleLog:
    """What a server has printed last.

    The files are for the user of nova-compute only. What cannot be written is
    lost; that is logged once.

    :param folder: str, where the files are; it is created.
    :param instance_uuid: str, UUID of the server.
    """

    def __init__(self, folder, instance_uuid):
        self._folder = folder
        self._path = os.path.join(folder, instance_uuid + '.log')
        self._lock = threading.Lock()
        self._has_failed = self._is_deleted = False

    @property
    def _older(self):
        return self._path + '.1'

    def write(self, data):
        """Append bytes."""
        try:
            with self._lock:
                if not self._is_deleted:
                    self._write(data[-FILE_BYTES:])
            self._has_failed = False
        except OSError as exc:
            if not self._has_failed:
                LOG.warning('The log of a console is not complete: %s', exc)
            self._has_failed = True

    def note(self, text):
        """Append a line of nova-compute itself, with the time."""
        now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        self.write(('\r\n[%s nova-compute: %s]\r\n' % (now, text)).encode())

    def _write(self, data):
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT,
                     mode=0o600)
        with open(fd, 'ab', buffering=0) as log:
            log.write(data)
            size = log.tell()
        if size >= FILE_BYTES:
            os.replace(self._path, self._older)

    def read(self):
        """The last 100 KiB, bytes; b'' if nothing was logged."""
        with self._lock:
            return b''.join(map(_read, (self._older,
                                        self._path)))[-TAIL_BYTES:]

    def delete(self):
        """Delete both files, if there are any, and write no more."""
        with self._lock:
            self._is_deleted = True
            for path in (self._path, self._older):
                if os.path.exists(path):
                    os.unlink(path)


def _read(path):
    try:
        with open(path, 'rb') as log:
            return log.read()
    except FileNotFoundError:
        return b''
