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

"""Attack a simulated site with generated requests, and judge the answers.

A campaign starts a site without servers, hands generated requests to its WSGI
application, and notes as a finding: an answer of 500, a traceback, an answer
that is no document, one that takes longer than LIMIT_SECONDS, and a refused
write that has changed something. ``python -m
nova_powervm.tests.simulator.attack 100000`` runs a long one.
"""

import argparse
import collections
import io
import logging
import random
import sys
import time

from lxml import etree

from nova_powervm.simulator import app
from nova_powervm.simulator import disk_io
from nova_powervm.simulator import errors
from nova_powervm.simulator import resources
from nova_powervm.simulator.resources import base
from nova_powervm.simulator import site as sim_site
from nova_powervm.tests import fixtures
from nova_powervm.tests.simulator import attack_control
from nova_powervm.tests.simulator import attack_rest

LIMIT_SECONDS = 5
#: Requests before a campaign goes on with a new site.
HISTORY = 200
PROFILES = ('default', 'live-migration', 'hmc', 'sriov', 'mgmt-vios')
_GIB = 1024 ** 3

Request = collections.namedtuple('Request', 'method path body headers')
Answer = collections.namedtuple('Answer', 'status headers body')


class _Tracebacks(logging.Handler):
    """Keeps the tracebacks that are logged."""

    def __init__(self):
        super().__init__()
        self.found = []

    def emit(self, record):
        if record.exc_info:
            self.found.append(logging.Formatter().formatException(
                record.exc_info))


class Target:
    """A site without servers, and what is wrong with it.

    :param profile: str, name of a profile
    :ivar findings: list of str, empty if nothing is wrong
    :ivar counts: collections.Counter of the statuses of the answers
    """

    def __init__(self, profile):
        data = fixtures.load_profile(profile)
        data['timing']['event_seconds'] = 0
        data['timing']['guest_seconds'] = 0
        self.site = sim_site.Site(data)
        self.apps = [app.Application(found) for found in self.site.endpoints]
        self.findings = []
        self.counts = collections.Counter()
        self._log = _Tracebacks()
        logging.getLogger('nova_powervm').addHandler(self._log)
        self._furnish()
        self.before = self._snapshot()

    def _furnish(self):
        """Make a partition with storage on each host."""
        for host in self.site.hosts:
            operator = host.operator
            operator.create_partition('vm1', memory_mb=1024)
            vios = host.store.all('VirtualIOServer')[0]
            group = next(group for group in vios.volume_groups
                         if group.free > 4 * _GIB)
            operator.create_disk(vios.name, group.name, 'boot_1', _GIB)
            operator.map_storage(vios.name, 'boot_1', 'vm1')
            if vios.repository:
                operator.create_medium(vios.name, 'config', b'iso')
            if self.site.pools:
                operator.create_logical_unit('unit_' + host.name, _GIB)
        if self.site.san.arrays:
            self.site.san.create_volume('volume1', _GIB)

    def close(self):
        """End the site."""
        logging.getLogger('nova_powervm').removeHandler(self._log)
        self.site.stop()

    def _objects(self):
        for host in self.site.hosts:
            for cls in resources.ALL:
                yield from host.store.all(cls.TYPE)

    def _snapshot(self):
        """Describe what a refused write must not change."""
        with self.site.lock:
            state = self.site.state()
            # To log on is no write.
            for part in state['hosts'] + state['consoles']:
                del part['sessions']
            disks = {disk.backing.udid: disk.backing.disk.digest()
                     for host in self.site.hosts
                     for disk in disk_io.list_disks(host)}
            etags = {found.path(): found.etag for found in self._objects()}
            return state, disks, etags

    def send(self, request, endpoint=0):
        """Send a request, and judge the answer.

        :returns: Answer; None if the server hangs up
        """
        started = time.thread_time()
        answer = None
        try:
            answer = self._answer(request, self.apps[endpoint])
        except (errors.Dropped, errors.Unanswered):
            pass
        except Exception as exc:
            self._note(request, 'raises %r' % exc)
        if time.thread_time() - started > LIMIT_SECONDS:
            self._note(request, 'takes longer than %d s' % LIMIT_SECONDS)
        for traceback in self._log.found:
            self._note(request, traceback)
        self._log.found.clear()
        self.counts[answer and answer.status] += 1
        if answer is not None:
            self._judge(request, answer)
        return answer

    def _note(self, request, problem):
        self.findings.append('%s\n    %s' % (problem, repr(request)[:3000]))

    def _answer(self, request, application):
        path, _, query = request.path.partition('?')
        environ = {
            'REQUEST_METHOD': request.method, 'REQUEST_URI': request.path,
            'PATH_INFO': attack_rest.unquote(path), 'QUERY_STRING': query,
            'SERVER_PROTOCOL': 'HTTP/1.1', 'wsgi.url_scheme': 'http',
            'SERVER_NAME': 'localhost', 'SERVER_PORT': '12080',
            'wsgi.input': io.BytesIO(request.body),
            'CONTENT_LENGTH': str(len(request.body))}
        for name, value in request.headers.items():
            environ['HTTP_' + name.upper().replace('-', '_')] = value
        head = []
        parts = application(environ, lambda status, headers, exc_info=None:
                            head.append((status, headers)))
        body = b''.join(parts)
        (status, headers), = head
        return Answer(int(status.split()[0]), dict(headers), body)

    def _judge(self, request, answer):
        if answer.status == 500:
            self._note(request, 'is answered with 500: %r' %
                       answer.body[-600:])
        if answer.body and 'xml' in answer.headers.get('Content-Type', ''):
            try:
                etree.fromstring(answer.body)
            except etree.XMLSyntaxError as exc:
                self._note(request, 'has no XML as its answer: %s' % exc)
        if request.method == 'GET':
            return
        after = self._snapshot()
        # What has arrived of an upload that breaks off stays on a disk.
        if answer.status >= 400 and '/contents/' not in request.path:
            # An action of an operator may make something and take it back:
            # then only the etags are others.
            parts = 2 if request.path.startswith('/simulator') else 3
            for was, is_ in zip(self.before[:parts], after):
                if was != is_:
                    self._note(request, 'is refused with %d, and changes %s' %
                               (answer.status,
                                list(_differences(was, is_))))
        self.before = after

    def check_documents(self):
        """Note the objects that have changed without a new etag."""
        with self.site.lock:
            for found in self._objects():
                for groups, kept in list(found._documents.items()):
                    del found._documents[groups]
                    try:
                        # Without the uptime of a partition.
                        fresh = base.Resource.document(found, groups)
                    except Exception as exc:
                        self.findings.append('%r cannot be rendered: %r' % (
                            found, exc))
                        continue
                    if fresh != kept:
                        self.findings.append(
                            '%r has another document, but no new etag:\n'
                            '    %r\n    %r' % (found, kept, fresh))


def _differences(was, is_, path=''):
    """Yield (path, before, after) of what differs in two snapshots."""
    if isinstance(was, dict) and isinstance(is_, dict):
        for key in was.keys() | is_.keys():
            yield from _differences(was.get(key), is_.get(key),
                                    '%s/%s' % (path, key))
    elif isinstance(was, list) and isinstance(is_, list) and (
            len(was) == len(is_)):
        for number, pair in enumerate(zip(was, is_)):
            yield from _differences(*pair, '%s/%d' % (path, number))
    elif was != is_:
        yield path, was, is_


class Campaign:
    """Attacks sites with requests that follow from random numbers.

    :param rng: random.Random
    :param profile: str, name of a profile; None for one that rng chooses
    """

    def __init__(self, rng, profile=None):
        self.target = Target(profile or rng.choice(PROFILES))
        self._rest = attack_rest.Grammar(rng, self.target)
        self._control = attack_control.Grammar(rng, self.target.site)
        self._rng = rng

    def run(self, count):
        """Send requests.

        :param count: int
        :returns: Target
        """
        for number in range(count):
            endpoint = self._rng.randrange(len(self.target.apps))
            if self._rng.random() < 0.25:
                request = self._control.request()
            else:
                request = self._rest.request(endpoint)
            self.target.send(Request(*request), endpoint)
            if number % 20 == 19:
                self.target.check_documents()
        self.target.check_documents()
        return self.target


def attack(rng, count, profile=None):
    """Run a campaign on one site.

    :returns: tuple of a list of str, the findings; and a Counter of statuses
    """
    campaign = Campaign(rng, profile)
    try:
        target = campaign.run(count)
        return target.findings, target.counts
    finally:
        campaign.target.close()


def main():
    """Run a long campaign, and print what it finds.

    :returns: int, the exit status: 1 if there are findings
    """
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('count', type=int, help='number of requests')
    parser.add_argument('--seed', type=int, default=0,
                        help='the first seed (default: %(default)s)')
    options = parser.parse_args()
    logging.getLogger('nova_powervm').propagate = False
    logging.getLogger('nova_powervm').setLevel(logging.ERROR)
    counts, bad, seed = collections.Counter(), 0, options.seed
    while sum(counts.values()) < options.count:
        left = options.count - sum(counts.values())
        findings, statuses = attack(random.Random(seed), min(HISTORY, left))
        counts += statuses
        bad += len(findings)
        for finding in findings:
            print('seed %d: %s' % (seed, finding), flush=True)
        seed += 1
        if not seed % 50:
            print('seed %d: %d requests' % (seed, sum(counts.values())),
                  flush=True)
    print('%d requests on %d sites: %d findings. Answers: %s' % (
        sum(counts.values()), seed - options.seed, bad, ', '.join(
            '%s: %d' % item for item in sorted(
                counts.items(), key=lambda item: str(item[0])))))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
