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

"""The support matrix says what the driver and the tests say."""

import ast
import configparser
import functools
import os
import re
import unittest
from unittest import mock

from nova.virt import driver as virt_driver

from nova_powervm.neutron import mech_driver
from nova_powervm.tests import tree
from nova_powervm.tests.virt.powervm import contract
from nova_powervm.virt.powervm import driver

MATRIX = tree.path('doc', 'source', 'user', 'support-matrix.ini')
FUNCTIONAL = 'nova_powervm.tests.functional'
SCENARIOS = 'nova_powervm.tests.virt.powervm.scenarios'
#: What a test of each package is derived from.
CASES = {FUNCTIONAL: 'base.PowerVMTestCase', SCENARIOS: 'base.ScenarioCase'}
SHOWN = ('complete', 'partial')

# What a class of functional tests is derived from if its servers have their
# disks there; none of these: in a volume group.
PLATFORMS = {'files': 'platforms.FilePool', 'ssp': 'platforms.SharedPool'}

# Feature -> methods of Nova's ComputeDriver without which it cannot be.
METHODS = {
    'attach-volume': ('attach_volume', 'get_volume_connector'),
    'detach-volume': ('detach_volume',),
    'extend-volume': ('extend_volume',),
    'attach-interface': ('attach_interface', 'plug_vifs'),
    'detach-interface': ('detach_interface', 'unplug_vifs'),
    'maintenance-mode': ('host_maintenance_mode',),
    'host-power': ('host_power_action',),
    'diagnostics': ('get_diagnostics', 'get_instance_diagnostics'),
    'volume-usage': ('get_all_volume_usage', 'block_stats'),
    'assisted-volume-snapshot': ('volume_snapshot_create',
                                 'volume_snapshot_delete'),
    'shares': ('mount_share', 'umount_share', 'is_share_mounted'),
    'evacuate': ('instance_on_disk', 'rebuild'),
    'get-guest-info': ('get_info',),
    'get-host-uptime': ('get_host_uptime',),
    'get-host-ip': ('get_host_ip_addr',),
    'live-migrate': ('live_migration', 'pre_live_migration'),
    'force-live-migration-to-complete': ('live_migration_force_complete',),
    'abort-in-progress-live-migration': ('live_migration_abort',),
    'launch': ('spawn',),
    'pause': ('pause',),
    'reboot': ('reboot',),
    'rescue': ('rescue', 'unrescue'),
    'resize': ('migrate_disk_and_power_off', 'finish_migration',
               'confirm_migration', 'finish_revert_migration'),
    'resume': ('resume',),
    'set-admin-password': ('set_admin_password',),
    'snapshot': ('snapshot',),
    'suspend': ('suspend',),
    'swap-volume': ('swap_volume',),
    'terminate': ('destroy', 'cleanup'),
    'trigger-crash-dump': ('trigger_crash_dump',),
    'unpause': ('unpause',),
    'guest.setup.inject.networking': ('inject_network_info',),
    'console.serial.log': ('get_console_output',),
    'console.serial.interactive': ('get_serial_console',),
    'console.spice': ('get_spice_console',),
    'console.mks': ('get_mks_console',),
    'console.vnc': ('get_vnc_console',),
    'quiesce': ('quiesce',),
    'unquiesce': ('unquiesce',),
    'report-cpu-traits': ('update_provider_tree',),
    'cache-images': ('cache_image', 'manage_image_cache'),
}

# Feature -> the capability that tells Nova of it.
CAPABILITIES = {
    'attach-tagged-volume': 'supports_tagged_attach_volume',
    'extend-volume': 'supports_extend_volume',
    'attach-interface': 'supports_attach_interface',
    'attach-tagged-interface': 'supports_tagged_attach_interface',
    'evacuate': 'supports_evacuate',
    'storage.image': 'supports_image_type_raw',
    'uefi-boot': 'supports_secure_boot',
    'device-tags': 'supports_device_tagging',
    'multiattach-volume': 'supports_multiattach',
    'trusted-certs': 'supports_trusted_certs',
    'file-backed-memory': 'supports_mem_backing_file',
    'port-with-resource-request': 'supports_remote_managed_ports',
    'boot-emulated-tpm': 'supports_vtpm',
}


def path_of(package, module):
    return tree.path(*package.split('.'), module + '.py')


@functools.lru_cache
def classes_of(package, module):
    """Classes of a module of tests, by name; not imported.

    An import would change how all of Nova runs in this process.

    :returns: dict of (names of bases, names of methods)
    """
    with open(path_of(package, module)) as source:
        parsed = ast.parse(source.read())
    return {node.name: ([ast.unparse(base) for base in node.bases],
                        {item.name for item in node.body
                         if isinstance(item, ast.FunctionDef)})
            for node in parsed.body if isinstance(node, ast.ClassDef)}


def lineage(package, module, name):
    """Yield ('module.Class', methods) of a class and of its bases."""
    bases, methods = classes_of(package, module)[name]
    yield '%s.%s' % (module, name), methods
    for base in bases:
        where, _dot, what = base.rpartition('.')
        where = where or module
        # Scenarios have some of their bases from the functional tests.
        for other in (package, FUNCTIONAL):
            if os.path.exists(path_of(other, where)):
                yield from lineage(other, where, what)
                break


@tree.needs_source
class SupportMatrixTest(unittest.TestCase):

    #: Why a method is not built, if users do not see that.
    UNSEEN = (contract.BY_DEFAULT, contract.NO_DISK_COPIES,
              contract.BARE_METAL)

    def setUp(self):
        super().setUp()
        # It refuses a section, or a key of one, that is there twice.
        self.ini = configparser.ConfigParser(interpolation=None)
        with open(MATRIX) as source:
            self.ini.read_file(source)
        self.columns = {name[len('driver.'):] for name in self.ini.sections()
                        if name.startswith('driver.')}
        self.features = {
            name[len('operation.'):]: self.ini[name]
            for name in self.ini.sections() if name.startswith('operation.')}

    def statuses(self, feature):
        """{column: status} of a feature."""
        return {column: self.features[feature]['driver.' + column]
                for column in self.columns}

    def named(self, feature):
        """{column, or None for all of them: names of tests}."""
        return {key.partition('.')[2] or None: value.split()
                for key, value in self.features[feature].items()
                if key.partition('.')[0] == 'tests'}

    def test_form(self):
        self.assertEqual({'vg', 'files', 'ssp'}, self.columns)
        self.assertTrue(self.features)
        self.assertEqual(
            set(self.ini.sections()),
            {'driver.' + column for column in self.columns} |
            {'operation.' + feature for feature in self.features})
        keys = {'title', 'status', 'notes', 'cli', 'tests'}
        for prefix in ('driver.', 'driver-notes.', 'tests.'):
            keys |= {prefix + column for column in self.columns}
        for feature, section in self.features.items():
            with self.subTest(feature):
                self.assertLessEqual(set(section), keys)
                self.assertLessEqual(
                    set(self.statuses(feature).values()),
                    {'complete', 'partial', 'missing', 'unknown'})

    def test_each_claim_names_tests(self):
        for feature in self.features:
            tests = self.named(feature)
            for column, status in self.statuses(feature).items():
                with self.subTest(feature, column=column):
                    all_of = tests.get(column, []) + tests.get(None, [])
                    self.assertEqual(status in SHOWN, bool(all_of), all_of)

    def test_partial_says_what_is_missing(self):
        for feature, section in self.features.items():
            for column, status in self.statuses(feature).items():
                with self.subTest(feature, column=column):
                    if status == 'partial':
                        self.assertTrue(section.get('notes') or section.get(
                            'driver-notes.' + column))

    def test_tests_exist(self):
        for feature in self.features:
            for column, names in self.named(feature).items():
                for name in names:
                    with self.subTest(feature, test=name):
                        self._check_test(column, name)

    def _check_test(self, column, name):
        package, module, cls, method = name.rsplit('.', 3)
        self.assertIn(package, CASES)
        self.assertTrue(method.startswith('test'))
        family = dict(lineage(package, module, cls))
        self.assertTrue(any(method in methods for methods in family.values()))
        # It is a case, not only a part of one.
        self.assertIn(CASES[package], family)
        if column is not None:
            self.assertEqual({PLATFORMS.get(column)} - {None},
                             set(PLATFORMS.values()) & set(family))

    #: Methods that say no, and why, where Nova's base class says nothing.
    REFUSED = ('quiesce',)

    def test_methods_of_the_driver(self):
        self.assertLessEqual(set(METHODS), set(self.features))
        ours, base = driver.PowerVMDriver, virt_driver.ComputeDriver
        for feature, methods in METHODS.items():
            statuses = self.statuses(feature).values()
            for method in methods:
                with self.subTest(feature, method=method):
                    self.assertEqual(
                        getattr(ours, method) is not getattr(base, method),
                        set(statuses) != {'missing'} or
                        method in self.REFUSED)

    def test_what_is_not_built(self):
        shown = {method for methods in METHODS.values() for method in methods}
        self.assertLessEqual({
            name for name, why in contract.NOT_IMPLEMENTED.items()
            if why not in self.UNSEEN}, shown)

    def test_capabilities_of_the_driver(self):
        self.assertLessEqual(set(CAPABILITIES), set(self.features))
        known = driver.PowerVMDriver(mock.Mock()).capabilities
        for feature, capability in CAPABILITIES.items():
            with self.subTest(feature):
                self.assertEqual(
                    known[capability],
                    set(self.statuses(feature).values()) != {'missing'})

    def test_security_groups(self):
        """The row and Neutron say the same of ports without an agent."""
        self.assertEqual({'partial'}, set(
            self.statuses('security-groups').values()))
        notes = ' '.join(self.features['security-groups']['notes'].split())
        self.assertIn('NOTHING FILTERS PORTS ON A SHARED ETHERNET ADAPTER OR '
                      'ON SR-IOV ADAPTERS.', notes)
        details = mech_driver._details({
            'physical_network': 'prod', 'network_type': 'flat'})
        self.assertIs(False, details['port_filter'])

    def test_rescue_of_servers_that_boot_from_volumes(self):
        self.assertTrue(driver.PowerVMDriver(mock.Mock()).capabilities[
            'supports_bfv_rescue'])
        self.assertEqual({'complete'}, set(self.statuses('rescue').values()))


@tree.needs_source
class HmcTest(unittest.TestCase):
    """What the page says of an HMC is in the matrix, and tests show it."""

    #: Feature -> a test that shows what is missing: folder, module and so on.
    SHOWN_BY = {
        'live-migrate': 'live.test_hmc.ConsoleTest.test_others',
        'evacuate': 'walks.test_hmc.PoolTest.test_evacuation',
        'snapshot': 'walks.test_hmc.PoolTest.test_life',
        'swap-volume': 'walks.test_hmc.VolumesTest.test_life',
        'console.vnc': 'walks.test_hmc.PoolTest.test_consoles',
        'console.serial.interactive': 'walks.test_hmc.PoolTest.test_consoles',
        'console.serial.log': 'walks.test_hmc.PoolTest.test_consoles',
    }

    def setUp(self):
        super().setUp()
        self.ini = configparser.ConfigParser(interpolation=None)
        with open(MATRIX) as source:
            self.ini.read_file(source)
        with open(MATRIX.replace('.ini', '.rst')) as source:
            text = source.read().partition('\nBehind an HMC\n')[2]
        self.rows = dict(re.findall(
            r'^   \* - ([^\n]+)\n     - (missing|partial)$', text, re.M))

    def test_features(self):
        titles = {self.ini['operation.' + feature]['title']
                  for feature in self.SHOWN_BY}
        self.assertEqual(titles, set(self.rows))

    def test_each_is_in_the_columns(self):
        """An HMC never has more than the matrix shows."""
        for feature in self.SHOWN_BY:
            self.assertIn(self.ini['operation.' + feature]['driver.ssp'],
                          SHOWN)

    def test_tests_exist(self):
        for name in self.SHOWN_BY.values():
            folder, module, cls, method = name.split('.')
            package = 'nova_powervm.tests.virt.powervm.' + folder
            self.assertIn(method, classes_of(package, module)[cls][1])
