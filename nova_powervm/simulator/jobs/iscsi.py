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

"""ISCSIDiscovery, ISCSIRemove and RBDExists: a site has no such volumes.

A VIOS has an initiator name all the same, and older drivers ask for it before
they attach anything.
"""

from nova_powervm.simulator import errors
from nova_powervm.simulator.jobs import status

#: Return codes of iscsiadm (source: pypowervm.tasks.hdisk._iscsi).
_GOOD = 0
_TIMED_OUT = 8
_NOTHING_FOUND = 21


def discover(job):
    """Tell the name of the initiator, or fail to reach a target.

    :raises status.JobFailed: if there is a target, for nobody answers there.
    """
    yield
    _check(job.target)
    if job.parameters.get('targetIQN') or job.parameters.get('hostIP'):
        raise status.JobFailed(
            'No iSCSI target answers at %s' % job.parameters.get('hostIP'),
            results={'RETURN_CODE': _TIMED_OUT})
    return {'RETURN_CODE': _GOOD, 'InitiatorName': initiator(job.target)}


def initiator(vios):
    """The initiator name of a VIOS, str.

    Its form is that of open-iscsi.
    """
    return 'iqn.1994-05.com.redhat:%s' % vios.uuid.rpartition('-')[2].lower()


def remove(job):
    """Remove nothing, because there is no session.

    :raises status.JobFailed: if the VIOS is down.
    """
    yield
    _check(job.target)
    return {'RETURN_CODE': _NOTHING_FOUND}


def rbd_exists(job):
    """Tell that there is no RADOS block device.

    :raises status.JobFailed: if the VIOS is down.
    """
    yield
    _check(job.target)
    return {'exists': 'false'}


def _check(vios):
    try:
        vios.check_serving()
    except errors.Refused as exc:
        raise status.JobFailed(exc.message)
