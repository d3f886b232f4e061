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

"""Choose the transport of a Fibre Channel volume: virtual SCSI or NPIV.

[powervm] fc_attach_strategy chooses it for an instance that has no volumes
yet. An instance that has volumes keeps its transport. Each volume is handled
by the transport that attached it. This was virtual SCSI if a UDID of the
volume is stored, or if the volume is exported to initiators other than the
WWPNs that the instance has for NPIV.
"""

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import luns

CONF = cfg.CONF

#: The driver_volume_type of Cinder.
DRIVER_VOLUME_TYPE = 'fibre_channel'
#: The values of [powervm] fc_attach_strategy.
VSCSI, NPIV = 'vscsi', 'npiv'


def strategy_for_new(instance):
    """Return how new volumes of an instance are to be attached (no request).

    :param instance: nova.objects.Instance, or None for one without volumes.
    :returns: VSCSI or NPIV
    """
    if instance is not None and device_addresses.read(instance):
        return VSCSI
    if fabrics.known_to(instance):
        return NPIV
    return CONF.powervm.fc_attach_strategy.lower()


def strategy_of(instance, connection_info):
    """Return how a volume was, or is to be, attached (no request).

    :param instance: nova.objects.Instance
    :param connection_info: dict of Cinder; empty if Nova has none yet.
    :returns: VSCSI or NPIV; None if it is no Fibre Channel volume.
    """
    if connection_info.get('driver_volume_type',
                           DRIVER_VOLUME_TYPE) != DRIVER_VOLUME_TYPE:
        return None
    data = connection_info.get('data') or {}
    if (data.get(device_addresses.UDID_KEY) or
            connection_info.get('serial') in device_addresses.read(instance)):
        return VSCSI
    exported = luns.initiators(data)
    if not exported:
        return NPIV if fabrics.known_to(instance) else VSCSI
    own = {luns.plain(wwpn) for wwpn in fabrics.wwpns_of(instance)}
    return VSCSI if exported.isdisjoint(own) else NPIV
