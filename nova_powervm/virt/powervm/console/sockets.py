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

"""Who listens on a port of this machine.

This is about the network that this process sees, wherever management_root is.
"""

#: Where the kernel tells (proc(5)), and what it calls a socket that listens.
_TABLES = ('/proc/net/tcp', '/proc/net/tcp6')
_LISTENS = '0A'


def listening_on(port):
    """Tell which sockets listen on a TCP port.

    A process that listens there later has another socket.

    :param port: int
    :returns: frozenset of str, their inodes; empty if nobody listens, or if
        the kernel does not tell.
    """
    return frozenset(
        fields[9] for fields in _rows() if fields[3] == _LISTENS and
        int(fields[1].rpartition(':')[2], 16) == port)


def _rows():
    for path in _TABLES:
        try:
            with open(path) as table:
                yield from [line.split() for line in table][1:]
        except OSError:
            # There is no IPv6, or the process may not see it.
            continue
