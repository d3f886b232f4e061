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

"""What a NovaLink is asked for: an HMC may be asked for a little more."""

from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import hmc
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import test_hmc


class CountsCase(hmc.LifeMixin, case.DriverCase):
    """The numbers that the tests of an HMC add to are those of a NovaLink.

    :cvar LUCK: dict of operation -> int, how many requests fewer it may need
    :ivar found: dict of operation -> list of int, of requests
    """

    HOST = 'compute1'
    #: How many requests fewer may be sent if threads are lucky.
    LUCK = {'resize': 4, 'make': 3, 'attach': 3, 'detach': 3, 'delete': 3,
            'hard reboot': 3}

    def setUp(self):
        super().setUp()
        self.api = self.scene.api
        self.journal = self.cloud.host_of(self.HOST).journal
        self.found = {}

    def counted(self, name, sent):
        self.found.setdefault(name, []).append(len(sent))

    def check_others(self):
        self.scene.check_always()

    def check_counts(self):
        """COUNTS are no larger than they have to be.

        They are for threads that are unlucky: two read a form at the same
        time, or each of them writes what one could have written for both.
        """
        self.assertEqual(set(self.COUNTS), set(self.found))
        for name, numbers in self.found.items():
            self.assertLessEqual(self.COUNTS[name],
                                 max(numbers) + self.LUCK.get(name, 1), name)


class PoolTest(CountsCase):
    PLATFORM = platforms.POOL
    COUNTS = test_hmc.PoolTest.COUNTS

    def test_counts(self):
        self.create()
        self.live()
        self.do(self.api.rebuild, name='rebuild')
        self.delete()
        self.make_another()
        self.check_counts()


class VolumesTest(CountsCase):
    PLATFORM = platforms.VSCSI
    FIRST = test_hmc.VolumesTest.FIRST
    COUNTS = test_hmc.VolumesTest.COUNTS

    def test_counts(self):
        self.create()
        self.live()
        self.do(lambda server: self.api.attach(server, 3), name='attach')
        self.do(lambda server: self.api.detach(server, 3), name='detach')
        self.delete()
        self.make_another()
        self.check_counts()
