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

"""Checks options against the platform, with what the start reads anyway.

The checks of disks, bridges and Fibre Channel ports are where these are found:
disk.holder, disk.clusters, bridges, volume.fabrics and media.repository.
"""

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.volume import fabrics

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


def check(snapshot):
    """Check what the servers and VIOSes of this host tell (no more requests).

    :param snapshot: cleanup.platform_snapshot.PlatformSnapshot
    :raises InvalidOption: for the first option that cannot be used.
    """
    try:
        check_connections(snapshot.vioses)
    except pvm_exc.Error as exc:
        LOG.warning('The options cannot be compared with the Virtual I/O '
                    'Servers: %s', exc)
    if any(map(fabrics.ports, fabrics.names())):
        fabrics.validate_servers(snapshot.instances)


def check_connections(vioses):
    """Refuse to demand more VIOSes for a volume than there are.

    :param vioses: wrappers of all VIOSes, also of those that are down.
    :raises InvalidOption: if they are too few.
    """
    required = CONF.powervm.vscsi_vios_connections_required
    if required > len(vioses):
        raise exception.InvalidOption(
            option='vscsi_vios_connections_required', value=required,
            reason='it must be at most %d, the number of Virtual I/O Servers' %
            len(vioses), there=sorted(vios_w.name for vios_w in vioses))
