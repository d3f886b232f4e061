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

"""The jobs that start and stop partitions."""

import functools

from nova_powervm.simulator import errors
from nova_powervm.simulator import firmware
from nova_powervm.simulator.jobs import status
from nova_powervm.simulator.resources import partition

_OPERATIONS = ('shutdown', 'osshutdown', 'dumprestart')
_BOOT_MODES = ('norm', 'sms', 'dd', 'ds', 'of', 'pbl')


def power_on(job):
    """Boot a partition.

    One that has crashed must be shut down first (assumed, no hardware).

    :raises status.JobFailed: HSCL3681 when it is on already, HSCL3683 when it
        has crashed, HSCL3684 when it is IBM i and has no load source
    """
    target = job.target
    mode = job.parameters.get('bootmode', firmware.NORMAL)
    _check_settled(target)
    if mode not in _BOOT_MODES:
        raise status.JobFailed('HSCL3682 There is no boot mode %s' % mode)
    if target.partition_state == partition.ERROR:
        raise status.JobFailed(
            'HSCL3683 The partition %s cannot be powered on: its state is '
            '%s. Shut it down first' % (target.name, target.partition_state))
    if target.is_on:
        raise status.JobFailed(
            'HSCL3681 The partition %s is already powered on: its state is '
            '%s' % (target.name, target.partition_state))
    ipl_source = _ipl_source(job)
    _set_state(job, partition.STARTING)
    try:
        yield
    except (status.JobFailed, GeneratorExit):
        job.undo()
        raise
    target.booted(mode, job.parameters.get('bootstring', ''), ipl_source)
    return {'returnCode': 0}


def _set_state(job, new):
    """Change the state for the time that the job takes."""
    detail = 'PartitionState,ReferenceCode'
    job.undo = functools.partial(
        job.target.set_state, job.target.partition_state, detail)
    job.target.set_state(new, detail)


def _check_settled(target):
    try:
        target.check_settled()
    except errors.Refused as exc:
        raise status.JobFailed(exc.message)


def _ipl_source(job):
    """Tell from where IBM i is to boot, which must be possible.

    The adapter that is tagged must be there, with a disk behind it (assumed,
    no hardware).

    :returns: str, see firmware.load_source(); None of another partition
    """
    target = job.target
    if not target.is_ibmi:
        return None
    source = job.parameters.get('iIPLsource', target.ipl_source)
    if firmware.load_source(target, source) is None:
        raise status.JobFailed(
            'HSCL3684 The partition %s cannot be powered on: there is no disk '
            'behind the adapter that is tagged for IPL source %s (virtual '
            'slot %s)' % (target.name, source,
                          target.tagged_io.slot(source) or 'none'))
    return source


def power_off(job):
    """Stop a partition, or restart it.

    :raises status.JobFailed: HSCL1558 when it is off already, HSCL0DB4 for
        a shutdown by the operating system without RMC
    """
    target = job.target
    operation = job.parameters.get('operation', 'shutdown')
    restart = job.parameters.get('restart') == 'true'
    _check_power_off(target, operation)
    _set_state(job, partition.STOPPING)
    try:
        yield
    except (status.JobFailed, GeneratorExit):
        job.undo()
        raise
    target.halted()
    if restart or operation == 'dumprestart':
        target.set_state(partition.STARTING, 'PartitionState,ReferenceCode')
        target.booted()
        target.has_dumped = operation == 'dumprestart'
    return {'returnCode': 0}


def _check_power_off(target, operation):
    _check_settled(target)
    if operation not in _OPERATIONS:
        raise status.JobFailed('HSCL1559 There is no operation %s' %
                               operation)
    if target.is_management:
        raise status.JobFailed('HSCL155A The management partition cannot be '
                               'stopped from here')
    if not target.is_on:
        raise status.JobFailed(
            'HSCL1558 The partition %s is already powered off: its state is '
            '%s' % (target.name, target.partition_state))
    if operation == 'osshutdown' and (
            target.partition_state == partition.ERROR or
            not target.is_ibmi and target.rmc != 'active'):
        raise status.JobFailed(
            'HSCL0DB4 The operating system of partition %s cannot be shut '
            'down: its state is %s, its RMC connection is %s' % (
                target.name, target.partition_state, target.rmc))


def close_vterm(job):
    """Close the virtual terminal; none open is fine."""
    job.target.console.close()
    return {'returnCode': 0}
