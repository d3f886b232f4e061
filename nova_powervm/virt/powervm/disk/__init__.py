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

"""The registry of disk adapters, which manage the disks that Nova creates.

To add one, write a module with a subclass of driver.DiskAdapter and add it to
DISK_ADAPTERS.
"""

from __future__ import annotations

from nova.image import glance
from oslo_utils import importutils

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.disk import driver
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import host as powervm_host

CONF = cfg.CONF

_PACKAGE = 'nova_powervm.virt.powervm.disk.'

#: Value of [powervm] disk_driver -> class.
DISK_ADAPTERS = {
    'localdisk': _PACKAGE + 'localdisk.LocalStorage',
    'ssp': _PACKAGE + 'ssp.SSPDiskAdapter',
}


def build(host: powervm_host.Host,
          image_api: glance.API) -> driver.DiskAdapter:
    """Return the disk adapter that [powervm] disk_driver names.

    :param host: the owner of the REST connection (host.Host), connected.
    :param image_api: nova.image.glance.API, or an object with its methods.
    :returns: driver.DiskAdapter
    :raises InvalidOption: if there is no such adapter.
    """
    name = CONF.powervm.disk_driver.lower()
    if name not in DISK_ADAPTERS:
        raise exception.InvalidOption(
            option='disk_driver', value=name,
            reason='the disk drivers are: %s' % ', '.join(
                sorted(DISK_ADAPTERS)))
    return importutils.import_object(DISK_ADAPTERS[name], host, image_api)
