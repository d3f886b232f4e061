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

from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume

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


class CheckDetach(task.Task):
    """Make sure that the platform can take a volume from the LPAR now."""

    def __init__(self, host, instance, connector):
        super().__init__('check_detach')
        self.host = host
        self.instance = instance
        self.connector = connector

    def execute(self):
        try:
            reason = vm.why_no_io_change(self.host, self.instance)
        except nova_exc.InstanceNotFound:
            LOG.warning('The LPAR is gone; what it left of volume %s on the '
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
            storage.try_to('disconnect volumes', volume.disconnect_now,
                           self.stg.host, self.connectors)


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

    :param bdms: list of nova.virt.block_device.DriverVolumeBlockDevice
    """

    def __init__(self, bdms):
        super().__init__('save_volumes')
        self.bdms = bdms

    def execute(self):
        for bdm in self.bdms:
            bdm.save()


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
            storage.try_to('connect volumes again', volume.connect_now,
                           self.stg.host, self.connectors)


class ExtendVolume(task.Task):
    """Make the server see that a volume has grown."""

    def __init__(self, connector):
        super().__init__('extend_volume')
        self.connector = connector

    def execute(self):
        self.connector.extend()
