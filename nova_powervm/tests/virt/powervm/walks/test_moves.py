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

"""Walks over resizes, cold migrations and evacuations."""

from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import scene
from nova_powervm.tests.virt.powervm.walks import walk

Step = walk.Step


class ResizeMixin:
    """A resize that is reverted."""

    CYCLES = [[Step(ops.resize(scene.LARGE), 7), Step(ops.REVERT, 6)]]
    SERVER = {}


@case.walks(kills=True)
class VolumeGroupResizeTest(ResizeMixin, case.DriverCase):
    PLATFORM = platforms.VOLUME_GROUP


@case.walks(is_variant=True)
class PoolResizeTest(ResizeMixin, case.DriverCase):
    PLATFORM = platforms.POOL


@case.walks(is_variant=True)
class VscsiResizeTest(ResizeMixin, case.DriverCase):
    PLATFORM = platforms.VSCSI
    SERVER = {'volumes': (1, 2), 'boots': True}


@case.walks(is_variant=True)
class NpivResizeTest(VscsiResizeTest):
    PLATFORM = platforms.NPIV


class ConfirmMixin:
    """A resize that is confirmed: the disk grows, for good."""

    CYCLES = [[Step(ops.make(), None), Step(ops.resize(scene.LARGE), None),
               Step(ops.CONFIRM, 2), Step(ops.DELETE, None)]]


@case.walks(kills=True)
class VolumeGroupConfirmTest(ConfirmMixin, case.DriverCase):
    PLATFORM = platforms.VOLUME_GROUP


@case.walks(is_variant=True)
class PoolConfirmTest(ConfirmMixin, case.DriverCase):
    PLATFORM = platforms.POOL


def there_and_back(host, least, least_back):
    """A server moves, and its move is reverted; one host's requests break."""
    return [[Step(ops.migrate(), least, host),
             Step(ops.MIGRATE_BACK, least_back, host)]]


@case.walks(kills=True)
class PoolSourceTest(case.DriverCase):
    PLATFORM = platforms.TWO_POOL
    CYCLES = there_and_back(ops.SOURCE, 7, 8)
    SERVER = {}


@case.walks(kills=True)
class PoolTargetTest(PoolSourceTest):
    CYCLES = there_and_back(ops.TARGET, 14, 9)


@case.walks(is_variant=True)
class VscsiSourceTest(case.DriverCase):
    PLATFORM = platforms.TWO_VSCSI
    CYCLES = there_and_back(ops.SOURCE, 9, 8)
    SERVER = {'volumes': (1,), 'boots': True}


@case.walks(is_variant=True)
class VscsiTargetTest(VscsiSourceTest):
    CYCLES = there_and_back(ops.TARGET, 14, 9)


@case.walks(is_variant=True)
class NpivSourceTest(VscsiSourceTest):
    PLATFORM = platforms.TWO_NPIV
    CYCLES = there_and_back(ops.SOURCE, 6, 7)


@case.walks(is_variant=True)
class NpivTargetTest(NpivSourceTest):
    CYCLES = there_and_back(ops.TARGET, 10, 7)


def confirmed(least, **kwargs):
    """A server moves for good; the old host keeps nothing of it."""
    return [[Step(ops.make(**kwargs), None),
             Step(ops.migrate(scene.LARGE), None),
             Step(ops.CONFIRM, least, ops.SOURCE),
             Step(ops.DELETE, None)]]


@case.walks(kills=True)
class PoolMigrationConfirmTest(case.DriverCase):
    PLATFORM = platforms.TWO_POOL
    CYCLES = confirmed(9)


@case.walks(is_variant=True)
class VscsiMigrationConfirmTest(case.DriverCase):
    PLATFORM = platforms.TWO_VSCSI
    CYCLES = confirmed(7, volumes=(1,), boots=True)


@case.walks(is_variant=True)
class NpivMigrationConfirmTest(case.DriverCase):
    PLATFORM = platforms.TWO_NPIV
    CYCLES = confirmed(7, volumes=(1,), boots=True)


@case.walks(kills=True)
class EvacuationTest(case.DriverCase):
    """The host of the server is thought dead, and comes back later."""

    PLATFORM = platforms.TWO_POOL
    CYCLES = [[Step(ops.make(), None),
               Step(ops.EVACUATE, 14, ops.TARGET),
               Step(ops.RESTART, None),
               Step(ops.DELETE, None)]]


@case.walks(is_variant=True)
class ReturnTest(case.DriverCase):
    """The former host of an evacuated server starts, and cleans up."""

    PLATFORM = platforms.TWO_POOL
    CYCLES = [[Step(ops.make(), None),
               Step(ops.EVACUATE, None),
               Step(ops.RESTART, 10, ops.SOURCE),
               Step(ops.DELETE, None)]]
