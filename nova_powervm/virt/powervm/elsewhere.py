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

"""Refuse to create an LPAR for a server that another host runs.

Both LPARs would write to the same disks. This host sees only its own LPARs, so
it asks the drivers of other hosts, see peers. It asks only if a server of Nova
has lost its LPAR, or if its host is down, so this costs little.
"""

from nova import objects
from nova.objects import fields
from nova import servicegroup

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import move
from nova_powervm.virt.powervm import peers


def check_lost(context, instance, nodename):
    """Check that no other host has the LPAR of a server that is to run here.

    This host has lost the LPAR, or the server is to return to it.

    If a live migration has ended without Nova knowing how, its target must
    answer that it does not have the LPAR. An operator may also have moved the
    LPAR without Nova, so all other hosts are asked whether it is on there.

    It sends no request, and calls each other host of this hypervisor once.

    :param context: nova.context.RequestContext
    :param instance: nova.objects.Instance
    :param nodename: str, Nova's name of this host, which Nova has it on.
    :raises PowerVMAPIFailed: if another host has the LPAR, or may have it.
    """
    context = context.elevated()
    targets = move.possible_targets(context, instance, nodename)
    for other in targets:
        if not peers.is_surely_absent(context, other, instance):
            _refuse(instance, 'its LPAR may be on host %s, to which it was '
                    'being migrated', other)
    for other in _moved_to(context, instance, (nodename, *targets)):
        _refuse(instance, 'its LPAR is on host %s, to which somebody has '
                'moved it without Nova. Move it back to this host with '
                'the tools of the platform', other)


def check_evacuated(context, instance, nodename):
    """Check that a server to be evacuated has not arrived at another host.

    The process that followed its live migration may have ended before it
    could tell Nova. An operator may also have moved the LPAR without Nova. A
    host that does not answer is taken to be off, too.

    It sends no request, and calls each other host of this hypervisor once that
    is up, and each target that is in question.

    :param context: nova.context.RequestContext
    :param instance: nova.objects.Instance, which Nova has on another host.
    :param nodename: str, Nova's name of this host.
    :raises PowerVMAPIFailed: if the LPAR is on another host.
    """
    if instance.host in (None, nodename):
        return
    context = context.elevated()
    targets = move.possible_targets(context, instance, instance.host)
    for other in targets:
        if other != nodename and peers.is_on(context, other, instance):
            _refuse(instance, 'its LPAR is on host %s, to which it was being '
                    'migrated. Power it off there before you evacuate the '
                    'server', other)
    for other in _moved_to(context, instance,
                           (nodename, instance.host, *targets)):
        _refuse(instance, 'its LPAR is on host %s, to which somebody has '
                'moved it without Nova. Power it off there before you '
                'evacuate the server', other)


def is_up(context, nodename):
    """Return whether nova-compute of a host of this hypervisor is up.

    :param context: nova.context.RequestContext
    :param nodename: str, Nova's name of the host.
    """
    return nodename in _hosts_that_are_up(context.elevated())


def _refuse(instance, reason, *args):
    raise exception.PowerVMAPIFailed(inst_name=instance.name,
                                     reason=reason % args)


def _moved_to(context, instance, expected):
    """Yield each host that is up and has the LPAR of a server, which is on.

    :param expected: Nova's names of hosts that need not be asked.
    """
    for other in _hosts_that_are_up(context):
        if other not in expected and peers.is_on(context, other, instance):
            yield other


def _hosts_that_are_up(context):
    """Return Nova's names of the hosts with this hypervisor: sorted list."""
    api = servicegroup.API()
    up = {service.host for service in objects.ServiceList.get_by_binary(
        context, 'nova-compute') if api.service_is_up(service)}
    nodes = objects.ComputeNodeList.get_by_hypervisor_type(
        context, fields.HVType.PHYP)
    return sorted({node.host for node in nodes} & up)
