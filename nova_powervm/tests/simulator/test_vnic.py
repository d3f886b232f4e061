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

"""Virtual NICs, through pypowervm."""

from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import sriov as pvm_sriov
from pypowervm import util as pvm_util
from pypowervm.wrappers import iocard as pvm_card
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.tests.simulator import sriov_base

_MAC = sriov_base.MAC
_STATUS = pvm_card.VNICBackDevStatus


class TestLife(sriov_base.VnicTestCase):

    def test_create(self):
        vnic = self.pair(pvid=100, mac_addr=_MAC, slot_num=7,
                         allowed_vlans=pvm_util.VLANList.NONE,
                         allowed_macs=pvm_util.MACList.NONE)
        self.assertEqual(
            (7, _MAC, 100, 'NONE', 'NONE', 0.02, False, 2),
            (vnic.slot, vnic.mac, vnic.pvid, vnic.allowed_vlans,
             vnic.allowed_macs, vnic.capacity, vnic.auto_pri_failover,
             vnic.lpar_id - 2))
        first, second = vnic.back_devs
        self.assertEqual(
            [(1, 0, 20, 0.02, 1.0, _STATUS.OPERATIONAL, False),
             (2, 0, 10, 0.02, 1.0, _STATUS.OPERATIONAL, True)],
            [(device.sriov_adap_id, device.pport_id, device.failover_pri,
              device.capacity, device.max_capacity, device.status,
              device.is_active) for device in (first, second)])
        self.assertEqual([self.vios1.href(), self.vios2.href()],
                         [first.vios_href, second.vios_href])
        for device, vios in ((first, self.vios1), (second, self.vios2)):
            lport, = self.lports(vios)
            self.assertEqual(self.plain(lport), device.lport_href)
        self.assertEqual([(1, 0.02)] * 2, [self.counts(1, 0),
                                           self.counts(2, 0)])

    def test_what_the_platform_chooses(self):
        first = self.create(self.lpar, (self.vios1, 1, 0))
        second = self.create(self.lpar, (self.vios1, 1, 0))
        self.assertEqual([63, 62], [first.slot, second.slot])
        self.assertNotEqual(first.mac, second.mac)
        self.assertEqual((0, 'ALL', 'ALL'), (
            first.pvid, first.allowed_vlans, first.allowed_macs))
        self.assertEqual(50, first.back_devs[0].failover_pri)
        self.assertEqual((2, 0.04), self.counts(1, 0))

    def test_failback_from_the_start(self):
        vnic = self.build((self.vios1, 1, 0))
        vnic.auto_pri_failover = True
        self.assertTrue(vnic.create(
            parent_type=pvm_lpar.LPAR,
            parent_uuid=self.lpar.uuid).auto_pri_failover)

    def test_lowest_slot(self):
        vnic = self.build((self.vios1, 1, 0))
        vnic._use_next_avail_slot_id = False
        vnic.set_parm_value('UseNextAvailableSlotID', 'true')
        self.assertEqual(2, vnic.create(
            parent_type=pvm_lpar.LPAR, parent_uuid=self.lpar.uuid).slot)

    def test_read(self):
        self.assertEqual([], self.vnics(self.lpar))
        made = self.pair()
        found, = self.vnics(self.lpar)
        self.assertEqual((made.uuid, made.etag), (found.uuid, found.etag))
        self.assertIs(found, found.refresh())
        lpars = {lpar.name: vnics for lpar, vnics in
                 pvm_sriov.get_lpar_vnics(self.adapter).items()}
        self.assertEqual([made.uuid], [v.uuid for v in lpars['vm1']])
        self.assertEqual([], lpars['novalink'])

    def test_delete(self):
        system = self.system_w()
        before = self.site.state()
        vnic = self.pair(slot_num=7)
        self.assertNotEqual(system.etag, self.system_w().etag)
        vnic.delete()
        self.assertEqual(before, self.site.state())
        self.assertEqual([[], []], [self.lports(vios) for vios in
                                    (self.vios1, self.vios2)])
        self.assertEqual((0, 0.0), self.counts(1, 0))
        self.pair(slot_num=7)

    def test_delete_the_partition(self):
        with self.site.lock:
            self.host.remove(self.make_lpar('other'))
        before = self.site.state()
        other = self.make_lpar('other')
        self.create(other, (self.vios1, 1, 0), (self.vios2, 2, 0))
        pvm_lpar.LPAR.get(self.adapter, uuid=other.uuid).delete()
        self.assertEqual(before, self.site.state())

    def test_pypowervm_chooses(self):
        vnic = self.chosen(capacity=0.1, max_capacity=0.5).create(
            parent_type=pvm_lpar.LPAR, parent_uuid=self.lpar.uuid)
        devices = vnic.back_devs
        self.assertEqual({1, 2}, {d.sriov_adap_id for d in devices})
        self.assertEqual({self.vios1.href(), self.vios2.href()},
                         {d.vios_href for d in devices})
        self.assertEqual([(0.1, 0.5)] * 2, [(d.capacity, d.max_capacity)
                                            for d in devices])

    def test_labels_of_ports_in_use(self):
        self.pair()
        system = self.system_w()

        def relabel(system):
            self.pport_w(1, 0, system).label = 'other'
            return True

        self.assertRaises(pvm_exc.CantUpdatePPortsInUse,
                          pvm_sriov.safe_update_pports, system, relabel)
        pvm_sriov.safe_update_pports(self.system_w(), relabel, force=True)
        self.assertEqual('other', self.pport_w(1, 0).label)

    def test_events(self):
        sent = []
        self.patch(self.host.events, 'emit',
                   lambda *args: sent.append(args[:2]))
        vnic = self.create(self.lpar, (self.vios1, 1, 0))
        lport, = self.lports(self.vios1)
        self.assertIn(('ADD_URI', self.plain(vnic)), sent)
        self.assertIn(('ADD_URI', self.plain(lport)), sent)
        self.assertIn(('MODIFY_URI', self.host.system.href()), sent)
        del sent[:]
        vnic.delete()
        self.assertIn(('DELETE_URI', self.plain(vnic)), sent)
        self.assertIn(('DELETE_URI', self.plain(lport)), sent)

    def test_state(self):
        vnic = self.pair(mac_addr=_MAC)
        ours, = self.site.state()['hosts'][0]['VirtualNICDedicated']
        self.assertEqual((vnic.uuid, 'vm1', _MAC), (
            ours['uuid'], ours['partition'], ours['mac']))
        self.assertEqual(['vios1/1/0', 'vios2/2/0'],
                         [device['device'] for device in ours['devices']])
        self.assertIn('server1/VirtualNICDedicated/vm1/%s/devices/vios2/2/0'
                      % vnic.uuid, self.site.fingerprint())


class TestUpdate(sriov_base.VnicTestCase):

    def test_settings(self):
        vnic = self.pair(pvid=100)
        vnic.pvid = 200
        vnic.allowed_vlans = [300, 301]
        vnic.allowed_macs = [_MAC]
        vnic.auto_pri_failover = True
        vnic = vnic.update()
        self.assertEqual((200, [300, 301], [_MAC], True), (
            vnic.pvid, vnic.allowed_vlans, vnic.allowed_macs,
            vnic.auto_pri_failover))
        lport, = self.lports(self.vios1)
        self.assertEqual((200, [300, 301], [_MAC]), (
            lport.pvid, lport.allowed_vlans, lport.allowed_macs))

    def test_unchanged(self):
        vnic = self.pair()
        before = self.site.state()
        vnic.update()
        self.assertEqual(before, self.site.state())

    def test_devices(self):
        vnic = self.create(self.lpar, (self.vios1, 1, 0))
        kept = vnic.back_devs[0].lport_href
        vnic.back_devs.append(self.device(self.vios2, 2, 0, failover_pri=1))
        vnic = vnic.update()
        # The active one works, so it stays.
        added, = self.lports(self.vios2)
        self.assertEqual([(kept, True), (self.plain(added), False)],
                         [(device.lport_href, device.is_active)
                          for device in vnic.back_devs])
        vnic.back_devs = [vnic.back_devs[1]]
        vnic = vnic.update()
        self.assertEqual([(2, True)], [
            (device.sriov_adap_id, device.is_active)
            for device in vnic.back_devs])
        self.assertEqual([], self.lports(self.vios1))
        self.assertEqual((0, 0.0), self.counts(1, 0))

    def test_exchange_on_a_full_port(self):
        with self.site.lock:
            self.pport(1, 0).maximum = 1
        vnic = self.create(self.lpar, (self.vios1, 1, 0))
        vnic.back_devs = [self.device(self.vios2, 1, 0)]
        vnic.update()
        self.assertEqual((1, 0.02), self.counts(1, 0))
        self.assertEqual([], self.lports(self.vios1))

    def test_priority(self):
        vnic = self.pair()
        for device in vnic.back_devs:
            device.failover_pri += 1
        vnic = vnic.update()
        self.assertEqual([21, 11], [device.failover_pri
                                    for device in vnic.back_devs])

    def test_what_stays(self):
        vnic = self.pair(mac_addr=_MAC, slot_num=7)
        vnic._slot(8)
        self.refused('slot of a virtual adapter', vnic.update)
        vnic = vnic.refresh()
        vnic._mac('fa1630000002')
        self.refused('MAC address of a vNIC cannot change', vnic.update)
        vnic = self.vnics(self.lpar)[0]
        vnic.back_devs[0]._capacity(0.5)
        self.refused('capacity of a backing device cannot', vnic.update)
        vnic = self.vnics(self.lpar)[0]
        vnic.back_devs = []
        self.refused('0 were given', vnic.update)

    def test_stale_etag(self):
        vnic = self.pair()
        with self.site.lock:
            self.host.store.get('VirtualNICDedicated', vnic.uuid).touch()
        exc = self.assertRaises(pvm_exc.HttpError, vnic.update)
        self.assertEqual(412, exc.response.status)


class TestFailover(sriov_base.VnicTestCase):

    def test_link(self):
        vnic = self.pair()
        operator = self.host.operator
        operator.set_sriov_port(2, 0, False)
        self.assertEqual([(_STATUS.OPERATIONAL, True),
                          (_STATUS.LINK_DOWN, False)], self.states(vnic))
        # Without failback it stays where it is.
        operator.set_sriov_port(2, 0, True)
        self.assertEqual([(_STATUS.OPERATIONAL, True),
                          (_STATUS.OPERATIONAL, False)], self.states(vnic))
        vnic = vnic.refresh()
        vnic.auto_pri_failover = True
        vnic.update()
        self.assertEqual([(_STATUS.OPERATIONAL, False),
                          (_STATUS.OPERATIONAL, True)], self.states(vnic))

    def test_failback(self):
        vnic = self.pair()
        vnic.auto_pri_failover = True
        vnic.update()
        for up, active in ((False, [True, False]), (True, [False, True])):
            self.host.operator.set_sriov_port(2, 0, up)
            self.assertEqual(active, [is_active for _status, is_active in
                                      self.states(vnic)])

    def test_vios(self):
        vnic = self.pair()
        with self.site.lock:
            self.vios2.halted()
        self.assertEqual([(_STATUS.OPERATIONAL, True),
                          (_STATUS.POWERED_OFF, False)], self.states(vnic))
        with self.site.lock:
            self.vios1.crashed()
        # There is nothing to fail over to.
        self.assertEqual([(_STATUS.UNRESPONSIVE, True),
                          (_STATUS.POWERED_OFF, False)], self.states(vnic))
        with self.site.lock:
            self.vios2.booted()
        self.assertEqual([(_STATUS.UNRESPONSIVE, False),
                          (_STATUS.OPERATIONAL, True)], self.states(vnic))

    def test_management_connection_does_not_matter(self):
        vnic = self.pair()
        with self.site.lock:
            self.vios2.set_rmc('inactive')
        self.assertEqual((_STATUS.OPERATIONAL, True), self.states(vnic)[1])

    def test_adapter(self):
        vnic = self.pair()
        self.host.operator.set_sriov_adapter(2, 'Failed')
        self.assertEqual([(_STATUS.OPERATIONAL, True),
                          (_STATUS.ADAPTER_ERROR, False)], self.states(vnic))
        adapter = self.system_w().asio_config.sriov_adapters[1]
        self.assertEqual(pvm_card.SRIOVAdapterState.FAILED, adapter.state)

    def test_same_priority(self):
        vnic = self.create(self.lpar, (self.vios1, 1, 0), (self.vios2, 2, 0))
        self.assertEqual([True, False], [device.is_active
                                         for device in vnic.back_devs])

    def test_port_without_a_link(self):
        vnic = self.create(self.lpar,
                           (self.vios1, 2, 2, {'failover_pri': 1}),
                           (self.vios2, 1, 0, {'failover_pri': 2}))
        self.assertEqual([(_STATUS.LINK_DOWN, False),
                          (_STATUS.OPERATIONAL, True)], self.states(vnic))

    def test_events(self):
        vnic = self.pair()
        self.create(self.lpar, (self.vios1, 1, 1))
        sent = []
        self.patch(self.host.events, 'emit',
                   lambda *args: sent.append(args))
        self.host.operator.set_sriov_port(2, 0, False)
        self.assertEqual([
            ('MODIFY_URI', self.host.system.href(),
             'SRIOVPhysicalPort.ConfigChange'),
            ('MODIFY_URI', self.plain(vnic), '')], sent)
        self.host.operator.set_sriov_port(2, 0, False)
        self.assertEqual(2, len(sent))


class TestGroups(sriov_base.VnicTestCase):

    def test_name_in_the_operating_system(self):
        self.pair()
        for groups, expected in (
                (None, None), ([pvm_const.XAG.ADV], None),
                # No groups in the request: the server tells all.
                ([], 'unavailable'), (['VNIC'], 'unavailable')):
            vnic, = self.vnics(self.lpar, xag=groups)
            self.assertEqual(expected, vnic._details._get_val_str(
                'OSDeviceName'))
