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

from unittest import mock

from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import network as pvm_net

from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm import vif


class ManagementAdapterTestCase(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.lpar_w = self.create_lpar(self.instance)

    def plug(self, **kwargs):
        return vif.plug_mgmt_vif(self.host, self.instance, self.lpar_w,
                                 **kwargs)

    def test_plug(self):
        cna = self.plug()
        self.assertEqual(['PUT ClientNetworkAdapter'], self.requests())
        self.assertEqual(4094, cna.pvid)
        self.assertEqual(self.host.get_vswitch('MGMTSWITCH').switch_id,
                         cna.vswitch_id)
        self.assertEqual(
            cna.mac, self.instance.system_metadata['mgmt_interface_mac'])
        # So that Nova's next save() writes it.
        self.assertIn('system_metadata', self.instance.obj_what_changed())

    def test_mac_is_kept(self):
        self.instance.system_metadata['mgmt_interface_mac'] = '0200C0FFEE01'
        self.assertEqual('0200C0FFEE01', self.plug().mac)

    def test_plugged_already(self):
        cna = self.plug()
        self.requests()
        self.assertIs(cna, self.plug(adapters=[cna]))
        self.assertEqual([], self.requests())

    def test_switched_off(self):
        self.flags(group='powervm', use_rmc_mgmt_vif=False)
        self.assertIsNone(self.plug())
        vif.undo_mgmt_vif(self.host, self.instance)
        self.assertEqual([], self.requests())

    def test_no_such_switch(self):
        with mock.patch.object(self.host, 'get_vswitch', return_value=None):
            self.assertIsNone(self.plug())
            vif.undo_mgmt_vif(self.host, self.instance)
        self.assertEqual([], self.requests())

    def test_switch_recreated(self):
        """The cached switch is deleted; another has its name now."""
        old = self.host.get_vswitch('MGMTSWITCH')
        old.delete()
        pvm_net.VSwitch.bld(self.host.adapter, 'MGMTSWITCH').create(
            parent_type=pvm_ms.System, parent_uuid=self.host.system_uuid)
        self.requests()

        cna = self.plug()

        self.assertEqual(
            ['PUT ClientNetworkAdapter', 'GET VirtualSwitch',
             'PUT ClientNetworkAdapter'], self.requests())
        self.assertNotEqual(old.related_href, cna.vswitch_uri)

    def test_switch_deleted(self):
        self.host.get_vswitch('MGMTSWITCH').delete()
        exc = self.assertRaises(nova_exc.VirtualInterfacePlugException,
                                self.plug)
        self.assertIn('MGMTSWITCH', str(exc))

    def test_undo(self):
        vif.plug(self.host, self.instance, base.make_vif(), self.lpar_w)
        self.plug()
        self.requests()

        vif.undo_mgmt_vif(self.host, self.instance, adapters=[])
        vif.undo_mgmt_vif(self.host, self.instance, adapters=[])

        self.assertEqual(
            ['GET ClientNetworkAdapter', 'DELETE ClientNetworkAdapter',
             'GET ClientNetworkAdapter'], self.requests())
        left = self.adapters(self.lpar(self.instance))
        self.assertEqual(['FA163E000001'], [cna.mac for cna in left])

    def test_undo_leaves_what_was_there_before(self):
        cna = self.plug()
        vif.undo_mgmt_vif(self.host, self.instance, adapters=[cna])
        self.assertEqual(1, len(self.adapters(self.lpar(self.instance))))

    def test_undo_that_fails(self):
        """Whoever undoes it must know that it is not undone."""
        self.plug()
        self.simulated.faults.add(
            {'method': 'DELETE', 'path': 'ClientNetworkAdapter',
             'effect': 'status', 'status': 500})
        self.assertRaises(pvm_exc.HttpError, vif.undo_mgmt_vif, self.host,
                          self.instance)
        self.assertEqual(1, len(self.adapters(self.lpar(self.instance))))
