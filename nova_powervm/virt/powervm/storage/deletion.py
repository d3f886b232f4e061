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

"""Delete storage: the only module of the driver that does so.

A caller needs a Proof that the storage is the driver's. One part of a proof is
the name, which is derived from the owner of the storage. The other part is the
reason why nobody needs the storage any more:

* server_proof(): Nova has told the driver to remove, or to replace, what a
  server has;
* departed_proof(): Nova has deleted a server that was on this host;
* cache_proof(): it belongs to the cache of images, which keeps what is in use;
* upload_proof(): it describes an upload that has ended.

Storage without a proof stays, whatever it looks like. It may belong to an
operator, to another nova-compute, or to a server that has lost its LPAR. The
driver does not use pypowervm's scrubbers, because they delete everything that
is mapped to nobody.

tests/virt/powervm/storage/test_deletion.py finds every other call that deletes
storage, and fails.
"""

import contextlib
import typing

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import hdisk
from pypowervm.wrappers import management_console as pvm_console
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import vios_file

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import names as powervm_names
from nova_powervm.virt.powervm.storage import elements

LOG = logging.getLogger(__name__)


class Proof(typing.NamedTuple):
    """The reason why storage may be deleted.

    :ivar why: str, for the log.
    :ivar owns: function of a name without path; returns whether the proof
        covers it.
    :ivar server: UUID of the server if Nova gives its storage up, or None.
        Who deletes later has to ask Nova again, because the server may have
        the storage again by then.
    """

    why: str
    owns: typing.Callable[[str], bool]
    server: str | None = None

    def covered(self, names):
        """Return the names that the proof covers, a sorted list."""
        return sorted(name for name in names if self.owns(name))


def server_proof(instance, also=None):
    """Return a proof for the storage of a server, which Nova gives up.

    :param instance: nova.objects.Instance
    :param also: str, name of a disk that is known to be the server's though it
        is not derived from its UUID, see disk.legacy; or None.
    """
    owned = powervm_names.server_names(instance.uuid) | ({also} - {None})
    return Proof('it is of server %s' % instance.uuid, owned.__contains__,
                 server=instance.uuid)


def departed_proof(uuids):
    """Return a proof for the storage of servers that Nova has deleted.

    :param uuids: their UUIDs, see cleanup.platform_snapshot.PlatformSnapshot.
    """
    return Proof('Nova has deleted its server', frozenset().union(
        *map(powervm_names.server_names, uuids)).__contains__)


def cache_proof(is_ours):
    """Return a proof for images in a cache of this driver, and their markers.

    :param is_ours: function of a name; returns whether the driver has chosen
        it for an image, see names, or for a marker.
    """
    return Proof('it is of the cache of images', is_ours)


def upload_proof(name):
    """Return a proof for what an upload of this process has left.

    :param name: str, name of its file.
    """
    return Proof('its upload has ended', lambda found: found == name)


def _check(names, proof):
    for name in names:
        if not proof.owns(name):
            raise exception.StorageIsNotOurs(name=name, why=proof.why)


def disks(vg_w, names, proof):
    """Delete virtual disks by name (1 request, 0 if there are none).

    :param vg_w: VG wrapper.
    :param names: collection of str, without paths.
    :param proof: Proof that covers all of them.
    :returns: wrapper of the group.
    :raises StorageIsNotOurs: before anything was deleted.
    :raises pypowervm.exceptions.HttpError: if one of them is mapped.
    """
    return vg_w.update() if remove_disks(vg_w, names, proof) else vg_w


def remove_disks(vg_w, names, proof):
    """Edit: remove virtual disks from the document of their group.

    The document has to be written after that.

    :param vg_w: VG wrapper.
    :param names: collection of str, without paths.
    :param proof: Proof that covers all of them.
    :returns: bool, whether any of them existed.
    :raises StorageIsNotOurs: before anything was changed.
    """
    _check(names, proof)
    to_delete = [disk for disk in vg_w.virtual_disks
                 if elements.base_name(disk) in names]
    for disk in to_delete:
        LOG.info('Deleting disk %(disk)s from volume group %(vg)s: %(why)s.',
                 {'disk': disk.name, 'vg': vg_w.name, 'why': proof.why})
        vg_w.virtual_disks.remove(disk)
    return bool(to_delete)


def media(vg_w, names, proof):
    """Delete media from a media repository (1 request, or 0).

    :param vg_w: VG wrapper.
    :param names: collection of str.
    :param proof: Proof that covers all of them.
    :returns: bool, whether any of them existed.
    :raises StorageIsNotOurs: before anything was deleted.
    """
    if remove_media(vg_w, names, proof):
        vg_w.update()
        return True
    return False


def remove_media(vg_w, names, proof):
    """Edit: remove media from the document of their volume group.

    See remove_disks().
    """
    _check(names, proof)
    to_delete = [(repository.optical_media, medium)
                 for repository in vg_w.vmedia_repos
                 for medium in repository.optical_media
                 if medium.name in names]
    for media_of_repository, medium in to_delete:
        LOG.info('Deleting medium %(medium)s: %(why)s.',
                 {'medium': medium.name, 'why': proof.why})
        media_of_repository.remove(medium)
    return bool(to_delete)


def unit(adapter, tier_uuid, lu, proof):
    """Delete a logical unit if it exists (1 request).

    :param tier_uuid: str, UUID of its tier.
    :param lu: object with its uuid and name, such as a disk.pool.Unit.
    :param proof: Proof that covers its name.
    :returns: bool, whether it existed.
    :raises StorageIsNotOurs: if the proof does not cover it.
    :raises pypowervm.exceptions.HttpError: if it is mapped, or has a clone.
    """
    _check([lu.name], proof)
    LOG.info('Deleting logical unit %(lu)s: %(why)s.',
             {'lu': lu.name, 'why': proof.why})
    try:
        adapter.delete(pvm_stg.Tier.schema_type, root_id=tier_uuid,
                       child_type=pvm_stg.LUEnt.schema_type,
                       child_id=lu.uuid)
    except pvm_exc.HttpNotFound:
        return False
    return True


def upload(adapter, file_w, proof):
    """Delete the descriptor of an upload if it exists (1 request).

    :param file_w: vios_file.File wrapper.
    :param proof: Proof that covers the name of the file.
    :raises StorageIsNotOurs: if the proof does not cover it.
    """
    _check([file_w.file_name or ''], proof)
    with contextlib.suppress(pvm_exc.HttpNotFound):
        adapter.delete(vios_file.File.schema_type, root_id=file_w.uuid,
                       service='web')


def device(host, vios_uuid, name):
    """Remove the device of a volume from a VIOS (3 requests).

    This deletes no data, because the volume is Cinder's. The platform refuses
    if the device is mapped. The caller has to know that the device belongs to
    a volume of Nova.

    :param host: the owner of the REST connection (host.Host).
    :param vios_uuid: str, UUID of the VIOS.
    :param name: str, as in 'hdisk7'.
    :raises pypowervm.exceptions.Error: if the VIOS refuses.
    """
    if host.is_hmc:
        _device_by_command(host, vios_uuid, name)
    else:
        hdisk.remove_hdisk(host.adapter, host.system.system_name, name,
                           vios_uuid)


def _device_by_command(host, vios_uuid, name):
    """Have an HMC run the command that removes a device (2 requests).

    The first time needs 2 more. pypowervm's own function for this fails at its
    end, names the system and the VIOS, whose names may change, and hides a
    failure of the command.

    :raises pypowervm.exceptions.Error: if the HMC refuses, or if the command
        fails. It is an HttpError if the HMC offers no such job, or not to its
        user. The caller logs it.
    """
    command = 'viosvrcmd -m %s --id %d -c "rmdev -dev %s"' % (
        host.system.mtms.mtms_str, host.vios_id(vios_uuid), name)
    job = host.job_form(pvm_console.ManagementConsole, None, 'CLIRunner',
                        log_errors=False)
    job.run_job(None, job_parms=[
        job.create_job_parameter('cmd', command),
        job.create_job_parameter('acknowledgeThisAPIMayGoAwayInTheFuture',
                                 'true')])
    results = job.get_job_results_as_dict()
    if results.get('returnCode', '0') != '0':
        # The job has run the command; the command has failed (assumed, no
        # hardware).
        raise pvm_exc.JobRequestFailed(
            operation_name='CLIRunner',
            error=results.get('result') or results['returnCode'])
