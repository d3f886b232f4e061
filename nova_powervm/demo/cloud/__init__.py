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

"""Nova's API, conductor, scheduler, placement and compute in one process.

They run our driver on the simulated PowerVM site. Native threads, as
nova-compute 34 runs them: nova.tests.functional decides that at its import,
so it must come first.
"""

import gc
import os
import shutil
import tempfile

os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = '1'

import nova.tests.functional  # noqa: E402,F401
from nova.tests.functional import integrated_helpers  # noqa: E402,F401
from nova import thread_pool_factory  # noqa: E402

# A service that stops ends the threads of its process for good. Nova's own
# fixture prevents that until the test is over, but the service stops in a
# thread of its own, which may take longer: all further tests would fail.
thread_pool_factory.shutdown_all_executors = lambda: None

# What follows saves a tenth of the suite's time. Files are where they need no
# disk: Nova makes five databases a test.
MEMORY = '/dev/shm'
MIN_FREE = 4 * 1024 ** 3
if ('TMPDIR' not in os.environ and os.path.isdir(MEMORY) and
        shutil.disk_usage(MEMORY).free >= MIN_FREE):
    tempfile.tempdir = MEMORY
# Garbage is looked for less often, and not among all that Nova imports.
gc.set_threshold(20000, 5, 5)
gc.freeze()
