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

"""Many partitions of a profile, and what is mapped to them."""

from pypowervm.const import XAG
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.simulator.resources import crowd as sim_crowd
from nova_powervm.tests.simulator import storage_base


class CrowdTestCase(storage_base.StorageTestCase):

    def test_build_mappings(self):
        for number in range(3):
            self.make_lpar('vm%d' % number)
        with self.site.lock:
            sim_crowd.build_mappings(self.host, 8)
        vioses = [pvm_vios.VIOS.get(self.adapter, uuid=vios.uuid,
                                    xag=[XAG.VIO_SMAP])
                  for vios in (self.vios, self.vios2)]
        self.assertEqual([5, 3], [len(w.scsi_mappings) for w in vioses])
        self.assertEqual(
            ['vm0', 'vm0', 'vm1', 'vm1', 'vm2'],
            [m['lpar'] for m in self.vios.state()['mappings']])
        self.assertEqual(1995.0, self.group_w().free_space)
