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

"""Generated requests find nothing wrong with a simulated site."""

import collections
import random
from unittest import mock

import hypothesis
from hypothesis import strategies as st
import testtools

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import lpar
from nova_powervm.tests.simulator import attack

#: Campaigns of the default run, and requests of each.
EXAMPLES, REQUESTS = 90, 12


class GeneratedTest(testtools.TestCase):

    def test_campaigns(self):
        counts = collections.Counter()

        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, derandomize=True,
            database=None, phases=(hypothesis.Phase.generate,),
            suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(st.randoms(use_true_random=False),
                          st.sampled_from(attack.PROFILES))
        def campaign(rng, profile):
            findings, statuses = attack.attack(rng, REQUESTS, profile)
            self.assertEqual([], findings)
            counts.update(statuses)

        campaign()
        # The grammar is good enough: much of it is carried out.
        total = sum(counts.values())
        self.assertGreater(total, EXAMPLES * REQUESTS / 2)
        self.assertGreater(counts[200], total / 10)
        self.assertGreater(counts[400], total / 20)


class JudgeTest(testtools.TestCase):
    """What is wrong is found."""

    def setUp(self):
        super().setUp()
        self.target = attack.Target('default')
        self.addCleanup(self.target.close)
        self.lpar, = [found for found in self.target.site.hosts[0].store.all(
            'LogicalPartition') if found.name == 'vm1']

    def found(self, update):
        """Send a change of a partition, and return what is wrong."""
        sessions = self.target.site.endpoints[0].sessions
        profile = self.target.site.profile
        token = sessions.logon_password(profile['user'],
                                        profile['password']).token
        body = self.lpar.document(frozenset())
        with mock.patch.object(lpar.LogicalPartition, 'update', update):
            self.target.send(attack.Request('POST', self.lpar.path(), body,
                                            {'X-API-Session': token}))
        self.target.check_documents()
        return ' '.join(self.target.findings)

    def test_good(self):
        self.assertEqual('', self.found(lambda *args: None))

    def test_error(self):
        found = self.found(lambda *args: {}['key'])
        self.assertIn('is answered with 500', found)
        self.assertIn('Traceback', found)

    def test_half_of_a_write(self):
        def update(lpar, *_args):
            lpar.name = 'half'
            raise errors.Refused('no')

        found = self.found(update)
        self.assertIn('is refused with 400, and changes', found)
        self.assertIn('has another document, but no new etag', found)

    def test_no_document(self):
        with mock.patch.object(atom, 'error_entry', lambda *args: b'<a>'):
            found = self.found(mock.Mock(side_effect=errors.Refused('no')))
        self.assertIn('has no XML as its answer', found)

    def test_hang(self):
        with mock.patch.object(attack, 'LIMIT_SECONDS', -1):
            self.assertIn('takes longer', self.found(lambda *args: None))

    def test_random_campaign(self):
        """The long run makes the same requests again from a seed."""
        self.assertEqual(attack.attack(random.Random(5), 5),
                         attack.attack(random.Random(5), 5))
