# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The jobs of a VIOS that have to do with storage."""

from nova_powervm.simulator import errors
from nova_powervm.simulator.jobs import status

#: source: pypowervm.tasks.storage.VOLUME_NOT_FOUND
_NOT_FOUND = -1


def rescan_virtual_disk(job):
    """Read the size of a disk again.

    :raises status.JobFailed: when there is no such disk
    """
    yield
    vios = job.target
    udid = job.parameters.get('VirtualDiskUDID', '')
    try:
        vios.check_serving()
        hdisk = vios.find_hdisk(udid)
        if hdisk is None:
            vios.find_upload_target(udid)
        elif hdisk.found():
            vios.touch('PhysicalVolumes')
    except errors.Refused as exc:
        raise status.JobFailed(
            exc.message,
            results={'RETURN_CODE': _NOT_FOUND} if vios.is_serving else {})
    return {'RETURN_CODE': 0}
