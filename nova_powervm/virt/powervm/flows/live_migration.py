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

from taskflow.patterns import linear_flow

from nova_powervm.virt.powervm.flows import slot
from nova_powervm.virt.powervm.live import checks
from nova_powervm.virt.powervm.storage import transaction as stg_transaction
from nova_powervm.virt.powervm.tasks import live_migration as tf_live
from nova_powervm.virt.powervm.tasks import media as tf_media
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm
from nova_powervm.virt.powervm.vif import events


def prepare(services, instance, network_info, public_key, switches):
    """Flow that prepares the target for a server.

    :param network_info: list of nova.network.model.VIF, as bound here.
    :param public_key: str, of the NovaLink of the source.
    :param switches: dict of the id of a port -> name of its virtual switch
        on the source.
    """
    return linear_flow.Flow('live_migration_prepare').add(
        tf_vm.KeepHost(services.host, instance),
        tf_live.AuthorizeKey(services.keys, public_key),
        tf_live.PreparePorts(services.host, instance, network_info, switches))


def submit(services, instance, migration, parameters):
    """Flow that has the platform move a server.

    :param migration: live.running.Migration
    :param parameters: dict of str, see live.job.parameters().
    """
    flow = linear_flow.Flow('live_migration_submit')
    if checks.has_config_drive(instance):
        flow.add(tf_live.UnloadCfgDrive(services.host, services.config_drive,
                                        instance))
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
    return flow


def roll_back_at_target(services, instance, network_info):
    """Flow that removes what prepare() made for a server that stays away."""
    return linear_flow.Flow('live_migration_roll_back_at_target').add(
        tf_live.LeavePorts(services.host, instance, network_info))


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


def finish_on_target(services, context, instance, network_info):
    """Flow that completes a server that has moved to this host."""
    flow = linear_flow.Flow('live_migration_finish_on_target').add(
        tf_vm.KeepHost(services.host, instance),
        tf_live.AnnouncePorts(services.host, instance, network_info,
                              events.PLUG))
    if checks.has_config_drive(instance):
        slots = slot.slots_for_change(services, instance)
        flow.add(tf_live.RestoreCfgDrive(
            services.host, services.config_drive, context, instance,
            network_info, slots))
        slot.add_save_slots(flow, slots)
    return flow
