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

"""Tests of Nova that do not run on our driver, and why."""

NO_SAME_HOST = (
    'The test starts the fake driver that offers to migrate a server to the '
    'host that it is on. Ours does not: this would change nothing.')
VOLUME_RESCUE = (
    'The test starts the fake driver that does not rescue servers that boot '
    'from a volume. Ours does.')
FAILS_ON_PURPOSE = (
    'The test starts a fake driver whose spawn() fails for shelved servers.')
LARGER_HOSTS = (
    'The test takes a flavor for too big that has one processor more than a '
    'host of the fake driver. It fits on ours.')

_MOVES = 'test_servers.ServerMovingTests.test_'

#: {name of a test of Nova: reason}; the names begin below
#: nova.tests.functional, as in 'test_servers.ServersTest.test_get_servers'.
EXCLUSIONS = {
    _MOVES + 'resize_not_enough_resource': LARGER_HOSTS,
    'test_server_rescue.DisallowBFVRescuev287WithoutTrait.'
    'test_bfv_rescue_not_supported': VOLUME_RESCUE,
    'test_cold_migrate.ColdMigrationAllowSameHost.'
    'test_cold_migrate_same_host_supported': NO_SAME_HOST,
    'test_servers.ServerUnshelveSpawnFailTests.'
    'test_driver_spawn_fail_when_unshelving_instance': FAILS_ON_PURPOSE,
}
