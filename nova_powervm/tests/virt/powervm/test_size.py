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

"""What of the size of an LPAR a resize changes, and what stays."""

import types

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import size

SYSTEM = types.SimpleNamespace(min_proc_units=0.05, default_ppt_ratio=6)
#: What a flavor with 2 VCPUs makes that names nothing.
PLAIN = {
    'min_mem': 1024, 'mem': 1024, 'max_mem': 1024, 'exp_factor': 0,
    'ppt_ratio': None, 'min_vcpu': 2, 'vcpu': 2, 'max_vcpu': 2,
    'min_proc_units': 0.2, 'proc_units': 0.2, 'max_proc_units': 0.2,
    'dedicated_proc': False, 'sharing_mode': 'uncapped', 'shared_weight': 64,
    'shared_proc_pool_name': 0, 'availability_priority': 127,
    'enable_lpar_metric': False, 'processor_compatibility': 'default',
    'srr_capability': True, 'secure_boot': 0}
#: The same with 4 VCPUs and more memory.
LARGE = dict(PLAIN, min_mem=4096, mem=4096, max_mem=4096, min_vcpu=4, vcpu=4,
             max_vcpu=4, min_proc_units=0.4, proc_units=0.4,
             max_proc_units=0.4)
DEDICATED = dict(
    PLAIN, dedicated_proc=True, sharing_mode='sre idle proces',
    min_proc_units=None, proc_units=None, max_proc_units=None,
    shared_weight=None, shared_proc_pool_name=None)


class MergeTest(base.TestCase):

    def merge(self, has=(), old=PLAIN, new=LARGE, named=()):
        """Tell what differs from what the new flavor makes."""
        merged = size.merge(dict(old or PLAIN, **dict(has)), old, new,
                            set(named), SYSTEM)
        self.assertEqual(set(new), set(merged))
        return {name: value for name, value in merged.items()
                if value != new[name]}

    def test_nothing_was_changed(self):
        self.assertEqual({}, self.merge())

    def test_changed_by_hand(self):
        for kept in ({'sharing_mode': 'capped', 'shared_weight': 0},
                     {'shared_weight': 200}, {'proc_units': 0.3,
                                              'min_proc_units': 0.25},
                     {'min_proc_units': 0.35}, {'max_proc_units': 2.0},
                     {'min_mem': 512}, {'max_mem': 8192}, {'min_vcpu': 1},
                     {'shared_proc_pool_name': 3},
                     {'exp_factor': 1.5}, {'ppt_ratio': 4},
                     {'availability_priority': 7}, {'secure_boot': 2}):
            self.assertEqual(kept, self.merge(has=kept))

    def test_limits_are_widened(self):
        """No kept limit is in the way of the new size."""
        self.assertEqual({}, self.merge(has={'max_mem': 2048, 'max_vcpu': 3}))
        self.assertEqual(
            {'max_mem': 8192, 'max_vcpu': 6, 'max_proc_units': 0.3},
            self.merge(has={'min_mem': 2048, 'max_mem': 8192, 'min_vcpu': 3,
                            'max_vcpu': 6}, old=LARGE, new=PLAIN))

    def test_units_fit_the_processors(self):
        self.assertEqual(0.5, self.merge(
            has={'proc_units': 0.1, 'min_proc_units': 0.1},
            new=dict(LARGE, vcpu=10, max_vcpu=10))['proc_units'])
        self.assertEqual(2, self.merge(
            has={'proc_units': 3.0, 'max_proc_units': 4.0}, old=LARGE,
            new=PLAIN)['proc_units'])

    def test_limits_of_units_fit_those_of_processors(self):
        self.assertEqual(
            {'max_vcpu': 16, 'max_proc_units': 0.8},
            self.merge(has={'max_vcpu': 16}))

    def test_units_obey_the_flavor(self):
        new = dict(LARGE, max_proc_units=1.0)
        self.assertEqual(1.0, self.merge(
            has={'proc_units': 2.0, 'max_proc_units': 2.0}, new=new,
            named=['max_proc_units'])['proc_units'])

    def test_what_a_flavor_names(self):
        for has, named in (({'shared_weight': 200}, 'shared_weight'),
                           ({'min_mem': 512}, 'min_mem'),
                           ({'max_vcpu': 8}, 'max_vcpu'),
                           ({'shared_proc_pool_name': 3},
                            'shared_proc_pool_name'),
                           ({'sharing_mode': 'capped', 'shared_weight': 0},
                            'uncapped'),
                           ({'availability_priority': 7},
                            'availability_priority')):
            self.assertEqual({}, self.merge(has=has, named=[named]))

    def test_dedicated_by_hand(self):
        """The processors stay dedicated, in the way that they are."""
        has = dict(DEDICATED, sharing_mode='keep idle procs')
        merged = size.merge(has, PLAIN, LARGE, set(), SYSTEM)
        self.assertEqual(dict(
            has, mem=4096, min_mem=4096, max_mem=4096, vcpu=4, min_vcpu=2,
            max_vcpu=4), merged)
        # And shared ones shared.
        merged = size.merge(PLAIN, DEDICATED, dict(DEDICATED, vcpu=4),
                            set(), SYSTEM)
        self.assertEqual(dict(PLAIN, vcpu=4, max_vcpu=4), merged)

    def test_dedicated_by_a_flavor(self):
        self.assertEqual({}, self.merge(
            has={'shared_weight': 200}, new=dict(DEDICATED),
            named=['dedicated_proc']))
        self.assertEqual({}, self.merge(
            old=DEDICATED, new=LARGE, named=['dedicated_proc']))
        has = {'sharing_mode': 'keep idle procs'}
        self.assertEqual(has, self.merge(
            has=has, old=DEDICATED,
            new=dict(DEDICATED, vcpu=4, max_vcpu=4),
            named=['dedicated_proc']))

    def test_memory_that_both_flavors_have(self):
        """It was changed while the server ran, which it goes on with."""
        has = {'mem': 2048, 'max_mem': 4096}
        self.assertEqual(has, self.merge(
            has=has, new=dict(LARGE, min_mem=1024, mem=1024, max_mem=1024)))
        self.assertEqual({}, self.merge(has={'mem': 2048}))

    def test_old_flavor_is_not_known(self):
        """Then what no flavor names stays."""
        merged = size.merge(dict(PLAIN, shared_weight=200), None, LARGE,
                            set(), SYSTEM)
        self.assertEqual((4096, 4, 200, 4096), (
            merged['mem'], merged['vcpu'], merged['shared_weight'],
            merged['max_mem']))


class KeptTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.flavor = base.make_flavor()
        self.instance = base.make_instance(flavor=self.flavor)

    def test_kept(self):
        self.assertIsNone(size.kept(self.instance))
        size.keep(self.instance, self.flavor, PLAIN)
        self.assertEqual(PLAIN, size.kept(self.instance))
        self.assertEqual(PLAIN, size.kept(self.instance, self.flavor))
        # The first one counts, until the resize has ended.
        size.keep(self.instance, self.flavor, LARGE)
        self.assertEqual(PLAIN, size.kept(self.instance))
        size.forget(self.instance)
        self.assertIsNone(size.kept(self.instance))
        size.forget(self.instance)

    def test_for_another_flavor(self):
        size.keep(self.instance, self.flavor, PLAIN)
        for other in ({'memory_mb': 4096}, {'vcpus': 9},
                      {'shared_weight': '7'}):
            self.assertIsNone(size.kept(self.instance,
                                        base.make_flavor(**other)))

    def test_room_in_the_database(self):
        size.keep(self.instance, self.flavor, dict(
            DEDICATED, sharing_mode='sre idle procs always',
            processor_compatibility='POWER9_Enhanced', min_mem=16777216,
            mem=16777216, max_mem=16777216))
        text, = (value for key, value in
                 self.instance.system_metadata.items() if 'size' in key)
        self.assertLess(len(text), 255)

    def test_of_another_version(self):
        self.instance.system_metadata['powervm_size_before'] = '["x",1]'
        self.assertIsNone(size.kept(self.instance))
