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

"""How what a flavor says of memory and processors must go together."""

import random

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import relations
from nova_powervm.virt.powervm import size
from nova_powervm.virt.powervm import vm

INF = float('inf')
#: Values near what makes sense, and some that never do.
MEMORY = ('128', '256', '384', '512', '1000', '1024', '2048', '4096',
          '1048576', '0', '-256', '255.5', 'nan')
COUNTS = ('1', '2', '3', '4', '8', '39', '40', '63', '64', '65', '0', '-1',
          '1.5', 'inf', 'nan')
UNITS = ('0.05', '0.1', '0.15', '0.149', '0.2', '0.4', '.5', '1', '1.5', '2',
         '2.0', '3.2', '4', '40', '64', '65', '0', '-0.05', '0.04', 'inf',
         '-inf', 'nan', '1e-1', '1e400', 'x')
VALUES = {
    'min_mem': MEMORY, 'max_mem': MEMORY, 'min_vcpu': COUNTS,
    'max_vcpu': COUNTS, 'proc_units': UNITS, 'min_proc_units': UNITS,
    'max_proc_units': UNITS, 'dedicated_proc': ('true', 'false'),
    'shared_weight': ('0', '255', '256', '-1'),
    'uncapped': ('true', 'false'),
    'dedicated_sharing_mode': ('keep_idle_procs', 'share_idle_procs')}


class WrongTest(base.TestCase):
    """What does not go together is told by its name."""

    def wrong(self, name, of_host, check, *args):
        exc = self.assertRaises(relations.Wrong, check, *args)
        self.assertEqual((name, of_host), (exc.name, exc.is_of_host),
                         exc.reason)

    def test_memory(self):
        for name, of_host, desired, specs, block in (
                ('memory_mb', False, 64, {}, 16),
                ('memory_mb', True, 1000, {}, 256),
                ('memory_mb', True, 128, {}, 256),
                ('min_mem', False, 1024, {'min_mem': 64}, 16),
                ('min_mem', True, 1024, {'min_mem': 500}, 256),
                ('max_mem', True, 1024, {'max_mem': 1300}, 256),
                ('min_mem', False, 1024, {'min_mem': 2048}, 256),
                ('max_mem', False, 1024, {'max_mem': 512}, 256),
                ('min_mem', False, 1024,
                 {'min_mem': 2048, 'max_mem': 512}, 256)):
            self.wrong(name, of_host, relations.memory, desired, specs, block)

    def test_processors(self):
        for name, of_host, vcpus, specs in (
                ('min_vcpu', False, 2, {'min_vcpu': 3}),
                ('max_vcpu', False, 2, {'max_vcpu': 1}),
                ('vcpus', True, 65, {}),
                ('max_vcpu', True, 2, {'max_vcpu': 81})):
            self.wrong(name, of_host, relations.processors, vcpus, specs, 64,
                       80)

    def test_units(self):
        two = relations.Range(2, 2, 2)
        for name, of_host, counts, specs, least in (
                # One of the two VCPUs would have none.
                ('min_proc_units', False, two, {'min_proc_units': .05}, .05),
                ('max_proc_units', False, two, {'max_proc_units': INF}, .05),
                ('max_proc_units', False, relations.Range(1, 1, 1),
                 {'max_proc_units': INF}, .05),
                ('max_proc_units', False, relations.Range(2, 2, 40),
                 {'max_proc_units': 1.95}, .05),
                ('max_proc_units', False, relations.Range(2, 2, 40),
                 {'max_proc_units': 40.01}, .05),
                ('proc_units', False, two, {'proc_units': 2.01}, .05),
                ('proc_units', False, two, {'proc_units': .09}, .05),
                # Another host may take less for each.
                ('proc_units', True, two, {'proc_units': .1}, .1),
                ('min_proc_units', True, two, {'min_proc_units': .1}, .1),
                ('min_proc_units', False, two,
                 {'min_proc_units': .5, 'proc_units': .4}, .05),
                ('max_proc_units', False, two,
                 {'max_proc_units': .3, 'proc_units': .4}, .05),
                ('min_proc_units', False, two,
                 {'min_proc_units': .5, 'max_proc_units': .3}, .05)):
            self.wrong(name, of_host, relations.units, counts, specs, least,
                       .1)

    def test_memory_of_the_host(self):
        for name, of_host, found, specs in (
                ('memory_mb', True, relations.Range(1000, 1000, 1000), {}),
                ('memory_mb', True, relations.Range(1, 2000, 2000),
                 {'max_mem': 2000}),
                ('max_mem', True, relations.Range(512, 512, 49000),
                 {'max_mem': 49000})):
            self.wrong(name, of_host, relations.fit_memory, found, specs,
                       1000, lambda most: most // 64)
        for host_mb, most in ((1000, 2000), (0, 49000)):
            relations.fit_memory(
                relations.Range(512, 512, most), {'max_mem': most}, host_mb,
                lambda most: most // 64)

    def test_processors_of_the_host(self):
        for name, units, specs in (
                ('vcpus', 25, {}), ('vcpus', 25.6, {'max_vcpu': 300}),
                ('proc_units', 24.1, {'proc_units': 24.1}),
                ('min_proc_units', 30, {'min_proc_units': 30})):
            self.wrong(name, True, relations.fit_processors, units, 64, specs,
                       24.0)
        relations.fit_processors(24, 24, {}, 24.0)
        relations.fit_processors(25, 25, {}, 0.0)

    def test_bounds_of_units_suit_those_of_vcpus(self):
        self.assertEqual((.1, .2, 2), relations.units(
            relations.Range(1, 2, 40), {'min_proc_units': .1}, .05, .1))
        self.assertEqual((.2, .2, 2), relations.units(
            relations.Range(1, 2, 40), {}, .05, .1))


class HostTest(base.SimulatedHostTestCase):
    """What a host cannot have, another may have."""

    def test_no_request(self):
        host = self.connect()
        for key, flavor in (
                ('powervm:max_mem', {'max_mem': '2147483648'}),
                ('powervm:max_mem', {'max_mem': '33554432',
                                     'min_mem': '256'}),
                ('memory_mb', {'memory_mb': 2 ** 20}),
                ('vcpus', {'vcpus': 64, 'dedicated_proc': 'true'}),
                ('vcpus', {'vcpus': 26, 'dedicated_sharing_mode':
                           'keep_idle_procs'}),
                ('powervm:max_vcpu', {'max_vcpu': '65'}),
                ('powervm:proc_units', {'vcpus': 64, 'proc_units': '30'}),
                ('powervm:min_proc_units', {'vcpus': 64,
                                            'min_proc_units': '30'})):
            instance = base.make_instance(flavor=base.make_flavor(**flavor))
            self.requests()
            exc = self.assertRaises(exception.FlavorNotOnThisHost,
                                    vm.create_lpar, host, instance)
            self.assertEqual(key, exc.kwargs['key'])
            self.assertEqual([], self.requests())

    def test_more_than_the_host_has(self):
        """A maximum may be more, as it may be for another host."""
        host = self.connect()
        instance = base.make_instance(flavor=base.make_flavor(
            max_mem='1048576'))
        vm.create_lpar(host, instance)
        vm.delete_lpar(host, instance)


class SimulatedTest(base.SimulatedHostTestCase):
    """What is accepted here, the simulated platform accepts.

    It has room for all: what it refuses does not go together.
    """

    SEED = 13
    SERVERS = 250
    RESIZES = 60

    def setUp(self):
        super().setUp()
        system = self.simulated.system
        system.memory_mb, system.processors = 2 ** 40, 2 ** 12
        self.host = self.connect()
        self.random = random.Random(self.SEED)

    def flavor(self):
        """A flavor with some extra specs, by chance."""
        chance = self.random
        names = chance.sample(sorted(VALUES), chance.choice((0, 1, 2, 3, 5)))
        return base.make_flavor(
            memory_mb=chance.choice((64, 128, 256, 1000, 1024, 2048)),
            vcpus=chance.choice((1, 1, 2, 2, 3, 40, 64, 65)),
            **{name: chance.choice(VALUES[name]) for name in names})

    def is_refused(self, flavor, function):
        """Whether a flavor is refused, by name, and without a request."""
        self.requests()
        try:
            function()
        except exception.InvalidFlavor as exc:
            self.assertEqual([], [
                request for request in self.requests()
                if not request.startswith('GET')])
            key = exc.kwargs['key']
            self.assertTrue(
                key in ('memory_mb', 'vcpus') or key in flavor.extra_specs,
                (key, str(exc)))
            self.assertIn(key, str(exc))
            return True
        except (exception.PowerVMAPIFailed, nova_exc.NovaException) as exc:
            self.fail('%s %s %s: %s' % (flavor.memory_mb, flavor.vcpus,
                                        flavor.extra_specs, exc))
        return False

    def create(self, flavor):
        """Create an LPAR; None if the flavor is refused."""
        instance = base.make_instance(flavor=flavor)
        if self.is_refused(flavor,
                           lambda: vm.create_lpar(self.host, instance)):
            return None
        return instance

    def delete(self, instance):
        vm.delete_lpar(self.host, instance)

    def test_creation(self):
        accepted = 0
        for _number in range(self.SERVERS):
            instance = self.create(self.flavor())
            if instance is not None:
                accepted += 1
                self.delete(instance)
        # Neither is rare.
        self.assertGreater(accepted, self.SERVERS // 8)
        self.assertLess(accepted, self.SERVERS * 7 // 8)

    def test_resize(self):
        """Also if somebody has changed the LPAR by hand."""
        done = 0
        while done < self.RESIZES:
            instance = self.create(self.flavor())
            if instance is None:
                continue
            self.change_by_hand(instance)
            old, flavor = instance.flavor, self.flavor()
            if not self.is_refused(flavor, lambda: vm.resize_lpar(
                    self.host, instance, old, flavor)):
                done += 1
            self.delete(instance)

    def change_by_hand(self, instance):
        """Give an LPAR the size of another flavor that can be."""
        try:
            other = flavors.build_lpar(self.host, instance, self.flavor())
        except exception.InvalidFlavor:
            return
        lpar_w = vm.get_instance_wrapper(self.host, instance)
        size.write(lpar_w, size.read(other))
        lpar_w.update()

    def test_named(self):
        """The inputs of the issue."""
        for name, value, vcpus in (
                ('min_proc_units', '0.05', 2), ('max_proc_units', 'inf', 1),
                ('max_proc_units', 'nan', 1), ('max_proc_units', '-1', 1),
                ('max_proc_units', '1e400', 1), ('max_vcpu', '65', 2)):
            flavor = base.make_flavor(vcpus=vcpus, **{name: value})
            self.assertIsNone(self.create(flavor), name)
        # The maximum of the units is that of the VCPUs, not of two of them.
        instance = self.create(base.make_flavor(vcpus=2, max_vcpu='40'))
        self.assertEqual(2.0, vm.get_instance_wrapper(
            self.host,
            instance).proc_config.shared_proc_cfg.max_units)
