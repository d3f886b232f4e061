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

"""Partitions and servers, as they are when nova-compute starts.

Whatever looks then for what was left behind shares what was read.
"""

import functools

from nova import context as nova_context
from nova import objects
from pypowervm.tasks import partition as pvm_partition
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import storage


class Census:
    """All partitions of the platform, and what servers Nova has on it.

    Each kind is read when it is asked for first (1 request, but for those of
    Nova). Reading raises pypowervm.exceptions.Error if the platform does not
    answer; it is tried again the next time.

    :param host: the owner of the REST connection (host.Host), connected.
    """

    def __init__(self, host):
        self._host = host

    @functools.cached_property
    def vioses(self):
        """Wrappers of the VIOSes, with SCSI_MAPPING and FC_MAPPING."""
        return pvm_vios.VIOS.get(self._host.adapter, xag=[
            storage.SCSI_MAPPING, storage.FC_MAPPING])

    @functools.cached_property
    def lpars(self):
        """Wrappers of the LPARs."""
        return pvm_lpar.LPAR.get(self._host.adapter)

    @functools.cached_property
    def instances(self):
        """Nova's servers on this host, nova.objects.InstanceList."""
        return objects.InstanceList.get_by_host(
            nova_context.get_admin_context(), self._host.nodename)

    def active_vioses(self):
        """Those of the VIOSes that are up, see Host.active_vioses."""
        return pvm_partition.get_active_vioses(self._host.adapter,
                                               vios_wraps=self.vioses)

    def partitions(self):
        """Wrappers of the LPARs and the VIOSes."""
        return [*self.vioses, *self.lpars]
