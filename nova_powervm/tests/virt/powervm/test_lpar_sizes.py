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

"""Tests of what the LPAR of a flavor takes: as much as it is told to have."""

import random

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import lpar_sizes
from nova_powervm.virt.powervm import vm

_SPECS = {
    'proc_units': ('0.5', '1', '2.37'), 'min_proc_units': ('0.5', '0.9'),
    'max_proc_units': ('0.6', '2'), 'dedicated_proc': ('true', 'false'),
    'dedicated_sharing_mode': ('share_idle_procs',),
    'shared_weight': ('9',), 'uncapped': ('false',),
    'max_mem': ('4096', '100096'), 'min_vcpu': ('1',), 'max_vcpu': ('8',)}


class LparSizeTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()

    def make_flavor(self, choose):
        flavor = base.make_flavor(
            256 * choose.randint(1, 8), choose.randint(1, 4), **{
                name: choose.choice(values)
                for name, values in _SPECS.items() if choose.random() < 0.2})
        if choose.random() < 0.2:
            flavor.extra_specs['hw:cpu_policy'] = choose.choice(
                ('shared', 'dedicated'))
        return flavor

    def test_as_it_is_made(self):
        system, made = self.simulated.system, 0
        for seed in range(150):
            flavor = self.make_flavor(random.Random(seed))
            instance = base.make_instance(flavor=flavor)
            try:
                flavors.build_lpar(self.host, instance)
            except exception.InvalidFlavor:
                continue
            before = system.available_memory_mb, system.available_units
            vm.create_lpar(self.host, instance)
            taken = (before[0] - system.available_memory_mb,
                     round(before[1] - system.available_units, 2))
            size = lpar_sizes.flavor_size(self.host.system, flavor, {})
            self.assertEqual(taken, (size.memory_mb, size.units), (
                seed, flavor))
            lpar = self.partition(vm.get_lpar_uuid(instance))
            self.assertEqual(size.dedicated, lpar.processors.desired
                             if lpar.processors.dedicated else 0)
            self.simulated.operator.delete_partition(lpar.uuid)
            made += 1
        self.assertGreater(made, 50)

    def test_largest(self):
        system = self.host.system
        for free, kept, largest in (
                (0, 0, 0), (511, 0, 0), (512, 0, 256), (1023, 0, 512),
                (65536 + 1280, 0, 65536), (65536 + 1279, 0, 65280),
                (65536, 8192, 57344), (-256, 0, 0)):
            self.assertEqual(largest, lpar_sizes.largest_mb(
                system, free, kept), (free, kept))
