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

"""Volumes of the storage area network as a VIOS has them: hdisks."""

from nova_powervm.simulator.resources import storage


class SanDisk(storage.PhysicalVolume):
    """The hdisk of a volume.

    It stays when the volume is taken away, until somebody removes it, and it
    keeps the size of the volume at the last discovery.

    :param vios: the VirtualIOServer
    :param volume: san.volume.Volume
    :param path: tuple (io_config.FcPort, target WWPN, unit) where it was
                 found first
    :ivar paths: set of such tuples
    """

    is_disk = True

    def __init__(self, vios, name, volume, path):
        port, target, unit = path
        super().__init__(
            name, '%s-W%s-L%X' % (port.location, target.upper(), unit), 0,
            volume.naa, fc_backed=True, udid=volume.udid)
        self.vios = vios
        self.volume = volume
        self.paths = set()
        volume.hdisks.append(self)

    @property
    def disk(self):
        """sparse_disk.SparseDisk of the volume."""
        return self.volume.disk

    @property
    def shareable(self):
        """Whether several mappings may stand on it: for multi-attachment.

        Assumed, no hardware: pypowervm has no other name for one that does.
        """
        return True

    @property
    def base_name(self):
        """The id of its volume: the same on all VIOSes."""
        return self.volume.id

    @property
    def works(self):
        """Whether any of its paths leads to the volume."""
        san = self.vios.host.site.san
        return any(san.look(port, port.wwpn.lower(), target, unit) is
                   self.volume for port, target, unit in self.paths)

    def found(self, paths=frozenset()):
        """Note what a discovery has found: where it is, and how large.

        :param paths: set of tuples as in ``paths``
        :returns: bool, whether its document is another one now
        """
        if not paths and not self.works:
            return False
        capacity_mb = self.volume.size // 1024 ** 2
        changed = capacity_mb != self.capacity_mb
        self.capacity_mb = capacity_mb
        self.paths |= paths
        if changed:
            self.changed()
        return changed

    def forget(self):
        """Let the volume know that the hdisk is gone."""
        self.volume.hdisks.remove(self)

    def state(self):
        return dict(super().state(), volume=self.volume.id)


def configure(vios, volume, paths):
    """Add the hdisk of a volume to a VIOS, or update an existing one.

    The name is the lowest free one, so it differs between VIOSes.

    :param vios: the VirtualIOServer
    :param volume: san.volume.Volume
    :param paths: set of tuples as in SanDisk.paths
    :returns: SanDisk
    """
    hdisk = next((hdisk for hdisk in volume.hdisks if hdisk.vios is vios),
                 None)
    if hdisk is None:
        name = 'hdisk%d' % storage.lowest_free(
            int(name[5:]) for name in vios.volumes
            if name.startswith('hdisk') and name[5:].isdecimal())
        hdisk = SanDisk(vios, name, volume, min(
            paths, key=lambda path: (path[0].name, path[1])))
        vios.volumes[name] = hdisk
        vios.touch('PhysicalVolumes')
    if hdisk.found(paths):
        vios.touch('PhysicalVolumes')
    return hdisk


def remove(vios, hdisk):
    """Take an hdisk from a VIOS.

    :param hdisk: storage.PhysicalVolume that nothing uses
    """
    del vios.volumes[hdisk.name]
    hdisk.forget()
    vios.touch('PhysicalVolumes')
