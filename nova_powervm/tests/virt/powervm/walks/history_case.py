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

"""The case of tests that play histories."""

import fixtures as fx
import testtools

from nova_powervm.tests.virt.powervm.walks import histories


class HistoryCase(testtools.TestCase):
    """Tests that play histories, on one cloud for all of a class.

    :cvar PLATFORM: platforms.Platform
    :ivar stage: histories.Stage
    """

    PLATFORM = None
    _stage = None

    @classmethod
    def tearDownClass(cls):
        if cls._stage is not None:
            cls._stage.drop()
            cls._stage = None
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        # Kept for a test that fails, and never formatted otherwise.
        self.useFixture(fx.FakeLogger(level='WARNING'))
        cls = type(self)
        if cls._stage is None:
            cls._stage = histories.Stage(self.PLATFORM)
        self.stage = cls._stage
        self.addOnException(lambda _exc_info: self.stage.drop())


class RegressionCase(testtools.TestCase):
    """Histories that failed once: each is a test by name.

    Those that still fail say why, and which issue is to mend it. A history is
    what a Broken of the random histories prints.
    """

    def setUp(self):
        super().setUp()
        self.useFixture(fx.FakeLogger())

    @staticmethod
    def play(platform, steps):
        """Play the steps of a history on a platform.

        :param platform: platforms.Platform
        :param steps: function of a histories.History
        """
        histories.play(platform, steps)
