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

"""Nova's tests of servers that move while they run, on hosts of one pool.

Not here are those that put something of their own in the place of the driver's
method live_migration and then look where the server is: its LPAR would not
move (test_graceful_shutdown, regressions.test_bug_2080531).
"""

from nova.tests.functional.compute import test_live_migration
from nova.tests.functional.regressions import test_bug_1718455
from nova.tests.functional.regressions import test_bug_1718512
from nova.tests.functional.regressions import test_bug_1848343
from nova.tests.functional.regressions import test_bug_1889108
from nova.tests.functional.regressions import test_bug_2044235
from nova.tests.functional.regressions import test_bug_2143972

from nova_powervm.tests.functional.parity import mixin

globals().update(mixin.on_powervm(__name__, [
    test_bug_1718455.TestLiveMigrateOneOfConcurrentlyCreatedInstances,
    test_bug_1718512.TestRequestSpecRetryReschedule,
    test_bug_1848343.DeletedServerAllocationRevertTest,
    test_bug_1889108.TestVolAttachmentsDuringPreLiveMigration,
    test_bug_2044235.TestMessagingTimeoutDuringLiveMigrationCheck,
    test_bug_2143972.PostLiveMigrationFail,
    test_live_migration.LiveMigrationCinderFailure,
    test_live_migration.LiveMigrationNeutronInteractionsTest,
    test_live_migration.TestVolAttachmentsDuringLiveMigration,
], mixin.OnSharedPool))
