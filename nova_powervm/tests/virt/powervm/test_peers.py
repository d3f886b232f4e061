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

"""Tests of what one host asks another before a server moves."""

from unittest import mock

import fixtures
from nova import context as nova_context
import oslo_messaging

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import peers


class PeersTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.call = self.useFixture(fixtures.MockPatch(
            'nova.compute.rpcapi.ComputeAPI')).mock.return_value \
            .check_instance_shared_storage
        self.instance = base.make_instance()

    def ask(self):
        return peers.why_not(nova_context.get_admin_context(), 'compute2',
                             self.instance, mock.sentinel.flavor, {'a': 'b'})

    def test_answers(self):
        for answer, expected in (('it is full', 'it is full'), (None, None),
                                 # Of older drivers.
                                 (True, None), (False, None)):
            self.call.return_value = answer
            self.assertEqual(expected, self.ask())

    def test_question_arrives(self):
        self.call.return_value = None
        self.ask()
        self.assertEqual(
            {'instance': self.instance, 'flavor': mock.sentinel.flavor,
             'disk_info': {'a': 'b'}},
            peers.question(self.call.call_args.args[1]))
        self.assertEqual('compute2', self.call.call_args.kwargs['host'])

    def test_no_answer(self):
        self.call.side_effect = oslo_messaging.MessagingTimeout('late')
        self.assertEqual('compute2 does not answer: late', self.ask())

    def test_questions_of_nova(self):
        for data in ({'ssp_uuid': 'x'}, {}, None, {'filename': 'tmp'}):
            self.assertIsNone(peers.question(data))
            self.assertIsNone(peers.sought(data))

    def has_it(self):
        """What is asked of a host that may have an LPAR: tuple of 2 bool."""
        args = nova_context.get_admin_context(), 'compute2', self.instance
        return peers.is_surely_absent(*args), peers.is_on(*args)

    def test_presence(self):
        for answer, expected in (
                (peers.presence(True, False), (True, False)),
                (peers.presence(False, True), (False, False)),
                # It is not known whether it is off.
                (peers.presence(False, None), (False, True)),
                # Of older drivers.
                ('present', (False, False)), (True, (False, False))):
            self.call.return_value = answer
            self.assertEqual(expected, self.has_it())
        self.assertEqual(self.instance,
                         peers.sought(self.call.call_args.args[1]))

    def test_presence_without_an_answer(self):
        self.call.side_effect = oslo_messaging.MessagingTimeout('late')
        self.assertEqual((False, False), self.has_it())
