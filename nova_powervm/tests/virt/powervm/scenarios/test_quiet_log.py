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

"""A day of ordinary operations: the driver warns of nothing.

As with each scenario that trouble.py does not name, a warning makes the test
fail.
"""

import importlib

from nova.compute import task_states
from nova.compute import vm_states
import testtools

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import looks
from nova_powervm.tests.virt.powervm.scenarios import trouble
from nova_powervm.tests.virt.powervm.scenarios import volumes


class DayMixin(base.MoveMixin):
    """Servers from their start to their end; each test is a part of a day."""

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)

    def tell_of_deleted_port(self, instance, number):
        """Tell Nova that a port is gone, as Neutron does after a deletion."""
        with self.cloud.on('compute1'):
            self.compute._process_instance_vif_deleted_event(
                self.context, instance, self.neutron.port(number)['id'])

    def test_life(self):
        server = self.boot(flavor_id=self.small)
        self.stop(server)
        self.start(server)
        self.reboot(server)
        self.reboot(server, hard=True)
        self.attach_port(server, 2)
        self.detach_port(server, 2)
        self.act(server, 'rebuild', {'imageRef': self.image_id})
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertIsNone(self.delete(server))

    def test_stopped(self):
        """What is off already is rebuilt, and deleted."""
        server = self.boot()
        self.stop(server)
        self.act(server, 'rebuild', {'imageRef': self.image_id})
        self.assertEqual('SHUTOFF', self.status_of(server))
        self.assertIsNone(self.delete(server))

    def test_port_is_deleted_with_its_server(self):
        server = self.boot()
        instance = self.instance_of(server)
        instance.task_state = task_states.DELETING
        instance.save()
        self.assertIsNone(self.delete(server))
        self.tell_of_deleted_port(instance, 1)

    def test_resize(self):
        server = self.boot(flavor_id=self.small)
        for end in ('revertResize', 'confirmResize'):
            self.resize(server, self.large)
            self.act(server, end)
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertIsNone(self.delete(server))

    def test_rescue(self):
        server = self.boot()
        self.act(server, 'rescue')
        self.assertEqual('RESCUE', self.status_of(server))
        self.act(server, 'unrescue')
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertIsNone(self.delete(server))

    def test_meanwhile(self):
        """nova-compute is started again, and its periodic tasks run."""
        server = self.boot()
        stopped = self.boot(networks=[
            {'port': self.neutron.port_2['id']}])
        self.stop(stopped)
        self.cloud.run_periodic_tasks()
        self.restart()
        self.cloud.run_periodic_tasks()
        for each in (server, stopped):
            self.assertIsNone(self.delete(each))
        self.cloud.run_periodic_tasks()


class VolumeDayMixin(volumes.VolumeMixin, DayMixin):
    """Servers with volumes, too."""

    def test_volumes(self):
        server = self.boot_with((1, 2), boots=True, flavor_id=self.small)
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        self.assertTrue(self.attach(server, 3))
        self.reboot(server)
        self.reboot(server, hard=True)
        self.assertTrue(self.detach(server, 3))
        self.stop(server)
        self.assertTrue(self.attach(server, 3))
        self.assertTrue(self.detach(server, 3))
        self.start(server)
        self.assertIsNone(self.delete(server))

    def test_rebuild_with_volumes(self):
        for boots in (False, True):
            server = self.boot_with((1, 2), boots=boots)
            self.act(server, 'rebuild', {'imageRef': self.image_id})
            self.assertEqual('ACTIVE', self.status_of(server),
                             self.cloud.failures)
            self.assertIsNone(self.delete(server))

    def test_resize_with_volumes(self):
        server = self.boot_with((1, 2), boots=True, flavor_id=self.small)
        for end in ('revertResize', 'confirmResize'):
            self.resize(server, self.large)
            self.act(server, end)
        self.assertEqual('ACTIVE', self.status_of(server))
        self.restart()
        self.cloud.run_periodic_tasks()
        self.assertIsNone(self.delete(server))

    def test_shelve(self):
        server = self.boot_with((1, 2), boots=True)
        self.act(server, 'shelve')
        self.assertEqual(vm_states.SHELVED_OFFLOADED,
                         self.instance_of(server).vm_state)
        self.act(server, 'unshelve')
        self.assertEqual('ACTIVE', self.status_of(server))
        self.assertIsNone(self.delete(server))


class VscsiDayTest(VolumeDayMixin, base.ScenarioCase):
    """Disks of a volume group, and volumes that VIOSes map."""

    def test_rebuild_looks_for_volumes_once(self):
        """On each VIOS, for all: not when they were just detached."""
        server = self.boot_with((1, 2))
        _after, requests = self.requests_of(
            self.act, server, 'rebuild', {'imageRef': self.image_id})
        self.assertEqual(2, len([
            request for request in requests
            if request.startswith('PUT') and 'LUARecovery' in request]),
            requests)
        self.assertIsNone(self.delete(server))


class NpivDayTest(looks.NpivLooks, VolumeDayMixin, base.ScenarioCase):
    """Servers that see their volumes themselves."""


class PoolDayTest(platforms.SharedPool, DayMixin, base.ScenarioCase):
    """Disks of a Shared Storage Pool."""


class TwoHostDayTest(platforms.SharedPool, base.TwoHostMixin,
                     base.ScenarioCase):
    """Servers that move."""

    PROFILE = 'ssp-two-host'

    def test_moves(self):
        server = self.boot_on_first()
        for end in ('revertResize', 'confirmResize'):
            self.migrate(server)
            self.act(server, end)
            self.assertEqual('ACTIVE', self.status_of(server))
        self.cloud.run_periodic_tasks()
        self.assertIsNone(self.delete(server))


class TroubleTest(testtools.TestCase):
    """The list of the scenarios whose log need not be quiet."""

    def test_each_is_there(self):
        package = trouble.__name__.rpartition('.')[0]
        for name, tests in trouble.TROUBLE.items():
            module, cls = name.split('.')
            found = getattr(importlib.import_module(
                '%s.%s' % (package, module)), cls)
            for test in tests:
                self.assertTrue(callable(getattr(found, test)), name)

    def test_days_are_not_in_it(self):
        for cls in (VscsiDayTest, NpivDayTest, PoolDayTest, TwoHostDayTest):
            self.assertFalse(trouble.is_made_by('%s.%s.test_life' % (
                cls.__module__, cls.__name__)))

    def test_names(self):
        self.assertTrue(trouble.is_made_by(
            'a.b.test_blank_disks.EvacuationTest.test_any'))
        self.assertTrue(trouble.is_made_by(
            'a.b.test_npiv.RebootTest.test_without_lpar'))
        self.assertFalse(trouble.is_made_by(
            'a.b.test_npiv.RebootTest.test_another'))
