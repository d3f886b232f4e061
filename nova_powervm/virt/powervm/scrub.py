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

"""What crashes, and deletions outside of Nova, left on the platform.

It must be removed while this driver neither makes nor moves a server.
"""

import contextlib
import gc

from nova.compute import task_states
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import storage as pvm_storage
from pypowervm.utils import transaction as pvm_tx
from pypowervm.wrappers import vios_file as pvm_file

from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

# Names of what the driver uploads: config drives, and the images of the disk
# cache, complete (i) or not (p).
_OUR_UPLOADS = ('cfg_', 'i_', 'p_')


def scrub(host, census):
    """Remove mappings of LPARs that are gone, and broken uploads.

    With the mappings go the virtual disks and the media; with the uploads,
    which are this driver's, only their descriptors. The former stay as long as
    a server of Nova has lost its LPAR: they may be its disks. A failure is
    logged: the host can be used all the same. It takes 1 request besides those
    of the census if there is nothing.

    :param host: the owner of the REST connection (host.Host), connected.
    :param census: census.Census
    """
    for what, remove in (('storage', _scrub_storage),
                         ('uploads', _scrub_uploads)):
        try:
            remove(host, census)
        # pypowervm meets an IndexError where a volume group has no media
        # repository; the mappings are gone by then.
        except (pvm_exc.Error, IndexError) as exc:
            LOG.warning('Stale %(what)s could not be removed: %(error)s',
                        {'what': what, 'error': exc})


def _scrub_storage(host, census):
    """As pypowervm's ComprehensiveScrub, which reads all of it itself.

    That takes 1 request, and 2 for each VIOS, also if nothing is stale.
    """
    partitions = census.partitions()
    host.note_partitions(partitions)
    ids = {partition_w.id for partition_w in partitions}
    vioses = [vios_w for vios_w in census.active_vioses()
              if _has_orphans(vios_w) or not ids.issuperset(_clients(vios_w))]
    if not vioses:
        return
    lost = _lost_servers(census)
    if lost:
        LOG.warning('Stale mappings stay, as some may be of servers whose '
                    'LPARs are gone: %s. A hard reboot makes an LPAR again.',
                    ', '.join(lost))
        return
    stale = set().union(*map(_clients, vioses)) - ids
    task = pvm_tx.FeedTask('scrub', vioses)
    pvm_storage.add_lpar_storage_scrub_tasks(sorted(stale), task,
                                             lpars_exist=True)
    pvm_storage.add_orphan_storage_scrub_tasks(task)
    task.execute()
    # It abandons its threads; they end when their pool is collected.
    gc.collect()


def _lost_servers(census):
    """UUIDs of servers that Nova has here, and the platform has no more.

    A server that never ran has nothing to lose, nor has one that is deleted.
    """
    here = {lpar_w.uuid.upper() for lpar_w in census.lpars}
    return sorted(instance.uuid for instance in census.instances
                  if instance.launched_at and
                  instance.task_state != task_states.DELETING and
                  vm.get_pvm_uuid(instance) not in here)


def _mappings(vios_w):
    return [*vios_w.scsi_mappings, *vios_w.vfc_mappings]


def _clients(vios_w):
    """IDs of the partitions that have mappings."""
    return {mapping.server_adapter.lpar_id for mapping in _mappings(vios_w)}


def _has_orphans(vios_w):
    return any(mapping.client_adapter is None for mapping in _mappings(vios_w))


def _scrub_uploads(host, _census):
    for file_w in pvm_file.File.get(host.adapter, service='web', xag=[]):
        if not (file_w.file_name or '').startswith(_OUR_UPLOADS):
            continue
        LOG.info('Removing the descriptor of a broken upload of %s.',
                 file_w.file_name)
        with contextlib.suppress(pvm_exc.HttpNotFound):
            host.adapter.delete(pvm_file.File.schema_type,
                                root_id=file_w.uuid, service='web')
