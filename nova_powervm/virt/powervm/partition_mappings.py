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

"""Remove the mappings of whole partitions from VIOSes.

A mapping of a Fibre Channel adapter whose LPAR is gone names only the id of
the partition. So these functions also use the ids that host_record has stored
with the server.
"""

from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm


def remove_stale(stg, instance, lpar_id):
    """Queue the removal of mappings of an earlier LPAR with the same id.

    Also store the id with the server, if VIOSes have Fibre Channel mappings.

    :param stg: transaction.StorageTransaction
    :param instance: nova.objects.Instance that has this id now.
    :param lpar_id: int, id of its partition.
    """
    stg.edit_touched(vios_mappings.remove_stale_mappings, lpar_id)
    if stg.reads(vios_mappings.FC_MAPPING):
        nodename = stg.host.nodename
        host_record.keep_id(instance, nodename, lpar_id)
        stg.edit_touched(vios_mappings.remove_stale_fc_mappings,
                         host_record.kept_ids(instance, nodename))


def remove_all(stg, instance):
    """Queue the removal of all mappings to the LPAR of a server.

    :param stg: transaction.StorageTransaction
    :param instance: nova.objects.Instance
    """
    stg.edit_touched(vios_mappings.remove_partition_mappings,
                     vm.get_lpar_uuid(instance))
    ids = host_record.kept_ids(instance, stg.host.nodename)
    if ids and stg.reads(vios_mappings.FC_MAPPING):
        stg.edit_touched(vios_mappings.remove_stale_fc_mappings, ids)
