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

"""One Nova for all tests of a class.

To start Nova's services costs more than most of what a test does with them.
"""

import os
from unittest import mock

import fixtures as fx
import testtools
from testtools import content

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import moves
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.functional import volumes

#: Nova waits 20 seconds less for what is under way, which is nothing.
SHUTDOWN_SECONDS = 20
#: They would end Nova with the first test, or take what others log.
_OF_ONE_TEST = ('OS_TEST_TIMEOUT', 'OS_STDOUT_CAPTURE', 'OS_STDERR_CAPTURE')


class Nova(moves.TwoHostMixin, base.PowerVMTestCase):
    """Nova on two hosts, which is no test itself.

    Jobs of the platform are answered after one poll, so that the requests of
    an operation can be counted.
    """

    PROFILE = 'two-host'
    TIMING = {'job_polls': 1, 'event_gather_seconds': 0.2}

    def runTest(self):
        """There is nothing to test; a TestCase must have it."""

    def setUp(self):
        with mock.patch.dict(os.environ):
            for name in _OF_ONE_TEST:
                os.environ.pop(name, None)
            super().setUp()
        self.flags(allow_resize_to_same_host=True,
                   manager_shutdown_timeout=SHUTDOWN_SECONDS)
        self.useFixture(fx.MockPatch('pypowervm.helpers.vios_busy.SLEEP'))

    def wait_for(self, look, seconds=120):
        """Call look() once Nova does nothing more.

        :returns: what it returns, which must be true
        """
        self.assertTrue(self.work.wait(seconds), 'Nova does not end.')
        found = look()
        self.assertTrue(found, 'It has not happened.')
        return found


class PoolNova(platforms.SharedPool, Nova):
    """The disks are in a pool that both hosts share."""

    PROFILE = 'ssp-two-host'


class VolumeNova(volumes.VolumeMixin, Nova):
    """Volumes of Cinder, mapped by the VIOSes of both hosts."""

    PROFILE = 'fc-two-host'
    #: A test of swaps uses a new one for each.
    VOLUMES = 60

    def setUp(self):
        super().setUp()
        # Nova looks there for whether a volume is on this host.
        self.flags(host='compute1')

    def _configure_driver(self):
        super()._configure_driver()
        self.flags(swap_volume_stops_server=True, group='powervm')


class SharedNovaCase(testtools.TestCase):
    """A test of a Nova that the first test of its class has started.

    A test that fails ends it; the next one has a new one.

    :cvar NOVA: subclass of Nova
    :ivar nova: object of that class
    """

    NOVA = None
    _nova = None

    def setUp(self):
        super().setUp()
        cls = type(self)
        if cls._nova is None:
            nova = cls.NOVA()
            try:
                nova.setUp()
            except BaseException:
                nova.doCleanups()
                raise
            cls._nova = nova
        self.nova = cls._nova
        self.addOnException(self._end_after_failure)

    def _end_after_failure(self, _exc_info):
        if self._nova is None:
            return
        log = self.nova.stdlog.logger.output
        self.addDetail('log of Nova', content.text_content(log))
        self._end_nova()

    @classmethod
    def tearDownClass(cls):
        cls._end_nova()
        super().tearDownClass()

    @classmethod
    def _end_nova(cls):
        ending, cls._nova = cls._nova, None
        if ending is not None:
            ending.doCleanups()
