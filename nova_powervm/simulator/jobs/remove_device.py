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

"""RemoveDevice: a VIOS forgets an hdisk."""

from nova_powervm.simulator import errors
from nova_powervm.simulator.jobs import status
from nova_powervm.simulator.resources import san_disk


def remove_device(job):
    """Remove the hdisk that devName names.

    :raises status.JobFailed: when there is none, or while it is used
    """
    yield
    remove(job.target, job.parameters.get('devName', ''))
    return {}


def remove(vios, name):
    """Let a VIOS forget an hdisk.

    :param vios: vios.VirtualIOServer
    :param name: str such as hdisk4
    :raises status.JobFailed: when there is none, or while it is used
    """
    try:
        vios.check_serving()
    except errors.Refused as exc:
        raise status.JobFailed(exc.message)
    hdisk = vios.volumes.get(name)
    if hdisk is None:
        raise status.JobFailed('VIOS %s has no device %s' % (vios.name, name))
    if hdisk.group is not None:
        raise status.JobFailed('Device %s is busy: it belongs to volume '
                               'group %s' % (name, hdisk.group.name))
    if hdisk.in_use:
        raise status.JobFailed('Device %s is busy: it is mapped to %s' % (
            name, ', '.join(hdisk.clients())))
    san_disk.remove(vios, hdisk)
