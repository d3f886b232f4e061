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

import fixtures as fx
from nova import objects
from oslo_utils import units

from nova_powervm.tests.virt.powervm.vif import base
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import owners

VOLUME = '5a5a0000-0000-4000-8000-0000000000%02d'


class VolumeTestCase(base.SimulatedHostTestCase):
    """A simulated host, servers, and volumes to connect.

    :ivar san: simulator.san.network.San
    """

    PROFILE = 'fc'
    STRATEGY = 'vscsi'

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.flags(fc_attach_strategy=self.STRATEGY, group='powervm')
        # There is no database.
        self.useFixture(fx.MockPatchObject(
            device_addresses, 'keep',
            lambda instance, luas: self.addresses.update(luas)))
        self.addresses = {}
        self.useFixture(fx.MockPatchObject(owners, 'is_known',
                                           return_value=True))
        for name, found in (('_find', []), ('_bdms_of', {}),
                            ('_servers_here', [])):
            self.useFixture(fx.MockPatchObject(owners.Owners, name,
                                               return_value=found))
        self.san = self.site.san
        self.instance = self.make_instance()
        self.create_lpar(self.instance)

    def make_instance(self, number=1, **attrs):
        return base.make_instance(number, **attrs)

    def lun(self, number=1):
        """The san.volume.Volume of a number, which is made if need be."""
        with self.site.lock:
            if VOLUME % number not in self.san.volumes:
                self.san.create_volume(VOLUME % number, units.Gi)
            return self.san.volume(VOLUME % number)

    def connection(self, number=1, wwpns=None):
        """Export a volume: connection_info as Cinder makes it."""
        self.lun(number)
        wwpns = wwpns or self.wwpns()
        with self.site.lock:
            data = self.san.export(VOLUME % number, wwpns)
        return {'driver_volume_type': 'fibre_channel',
                'serial': VOLUME % number,
                'data': dict(data, volume_id=VOLUME % number)}

    def wwpns(self, instance=None):
        """The WWPNs that Cinder is told for an instance."""
        return volume.connector_properties(
            self.host, instance or self.instance)['wwpns']

    def withdraw(self, number=1):
        """Take a volume away from all initiators, and delete it."""
        with self.site.lock:
            self.san.unexport(VOLUME % number)
            self.san.delete_volume(VOLUME % number)

    def build(self, connection_info, instance=None):
        """The InstanceVolumes of one volume."""
        return volume.build(self.host, instance or self.instance,
                            connection_info)

    def build_all(self, *connection_infos, boot=None):
        """The InstanceVolumes of several volumes.

        :param boot: number of the one to boot from, if it boots from one.
        """
        return volume.build_all(self.host, self.instance, [
            {'connection_info': info,
             'boot_index': 0 if number == boot else None}
            for number, info in enumerate(connection_infos)])

    def connect(self, volumes):
        self.discovered = volumes.discover()
        volumes.check(self.discovered)
        with self.edits(volumes) as stg:
            volumes.connect(stg, self.discovered)

    def disconnect(self, volumes, **kwargs):
        with self.edits(volumes) as stg:
            volumes.disconnect(stg, **kwargs)

    def edits(self, volumes):
        """A transaction whose edits are made at the end."""
        return transaction.StorageTransaction.immediate(
            self.host, 'test', xag=volumes.xag)

    def vioses(self):
        return self.simulated.store.all('VirtualIOServer')

    def vios(self, name):
        return next(vios for vios in self.vioses() if vios.name == name)

    def fail_discovery(self, name):
        """Let discovery on a VIOS fail, until the faults are cleared."""
        self.simulated.faults.add({
            'effect': 'job_failed', 'count': 0, 'message': 'No answer',
            'path': '%s/do/LUARecovery' % self.vios(name).uuid})

    def mapped(self, instance=None):
        """[(VIOS name, volume id, LUA), ...] of a server's disks."""
        with self.site.lock:
            return sorted(
                (disk.vios, disk.volume, disk.lua) for disk in
                self.simulated.lpar_disks(
                    self.lpar(instance or self.instance)))

    def devices(self):
        """[(VIOS name, hdisk), ...] of the volumes of the network."""
        return sorted((hdisk.vios.name, hdisk.name)
                      for lun in self.san.volumes.values()
                      for hdisk in lun.hdisks)

    def warm_up(self):
        """Have the host know its ports and the forms of jobs."""
        self.host.fc_ports()
        fabrics.validate(self.host)
        connector = self.build(self.connection(99))
        self.connect(connector)
        self.disconnect(connector)
        self.withdraw(99)
        self.requests()
