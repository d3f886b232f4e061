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

"""Walks over servers that are stopped, started and rebooted."""

from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import walk

Step = walk.Step
REBOOTS = [[Step(ops.SOFT_REBOOT, 2)], [Step(ops.HARD_REBOOT, 7)]]
# A server that runs is looked at first. One that was stopped is not.
QUICK_REBOOTS = [[Step(ops.SOFT_REBOOT, 2)], [Step(ops.HARD_REBOOT, 4)],
                 [Step(ops.STOP, None), Step(ops.HARD_REBOOT, 5)]]


@case.walks()
class PowerTest(case.DriverCase):
    PLATFORM = platforms.VOLUME_GROUP
    CYCLES = [[Step(ops.STOP, 3), Step(ops.START, 1)], *QUICK_REBOOTS]
    SERVER = {}


@case.walks()
class PoolTest(case.DriverCase):
    PLATFORM = platforms.POOL
    CYCLES = QUICK_REBOOTS
    SERVER = {}


@case.walks()
class OpenVSwitchTest(case.DriverCase):
    PLATFORM = platforms.OVS
    CYCLES = REBOOTS
    SERVER = {}


@case.walks()
class VscsiTest(case.DriverCase):
    PLATFORM = platforms.VSCSI
    CYCLES = REBOOTS
    SERVER = {'volumes': (1, 2), 'boots': True}


@case.walks()
class NpivTest(case.DriverCase):
    PLATFORM = platforms.NPIV
    CYCLES = REBOOTS
    SERVER = {'volumes': (1, 2), 'boots': True}
