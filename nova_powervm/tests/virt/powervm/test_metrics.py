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

"""Reading of the performance monitor, whatever it answers.

That it is read right is in scenarios/test_diagnostics.py.
"""

import copy
import datetime
from email import utils as email_utils
import json
import types

from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.simulator import test_pcm
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import metrics
from nova_powervm.virt.powervm import reader

#: The LPAR of the captures that has adapters. Its VIOS there is 1.
UUID = '42AD4FD4-DC64-4935-9E29-9B7C6F35AFCC'
NOW = datetime.datetime(2026, 5, 4, 10, 0, 0, tzinfo=datetime.timezone.utc)
JUNK = ('', 'null', '42', '[]', '{}', '"text"', '<html>busy</html>', '{"a":',
        '{"systemUtil": null}', '{"systemUtil": {"utilSample": []}}',
        '{"systemUtil": {"utilSample": {"lparsUtil": [null, 1]}}}',
        '{"systemUtil": {"utilSample": {"viosUtil": [null, {"storage": 1}]}}}',
        '{"lparUtil": {"uuid": "x"}}', '{"lparUtil": [{"uuid": 3}]}')
BAD_VALUES = (None, '', 'many', -1, float('nan'), float('inf'), [], {})


def entry(kind, when=NOW, link=None):
    """An entry of the feed."""
    return types.SimpleNamespace(
        properties={'category': kind, 'updated': when.isoformat()},
        links={None: [link or 'https://host/%s_%s' % (kind, when)]})


class Reader(reader.PlatformReader):
    """The host of a REST server that has nothing but samples."""

    adapter = None
    system_uuid = '1-2'

    def __init__(self, adapter):
        self.adapter = adapter


class MetricsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.samples = {
            'phyp': test_pcm.capture('phyp_pcm_data.txt'),
            'vios_1': test_pcm.capture('vios_pcm_data.txt'),
            'lpar': test_pcm.capture('lpar_pcm_data.txt')}
        self.bodies = {}
        self.entries = [entry(kind) for kind in self.samples]
        self.headers = {'Date': email_utils.format_datetime(NOW, usegmt=True)}
        self.asked = []
        self.host = Reader(self)

    # ---- what the adapter has -------------------------------------------

    def read_by_path(self, path, **kwargs):
        self.note('feed', kwargs)
        return types.SimpleNamespace(
            feed=types.SimpleNamespace(entries=self.entries), body='',
            headers=self.headers)

    def read_by_href(self, href, xag=None, **kwargs):
        self.note(href, kwargs)
        kind = href.rpartition('/')[2].rpartition('_')[0]
        body = self.bodies.get(kind)
        if isinstance(body, Exception):
            raise body
        return types.SimpleNamespace(body=json.dumps(
            self.samples[kind]) if body is None else body)

    def note(self, what, kwargs):
        self.asked.append(what)
        # They are not kept for the log, and nobody waits for long.
        self.assertEqual({'helpers': [], 'timeout': metrics.TIMEOUT}, kwargs)

    def read(self, uuid=UUID):
        self.asked = []
        return metrics.read(self.host, uuid)

    @property
    def lpar(self):
        """The LPAR in the sample of the hypervisor."""
        return next(lpar for lpar in self.samples['phyp']['systemUtil'][
            'utilSample']['lparsUtil'] if lpar['uuid'] == UUID)

    # ---- tests ----------------------------------------------------------

    def test_captures(self):
        found = self.read()
        self.assertEqual(
            (264619289721 + 641419282) * 10 ** 9 // 512000000, found.cpu_time)
        self.assertEqual(20, found.memory_used)
        self.assertEqual({2: metrics.Traffic(10000, 10, 100, 100)},
                         found.traffic)
        self.assertEqual({(1, 1000): metrics.IO(549888, 1074, 550400, 1075)},
                         found.scsi)
        # The hypervisor tells numbers, the VIOS other WWPNs.
        self.assertEqual({}, found.fibre_channel)
        self.assertEqual(4, len(self.asked))

    def test_fibre_channel(self):
        adapters = self.lpar['storage']['virtualFiberChannelAdapters']
        adapters[1]['wwpnPair'] = [int('21000024ff649159', 16)]
        self.assertEqual(
            {'21000024FF649159': metrics.IO(184184, 1234, 138523, 1235)},
            self.read().fibre_channel)

    def test_lpar_that_is_off(self):
        found = self.read('3B0237F9-26F1-41C7-BE57-A08C9452AD9D')
        self.assertEqual(0, found.cpu_time)
        # Its guest was not asked; pypowervm takes that for no memory in use.
        self.assertIsNone(found.memory_used)
        self.assertEqual(3, len(self.asked))

    def test_unknown_lpar(self):
        found = self.read('00000000-0000-0000-0000-000000000000')
        self.assert_empty(found)

    def assert_empty(self, found):
        self.assertEqual(vars(metrics.Metrics()), vars(found))

    def test_monitor_is_off(self):
        self.entries = []
        self.assert_empty(self.read())
        self.assertEqual(['feed'], self.asked)
        self.assertEqual('', self.logger.output)

    def test_latest(self):
        hours = [datetime.timedelta(seconds=60 * number)
                 for number in (1, 0, 2)]
        self.entries = [entry('phyp', NOW - before) for before in hours]
        self.read()
        self.assertEqual(['feed', self.entries[1].links[None][0]], self.asked)

    def test_other_time_zone(self):
        zone = datetime.timezone(datetime.timedelta(hours=-5))
        older = NOW - datetime.timedelta(seconds=30)
        self.entries = [entry('phyp', NOW.astimezone(zone), 'h://x/phyp_1'),
                        entry('phyp', older, 'h://x/phyp_2')]
        self.read()
        self.assertEqual('h://x/phyp_1', self.asked[1])

    def test_samples_of_long_ago(self):
        """The monitor may have been turned off."""
        old = NOW - datetime.timedelta(seconds=metrics.MAX_AGE + 1)
        self.entries = [entry(kind, old) for kind in self.samples]
        self.assert_empty(self.read())
        self.headers = {}
        self.assertIsNotNone(self.read().cpu_time)

    def test_entries_that_are_none(self):
        for bad in (types.SimpleNamespace(properties={}, links={}),
                    types.SimpleNamespace(properties={'category': 'phyp'},
                                          links={None: []}),
                    types.SimpleNamespace(properties={
                        'category': 'phyp', 'updated': 'now'},
                        links={None: ['url']}),
                    types.SimpleNamespace(properties={
                        'category': 'phyp', 'updated': None}, links=None)):
            self.entries.insert(0, bad)
        self.assertIsNotNone(self.read().cpu_time)

    def test_feed_that_is_none(self):
        self.entries = None
        self.assert_empty(self.read())
        self.assertIn('cannot be read', self.logger.output)

    def test_junk(self):
        for kind in self.samples:
            for body in JUNK:
                self.bodies = {kind: body}
                found = self.read()
                if kind == 'phyp':
                    self.assert_empty(found)
                else:
                    self.assertIsNotNone(found.cpu_time)

    def test_failures(self):
        for kind in ('vios_1', 'lpar'):
            self.bodies = {kind: pvm_exc.ConnectionError('broken')}
            self.assertIsNotNone(self.read().cpu_time)
            self.assertEqual(4, len(self.asked))
        self.assertIn('broken', self.logger.output)

    def test_no_answer(self):
        """The first one that does not come ends it."""
        self.bodies = {'vios_1': pvm_exc.TimeoutError('late')}
        self.assertIsNotNone(self.read().cpu_time)
        self.assertEqual(3, len(self.asked))

    def test_values_that_are_none(self):
        before = copy.deepcopy(self.samples)
        for value in BAD_VALUES:
            for path in (('processor', 'utilizedCappedProcCycles'),
                         ('processor',), ('network',), ('storage',),
                         ('network', 'virtualEthernetAdapters'),
                         ('storage', 'genericVirtualAdapters')):
                self.samples = copy.deepcopy(before)
                node = self.lpar
                for name in path[:-1]:
                    node = node[name]
                node[path[-1]] = value
                self.read()
                if path[0] == 'processor':
                    self.assertIsNone(self.read().cpu_time)
            self.samples = copy.deepcopy(before)
            self.samples['phyp']['systemUtil']['utilSample']['processor'][
                'procCyclesPerSecond'] = value
            self.assertIsNone(self.read().cpu_time)

    def test_others_are_dropped(self):
        """Of a sample with many LPARs, one stays in memory."""
        samples = metrics._Reader(self.host, UUID, {'phyp': 'h://x/phyp_1'},
                                  None)
        sample = samples._load('phyp')['systemUtil']['utilSample']
        self.assertEqual([UUID], [lpar['uuid'] for lpar in
                                  sample['lparsUtil'] if lpar])
