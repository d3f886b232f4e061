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

"""Walks over ports that a server gets and loses."""

from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import walk


class PortMixin:
    CYCLES = [[walk.Step(ops.ATTACH_PORT, 3), walk.Step(ops.DETACH_PORT, 3)]]
    SERVER = {}


@case.walks()
class SharedEthernetTest(PortMixin, case.DriverCase):
    PLATFORM = platforms.VOLUME_GROUP


@case.walks()
class SriovTest(PortMixin, case.DriverCase):
    PLATFORM = platforms.SRIOV


@case.walks()
class OpenVSwitchTest(PortMixin, case.DriverCase):
    PLATFORM = platforms.OVS
