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

"""Runs simulated sites that keep their state, to be killed.

``python -m nova_powervm.tests.simulator.killed FOLDER`` starts a site on the
folder in a process of its own, and prints the ID of the process and the port.
When the process has ended, a line on standard input starts the next one. That
is a lot faster than to start the command each time.
"""

import os
import signal
import sys

from nova_powervm.simulator import profile
from nova_powervm.simulator import site

PROFILE = 'fc'


def _serve(folder, data):
    running = site.Site(data, folder, keep=True)
    running.start(port=0)
    print(os.getpid(), running.hosts[0].port, flush=True)
    signal.pause()


def main():
    """Run one site after the other until standard input ends."""
    data = profile.load(PROFILE)
    while True:
        pid = os.fork()
        if not pid:
            _serve(sys.argv[1], data)
        os.waitpid(pid, 0)
        if not sys.stdin.readline():
            return


if __name__ == '__main__':
    main()
