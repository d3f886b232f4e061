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

"""Find the instances of Nova that LPARs belong to."""

from nova import context as nova_context
from nova import objects

from nova_powervm.virt.powervm import vm


def get_instances(host, context=None):
    """Find Nova's instances that have an LPAR here (1 request, 1 DB call).

    The result leaves out LPARs that Nova does not know. It includes instances
    that are deleted, or that were evacuated to another host, because Nova uses
    this list to clean up. After this call the state of every LPAR is known.

    :param host: the Host.
    :param context: nova.context.RequestContext; None means an admin's that
        also reads deleted instances.
    :returns: nova.objects.InstanceList, or an empty list.
    :raises pypowervm.exceptions.Error: if the LPARs cannot be read.
    """
    return _find(context, [lpar.uuid for lpar in
                           host.partition_states.refresh()])


def count(host):
    """Count Nova's instances that have an LPAR here (1 DB call).

    Needs 1 request, and none while events tell which LPARs there are. After
    this call the state of almost every LPAR is known.

    :param host: the Host.
    :returns: int
    :raises pypowervm.exceptions.Error: if the LPARs cannot be read.
    """
    known = host.partition_states.listed()
    return len(get_instances(host) if known is None else _find(None, known))


def _find(context, lpar_uuids):
    uuids = [uuid for lpar_uuid in lpar_uuids
             for uuid in vm.instance_uuids(lpar_uuid)]
    if not uuids:
        return []
    return objects.InstanceList.get_by_filters(
        context or nova_context.get_admin_context(read_deleted='yes'),
        {'uuid': uuids}, expected_attrs=[])


def find_instance(lpar_uuid, nodename):
    """Find the instance of an LPAR, as find_instances() does.

    :returns: the nova.objects.Instance, or None.
    """
    return find_instances([lpar_uuid], nodename)[lpar_uuid]


def find_instances(lpar_uuids, nodename):
    """Find the instances of LPARs (1 DB call).

    One query asks for both UUIDs that each instance may have. So the driver
    needs no cache of the LPARs that are not Nova's.

    :param lpar_uuids: list of the LPARs' UUIDs.
    :param nodename: Nova's name of the host that the instances must be on.
    :returns: dict of each LPAR UUID -> nova.objects.Instance, or None.
    """
    spellings = {lpar_uuid: vm.instance_uuids(lpar_uuid)
                 for lpar_uuid in lpar_uuids}
    instances = {instance.uuid: instance
                 for instance in objects.InstanceList.get_by_filters(
                     nova_context.get_admin_context(),
                     {'uuid': [uuid for uuids in spellings.values()
                               for uuid in uuids],
                      'host': nodename, 'deleted': False},
                     expected_attrs=[])}
    return {lpar_uuid: next((instances[uuid] for uuid in uuids
                             if uuid in instances), None)
            for lpar_uuid, uuids in spellings.items()}
