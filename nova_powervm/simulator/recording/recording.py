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

"""The file of a recording: a JSON object in each line, one for an answer."""

import json
import os
import threading

#: Headers of answers that are recorded.
HEADERS = ('content-type', 'etag', 'x-mc-type')
#: What an answer consists of, as far as read() needs it.
_KINDS = (('method', str), ('path', str), ('status', int),
          ('body', (str, type(None))))


class Writer:
    """Writes a recording.

    :param path: str, a file that is not there yet
    :param secrets: secrets.Secrets, which removes what nobody may see
    :raises FileExistsError:
    :ivar count: int, how many answers it has written
    """

    def __init__(self, path, secrets):
        self._secrets = secrets
        self._lock = threading.Lock()
        self.count = 0
        self._file = os.fdopen(os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w')

    def write(self, method, path, status, headers, body):
        """Write an answer.

        :param path: str, with the query
        :param headers: mapping; the keys are in lower case
        :param body: bytes, as the server has sent it
        """
        clean = self._secrets.remove(body)
        # What removing has taught holds for the path as well.
        line = json.dumps({
            'method': method, 'path': self._secrets.clean(path),
            'status': status, 'bytes': len(body),
            'headers': {name: self._secrets.clean(headers[name])
                        for name in HEADERS if name in headers},
            'body': clean})
        with self._lock:
            self.count += 1
            self._file.write(line + '\n')
            self._file.flush()

    def close(self):
        """Close the file."""
        self._file.close()


def read(path):
    """Read a recording.

    :returns: list of dict, as Writer.write() makes them
    :raises ValueError: when a line is not of a recording
    """
    found = []
    with open(path, encoding='utf-8') as lines:
        for number, line in enumerate(lines, 1):
            try:
                answer = json.loads(line)
                if not all(isinstance(answer[name], kind)
                           for name, kind in _KINDS):
                    raise ValueError()
                found.append(answer)
            except (ValueError, KeyError, TypeError, RecursionError):
                raise ValueError('%s:%d: this is no answer of a recording' % (
                    path, number))
    return found
