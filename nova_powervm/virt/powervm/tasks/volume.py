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

from taskflow.types import failure

from nova_powervm.virt.powervm.tasks import base
from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm.volume import checks
from nova_powervm.virt.powervm.volume import swaps
from nova_powervm.virt.powervm.volume import tags


class VolumesTask(base.Task):
    """Base of the tasks on volumes of one server.

    :param volumes: volume.instance_volumes.InstanceVolumes
    """

    def __init__(self, volumes):
        super().__init__()
        self.volumes = volumes


class VolumesEdit(VolumesTask):
    """Base of the tasks that queue edits for volumes.

    :param volumes: volume.instance_volumes.InstanceVolumes
    :param stg: storage.transaction.StorageTransaction of the flow.
    """

    def __init__(self, volumes, stg):
        super().__init__(volumes)
        self.stg = stg


class VolumesCheck(base.HostTask):
    """Base of the tasks that check whether volumes can be changed."""

    def __init__(self, host, instance, volumes):
        super().__init__(host, instance)
        self.volumes = volumes


class CheckAttach(VolumesCheck):
    """Check that the LPAR can get volumes now."""

    NAME = 'check_attach'

    def execute(self):
        checks.check_attach(self.host, self.instance, self.volumes)

    def revert(self, result, flow_failures):
        self.volumes.give_up()


class CheckDetach(VolumesCheck):
    """Check that the LPAR can lose volumes now."""

    NAME = 'check_detach'

    def execute(self):
        checks.check_detach(self.host, self.instance, self.volumes)


class KeepConnection(VolumesTask):
    """Have Nova store how to reach volumes, before anything changes.

    If the flow fails, Nova itself removes its record of the volume.
    """

    NAME = 'keep_connection'

    def execute(self):
        self.volumes.keep_connections()


class RediscoverVolumes(VolumesTask):
    """Make VIOSes see connected volumes; provides ``discovered_volumes``.

    That is what InstanceVolumes.discover() returns. This is not undone.
    """

    NAME = 'rediscover_volumes'
    default_provides = 'discovered_volumes'

    def execute(self):
        return self.volumes.discover()


class DiscoverVolumes(RediscoverVolumes):
    """Make VIOSes see new volumes; provides ``discovered_volumes``.

    That is what InstanceVolumes.discover() returns. A discovery that succeeded
    is undone by the task that connects the volumes.
    """

    NAME = 'discover_volumes'

    def revert(self, result, flow_failures):
        """Disconnect the volumes, if their discovery failed"""
        if isinstance(result, failure.Failure):
            self.volumes.disconnect_now()


class RestoreVolumes(VolumesEdit):
    """Queue the connection of discovered volumes of the server; it stays."""

    NAME = 'restore_volumes'

    def execute(self, discovered_volumes):
        self.volumes.check(discovered_volumes)
        self.volumes.connect(self.stg, discovered_volumes)


class ConnectVolumes(RestoreVolumes):
    """Queue the connection of discovered volumes to the LPAR."""

    NAME = 'connect_volumes'

    def revert(self, result, flow_failures, discovered_volumes):
        self.volumes.disconnect_now(discovered_volumes)


class ReconnectVolumes(VolumesEdit):
    """Queue the missing connections of volumes.

    The task leaves out volumes that no VIOS sees, and provides them as
    ``bad_volumes``, a list of volume.driver.Volume.
    """

    NAME = 'reconnect_volumes'
    default_provides = 'bad_volumes'

    def execute(self, discovered_volumes):
        missing = self.volumes.missing(discovered_volumes)
        self.volumes.connect(self.stg, discovered_volumes)
        return missing


class SaveVolumes(VolumesTask):
    """Have Nova store what the connection of volumes has found out.

    :param volumes: volume.instance_volumes.InstanceVolumes
    :param bdms: list of nova.virt.block_device.DriverVolumeBlockDevice of all
        volumes of the server. None if the server may have other volumes, and
        Nova itself saves the connection_info of these volumes.
    """

    NAME = 'save_volumes'

    def __init__(self, volumes, bdms=None):
        super().__init__(volumes)
        self.bdms = bdms

    def execute(self, discovered_volumes):
        for bdm in self.bdms or ():
            bdm.save()
        self.volumes.keep_addresses(discovered_volumes,
                                    are_all=self.bdms is not None)


class TagDevices(base.InstanceTask):
    """Tell the guest, through Nova, which devices have tags.

    :param volumes: volume.instance_volumes.InstanceVolumes that a later task
        of the flow connects to a new LPAR, or None.
    """

    NAME = 'tag_devices'

    def __init__(self, instance, volumes=None):
        super().__init__(instance)
        self.volumes = volumes

    def execute(self):
        if self.volumes:
            self.volumes.keep_expected_addresses()
        tags.update(self.instance)


class ForgetVolumes(VolumesTask):
    """Have Nova forget the addresses of detached volumes."""

    NAME = 'forget_volumes'

    def execute(self):
        self.volumes.forget_addresses()


class DisconnectVolumes(VolumesEdit):
    """Queue the disconnection of volumes.

    :param server_going: whether the server is being removed.
    """

    NAME = 'disconnect_volumes'

    def __init__(self, volumes, stg, server_going=False):
        super().__init__(volumes, stg)
        self.server_going = server_going

    def execute(self):
        self.volumes.disconnect(self.stg, server_going=self.server_going)


class ReleaseVolumes(DisconnectVolumes):
    """Queue the disconnection of volumes that the server keeps."""

    NAME = 'release_volumes'

    def revert(self, result, flow_failures):
        """Connect the volumes again"""
        self.volumes.connect_now()


class ExtendVolume(VolumesTask):
    """Make the server see that a volume has grown.

    :param size: int, new size in bytes.
    """

    NAME = 'extend_volume'

    def __init__(self, volumes, size):
        super().__init__(volumes)
        self.size = size

    def execute(self):
        self.volumes.extend(self.size)


class SwapTask(base.Task):
    """Base of the tasks that replace a volume by another.

    :param old: volume.instance_volumes.InstanceVolumes of the replaced volume.
    :param new: likewise, of the volume that replaces it.
    """

    def __init__(self, old, new):
        super().__init__()
        self.old = old
        self.new = new


class CheckSwap(SwapTask):
    """Check that a volume can be copied to another now.

    :param copier: volume.copying.VolumeCopier
    :param may_stop: whether the server is off or may be stopped.
    """

    NAME = 'check_swap'

    def __init__(self, old, new, copier, may_stop):
        super().__init__(old, new)
        self.copier = copier
        self.may_stop = may_stop

    def execute(self):
        checks.check_swap(self.old, self.new, self.copier, self.may_stop)


class NoteSwap(SwapTask):
    """Have Nova store that a volume is being swapped.

    :param was_on: whether the server is on.
    """

    NAME = 'note_swap'

    def __init__(self, instance, old, new, was_on):
        super().__init__(old, new)
        self.instance = instance
        self.was_on = was_on

    def execute(self):
        swaps.begin(self.instance, self.old.volumes[0], self.new.volumes[0],
                    self.was_on)

    def revert(self, result, flow_failures):
        swaps.end(self.instance)


class DiscoverSwap(SwapTask):
    """Make VIOSes see a volume and the one that replaces it.

    Provides what is seen as ``discovered_old`` and ``discovered_new``, see
    InstanceVolumes.discover().
    """

    NAME = 'discover_swap'
    default_provides = ('discovered_old', 'discovered_new')

    def execute(self):
        return self.old.discover(), self.new.discover()

    def revert(self, result, flow_failures):
        """Remove the devices of the new volume, if its discovery failed"""
        if isinstance(result, failure.Failure):
            self.new.disconnect_now()


class CopyVolume(SwapTask):
    """Copy a volume to another, while the server is off."""

    NAME = 'copy_volume'

    def __init__(self, copier, old, new):
        super().__init__(old, new)
        self.copier = copier

    def execute(self, discovered_old, discovered_new):
        self.old.check(discovered_old)
        self.new.check(discovered_new)
        self.copier.copy(*self.old.devices(discovered_old),
                         *self.new.devices(discovered_new))

    def revert(self, result, flow_failures, discovered_new):
        """Remove the devices of the new volume"""
        self.new.disconnect_now(discovered_new)


class ReplaceVolume(SwapTask):
    """Queue the edits that replace a volume by another."""

    NAME = 'replace_volume'

    def __init__(self, old, new, stg):
        super().__init__(old, new)
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


class SaveSwap(SwapTask):
    """Have Nova store where the volume is that has replaced another."""

    NAME = 'save_swap'

    def __init__(self, instance, old, new):
        super().__init__(old, new)
        self.instance = instance

    def execute(self, discovered_new):
        swaps.finish(self.instance, self.old, self.new, discovered_new)
