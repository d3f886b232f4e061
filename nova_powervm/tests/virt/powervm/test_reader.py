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

"""What is read of the platform, on a simulated site."""

from pypowervm import const as pvm_const

from nova_powervm.tests.virt.powervm import base


class ReaderTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()

    def groups(self):
        """The extended attribute groups of each request."""
        found = [record['groups']
                 for record in self.simulated.journal.records()]
        self.simulated.journal.clear()
        return found

    def test_active_vioses(self):
        down = self.simulated.store.all('VirtualIOServer')[0]
        down.set_state('not activated')
        up = self.simulated.store.all('VirtualIOServer')[1]
        self.assertEqual([up.uuid],
                         [vios.uuid for vios in self.host.active_vioses()])
        self.host.active_vioses((pvm_const.XAG.VIO_SMAP,))
        groups = [record['groups']
                  for record in self.simulated.journal.records()]
        self.assertEqual(2, len(groups))
        # Never all of them, which is what no group means.
        self.assertNotIn(None, groups)

    def test_groups(self):
        """Without groups, no read of partitions asks for all of them."""
        vios_uuid = self.host.vioses()[0].uuid
        lpar_uuid = self.host.lpars()[0].uuid
        self.host.vios(vios_uuid)
        self.host.vios_getter(vios_uuid).get()
        self.host.lpar(lpar_uuid)
        self.host.lpar_getter(lpar_uuid).get()
        self.assertEqual(['None'] * 6, self.groups())
        self.host.vioses([pvm_const.XAG.VIO_SMAP, pvm_const.XAG.VIO_FMAP])
        self.host.vios(vios_uuid, [pvm_const.XAG.VIO_SMAP])
        self.host.vios_getter(vios_uuid, [pvm_const.XAG.VIO_SMAP]).get()
        self.assertEqual(['ViosFCMapping,ViosSCSIMapping', 'ViosSCSIMapping',
                          'ViosSCSIMapping'], self.groups())

    def test_read_again(self):
        vios_w = self.host.vioses()[0]
        self.assertIs(vios_w, self.host.read_again(vios_w))
        self.assertEqual([304], [
            record['status'] for record in self.simulated.journal.records()
            if record['status'] != 200])
