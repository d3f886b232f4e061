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

"""What somebody else has on a host stays as it is, byte for byte.

The driver starts on hosts that have things of others, of each kind. Then come
random operations on servers, some of which fail, and restarts of the driver.
"""

import random

import fixtures as fx
import testtools

from nova_powervm.simulator import fingerprint
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.virt.powervm.walks import cloud as walk_cloud
from nova_powervm.tests.virt.powervm.walks import estate
from nova_powervm.tests.virt.powervm.walks import histories
from nova_powervm.tests.virt.powervm.walks import history_rules
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import states

OPERATIONS, RESTARTS = 100, 10
#: Steps that are no operations on servers.
_OUTSIDE = frozenset((
    'start_compute', 'stop_compute', 'periodic', 'compare_offers', 'fault',
    'vios_up', 'vios_down', 'power_off', 'power_on', 'crash', 'lose'))
_RULES = [rule for rule in history_rules.RULES if 'their' not in rule.step]


class Cloud(walk_cloud.Cloud):
    """A cloud on hosts where others are, too.

    :ivar foreign: what they have, see states.foreign()
    """

    def configure(self):
        super().configure()
        with self.site.lock:
            for host in self.site.hosts:
                estate.Estate(self, host).make()
        self.foreign = states.foreign(self.site)


class EstateMixin:
    """100 random operations, and 10 restarts, beside what others have.

    :cvar PLATFORM: platforms.Platform
    """

    PLATFORM = None

    def setUp(self):
        super().setUp()
        self.useFixture(fx.FakeLogger(level='WARNING'))
        self.cloud = self.useFixture(Cloud(self.PLATFORM))
        self.cloud.useFixture(func_fixtures.QuickUploads())
        self.played = histories.History(self.cloud, None)
        self.random = random.Random(self.PLATFORM.name)

    def check(self):
        self.assertEqual([], fingerprint.differences(
            self.cloud.foreign, states.foreign(self.cloud.site)),
            self.played.script)

    def take_operation(self):
        """Do something to a server, and what happens on the way to it."""
        name = None
        while name in _OUTSIDE or name is None:
            rule, choices = self.random.choice([
                (rule, choices) for rule in _RULES
                for choices in [rule.choices(self.played)] if choices
                for _time in range(rule.weight)])
            name = rule.step
            getattr(self.played, name)(*rule.arguments(
                self.played, self.random.choice(choices)))

    def restart(self):
        for host in self.played.hosts:
            self.played.start_compute(host)

    def delete_servers(self):
        for host, name in self.played.vioses(up=False):
            self.played.vios_up(host, name)
        self.cloud.start_all()
        for number in list(self.played.servers):
            self.played.delete(number)
        self.played.periodic()

    def test_start_operations_and_restarts(self):
        self.check()
        for _restart in range(RESTARTS):
            for _operation in range(OPERATIONS // RESTARTS):
                self.take_operation()
            self.restart()
            self.check()
        self.delete_servers()
        self.check()


class VolumeGroupTest(EstateMixin, testtools.TestCase):
    PLATFORM = platforms.VOLUME_GROUP


class PoolTest(EstateMixin, testtools.TestCase):
    PLATFORM = platforms.TWO_POOL


class VscsiTest(EstateMixin, testtools.TestCase):
    PLATFORM = platforms.TWO_VSCSI


class NpivTest(EstateMixin, testtools.TestCase):
    PLATFORM = platforms.TWO_NPIV
