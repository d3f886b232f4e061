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


"""The target does late what Nova has asked it for, as it was down meanwhile.

The server is on another host by then, and the instance that comes with the
call is as old as the call.
"""

from unittest import mock

import oslo_messaging as messaging

from nova_powervm.tests.virt.powervm.scenarios import (
    test_live_migration_elsewhere as elsewhere)
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_volumes
from nova_powervm.tests.virt.powervm.walks import neighbours


class LateMixin:
    """It comes before LiveMoveMixin in a list of bases.

    :cvar TO: Nova's name of the host to which the server is evacuated
    """

    OPTIONS = {'force_config_drive': True}
    TO = 'compute1'

    def kill_target_before(self, server, method):
        """Migrate a server; its target is killed before a call reaches it.

        :returns: what has the target do it
        """
        calls = []

        def lose(context, instance, *args):
            calls.append((neighbours._sent(context, instance), *args))
            self.cloud.kill('compute2')
            raise messaging.MessagingTimeout()

        with mock.patch.object(self.compute.compute_rpcapi, method, lose):
            self.users.live_migrate(self.walk_server(server), 'compute2')
        return calls

    def check_changes_nothing(self, server, act):
        """Check that a late call changes nothing, and nothing of the server.

        :param act: what makes the call
        """
        before = (dict(self.instance_of(server).system_metadata),
                  self.platform_state())
        act()
        self.assertEqual(before[0], self.instance_of(server).system_metadata)
        self.assert_state_equal(before[1], self.platform_state(), 'late')
        self.assert_runs_on(server, self.TO)

    def test_completion(self):
        """The target was off, so the server was evacuated."""
        server = self.boot_on_first()
        (instance, _block, _host), = self.kill_target_before(
            server, 'post_live_migration_at_destination')
        with self.site.lock:
            self.lpar_on(server, 'compute2').halted()
        self.users.evacuate(self.walk_server(server), self.TO)
        self.start(server)
        self.cloud.start('compute2')
        self.check_changes_nothing(server, lambda: self.cloud.call(
            'compute2', 'post_live_migration_at_destination', instance,
            False))
        self.assertIn('Nova has it on another host now', self.logger.output)


class PoolTest(LateMixin, elsewhere.ElsewhereMixin, base.ScenarioCase):

    STORAGE_OF_SERVER = ['b_', 'b_', 'cf']
    TO = 'compute3'


class VscsiTest(LateMixin, live_volumes.LiveVolumeMixin, base.ScenarioCase):
    """Its volumes are kept in Nova's data of the server."""

    def test_connector(self):
        """Nova wants to know how Cinder reaches the target."""
        server = self.boot_on_first()
        (instance, *_args), = self.kill_target_before(
            server, 'pre_live_migration')
        self.assert_runs_on(server, 'compute1')
        self.cloud.start('compute2')

        def ask():
            with self.cloud.on('compute2'):
                self.assertRaisesRegex(
                    Exception, 'no longer being migrated to this host',
                    self.cloud.compute('compute2').driver.get_volume_connector,
                    instance)

        self.check_changes_nothing(server, ask)


class NpivTest(live_volumes.LiveNpivMixin, VscsiTest):
    """The target would have Nova keep old WWPNs."""
