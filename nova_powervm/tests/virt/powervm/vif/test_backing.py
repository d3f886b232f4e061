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

"""The choice of backing devices, without a platform."""

import itertools
import random

from nova import exception as nova_exc
import testtools

from nova_powervm.virt.powervm import physical_ports
from nova_powervm.virt.powervm import sriov
from nova_powervm.virt.powervm.vif import backing

VIOSES = [sriov.Vios('uuid%d' % number, 'vios%d' % number, True)
          for number in (1, 2)]


def make_port(number, most, **values):
    """Build a port of the network prod; two are on an adapter."""
    return physical_ports.Port(**dict({
        'adapter_id': 1 + number // 2, 'port_id': number % 2, 'runs': True,
        'kind': 'converged', 'physnet': 'prod', 'location': 'T%d' % number,
        'has_link': True, 'has_maximum': True, 'most': most, 'used': 0,
        'granularity': 10, 'allocated': 0}, **values))


def make_need(count, claimed=None):
    return backing.Need('prod', count, None, None, claimed)


def fill(ports, count, claims):
    """Plug vNICs until one is refused: how many were plugged.

    :param claims: iterator of indexes of the ports that Nova has claimed
    """
    for number in itertools.count():
        claimed = ports[next(claims)].ids
        try:
            devices = backing.choose(make_need(count, claimed), ports, VIOSES)
        except nova_exc.VirtualInterfacePlugException:
            return number
        taken = {device.port.ids for device in devices}
        assert len(taken) == count
        ports = [port._replace(used=port.used + 1,
                               allocated=port.allocated + 10)
                 if port.ids in taken else port for port in ports]


class RoomTest(testtools.TestCase):
    """As many vNICs as are promised get their devices."""

    def test_all_that_fit(self):
        chance = random.Random(1)
        for _trial in range(150):
            free = [chance.choice((0, 1, 2, 3, 5, 8))
                    for _port in range(chance.randint(2, 6))]
            count = chance.randint(1, min(4, len(free)))
            ports = [make_port(number, room)
                     for number, room in enumerate(free)]
            claims = iter(lambda: chance.randrange(len(free)), None)
            self.assertEqual(physical_ports.most_vnics(free, count),
                             fill(ports, count, claims), (free, count))

    def test_most(self):
        for free, count, most in (
                ([20, 20], 2, 20), ([20, 4, 20], 2, 22), ([20, 4], 2, 4),
                ([20, 4, 4], 2, 8), ([20, 4, 20], 3, 4), ([20, 20], 1, 40),
                ([20], 2, 0), ([], 2, 0), ([], 0, 0), ([0, 0], 1, 0)):
            self.assertEqual(most, physical_ports.most_vnics(free, count))

    def test_no_room(self):
        """Without a link, or if the adapter does not run."""
        for values in ({'has_link': False}, {'runs': False}, {'used': 5},
                       {'used': 9}, {'allocated': 9999}):
            self.assertEqual(0, make_port(0, 5, **values).room())
        self.assertEqual(4, make_port(0, 5, used=1).room())
        self.assertEqual(3, make_port(0, 5, allocated=4000).room(2000))
