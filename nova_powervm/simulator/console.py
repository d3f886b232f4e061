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
"""The console of a partition, and the small guest that prints on it.

A partition has one virtual terminal, which somebody opens and closes. What
the guest prints while none is open is lost (assumed, no hardware).

The guest has no state but the time of its boot, which moves with it: so it
counts on where it was after a live migration.
"""

from nova_powervm.simulator import errors

#: How many bytes of the output are kept.
_KEPT = 64 * 1024


class Console:
    """The virtual terminal of a partition; site.lock is held.

    :param partition: partition.Partition
    :ivar user: object that has opened it, or None. What has printed() and
        closed() is told what is printed, and the end
    :ivar is_open: bool, whether somebody has opened it
    """

    def __init__(self, partition):
        self._partition = partition
        self._output = bytearray()
        self._until = None
        self.is_open = False
        self.user = None

    def __getstate__(self):
        """Close what ends with the process: the terminal of a command."""
        state = dict(vars(self))
        if self.user is not None:
            state.update(user=None, is_open=False, _output=bytearray())
        return state

    def open(self, user=None):
        """Open it: from now on the output is kept.

        :param user: see the attribute
        :raises errors.RestError: when it is open already, or when the
            partition has another kind of terminal
        """
        partition = self._partition
        if partition.is_ibmi:
            raise errors.Refused('Partition %s has a 5250 console, which is '
                                 'not simulated' % partition.name)
        if self.is_open:
            raise errors.Conflict('The virtual terminal of partition %s is '
                                  'open already' % partition.name)
        self.is_open = True
        self.user = user
        self._output.clear()
        self._until = partition.host.site.clock.now()

    def close(self):
        """Close it, and forget its output; none open is fine."""
        self.is_open = False
        self._output.clear()
        user, self.user = self.user, None
        if user is not None:
            user.closed()

    def read(self):
        """Return what the guest has printed since it was opened.

        :returns: bytes, the last 64 KiB at most
        """
        self.catch_up()
        return bytes(self._output)

    def type(self, text):
        """Type something, which the guest echoes if it runs.

        :param text: bytes
        :raises errors.Refused: when no terminal is open
        """
        if not self.is_open:
            raise errors.Refused('The virtual terminal of partition %s is not '
                                 'open' % self._partition.name)
        self.catch_up()
        partition = self._partition
        # One that the profile has running was not booted here.
        if (partition.boot_time is not None or
                partition.partition_state == 'running'):
            self.print(text.replace(b'\r', b'\n').replace(b'\n', b'\r\n'))

    def print(self, text):
        """Print something.

        :param text: bytes
        """
        if self.is_open:
            self._output += text
            del self._output[:-_KEPT]
            if self.user is not None:
                self.user.printed(text)

    def booted(self):
        """Print what a guest prints when it boots."""
        partition = self._partition
        self._until = partition.host.site.clock.now()
        self.print(b'Simulated firmware of %s\r\n%s (%s)\r\nlogin: \r\n' % (
            partition.host.system.name.encode(), partition.name.encode(),
            partition.uuid.encode()))

    def halted(self):
        """Print what a guest prints when it ends."""
        self.catch_up()
        self.print(b'powered off\r\n')

    def catch_up(self):
        """Print the lines that the guest has printed up to now.

        Each has a number, the seconds since the boot, and the name of the
        host that the guest runs on.
        """
        partition = self._partition
        interval = partition.host.site.timing['guest_seconds']
        boot = partition.boot_time
        if not self.is_open or boot is None or not interval:
            return
        now = partition.host.site.clock.now()
        first = int(max(0, self._until - boot) // interval) + 1
        last = int((now - boot) // interval)
        self._until = now
        # Nobody can read what is more than the terminal keeps.
        for number in range(max(first, last - _KEPT // 8), last + 1):
            self.print(b'%d: up %d s on %s\r\n' % (
                number, number * interval, partition.host.name.encode()))
