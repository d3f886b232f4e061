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

"""Walks over volumes that servers get, lose, and swap."""

from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import walk

Step = walk.Step


@case.walks(kills=True)
class VscsiTest(case.DriverCase):
    PLATFORM = platforms.VSCSI
    CYCLES = [[Step(ops.attach(1), 8), Step(ops.detach(1), 8)]]
    SERVER = {}


@case.walks()
class VscsiExtendTest(case.DriverCase):
    PLATFORM = platforms.VSCSI
    CYCLES = [[Step(ops.EXTEND, 4)]]
    SERVER = {'volumes': (1, 2)}


@case.walks()
class VscsiSwapTest(case.DriverCase):
    PLATFORM = platforms.VSCSI
    CYCLES = [[Step(ops.SWAP, 20)]]
    SERVER = {'volumes': (1, 2)}

    def setUp(self):
        super().setUp()
        # The whole volume is copied, again and again.
        ops.make_small_volumes(self.scene, 1 / 64)


@case.walks(kills=True)
class NpivTest(case.DriverCase):
    """The first volume brings the virtual Fibre Channel adapters."""

    PLATFORM = platforms.NPIV
    CYCLES = [[Step(ops.make(), None), Step(ops.attach(1), 7),
               Step(ops.DELETE, None)]]


@case.walks()
class NpivFurtherTest(case.DriverCase):
    """The platform has nothing to do for one more, or its end."""

    PLATFORM = platforms.NPIV
    CYCLES = [[Step(ops.attach(2), 1), Step(ops.detach(2), 0)],
              [Step(ops.EXTEND, 0)]]
    SERVER = {'volumes': (1,)}
