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

"""CLIRunner: an HMC runs one of its commands.

All that it knows here is ``viosvrcmd -m SYSTEM -p VIOS -c "rmdev -dev NAME"``,
which pypowervm sends to remove an hdisk. ``--id ID`` may take the place of
``-p VIOS`` (source: IBM's page on viosvrcmd).
"""

import re
import shlex

from nova_powervm.simulator.jobs import remove_device
from nova_powervm.simulator.jobs import status

#: source: pypowervm.tasks.hdisk
_CONSENT = 'acknowledgeThisAPIMayGoAwayInTheFuture'
_RMDEV = re.compile(r'rmdev -dev (\S+)')


def run(job):
    """Run the command in the parameter cmd.

    :raises status.JobFailed: when the command fails, or is not known
    """
    if job.parameters.get(_CONSENT) != 'true':
        raise status.JobFailed('The parameter %s must be true' % _CONSENT)
    vios, device = _parse(job, job.parameters.get('cmd', ''))
    yield
    remove_device.remove(vios, device)
    return {'returnCode': '0', 'result': '%s deleted' % device}


def _parse(job, command):
    """Return the VIOS and the name of the device of a command."""
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise status.JobFailed('%s: %s' % (command, exc))
    options = dict(zip(words[1::2], words[2::2]))
    rmdev = _RMDEV.fullmatch(options.get('-c', ''))
    if words[:1] != ['viosvrcmd'] or rmdev is None:
        raise status.JobFailed('The command cannot be run here: %s' % command)
    # A name, or type-model*serial (IBM's page on rmvterm has both).
    systems = [host.system for host in job.host.endpoint.hosts
               if options.get('-m') in (
                   host.system.name, host.system.mtms_of_commands)]
    if len(systems) != 1:
        raise status.JobFailed('HSCL8012 The managed system %s was not '
                               'found' % options.get('-m'))
    for vios in systems[0].host.store.all('VirtualIOServer'):
        if (vios.name == options.get('-p') or
                str(vios.partition_id) == options.get('--id')):
            return vios, rmdev.group(1)
    raise status.JobFailed('HSCL8012 The partition %s was not found' % (
        options.get('-p') or options.get('--id')))
