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

"""Partitions and servers, as they are when the driver cleans up.

Whatever looks then for what was left behind shares what was read.
"""

import functools

from nova import context as nova_context
from nova import objects
from oslo_log import log as logging
from pypowervm.tasks import partition as pvm_partition
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import deletion
from nova_powervm.virt.powervm import former
from nova_powervm.virt.powervm import names as pvm_names
from nova_powervm.virt.powervm import storage
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class Census:
    """All partitions of the platform, and what servers Nova has on it.

    Each kind is read when it is asked for first (1 request, but for those of
    Nova). Reading raises pypowervm.exceptions.Error if the platform does not
    answer; it is tried again the next time.

    :param host: the owner of the REST connection (host.Host), connected.
    :ivar awaited: set of str, names of storage here of servers that Nova has
        on other hosts: it is to be deleted when Nova has deleted these.
    """

    def __init__(self, host):
        self._host = host
        self.awaited = set()

    @functools.cached_property
    def vioses(self):
        """Wrappers of the VIOSes, with SCSI_MAPPING and FC_MAPPING."""
        return pvm_vios.VIOS.get(self._host.adapter, xag=[
            storage.SCSI_MAPPING, storage.FC_MAPPING])

    @functools.cached_property
    def lpars(self):
        """Wrappers of the LPARs."""
        return pvm_lpar.LPAR.get(self._host.adapter)

    @functools.cached_property
    def _active_vioses(self):
        return pvm_partition.get_active_vioses(self._host.adapter,
                                               vios_wraps=self.vioses)

    def active_vioses(self):
        """Those of the VIOSes that are up, see Host.active_vioses."""
        return self._active_vioses

    def partitions(self):
        """Wrappers of the LPARs and the VIOSes."""
        return [*self.vioses, *self.lpars]

    # ---- Nova's servers --------------------------------------------------

    @functools.cached_property
    def instances(self):
        """Nova's servers on this host, nova.objects.InstanceList."""
        return objects.InstanceList.get_by_host(
            nova_context.get_admin_context(), self._host.nodename)

    @functools.cached_property
    def _deleted(self):
        """Servers that were on this host when Nova deleted them.

        Not those that are soft-deleted: they can be restored.
        """
        return self._find_instances(
            host=self._host.nodename, deleted=True, soft_deleted=False)

    def former_ids(self):
        """Partition ids that servers had here, and no partition has now.

        They are of servers that Nova has deleted, or has on other hosts and
        does nothing with.

        :returns: set of int.
        """
        gone = [*self._deleted, *(
            instance for instance in self._moved
            if instance.deleted or instance.task_state is None)]
        kept = {former.kept_id(instance, self._host.nodename)
                for instance in gone}
        return kept - {None} - {partition_w.id
                                for partition_w in self.partitions()}

    @functools.cached_property
    def _moved(self):
        """Servers that have moved from or to this host, and are elsewhere.

        Those that Nova has deleted since are among them.
        """
        migrations = objects.MigrationList.get_by_filters(
            nova_context.get_admin_context(read_deleted='yes'),
            {'host': self._host.nodename})
        uuids = sorted({migration.instance_uuid for migration in migrations})
        return [] if not uuids else [
            instance for instance in self._find_instances(uuid=uuids)
            if instance.host != self._host.nodename]

    @staticmethod
    def _find_instances(**filters):
        return objects.InstanceList.get_by_filters(
            nova_context.get_admin_context(read_deleted='yes'), filters,
            expected_attrs=['system_metadata'])

    def prove_former(self, found, is_local=True):
        """Prove whose storage may be deleted, of what there is.

        Nova's database is asked only if some of it may be of a server that
        has no LPAR, and is not on this host.

        :param found: iterable of the names of all storage.
        :param is_local: whether other hosts do not see it.
        :returns: deletion.Proof; it covers what is of servers that Nova has
            deleted, and that have no LPAR here.
        """
        strange = set(filter(pvm_names.is_derived, found))
        for known in (self._names_here, self._names_of_lpars):
            if strange:
                strange -= known()
        if not strange:
            return deletion.of_former([])
        gone = {instance.uuid for instance in self._deleted}
        if is_local:
            gone.update(instance.uuid for instance in self._moved
                        if instance.deleted)
            self._await(strange)
        proof = deletion.of_former(gone)
        return proof._replace(owns=lambda name: (
            name in strange and proof.owns(name)))

    def _names_here(self):
        """Names of storage of servers that Nova has here."""
        return frozenset().union(*(pvm_names.of_server(instance.uuid)
                                   for instance in self.instances))

    def _names_of_lpars(self):
        """Names of storage of servers that have LPARs here."""
        return frozenset().union(*(
            pvm_names.of_server(uuid) for lpar_w in self.lpars
            for uuid in vm.instance_uuids(lpar_w.uuid)))

    def _await(self, strange):
        for instance in self._moved:
            left = strange & pvm_names.of_server(instance.uuid)
            if instance.deleted or not left:
                continue
            LOG.warning('Nova has the server on host %(other)s. What it has '
                        'left here stays until it is deleted: %(left)s', {
                            'other': instance.host,
                            'left': ', '.join(sorted(left))},
                        instance=instance)
            self.awaited |= left
