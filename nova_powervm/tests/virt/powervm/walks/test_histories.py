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

import fixtures as fx
import testtools

from nova_powervm.tests.virt.powervm.walks import histories
from nova_powervm.tests.virt.powervm.walks import platforms

#: How many histories a test plays, and how many steps each has.
COUNT, STEPS = 3, 40
#: How long a shorter history is looked for: a test has four minutes.
SECONDS = 120


class HistoryCase(testtools.TestCase):
    """Tests that play random histories, on one cloud for all of a class.

    :cvar PLATFORM: platforms.Platform
    """

    PLATFORM = None
    _stage = None

    @classmethod
    def tearDownClass(cls):
        if cls._stage is not None:
            cls._stage.drop()
            cls._stage = None
        super().tearDownClass()

    def play(self, seed):
        # Kept for a test that fails, and never formatted otherwise.
        self.useFixture(fx.FakeLogger(level='WARNING'))
        cls = type(self)
        if cls._stage is None:
            cls._stage = histories.Stage(self.PLATFORM)
        stage = cls._stage
        before = stage.steps
        self.addOnException(lambda _exc_info: stage.drop())
        histories.run(stage, seed, COUNT, STEPS, SECONDS)
        stage.stop()
        self.assertEqual(COUNT * STEPS, stage.steps - before)


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
class VolumeGroupTest(HistoryCase):
    PLATFORM = platforms.VOLUME_GROUP


@seeds(1, 2, 3, 4)
class PoolTest(HistoryCase):
    PLATFORM = platforms.TWO_POOL


@seeds(1, 2, 3, 4, 5)
class VscsiTest(HistoryCase):
    PLATFORM = platforms.TWO_VSCSI


@seeds(1, 2, 3, 4)
class NpivTest(HistoryCase):
    PLATFORM = platforms.TWO_NPIV
