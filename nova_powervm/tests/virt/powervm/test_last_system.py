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

"""Is it the system of the last start, and whose is it if not?"""

from unittest import mock

import fixtures
from oslo_utils import timeutils

from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import last_system
from nova_powervm.virt.powervm import short_text
from nova_powervm.virt.powervm import system_identity

_OTHER_UUID = '12345678-0000-4000-8000-000000000000'


class CheckMixin:
    """A host with servers in Nova, and LPARs on one or more systems.

    """

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.stored = {}
        self.useFixture(fixtures.MockPatch(
            'nova_powervm.virt.powervm.kept.find',
            side_effect=lambda nodename: self.stored.get(nodename, {})))
        self.others = []
        self.instances = []

    def add(self, site_host, **attrs):
        """Add a server of this host, with an LPAR on some system."""
        attrs.setdefault('launched_at', timeutils.utcnow())
        instance = base.make_instance(len(self.instances) + 1, **attrs)
        self.instances.append(instance)
        if site_host is not None:
            uuid = '%x%s' % (int(instance.uuid[0], 16) & 7, instance.uuid[1:])
            site_host.operator.create_partition(
                'server%d' % instance.id, uuid=uuid)

    def keep(self, uuid):
        """Let Nova have stored that this host had some system."""
        self.stored['compute1'] = {'powervm_system': uuid}

    def check(self):
        """Check the system, with what the start reads anyway."""
        snapshot = mock.Mock(lpars=self.host.lpars(),
                             instances=self.instances)
        snapshot.others.side_effect = lambda: self.others
        self.requests()
        last_system.check(self.host, snapshot)

    def assertRefused(self, *words):
        message = str(self.assertRaises(exception.InvalidOption, self.check))
        self.assertLessEqual(len(message), short_text.LIMIT)
        for word in words:
            self.assertIn(word, message)


class HmcTest(CheckMixin, hmc_base.HmcTestCase):

    def setUp(self):
        super().setUp()
        self.third = self.site.hosts[2]

    def test_new_host(self):
        self.check()
        self.assertEqual([], self.requests())

    def test_same_system(self):
        """Somebody has moved the LPARs; it is the right system anyway."""
        self.stored['compute1'] = system_identity.to_keep(self.host)
        self.add(self.third)
        self.others = [base.make_instance(7, host='compute3')]
        self.check()
        self.assertEqual([], self.requests())

    def test_wrong_system(self):
        self.keep(self.third.system.uuid)
        self.add(self.third)
        self.assertRefused(
            '[powervm] managed_system=%s cannot' % self.simulated.system.uuid,
            self.third.system.name, 'of 1 servers of this host it has 0',
            'has 1')
        self.assertEqual(['GET ManagedSystem'], self.requests())

    def test_wrong_system_whose_last_start_is_not_known(self):
        for site_host in (self.third, self.third, self.simulated):
            self.add(site_host)
        self.assertRefused('of 3 servers of this host it has 1', 'has 2')

    def test_most_servers_are_here(self):
        for site_host in (self.third, self.simulated):
            self.add(site_host)
        self.check()
        self.assertEqual([], self.requests())

    def test_lost_servers(self):
        """The system was replaced; a hard reboot makes the LPARs again."""
        self.keep(self.third.system.uuid)
        self.add(None)
        self.check()
        self.assertIn('0 of its 1 servers', self.logger.output)

    def test_servers_that_were_never_made(self):
        self.add(self.third, launched_at=None)
        self.check()

    def test_system_of_another_host(self):
        """Two hosts have got the system of each other; this one is empty."""
        self.keep(self.third.system.uuid)
        self.others = [base.make_instance(7, host='compute3')]
        self.assertRefused('Nova has 1 on other hosts, as on compute3, and 0 '
                           'on this one')
        self.add(self.simulated)
        self.check()


class NovaLinkTest(CheckMixin, base.SimulatedHostTestCase):

    def test_first_start(self):
        """Another nova-compute with this system is logged elsewhere."""
        self.others = [base.make_instance(7, host='compute3')]
        self.check()
        self.assertEqual([], self.requests())

    def test_other_system(self):
        self.keep(_OTHER_UUID)
        self.check()
        self.assertIn('had system ' + _OTHER_UUID, self.logger.output)
        self.others = [base.make_instance(7, host='compute3')]
        self.assertRefused('[powervm] rest_host=127.0.0.1 cannot')
        self.assertEqual([], self.requests())
