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

"""Where an LPAR is, as its source tells."""

from nova_powervm.simulator.resources import partition
from nova_powervm.tests.virt.powervm.live import base
from nova_powervm.virt.powervm.live import job
from nova_powervm.virt.powervm.live import outcome

Location = outcome.Location


class LookTest(base.LiveTestCase):

    def look(self, host=None):
        return outcome.look(host or self.host, self.instance)

    def test_here_whatever_its_state(self):
        self.assertIs(Location.HERE, self.look())
        self.assertEqual(['GET LogicalPartition'], self.requests())
        with self.site.lock:
            self.lpar.set_state(partition.OFF)
        self.assertIs(Location.HERE, self.look())

    def test_gone(self):
        self.assertIs(Location.GONE, self.look(self.target))

    def test_course(self):
        self.authorize()
        self.slow_down()
        jobs = job.MigrationJobs(self.host, self.lpar.uuid)
        jobs.submit(job.parameters(self.site.hosts[1].system.name, 'a'))
        found = []
        for _phase in range(5):
            found.append(self.look())
            self.site.clock.advance(30)
        found.append(self.look())
        self.assertEqual([Location.MOVING] * 5 + [Location.GONE], found)
        self.assertIs(Location.HERE, self.look(self.target))

    def test_one_answer_is_wrong(self):
        self.fail_request(method='GET', path='/LogicalPartition/',
                          effect='status', status=404)
        self.assertIs(Location.MOVING, self.look())

    def test_unseen(self):
        self.fail_request(method='GET', path='/LogicalPartition/',
                          effect='status', status=500)
        self.assertIs(Location.UNSEEN, self.look())
        for path in ('/LogicalPartition/', '/LogicalPartition$'):
            self.fail_request(method='GET', path=path, effect='status',
                              status=404 if path[-1] == '/' else 500)
        self.assertIs(Location.UNSEEN, self.look())

    def test_what_it_sees_is_noted(self):
        seen = []
        outcome.look(self.host, self.instance, seen.append)
        self.assertEqual(['vm1'], [lpar_w.name for lpar_w in seen])
