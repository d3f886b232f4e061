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


class LvTransport(driver.VolumeTransport):
    """Maps logical volumes that Cinder's driver made on a VIOS.

    Their connection_info has the type ``pvm_lv``, and in its data ``vios``,
    the UUID of the VIOS, and ``lv``, the name of the logical volume.
    """

    DRIVER_VOLUME_TYPE = 'pvm_lv'

    def __init__(self, host, instance, volumes):
        super().__init__(host, instance, volumes)
        for volume in volumes:
            missing = {'vios', 'lv'} - volume.data.keys()
            if missing:
                raise nova_exc.InvalidVolume(
                    reason='volume %s has no %s' % (
                        volume.id, ' and no '.join(sorted(missing))))

    def connect(self, stg, discovered, replaces=None):
        """Queue the mappings; the flow writes them, with all others."""
        for volume in self.volumes:
            stg.map(volume.data['vios'], self.lpar_uuid, pvm_stg.VDisk.bld_ref(
                self.host.adapter, volume.data['lv']))

    def disconnect(self, stg, discovered=None, server_going=False):
        """Queue the end of the mappings; nothing if there are none."""
        for volume in self.volumes:
            stg.edit(
                volume.data['vios'], vios_mappings.remove_storage_mappings,
                pvm_stg.VDisk, [volume.data['lv']],
                partitions=[self.lpar_uuid])

    def extend(self, volume, size):
        """Nothing to do: the VIOS itself has made it larger."""
