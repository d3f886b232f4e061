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

"""Tasks on Cinder volumes: thin wrappers of volume.instance_volumes."""

from nova import exception as nova_exc
from oslo_log import log as logging
from taskflow import task
from taskflow.types import failure

from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import swaps
from nova_powervm.virt.powervm.volume import tags

LOG = logging.getLogger(__name__)


class CheckAttach(task.Task):
    """Make sure that the platform can give the LPAR volumes now."""

    def __init__(self, host, instance, volumes):
        super().__init__('check_attach')
        self.host = host
        self.instance = instance
        self.volumes = volumes

    def execute(self):
        if not self.volumes.needs_io_change:
            return
        reason = vm.why_no_io_change(self.host, self.instance)
        if reason:
            raise nova_exc.VolumeAttachFailed(
                volume_id=str(self.volumes), reason=reason)

    def revert(self, result, flow_failures):
        self.volumes.give_up()


class KeepConnection(task.Task):
    """Have Nova keep how to reach volumes, before anything is done.

    Nova removes its record of the volume itself if the flow fails.
    """

    def __init__(self, volumes):
        super().__init__('keep_connection')
        self.volumes = volumes

    def execute(self):
        self.volumes.keep_connections()


class CheckDetach(task.Task):
    """Make sure that the platform can take volumes from the LPAR now."""

    def __init__(self, host, instance, volumes):
        super().__init__('check_detach')
        self.host = host
        self.instance = instance
        self.volumes = volumes

    def execute(self):
        if not self.volumes.disconnect_changes_io:
            return
        try:
            reason = vm.why_no_io_change(self.host, self.instance)
        except nova_exc.InstanceNotFound:
            LOG.log(vm.level_of_missing(self.instance),
                    'The LPAR is gone; what it left of volume %s on the '
                    'VIOSes will be removed.', self.volumes,
                    instance=self.instance)
            return
        if reason:
            raise nova_exc.DeviceDetachFailed(
                device=str(self.volumes), reason=reason)


class DiscoverVolumes(task.Task):
    """Make VIOSes see volumes; provides ``discovered_volumes``.

    That is what InstanceVolumes.discover() returns.

    :param volumes: volume.instance_volumes.InstanceVolumes
    :param undo: whether a discovery that fails is undone. What a discovery
        that succeeded has made, the task that connects the volumes undoes.
    """

    def __init__(self, volumes, undo=True):
        super().__init__('discover_volumes', provides='discovered_volumes')
        self.volumes = volumes
        self.undo = undo

    def execute(self):
        return self.volumes.discover()

    def revert(self, result, flow_failures):
        """Disconnect the volumes, if their discovery failed"""
        if self.undo and isinstance(result, failure.Failure):
            self.volumes.disconnect_now()


class ConnectVolumes(task.Task):
    """Queue what connects volumes that were discovered to the LPAR.

    :param volumes: volume.instance_volumes.InstanceVolumes
    :param undo: whether a flow that fails disconnects them.
    """

    def __init__(self, volumes, stg, undo=True):
        super().__init__('connect_volumes')
        self.volumes = volumes
        self.stg = stg
        self.undo = undo

    def execute(self, discovered_volumes):
        self.volumes.check(discovered_volumes)
        self.volumes.connect(self.stg, discovered_volumes)

    def revert(self, result, flow_failures, discovered_volumes):
        if self.undo:
            self.volumes.disconnect_now(discovered_volumes)


class ReconnectVolumes(task.Task):
    """Queue what restores connections of volumes that were lost.

    It leaves out volumes that no VIOS sees, and provides them as
    ``bad_volumes``, a list of volume.driver.Volume.
    """

    def __init__(self, volumes, stg):
        super().__init__('reconnect_volumes', provides='bad_volumes')
        self.volumes = volumes
        self.stg = stg

    def execute(self, discovered_volumes):
        missing = self.volumes.missing(discovered_volumes)
        self.volumes.connect(self.stg, discovered_volumes)
        return missing


class SaveVolumes(task.Task):
    """Have Nova keep what connecting volumes has found out.

    :param volumes: volume.instance_volumes.InstanceVolumes
    :param bdms: list of nova.virt.block_device.DriverVolumeBlockDevice of all
        volumes of the server; None if there may be others, and Nova itself
        saves the connection_info of these.
    """

    def __init__(self, volumes, bdms=None):
        super().__init__('save_volumes')
        self.volumes = volumes
        self.bdms = bdms

    def execute(self, discovered_volumes):
        for bdm in self.bdms or ():
            bdm.save()
        self.volumes.keep_addresses(discovered_volumes,
                                    are_all=self.bdms is not None)


class TagDevices(task.Task):
    """Tell the guest, through Nova, which devices have tags.

    :param volumes: volume.instance_volumes.InstanceVolumes that a later task
        of the flow connects to a new LPAR, or None.
    """

    def __init__(self, instance, volumes=None):
        super().__init__('tag_devices')
        self.instance = instance
        self.volumes = volumes

    def execute(self):
        if self.volumes:
            self.volumes.keep_expected_addresses()
        tags.update(self.instance)


class ForgetVolumes(task.Task):
    """Have Nova forget where volumes were that are detached.

    :param volumes: volume.instance_volumes.InstanceVolumes
    """

    def __init__(self, volumes):
        super().__init__('forget_volumes')
        self.volumes = volumes

    def execute(self):
        self.volumes.forget_addresses()


class DisconnectVolumes(task.Task):
    """Queue what disconnects volumes.

    :param volumes: volume.instance_volumes.InstanceVolumes
    :param server_going: whether the server is being removed.
    :param undo: whether a flow that fails connects them again.
    """

    def __init__(self, volumes, stg, server_going=False, undo=False):
        super().__init__('disconnect_volumes')
        self.volumes = volumes
        self.stg = stg
        self.server_going = server_going
        self.undo = undo

    def execute(self):
        self.volumes.disconnect(self.stg, server_going=self.server_going)

    def revert(self, result, flow_failures):
        if self.undo:
            self.volumes.connect_now()


class ExtendVolume(task.Task):
    """Make the server see that a volume has grown.

    :param size: int, bytes that it has now.
    """

    def __init__(self, volumes, size):
        super().__init__('extend_volume')
        self.volumes = volumes
        self.size = size

    def execute(self):
        self.volumes.extend(self.size)


class CheckSwap(task.Task):
    """Make sure that a volume can be copied onto another now.

    :param copier: volume.copying.VolumeCopier
    :param may_stop: whether the server, if it is on, may be stopped.
    """

    def __init__(self, host, instance, old, new, copier, may_stop):
        super().__init__('check_swap')
        self.host = host
        self.instance = instance
        self.old = old
        self.new = new
        self.copier = copier
        self.may_stop = may_stop

    def execute(self):
        reason = self._why_not()
        if reason:
            raise nova_exc.VolumeRebaseFailed(reason=reason)

    def _why_not(self):
        if not (self.old.can_be_copied and self.new.can_be_copied):
            return ('the platform cannot copy volumes that the server '
                    'reaches in this way')
        if not self.may_stop:
            return ('the platform cannot copy a volume that a server uses, '
                    'and must not stop it ([powervm] '
                    'swap_volume_stops_server)')
        return self.copier.why_not()


class NoteSwap(task.Task):
    """Have Nova keep that a volume is being swapped, and was the server on."""

    def __init__(self, instance, old, new, was_on):
        super().__init__('note_swap')
        self.instance = instance
        self.old = old
        self.new = new
        self.was_on = was_on

    def execute(self):
        swaps.begin(self.instance, self.old.volumes[0], self.new.volumes[0],
                    self.was_on)

    def revert(self, result, flow_failures):
        swaps.end(self.instance)


class DiscoverSwap(task.Task):
    """Make VIOSes see a volume and the one that replaces it.

    Provides what is seen as ``discovered_old`` and ``discovered_new``, see
    InstanceVolumes.discover().
    """

    def __init__(self, old, new):
        super().__init__('discover_swap', provides=('discovered_old',
                                                    'discovered_new'))
        self.old = old
        self.new = new

    def execute(self):
        return self.old.discover(), self.new.discover()

    def revert(self, result, flow_failures):
        """Remove the devices of the new volume, if its discovery failed"""
        if isinstance(result, failure.Failure):
            self.new.disconnect_now()


class CopyVolume(task.Task):
    """Copy a volume onto another, while the server is off."""

    def __init__(self, copier, old, new):
        super().__init__('copy_volume')
        self.copier = copier
        self.old = old
        self.new = new

    def execute(self, discovered_old, discovered_new):
        self.old.check(discovered_old)
        self.new.check(discovered_new)
        self.copier.copy(*self.old.devices(discovered_old),
                         *self.new.devices(discovered_new))

    def revert(self, result, flow_failures, discovered_new):
        """Remove the devices of the new volume"""
        self.new.disconnect_now(discovered_new)


class ReplaceVolume(task.Task):
    """Queue what puts a volume in the place of another."""

    def __init__(self, old, new, stg):
        super().__init__('replace_volume')
        self.old = old
        self.new = new
        self.stg = stg

    def execute(self, discovered_old, discovered_new):
        self.old.disconnect(self.stg, discovered_old)
        self.new.connect(self.stg, discovered_new,
                         replaces=self.old.volumes[0])

    def revert(self, result, flow_failures, discovered_new):
        """Put the old volume in its place again"""
        undoing.each(lambda undo: undo(), (
            lambda: self.new.disconnect_now(discovered_new),
            self.old.connect_now))


class SaveSwap(task.Task):
    """Have Nova keep where a volume is that has replaced another."""

    def __init__(self, instance, old, new):
        super().__init__('save_swap')
        self.instance = instance
        self.old = old
        self.new = new

    def execute(self, discovered_new):
        # Cinder gives the new volume the id of the old one, if it has
        # migrated that.
        for address in self.new.addresses(discovered_new).values():
            device_addresses.keep(self.instance, dict.fromkeys(
                (*self.old.ids, *self.new.ids), address))
        swaps.end(self.instance)
