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

"""What live migrations need for the processors of a server."""

import dataclasses

from nova import exception as nova_exc

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm import base as driver_base
from nova_powervm.tests.virt.powervm.live import base
from nova_powervm.virt.powervm.live import processors


class PoolTest(base.LiveTestCase):

    @property
    def PROFILE(self):
        """Each host has the pools in another order, with other numbers."""
        profile = powervm_fixtures.load_profile('ssp-two-host')
        for host, names in zip(profile['hosts'], (
                ('red', 'blue'), ('blue', 'red', 'green')), strict=True):
            host.setdefault('misc', {})['processor_pools'] = [
                {'name': name, 'maximum_units': 4} for name in names]
        return profile

    def set_pool(self, name):
        number = next(
            pool.pool_id for pool in self.simulated.store.all(
                'SharedProcessorPool') if pool.name == name)
        with self.site.lock:
            self.lpar.processors = dataclasses.replace(
                self.lpar.processors, pool_id=number)
            self.lpar.touch('Other')

    def find(self):
        return processors.find_pool_name(self.host,
                                         self.host.lpar(self.lpar.uuid))

    def test_default_pool(self):
        self.requests()
        self.assertIsNone(self.find())
        self.assertIsNone(processors.find_pool_id(self.target, None))
        self.assertEqual(['GET LogicalPartition'], self.requests())

    def test_other_pool(self):
        self.set_pool('blue')
        self.assertEqual('blue', self.find())
        self.assertEqual(2, self.lpar.processors.pool_id)
        self.assertEqual(1, processors.find_pool_id(self.target, 'blue'))

    def test_is_missing_on_the_target(self):
        exc = self.assertRaises(
            nova_exc.MigrationPreCheckError, processors.find_pool_id,
            self.target, 'violet')
        self.assertIn('has 0 shared processor pools with the name violet',
                      str(exc))

    def test_is_not_listed(self):
        with self.site.lock:
            self.lpar.processors = dataclasses.replace(
                self.lpar.processors, pool_id=9)
            self.lpar.touch('Other')
        exc = self.assertRaises(nova_exc.MigrationPreCheckError, self.find)
        self.assertIn('does not list shared processor pool 9', str(exc))


class AffinityTest(driver_base.TestCase):

    def check(self, wanted, can):
        instance = driver_base.make_instance(
            flavor=driver_base.make_flavor(enforce_affinity_check=wanted))
        processors.check_affinity(instance, {
            'system': 'server2', 'affinity_capable': can})
        return processors.wants_affinity(instance)

    def test_not_wanted(self):
        self.assertFalse(self.check('false', False))
        self.assertFalse(processors.wants_affinity(
            driver_base.make_instance()))

    def test_wanted(self):
        self.assertTrue(self.check('true', True))

    def test_target_cannot(self):
        exc = self.assertRaises(nova_exc.MigrationPreCheckError, self.check,
                                'true', False)
        self.assertIn('server2 cannot check the affinity', str(exc))
