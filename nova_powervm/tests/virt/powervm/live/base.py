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

"""What unit tests of live migrations share: two hosts, and a server."""

import fixtures

from nova_powervm.simulator.resources import lpar as sim_lpar
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm.walks import waiting
from nova_powervm.virt.powervm.live import keys
from nova_powervm.virt.powervm import vm

#: How long the phases last, in seconds.
SLOW = {'migration_%s_seconds' % phase: 30 for phase in
        ('validate', 'prepare', 'copy', 'switch', 'cleanup')}


class LiveTestCase(base.SimulatedHostTestCase):
    """A running server on the first of two hosts of one pool.

    :ivar host, target: Hosts that are connected to them.
    :ivar instance: nova.objects.Instance
    :ivar lpar: its simulated LPAR.
    :ivar clock: waiting.Waiting
    """

    PROFILE = 'ssp-two-host'

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.flags(group='powervm', rest_port=self.site.hosts[1].port)
        self.target = self.connect()
        self.instance = base.make_instance()
        self.lpar = self.make_lpar()
        self.clock = self.useFixture(waiting.Waiting(self.site))
        self.useFixture(fixtures.MonkeyPatch(
            'pypowervm.wrappers.job.time.sleep', lambda seconds: None))

    def make_lpar(self, **more):
        spec = {'name': 'vm1', 'memory_mb': 2048, 'processors': 1,
                'units': 0.5, 'dedicated': False, 'management': False,
                'running': True, 'type': 'AIX/Linux', 'max_slots': 64,
                'uuid': vm.get_lpar_uuid(self.instance),
                'adapters': [{'switch': 'ETHERNET0', 'vlan': 1}]}
        with self.site.lock:
            return sim_lpar.from_spec(self.simulated, dict(spec, **more))

    def authorize(self):
        """Let the source log on to the target."""
        keys.Keys(self.target).authorize(keys.Keys(self.host).own())

    def slow_down(self):
        """Let the phases last."""
        self.site.timing.update(SLOW)
