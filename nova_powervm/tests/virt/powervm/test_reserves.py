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

"""Tests of what is reserved: placement grants what the host can give."""

import random

import os_resource_classes as orc
from oslo_utils import timeutils
from testtools import content

from nova_powervm.simulator import errors
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.tests.virt.powervm import offers
from nova_powervm.virt.powervm import granted

BLOCK = offers.BLOCK


class RandomTest(offers.OffersCase):
    """Random flavors beside random LPARs of others."""

    HISTORIES = 20
    STEPS = 25

    def test_granted_is_given(self):
        refused = 0
        for seed in range(self.HISTORIES):
            self.addDetail('seed', content.text_content(str(seed)))
            self.random = random.Random(seed)
            self.granted = self.refused = 0
            self.system.memory_mb = 256 * self.random.randint(256, 2048)
            self.system.processors = self.random.randint(6, 30)
            for _step in range(self.STEPS):
                self.step()
            self.assertNotEqual(0, self.granted)
            refused += self.refused
            self.remove_all()
        self.assertNotEqual(0, refused)

    def remove_all(self):
        for lpar in list(self.simulated.store.all('LogicalPartition')):
            if not lpar.is_management:
                self.simulated.operator.delete_partition(lpar.uuid)
        self.servers.clear()

    def step(self):
        kind = self.random.random()
        if kind < 0.15:
            self.add_foreign()
        elif kind < 0.25 and self.servers:
            self.delete(self.random.choice(sorted(self.servers)))
        self.report()
        self.assert_enough()
        flavor, resources = self.choose()
        if self.grants(resources):
            self.granted += 1
            self.make(flavor, resources)
        else:
            self.refused += 1

    def add_foreign(self):
        memory = BLOCK * self.random.randint(1, 40)
        count = self.random.randint(1, 3)
        if self.random.random() < 0.5:
            settings = {'dedicated': True}
        else:
            settings = {'units': self.random.randint(5, 100) / 100 * count}
        try:
            self.foreign(memory_mb=memory, processors=count, **settings)
        except errors.Refused:
            pass

    def choose(self):
        """Choose a flavor; some are as large as placement grants."""
        choose = self.random
        vcpus = choose.randint(1, 6)
        memory = BLOCK * choose.choice((1, 2, 4, 8, choose.randint(1, 64)))
        if choose.random() < 0.2:
            memory = max(BLOCK, self.offered(orc.MEMORY_MB) // BLOCK * BLOCK)
        specs, name = {}, orc.VCPU
        if choose.random() < 0.3:
            specs['hw:cpu_policy'], name = 'dedicated', orc.PCPU
        elif choose.random() < 0.2:
            specs['powervm:dedicated_proc'] = 'true'
        elif choose.random() < 0.7:
            specs['powervm:proc_units'] = '%.2f' % (
                vcpus * choose.choice((0.05, 0.5, choose.randint(5, 100) / 100,
                                       1)))
        if choose.random() < 0.2:
            vcpus = min(64, max(1, self.offered(name)))
            specs.pop('powervm:proc_units', None)
        if choose.random() < 0.3:
            specs['powervm:max_mem'] = str(min(
                self.system.memory_mb, memory * choose.randint(1, 16)))
        flavor = base.make_flavor(memory, vcpus)
        flavor.extra_specs = specs
        return flavor, {name: vcpus, orc.MEMORY_MB: memory}


class HmcTest(RandomTest, hmc_base.HmcTestCase):
    """An HMC lists the LPARs of each system in the document of the system."""

    HISTORIES = 2


class SharedProcessorsTest(offers.OffersCase):
    """VCPU and PCPU are made of the same processors: 24, 2.5 of others."""

    CPU_RATIO = 4.0

    def setUp(self):
        super().setUp()
        self.assertEqual(21.5, self.system.available_units)

    def flavor(self, vcpus, **specs):
        flavor = base.make_flavor(BLOCK, vcpus)
        flavor.extra_specs = {name.replace('__', ':'): value
                              for name, value in specs.items()}
        return flavor

    def make_dedicated(self, count, name=orc.PCPU, **attrs):
        """A server with dedicated processors, granted as usual or not."""
        instance = self.make(self.flavor(count, hw__cpu_policy='dedicated'),
                             {name: count, orc.MEMORY_MB: BLOCK}, **attrs)
        instance.launched_at = timeutils.utcnow()
        instance.system_metadata.update(granted.to_keep(
            offers.NODE, instance.flavor, {
                name: count, orc.MEMORY_MB: BLOCK}))
        return instance

    def offers(self):
        self.report()
        return self.offered(orc.VCPU), self.offered(orc.PCPU)

    def test_first(self):
        self.assertEqual((84, 21), self.offers())

    def test_both_shrink(self):
        self.report()
        self.make_dedicated(6)
        self.assertEqual((60, 15), self.offers())
        self.make(self.flavor(8, powervm__proc_units='2'),
                  {orc.VCPU: 8, orc.MEMORY_MB: BLOCK})
        # The operator lets 4 VCPUs share a processor.
        self.assertEqual((52, 13), self.offers())

    def test_shared_servers_use_less_than_the_ratio_says(self):
        self.report()
        for _number in range(4):
            self.make(self.flavor(10), {orc.VCPU: 10, orc.MEMORY_MB: BLOCK})
        self.assertEqual((44, 17), self.offers())

    def test_no_more_dedicated_ones_than_there_are(self):
        """30 of 24, as the issue has it."""
        self.report()
        made = 0
        while self.offered(orc.PCPU):
            self.make_dedicated(1)
            made += 1
        self.assertEqual(21, made)
        self.assertEqual((0, 0), self.offers())

    def test_more_units_than_the_ratio_says(self):
        self.report()
        self.make(self.flavor(4, powervm__dedicated_proc='true'),
                  {orc.VCPU: 4, orc.MEMORY_MB: BLOCK})
        self.assertEqual((68, 17), self.offers())

    def test_upgrade_with_dedicated_processors(self):
        """Granted as VCPU, of a host that is full."""
        self.report()
        for _number in range(7):
            instance = self.make_dedicated(3, name=orc.VCPU)
            instance.system_metadata.clear()
        vcpus, pcpus = self.offers()
        self.assertEqual((21, 0), (self.used(orc.VCPU),
                                   self.used(orc.PCPU)))
        # One processor less than whole: 21 VCPUs are worth 5.25.
        self.assertEqual((3, 0), (vcpus, pcpus))

    def test_upgrade_with_an_ignored_policy(self):
        """30 were granted, and share few processors."""
        self.report()
        for _number in range(30):
            instance = self.make(self.flavor(1),
                                 {orc.VCPU: 1, orc.MEMORY_MB: BLOCK})
            instance.flavor = self.flavor(1, hw__cpu_policy='dedicated')
            instance.launched_at = timeutils.utcnow()
        self.assertEqual((66, 18), self.offers())
        self.assertEqual(30, self.used(orc.VCPU))

    def test_operator_reserves_more(self):
        self.flags(reserved_host_cpus=10, reserved_host_memory_mb=100 * 1024)
        self.assertEqual((56, 14), self.offers())
        record = self.tree.data(offers.NODE).inventory[orc.MEMORY_MB]
        self.assertGreaterEqual(record['reserved'], 100 * 1024)
        self.make_dedicated(6)
        self.assertEqual((32, 8), self.offers())

    def test_others_come(self):
        """What was granted stays granted, so that servers can move away."""
        self.report()
        for _number in range(8):
            self.make(self.flavor(10), {orc.VCPU: 10, orc.MEMORY_MB: BLOCK})
        self.foreign(memory_mb=BLOCK, processors=12, dedicated=True)
        self.assertEqual((0, 1), self.offers())

    def test_part_of_a_processor(self):
        self.foreign(memory_mb=BLOCK, processors=22, units=21.25)
        self.assertEqual((0, 0), self.offers())

    def test_nothing_is_left(self):
        free = self.system.available_memory_mb
        self.foreign(memory_mb=free - 7936, processors=22, units=21.5)
        self.assertLess(self.system.available_memory_mb, 2 * BLOCK)
        self.assertEqual((0, 0), self.offers())
        self.assertEqual(0, self.offered(orc.MEMORY_MB))
