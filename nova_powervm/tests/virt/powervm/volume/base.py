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

"""What tests of volumes share: a host with a storage area network."""

from nova import objects

from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.tests.virt.powervm.volume import san
from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import fabrics

VOLUME = '5a5a0000-0000-4000-8000-00000000000%d'


class VolumeTestCase(base.SimulatedHostTestCase):
    """A simulated host, servers, and volumes to connect.

    :ivar san: san.San
    """

    STRATEGY = 'vscsi'

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.flags(fc_attach_strategy=self.STRATEGY, group='powervm')
        self.san = self.useFixture(san.San())
        self.instance = self.make_instance()
        self.create_lpar(self.instance)

    def make_instance(self, number=1, **attrs):
        return base.make_instance(number, **attrs)

    def connection(self, number=1, wwpns=None):
        return self.san.connection(
            VOLUME % number, wwpns or volume.fibre_channel_class().wwpns(
                self.host, self.instance))

    def build(self, connection_info, instance=None, **kwargs):
        return volume.build(self.host, instance or self.instance,
                            connection_info, **kwargs)

    def connect(self, *connectors):
        stg = storage.StorageTransaction(self.host, 'test',
                                         xag=volume.xag(connectors))
        volume.discover(connectors)
        for connector in connectors:
            connector.connect(stg)
        stg.execute()

    def disconnect(self, *connectors, **kwargs):
        stg = storage.StorageTransaction(self.host, 'test',
                                         xag=volume.xag(connectors))
        for connector in connectors:
            connector.disconnect(stg, **kwargs)
        stg.execute()

    def vioses(self):
        return self.simulated.store.all('VirtualIOServer')

    def vios(self, name):
        return next(vios for vios in self.vioses() if vios.name == name)

    def mapped(self, instance=None):
        """[(VIOS name, storage, LUA), ...] of a server's mappings."""
        name = self.lpar(instance or self.instance).name
        return sorted(
            (vios.name, mapping['storage'], mapping['lua'])
            for vios in self.vioses() for bus in vios.buses
            for mapping in bus.state() if mapping['lpar'] == name)

    def devices(self):
        """[(VIOS name, hdisk), ...] of the volumes of the network."""
        serials = {lun.serial for lun in self.san.volumes.values()}
        return sorted((vios.name, disk.name) for vios in self.vioses()
                      for disk in vios.volumes.values()
                      if disk.serial in serials)

    def warm_up(self):
        """Have the host know its ports and the forms of jobs."""
        self.host.fc_ports()
        fabrics.validate(self.host)
        connector = self.build(self.connection(9))
        self.connect(connector)
        self.disconnect(connector)
        del self.san.volumes[VOLUME % 9]
        self.san.calls.clear()
        self.requests()
