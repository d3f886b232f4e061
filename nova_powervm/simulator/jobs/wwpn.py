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

"""GetNextWWPNs: the platform makes names for virtual Fibre Channel ports."""

from nova_powervm.simulator.jobs import status

#: source: pypowervm.tasks.vfc_mapper.build_wwpn_pair
_MAX_PAIRS = 8
_PAIRS = tuple(str(count) for count in range(1, _MAX_PAIRS + 1))


def get_next_wwpns(job):
    """Make pairs of WWPNs.

    :raises status.JobFailed: for another number of pairs than 1 to 8
    """
    yield
    wanted = job.parameters.get('numberPairsRequested', '')
    if wanted not in _PAIRS:
        raise status.JobFailed('numberPairsRequested is %r, it must be 1 to '
                               '%d' % (wanted, _MAX_PAIRS))
    san = job.host.site.san
    return {'wwpnList': ','.join(
        wwpn.upper() for _ in range(int(wanted))
        for wwpn in san.issue_wwpns(job.host))}
