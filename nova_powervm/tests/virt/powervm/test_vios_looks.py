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

from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.storage import base
from nova_powervm.virt.powervm import vios_looks


class ViosLooksTest(base.DisksTestCase):

    def setUp(self):
        super().setUp()
        self.now = 0
        self.looks = vios_looks.ViosLooks(self.host, clock=lambda: self.now)
        self.uuid = self.host.vioses()[0].uuid

    def moved(self):
        """Look at the VIOS; returns the bytes that the platform answers."""
        self.simulated.journal.clear()
        self.looks.get(self.uuid)
        [record] = self.simulated.journal.records()
        return record['bytes_out']

    def test_unchanged(self):
        self.assertGreater(self.moved(), 1000)
        self.assertEqual(0, self.moved())
        self.assertIs(self.looks.get(self.uuid.lower()),
                      self.looks.get(self.uuid.upper()))

    def test_forget(self):
        for forget in (self.looks.forget,
                       lambda: self.looks.forget(self.uuid.lower())):
            self.moved()
            forget()
            self.assertGreater(self.moved(), 1000)
        self.looks.forget('another')
        self.assertEqual(0, self.moved())

    def test_idle(self):
        self.moved()
        self.now += vios_looks.IDLE - 1
        self.looks.drop_idle()
        self.assertEqual(0, self.moved())
        self.now += vios_looks.IDLE
        self.looks.drop_idle()
        self.assertGreater(self.moved(), 1000)

    def test_error(self):
        self.moved()
        self.break_request('status', 'GET', 'VirtualIOServer', status=500)
        self.assertRaises(pvm_exc.HttpError, self.looks.get, self.uuid)
        self.assertGreater(self.moved(), 1000)

    def test_events(self):
        """What the platform tells of a VIOS makes the host read it whole."""
        for event in (lambda: self.host.vios_changed(self.uuid.lower()),
                      self.host.invalidate):
            before = self.host.vios_looks.get(self.uuid)
            self.assertIs(before, self.host.vios_looks.get(self.uuid))
            event()
            self.assertIsNot(before, self.host.vios_looks.get(self.uuid))
