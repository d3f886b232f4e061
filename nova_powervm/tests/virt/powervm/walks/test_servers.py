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

"""Walks over servers that come and go, on each kind of disk and port."""

from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import scene
from nova_powervm.tests.virt.powervm.walks import walk

Step = walk.Step


def life(least_to_make, least_to_delete, **kwargs):
    return [[Step(ops.make(**kwargs), least_to_make),
             Step(ops.DELETE, least_to_delete)]]


@case.walks(kills=True)
class VolumeGroupTest(case.DriverCase):
    PLATFORM = platforms.VOLUME_GROUP
    CYCLES = life(11, 9)


@case.walks(kills=True)
class PoolTest(case.DriverCase):
    PLATFORM = platforms.POOL
    CYCLES = life(11, 9)


@case.walks(is_variant=True)
class FilesTest(case.DriverCase):
    PLATFORM = platforms.FILES
    CYCLES = life(11, 9)


@case.walks()
class SriovTest(case.DriverCase):
    PLATFORM = platforms.SRIOV
    CYCLES = life(12, 9)


@case.walks()
class OpenVSwitchTest(case.DriverCase):
    PLATFORM = platforms.OVS
    CYCLES = life(13, 10)


@case.walks(is_variant=True)
class DisksOfTheFlavorTest(case.DriverCase):
    PLATFORM = platforms.POOL
    CYCLES = life(12, 9, flavor=scene.WITH_DISKS)


@case.walks()
class VscsiTest(case.DriverCase):
    """It boots from one volume, and has another."""

    PLATFORM = platforms.VSCSI
    CYCLES = life(15, 15, volumes=(1, 2), boots=True)


@case.walks()
class NpivTest(case.DriverCase):
    PLATFORM = platforms.NPIV
    CYCLES = life(13, 10, volumes=(1, 2), boots=True)
