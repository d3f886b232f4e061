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

"""The time that computes of a walk spend waiting for a live migration.

The time of the site passes, not that of the test, and things may happen
meanwhile.
"""

import fixtures as fx

_CLOCK = 'nova_powervm.virt.powervm.live.running.Clock'
_THREAD = 'nova_powervm.virt.powervm.actions.settling.start_thread'


class Waiting(fx.Fixture):
    """What computes wait with; all waiting is done at once.

    :ivar seconds: float, how long all have waited
    :ivar events: list of callables without arguments, or None: each time that
        somebody waits, the first one is taken out and called
    :param site: simulator.site.Site
    """

    #: How often somebody may wait in a test that has no end.
    LIMIT = 20000

    def __init__(self, site):
        super().__init__()
        self._site = site
        self._count = 0
        self.seconds = 0
        self.events = []
        self._threads = []

    def _setUp(self):
        self.useFixture(fx.MonkeyPatch(_CLOCK, lambda: self))
        self.useFixture(fx.MonkeyPatch(_THREAD, self._threads.append))

    def reset(self):
        """Begin anew, for another test."""
        self._count = 0
        del self.events[:]
        del self._threads[:]

    def run_threads(self):
        """Do what nova-compute does in a thread once it has started."""
        while self._threads:
            self._threads.pop(0)()

    def now(self):
        """Tell the time, in seconds."""
        return self.seconds

    def wait(self, condition, seconds):
        """Let the time pass, and the next event happen."""
        self._count += 1
        if self._count > self.LIMIT:
            raise AssertionError('A compute waits for ever.')
        self.seconds += seconds
        event = self.events.pop(0) if self.events else None
        if event is not None:
            # As whoever waits does: others may need it.
            condition.release()
            try:
                event()
            finally:
                condition.acquire()
        self._site.clock.advance(seconds)
