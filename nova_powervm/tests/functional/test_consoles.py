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

"""Consoles through Nova's API, and through Nova's own proxies."""

import os
from unittest import mock
import urllib.parse

import fixtures as fx
from nova.compute import vm_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from nova.tests.functional.api import client as api_client
from testtools import content
import websocket

from nova_powervm.tests import browser
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import proxy
from nova_powervm.tests import rfb_client
from nova_powervm.tests.virt.powervm.console import base as console_base
from nova_powervm.virt.powervm import vm

#: Draws the pixels of noVNC as a 1 for each that is light, else 0.
_PIXELS = """(() => {
    const canvas = document.querySelector('canvas');
    if (!canvas || !canvas.width) return '';
    const data = canvas.getContext('2d').getImageData(
        0, 0, canvas.width, canvas.height).data;
    let found = '';
    for (let at = 0; at < data.length; at += 4)
        found += data[at] > 127 ? '1' : '0';
    return found;
})()"""
#: A file that the test writes what the browser shows to, if it is set.
SCREENSHOT = 'OS_TEST_SCREENSHOT'


class Web:
    """What a browser has: bytes through a WebSocket, like a socket.

    :param url: str, that Nova's API has told.
    :param port: int, on which the proxy listens here.
    """

    def __init__(self, url, port):
        token, = urllib.parse.parse_qs(urllib.parse.unquote(
            urllib.parse.urlsplit(url).query).rpartition('?')[2])['token']
        self._socket = websocket.create_connection(
            'ws://127.0.0.1:%d/?token=%s' % (port, token),
            timeout=rfb_client.TIMEOUT, subprotocols=['binary'],
            http_no_proxy=['127.0.0.1'])
        self._data = b''

    def sendall(self, data):
        self._socket.send_binary(data)

    def recv(self, count):
        while not self._data:
            try:
                self._data = self._socket.recv()
            except websocket.WebSocketConnectionClosedException:
                return b''
        found, self._data = self._data[:count], self._data[count:]
        return found

    def read_until(self, text):
        data = b''
        while text not in data:
            more = self.recv(65536)
            if not more:
                raise EOFError(data)
            data += more

    def close(self):
        self._socket.close(timeout=0)


class ConsoleCase(base.PowerVMTestCase):
    """Nova with ports for consoles."""

    def setUp(self):
        super().setUp()
        self.api.microversion = '2.6'

    def _configure_driver(self):
        super()._configure_driver()
        self.flags(management_root=self.simulated_host().management_root,
                   vnc_port=0, serial_console_port=0, group='powervm')
        self.flags(state_path=self.useFixture(fx.TempDir()).path)

    def url(self, server, protocol, kind):
        """Have Nova's API open a console; returns its URL."""
        reply = self.api.api_post(
            '/servers/%s/remote-consoles' % server['id'],
            {'remote_console': {'protocol': protocol, 'type': kind}})
        return reply.body['remote_console']['url']

    def assertRefused(self, status, text, call, *args):
        exc = self.assertRaises(api_client.OpenStackApiException, call, *args)
        self.assertEqual(status, exc.response.status_code, exc)
        self.assertIn(text, str(exc))

    def output(self, server, **length):
        return self.api.post_server_action(
            server['id'], {'os-getConsoleOutput': length})['output']

    def print(self, server, text):
        with self.site.lock:
            self.console_of(server).print(text)

    def console_of(self, server):
        return self.platform.store.get(
            'LogicalPartition', self.lpar_of(server)['uuid']).console


class ProxyTest(ConsoleCase):

    def start_proxies(self, web=''):
        proxies = self.proxies = proxy.Proxies(
            self.answer, self.useFixture(fx.TempDir()).path, web)
        self.addCleanup(proxies.stop)
        self.addCleanup(lambda: self.addDetail(
            'proxies', content.text_content(proxies.log())))

    def answer(self, question):
        """Answer a proxy as the database and the compute service do."""
        context = nova_context.get_admin_context()
        if 'token' in question:
            found = objects.ConsoleAuthToken.validate(context,
                                                      question['token'])
            return {name: getattr(found, name) for name in (
                'host', 'port', 'internal_access_path', 'instance_uuid',
                'console_type', 'access_url_base', 'expires')
                if name in found}
        instance = objects.Instance.get_by_uuid(context, question['instance'])
        return {'valid': self.compute.manager.validate_console_port(
            context, instance, question['port'], question['kind'])}

    def web(self, server, protocol, kind, program):
        """Open a console through the API and a proxy."""
        web = Web(self.url(server, protocol, kind),
                  self.proxies.ports[program])
        self.addCleanup(web.close)
        return web

    def test_proxies(self):
        """As users and operators see consoles, one after the other."""
        self.start_proxies()
        server = self.boot()
        self._look_at_refusals(server)
        self.proxies.wait()
        self._look_at_vnc(server)
        # The operator decides otherwise.
        self.flags(enabled=True, group='serial_console')
        self.flags(console_log=True, group='powervm')
        self.compute = self.restart_compute_service(self.compute)
        self._look_at_serial_console(server)
        self._delete_server(server)
        self.assertRefused(404, '', self.url, server, 'serial', 'serial')
        self.assertRefused(404, '', self.output, server)

    def _look_at_refusals(self, server):
        self.assertRefused(400, 'Unavailable console type serial', self.url,
                           server, 'serial', 'serial')
        self.assertRefused(400, '', self.url, server, 'vnc', 'xvpvnc')
        self.assertRefused(400, '', self.url, server, 'spice', 'spice-html5')
        self.assertRefused(404, '', self.output, server)
        mgmt = self.driver.services.mgmt
        with mock.patch.object(mgmt, '_root', '/nowhere'):
            self.assertRefused(400, 'does not run on the NovaLink partition',
                               self.url, server, 'vnc', 'novnc')
        gone = nova_exc.InstanceNotFound(instance_id=server['id'])
        with mock.patch.object(vm, 'get_instance_wrapper', side_effect=gone):
            self.assertRefused(404, '', self.url, server, 'vnc', 'novnc')
            self._set_state(server, vm_states.BUILDING)
            self.assertRefused(409, '', self.url, server, 'vnc', 'novnc')
            self._set_state(server, vm_states.ACTIVE)

    @staticmethod
    def _set_state(server, state):
        instance = objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), server['id'])
        instance.vm_state = state
        instance.save()

    def _look_at_vnc(self, server):
        web = self.web(server, 'vnc', 'novnc', 'novncproxy')
        client = rfb_client.Client(web)
        client.negotiate()
        client.start()
        self.print(server, b'hello from the guest\r\n')
        client.wait_for('hello from the guest')
        client.type('typed\n')
        client.wait_for('typed')
        web.close()

    def _look_at_serial_console(self, server):
        self.assertRefused(400, 'the only terminal of the server is a serial',
                           self.url, server, 'vnc', 'novnc')
        web = self.web(server, 'serial', 'serial', 'serialproxy')
        # A proxy says yes before it has connected to nova-compute, and the
        # guest prints for those who are there.
        web.sendall(b'knock\r')
        web.read_until(b'knock\r\n')
        self.print(server, b'one\r\ntwo\r\nlogin: ')
        web.read_until(b'login: ')
        web.sendall(b'root\r')
        web.read_until(b'root\r\n')
        console_base.wait_for(lambda: 'root' in self.output(server),
                              'the log')
        self.assertEqual('two\nlogin: root\n',
                         self.output(server, length=3))

    def test_browser(self):
        """noVNC in Chromium shows a console, and types on it."""
        if browser.missing():
            self.skipTest('To see consoles in noVNC, this is missing: %s' %
                          ', '.join(browser.missing()))
        self.start_proxies(browser.NOVNC)
        self.flags(novncproxy_base_url='http://127.0.0.1:%d/vnc_lite.html' %
                   self.proxies.ports['novncproxy'], group='vnc')
        server = self.boot(name='web-server')
        self.proxies.wait()
        shown = browser.Browser(self.url(server, 'vnc', 'novnc'),
                                self.useFixture(fx.TempDir()).path)
        self.addCleanup(shown.stop)
        self.wait_for_text(shown, '')
        self.print(server, b'\r\nhello from the guest\r\nlogin: ')
        self.wait_for_text(shown, 'hello from the guest')
        shown.evaluate("document.querySelector('canvas').focus()")
        shown.type('typed in a browser\n')
        self.wait_for_text(shown, 'login: typed in a browser')
        with self.site.lock:
            self.assertIn(b'typed in a browser\r\n',
                          self.console_of(server).read())
        if SCREENSHOT in os.environ:
            with open(os.environ[SCREENSHOT], 'wb') as picture:
                picture.write(shown.screenshot())

    def wait_for_text(self, shown, text):
        """Wait until noVNC shows a text; any picture is fine for ''."""
        def rows():
            return rfb_client.rows(shown.evaluate(_PIXELS))

        shown.wait_for(
            lambda: any(text in row for row in rows()),
            lambda: '%r: %s' % (rows(), shown.evaluate(
                "document.getElementById('status').textContent")))
