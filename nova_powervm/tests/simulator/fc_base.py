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

"""Base of the tests of Fibre Channel on the simulated site."""

from pypowervm import const as pvm_const
from pypowervm.tasks import hdisk
from pypowervm.tasks import scsi_mapper
from pypowervm.tasks import vfc_mapper
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.tests.simulator import storage_base

GIB = storage_base.GIB
FC = [pvm_const.XAG.VIO_FMAP]
LUA = '0x9000000000000000'


class FcTestCase(storage_base.StorageTestCase):
    """A test on host server1 of profile fc, with a volume, through pypowervm.

    :ivar san: the model of the storage area network
    :ivar volume: the model of volume 'one' in it, of 1 GiB
    """

    PROFILE = 'fc'

    def setUp(self):
        super().setUp()
        self.san = self.site.san
        self.volume = self.create('one')

    def create(self, volume_id, size_gb=1):
        """Put a volume in the network."""
        with self.site.lock:
            return self.san.create_volume(volume_id, size_gb * GIB)

    @staticmethod
    def wwpns(*vioses):
        """The WWPNs of all ports of VIOSes."""
        return [port.wwpn for vios in vioses for port in vios.fc_ports]

    def export(self, volume_id='one', initiators=None, lun=None):
        """Export a volume, to all VIOSes if no initiators are named."""
        initiators = initiators or self.wwpns(self.vios, self.vios2)
        with self.site.lock:
            return self.san.export(volume_id, initiators, lun)

    # -- through VIOSes -------------------------------------------------------

    def itls(self, connection, vios=None, all_targets=False):
        """What a client tells a VIOS of a connection.

        :param all_targets: also of those on the other fabric
        """
        vios = vios or self.vios
        by_initiator = connection['initiator_target_map']
        return [itl for wwpn in self.wwpns(vios) if wwpn in by_initiator
                for itl in hdisk.build_itls(
                    [wwpn], connection['target_wwn'] if all_targets else
                    by_initiator[wwpn], connection['target_lun'])]

    def discover(self, connection, vios=None, **kwargs):
        """Look for a volume: (status, device name, UDID)."""
        vios = vios or self.vios
        return hdisk.discover_hdisk(
            self.adapter, vios.uuid, self.itls(connection, vios), **kwargs)

    def remove_hdisk(self, name, vios=None):
        vios = vios or self.vios
        hdisk.remove_hdisk(self.adapter, 'server1', name, vios.uuid)

    def map_hdisk(self, name, udid, lpar, vios=None, lua=LUA):
        """Map a device to a partition."""
        vios = vios or self.vios
        scsi_mapper.add_vscsi_mapping(
            None, vios.uuid, lpar.uuid,
            pvm_stor.PV.bld(self.adapter, name, udid, tag='one'), lua=lua)

    def connect(self, lpar, connection=None):
        """Connect a volume to a partition through both VIOSes."""
        connection = connection or self.export()
        for vios in (self.vios, self.vios2):
            _status, name, udid = self.discover(connection, vios)
            self.map_hdisk(name, udid, lpar, vios)

    # -- through virtual ports ------------------------------------------------

    def fc_w(self, vios=None):
        """Read a VIOS with its Fibre Channel mappings."""
        vios = vios or self.vios
        return pvm_vios.VIOS.get(self.adapter, uuid=vios.uuid, xag=FC)

    def new_wwpns(self, pairs=1):
        return vfc_mapper.build_wwpn_pair(
            self.adapter, self.host.system.uuid, pair_count=pairs)

    def add_map(self, lpar, wwpns, port=0, vios=None, slot=None):
        """Map a port of a VIOS to a partition.

        :param wwpns: two WWPNs; None to have the platform make them
        :param port: number of the port
        """
        vios = vios or self.vios
        vios_w = self.fc_w(vios)
        vfc_mapper.add_map(
            vios_w, self.host.system.uuid, lpar.uuid,
            (vios.fc_ports[port].wwpn, ' '.join(wwpns or ('-1', '-1'))),
            lpar_slot_num=slot)
        return vios_w.update()

    def seen(self, lpar):
        """What a partition sees: list of guest_disks.Disk."""
        with self.site.lock:
            return self.host.lpar_disks(lpar)
