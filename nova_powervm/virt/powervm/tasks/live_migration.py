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

"""Tasks of live migrations: thin wrappers of live, vif, media and volume."""

import functools

from taskflow import task

from nova_powervm.virt.powervm.live import attachments
from nova_powervm.virt.powervm.live import records
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm import vif as powervm_vif
from nova_powervm.virt.powervm.vif import rmc
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import departure


class AuthorizeKey(task.Task):
    """Let the NovaLink of the source log on to this one.

    :param keys: live.keys.Keys
    :param key: str, public key of the source.
    """

    def __init__(self, keys, key):
        super().__init__('authorize_key')
        self.keys = keys
        self.key = key

    def execute(self):
        self.keys.authorize(self.key)


class PreparePorts(task.Task):
    """Have networks reach the ports; provides their new VLANs.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param ports: list of tuples of nova.network.model.VIF: a port as it is
        bound here, and as it is bound on the source.
    :param switches: dict of the id of a port -> name of its virtual switch
        on the source.
    """

    def __init__(self, host, instance, ports, switches):
        super().__init__('prepare_ports', provides='vlans')
        self.host = host
        self.instance = instance
        self.ports = ports
        self.switches = switches

    def execute(self):
        found = {vif['address']: powervm_vif.prepare_on_target(
            self.host, self.instance, vif, before,
            self.switches.get(vif['id'])) for vif, before in self.ports}
        return {mac: vlan for mac, vlan in found.items() if vlan is not None}

    def revert(self, result, flow_failures):
        undoing.each(functools.partial(
            powervm_vif.unplug_without_lpar, self.host, self.instance),
            [vif for vif, _before in self.ports])


class LeavePorts(task.Task):
    """Remove what ports have on this host, where the server is not.

    A failure is logged, and no more: Nova would leave out the rest.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param vifs: list of nova.network.model.VIF
    """

    def __init__(self, host, instance, vifs):
        super().__init__('leave_ports')
        self.host = host
        self.instance = instance
        self.vifs = vifs

    def execute(self):
        for vif in self.vifs:
            utils.try_to('remove what port %s has here' % vif['id'],
                         powervm_vif.unplug_without_lpar, self.host,
                         self.instance, vif)


class AnnouncePorts(task.Task):
    """Tell the network agent of this host about the ports, if there is one.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param vifs: list of nova.network.model.VIF
    :param action: vif.events.PLUG or UNPLUG
    """

    def __init__(self, host, instance, vifs, action):
        super().__init__('announce_ports')
        self.host = host
        self.instance = instance
        self.vifs = vifs
        self.action = action

    def execute(self):
        for vif in self.vifs:
            powervm_vif.announce(self.host, self.instance, vif, self.action)


class UnloadCfgDrive(task.Task):
    """Unmap the config drive: the platform moves no media.

    If the server stays, the roll-back at the source maps it again.
    """

    def __init__(self, host, config_drive, instance):
        super().__init__('unload_cfg_drive')
        self.host = host
        self.config_drive = config_drive
        self.instance = instance

    def execute(self):
        with transaction.StorageTransaction.immediate(
                self.host, 'unload_cfg_drive') as stg:
            self.config_drive.detach(self.instance, stg)


class SubmitMigration(task.Task):
    """Have the platform begin to move the LPAR.

    :param migration: live.running.Migration
    :param parameters: dict of str, see live.job.parameters().
    """

    def __init__(self, migration, parameters):
        super().__init__('submit_migration')
        self.migration = migration
        self.parameters = parameters

    def execute(self):
        self.migration.submit(self.parameters)


class RestoreCfgDrive(task.Task):
    """Create the config drive on the target, and map it.

    The server runs without it, so a failure is logged, and no more.

    :param slots: slots.server.ServerSlots of the flow.
    """

    def __init__(self, host, config_drive, context, instance, network_info,
                 slots):
        super().__init__('restore_cfg_drive')
        self.host = host
        self.config_drive = config_drive
        self.context = context
        self.instance = instance
        self.network_info = network_info
        self.slots = slots

    def execute(self):
        utils.try_to('create and map the config drive of server %s' %
                     self.instance.uuid, self._restore)

    def _restore(self):
        medium = self.config_drive.create(
            self.context, self.instance, [], self.network_info, None,
            mgmt_cna=rmc.find(self.host, self.instance))
        with transaction.StorageTransaction.immediate(
                self.host, 'restore_cfg_drive', slots=self.slots) as stg:
            self.config_drive.attach(self.instance, medium, stg)


class DeleteVOptOfMoved(task.Task):
    """Delete the config drive that the server had here."""

    def __init__(self, config_drive, instance):
        super().__init__('vopt_delete_of_moved')
        self.config_drive = config_drive
        self.instance = instance

    def execute(self):
        utils.try_to('delete the config drive of server %s' %
                     self.instance.uuid, self._delete)

    def _delete(self):
        self.config_drive.delete(self.instance, may_wait=True)


class ForgetState(task.Task):
    """Forget the state of the LPAR, which is on another host now."""

    def __init__(self, host, instance):
        super().__init__('forget_state')
        self.host = host
        self.instance = instance

    def execute(self):
        self.host.partition_states.forget(vm.get_lpar_uuid(self.instance))


class CheckIsAwaited(task.Task):
    """Make sure that the source still waits for this host.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param when: str, which tells two such tasks of a flow apart.
    :param found: dict of volume id -> id of its attachment on the source.
    """

    def __init__(self, host, instance, when, found):
        super().__init__('check_is_awaited_' + when)
        self.host = host
        self.instance = instance
        self.found = found

    def execute(self):
        records.check_is_awaited(self.host, self.instance, self.found)


class ForgetAttachments(task.Task):
    """Have Nova forget them: the migration has ended.

    :param instance: the nova.objects.Instance.
    """

    def __init__(self, instance):
        super().__init__('forget_attachments')
        self.instance = instance

    def execute(self):
        utils.try_to('have Nova forget the attachments on the source',
                     attachments.forget, self.instance)


class ForgetDevices(task.Task):
    """Make VIOSes forget volumes of a server that is not here.

    A failure is logged, and no more; stale.StaleVolumes removes the rest.

    :param host: the Host.
    :param instance: the nova.objects.Instance.
    :param udids: dict of volume id -> its UDID, str.
    """

    def __init__(self, host, instance, udids):
        super().__init__('forget_devices')
        self.host = host
        self.instance = instance
        self.udids = udids

    def execute(self):
        utils.try_to('remove devices of volumes', departure.forget,
                     self.host, self.instance, self.udids)


class NoteDeparture(task.Task):
    """Have Nova keep that a server has its volumes on the target.

    A failure is logged, and no more: the target notes it as well.

    :param volumes: volume.instance_volumes.InstanceVolumes
    :param target: str, Nova's name of the target.
    """

    def __init__(self, volumes, target):
        super().__init__('note_departure')
        self.volumes = volumes
        self.target = target

    def execute(self):
        utils.try_to('have Nova keep that the volumes are on host %s' %
                     self.target, self.volumes.note_departure, self.target)


class PrepareVolumes(task.Task):
    """Have VIOSes see volumes; provides which VIOS is to serve what.

    That is what InstanceVolumes.prepare_target() returns.

    :param host: the Host.
    :param disk_dvr: disk.driver.DiskAdapter
    :param volumes: volume.instance_volumes.InstanceVolumes
    :param adapters: dict, how the LPAR has them on the source.
    """

    def __init__(self, host, disk_dvr, volumes, adapters):
        super().__init__('prepare_volumes', provides='served_by')
        self.host = host
        self.disk_dvr = disk_dvr
        self.volumes = volumes
        self.adapters = adapters

    def execute(self):
        return self.volumes.prepare_target(self.adapters, (
            self.disk_dvr.vios_uuids
            if self.disk_dvr.capabilities['shared_storage'] else []))

    def revert(self, result, flow_failures):
        ForgetDevices(self.host, self.volumes.instance,
                      self.volumes.known_udids()).execute()


class NoteVolumes(task.Task):
    """Have Nova keep where a server that has come has its volumes.

    :param host: the Host.
    :param volumes: volume.instance_volumes.InstanceVolumes
    """

    def __init__(self, host, volumes):
        super().__init__('note_volumes')
        self.host = host
        self.volumes = volumes

    def execute(self):
        vioses = []
        is_read = utils.try_to(
            'look where the volumes are',
            lambda: vioses.extend(self.host.vioses(self.volumes.xag)))
        utils.try_to('have Nova keep where the volumes are',
                     self.volumes.note_on_target, vioses if is_read else None)
