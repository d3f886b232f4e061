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

"""The DevStack plugin, run by bash with stubs of DevStack's functions.

Tests that may not load Nova use this, too.
"""

import configparser
import os
import subprocess

import fixtures
import testtools

from nova_powervm.tests import tree

PLUGIN = tree.path('devstack')

#: What DevStack brings along, reduced to what can be seen of it here.
STUBS = r"""
set -eu
NOVA_CONF=$TOP/nova.conf
CINDER_CONF=$TOP/cinder.conf
# This name has no slash in front.
Q_PLUGIN_CONF_FILE=${TOP#/}/ml2_conf.ini
DEST=$TOP DATA_DIR=$TOP/data STACK_USER=stack
mkdir -p "$DATA_DIR"
iniset() { printf '[%s]\n%s = %s\n' "$2" "$3" "$4" >> "$1"; }
iniget() {
    awk -v group="[$2]" -v option="$3" '
        /^\[/ { inside = $0 == group }
        inside && $1 == option { sub(/^[^=]*= */, ""); value = $0 }
        END { print value }' "$1"
}
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
hostname() { echo power1; }
openstack() { echo "openstack $*"; }
ENABLED=${ENABLED:-n-cpu}
source "$PLUGIN/override-defaults"
: "${CINDER_ENABLED_BACKENDS:=lvm:lvmdriver-1}"
source "$PLUGIN/settings"
# From DevStack's lib/cinder.
configure_cinder() {
    local be names=""
    for be in ${CINDER_ENABLED_BACKENDS//,/ }; do
        if type "configure_cinder_backend_${be%%:*}" >/dev/null 2>&1; then
            "configure_cinder_backend_${be%%:*}" "${be##*:}"
        fi
        names+=${names:+,}${be##*:}
    done
    iniset "$CINDER_CONF" DEFAULT enabled_backends "$names"
}
"""

#: What DevStack writes for ML2 before the plugin does, as far as it matters.
ML2_CONF = """\
[ml2]
mechanism_drivers = %s
type_drivers = local,flat,vlan,geneve,vxlan
tenant_network_types = vxlan
extension_drivers = port_security
[ml2_type_vxlan]
vni_ranges = 1:1000
[securitygroup]
firewall_driver = iptables_hybrid
"""


class PluginCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.top = self.useFixture(fixtures.TempDir()).path

    def run_plugin(self, *phases, status=0, drivers='ovn', **variables):
        """Run phases of the plugin, in one shell; return what it said.

        :param phases: str, the arguments of the plugin; 'configure_cinder'
            is DevStack's function
        :param drivers: str, the mechanism drivers of ML2 before
        """
        with open(os.path.join(self.top, 'ml2_conf.ini'), 'w') as out:
            out.write(ML2_CONF % drivers)
        script = STUBS + ''.join(
            phase + '\n' if phase == 'configure_cinder' else
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
        return self._parse('nova.conf')

    def cinder_conf(self):
        """What DevStack has the plugin write: {group: {option: value}}."""
        return self._parse('cinder.conf')

    def ml2_conf(self):
        """What DevStack and the plugin have written for ML2."""
        return self._parse('ml2_conf.ini')

    def _parse(self, name):
        parser = configparser.ConfigParser(strict=False,
                                           default_section=None)
        parser.read(os.path.join(self.top, name))
        return {group: dict(parser[group]) for group in parser.sections()}
