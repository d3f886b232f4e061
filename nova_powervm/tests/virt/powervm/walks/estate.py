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

"""All kinds of things that somebody else may have on a host.

Their names, or what they belong to, have foreign.THEIRS in it, also where they
look like names of the driver's own things.
"""

from nova_powervm.simulator import atom
from nova_powervm.simulator.resources import fc_mappings
from nova_powervm.simulator.resources import fibre_channel
from nova_powervm.simulator.resources import file
from nova_powervm.simulator.resources import san_disk
from nova_powervm.simulator.san import address
from nova_powervm.tests.virt.powervm.walks import foreign

_SIZE = 64 * 1024 ** 2
_VIOS = 'vios1'
#: Partition ID of an LPAR that is gone. It is high, so that no server gets it:
#: then its mappings have to go.
_GONE_ID = 77
_UPLOAD = (b'<File><Filename>%s</Filename>'
           b'<FileEnumType>BROKERED_MEDIA_ISO</FileEnumType>'
           b'<TargetVirtualIOServerUUID>%s</TargetVirtualIOServerUUID></File>')


class Estate:
    """What somebody else has on a host.

    :param cloud: cloud.Cloud
    :param host: simulator.host.Host
    """

    def __init__(self, cloud, host):
        self._cloud = cloud
        self._host = host
        self._operator = host.operator
        self._vios = self._operator.vios(_VIOS)
        self._name = foreign.THEIRS + host.name[-1]

    def make(self):
        """Make one of each kind, before the driver starts there."""
        self._make_lpar(self._name + 'lpar', 20)
        self._make_lpar(self._name + 'gone', _GONE_ID)
        self._operator.delete_partition(self._name + 'gone')
        self._make_shared()
        self._make_unused()
        if self._cloud.platform.profile.startswith('fc'):
            self._make_volume()
            self._make_fibre_channel()

    def _make_lpar(self, name, number):
        """An LPAR that runs, with a disk, a medium and a port.

        :param number: int, its partition ID
        """
        self._operator.create_partition(
            name, id=number, running=True, memory_mb=256,
            medium={'vios': _VIOS, 'name': name + '.iso',
                    'content': b'medium of ' + name.encode()},
            adapters=[{'switch': 'ETHERNET0(Default)', 'vlan': 101}])
        self._operator.map_storage(_VIOS, self._make_disk('d_' + name),
                                   name)

    def _make_disk(self, name):
        """Make a disk where servers' disks are, too: its UDID."""
        options = self._cloud.platform.options
        content = b'the content of ' + name.encode()
        if options['disk_driver'] == 'ssp':
            return self._operator.create_logical_unit(name, _SIZE,
                                                      content).udid
        return self._operator.create_disk(
            _VIOS, options['volume_group_name'], name, _SIZE, content).udid

    def _make_shared(self):
        """A disk behind an adapter that any partition may use."""
        self._operator.map_storage(_VIOS, self._make_disk(
            self._name + 'any'))

    def _make_unused(self):
        """Storage that nobody uses, named as if it were the driver's."""
        for prefix in ('', 'b_', 'r_', 'e0_', 's_', 'i_'):
            self._make_disk(prefix + self._name)
        for name in ('%s.iso', 'cfg_%s.iso'):
            self._operator.create_medium(_VIOS, name % self._name, b'bytes')
        for name in ('%s_aix73.iso', 'cfg_%s.iso', 'i_%s'):
            make_upload(self._host, self._vios, name % self._name)

    def _make_volume(self):
        """A LUN that a VIOS knows: one is mapped, and one is not."""
        san = self._host.site.san
        ports = {address.wwpn(port.wwpn): port
                 for port in self._vios.fc_ports if port.online}
        for name in ('used', 'unused'):
            volume = san.create_volume(self._name + name, _SIZE)
            volume.disk.write_at(0, b'the content of ' + name.encode())
            san.export(volume.id, list(ports))
            paths = {(port, target.wwpn, unit)
                     for wwpn, port in ports.items()
                     for found, target, unit in san.luns(port, wwpn)
                     if found is volume}
            hdisk = san_disk.configure(self._vios, volume, paths)
            if name == 'used':
                self._operator.map_storage(_VIOS, hdisk.udid,
                                           self._name + 'lpar')

    def _make_fibre_channel(self):
        """A virtual Fibre Channel adapter of an LPAR."""
        client = self._operator.partition(self._name + 'lpar')
        mapping = fc_mappings.Mapping(
            self._vios, client, self._host.site.san.issue_wwpns(self._host))
        self._vios.fc_mappings.append(mapping)
        mapping.move(self._vios.fc_ports[0])
        self._host.add(fibre_channel.ClientAdapter(self._host, mapping))
        self._vios.touch('FibreChannelMappings')


def make_upload(host, vios, name):
    """Make the description of an upload that has not begun yet.

    :param host: simulator.host.Host
    :param vios: the simulated VIOS that is to get it
    :param name: str
    """
    host.add(file.File.create(host, None, atom.Document(
        _UPLOAD % (name.encode(), vios.uuid.encode()))))
