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

"""The flows of a live migration, on the source and on the target.

The platform moves the LPAR with its adapters, and the driver prepares what the
platform does not move. After submit(), and before the flows that finish or
roll back, the platform alone decides where the server is.
"""

from nova.virt import driver as virt_driver
from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.flows import console
from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.live import checks
from nova_powervm.virt.powervm.storage import transaction as stg_transaction
from nova_powervm.virt.powervm.tasks import live_migration as tf_live
from nova_powervm.virt.powervm.tasks import media as tf_media
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm
from nova_powervm.virt.powervm.vif import events
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import device_addresses


def _volumes(services, instance, block_device_info):
    return volume.build_for_migration(
        services.host, instance,
        virt_driver.block_device_info_get_mapping(block_device_info))


def prepare(services, instance, ports, public_key, switches,
            block_device_info=None, adapters=None, attachments=None):
    """Flow that prepares the target for a server.

    :param ports: list of tuples of nova.network.model.VIF: a port as it is
        bound here, and as it is bound on the source.
    :param public_key: str, of the NovaLink of the source.
    :param switches: dict of the id of a port -> name of its virtual switch
        on the source.
    :param block_device_info: as Nova hands it to the driver on the target.
    :param adapters: dict of the adapters on the source, see
        InstanceVolumes.describe_adapters().
    :param attachments: dict of volume id -> id of its attachment on the
        source.
    """
    attachments = attachments or {}
    flow = linear_flow.Flow('live_migration_prepare').add(
        tf_live.CheckIsAwaited(services.host, instance, 'first', attachments),
        tf_vm.KeepHost(services.host, instance),
        tf_live.AuthorizeKey(services.keys, public_key),
        tf_live.PreparePorts(services.host, instance, ports, switches))
    volumes = _volumes(services, instance, block_device_info)
    if volumes:
        flow.add(tf_live.PrepareVolumes(services.host, services.disk, volumes,
                                        adapters))
    # If nova-compute of the source has started again meanwhile, it has rolled
    # back what was there then.
    return flow.add(
        tf_live.CheckIsAwaited(services.host, instance, 'last', attachments))


def submit(services, instance, migration, parameters):
    """Flow that has the platform move a server.

    :param migration: live.running.Migration
    :param parameters: dict of str, see live.job.parameters().
    """
    flow = linear_flow.Flow('live_migration_submit')
    if checks.has_config_drive(instance):
        flow.add(tf_live.UnloadCfgDrive(services.host, services.config_drive,
                                        instance))
    console.add_close(flow, services, instance)
    return flow.add(tf_live.SubmitMigration(migration, parameters))


def roll_back_at_source(services, instance):
    """Flow that gives a server back what did not move, as it stays."""
    flow = linear_flow.Flow('live_migration_roll_back_at_source')
    if checks.has_config_drive(instance):
        stg = stg_transaction.StorageTransaction(services.host,
                                                 'load_cfg_drive')
        flow.add(
            tf_media.ReattachCfgDrive(services.config_drive, instance, stg),
            tf_stg.UpdateVioses(stg))
    console.add_keep_log(flow, services, instance)
    return flow


def roll_back_at_target(services, instance, network_info):
    """Flow that removes what prepare() made for a server that stays away."""
    flow = linear_flow.Flow('live_migration_roll_back_at_target').add(
        tf_live.LeavePorts(services.host, instance, network_info))
    udids = device_addresses.udids(instance)
    if udids:
        flow.add(tf_live.ForgetDevices(services.host, instance, udids))
    return flow.add(tf_live.ForgetAttachments(instance))


def forget_volumes(services, instance, block_device_info):
    """Flow that removes devices of volumes of a server that is not here."""
    volumes = _volumes(services, instance, block_device_info)
    return linear_flow.Flow('live_migration_forget_volumes').add(
        tf_live.ForgetDevices(services.host, instance, volumes.known_udids()))


def release_volumes(services, instance, block_device_info, target):
    """Flow that gives up the volumes of a server that has moved.

    :param target: str, Nova's name of the host that it has moved to.
    """
    volumes = _volumes(services, instance, block_device_info)
    return linear_flow.Flow('live_migration_release_volumes').add(
        tf_live.NoteDeparture(volumes, target),
        tf_live.ForgetDevices(services.host, instance, volumes.known_udids()))


def unplug_at_source(services, instance, network_info):
    """Flow that gives up the ports of a server that has moved."""
    return linear_flow.Flow('live_migration_unplug_at_source').add(
        tf_live.LeavePorts(services.host, instance, network_info))


def clean_source(services, instance):
    """Flow that removes the rest of a server that has moved."""
    flow = linear_flow.Flow('live_migration_clean_source').add(
        tf_live.ForgetState(services.host, instance))
    if checks.has_config_drive(instance):
        flow.add(tf_live.DeleteVOptOfMoved(services.config_drive, instance))
    return flow


def finish_on_target(services, context, instance, network_info,
                     block_device_info=None):
    """Flow that completes a server that has moved to this host."""
    flow = linear_flow.Flow('live_migration_finish_on_target').add(
        tf_vm.KeepHost(services.host, instance))
    volumes = _volumes(services, instance, block_device_info)
    if volumes:
        flow.add(tf_live.NoteVolumes(services.host, volumes),
                 tf_live.ForgetAttachments(instance))
    flow.add(
        tf_live.AnnouncePorts(services.host, instance, network_info,
                              events.PLUG))
    console.add_keep_log(flow, services, instance)
    if checks.has_config_drive(instance):
        slots = slot.slots_for_change(services, instance)
        flow.add(tf_live.RestoreCfgDrive(
            services.host, services.config_drive, context, instance,
            network_info, slots))
        slot.add_save_slots(flow, slots)
    return flow
