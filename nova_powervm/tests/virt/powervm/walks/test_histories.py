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

"""Random histories with fixed seeds, on each kind of platform."""

from nova_powervm.tests.virt.powervm.walks import histories
from nova_powervm.tests.virt.powervm.walks import history_case
from nova_powervm.tests.virt.powervm.walks import platforms

#: How many steps a history has.
STEPS = 40
#: How long a shorter history is looked for: a test has four minutes.
SECONDS = 120


class SeedCase(history_case.HistoryCase):
    """Tests that play random histories.

    :cvar COUNT: int, how many a test plays
    """

    COUNT = 3

    def play(self, seed):
        before = self.stage.steps
        histories.run(self.stage, seed, self.COUNT, STEPS, SECONDS)
        self.stage.stop()
        self.assertEqual(self.COUNT * STEPS, self.stage.steps - before)


def seeds(*numbers):
    """Give a class a test for each seed, named by it."""
    def make_test(number):
        def test(self):
            self.play(number)
        return test

    def decorate(cls):
        for number in numbers:
            setattr(cls, 'test_seed_%d' % number, make_test(number))
        return cls
    return decorate


@seeds(1, 2, 3, 4)
class VolumeGroupTest(SeedCase):
    PLATFORM = platforms.VOLUME_GROUP


@seeds(1, 2, 3, 4)
class PoolTest(SeedCase):
    PLATFORM = platforms.TWO_POOL


@seeds(1, 2, 3, 4)
class VscsiTest(SeedCase):
    PLATFORM = platforms.TWO_VSCSI


@seeds(1, 2, 3, 4)
class NpivTest(SeedCase):
    PLATFORM = platforms.TWO_NPIV


@seeds(1)
class HmcVscsiTest(SeedCase):
    """Three hosts behind an HMC: no operation on one changes another."""

    PLATFORM = platforms.HMC_VSCSI
    COUNT = 2


@seeds(1)
class HmcPoolTest(HmcVscsiTest):
    """The same; servers move between the hosts while they run."""

    PLATFORM = platforms.HMC_POOL
