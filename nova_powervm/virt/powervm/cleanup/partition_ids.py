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

"""Have Nova keep the partition IDs of servers with virtual Fibre Channel.

They prove whose the mappings are once an LPAR is gone, see host_record. If a
server came in a live migration while nova-compute was down, nobody has kept
its ID.
"""

from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import fabrics


def keep(host, snapshot):
    """Have Nova keep the IDs that it does not have (1 DB call for each).

    :param host: the owner of the REST connection (host.Host), connected.
    :param snapshot: platform_snapshot.PlatformSnapshot
    """
    instances = [instance for instance in snapshot.instances
                 if fabrics.known_to(instance)]
    ids = ({lpar_w.uuid.upper(): lpar_w.id for lpar_w in snapshot.lpars}
           if instances else {})
    for instance in instances:
        lpar_id = ids.get(vm.get_lpar_uuid(instance))
        if lpar_id is not None:
            host_record.keep_id(instance, host.nodename, lpar_id)
