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

"""The openstack client in a process of its own, for many commands.

The client needs two seconds to start, and much less for a command. It cannot
run beside Nova's tests, which replace parts of its libraries. This file is
that process as well; then it must import nothing of ours, which needs time.
"""

import json
import logging
import os
import shlex
import subprocess
import sys

CLOUD = 'nova-powervm'


class Client:
    """A process with the client; a context manager.

    :param clouds: str, path of a clouds.yaml with the cloud
    :param folder: str, path of the folder that commands are run in
    """

    def __init__(self, clouds, folder):
        self._clouds = clouds
        self._folder = folder
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', __file__], cwd=self._folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, OS_CLIENT_CONFIG_FILE=self._clouds,
                     OS_CLOUD=CLOUD, no_proxy='127.0.0.1', COLUMNS='500'))
        return self

    def __exit__(self, *exc_info):
        self._process.communicate()

    def run(self, *words):
        """Run a command.

        :param words: str, as after ``openstack``
        :returns: (int, exit status; str, what it has printed)
        """
        print(json.dumps(words), file=self._process.stdin, flush=True)
        return tuple(json.loads(self._process.stdout.readline()))

    def read(self, *words):
        """Run a command that succeeds.

        :returns: what it tells as JSON
        :raises AssertionError: if it fails, with what it has printed
        """
        status, said = self.run(*words, '-f', 'json')
        if status:
            raise AssertionError('openstack %s: %s' % (shlex.join(words),
                                                       said))
        return json.loads(said)


def _serve():
    """Run the commands that come in, and tell what has become of each."""
    import contextlib
    import io

    from openstackclient import shell

    for line in sys.stdin:
        said = io.StringIO()
        with (contextlib.redirect_stdout(said),
              contextlib.redirect_stderr(said)):
            try:
                status = shell.OpenStackShell().run(
                    json.loads(line))
            except SystemExit as exc:
                # It does not take the arguments.
                status = exc.code
        # Each command adds its own.
        logging.getLogger().handlers.clear()
        print(json.dumps([status, said.getvalue()]), flush=True)


if __name__ == '__main__':
    _serve()
