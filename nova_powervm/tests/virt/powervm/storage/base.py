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

"""Base of the tests of storage documents: disks that are there."""

import threading
import time
from unittest import mock

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm import group_commit
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.storage import volumegroup
from nova_powervm.virt.powervm import vm


SECONDS = 20  # the most that a thread waits for others


def together(host, functions):
    """Call functions in threads, so that their changes go out together.

    :param host: host.Host
    :param functions: list of callables; each makes one change of one document
        with host.edits.
    :returns: list of what each has returned, or raised.
    """
    outcomes = [None] * len(functions)
    write = group_commit._Batch.write
    all_wait = threading.Event()

    def write_when_all_wait(batch, source):
        deadline = time.monotonic() + SECONDS
        while not all_wait.is_set() and time.monotonic() < deadline:
            if len(batch._document._waiting) >= len(functions) - 1:
                all_wait.set()
            time.sleep(0.001)
        return write(batch, source)

    def call(number):
        try:
            outcomes[number] = (functions[number](),)
        except Exception as exc:
            outcomes[number] = (exc,)

    with mock.patch.object(group_commit._Batch, 'write', write_when_all_wait):
        threads = [threading.Thread(target=call, args=(number,))
                   for number in range(len(functions))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [outcome for outcome, in outcomes]


class DisksTestCase(base.StorageTestCase):
    """Base: disks that are there, and shorter names for what is tested."""

    def volume_group(self, vios='vios1'):
        vios_uuid = self.vios(vios).uuid
        vg_w = next(vg_w for vg_w in self.host.volume_groups(vios_uuid)
                    if vg_w.name == 'datavg')
        return volumegroup.VolumeGroup(self.host, vios_uuid, vg_w)

    def create_disk(self, name, vios='vios1'):
        disk = self.volume_group(vios).edit(volumegroup.create_disk, name,
                                            1)[1]
        self.simulated.journal.clear()
        return disk

    def map_disk(self, instance, disk, vios='vios1'):
        with transaction.StorageTransaction.immediate(self.host, 'map') as stg:
            stg.edit(self.vios(vios).uuid, vios_mappings.add_mapping,
                     vm.get_lpar_uuid(instance), disk)
        self.simulated.journal.clear()
