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

"""Walks over rescues, snapshots and rebuilds."""

from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import walk

Step = walk.Step
RESCUE = [[Step(ops.RESCUE, 7), Step(ops.UNRESCUE, 7)]]
REBUILD = [[Step(ops.REBUILD, 20)]]


@case.walks()
class VolumeGroupRescueTest(case.DriverCase):
    PLATFORM = platforms.VOLUME_GROUP
    CYCLES = RESCUE
    SERVER = {}


@case.walks()
class PoolRescueTest(case.DriverCase):
    PLATFORM = platforms.POOL
    CYCLES = RESCUE
    SERVER = {}


@case.walks(is_variant=True)
class VscsiRescueTest(case.DriverCase):
    """A server that boots from a volume, and has another one."""

    PLATFORM = platforms.VSCSI
    CYCLES = RESCUE
    SERVER = {'volumes': (1, 2), 'boots': True}


@case.walks(is_variant=True)
class NpivRescueTest(VscsiRescueTest):
    PLATFORM = platforms.NPIV


@case.walks()
class PoolSnapshotTest(case.DriverCase):
    PLATFORM = platforms.POOL
    CYCLES = [[Step(ops.SNAPSHOT, 5)]]
    SERVER = {}


@case.walks()
class ManagementViosSnapshotTest(case.DriverCase):
    PLATFORM = platforms.MANAGEMENT_VIOS
    CYCLES = [[Step(ops.SNAPSHOT, 1)]]
    SERVER = {}


@case.walks()
class VolumeGroupRebuildTest(case.DriverCase):
    PLATFORM = platforms.VOLUME_GROUP
    CYCLES = REBUILD
    SERVER = {}


@case.walks(is_variant=True)
class PoolRebuildTest(case.DriverCase):
    PLATFORM = platforms.POOL
    CYCLES = REBUILD
    SERVER = {}
