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

from nova.compute import manager
from nova import exception as nova_exc
from nova.objects import external_event
from oslo_config import fixture as config_fixture
import testtools

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm.vif import events


class WaitTestCase(testtools.TestCase):
    """Waiting with Nova's own VirtAPI."""

    def setUp(self):
        super().setUp()
        self.config = self.useFixture(config_fixture.Config(cfg.CONF))
        self.config.config(vif_plugging_timeout=300,
                           vif_plugging_is_fatal=True)
        self.instance = base.make_instance()
        self.instance_events = manager.InstanceEvents()
        self.virtapi = manager.ComputeVirtAPI(
            mock.Mock(instance_events=self.instance_events))

    def wait(self, vifs, status=None, virtapi=None):
        """Wait for ports that Neutron reports as ``status``, if at all."""
        with events.wait_until_plugged(virtapi or self.virtapi,
                                       self.instance, vifs):
            for vif in vifs if status else ():
                self.report(vif, status)
        return True

    def report(self, vif, status):
        event = external_event.InstanceExternalEvent(
            instance_uuid=self.instance.uuid, name='network-vif-plugged',
            status=status, tag=vif['id'])
        self.instance_events.pop_instance_event(self.instance,
                                                event).set(event)

    def timing_out(self):
        """A VirtAPI to which no event comes."""
        virtapi = mock.MagicMock()
        virtapi.wait_for_instance_event.return_value.__exit__.side_effect = (
            nova_exc.InstanceEventTimeout)
        return virtapi

    def test_plugged(self):
        self.assertTrue(self.wait([base.make_vif(1), base.make_vif(2)],
                                  'completed'))

    def test_active_or_unknown_ports_are_not_awaited(self):
        unknown = base.make_vif(2)
        del unknown['active']
        self.assertTrue(self.wait([base.make_vif(1, active=True), unknown]))

    def test_timeout_of_zero_does_not_wait(self):
        self.config.config(vif_plugging_timeout=0)
        for fatal in (True, False):
            self.config.config(vif_plugging_is_fatal=fatal)
            self.assertTrue(self.wait([base.make_vif()]))

    def test_nobody_to_wait_with(self):
        with events.wait_until_plugged(None, self.instance,
                                       [base.make_vif()]):
            pass

    def test_failed(self):
        exc = self.assertRaises(nova_exc.VirtualInterfaceCreateException,
                                self.wait, [base.make_vif()], 'failed')
        self.assertIn(base.PORT % 1, str(exc))

    def test_failed_but_not_fatal(self):
        self.config.config(vif_plugging_is_fatal=False)
        self.assertTrue(self.wait([base.make_vif()], 'failed'))

    def test_timeout(self):
        virtapi = self.timing_out()
        exc = self.assertRaises(
            nova_exc.VirtualInterfaceCreateException, self.wait,
            [base.make_vif()], virtapi=virtapi)
        self.assertIn('300 seconds', str(exc))
        virtapi.wait_for_instance_event.assert_called_once_with(
            self.instance, [('network-vif-plugged', base.PORT % 1)],
            timeout=300, error_callback=mock.ANY)

    def test_timeout_but_not_fatal(self):
        self.config.config(vif_plugging_is_fatal=False)
        self.assertTrue(self.wait([base.make_vif()],
                                  virtapi=self.timing_out()))

    def test_error_while_plugging_is_not_hidden(self):
        def plug():
            with events.wait_until_plugged(self.virtapi, self.instance,
                                           [base.make_vif()]):
                raise nova_exc.VirtualInterfacePlugException('slots')

        self.assertRaises(nova_exc.VirtualInterfacePlugException, plug)
