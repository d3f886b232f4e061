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

"""A server and its flavor, as a user of Nova knows them."""

import zlib

from nova import exception as nova_exc
from nova import objects

from nova_powervm.tests.virt.powervm.walks import database

#: What a server is read with, as Nova's API does before it sends it on.
_ATTRIBUTES = ['device_metadata', 'flavor', 'info_cache',
               'metadata', 'migration_context', 'numa_topology',
               'pci_devices', 'pci_requests', 'resources', 'system_metadata']
#: UUID of a server by its number: names are made of its ends. It has letters
#: as nearly all have: Nova locks a server by its UUID, pypowervm the LPAR by
#: the same in capitals, and oslo.concurrency has one lock for one name.
SERVER = '%08x-0000-4000-8000-fedcba98%04x'


def make_flavor(name, memory_mb=1024, vcpus=1, root_gb=1, ephemeral_gb=0,
                swap_mb=0, **extra_specs):
    """Build a flavor; two of the same name are the same.

    :param extra_specs: those of powervm without that prefix, others with
        theirs.
    """
    flavor = objects.Flavor(
        id=zlib.crc32(name.encode()) >> 1, flavorid=name, name=name,
        memory_mb=memory_mb, vcpus=vcpus, root_gb=root_gb,
        ephemeral_gb=ephemeral_gb, swap=swap_mb, rxtx_factor=1.0,
        vcpu_weight=0, disabled=False, is_public=True, description=None,
        extra_specs={key if ':' in key else 'powervm:' + key: value
                     for key, value in extra_specs.items()})
    flavor.obj_reset_changes()
    return flavor


class Server:
    """A server as its user knows it.

    :ivar uuid: str
    :ivar number: int; equal numbers have equal UUIDs, names and ports
    """

    def __init__(self, cloud, number):
        self.cloud = cloud
        self.number = number
        self.uuid = SERVER % (number, number & 0xffff)

    def read(self, deleted=False):
        """Read it as Nova has it now.

        :param deleted: whether to read it even if it is deleted
        :returns: nova.objects.Instance, or None if it is deleted
        """
        context = self.cloud.context
        if deleted:
            context = context.elevated(read_deleted='yes')
        try:
            return objects.Instance.get_by_uuid(
                context, self.uuid, expected_attrs=list(_ATTRIBUTES))
        except nova_exc.InstanceNotFound:
            return None

    @property
    def status(self):
        """Tell vm_state and task_state, as one text; 'gone' if deleted."""
        row = database.Database.look(self.uuid)
        if row is None:
            return 'gone'
        return row.vm_state + (', ' + row.task_state if row.task_state
                               else '')

    @property
    def host(self):
        """Nova's name of the host that it is on, or None."""
        row = database.Database.look(self.uuid)
        return row and row.host

    def bdms(self):
        return objects.BlockDeviceMappingList.get_by_instance_uuid(
            self.cloud.context, self.uuid)
