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

"""Measures how fast the simulator answers.

``python -m nova_powervm.tests.simulator.measure`` starts the simulator with
the profile ``large`` in a process that may use one core only, loads it from
this process, and prints a table; ``--json`` prints the figures as JSON
instead. The exit status is 1 when a figure misses its bar. "First read" is
the first since the simulator said that it is ready.

Every request has a connection of its own, as with pypowervm. The client is
cheaper than pypowervm, so that the server is what limits the rate.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

MIN_RATE = 300
MAX_FEED_MS = 150
_THREADS = 4
_LOGON = (
    '<LogonRequest xmlns="http://www.ibm.com/xmlns/systems/power/firmware/'
    'web/mc/2012_10/" schemaVersion="V1_0"><UserID>neo</UserID>'
    '<Password>abc123</Password></LogonRequest>')
_LPAR_FEED = '/rest/api/uom/LogicalPartition?group=None'
_VIOS_FEED = '/rest/api/uom/ManagedSystem/%s/VirtualIOServer?group=%s'


class Client:
    """A session with a REST server, over http.client.

    :param url: str, such as http://localhost:12080
    """

    def __init__(self, url):
        place = urllib.parse.urlsplit(url)
        self._address = (place.hostname, place.port)
        self._headers = {'Accept': 'application/atom+xml'}
        answer = self.request('PUT', '/rest/api/web/Logon', _LOGON)
        token = re.search(b'<X-API-Session>(.*?)</', answer).group(1)
        self._headers['X-API-Session'] = token.decode()

    def request(self, method, path, body=None):
        """Send a request and read the whole answer.

        :returns: bytes, the body
        :raises RuntimeError: when the status is not 2xx
        """
        connection = http.client.HTTPConnection(*self._address, timeout=60)
        try:
            connection.request(method, path, body, self._headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status // 100 != 2:
            raise RuntimeError('%s %s: %d %r' % (method, path,
                                                 response.status,
                                                 answer[:200]))
        return answer

    def close(self):
        """End the session."""
        self.request('DELETE', '/rest/api/web/Logon')


def rate(client, path, seconds, threads=_THREADS):
    """Measure the requests per second that a path is answered with.

    :param client: Client
    :param path: str
    :param seconds: float, how long to try
    :param threads: int, how many clients there are at a time
    :returns: float
    """
    counts = [0] * threads
    failures = []
    started = time.monotonic()

    def load(number):
        try:
            while time.monotonic() < started + seconds:
                client.request('GET', path)
                counts[number] += 1
        except (OSError, RuntimeError, http.client.HTTPException) as exc:
            failures.append(exc)

    workers = [threading.Thread(target=load, args=(number,))
               for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return sum(counts) / (time.monotonic() - started)


def milliseconds(client, path):
    """Measure how long one request takes.

    :returns: (float milliseconds, int bytes of the answer)
    """
    started = time.monotonic()
    answer = client.request('GET', path)
    return (time.monotonic() - started) * 1000, len(answer)


def measure(url, seconds=3.0):
    """Measure a running simulator; its VIOS feed must not be read before.

    :param url: str, of a host
    :param seconds: float, how long to try each small request
    :returns: list of dict: what, value, unit, bar, ok, and more
    """
    client = Client(url)
    host = json.loads(client.request('GET', '/simulator/state'))['hosts'][0]
    system = host['ManagedSystem'][0]['uuid']
    vios = host['VirtualIOServer'][0]['uuid']
    lpar = '/rest/api/uom/LogicalPartition/%s' % (
        host['LogicalPartition'][-1]['uuid'])
    everything = _VIOS_FEED % (system, 'All')
    mappings = _VIOS_FEED % (system, 'ViosSCSIMapping')
    rows = [
        _feed_row('VIOS feed, all groups, first read', client, everything),
        _feed_row('VIOS feed, all groups, again', client, everything),
        _feed_row('VIOS feed, mappings, first read', client, mappings),
        _feed_row('VIOS feed, mappings, again', client, mappings)]
    _touch(client, 'VirtualIOServer', vios)
    rows += [
        _feed_row('VIOS feed, mappings, one VIOS changed', client, mappings),
        _feed_row('LPAR feed, first read', client, _LPAR_FEED),
        _feed_row('LPAR feed, again', client, _LPAR_FEED),
        _rate_row('quick property of an LPAR', client,
                  lpar + '/quick/PartitionState', seconds),
        _rate_row('LPAR entry', client, lpar + '?group=None', seconds)]
    client.close()
    return rows


def _touch(client, type_, uuid):
    client.request('POST', '/simulator/control', json.dumps(
        {'action': 'bump_etag', 'type': type_, 'uuid': uuid}))


def _feed_row(what, client, path):
    value, size = milliseconds(client, path)
    return {'what': what, 'value': round(value, 1), 'unit': 'ms',
            'bar': '< %d' % MAX_FEED_MS, 'ok': value < MAX_FEED_MS,
            'bytes': size}


def _rate_row(what, client, path, seconds):
    value = rate(client, path, seconds)
    size = len(client.request('GET', path))
    return {'what': what, 'value': round(value), 'unit': 'requests/s',
            'bar': '>= %d' % MIN_RATE, 'ok': value >= MIN_RATE,
            'bytes': size}


@contextlib.contextmanager
def simulator(profile):
    """Run a simulator in a process of its own, on one core.

    :param profile: str, name or path of a profile
    :returns: context manager that gives the URL of the first host
    """
    with tempfile.TemporaryDirectory() as folder:
        ready = os.path.join(folder, 'ready')
        process = subprocess.Popen(
            [sys.executable, '-m', 'nova_powervm.simulator.cmd', '--profile',
             profile, '--port', '0', '--ready-file', ready],
            stderr=subprocess.DEVNULL, preexec_fn=_use_one_core)
        try:
            while not os.path.exists(ready):
                if process.poll() is not None:
                    raise RuntimeError('The simulator ended with status %d' %
                                       process.returncode)
                time.sleep(0.05)
            with open(ready) as ready_file:
                yield json.load(ready_file)['hosts'][0]['url']
        finally:
            process.terminate()
            process.wait()


def _use_one_core():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def table(rows):
    """Format rows of measure() for people (str)."""
    lines = ['%-40s %10s  %-10s %8s %12s' % ('', 'measured', '', 'bar',
                                             'bytes')]
    lines += ['%-40s %10s  %-10s %8s %12d  %s' % (
        row['what'], row['value'], row['unit'], row['bar'], row['bytes'],
        'ok' if row['ok'] else 'MISSED') for row in rows]
    return '\n'.join(lines)


def main(argv=None):
    """Run the command.

    :returns: int, the exit status
    """
    parser = argparse.ArgumentParser(
        description='Measure how fast the simulator answers.')
    parser.add_argument('--json', action='store_true',
                        help='print JSON instead of a table')
    parser.add_argument('--profile', default='large')
    parser.add_argument('--seconds', type=float, default=3.0,
                        help='how long to try each small request')
    options = parser.parse_args(argv)
    with simulator(options.profile) as url:
        rows = measure(url, options.seconds)
    print(json.dumps(rows, indent=1) if options.json else table(rows))
    return 0 if all(row['ok'] for row in rows) else 1


if __name__ == '__main__':
    sys.exit(main())
