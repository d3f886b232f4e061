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

"""Cinder volumes that are logical volumes of one VIOS."""

from nova import exception as nova_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import driver


class LvConnector(driver.VolumeConnector):
    """Maps a logical volume that Cinder's driver made on a VIOS.

    Its connection_info has the type ``pvm_lv``, and in its data ``vios``, the
    UUID of the VIOS, and ``lv``, the name of the logical volume.
    """

    DRIVER_VOLUME_TYPE = 'pvm_lv'

    def __init__(self, host, instance, connection_info, boot=False):
        super().__init__(host, instance, connection_info, boot=boot)
        missing = {'vios', 'lv'} - self.data.keys()
        if missing:
            raise nova_exc.InvalidVolume(
                reason='volume %s has no %s' % (
                    self.volume_id, ' and no '.join(sorted(missing))))

    def connect(self, stg):
        """Queue the mapping; the flow writes it, with all others."""
        stg.map(self.data['vios'], self.lpar_uuid, pvm_stg.VDisk.bld_ref(
            self.host.adapter, self.data['lv']))

    def disconnect(self, stg, server_going=False):
        """Queue the end of the mapping; nothing if there is none."""
        stg.edit(self.data['vios'], vios_mappings.remove_storage_mappings,
                 pvm_stg.VDisk, [self.data['lv']], partitions=[self.lpar_uuid])

    def extend(self, size):
        """Nothing to do: the VIOS itself has made it larger."""
