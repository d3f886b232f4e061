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

"""LPARs that somebody has moved to another system of the HMC."""

from unittest import mock

from nova.compute import task_states
from nova import exception as nova_exc
from oslo_utils import timeutils

from nova_powervm.simulator import fingerprint
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import other_systems
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm import system_identity
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import checks

_STRANGE = '12345678-0000-4000-8000-000000000000'


class FindTest(hmc_base.HmcTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.instance = base.make_instance()

    def find(self):
        return other_systems.find(self.host, vm.get_lpar_uuid(self.instance))

    def test_none(self):
        self.assertIsNone(self.find())
        self.assertEqual(['GET LogicalPartition'], self.requests())

    def test_only_here(self):
        self.make_lpar(self.simulated, self.instance.uuid)
        self.assertIsNone(self.find())
        self.assertEqual(['GET LogicalPartition'], self.requests())

    def test_elsewhere(self):
        self.make_lpar(self.others[0], self.instance.uuid)
        system = self.others[0].system
        self.assertEqual('%s (%s)' % (system.name, system.mtms_of_commands),
                         self.find())

    def test_on_several(self):
        for host in (self.simulated, self.others[0]):
            self.make_lpar(host, self.instance.uuid)
        self.assertEqual('another system', self.find())


class NovaLinkTest(base.SimulatedHostTestCase):

    def test_costs_nothing(self):
        host = self.connect()
        self.assertIsNone(other_systems.find(host, 'any'))
        other_systems.check_host(host, 'compute3')
        self.assertEqual({'powervm_system': host.system_uuid.lower()},
                         system_identity.to_keep(host))
        self.assertEqual([], self.requests())


class HostTest(hmc_base.HmcTestCase):
    """A server is to come from a host of the same HMC, which hides it."""

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.other = self.others[1].system.uuid
        self.instance = base.make_instance(host='compute3')
        self.patch(self.host, 'system_of_lpar', lambda uuid: None)

    def store(self, system, hmc):
        self.stored['compute3'] = {'powervm_system': system.lower(),
                                   'powervm_hmc': hmc}

    def assertRefused(self):
        self.assertRaises(exception.HostOfSameHmc, vm.check_only_here,
                          self.host, self.instance)
        self.assertIn('Host compute3 has a system of the same HMC',
                      move.why_not_here(self.host, None, self.instance,
                                        self.instance.flavor, None))

    def test_same_hmc(self):
        """A resource role shows only one system."""
        self.store(_STRANGE, self.host.hmc.uuid)
        self.assertRefused()
        self.assertEqual(['GET ManagementConsole'], self.requests())

    def test_system_of_this_hmc(self):
        """The other host uses the other of two HMCs."""
        self.store(self.other, _STRANGE)
        self.assertRefused()

    def test_source(self):
        self.store(self.other, self.host.hmc.uuid)
        self.patch(move, 'find_migration', lambda *_args: mock.Mock(
            dest_compute='compute3'))
        exc = self.assertRaises(
            nova_exc.ResizeError, move.check_target, None, self.host, None,
            self.instance, self.instance.flavor, [])
        self.assertIn('Host compute3 has a system of', str(exc))

    def test_other_hmc(self):
        self.store(_STRANGE, _STRANGE)
        vm.check_only_here(self.host, self.instance)

    def test_not_known(self):
        vm.check_only_here(self.host, self.instance)

    def test_user_may_not_see_the_hmc(self):
        """It is asked once, and this makes one line."""
        self.store(self.other, '')
        self.fail_request(path='ManagementConsole', effect='status',
                          status=403, count=9)
        vm.check_only_here(self.host, self.instance)
        for _number in range(2):
            self.assertEqual('', system_identity.to_keep(self.host)[
                'powervm_hmc'])
        self.assertEqual(['GET ManagementConsole'], self.requests())
        self.assertEqual(1, self.logger.output.count('ManagementConsole'))

    def test_what_is_stored(self):
        console, = self.simulated.endpoint.hosts[0].store.all(
            'ManagementConsole')
        self.assertEqual({'powervm_system': self.host.system_uuid.lower(),
                          'powervm_hmc': console.uuid.lower()},
                         system_identity.to_keep(self.host))
        system_identity.to_keep(self.host)
        self.assertEqual(['GET ManagementConsole'], self.requests())
        self.host.invalidate()
        self.fail_request(path='ManagementConsole', effect='status',
                          status=500)
        self.assertEqual({'powervm_system': self.host.system_uuid.lower()},
                         system_identity.to_keep(self.host))
        self.assertIn('does not tell which one', self.logger.output)


class DetachTest(hmc_base.HmcTestCase):
    """A guest on another system uses the volume."""

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.instance = base.make_instance(launched_at=timeutils.utcnow())
        self.volumes = mock.MagicMock()

    def detach(self):
        checks.check_detach(self.host, self.instance, self.volumes)

    def test_moved(self):
        self.make_lpar(self.others[0], self.instance.uuid, running=True)
        exc = self.assertRaises(nova_exc.DeviceDetachFailed, self.detach)
        self.assertIn('on %s' % self.others[0].system.name, str(exc))

    def test_gone(self):
        self.detach()
        self.assertEqual(['GET ManagedSystem/LogicalPartition',
                          'GET LogicalPartition'], self.requests())

    def test_removed_by_nova(self):
        """Nova has just destroyed it to rebuild it."""
        self.instance.task_state = task_states.REBUILDING
        self.detach()
        self.assertEqual(['GET ManagedSystem/LogicalPartition'],
                         self.requests())


class PowerTest(hmc_base.HmcTestCase):
    """The LPAR of a server is not here."""

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.instance = base.make_instance(launched_at=timeutils.utcnow())
        power = power_jobs.PowerOp(self.host, self.instance)
        self.attempts = (
            (power.start, exception.PowerVMAPIFailed),
            (power.stop, nova_exc.InstancePowerOffFailure),
            (power.stop_if_exists, nova_exc.InstancePowerOffFailure),
            (lambda: power.restart(hard=True),
             nova_exc.InstanceRebootFailure))
        self.stop_if_exists = power.stop_if_exists

    def test_moved(self):
        self.make_lpar(self.others[0], self.instance.uuid, running=True)
        before = self.site.fingerprint()
        for attempt, refusal in self.attempts:
            exc = self.assertRaises(refusal, attempt)
            self.assertIn('on %s' % self.others[0].system.name, str(exc))
        self.assertEqual([], fingerprint.differences(
            before, self.site.fingerprint()))

    def test_gone(self):
        self.stop_if_exists()
        self.assertEqual(['GET ManagedSystem/LogicalPartition'] * 2 +
                         ['GET LogicalPartition'], self.requests())

    def test_hmc_does_not_tell(self):
        self.fail_request(path='uom/LogicalPartition/', effect='status',
                          status=500)
        exc = self.assertRaises(nova_exc.InstancePowerOffFailure,
                                self.stop_if_exists)
        self.assertIn('it is not known whether', str(exc))

    def test_it_may_be_elsewhere(self):
        """Nova has it on another host, or has never made it."""
        self.make_lpar(self.others[0], self.instance.uuid, running=True)
        for instance in (
                base.make_instance(host='compute3',
                                   launched_at=timeutils.utcnow()),
                base.make_instance(launched_at=None)):
            power_jobs.PowerOp(self.host, instance).stop_if_exists()
            self.assertNotIn('GET LogicalPartition', self.requests())
