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

"""Tests of the translation from a flavor to an LPAR."""

import types
from unittest import mock

from nova.compute import task_states
from nova import exception as nova_exc
from oslo_utils import timeutils
from pypowervm import exceptions as pvm_exc

from nova_powervm.api import extra_specs
from nova_powervm.simulator.resources import processor_pool
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import flavor


class System:
    """What the translation asks a pypowervm System wrapper for."""

    memory_region_size = 256
    #: Not told.
    memory_configurable = 0
    proc_units_configurable = 0.0
    min_proc_units = 0.05
    max_procs_per_aix_linux_lpar = 32
    max_sys_procs_limit = 40
    max_vcpus_per_aix_linux_lpar = 64
    max_sys_vcpus_limit = 80
    proc_compat_modes = ('default', 'POWER6', 'POWER6_Plus', 'POWER7',
                         'POWER8', 'POWER9_Base', 'POWER10', 'POWER42')

    def __init__(self, incapable=(), **attrs):
        self._incapable = incapable
        self.__dict__.update(attrs)

    def get_capability(self, name):
        return name not in self._incapable


class FlavorTestCase(base.TestCase):

    def build(self, system=None, instance=None, memory_mb=1024, vcpus=2,
              **extra_specs):
        """Translate a flavor; extra_specs are without powervm:."""
        host = types.SimpleNamespace(adapter=None, system=system or System())
        instance = instance or base.make_instance()
        instance.flavor = base.make_flavor(memory_mb, vcpus, **extra_specs)
        return flavor.build_lpar(host, instance)

    def refuse(self, key, value, reason, **kwargs):
        """Assert that a flavor aborts the build, and why."""
        exc = self.assertRaises(exception.InvalidFlavor, self.build, **kwargs)
        # This class makes Nova abort.
        self.assertIsInstance(exc, nova_exc.InvalidInput)
        self.assertEqual('Flavor m1.power: %s=%s cannot be used: %s' % (
            key, value, reason), str(exc))

    def refuse_spec(self, name, value, reason, **kwargs):
        self.refuse('powervm:' + name, value, reason,
                    **dict(kwargs, **{name: value}))


class DefaultsTest(FlavorTestCase):

    def test_defaults(self):
        lpar = self.build()
        self.assertEqual('instance-00000001', lpar.name)
        self.assertEqual('AIX/Linux', lpar.env)
        self.assertEqual(127, lpar.avail_priority)
        self.assertEqual('default', lpar.pending_proc_compat_mode)
        self.assertFalse(lpar.allow_perf_data_collection)
        self.assertTrue(lpar.srr_enabled)
        self.assertEqual(64, lpar.io_config.max_virtual_slots)
        memory = lpar.mem_config
        self.assertEqual((1024, 1024, 1024),
                         (memory.min, memory.desired, memory.max))
        self.assertEqual('uncapped', lpar.proc_config.sharing_mode)
        shared = lpar.proc_config.shared_proc_cfg
        self.assertEqual((2, 2, 2), (
            shared.min_virtual, shared.desired_virtual, shared.max_virtual))
        self.assertEqual((0.2, 0.2, 0.2), (
            shared.min_units, shared.desired_units, shared.max_units))
        self.assertEqual(64, shared.uncapped_weight)
        self.assertEqual(0, shared.pool_id)

    def test_options(self):
        self.flags(group='powervm', proc_units_factor=0.5,
                   uncapped_proc_weight=7)
        shared = self.build(vcpus=3).proc_config.shared_proc_cfg
        self.assertEqual(1.5, shared.desired_units)
        self.assertEqual(7, shared.uncapped_weight)

    def test_name(self):
        self.flags(instance_name_template='%(display_name)s')
        instance = base.make_instance(display_name='[ä] ' + 30 * 'x')
        self.assertEqual('___ ' + 13 * 'x' + '-qaaaaaaaaaaac',
                         self.build(instance=instance).name)

    def test_other_namespaces(self):
        host = types.SimpleNamespace(adapter=None, system=System())
        instance = base.make_instance()
        instance.flavor.extra_specs = {'hw:numa_nodes': '2', 'quota': 'x'}
        flavor.build_lpar(host, instance)

    def test_ibmi(self):
        instance = base.make_instance(
            system_metadata={'image_os_distro': 'IBMi'})
        lpar = self.build(instance=instance)
        self.assertEqual('OS400', lpar.env)
        self.assertEqual('HMC', lpar.io_config.tagged_io.console)
        self.assertTrue(lpar.restrictedio)

    def test_host_without_srr(self):
        lpar = self.build(System(['simplified_remote_restart_capable']),
                          srr_capability='true')
        self.assertFalse(lpar.srr_enabled)

    def test_what_only_pypowervm_knows(self):
        system = System(proc_compat_modes=('POWER8',))
        exc = self.assertRaises(exception.InvalidFlavor, self.build, system)
        self.assertIn("Value 'default' is not valid", str(exc))


class UnknownTest(FlavorTestCase):

    def test_unknown(self):
        self.refuse_spec('storage_connectivity_group', 'x',
                         'there is no such extra spec')

    def test_every_spec_is_in_the_api(self):
        self.assertEqual({validator.name.split(':')[1]
                          for validator in extra_specs.register()},
                         set(flavor.EXTRA_SPECS))


class MemoryTest(FlavorTestCase):

    def test_bounds(self):
        memory = self.build(min_mem='512', max_mem='2048').mem_config
        self.assertEqual((512, 1024, 2048),
                         (memory.min, memory.desired, memory.max))

    def test_not_whole_blocks(self):
        reason = 'memory comes in logical memory blocks of 256 MB on this host'
        self.refuse('memory_mb', 1000, reason, memory_mb=1000)
        self.refuse('memory_mb', 128, reason, memory_mb=128)
        self.refuse_spec('min_mem', '500', reason)
        self.refuse_spec('max_mem', '1300', reason)

    def test_below_the_least(self):
        self.refuse('memory_mb', 64, 'it must be at least 128', memory_mb=64,
                    system=System(memory_region_size=16))
        self.refuse_spec('min_mem', '64', 'it must be at least 128')

    def test_bounds_exclude_the_memory(self):
        self.refuse_spec('min_mem', '2048', 'the server has 1024')
        self.refuse_spec('max_mem', '512', 'the server has 1024')

    def test_no_numbers(self):
        for value in ('', 'much', '1.5', '1024MB'):
            self.refuse_spec('max_mem', value, 'it is not an integer')

    def test_ppt_ratio(self):
        # source: pypowervm.utils.lpar_builder.ALLOWED_PPT_RATIOS
        for number, ratio in enumerate(('1:64', '1:128', '1:256', '1:512',
                                        '1:1024', '1:2048', '1:4096')):
            self.assertEqual(number, self.build(
                ppt_ratio=ratio).mem_config.ppt_ratio)

    def test_no_ppt_ratio(self):
        self.refuse_spec('ppt_ratio', '1:3', 'it must be one of: 1:64, '
                         '1:128, 1:256, 1:512, 1:1024, 1:2048, 1:4096')


class SharedProcessorsTest(FlavorTestCase):

    def shared(self, **kwargs):
        return self.build(**kwargs).proc_config.shared_proc_cfg

    def test_bounds(self):
        shared = self.shared(min_vcpu='1', max_vcpu='4', proc_units='0.5',
                             min_proc_units='.1', max_proc_units='4')
        self.assertEqual((1, 2, 4), (
            shared.min_virtual, shared.desired_virtual, shared.max_virtual))
        self.assertEqual((0.1, 0.5, 4.0), (
            shared.min_units, shared.desired_units, shared.max_units))

    def test_default_units_keep_to_their_bounds(self):
        self.assertEqual(0.4, self.shared(min_proc_units='0.4').desired_units)
        self.assertEqual(0.1, self.shared(max_proc_units='0.1').desired_units)

    def assert_sound(self, shared):
        """Units suit processors, at both ends too (HSCL1562 if not)."""
        for units, processors in (
                (shared.min_units, shared.min_virtual),
                (shared.desired_units, shared.desired_virtual),
                (shared.max_units, shared.max_virtual)):
            self.assertTrue(0.05 * processors - 1e-6 <= units <= processors,
                            (units, processors))

    def test_units_that_no_spec_names_suit_the_processors(self):
        for specs, units in (
                ({'max_vcpu': '8'}, (0.2, 0.2, 0.4)),
                ({'max_vcpu': '3'}, (0.2, 0.2, 0.2)),
                ({'max_vcpu': '80', 'proc_units': '2'}, (2, 2, 4)),
                ({'min_vcpu': '1', 'proc_units': '2'}, (1, 2, 2)),
                ({'min_vcpu': '1', 'max_vcpu': '80',
                  'min_proc_units': '0.05'}, (0.05, 0.2, 4))):
            shared = self.shared(**specs)
            self.assertEqual(units, (
                shared.min_units, shared.desired_units, shared.max_units))
            self.assert_sound(shared)

    def test_least_units_of_the_host(self):
        """proc_units_factor may say less than what the host needs."""
        self.flags(group='powervm', proc_units_factor=0.05)
        shared = self.shared(system=System(min_proc_units=0.1))
        self.assertEqual(0.2, shared.desired_units)

    def test_units_that_do_not_suit_the_processors(self):
        reason = 'with %d VCPUs (powervm:%s) it must be %s to %d'
        for name, value, vcpus, of, least, others in (
                ('max_proc_units', '2.5', 2, 'max_vcpu', 0.1, {}),
                ('max_proc_units', '0.3', 8, 'max_vcpu', 0.4,
                 {'max_vcpu': '8'}),
                ('max_proc_units', '8.5', 8, 'max_vcpu', 0.4,
                 {'max_vcpu': '8'}),
                ('min_proc_units', '0.05', 2, 'min_vcpu', 0.1, {}),
                ('min_proc_units', '1.5', 1, 'min_vcpu', 0.05,
                 {'min_vcpu': '1', 'proc_units': '2'}),
                ('min_proc_units', '2.5', 2, 'min_vcpu', 0.1, {}),
                ('max_proc_units', '0.05', 2, 'max_vcpu', 0.1, {})):
            self.refuse_spec(name, value, reason % (vcpus, of, least, vcpus),
                             **others)

    def test_capped(self):
        config = self.build(uncapped='No').proc_config
        self.assertEqual('capped', config.sharing_mode)

    def test_weight(self):
        self.assertEqual(200, self.shared(
            shared_weight='200', uncapped='y').uncapped_weight)

    def test_bad_values(self):
        for name, value, reason in (
                ('proc_units', 'half', 'it is not a number'),
                ('proc_units', 'nan', 'it must be at least 0.05'),
                ('proc_units', '0.01', 'it must be at least 0.05'),
                ('proc_units', '0.06', 'with 2 VCPUs it must be 0.1 to 2'),
                ('proc_units', '2.5', 'with 2 VCPUs it must be 0.1 to 2'),
                ('min_proc_units', '0.5', 'the server has 0.3'),
                ('max_proc_units', '0.2', 'the server has 0.3'),
                ('min_vcpu', '0', 'it must be at least 1'),
                ('min_vcpu', '3', 'the server has 2'),
                ('max_vcpu', '1', 'the server has 2'),
                ('max_vcpu', '81', 'it is at most 80 on this host'),
                ('shared_weight', '256', 'it must be 0 to 255'),
                ('shared_weight', '-1', 'it must be 0 to 255'),
                ('uncapped', 'perhaps', 'it must be true or false'),
                ('dedicated_proc', 'maybe', 'it must be true or false')):
            others = {} if name == 'proc_units' else {'proc_units': '0.3'}
            self.refuse_spec(name, value, reason, **others)

    def test_too_many(self):
        self.refuse('vcpus', 65, 'a partition of this host has at most 64',
                    vcpus=65)

    def test_limits_that_the_host_does_not_tell(self):
        self.build(System(max_vcpus_per_aix_linux_lpar=0,
                          max_sys_vcpus_limit=0), vcpus=65, max_vcpu='99')


class DedicatedProcessorsTest(FlavorTestCase):

    def test_default_mode(self):
        config = self.build(dedicated_proc='true', max_vcpu='4').proc_config
        self.assertTrue(config.has_dedicated)
        self.assertEqual('sre idle proces', config.sharing_mode)
        dedicated = config.dedicated_proc_cfg
        self.assertEqual((2, 2, 4), (
            dedicated.min, dedicated.desired, dedicated.max))

    def test_modes(self):
        for value, mode in (
                ('share_idle_procs', 'sre idle proces'),
                ('keep_idle_procs', 'keep idle procs'),
                ('share_idle_procs_active', 'sre idle procs active'),
                ('Share_Idle_Procs_Always', 'sre idle procs always')):
            config = self.build(dedicated_sharing_mode=value).proc_config
            self.assertTrue(config.has_dedicated)
            self.assertEqual(mode, config.sharing_mode)

    def test_no_mode(self):
        self.refuse_spec(
            'dedicated_sharing_mode', 'share', 'it must be one of: '
            'share_idle_procs, keep_idle_procs, share_idle_procs_active, '
            'share_idle_procs_always')

    def test_contradictions(self):
        self.refuse_spec('dedicated_sharing_mode', 'keep_idle_procs',
                         'the processors are shared because of '
                         'powervm:dedicated_proc', dedicated_proc='false')
        self.refuse_spec('dedicated_sharing_mode', 'keep_idle_procs',
                         'the processors are shared because of '
                         'powervm:shared_weight', shared_weight='3')
        self.refuse_spec('uncapped', 'false', 'the processors are dedicated',
                         dedicated_proc='yes')

    def test_no_effect(self):
        config = self.build(dedicated_proc='yes', proc_units='0.5',
                            shared_weight='3').proc_config
        self.assertTrue(config.has_dedicated)
        self.assertIn('these extra specs have no effect: '
                      'powervm:proc_units, powervm:shared_weight',
                      self.logger.output)

    def test_limits(self):
        self.refuse('vcpus', 33, 'a partition of this host has at most 32',
                    vcpus=33, dedicated_proc='true')
        self.refuse_spec('max_vcpu', '41', 'it is at most 40 on this host',
                         dedicated_proc='true')


class PolicyTest(FlavorTestCase):
    """hw:cpu_policy of the flavor, or hw_cpu_policy of the image."""

    def build(self, policy=None, image=None, nova=None, **kwargs):
        """Translate a flavor; see FlavorTestCase.build().

        :param nova: dict of further extra specs, with their hw:.
        """
        instance = base.make_instance(system_metadata={
            'image_hw_' + name: value
            for name, value in (image or {}).items()})
        specs = dict(nova or {}, **(
            {'hw:cpu_policy': policy} if policy else {}))
        make = base.make_flavor

        def make_flavor(*args, **extra_specs):
            flavor = make(*args, **extra_specs)
            flavor.extra_specs.update(specs)
            return flavor

        with mock.patch.object(base, 'make_flavor', make_flavor):
            return super().build(instance=instance, **kwargs)

    def test_dedicated(self):
        for kwargs in ({'policy': 'dedicated'},
                       {'image': {'cpu_policy': 'dedicated'}},
                       {'policy': 'dedicated', 'dedicated_proc': 'true'}):
            config = self.build(vcpus=3, **kwargs).proc_config
            self.assertTrue(config.has_dedicated)
            self.assertEqual(3, config.dedicated_proc_cfg.desired)

    def test_sharing_mode(self):
        config = self.build('dedicated', dedicated_sharing_mode=(
            'keep_idle_procs')).proc_config
        self.assertEqual('keep idle procs', config.sharing_mode)

    def test_shared(self):
        for kwargs in ({'policy': 'shared'}, {},
                       {'policy': 'shared', 'dedicated_proc': 'no'},
                       {'image': {'cpu_policy': 'shared'}}):
            self.assertFalse(self.build(**kwargs).proc_config.has_dedicated)

    def test_of_a_version_that_ignored_it(self):
        """Nobody can change the flavor that Nova keeps with a server."""
        for specs in ({'hw:cpu_policy': 'dedicated',
                       'powervm:proc_units': '0.5'},
                      {'hw:cpu_policy': 'dedicated',
                       'hw:cpu_thread_policy': 'require'},
                      {'hw:cpu_policy': 'mixed'}):
            host = types.SimpleNamespace(adapter=None, system=System())
            instance = base.make_instance()
            instance.flavor = base.make_flavor()
            instance.flavor.extra_specs = specs
            self.assertRaises(exception.InvalidFlavor, flavor.build_lpar,
                              host, instance)
            instance.launched_at = timeutils.utcnow()
            self.assertFalse(flavor.build_lpar(
                host, instance).proc_config.has_dedicated)
            other = base.make_flavor()
            other.name = 'other'
            other.extra_specs = specs
            self.assertRaises(exception.InvalidFlavor, flavor.build_lpar,
                              host, instance, other)
            instance.old_flavor = other
            flavor.build_lpar(host, instance, other)

    def test_mixed(self):
        reason = ('the processors of a partition are all shared or all '
                  'dedicated')
        self.refuse('hw:cpu_policy', 'mixed', reason, policy='mixed')
        self.refuse('hw_cpu_policy', 'mixed', reason,
                    image={'cpu_policy': 'mixed'})

    def test_what_powervm_does_not_know(self):
        for name, value in (
                ('cpu_thread_policy', 'isolate'),
                ('cpu_thread_policy', 'require'),
                ('cpu_dedicated_mask', '0'), ('cpu_realtime', 'true'),
                ('cpu_realtime_mask', '^0'),
                ('emulator_threads_policy', 'isolate')):
            self.refuse('hw:' + name, value, 'PowerVM has no such setting',
                        policy='dedicated', nova={'hw:' + name: value})
        self.refuse('hw_cpu_thread_policy', 'isolate',
                    'PowerVM has no such setting', policy='dedicated',
                    image={'cpu_thread_policy': 'isolate'})
        self.build('dedicated', nova={'hw:cpu_thread_policy': 'prefer',
                                      'hw:cpu_realtime': 'false'})

    def test_contradictions_of_dedicated(self):
        for name, value in (('dedicated_proc', 'false'),
                            ('proc_units', '0.5'), ('uncapped', 'true'),
                            ('shared_proc_pool_name', 'DefaultPool')):
            self.refuse_spec(name, value, 'the policy for processors is '
                             'hw:cpu_policy=dedicated',
                             policy='dedicated')
        self.refuse_spec('proc_units', '0.5', 'the policy for processors is '
                         'hw_cpu_policy=dedicated',
                         image={'cpu_policy': 'dedicated'})

    def test_contradictions_of_shared(self):
        reason = 'the policy for processors is hw:cpu_policy=shared'
        self.refuse_spec('dedicated_proc', 'true', reason, policy='shared')
        self.refuse_spec('dedicated_sharing_mode', 'keep_idle_procs', reason,
                         policy='shared')


class CapabilitiesTest(FlavorTestCase):

    def test_plain_attributes(self):
        lpar = self.build(availability_priority='7', enable_lpar_metric='T',
                          srr_capability='n', secure_boot='2')
        self.assertEqual(7, lpar.avail_priority)
        self.assertTrue(lpar.allow_perf_data_collection)
        self.assertFalse(lpar.srr_enabled)
        self.assertEqual(2, lpar.pending_secure_boot)

    def test_compatibility(self):
        for value, mode in (('power8', 'POWER8'), ('POWER6+', 'POWER6_Plus'),
                            ('POWER9_Base', 'POWER9_Base'),
                            ('default', 'default')):
            self.assertEqual(mode, self.build(
                processor_compatibility=value).pending_proc_compat_mode)

    def test_no_compatibility(self):
        # pypowervm does not know POWER42.
        for value in ('POWER9', 'POWER42', 'x86'):
            self.refuse_spec(
                'processor_compatibility', value, 'this host has: default, '
                'POWER6, POWER6_Plus, POWER7, POWER8, POWER9_Base, POWER10')

    def test_bad_values(self):
        for name, value, reason in (
                ('availability_priority', '256', 'it must be 0 to 255'),
                ('availability_priority', 'high', 'it is not an integer'),
                ('enable_lpar_metric', '2', 'it must be true or false'),
                ('srr_capability', '', 'it must be true or false'),
                ('secure_boot', '10', 'it must be 0 to 9'),
                ('enforce_affinity_check', 'x', 'it must be true or false')):
            self.refuse_spec(name, value, reason)

    def test_secure_boot(self):
        incapable = System(['partition_secure_boot_capable'])
        self.build(incapable, secure_boot='0')
        self.refuse_spec('secure_boot', '1', 'the host has none',
                         system=incapable)
        ibmi = base.make_instance(
            system_metadata={'image_os_distro': 'ibmi'})
        self.refuse_spec('secure_boot', '1', 'IBM i has none', instance=ibmi)

    def test_host_cannot(self):
        self.refuse_spec(
            'ppt_ratio', '1:64',
            'the host is not physical_page_table_ratio_capable',
            system=System(['physical_page_table_ratio_capable']))
        self.refuse_spec(
            'enforce_affinity_check', 'true',
            'the host is not affinity_check_capable',
            system=System(['affinity_check_capable']))
        self.build(System(['affinity_check_capable']),
                   enforce_affinity_check='false')

    def test_evacuated_server_goes_without(self):
        instance = base.make_instance(
            task_state=task_states.REBUILD_SPAWNING)
        lpar = self.build(
            System(['physical_page_table_ratio_capable',
                    'affinity_check_capable']), instance=instance,
            ppt_ratio='1:64', enforce_affinity_check='true')
        self.assertIsNone(lpar.mem_config.ppt_ratio)
        self.assertIn('the server continues without powervm:ppt_ratio',
                      self.logger.output)


class ChangeTest(FlavorTestCase):
    """From one flavor to another, and back."""

    # Every setting that a flavor can have of which a partition has one.
    SPECS = {'availability_priority': '5', 'enable_lpar_metric': 'true',
             'processor_compatibility': 'POWER8', 'srr_capability': 'false',
             'secure_boot': '2', 'ppt_ratio': '1:64', 'min_mem': '512',
             'max_vcpu': '8', 'proc_units': '0.5', 'shared_weight': '200'}

    def setUp(self):
        super().setUp()
        self.host = types.SimpleNamespace(
            adapter=None, system=System(default_ppt_ratio=4))
        self.instance = base.make_instance()

    def make(self, **specs):
        made = base.make_flavor(**specs)
        return made, flavor.build_lpar(self.host, self.instance, made)

    def test_policy_of_the_image(self):
        """A version that ignored it had the server share processors."""
        old, lpar_w = self.make()
        self.instance.system_metadata['image_hw_cpu_policy'] = 'dedicated'
        self.change(lpar_w, old, base.make_flavor(vcpus=3))
        self.assertTrue(lpar_w.proc_config.has_dedicated)

    def change(self, lpar_w, old, new):
        flavor.change_lpar(self.host, self.instance, lpar_w, old, new)

    @staticmethod
    def describe(lpar_w):
        shared = lpar_w.proc_config.shared_proc_cfg
        memory = lpar_w.mem_config
        return {
            'memory': (memory.min, memory.desired, memory.max,
                       memory.ppt_ratio, memory.exp_factor),
            'processors': shared and (
                shared.min_virtual, shared.desired_virtual,
                shared.max_virtual, shared.min_units, shared.desired_units,
                shared.max_units, shared.pool_id, shared.uncapped_weight),
            'dedicated': lpar_w.proc_config.has_dedicated,
            'mode': lpar_w.proc_config.sharing_mode,
            'priority': lpar_w.avail_priority,
            'metrics': lpar_w.allow_perf_data_collection,
            'compatibility': lpar_w.pending_proc_compat_mode,
            'remote_restart': lpar_w.srr_enabled,
            'secure_boot': lpar_w.pending_secure_boot,
            'name': lpar_w.name,
            'slots': lpar_w.io_config.max_virtual_slots,
        }

    def test_becomes_what_the_flavor_makes(self):
        for specs in (self.SPECS, {'dedicated_proc': 'true'}):
            plain, lpar_w = self.make()
            special, wanted_w = self.make(memory_mb=2048, vcpus=4, **specs)
            self.change(lpar_w, plain, special)
            self.assertEqual(self.describe(wanted_w), self.describe(lpar_w))

    def test_back_again(self):
        for specs in (self.SPECS, {'dedicated_proc': 'true'}):
            plain, lpar_w = self.make()
            # The platform tells it of every partition.
            lpar_w.mem_config.ppt_ratio = 4
            before = self.describe(lpar_w)
            special, _lpar_w = self.make(memory_mb=2048, vcpus=4, **specs)
            self.change(lpar_w, plain, special)
            self.assertNotEqual(before, self.describe(lpar_w))
            self.change(lpar_w, special, plain)
            self.assertEqual(before, self.describe(lpar_w))

    def test_what_no_flavor_names_stays(self):
        plain, lpar_w = self.make()
        lpar_w.name = 'renamed'
        lpar_w.io_config.max_virtual_slots = 200
        lpar_w.avail_priority = 9
        lpar_w.proc_compat_mode = 'POWER9'
        lpar_w.srr_enabled = False
        lpar_w.proc_config.shared_proc_cfg.pool_id = 3
        lpar_w.mem_config.exp_factor = 1.5
        lpar_w.mem_config.ppt_ratio = 2
        before = self.describe(lpar_w)
        large, _lpar_w = self.make(memory_mb=4096)
        self.change(lpar_w, plain, large)
        after = self.describe(lpar_w)
        self.assertEqual((4096, 4096, 4096, 2, 1.5), after.pop('memory'))
        del before['memory']
        self.assertEqual(before, after)

    def test_incapable_host_is_not_told(self):
        """It may refuse a document with what it does not know."""
        self.host.system = System(
            ['simplified_remote_restart_capable',
             'partition_secure_boot_capable'], default_ppt_ratio=6)
        plain, lpar_w = self.make()
        more, _lpar_w = self.make(memory_mb=2048, srr_capability='true')
        self.change(lpar_w, plain, more)
        text = lpar_w.toxmlstring().decode()
        self.assertNotIn('SimplifiedRemoteRestartCapable', text)
        self.assertNotIn('SecureBoot', text)

    def test_bad_flavor_changes_nothing(self):
        plain, lpar_w = self.make()
        before = self.describe(lpar_w)
        self.assertRaises(exception.InvalidFlavor, self.change, lpar_w, plain,
                          base.make_flavor(proc_units='7'))
        self.assertEqual(before, self.describe(lpar_w))


class PoolTest(base.SimulatedHostTestCase):
    """The one thing that is to be asked the platform."""

    def setUp(self):
        super().setUp()
        self.host = self.connect()

    def build(self, name):
        return flavor.build_lpar(self.host, base.make_instance(
            flavor=base.make_flavor(shared_proc_pool_name=name)))

    def add_pool(self, pool_id, name):
        with self.site.lock:
            self.simulated.add(processor_pool.SharedProcessorPool(
                self.simulated, self.simulated.new_uuid('pool', pool_id),
                pool_id, name, maximum=8.0))

    def test_default(self):
        lpar = self.build('DefaultPool')
        self.assertEqual(0, lpar.proc_config.shared_proc_cfg.pool_id)
        self.assertEqual([], self.requests())

    def test_named(self):
        self.add_pool(3, 'gold')
        lpar = self.build('gold')
        self.assertEqual(3, lpar.proc_config.shared_proc_cfg.pool_id)
        self.assertEqual(['GET ManagedSystem/SharedProcessorPool'],
                         self.requests())

    def test_ambiguous(self):
        self.add_pool(3, 'gold')
        self.add_pool(4, 'gold')
        exc = self.assertRaises(exception.InvalidFlavor, self.build, 'gold')
        self.assertIn('this host has 2 pools of that name', str(exc))

    def test_not_there(self):
        exc = self.assertRaises(exception.InvalidFlavor, self.build, 'none')
        self.assertIn('powervm:shared_proc_pool_name=none cannot be used: '
                      'this host has 0 pools of that name', str(exc))
        self.assertEqual(['GET ManagedSystem/SharedProcessorPool'],
                         self.requests())

    def test_no_answer(self):
        self.fail_request(path='Pool', effect='status', status=500)
        self.assertRaises(pvm_exc.HttpError, self.build, 'gold')
