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

"""Walks over servers that come and go."""

from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import walk


@case.walks('error_500', 'busy_503', 'etag_412', 'dropped_before', 'dropped_after', 'killed_before', 'killed_after')
class VolumeGroupTest(case.DriverCase):

    PLATFORM = platforms.VOLUME_GROUP
    ROUND = walk.Round([walk.Step(ops.make(), 11), walk.Step(ops.DELETE, 9)])
