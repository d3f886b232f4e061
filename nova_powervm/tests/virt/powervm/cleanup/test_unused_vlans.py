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

"""VLANs that no partition uses are removed, if an operator wants it."""

import time
from unittest import mock

from nova_powervm.simulator.resources import network_adapters
from nova_powervm.tests.virt.powervm.vif import test_sea
from nova_powervm.virt.powervm.cleanup import unused_vlans


class UnusedVlansTest(test_sea.SeaTestCase):

    def setUp(self):
        super().setUp()
        self.flags(remove_unused_vlans=True, group='powervm')
        self.now = int(time.monotonic())
        self.unused = unused_vlans.UnusedVlans(self.host, lambda: self.now)
        self.host.bridges._clock = lambda: self.now
        # Test ports are in VLAN 101, which is not of the primary trunk here.
        self.primary = self.bridge().seas[0].trunks[0].tagged

    def remove(self):
        self.now += self.unused.INTERVAL
        self.requests()
        self.unused.remove()

    def test_off(self):
        self.flags(remove_unused_vlans=False, group='powervm')
        self.plug(test_sea.make_vif(202))
        self.remove()
        self.assertEqual([], self.requests())

    def test_unused(self):
        self.set_tagged(101, 202)
        self.remove()
        self.assertEqual(set(self.primary), self.tagged())

    def test_used(self):
        self.plug(test_sea.make_vif(202))
        self.remove()
        self.remove()
        self.assertIn(202, self.tagged())

    def test_used_by_others(self):
        vios = self.bridge().seas[0].vios
        self.set_tagged(101, 202, 203)
        with self.site.lock:
            network_adapters.add_adapter(vios, self.bridge().switch, 202)
            network_adapters.add_adapter(
                self.lpar(self.instance), self.bridge().switch, 99,
                tagged=(203,))
        self.remove()
        self.assertEqual({202, 203, *self.primary}, self.tagged())

    def test_not_more_than_a_few(self):
        self.set_tagged(*range(200, 208))
        self.remove()
        self.assertEqual(5, len(self.tagged() - set(self.primary)))
        self.remove()
        self.assertEqual(2, len(self.tagged() - set(self.primary)))

    def test_needed_a_moment_ago(self):
        """The adapter of a port is not there yet."""
        self.set_tagged(101, 202)
        self.now += self.unused.INTERVAL
        self.host.bridges.forget()
        self.host.bridges.ensure(None, 202)
        self.unused.remove()
        self.assertIn(202, self.tagged())

    def test_needed_while_it_is_removed(self):
        self.set_tagged(101, 202)
        self.host.bridges.forget()
        bridge, = self.host.bridges.all()
        self.host.bridges._removing = bridge.uuid, 202
        self.requests()
        self.host.bridges.ensure(None, 202)
        # It does not trust what it knew.
        self.assertEqual(['GET NetworkBridge'], self.requests())

    def test_not_before_an_hour(self):
        self.set_tagged(101, 202)
        self.unused.remove()
        self.assertIn(202, self.tagged())

    def test_plug_after_it(self):
        self.set_tagged(101, 202)
        self.remove()
        self.assertEqual(202, self.plug(test_sea.make_vif(202)).pvid)
        self.assertIn(202, self.tagged())

    def test_trunk_of_an_lpar(self):
        """Such as that of a firewall."""
        self.set_tagged(101, 202)
        with self.site.lock:
            network_adapters.add_adapter(
                self.lpar(self.instance), self.bridge().switch, 202,
                trunk_priority=2)
        self.remove()
        self.assertIn(202, self.tagged())

    def test_hosts_with_agents(self):
        self.flags(send_vif_events=True, group='powervm')
        self.set_tagged(101, 202)
        self.remove()
        self.assertIn(202, self.tagged())

    def test_lpar_that_goes_meanwhile(self):
        self.set_tagged(101, 202)
        read = self.host.lpars

        def lpars():
            found = read()
            self.lpar_w.delete()
            return found

        with mock.patch.object(self.host, 'lpars', lpars):
            self.remove()
        self.assertEqual(set(self.primary), self.tagged())

    def test_one_that_is_refused(self):
        self.set_tagged(*range(200, 204))
        self.simulated.faults.add(
            {'method': 'POST', 'path': 'NetworkBridge', 'effect': 'status',
             'status': 400, 'message': 'busy VIOS'})
        self.remove()
        self.assertEqual({200, *self.primary}, self.tagged())
        self.assertIn('busy VIOS', self.logger.output)

    def test_plug_between_its_look_and_its_note(self):
        self.set_tagged(101, 202)
        self.host.bridges.forget()
        find = self.host.bridges.find

        def slow(*args):
            found = find(*args)
            with mock.patch.object(self.host.bridges, 'find', find):
                self.remove()
            return found

        with mock.patch.object(self.host.bridges, 'find', slow):
            self.plug(test_sea.make_vif(202))
        self.assertIn(202, self.tagged())
