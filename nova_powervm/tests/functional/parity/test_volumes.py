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

"""Nova's tests of volumes, on our driver."""

from nova.tests.functional import test_boot_from_volume
from nova.tests.functional import test_conf_max_attach_disk_devices
from nova.tests.functional import test_cross_az_attach
from nova.tests.functional import test_multiattach
from nova.tests.functional import test_servers

from nova_powervm.tests.functional.parity import mixin

globals().update(mixin.on_powervm(__name__, [
    test_boot_from_volume.BootFromVolumeLargeRequestTest,
    test_boot_from_volume.BootFromVolumeTest,
    test_conf_max_attach_disk_devices.ConfigurableMaxDiskDevicesTest,
    test_multiattach.TestMultiattachVolumes,
    test_servers.ServerRebuildTestCaseV293,
    test_servers.ServerTestV220,
]))
# These move servers from host to host.
globals().update(mixin.on_powervm(__name__, [
    test_cross_az_attach.CrossAZAttachTestCase,
    test_servers.VolumeBackedServerTest,
], mixin.OnSharedPool))
