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

"""Live migration behind an HMC: what only one HMC for both hosts allows."""

import types
from unittest import mock

from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.simulator.resources import switch as sim_switch
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.tests.virt.powervm.live import base as live_base
from nova_powervm.tests.virt.powervm.vif import base as vif_base
from nova_powervm.tests.virt.powervm.walks import waiting
from nova_powervm.virt.powervm.actions import live_migrations
from nova_powervm.virt.powervm.live import checks
from nova_powervm.virt.powervm.live import data
from nova_powervm.virt.powervm.live import job
from nova_powervm.virt.powervm.live import keys
from nova_powervm.virt.powervm.live import outcome
from nova_powervm.virt.powervm.live import running
from nova_powervm.virt.powervm import system_identity
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.vif import driver
from nova_powervm.virt.powervm import vm

_OTHER = '01234567-89ab-4000-8000-000000000003'


class ConsoleTest(hmc_base.HmcTestCase):
    """Both hosts have to use the same HMC, and to know that."""

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        services = mock.Mock(host=self.host)
        services.migrations.has.return_value = False
        self.live = live_migrations.LiveMigrations(services)

    def refused(self, function, *args):
        self.assertIn('between two systems of one HMC', str(
            self.assertRaises(nova_exc.MigrationPreCheckError, function,
                              *args)))

    def test_same(self):
        own = checks.find_console(self.host)
        self.assertEqual(self.host.management_console().uuid.lower(), own)
        checks.check_console(self.host, own)

    def test_others(self):
        for other in (None, '', _OTHER):
            self.refused(checks.check_console, self.host, other)

    def test_it_does_not_tell(self):
        self.patch(type(self.host), 'hmc', system_identity.Hmc(
            '', frozenset()))
        self.refused(checks.check_console, self.host, '')

    def test_novalink(self):
        host = types.SimpleNamespace(is_hmc=False, nodename='compute9')
        checks.check_console(host, None)
        self.refused(checks.check_console, host, _OTHER)

    def test_source(self):
        """Also with a driver that tells nothing of consoles."""
        for told in ({}, {'console': None}, {'console': _OTHER}):
            self.refused(self.live.check_as_source, base.make_instance(),
                         data.build({'target': told,
                                     'block_migration': False}), {})

    def test_target(self):
        for told in ({}, {'console': None}, {'console': _OTHER}):
            self.refused(self.live.check_source_at_target, data.build(
                dict(told, disks=None)))

    def test_name_of_two_systems(self):
        """The job would name both."""
        found = checks.describe_target(self.host)
        self.assertEqual((self.simulated.system.name, None),
                         (found['system'], found['address']))
        with self.site.lock:
            self.others[0].system.name = self.simulated.system.name
            self.others[0].system.touch()
        self.assertIn('by its name: 2 systems are called', str(
            self.assertRaises(nova_exc.MigrationPreCheckError,
                              checks.describe_target, self.host)))

    def test_costs(self):
        checks.describe_target(self.host)
        self.requests()
        checks.describe_target(self.host)
        self.assertEqual(['GET ManagedSystem'], self.requests())

    def test_keys(self):
        """Nobody logs on."""
        found = keys.Keys(self.host)
        self.assertIsNone(found.own())
        found.authorize(None)
        self.assertEqual([], self.requests())

    def test_parameters(self):
        self.assertEqual(
            {'TargetManagedSystemName': 'system', 'VLANBridgeOverride': '2'},
            job.parameters('system', None))


class VlanTest(hmc_base.HmcTestCase):
    """The HMC leaves adapters in their VLANs."""

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.instance = base.make_instance()
        lpar = self.make_lpar(self.simulated, self.instance.uuid)
        self.cna = driver.create_cna(self.host, self.host.lpar(lpar.uuid),
                                     'ETHERNET0', 5)

    def vlans(self, **vlans):
        return checks.vlans_for_job(self.host, self.instance,
                                    {'vlans': vlans})

    def test_same(self):
        self.requests()
        self.assertEqual({}, self.vlans())
        self.assertEqual([], self.requests())
        self.assertEqual({}, self.vlans(**{self.cna.mac: self.cna.pvid}))

    def test_other(self):
        self.assertIn('an HMC cannot change that', str(self.assertRaises(
            nova_exc.MigrationPreCheckError, self.vlans,
            **{self.cna.mac: self.cna.pvid + 1})))

    def test_network_of_the_target(self):
        """The adapter that comes needs it."""
        port = vif_base.make_vif(type='pvm_sea', details={'vlan': '7'})
        self.assertIsNone(vif.prepare_on_target(
            self.host, self.instance, port, port, 'ETHERNET0'))
        self.assertIn(7, sim_switch.find_switch(
            self.simulated, 'ETHERNET0').networks)


class TwoHmcsTest(base.SimulatedHostTestCase):
    """The HMC that follows a migration is lost, and another one goes on."""

    PROFILE = 'two-hmc'

    def setUp(self):
        super().setUp()
        self.one, self.two = self.site.endpoints
        self.simulated, self.target = self.site.hosts[:2]
        self.flags(group='powervm', rest_port=self.one.port, rest_host=[
            '127.0.0.1', self.two.address],
            managed_system=self.simulated.system.uuid)
        self.host = self.connect()
        self.instance = base.make_instance()
        self.lpar = self.simulated.operator.create_partition(
            'server', uuid=vm.get_lpar_uuid(self.instance), running=True)
        self.clock = self.useFixture(waiting.Waiting(self.site))
        self.site.timing.update(live_base.SLOW)

    def test_lost(self):
        """The other one does not know the job: the LPAR tells the end."""
        migrations = running.RunningMigrations(self.host)
        self.clock.events.extend([None] * 4 + [lambda: self.one.faults.add(
            {'effect': 'drop_before', 'count': 0})])
        with migrations.one(self.instance) as migration:
            migration.submit(job.parameters(self.target.system.name, None))
            self.assertEqual('', migration.message)
            self.assertIs(outcome.Outcome.MOVED, migration.follow())
        self.assertFalse(migration.is_told)
        self.assertEqual('running', self.target.store.get(
            'LogicalPartition', self.lpar.uuid).partition_state)
        self.assertEqual([], [
            record for record in self.two.journal.records()
            if '/jobs/' in record['path']])


class JobPathTest(hmc_base.HmcTestCase):

    def test_system_is_named(self):
        """Another system may have an LPAR with the same UUID."""
        host, instance = self.connect(), base.make_instance()
        lpar = self.make_lpar(self.simulated, instance.uuid)
        theirs = self.make_lpar(self.others[0], instance.uuid)
        self.requests()
        _id, status = job.MigrationJobs(host, lpar.uuid).submit(
            job.parameters(self.others[1].system.name, None))
        self.assertTrue(status.is_done, status)
        self.assertIs(theirs, self.others[0].store.get(
            'LogicalPartition', lpar.uuid))
        self.assertEqual(['GET ManagedSystem/LogicalPartition/do/Migrate',
                          'PUT ManagedSystem/LogicalPartition/do/Migrate'],
                         self.requests())
        # No LPAR of the system has that UUID any more.
        self.assertRaises(pvm_exc.HttpNotFound, host.lpar, lpar.uuid)

    def test_form_is_read_once(self):
        """The platform still looks for the LPAR of each job."""
        host = self.connect()
        ours = self.make_lpar(self.simulated, base.make_instance().uuid,
                              running=True)
        theirs = self.make_lpar(self.others[0], base.make_instance().uuid,
                                running=True)
        self.requests()

        def power_off(uuid):
            host.job_form(pvm_lpar.LPAR, uuid, 'PowerOff').run_job(uuid)

        power_off(ours.uuid)
        ours.booted()
        power_off(ours.uuid)
        self.assertRaises(pvm_exc.JobRequestFailed, power_off, theirs.uuid)
        path = 'ManagedSystem/LogicalPartition/do/PowerOff'
        self.assertEqual(['GET ' + path] + ['PUT ' + path] * 3, [
            request for request in self.requests() if path in request])
        self.assertTrue(theirs.is_on)
