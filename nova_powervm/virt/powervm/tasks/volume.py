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

"""Tasks on Cinder volumes: thin wrappers of the volume connectors."""

from nova import exception as nova_exc
from oslo_log import log as logging
from taskflow import task

from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import swaps
from nova_powervm.virt.powervm.volume import tags

LOG = logging.getLogger(__name__)


class CheckAttach(task.Task):
    """Make sure that the platform can give the LPAR a volume now."""

    def __init__(self, host, instance, connector):
        super().__init__('check_attach')
        self.host = host
        self.instance = instance
        self.connector = connector

    def execute(self):
        if not self.connector.needs_io_change:
            return
        reason = vm.why_no_io_change(self.host, self.instance)
        if reason:
            raise nova_exc.VolumeAttachFailed(
                volume_id=self.connector.volume_id, reason=reason)

    def revert(self, result, flow_failures):
        self.connector.give_up()


class KeepConnection(task.Task):
    """Have Nova keep how a volume is to be reached, before anything is done.

    Nova removes its record of the volume itself if the flow fails.
    """

    def __init__(self, instance, connector):
        super().__init__('keep_connection')
        self.instance = instance
        self.connector = connector

    def execute(self):
        volume.keep_connection(self.instance, self.connector)


class CheckDetach(task.Task):
    """Make sure that the platform can take a volume from the LPAR now."""

    def __init__(self, host, instance, connector):
        super().__init__('check_detach')
        self.host = host
        self.instance = instance
        self.connector = connector

    def execute(self):
        if not self.connector.disconnect_changes_io:
            return
        try:
            reason = vm.why_no_io_change(self.host, self.instance)
        except nova_exc.InstanceNotFound:
            LOG.log(vm.level_of_missing(self.instance),
                    'The LPAR is gone; what it left of volume %s on the '
                    'VIOSes will be removed.', self.connector.volume_id,
                    instance=self.instance)
            return
        if reason:
            raise nova_exc.DeviceDetachFailed(
                device=self.connector.volume_id, reason=reason)


class ConnectVolumes(task.Task):
    """Discover volumes, and queue what connects them to the LPAR.

    :param connectors: list of volume.driver.VolumeConnector
    :param undo: whether a flow that fails disconnects them.
    """

    def __init__(self, connectors, stg, undo=True):
        super().__init__('connect_volumes')
        self.connectors = connectors
        self.stg = stg
        self.undo = undo

    def execute(self):
        volume.discover(self.connectors)
        for connector in self.connectors:
            connector.connect(self.stg)

    def revert(self, result, flow_failures):
        if self.undo:
            volume.disconnect_now(self.stg.host, self.connectors)


class ReconnectVolumes(task.Task):
    """Queue what makes up for connections of volumes that were lost.

    A volume that no VIOS sees is left out; volumes provides them as
    ``bad_volumes``, a list of connectors.
    """

    def __init__(self, connectors, stg):
        super().__init__('reconnect_volumes', provides='bad_volumes')
        self.connectors = connectors
        self.stg = stg

    def execute(self):
        bad = volume.discover_what_is_there(self.connectors)
        for connector in self.connectors:
            if connector not in bad:
                connector.connect(self.stg)
        return bad


class SaveVolumes(task.Task):
    """Have Nova keep what the connectors found out.

    :param connectors: list of volume.driver.VolumeConnector
    :param bdms: list of nova.virt.block_device.DriverVolumeBlockDevice of all
        volumes of the server; None if there may be others, and Nova itself
        saves the connection_info of these.
    """

    def __init__(self, instance, connectors, bdms=None):
        super().__init__('save_volumes')
        self.instance = instance
        self.connectors = connectors
        self.bdms = bdms

    def execute(self):
        for bdm in self.bdms or ():
            bdm.save()
        volume.keep_places(self.instance, self.connectors,
                           are_all=self.bdms is not None)


class TagDevices(task.Task):
    """Tell the guest, through Nova, which devices have tags.

    :param connectors: list of volume.driver.VolumeConnector, whose volumes
        will be connected to a new LPAR later in the flow.
    """

    def __init__(self, instance, connectors=()):
        super().__init__('tag_devices')
        self.instance = instance
        self.connectors = connectors

    def execute(self):
        for connector in self.connectors:
            connector.expect_place()
        volume.keep_places(self.instance, self.connectors)
        tags.update(self.instance)


class ForgetVolumes(task.Task):
    """Have Nova forget where volumes were that are detached.

    :param connectors: list of volume.driver.VolumeConnector
    """

    def __init__(self, instance, connectors):
        super().__init__('forget_volumes')
        self.instance = instance
        self.connectors = connectors

    def execute(self):
        volume.forget_places(self.instance, self.connectors)


class DisconnectVolumes(task.Task):
    """Queue what disconnects volumes.

    :param connectors: list of volume.driver.VolumeConnector
    :param server_going: whether the server is being removed.
    :param undo: whether a flow that fails connects them again.
    """

    def __init__(self, connectors, stg, server_going=False, undo=False):
        super().__init__('disconnect_volumes')
        self.connectors = connectors
        self.stg = stg
        self.server_going = server_going
        self.undo = undo

    def execute(self):
        for connector in self.connectors:
            connector.disconnect(self.stg, server_going=self.server_going)

    def revert(self, result, flow_failures):
        if self.undo:
            volume.connect_now(self.stg.host, self.connectors)


class ExtendVolume(task.Task):
    """Make the server see that a volume has grown.

    :param size: int, bytes that it has now.
    """

    def __init__(self, connector, size):
        super().__init__('extend_volume')
        self.connector = connector
        self.size = size

    def execute(self):
        self.connector.extend(self.size)


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
        swaps.begin(self.instance, self.old, self.new, self.was_on)

    def revert(self, result, flow_failures):
        swaps.end(self.instance)


class CopyVolume(task.Task):
    """Copy a volume onto another, while the server is off."""

    def __init__(self, copier, old, new):
        super().__init__('copy_volume')
        self.copier = copier
        self.old = old
        self.new = new

    def execute(self):
        volume.discover([self.old])
        volume.discover([self.new])
        self.copier.copy(self.old, self.new)

    def revert(self, result, flow_failures):
        """Remove the devices of the new volume"""
        volume.disconnect_now(self.copier.host, [self.new])


class ReplaceVolume(task.Task):
    """Queue what puts a volume in the place of another."""

    def __init__(self, host, old, new, stg):
        super().__init__('replace_volume')
        self.host = host
        self.old = old
        self.new = new
        self.stg = stg

    def execute(self):
        self.new.replace(self.old, self.stg)

    def revert(self, result, flow_failures):
        """Put the old volume in its place again"""
        undoing.each(lambda undo: undo(), (
            lambda: volume.disconnect_now(self.host, [self.new]),
            lambda: volume.connect_now(self.host, [self.old])))


class SaveSwap(task.Task):
    """Have Nova keep where a volume is that has replaced another."""

    def __init__(self, instance, old, new):
        super().__init__('save_swap')
        self.instance = instance
        self.old = old
        self.new = new

    def execute(self):
        volume.keep_swapped(self.instance, self.old, self.new)
        swaps.end(self.instance)
