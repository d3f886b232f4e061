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

"""The job that tells what memory the hypervisor needs for a partition."""

from nova_powervm.simulator.jobs import status
from nova_powervm.simulator.resources import partition_config
from nova_powervm.simulator import values


def query_reserved_memory(job):
    """Tell the memory that a partition of a given size takes altogether.

    That includes what the hypervisor needs for it: partition_config.Memory.
    """
    parameters = job.parameters
    try:
        desired = parameters.get('DesiredMemory', '0')
        maximum = values.whole(parameters.get('MaximumMemory') or desired)
        desired = values.whole(desired)
        adapters = sum(
            values.whole(parameters.get('NumberOfVirtual%sAdapter' % kind) or
                         '0') for kind in ('Ethernet', 'SCSI',
                                           'FibreChannel'))
    except ValueError as exc:
        raise status.JobFailed('A parameter is not a number: %s' % exc)
    system = job.target
    memory = partition_config.Memory(desired, desired, maximum)
    required = desired + memory.overhead_mb(system.region_mb, adapters)
    return {'RequiredMemory': required,
            'CurrentAvailableSystemMemory': system.available_memory_mb}
