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

from nova.compute import vm_states
from nova import context as nova_context
from nova import objects
from oslo_log import log as logging

from nova_powervm.virt.powervm import former
from nova_powervm.virt.powervm import names as pvm_names
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class Census:
    """All partitions of the platform, and what servers Nova has on it.

    Each kind is read when it is asked for first (1 request, but for those of
    Nova). Reading raises pypowervm.exceptions.Error if the platform does not
    answer; it is tried again the next time.

    :param host: the owner of the REST connection (host.Host), connected.
    :ivar awaited: set of str, names of storage here of servers that Nova has
        elsewhere: it is to be deleted when Nova has deleted these.
    """

    def __init__(self, host):
        self._host = host
        self.awaited = set()

    @functools.cached_property
    def vioses(self):
        """Wrappers of the VIOSes, with SCSI_MAPPING and FC_MAPPING."""
        return self._host.vioses([vios_mappings.SCSI_MAPPING,
                                  vios_mappings.FC_MAPPING])

    @functools.cached_property
    def lpars(self):
        """Wrappers of the LPARs."""
        return self._host.lpars()

    @functools.cached_property
    def _active_vioses(self):
        return self._host.filter_active(self.vioses)

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
    def _former(self):
        """Servers that were on this host, and are not on it any more.

        Those are among them that Nova has deleted, but not those that are
        soft-deleted: they can be restored. What proves that a server was here
        is that Nova deleted it here, that it moved from here or to here, or
        what former keeps with it, as when Nova has no host for it.

        :returns: list of nova.objects.Instance
        """
        nodename = self._host.nodename
        found = [*self._find_instances(host=nodename, deleted=True,
                                       soft_deleted=False),
                 *self._find_instances(
                     system_metadata=former.of_host(nodename))]
        uuids = sorted(self._moved() - {instance.uuid for instance in found})
        if uuids:
            found += self._find_instances(uuid=uuids)
        return list({instance.uuid: instance for instance in found
                     if instance.deleted or
                     instance.host != nodename}.values())

    def _moved(self):
        """UUIDs of servers that have moved from or to this host: set."""
        return {migration.instance_uuid for migration in
                objects.MigrationList.get_by_filters(
                    nova_context.get_admin_context(read_deleted='yes'),
                    {'host': self._host.nodename})}

    @staticmethod
    def _find_instances(**filters):
        return objects.InstanceList.get_by_filters(
            nova_context.get_admin_context(read_deleted='yes'), filters,
            expected_attrs=['system_metadata'])

    def _gone(self):
        """Those of them that certainly need nothing on this host: list."""
        return [instance for instance in self._former if _is_gone(instance)]

    def former_ids(self):
        """Partition ids that servers had here, and no partition of others has.

        They are of servers that Nova has deleted, or does not have here and
        does nothing with. The LPAR of another server here may have the id by
        now: the adapters that this driver makes for it tell of it.

        :returns: set of int.
        """
        kept = {lpar_id for instance in self._gone() for lpar_id in
                former.kept_ids(instance, self._host.nodename)}
        ours = {instance.uuid for instance in self.instances}
        return kept - {vios_w.id for vios_w in self.vioses} - {
            lpar_w.id for lpar_w in self.lpars
            if ours.isdisjoint(vm.instance_uuids(lpar_w.uuid))}

    def prove_gone(self, found):
        """Prove what of the storage that mappings show nobody needs here.

        It proves that a mapping to an LPAR that is gone may go, not that the
        storage may.

        :param found: iterable of the names of that storage.
        :returns: deletion.Proof; it covers what is of servers that were here,
            that Nova has deleted or does not have here and does nothing
            with, and that have no LPAR here.
        """
        strange = self._strange(found)
        return self._prove(strange, self._gone() if strange else ())

    def prove_former(self, found, is_local=True):
        """Prove whose storage may be deleted, of what there is.

        Nova's database is asked only if some of it may be of a server that
        has no LPAR, and is not on this host.

        :param found: iterable of the names of all storage.
        :param is_local: whether other hosts do not see it. What they see is
            theirs to delete if they had the server last.
        :returns: deletion.Proof; it covers what is of servers that Nova has
            deleted, and that have no LPAR here.
        """
        strange = self._strange(found)
        if not strange:
            return self._prove(strange, ())
        if is_local:
            self._await(strange)
        return self._prove(strange, [
            instance for instance in self._former if instance.deleted and (
                is_local or instance.host in (None, self._host.nodename))])

    def others(self):
        """Servers with LPARs here that were never on this host, by Nova.

        There is such a server only if two nova-computes manage this system.

        :returns: list of nova.objects.Instance; those that are deleted are
            not among them, nor those without a host.
        """
        known = {instance.uuid for instance in self.instances}
        # An LPAR has two UUIDs of which a server has one.
        strange = {uuid for lpar_w in self.lpars
                   for uuids in [vm.instance_uuids(lpar_w.uuid)]
                   if known.isdisjoint(uuids) for uuid in uuids}
        if not strange:
            return []
        found = [instance for instance in self._find_instances(
            uuid=sorted(strange), deleted=False)
            if instance.host not in (None, self._host.nodename)]
        former_uuids = found and {instance.uuid for instance in self._former}
        return [instance for instance in found
                if instance.uuid not in former_uuids]

    def metadata_of_owner(self, name):
        """The system_metadata of a former server whose storage has a name.

        :returns: dict, {} if there is no such server.
        """
        return next((instance.system_metadata for instance in self._former
                     if name in pvm_names.of_server(instance.uuid)), {})

    @staticmethod
    def _prove(strange, instances):
        proof = deletion.of_former(instance.uuid for instance in instances)
        return proof._replace(owns=lambda name: (
            name in strange and proof.owns(name)))

    def _strange(self, found):
        """Those names that may be of servers that are not here: set."""
        strange = set(filter(pvm_names.is_derived, found))
        for known in (self._names_here, self._names_of_lpars):
            if strange:
                strange -= known()
        return strange

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
        for instance in self._former:
            left = strange & pvm_names.of_server(instance.uuid)
            if instance.deleted or not left:
                continue
            LOG.warning('Nova has the server on %(other)s. What it has left '
                        'here stays until it is deleted: %(left)s', {
                            'other': 'host %s' % instance.host
                                     if instance.host else 'no host',
                            'left': ', '.join(sorted(left))},
                        instance=instance)
            self.awaited |= left


def _is_gone(instance):
    """Whether a server that is not on this host needs nothing of it.

    One without a host may be on its way to this one, so long as it is being
    built. It is not if it was shelved, or its build failed.
    """
    return bool(instance.deleted) or (
        instance.task_state is None and (
            instance.host is not None or instance.vm_state in (
                vm_states.SHELVED_OFFLOADED, vm_states.ERROR)))
