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

"""What a server refuses to do with virtual NICs."""

from concurrent import futures

from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.tests.simulator import sriov_base

_MAC = sriov_base.MAC


class TestRefusals(sriov_base.VnicTestCase):

    def refuses(self, text, *devices, **more):
        return self.refused(text, self.create, more.pop('lpar', self.lpar),
                            *devices, **more)

    def test_no_device(self):
        self.refuses('A vNIC has 1 to 6 backing devices; 0 were given')

    def test_too_many_devices(self):
        ports = [(adapter_id, port_id) for adapter_id in (1, 2)
                 for port_id in range(4)]
        self.refuses('7 were given', *((self.vios1, *port)
                                       for port in ports[:7]))

    def test_unknown_places(self):
        self.refuses('There is no VIOS', (self.mgmt, 1, 0))
        self.refuses('There is no SR-IOV adapter 9', (self.vios1, 9, 0))
        self.refuses('There is no SR-IOV adapter 3', (self.vios1, 3, 0))
        self.refuses('no physical port 9', (self.vios1, 1, 9))

    def test_capabilities(self):
        two = (self.vios1, 1, 0), (self.vios2, 2, 0)
        with self.site.lock:
            self.vios2.vnic_failover_capable = False
        self.refuses('VIOS vios2 is not capable of vNICs that fail over',
                     *two)
        self.create(self.lpar, (self.vios2, 2, 0))
        with self.site.lock:
            self.vios2.vnic_capable = False
        self.refuses('VIOS vios2 is not capable of vNICs', two[1])
        with self.site.lock:
            self.host.system.spec['vnic_failover_capable'] = False
        self.refuses('The system is not capable of vNICs that fail over',
                     *two)
        self.create(self.lpar, (self.vios1, 2, 0))
        with self.site.lock:
            self.host.system.spec['vnic_capable'] = False
        self.refuses('The system is not capable of vNICs', two[0])

    def test_vios_that_does_not_serve(self):
        with self.site.lock:
            self.vios1.set_rmc('inactive')
        self.refuses('VIOS vios1 cannot do this', (self.vios1, 1, 0))
        with self.site.lock:
            self.vios2.halted()
        self.refuses('VIOS vios2 cannot do this', (self.vios2, 1, 0))

    def test_adapter_that_does_not_work(self):
        self.host.operator.set_sriov_adapter(1, 'Failed')
        self.refuses('The state of SR-IOV adapter 1 is Failed',
                     (self.vios1, 1, 0))

    def test_full_port(self):
        for _number in range(4):
            self.create(self.lpar, (self.vios1, 1, 3))
        exc = self.refuses('already has 4 logical ports, its maximum',
                           (self.vios1, 1, 3))
        self.assertEqual(400, exc.response.status)
        # Neither does one device of two come to be.
        self.refuses('already has 4', (self.vios2, 2, 0), (self.vios1, 1, 3))
        with self.site.lock:
            self.pport(1, 0).maximum = 0
        self.refuses('its maximum', (self.vios1, 1, 0))

    def test_two_want_the_last_logical_port(self):
        with self.site.lock:
            self.pport(1, 0).maximum = 1
        lpars = [self.make_lpar('two%d' % number) for number in range(2)]

        def create(lpar):
            try:
                return self.create(lpar, (self.vios1, 1, 0))
            except pvm_exc.HttpError as exc:
                return exc.response.status

        with futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(create, lpars))
        self.assertEqual(1, results.count(400))
        self.assertEqual(1, self.pport_w(1, 0).cfg_lps)

    def test_capacity(self):
        self.create(self.lpar, (self.vios1, 1, 0, {'capacity': 0.9}))
        self.refuses('a capacity of 10.0% left, 12.0% is needed',
                     (self.vios1, 1, 0, {'capacity': 0.12}))
        self.create(self.lpar, (self.vios1, 1, 0, {'capacity': 0.1}))
        self.refuses('a capacity of 0.0% left', (self.vios1, 1, 0))
        self.refuses('3.0% is not a multiple of 2.0%',
                     (self.vios1, 1, 1, {'capacity': 0.03}))
        self.refuses('0.0% is not a multiple',
                     (self.vios1, 1, 1, {'capacity': 0}))

    def test_maximum_capacity(self):
        self.create(self.lpar, (self.vios1, 1, 1, {'max_capacity': 0.5}))
        self.refuses('less than the capacity',
                     (self.vios1, 1, 1, {'capacity': 0.5,
                                         'max_capacity': 0.4}))
        with self.site.lock:
            self.host.system.sriov[0].personality = 'MIN_CAPACITY'
        self.refuses('supports no maximum capacity',
                     (self.vios1, 1, 1, {'max_capacity': 0.5}))
        self.create(self.lpar, (self.vios1, 1, 1, {'max_capacity': 1}))

    def test_no_percentage(self):
        vnic = self.build((self.vios1, 1, 0))
        vnic.back_devs[0].set_parm_value('CurrentCapacityPercentage', '200%')
        self.refused('is not a percentage', vnic.create,
                     parent_type=pvm_lpar.LPAR, parent_uuid=self.lpar.uuid)

    def test_two_devices_on_a_port(self):
        self.refuses('one backing device on physical port 0',
                     (self.vios1, 1, 0), (self.vios2, 1, 0))

    def test_priority(self):
        for priority in (0, 101):
            self.refuses('between 1 and 100', (
                self.vios1, 1, 0, {'failover_pri': priority}))

    def test_addresses(self):
        self.create(self.lpar, (self.vios1, 1, 0), mac_addr=_MAC)
        self.refuses('%s is in use, by partition vm1' % _MAC,
                     (self.vios1, 1, 1), mac_addr=_MAC,
                     lpar=self.make_lpar('vm2'))
        self.refuses('is not a MAC address', (self.vios1, 1, 1),
                     mac_addr='010000000000')
        self.refuses('is not a MAC address', (self.vios1, 1, 1),
                     allowed_macs=['xx'])

    def test_vlans(self):
        for pvid in (1, 4095):
            self.refuses('lies between 2 and 4094', (self.vios1, 1, 0),
                         pvid=pvid)
        self.refuses('lies between 2 and 4094', (self.vios1, 1, 0),
                     allowed_vlans=[5, 1])

    def test_slots(self):
        self.create(self.lpar, (self.vios1, 1, 0), slot_num=7)
        self.refuses('slot 7 of partition vm1 is in use', (self.vios1, 1, 0),
                     slot_num=7)
        self.refuses('is not between 2 and 63', (self.vios1, 1, 0),
                     slot_num=64)

    def test_partition_without_rmc(self):
        lpar = self.make_lpar('running', running=True)
        vnic = self.create(lpar, (self.vios1, 1, 0))
        with self.site.lock:
            lpar.set_rmc('inactive')
        self.refuses('its RMC connection is inactive', (self.vios1, 1, 0),
                     lpar=lpar)
        self.refused('RMC connection', vnic.delete)
        vnic.pvid = 5
        self.refused('RMC connection', vnic.update)
        with self.site.lock:
            lpar.halted()
        self.vnics(lpar)[0].delete()

    def test_other_parents(self):
        self.assertRaises(pvm_exc.HttpError, self.adapter.read,
                          'VirtualIOServer', root_id=self.vios1.uuid,
                          child_type='VirtualNICDedicated')
