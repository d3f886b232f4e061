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

"""Tests of the extra-spec validators, through Nova's own registry."""

import importlib.metadata
from unittest import mock

import fixtures
from nova.api.validation.extra_specs import validators
from nova import exception as nova_exc
from stevedore import extension
import testtools

from nova_powervm.api import extra_specs

ENTRY_POINT = importlib.metadata.EntryPoint(
    'powervm', 'nova_powervm.api.extra_specs',
    'nova.api.extra_spec_validators')

GOOD = {
    'min_mem': ('128', '1024'),
    'max_mem': ('256', '1048576'),
    'min_vcpu': ('1', '2'),
    'max_vcpu': ('1', '64'),
    'proc_units': ('0.05', '.5', '1', '1.', '12.25'),
    'min_proc_units': ('0.1',),
    'max_proc_units': ('4',),
    'dedicated_proc': ('true', 'False', 'yes', 'no'),
    'shared_weight': ('0', '64', '255'),
    'uncapped': ('true', 't', 'y', 'f', 'n'),
    'dedicated_sharing_mode': (
        'share_idle_procs', 'keep_idle_procs', 'share_idle_procs_active',
        'share_idle_procs_always'),
    'shared_proc_pool_name': ('DefaultPool', 'gold and silver'),
    'processor_compatibility': (
        'default', 'POWER6+', 'POWER6+_Enhanced', 'POWER8', 'power9_base',
        'POWER10'),
    'availability_priority': ('0', '127', '255'),
    'srr_capability': ('true', 'false'),
    'enable_lpar_metric': ('true', 'false'),
    'ppt_ratio': ('1:64', '1:128', '1:256', '1:512', '1:1024', '1:2048',
                  '1:4096'),
    'enforce_affinity_check': ('true', 'false'),
    'secure_boot': ('0', '9'),
}
BAD = {
    'min_mem': ('127', 'much', '1.5'),
    'max_mem': ('0',),
    'min_vcpu': ('0', 'one'),
    'max_vcpu': ('-1',),
    'proc_units': ('half', '-1', '.', '0,5', ''),
    'min_proc_units': ('x',),
    'max_proc_units': ('1 2',),
    'dedicated_proc': ('maybe',),
    'shared_weight': ('256', '-1'),
    'uncapped': ('2',),
    'dedicated_sharing_mode': ('share', ''),
    'processor_compatibility': ('x86', 'POWER', ''),
    'availability_priority': ('256', '-1', 'high'),
    'srr_capability': ('x',),
    'enable_lpar_metric': ('x',),
    'ppt_ratio': ('1:3', '64'),
    'enforce_affinity_check': ('x',),
    'secure_boot': ('10', '-1', 'on'),
}


class ExtraSpecsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        # As with our entry point installed, and no other.
        for registry, empty in (('VALIDATORS', {}), ('NAMESPACES', set())):
            self.useFixture(fixtures.MonkeyPatch(
                'nova.api.validation.extra_specs.validators.' + registry,
                empty))
        manager = extension.ExtensionManager.make_test_instance([
            extension.Extension('powervm', ENTRY_POINT, ENTRY_POINT.load(),
                                None)])
        with mock.patch.object(extension, 'ExtensionManager',
                               return_value=manager):
            validators.load_validators()

    def test_registered(self):
        self.assertEqual({'powervm:' + name for name in GOOD},
                         set(validators.VALIDATORS))
        self.assertEqual({'powervm'}, validators.NAMESPACES)

    def test_good_values(self):
        for name, values in GOOD.items():
            for value in values:
                validators.validate('powervm:' + name, value)

    def test_bad_values(self):
        for name, values in BAD.items():
            for value in values:
                exc = self.assertRaises(
                    nova_exc.ValidationError, validators.validate,
                    'powervm:' + name, value)
                self.assertIn('Validation failed', str(exc))

    def test_unknown(self):
        self.assertRaises(nova_exc.ValidationError, validators.validate,
                          'powervm:proc_unit', '1')

    def test_descriptions(self):
        for validator in extra_specs.register():
            self.assertTrue(validator.description.endswith(
                '. Only supported by the PowerVM virt driver.'))
