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

"""Ports of VIOSes that come and go while nova-compute runs."""

import threading

import fixtures as fx

from nova_powervm.tests.virt.powervm.scenarios import volumes

SECONDS = 30  # the most that a test waits for another thread
PORTS = ['10000090FA1BA101', '10000090FA1BA102', '10000090FA1BA201',
         '10000090FA1BA202']


class PortsTest(volumes.VolumeCase):

    def hear(self):
        """Wait until the driver has heard of all that has happened."""
        came = threading.Event()
        handler = self.driver.events
        process = handler._process

        def note(event):
            process(event)
            if event.data == 'the end':
                came.set()

        with fx.MonkeyPatch(
                'nova_powervm.virt.powervm.event.PowerVMNovaEventHandler.'
                '_process', lambda _handler, event: note(event)):
            self.platform.events.emit('CUSTOM_CLIENT_EVENT', 'the end')
            self.assertTrue(came.wait(SECONDS))

    def set_ports(self, up, *wwpns):
        with self.site.lock:
            for wwpn in wwpns:
                self.site.san.set_port(wwpn, up)
        self.hear()

    def told(self, server):
        """The WWPNs that Cinder is told."""
        return self.driver.get_volume_connector(
            self.instance_of(server))['wwpns']

    def test_port_comes_up_later(self):
        # One without the other: the card has NPIV, as that tells.
        self.set_ports(False, PORTS[0], PORTS[2])
        server = self.boot()
        self.assertEqual([PORTS[1], PORTS[3]], self.told(server))
        self.set_ports(True, PORTS[0], PORTS[2])
        self.assertEqual(PORTS, self.told(server))
        # And used, where there is no other.
        self.set_ports(False, PORTS[1], PORTS[3])
        self.assertTrue(self.attach(server, 1))
        self.assert_sees(server, 1)
        self.set_ports(True, PORTS[1], PORTS[3])
        self.assert_deleted(server)

    def test_card_is_replaced(self):
        server = self.boot()
        self.assertTrue(self.attach(server, 1))
        self._replace(PORTS[0], '10000090FA1BFF01')
        self.assertEqual(['10000090FA1BFF01'] + PORTS[1:], self.told(server))
        self.assertTrue(self.attach(server, 2))
        self.assert_sees(server, 1, 2)
        self._replace('10000090FA1BFF01', PORTS[0])
        self.assert_deleted(server)

    def _replace(self, wwpn, other):
        with self.site.lock:
            port = next(port for port in self.vios('vios1').fc_ports
                        if port.wwpn == wwpn)
            port.wwpn = other
            self.vios('vios1').touch('Other')
        self.hear()

    def test_cards_without_npiv(self):
        with self.site.lock:
            for port in self.vios('vios2').fc_ports:
                port.total = 0
            self.vios('vios2').touch('Other')
        self.hear()
        server = self.boot()
        self.assertEqual(PORTS, self.told(server))
        self.assertTrue(self.attach(server, 1))
        self.assert_sees(server, 1)
        self.assert_deleted(server)
        with self.site.lock:
            for port in self.vios('vios2').fc_ports:
                port.total = 64
            self.vios('vios2').touch('Other')
        self.hear()
