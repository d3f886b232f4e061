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


import queue

from nova_powervm.simulator.resources import io_config
from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm import echoes
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import fc_ports

SECONDS = 30  # the most that a test waits for another thread
PORTS = {'vios1': ['10000090FA1BA101', '10000090FA1BA102'],
         'vios2': ['10000090FA1BA201', '10000090FA1BA202']}
READ = ['GET VirtualIOServer']


class FcPortsCase(base.SimulatedHostTestCase):
    """A host that hears of the changes of its two VIOSes."""

    PROFILE = 'fc'

    def setUp(self):
        self.heard = queue.Queue()
        self.now = 1000
        super().setUp()
        self.host._fc_ports = fc_ports.FcPorts(
            self.host._read_fc_ports, self.host.news, lambda: self.now)
        self.assertEqual(PORTS, self.ports())
        self.requests()

    def make_event_handler(self, host):
        heard = self.heard

        class Handler(event.PowerVMNovaEventHandler):
            def process(self, events):
                super().process(events)
                for _event in events:
                    heard.put(_event.data)

        handler = Handler(None, host)
        self.addCleanup(handler.shutdown)
        return handler

    def await_event(self, of=''):
        """Wait until the driver has heard of a change."""
        while of not in self.heard.get(timeout=SECONDS):
            """It was that of something else."""

    def vios(self, name):
        return next(vios for vios in
                    self.simulated.store.all('VirtualIOServer')
                    if vios.name == name)

    def ports(self):
        """What the driver takes the ports to be, by the names of VIOSes."""
        names = {vios.uuid: vios.name for vios in
                 self.simulated.store.all('VirtualIOServer')}
        return {names[uuid]: wwpns
                for uuid, wwpns in self.host.fc_ports().items()}

    def change(self, change, vios='vios1', detail='Other'):
        """Let a VIOS change, and the driver hear of it."""
        with self.site.lock:
            change(self.vios(vios))
            self.vios(vios).touch(detail)
        self.await_event(self.vios(vios).uuid)

    def port(self, number=0, vios='vios1'):
        return self.vios(vios).fc_ports[number]

    def set_port(self, wwpn, up):
        with self.site.lock:
            self.site.san.set_port(wwpn, up)
        self.await_event('VirtualIOServer')


class FcPortsTest(FcPortsCase):

    def test_read_once(self):
        self.assertEqual(PORTS, self.ports())
        self.assertEqual([], self.requests())

    def test_goes_down_and_comes_up(self):
        gone, stays = PORTS['vios1']
        self.set_port(gone, False)
        self.assertEqual([stays], self.ports()['vios1'])
        self.set_port(gone, True)
        self.assertEqual(PORTS, self.ports())
        self.assertEqual(PORTS, self.ports())
        self.assertEqual(2 * READ, self.requests())

    def test_replaced(self):
        def replace(vios):
            vios.fc_ports[0].wwpn = '10000090FA1BFFFF'

        self.change(replace)
        self.assertEqual(['10000090FA1BFFFF', PORTS['vios1'][1]],
                         self.ports()['vios1'])

    def test_card_comes_later(self):
        def plug_in(vios):
            vios.cards[-1].ports.append(io_config.FcPort(
                'fcs2', '10000090FA1BA103', 64, 'P1-C9-T1'))

        self.change(plug_in, detail='freeIOAdaptersForLinkAggregation,Other')
        self.assertEqual(PORTS['vios1'] + ['10000090FA1BA103'],
                         self.ports()['vios1'])

    def test_vios_comes_and_goes(self):
        with self.site.lock:
            gone = self.vios('vios2')
            self.simulated.store.remove(gone)
            self.simulated.events.emit('DELETE_URI', gone.href())
        self.await_event(gone.uuid)
        self.assertEqual({'vios1': PORTS['vios1']}, self.ports())
        with self.site.lock:
            self.simulated.store.add(gone)
            self.simulated.events.emit('ADD_URI', gone.href())
        self.await_event(gone.uuid)
        self.assertEqual(PORTS, self.ports())

    def test_vios_restarts(self):
        with self.site.lock:
            self.vios('vios2').halted()
        self.await_event(self.vios('vios2').uuid)
        self.ports()
        self.ports()
        # Nothing is kept until it is up.
        self.assertEqual(2 * READ, self.requests())
        with self.site.lock:
            self.vios('vios2').booted()
        self.await_event(self.vios('vios2').uuid)
        self.assertEqual(PORTS, self.ports())

    def test_card_without_npiv(self):
        """Its ports are as good as others for virtual SCSI."""
        def replace(vios):
            for port in vios.fc_ports:
                port.total = 0

        self.change(replace)
        self.assertEqual(PORTS, self.ports())

    def test_port_without_cable(self):
        """The card has NPIV, as its other port tells."""
        def unplug(vios):
            vios.fc_ports[1].up = False

        self.change(unplug)
        self.assertEqual(PORTS['vios1'][:1], self.ports()['vios1'])


class NoChangeTest(FcPortsCase):
    """What does not have them read again."""

    def test_mapping(self):
        for detail in ('VirtualSCSIMappings', 'VirtualFibreChannelMappings',
                       'PhysicalVolumes,VirtualSCSIMappings'):
            self.change(lambda vios: None, detail=detail)
        self.assertEqual(PORTS, self.ports())
        self.assertEqual([], self.requests())

    def test_mapping_and_something_else(self):
        self.change(lambda vios: None, detail='VirtualSCSIMappings,Other')
        self.ports()
        self.assertEqual(READ, self.requests())

    def test_own_change(self):
        """Each announcement stands for one event of that VIOS."""
        uuid = self.vios('vios1').uuid
        self.host.expect_vios_event(uuid.lower())
        self.change(lambda vios: None)
        self.ports()
        self.assertEqual([], self.requests())
        self.change(lambda vios: None)
        self.ports()
        self.assertEqual(READ, self.requests())

    def test_own_change_of_another_vios(self):
        self.host.expect_vios_event(self.vios('vios2').uuid)
        self.change(lambda vios: None)
        self.ports()
        self.assertEqual(READ, self.requests())

    def test_state_changes_after_an_own_change(self):
        self.host.expect_vios_event(self.vios('vios1').uuid)
        self.change(lambda vios: None, detail='PartitionState')
        self.ports()
        self.assertEqual(READ, self.requests())

    def test_announced_too_long_ago(self):
        self.host.expect_vios_event(self.vios('vios1').uuid)
        self.now += echoes.SECONDS + 1
        self.change(lambda vios: None)
        self.ports()
        self.assertEqual(READ, self.requests())

    def test_event_of_a_port_is_taken_for_an_own_one(self):
        """Then it takes a minute until the port is used."""
        with self.site.lock:
            self.port().up = False
        self.host.expect_vios_event(self.vios('vios1').uuid)
        self.change(lambda vios: None)
        self.now += fc_ports.AGE_AFTER_ECHO
        self.assertEqual(PORTS['vios1'][1:], self.ports()['vios1'])

    def test_no_event_comes(self):
        with self.site.lock:
            self.port().up = False
            self.vios('vios1').touch(event=False)
        self.now += fc_ports.MAX_AGE - 1
        self.assertEqual(PORTS, self.ports())
        self.now += 1
        self.assertEqual(PORTS['vios1'][1:], self.ports()['vios1'])
        self.assertEqual(PORTS['vios1'][1:], self.ports()['vios1'])
        self.assertEqual(READ, self.requests())
