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

"""Walks over the life of a server behind an HMC; others stay as they are."""

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import hmc
from nova_powervm.tests.virt.powervm.walks import live_migrations
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import systems
from nova_powervm.tests.virt.powervm.walks import walk

CONF = cfg.CONF


class WalkCase(hmc.HmcCase):
    """A walk in which nothing of the other systems ever changes."""

    PLATFORM = platforms.HMC_VSCSI

    def setUp(self):
        super().setUp()
        self.scene.check_always = self.check_others


def step(operation, least):
    return walk.Step(operation, least, hmc.HERE)


@case.walks()
class LifeTest(WalkCase):
    """It has a disk of ours, and a volume that only this host knows."""

    CYCLES = [[step(ops.make(volumes=(1,), host=hmc.HERE), 15),
               step(ops.DELETE, 14)]]


@case.walks(is_variant=True)
class UseTest(WalkCase):
    CYCLES = [[step(ops.STOP, 3), step(ops.START, 1)],
              [step(ops.HARD_REBOOT, 4)],
              [step(ops.STOP, None), step(ops.HARD_REBOOT, 6)],
              [step(ops.ATTACH_PORT, 3), step(ops.DETACH_PORT, 3)],
              [step(ops.attach(1), 8), step(ops.detach(1), 8)]]
    SERVER = {'host': hmc.HERE}


@case.walks(is_variant=True, kills=True)
class LiveMigrationTest(WalkCase):
    """It moves to the third system, and back; the first one stays.

    An HMC has the requests of both hosts. That of the source dies.
    """

    PLATFORM = platforms.HMC_POOL
    CYCLES = [[step(live_migrations.live_migrate(hmc.THERE), 7),
               walk.Step(live_migrations.live_migrate(hmc.HERE), 7,
                         hmc.THERE)]]
    SERVER = {'host': hmc.HERE}

    def setUp(self):
        super().setUp()
        CONF.set_override('force_config_drive', False)
        self.addCleanup(CONF.set_override, 'force_config_drive', True)

    def others(self):
        return systems.parts(self.cloud.site, 'server2', 'server3')
