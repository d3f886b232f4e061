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

"""Fabrics, and the storage arrays on them."""

from nova_powervm.simulator import errors
from nova_powervm.simulator.san import address

#: Vendor part of the identities of volumes
#: (source: capture fake_vios_ssp_npiv.txt).
_NAA_PREFIX = '60050763008380413'


class Fabric:
    """A Fibre Channel fabric: what is on it reaches each other.

    :ivar up: bool, whether it works
    """

    def __init__(self, name):
        self.name = name
        self.up = True


class Target:
    """A port of a storage array.

    :ivar up: bool, whether it works
    """

    def __init__(self, array, wwpn, fabric):
        self.array = array
        self.wwpn = address.wwpn(wwpn)
        self.fabric = fabric
        self.up = True


class Array:
    """A storage array.

    :param number: int, tells it from the other arrays of the site
    :param capacity: int bytes
    :ivar targets: list of Target
    :ivar volumes: dict of id -> Volume
    """

    def __init__(self, name, number, capacity):
        self.name = name
        self.number = number
        self.capacity = capacity
        self.targets = []
        self.volumes = {}
        self._last_serial = 0

    @property
    def free(self):
        """Bytes that are left; volumes are thick."""
        return self.capacity - sum(volume.size for volume in
                                   self.volumes.values())

    def next_naa(self):
        """Return an identity that no volume ever had: 32 hex digits."""
        self._last_serial += 1
        return '%s%03X%012X' % (_NAA_PREFIX, self.number, self._last_serial)

    def check_free(self, size):
        """Refuse what does not fit.

        :param size: int bytes
        """
        if size > self.free:
            raise errors.Refused(
                'Array %s has %d bytes left, %d are needed' % (
                    self.name, max(0, self.free), size))


def from_spec(spec, number, fabrics):
    """Make an array that a profile describes.

    :param spec: dict, an item of ``san.arrays`` of the profile
    :param number: int, tells it from the other arrays of the site
    :param fabrics: dict of name -> Fabric
    :returns: Array
    """
    array = Array(spec['name'], number, int(spec['capacity_gb'] * 1024 ** 3))
    array.targets = [Target(array, target['wwpn'], fabrics[target['fabric']])
                     for target in spec['targets']]
    return array
