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

"""Walks over starts of nova-compute, and over its periodic tasks."""

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import walk

Step = walk.Step
CONF = cfg.CONF


# A request that fails when nova-compute starts puts a server that runs into
# ERROR. Issue 12 makes starts tolerant.
_ERROR = 'restart at compute1 (?s:.*): the server is error$'
_REFUSED = {'error_500': _ERROR}


class StartMixin:
    """A start beside a server that runs, and a periodic task."""

    CYCLES = [[Step(ops.RESTART, 10)], [Step(ops.PERIODIC, 1)]]
    SERVER = {}


@case.walks(kills=True, known=dict(_REFUSED, dropped_before=_ERROR))
class VolumeGroupTest(StartMixin, case.DriverCase):
    PLATFORM = platforms.VOLUME_GROUP


@case.walks(is_variant=True, known=_REFUSED)
class PoolTest(StartMixin, case.DriverCase):
    PLATFORM = platforms.POOL


@case.walks(is_variant=True, known=_REFUSED)
class VscsiTest(StartMixin, case.DriverCase):
    PLATFORM = platforms.VSCSI
    SERVER = {'volumes': (1, 2), 'boots': True}


@case.walks(is_variant=True, known=_REFUSED)
class NpivTest(VscsiTest):
    PLATFORM = platforms.NPIV


@case.walks()
class BootOfHostTest(case.DriverCase):
    """nova-compute starts what was on before the host went off."""

    PLATFORM = platforms.VOLUME_GROUP
    CYCLES = [[Step(ops.BOOT_HOST, 10)]]
    SERVER = {}

    def setUp(self):
        super().setUp()
        CONF.set_override('resume_guests_state_on_host_boot', True)
