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

"""Who listens on a port of the loopback interface of this machine.

This is about the network that this process sees, wherever management_root is.
"""

import socket
import sys

#: Where the kernel tells (proc(5)), and what it calls a socket that listens.
_TABLES = ('/proc/net/tcp', '/proc/net/tcp6')
_LISTENS = '0A'
#: On which addresses somebody listens who can be reached at 127.0.0.1.
_ADDRESSES = ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET, '0.0.0.0'),
              (socket.AF_INET6, '::ffff:127.0.0.1'), (socket.AF_INET6, '::'))


def listening_on(port):
    """Tell which sockets answer at a TCP port of 127.0.0.1.

    A process that listens there later has another socket.

    :param port: int
    :returns: frozenset of str, their inodes, empty if nobody listens; None if
        the kernel does not tell.
    """
    rows = _rows()
    if rows is None:
        return None
    wanted = {'%s:%04X' % (address, port) for address in _REACHED}
    return frozenset(fields[9] for fields in rows
                     if fields[3] == _LISTENS and fields[1] in wanted)


def _as_kernel_writes(family, address):
    """An address as the tables have it: words of the machine's byte order."""
    packed = socket.inet_pton(family, address)
    return ''.join('%08X' % int.from_bytes(packed[at:at + 4], sys.byteorder)
                   for at in range(0, len(packed), 4))


_REACHED = frozenset(_as_kernel_writes(*each) for each in _ADDRESSES)


def _rows():
    """The rows of the tables; None if that of IPv4 cannot be read."""
    rows = []
    for path in _TABLES:
        try:
            with open(path) as table:
                rows += [line.split() for line in table][1:]
        except OSError:
            if path == _TABLES[0]:
                return None
            # There is no IPv6.
    return rows
