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


"""The DevStack plugin, run by bash with stubs of DevStack's functions."""

import configparser
import os
import re
import subprocess

import fixtures
import nova.conf
import testtools

from nova_powervm.conf import powervm as conf
from nova_powervm.tests import tree

CONF = nova.conf.CONF
PLUGIN = tree.path('devstack')

#: What DevStack brings along, reduced to what can be seen of it here.
STUBS = r"""
set -eu
NOVA_CONF=$TOP/nova.conf
DEST=$TOP DATA_DIR=$TOP/data STACK_USER=stack
mkdir -p "$DATA_DIR"
iniset() { printf '[%s]\n%s = %s\n' "$2" "$3" "$4" >> "$1"; }
trueorfalse() { echo "${!2:-$1}"; }
is_service_enabled() { [[ " $ENABLED " == *" $1 "* ]]; }
enable_service() { ENABLED+=" $1"; echo "enable_service $*"; }
setup_develop() { echo "setup_develop $*"; }
get_python_exec_prefix() { echo /opt/stack/bin; }
run_process() {
    echo "run_process $*"
    if [[ -z "${BROKEN:-}" ]]; then
        echo '{"hosts": [{"management_root": "/sim/root"}]}' \
            > "$POWERVM_SIMULATOR_READY_FILE"
    fi
}
stop_process() { echo "stop_process $*"; }
timeout() { shift; [[ -z "${BROKEN:-}" ]] && "$@"; }
die() { shift; echo "die $*"; exit 1; }
getent() { [[ -n "${NOVALINK:-}" ]]; }
id() { echo "stack ${GROUPS_OF_STACK:-}"; }
ENABLED=${ENABLED:-n-cpu}
source "$PLUGIN/override-defaults"
source "$PLUGIN/settings"
"""


class DevStackTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.top = self.useFixture(fixtures.TempDir()).path

    def run_plugin(self, *phases, status=0, **variables):
        """Run phases of the plugin, in one shell; return what it said."""
        script = STUBS + ''.join(
            'source "$PLUGIN/plugin.sh" %s\n' % phase for phase in phases)
        done = subprocess.run(
            ['bash', '-c', script], capture_output=True, text=True,
            env={'PATH': os.environ['PATH'], 'TOP': self.top,
                 'PLUGIN': PLUGIN, **variables})
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertEqual('', done.stderr)
        return done.stdout.splitlines()

    def nova_conf(self):
        """What the plugin has written: {group: {option: value}}."""
        parser = configparser.ConfigParser(strict=False,
                                           default_section=None)
        parser.read(os.path.join(self.top, 'nova.conf'))
        return {group: dict(parser[group]) for group in parser.sections()}

    def test_on_novalink(self):
        said = self.run_plugin(
            'stack pre-install', 'stack install', 'stack post-config',
            'stack extra', 'unstack', NOVALINK='1',
            GROUPS_OF_STACK='pvm_admin', POWERVM_VOLUME_GROUP='datavg',
            POWERVM_VOLUME_GROUP_VIOS='vios2')
        self.assertEqual(['setup_develop %s/nova-powervm' % self.top], said)
        self.assertEqual(
            {'DEFAULT': {
                'compute_driver': 'powervm_ext.driver.PowerVMDriver'},
             'powervm': {
                 'disk_driver': 'localdisk', 'volume_group_name': 'datavg',
                 'volume_group_vios_name': 'vios2',
                 'proc_units_factor': '0.1', 'fc_attach_strategy': 'vscsi'}},
            self.nova_conf())

    def test_shared_pool(self):
        self.run_plugin('stack post-config', POWERVM_DISK_DRIVER='ssp',
                        POWERVM_CLUSTER='cluster1')
        written = self.nova_conf()['powervm']
        self.assertEqual(('ssp', 'cluster1'),
                         (written['disk_driver'], written['cluster_name']))
        self.assertNotIn('volume_group_name', written)
        self.assertNotIn('volume_group_vios_name', written)

    def test_not_a_novalink_partition(self):
        [said] = self.run_plugin('stack pre-install', status=1)
        self.assertIn('POWERVM_SIMULATED=True', said)

    def test_user_may_not_log_on(self):
        [said] = self.run_plugin('stack pre-install', status=1, NOVALINK='1',
                                 GROUPS_OF_STACK='libvirt pvm_admins')
        self.assertIn('usermod -aG pvm_admin stack', said)

    def test_simulated(self):
        said = self.run_plugin(
            'stack pre-install', 'stack install', 'stack post-config',
            'unstack', POWERVM_SIMULATED='True')
        self.assertEqual([
            'enable_service powervm-simulator',
            'setup_develop %s/nova-powervm' % self.top,
            'run_process powervm-simulator /opt/stack/bin/powervm-simulator '
            '--profile default --data-dir %(data)s --ready-file '
            '%(data)s.ready.json' % {
                'data': self.top + '/data/powervm-simulator'},
            'stop_process powervm-simulator'], said)
        written = self.nova_conf()['powervm']
        self.assertEqual(('datavg', 'vios1', '/sim/root'), (
            written['volume_group_name'], written['volume_group_vios_name'],
            written['management_root']))

    def test_simulator_does_not_start(self):
        said = self.run_plugin('stack post-config', status=1,
                               POWERVM_SIMULATED='True', BROKEN='1')
        self.assertIn('journalctl', said[-1])

    def test_clean(self):
        self.run_plugin('stack post-config', 'clean',
                        POWERVM_SIMULATED='True')
        self.assertEqual([], os.listdir(os.path.join(self.top, 'data')))

    def test_without_nova_compute(self):
        said = self.run_plugin('stack install', 'stack post-config',
                               ENABLED='n-api')
        self.assertEqual([], said)
        self.assertEqual({}, self.nova_conf())

    def test_options_exist(self):
        """Nova's and ours of today, not those of 2019."""
        with open(os.path.join(PLUGIN, 'plugin.sh')) as plugin:
            options = re.findall(r'iniset "\$NOVA_CONF" (\w+) (\w+)',
                                 plugin.read())
        self.assertIn(('powervm', 'disk_driver'), options)
        conf.register_opts(CONF)
        for group, option in options:
            where = CONF if group == 'DEFAULT' else CONF[group]
            self.assertIn(option, where)

    def test_samples_set_what_the_settings_know(self):
        with open(os.path.join(PLUGIN, 'settings')) as settings:
            known = set(re.findall(r'^(POWERVM_\w+)=', settings.read(),
                                   re.MULTILINE))
        for name in ('local.conf.simulated', 'local.conf.novalink'):
            with open(os.path.join(PLUGIN, name)) as sample:
                used = set(re.findall(r'^(?:# )?(POWERVM_\w+)=',
                                      sample.read(), re.MULTILINE))
            self.assertTrue(used)
            self.assertEqual(set(), used - known)
