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

"""The jobs of the platform that move an LPAR to another host.

pypowervm's migrate_lpar() takes one poll that fails for a migration that has
failed, and cannot be interrupted. So the job is submitted and polled here.
"""

import typing

from pypowervm.tasks import migration as pvm_migration
from pypowervm import util as pvm_util
from pypowervm.wrappers import job as pvm_job
from pypowervm.wrappers import logical_partition as pvm_lpar

#: The user of a NovaLink that another one logs on as.
USER = 'wlp'
#: The platform's name of the job that stops a migration.
ABORT = 'MigrateAbort'
#: What pypowervm sends for an override (source: pypowervm's tasks.migration).
_OVERRIDE = '2'
_UNDER_WAY = (pvm_job.JobStatus.RUNNING, pvm_job.JobStatus.NOT_ACTIVE)


class Status(typing.NamedTuple):
    """What the platform says of a job.

    :ivar is_over: bool, whether the job has ended.
    :ivar is_done: bool, whether it has ended well.
    :ivar message: str, the platform's words if it has not.
    """

    is_over: bool
    is_done: bool
    message: str


class MigrationJobs:
    """The jobs for the LPAR of one server on its source.

    Each method raises pypowervm.exceptions.Error if the platform refuses or
    does not answer.

    :param host: the owner of the REST connection (host.Host).
    :param lpar_uuid: str, UUID of the LPAR.
    """

    def __init__(self, host, lpar_uuid):
        self._host = host
        self._lpar_uuid = lpar_uuid
        self._server = None

    @property
    def is_lost(self):
        """Whether another HMC took the migration than the one in use now."""
        return self._server not in (None, self._host.adapter.session.host)

    def submit(self, parameters):
        """Submit the migration (1 request, and 1 once for the form).

        :param parameters: dict of str, see parameters().
        :returns: tuple of the id of the job, str, and its Status.
        """
        self._server = self._host.adapter.session.host
        return self._submitted('Migrate', parameters)

    def read(self, job_id):
        """Read what has become of a job (1 request): Status."""
        return _status(self._host.job(job_id))

    def delete(self, job_id):
        """Delete the record of a job that has ended (1 request)."""
        self._host.adapter.delete('jobs', job_id)

    def abort(self):
        """Ask the platform to stop the migration: as submit()."""
        return self._submitted(ABORT, {})

    def recover(self):
        """Have a migration that has failed finished, or taken back.

        As submit().
        """
        return self._submitted('MigrateRecover', {'Force': 'true'})

    def _submitted(self, operation, parameters):
        job_w = self._submit(operation, parameters)
        return job_w.job_id, _status(job_w)

    def _submit(self, operation, parameters):
        job_w = self._host.job_form(pvm_lpar.LPAR, self._lpar_uuid, operation)
        job_w.add_job_parameters_to_existing(*[
            job_w.create_job_parameter(name, value)
            for name, value in sorted(parameters.items())])
        job_w.entry = self._host.adapter.create_job(
            job_w.entry.element, pvm_lpar.LPAR.schema_type,
            self._lpar_uuid).entry
        return job_w


def parameters(target_system, target_address, scsi=(), fc=(), vlans=None,
               pool_id=None, checks_affinity=False):
    """Build the parameters of a migration.

    The override of the bridge lets its agent add a network to it later. That
    of Open vSwitch is for networks that the management partition bridges
    (source: pypowervm's tasks.migration). An HMC lacks that one, and one for
    VLANs (source: the HMC's REST API, IBM Documentation).

    :param target_system: str, name of the target's managed system.
    :param target_address: str, where the target's NovaLink is reached; None
        if one HMC manages both systems.
    :param scsi: list of str, mappings of virtual SCSI adapters.
    :param fc: list of str, mappings of virtual Fibre Channel adapters.
    :param vlans: dict of MAC -> PVID, for network adapters that get another
        one on the target; or None.
    :param pool_id: int, shared processor pool on the target, or None.
    :param checks_affinity: bool, whether the platform is to refuse a move that
        makes the affinity of memory and processors worse.
    :returns: dict of str
    """
    found = {pvm_migration.TGT_MGD_SYS: target_system,
             pvm_migration.VLAN_BRIDGE_OVERRIDE: _OVERRIDE}
    if target_address is not None:
        found.update({pvm_migration.TGT_RMT_HMC: target_address,
                      pvm_migration.TGT_RMT_HMC_USR: USER,
                      pvm_migration.OVS_OVERRIDE: _OVERRIDE})
    vlans = ['%s/%d' % (pvm_util.sanitize_mac_for_api(mac), pvid)
             for mac, pvid in sorted((vlans or {}).items())]
    for name, mappings in ((pvm_migration.VSCSI_MAPPINGS, scsi),
                           (pvm_migration.VFC_MAPPINGS, fc),
                           (pvm_migration.VLAN_MAPPINGS, vlans)):
        if mappings:
            found[name] = ','.join(mappings)
    if pool_id:
        found[pvm_migration.SPP_ID] = str(pool_id)
    if checks_affinity:
        found[pvm_migration.AFFINITY] = 'true'
    return found


def _status(job_w):
    status = job_w.job_status
    is_done = status == pvm_job.JobStatus.COMPLETED_OK
    return Status(
        is_over=status not in _UNDER_WAY, is_done=is_done,
        message='' if is_done else (
            job_w.get_job_results_message() or
            job_w.entry.element.findtext('ResponseException/Message') or
            status))
