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

"""Refuse operations on volumes that the platform cannot perform now."""

from nova import exception as nova_exc
from oslo_log import log as logging

from nova_powervm.virt.powervm import other_systems
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


def check_attach(host, instance, volumes):
    """Check that an LPAR can get volumes now (0 or 1 request).

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param volumes: volume.instance_volumes.InstanceVolumes
    :raises nova.exception.VolumeAttachFailed: if it cannot.
    :raises nova.exception.InstanceNotFound: if there is no LPAR here.
    """
    if not volumes.needs_io_change:
        return
    reason = vm.why_no_io_change(host, instance)
    if reason:
        raise nova_exc.VolumeAttachFailed(volume_id=str(volumes),
                                          reason=reason)


def check_detach(host, instance, volumes):
    """Check that an LPAR can lose volumes now (0 or 1 request).

    If there is no LPAR, the VIOSes can still forget the volumes, unless an HMC
    has it on another system, where the guest uses them (1 request more then).

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param volumes: volume.instance_volumes.InstanceVolumes
    :raises nova.exception.DeviceDetachFailed: if it cannot.
    """
    if not volumes.disconnect_changes_io:
        return
    try:
        reason = vm.why_no_io_change(host, instance)
    except nova_exc.InstanceNotFound:
        level = vm.level_of_missing(instance)
        reason = level > logging.INFO and other_systems.why_not_gone(
            host, instance, vm.get_lpar_uuid(instance))
        if not reason:
            LOG.log(level, 'The LPAR is gone; what it left of volume %s on '
                    'the VIOSes will be removed.', volumes, instance=instance)
    if reason:
        raise nova_exc.DeviceDetachFailed(device=str(volumes), reason=reason)


def check_swap(old, new, copier, may_stop):
    """Check that a volume can be copied to another volume now.

    :param old: volume.instance_volumes.InstanceVolumes of the volume to copy.
    :param new: likewise, of the copy.
    :param copier: volume.copying.VolumeCopier
    :param may_stop: bool, whether the server is off or may be stopped.
    :raises nova.exception.VolumeRebaseFailed: if it cannot.
    """
    if not (old.can_be_copied and new.can_be_copied):
        reason = ('the platform cannot copy volumes that the server '
                  'reaches in this way')
    elif not may_stop:
        reason = ('the platform cannot copy a volume that a server uses, '
                  'and must not stop it ([powervm] '
                  'swap_volume_stops_server)')
    else:
        reason = copier.why_not()
    if reason:
        raise nova_exc.VolumeRebaseFailed(reason=reason)
