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

"""The part of the control API that manages the storage area network."""


class SanControl:
    """The actions on the storage area network.

    Each takes the checked data of a request and returns the result. The caller
    holds the lock of the site.

    :param site: site.Site
    """

    def __init__(self, site):
        self._site = site
        self.actions = {
            'create_volume': self._create,
            'delete_volume': self._delete,
            'copy_volume': self._copy,
            'extend_volume': self._extend,
            'export_volume': self._export,
            'unexport_volume': self._unexport,
            'set_volume_fault': self._set_fault,
            'clear_volume_faults': self._clear_faults,
            'set_fc_port': self._set_port,
            'set_fabric': self._set_fabric,
        }

    @property
    def _san(self):
        return self._site.san

    def data(self):
        """Return the whole as a dict fit for JSON."""
        san = self._san
        return {
            'fabrics': [{'name': fabric.name, 'up': fabric.up}
                        for fabric in san.fabrics.values()],
            'arrays': [self._array(array) for array in san.arrays],
            'ports': [self._port(vios, port) for host in self._site.hosts
                      for vios in host.store.all('VirtualIOServer')
                      for port in vios.fc_ports],
            'volumes': [volume.state() for volume in san.volumes.values()]}

    @staticmethod
    def _array(array):
        return {'name': array.name, 'free_bytes': array.free,
                'targets': [{'wwpn': target.wwpn, 'up': target.up,
                             'fabric': target.fabric.name}
                            for target in array.targets]}

    @staticmethod
    def _port(vios, port):
        return {'host': vios.host.name, 'vios': vios.name, 'name': port.name,
                'wwpn': port.wwpn.lower(), 'up': port.up,
                'fabric': port.fabric and port.fabric.name}

    def _create(self, data):
        volume = self._san.create_volume(data['volume'], data['size_bytes'],
                                         data.get('array'))
        return volume.state()

    def _copy(self, data):
        return self._san.copy_volume(
            data['volume'], data['source'], data.get('size_bytes'),
            data.get('array')).state()

    def _delete(self, data):
        self._san.delete_volume(data['volume'])
        return {}

    def _extend(self, data):
        self._san.extend_volume(data['volume'], data['size_bytes'])
        return self._san.volume(data['volume']).state()

    def _export(self, data):
        return self._san.export(data['volume'], data['initiators'],
                                data.get('lun'))

    def _unexport(self, data):
        self._san.unexport(data['volume'], data.get('initiators'))
        return self._san.volume(data['volume']).state()

    def _set_fault(self, data):
        volume = self._san.volume(data['volume'])
        volume.set_fault(data['fault'], data.get('wwpns', ()))
        return volume.state()

    def _clear_faults(self, data):
        volume = self._san.volume(data['volume'])
        volume.clear_faults()
        return volume.state()

    def _set_port(self, data):
        self._san.set_port(data['wwpn'], data['up'])
        return {}

    def _set_fabric(self, data):
        self._san.set_fabric(data['fabric'], data['up'])
        return {}
