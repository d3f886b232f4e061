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

"""Tests of the command nova-powervm, on a simulated site."""

import contextlib
import io
import os
import subprocess
import sys

import fixtures
from nova import test as nova_test
from nova.virt import node

from nova_powervm import command
from nova_powervm import conf
from nova_powervm.conf import powervm
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import test_cmd
from nova_powervm.tests import test_docs
from nova_powervm.tests import test_docs_commands
from nova_powervm.tests import tree
from nova_powervm.virt.powervm import short_text

CONF = conf.CONF
READ_UUID = node.read_local_node_uuid


class CheckTest(nova_test.NoDBTestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.addCleanup(self._forget)

    @staticmethod
    def _forget():
        CONF.clear_override('rest_connect_timeout', 'powervm')
        CONF.reset()
        for fabric in 'AB':
            CONF.unregister_opt(powervm.fabric_opt(fabric), group='powervm')

    def start(self, profile='default'):
        self.site = self.useFixture(
            powervm_fixtures.SimulatedSite(profile)).site
        self.host = self.site.hosts[0]

    def check(self, **options):
        """Run the command: (exit status, what it prints)."""
        path = os.path.join(self.folder, 'nova.conf')
        values = dict({
            'rest_host': '127.0.0.1', 'rest_port': self.host.port,
            'rest_protocol': 'http', 'rest_user': self.site.profile['user'],
            'rest_password': self.site.profile['password'],
            'volume_group_name': 'datavg',
            'volume_group_vios_name': 'vios1'}, **options)
        with open(path, 'w') as out:
            out.write('[powervm]\n' + ''.join(
                '%s = %s\n' % item for item in values.items()))
        self.host.journal.clear()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = command.main(['check', '--config-file', path])
        return status, printed.getvalue()

    def assert_bad(self, *words, **options):
        status, said = self.check(**options)
        bad = [line for line in said.splitlines() if line.startswith('BAD: ')]
        self.assertEqual((1, 1), (status, len(bad)), said)
        for word in words:
            self.assertIn(word, bad[0])
        self.assertLessEqual(len(bad[0]), short_text.LIMIT + len('BAD: '))
        self.assertEqual([], self.host.state()['sessions'])
        return said

    def test_good(self):
        self.start()
        before = self.host.state()
        status, said = self.check()
        self.assertEqual(0, status, said)
        for line in (
                'REST server:    http://127.0.0.1:%d (NovaLink)' %
                self.host.port,
                'VIOS:           vios1 (up)', 'volume group datavg of vios1',
                'Config drives:  media repository in volume group rootvg of',
                'Bridge:         ', 'by virtual SCSI, 1 ',
                '0.1 processing units and weight 64'):
            self.assertIn(line, said)
        self.assertNotIn('BAD', said)
        # It has read, and changed nothing.
        self.assertEqual(
            {'GET', 'PUT /rest/api/web/Logon', 'DELETE /rest/api/web/Logon'},
            {'GET' if record['method'] == 'GET' else '%s %s' % (
                record['method'], record['path'])
             for record in self.host.journal.records()})
        self.assertEqual(before, self.host.state())

    @tree.needs_source
    def test_page(self):
        """It prints what the page for operators shows."""
        (_page, _command, shown), = [
            found for found in test_docs_commands.outputs()
            if 'nova-powervm check' in found[1]]
        self.start('live-migration')
        status, said = self.check(rest_host='localhost')
        self.assertEqual((0, shown), (status, said.replace(
            ':%d ' % self.host.port, ':12080 ')))

    def test_pool(self):
        self.start('ssp')
        status, said = self.check(
            disk_driver='ssp', volume_group_name='',
            volume_group_vios_name='')
        self.assertEqual(0, status, said)
        self.assertIn('Disks:          Shared Storage Pool ', said)

    def test_npiv(self):
        self.start('fc')
        status, said = self.check(
            fc_attach_strategy='npiv', fabrics='A,B',
            fabric_A_port_wwpns='10:00:00:90:FA:1B:A1:01',
            fabric_B_port_wwpns='10000090FA1BA102')
        self.assertEqual(0, status, said)
        self.assertIn('NPIV, fabric A: 10000090FA1BA101', said)

    def test_hmc(self):
        self.start('hmc')
        status, said = self.check(
            managed_system=self.host.system.uuid)
        self.assertEqual(0, status, said)
        self.assertIn('(HMC)', said)

    @tree.needs_source
    def test_page_of_the_hmc(self):
        """The simulated HMC is as the page for operators tells."""
        text, = [text for page, text in test_docs.ini_blocks()
                 if page.endswith('hmc.rst') and 'rest_user = neo' in text]
        for variable in ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'):
            self.useFixture(fixtures.EnvironmentVariable(variable))
        started = test_cmd.Command(self, '--profile', 'hmc', '--https').ready
        path = os.path.join(self.folder, 'nova.conf')
        for right, system in ((True, '8286-42A*21184F1'), (False, 'power1')):
            with open(path, 'w') as out:
                out.write(text.replace(
                    '12443', str(started['hosts'][0]['port'])).replace(
                    '/tmp/site', started['data_dir']).replace(
                    '8286-42A*21184F1', system))
            with contextlib.redirect_stdout(io.StringIO()) as said:
                self.assertEqual(0 if right else 1, command.main(
                    ['check', '--config-file', path]), said.getvalue())
            if right:
                self.assertIn('(HMC)', said.getvalue())
                self.assertIn('(%s)' % system, said.getvalue())
            else:
                self.assertIn('8286-42A-SN21184F1', said.getvalue())

    def test_bad_values_are_all_told(self):
        """Without a request."""
        self.start()
        status, said = self.check(proc_units_factor=2, disk_drivr='ssp')
        self.assertEqual(1, status)
        self.assertEqual(
            ['BAD: [powervm] disk_drivr is set, but not known: is it '
             'disk_driver?',
             'BAD: [powervm] proc_units_factor=2 cannot be used: it must be a '
             'number from 0.05 to 1'], said.splitlines())
        self.assertEqual([], self.host.journal.records())

    def test_bad_on_this_site(self):
        self.start()
        for words, options in (
                (['=nosuchvg', 'datavg, rootvg'], {
                    'volume_group_name': 'nosuchvg',
                    'volume_group_vios_name': ''}),
                (['=vios3', 'vios1, vios2'], {
                    'volume_group_vios_name': 'vios3'}),
                (['=rootvg'], {'volume_group_name': 'rootvg'}),
                (['required=9', 'vios1, vios2'], {
                    'vscsi_vios_connections_required': 9}),
                (['=prod:ent9:vios1', 'no network bridge'], {
                    'bridge_mappings': 'prod:ent9:vios1'})):
            said = self.assert_bad(*words, **options)
            # The rest is told nevertheless.
            self.assertIn('Config drives:', said)

    def test_server_does_not_answer(self):
        self.start()
        self.assert_bad('Connection refused', 'rest_port', rest_port=9)

    def test_wrong_password(self):
        self.start()
        self.assert_bad('refused the user', rest_password='wrong')

    def test_upgrade(self):
        # Nova's tests have no file.
        self.stub_out('nova.virt.node.read_local_node_uuid', READ_UUID)
        path = os.path.join(self.folder, 'nova.conf')
        with open(path, 'w') as out:
            out.write('[DEFAULT]\nstate_path = %s\n[powervm]\n'
                      'volume_group_name = datavg\n' % self.folder)
        for identity, status in ((None, 1), ('powervm1', 2)):
            if identity:
                with open(os.path.join(self.folder, 'compute_id'),
                          'w') as out:
                    out.write(identity)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                self.assertEqual(status, command.main(
                    ['upgrade', 'check', '--config-file', path]))
            self.assertIn('Options in [powervm]', printed.getvalue())

    def test_says_nothing_else(self):
        """No warning of a library comes before the answer."""
        for arguments, word in ((['check'], 'volume_group_name'),
                                (['upgrade', 'check'], 'Release of Nova')):
            done = subprocess.run(
                [sys.executable, '-m', 'nova_powervm.command', *arguments,
                 '--config-file', os.devnull], cwd=self.folder,
                env=dict(os.environ, PYTHONPATH=tree.ROOT),
                capture_output=True, text=True, timeout=120)
            self.assertEqual('', done.stderr)
            self.assertIn(word, done.stdout)

    def test_usage(self):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertRaises(SystemExit, command.main, [])
            self.assertRaises(SystemExit, command.main, ['mend'])
            self.assertRaises(SystemExit, command.main, ['upgrade'])
        self.assertIn('usage: nova-powervm', said.getvalue())
