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


import threading

from pypowervm.wrappers import managed_system as pvm_ms

from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.virt.powervm import rest


class CountingMixin:
    """Counts the requests that are under way; each waits for some others."""

    THREADS = 8

    def count(self, expected):
        """Send requests at once, and return how many were under way at most.

        :param expected: number of requests that wait for each other
        """
        lock, under_way, seen = threading.Lock(), [], []
        together = threading.Barrier(expected)
        send = rest._request

        def slow(*args, **kwargs):
            with lock:
                under_way.append(None)
                seen.append(len(under_way))
            try:
                together.wait(30)
                return send(*args, **kwargs)
            finally:
                with lock:
                    under_way.pop()

        self.patch(rest, '_request', slow)
        threads = [threading.Thread(target=self.read)
                   for _number in range(self.THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return max(seen)

    def read(self):
        pvm_ms.System.get(self.host.adapter)


class HmcTest(CountingMixin, hmc_base.HmcTestCase):

    CONSOLE = {'expired_status': 403}

    def test_bound(self):
        self.host = self.connect()
        self.assertEqual(4, self.count(4))

    def test_no_bound(self):
        self.flags(group='powervm', hmc_parallel_requests=0)
        self.host = self.connect()
        self.assertEqual(8, self.count(8))

    def test_token_expires(self):
        """A request that logs on again needs no second turn."""
        self.flags(group='powervm', hmc_parallel_requests=1)
        self.host = self.connect()
        self.simulated.sessions.expire_all()
        self.read()


class NovaLinkTest(CountingMixin, base.SimulatedHostTestCase):

    def test_no_bound(self):
        self.flags(group='powervm', hmc_parallel_requests=1)
        self.host = self.connect()
        self.assertEqual(8, self.count(8))
