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

"""A simulated site in a process of its own, and its control API."""

import json
import os
import signal
import subprocess
import sys
import time

import requests

from nova_powervm.simulator import profile as sim_profile

#: Seconds for the simulator to come up, and to go.
START_TIMEOUT = 60
STOP_TIMEOUT = 15
#: Seconds for what is waited for.
TIMEOUT = 120


class CloudError(Exception):
    """Something in the cloud did not happen as it should."""


class NotFound(CloudError):
    """A simulated host does not have what a request names."""


def wait_for(condition, what, timeout=TIMEOUT, interval=0.05):
    """Call a function until it returns something true.

    :param what: str, ends the sentence 'Timed out waiting ...'.
    :returns: what it returned.
    :raises CloudError: after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise CloudError('Timed out waiting %s.' % what)
        time.sleep(interval)


def _is_of_the_session(record):
    return record['path'] == '/rest/api/web/Logon' or (
        record['method'] == 'GET' and record['path'].endswith('/uom/Event'))


class SimulatedHost:
    """A host of the site, and the control API on its port.

    :param description: dict, an item of the simulator's ready file.
    :cvar NotFound: what a method raises for a partition that is not here.
    :ivar management_root: str, folder with what the management partition sees
    """

    NotFound = NotFound

    def __init__(self, description):
        self.name = description['name']
        self.management_root = description['management_root']
        self.port = description['port']
        self.url = 'http://127.0.0.1:%d' % self.port
        self._http = requests.Session()
        # A proxy of the environment cannot reach it.
        self._http.trust_env = False

    def _send(self, method, path, body=None):
        response = self._http.request(
            method, '%s/simulator/%s' % (self.url, path), json=body)
        if response.status_code >= 400:
            error = NotFound if response.status_code == 404 else CloudError
            raise error('%s /simulator/%s: %s' % (method, path,
                                                  response.text.strip()))
        return response

    def state(self):
        """Return what is on this host as a dict (see the control API)."""
        return next(host for host in self._send('GET', 'state').json()['hosts']
                    if host['name'] == self.name)

    def journal(self):
        """Return the REST requests since clear_journal(), oldest first."""
        return self._send('GET', 'journal').json()['requests']

    def clear_journal(self):
        """Forget the REST requests so far."""
        self._send('DELETE', 'journal')

    def take_requests(self):
        """Return the journal and clear it, without logon and event polls.

        Those are not the cost of any operation: there is always one poll for
        events under way.
        """
        requests = [record for record in self.journal()
                    if not _is_of_the_session(record)]
        self.clear_journal()
        return requests

    def add_fault(self, **spec):
        """Let requests fail (see the control API)."""
        return self._send('POST', 'faults', spec).json()

    def clear_faults(self):
        """Let no requests fail any more."""
        self._send('DELETE', 'faults')

    def act(self, action, **arguments):
        """Change something from outside (see the control API)."""
        return self._send('POST', 'control',
                          dict(arguments, action=action)).json()

    def disk_checksum(self, disk_name, length):
        """Hash what a disk holds.

        :param length: int, how many bytes from its start.
        :returns: str, the SHA-256 as hex digits.
        """
        return self._send('GET', 'disks/%s/sha256?length=%d' % (
            disk_name, length)).json()['sha256']

    def read_disk(self, disk_name, offset=0, length=16 * 1024 ** 2):
        """Return what a disk or a medium holds, bytes.

        :param offset: int, in bytes.
        :param length: int, of bytes, 16 MiB at most.
        """
        return self._send('GET', 'disks/%s?offset=%d&length=%d' % (
            disk_name, offset, length)).content

    def write_disk(self, disk_name, offset, content):
        """Write bytes to a disk, as a guest would.

        :param offset: int, in bytes.
        :param content: bytes
        """
        response = self._http.post('%s/simulator/disks/%s?offset=%d' % (
            self.url, disk_name, offset), data=content)
        response.raise_for_status()

    def disks_of(self, partition, length):
        """Return the disks that a partition sees, one dict for each path.

        :param partition: str, its name.
        :param length: int, of how many bytes to tell the SHA-256.
        """
        return self._send('GET', 'partitions/%s/disks?sha256=%d' % (
            partition, length)).json()['disks']

    def console_of(self, partition):
        """Return what a partition has printed: dict (see the control API)."""
        return self._send('GET', 'partitions/%s/console' % partition).json()


class Simulator:
    """A simulated PowerVM site in a process of its own.

    :param profile: str, name or path of a profile.
    :param folder: str, an existing folder for its data and its log.
    :param timing: dict, overrides of the timing section of the profile.
    :ivar hosts: list of SimulatedHost
    :ivar profile: dict, what the site was made from
    """

    def __init__(self, profile, folder, timing=None):
        self._name = profile
        self._timing = timing or {}
        self._ready_file = os.path.join(folder, 'ready.json')
        self.data_dir = os.path.join(folder, 'data')
        self.log_file = os.path.join(folder, 'simulator.log')
        self._process = None
        self.hosts = []
        self.profile = sim_profile.load(profile)

    @property
    def pid(self):
        """int, of the process."""
        return self._process.pid

    def start(self):
        """Start the process and wait until it serves.

        :raises CloudError: if it ends, or takes too long.
        """
        with open(self.log_file, 'wb') as log:
            # In a session of its own, Ctrl-C does not end it before Nova.
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)
        try:
            ready = wait_for(self._read_ready_file, 'for the simulator',
                             START_TIMEOUT)
        except Exception:
            self.stop()
            raise
        self.hosts = [SimulatedHost(host) for host in ready['hosts']]

    def _command(self):
        command = [
            sys.executable, '-m', 'nova_powervm.simulator.cmd',
            '--profile', self._name, '--port', '0',
            '--data-dir', self.data_dir, '--ready-file', self._ready_file]
        for name, value in self._timing.items():
            command += ['--timing', '%s=%s' % (name, value)]
        return command

    def _read_ready_file(self):
        if self._process.poll() is not None:
            with open(self.log_file, errors='replace') as log:
                raise CloudError('The simulator ended:\n%s' %
                                 log.read()[-2000:])
        try:
            with open(self._ready_file) as ready:
                return json.load(ready)
        except FileNotFoundError:
            return None

    def stop(self):
        """End the process, and wait for its end."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def state(self):
        """Return the whole site as data."""
        return {'hosts': [host.state() for host in self.hosts]}
