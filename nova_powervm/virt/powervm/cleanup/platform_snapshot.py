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

"""A snapshot of the partitions and servers for the cleaners.

All cleaners of a run share what was read.
"""

import functools

from nova.compute import vm_states
from nova import context as nova_context
from nova import objects
from oslo_log import log as logging
from pypowervm import util as pvm_util

from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import names as powervm_names
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class PlatformSnapshot:
    """All partitions of the platform, and Nova's servers on it.

    Each kind is read at its first use (1 request; none for Nova's servers). A
    read raises pypowervm.exceptions.Error if the platform does not answer; the
    next use tries again.

    :param host: the owner of the REST connection (host.Host), connected.
    :ivar awaited: set of the names of storage, and of the IDs of LPARs, that
        servers on other hosts have left here. They stay until Nova has deleted
        these servers, or has ended what it does with them.
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
        """Return wrappers of VIOSes that are up; see Host.active_vioses()."""
        return self._active_vioses

    def partitions(self):
        """Return wrappers of the LPARs and the VIOSes."""
        return [*self.vioses, *self.lpars]

    # ---- Nova's servers --------------------------------------------------

    @functools.cached_property
    def instances(self):
        """Nova's servers on this host, nova.objects.InstanceList."""
        return objects.InstanceList.get_by_host(
            nova_context.get_admin_context(), self._host.nodename)

    @functools.cached_property
    def _departed(self):
        """Servers that were on this host and no longer are.

        They include servers that Nova has deleted, but not soft-deleted
        servers, which can be restored. A server was here if Nova deleted it
        here, if it moved from here or to here, or if module host_record has
        stored this with the server, because Nova may have no host for it.

        :returns: list of nova.objects.Instance
        """
        nodename = self._host.nodename
        found = [*self._find_instances(host=nodename, deleted=True,
                                       soft_deleted=False),
                 *self._find_instances(
                     system_metadata=host_record.host_metadata(nodename))]
        uuids = sorted(self._moved() - {instance.uuid for instance in found})
        if uuids:
            # Not +=: an InstanceList cannot be added to a list.
            found.extend(self._find_instances(uuid=uuids))
        return list({instance.uuid: instance for instance in found
                     if instance.deleted or
                     instance.host != nodename}.values())

    @property
    def deleted(self):
        """Servers that were here and that Nova has deleted: list."""
        return [instance for instance in self._departed if instance.deleted]

    @property
    def deleted_with_lpar(self):
        """Those that have an LPAR here: list.

        Nova has the driver delete the LPAR later.
        """
        here = {lpar_w.uuid.upper() for lpar_w in self.lpars}
        return [instance for instance in self.deleted
                if vm.get_lpar_uuid(instance) in here]

    def _moved(self):
        """Return the UUIDs of servers that moved from or to this host: set."""
        return {migration.instance_uuid for migration in
                objects.MigrationList.get_by_filters(
                    nova_context.get_admin_context(read_deleted='yes'),
                    {'host': self._host.nodename})}

    @staticmethod
    def _find_instances(**filters):
        return objects.InstanceList.get_by_filters(
            nova_context.get_admin_context(read_deleted='yes'), filters,
            expected_attrs=['system_metadata'])

    def has_departed(self):
        """Return whether servers were on this host and no longer are."""
        return bool(self._departed)

    def _gone(self):
        """Return departed servers that certainly need nothing here: list."""
        return [instance for instance in self._departed if _is_gone(instance)]

    @functools.cached_property
    def stale_vnics(self):
        """MAC addresses of vNICs that servers had here, and have no more.

        :returns: set of str, 12 upper-case hex digits each. Those of a server
            whose ports Nova does not know are not among them.
        """
        nodename = self._host.nodename
        here = objects.InstanceList.get_by_filters(
            nova_context.get_admin_context(),
            {'host': nodename, 'deleted': False},
            expected_attrs=['info_cache', 'system_metadata'])
        stale, in_use = set(), set()
        for instance in [*self._departed, *here]:
            stale.update(host_record.kept_macs(instance.system_metadata,
                                               nodename))
        for instance in here:
            if instance.info_cache is None:
                in_use.update(host_record.kept_macs(
                    instance.system_metadata, nodename))
            else:
                in_use.update(pvm_util.sanitize_mac_for_api(vif['address'])
                              for vif in instance.info_cache.network_info)
        return stale - in_use

    def departed_ids(self, found):
        """Return those partition IDs that only departed servers have.

        Nova has deleted these servers, or has them on other hosts without a
        running task. The LPAR of another server here may have the ID now; the
        adapters that this driver creates for it have a record.

        :param found: set of int, IDs of LPARs that are gone.
        :returns: set of int.
        """
        kept = set()
        for instance in self._departed if found else ():
            ids = found.intersection(host_record.kept_ids(
                instance, self._host.nodename))
            if _is_gone(instance):
                kept |= ids
            elif instance.task_state is not None:
                self.awaited |= ids
        if not kept:
            return kept
        ours = {instance.uuid for instance in self.instances}
        return kept - {vios_w.id for vios_w in self.vioses} - {
            lpar_w.id for lpar_w in self.lpars
            if ours.isdisjoint(vm.instance_uuids(lpar_w.uuid))}

    def prove_gone(self, found):
        """Prove that nobody needs mappings of some storage here.

        The proof allows the removal of a mapping to an LPAR that is gone, not
        the deletion of the storage.

        :param found: iterable of the names of the storage.
        :returns: deletion.Proof; it covers storage of servers that were here,
            that have no LPAR here, and that Nova has deleted, or has on other
            hosts without a running task.
        """
        self._await_busy(found, self.instances if found else ())
        strange = self._strange(found)
        if strange:
            self._await_busy(strange, [instance for instance in self._departed
                                       if not _is_gone(instance)])
        return self._prove(strange, self._gone() if strange else ())

    def prove_departed(self, found, is_local=True):
        """Prove which storage may be deleted.

        Asks Nova's database only if some of the storage may belong to a server
        that has no LPAR and is not on this host.

        :param found: iterable of the names of all storage.
        :param is_local: whether only this host sees the storage. If others see
            it, the last host of a server deletes its storage.
        :returns: deletion.Proof; it covers storage of servers that Nova has
            deleted, and that have no LPAR here.
        """
        strange = self._strange(found)
        if not strange:
            return self._prove(strange, ())
        if is_local:
            self._await(strange)
        return self._prove(strange, [
            instance for instance in self._departed if instance.deleted and (
                is_local or instance.host in (None, self._host.nodename))])

    def others(self):
        """Return servers with LPARs here that Nova never had on this host.

        Such a server exists only if two nova-computes manage this system.

        :returns: list of nova.objects.Instance without deleted servers and
            servers without a host.
        """
        known = {instance.uuid for instance in self.instances}
        # An LPAR's UUID fits two UUIDs of servers.
        strange = {uuid for lpar_w in self.lpars
                   for uuids in [vm.instance_uuids(lpar_w.uuid)]
                   if known.isdisjoint(uuids) for uuid in uuids}
        if not strange:
            return []
        found = [instance for instance in self._find_instances(
            uuid=sorted(strange), deleted=False)
            if instance.host not in (None, self._host.nodename)]
        departed_uuids = found and {
            instance.uuid for instance in self._departed}
        return [instance for instance in found
                if instance.uuid not in departed_uuids]

    def metadata_of_owner(self, name):
        """Return the system_metadata of the departed server that owns a name.

        :returns: dict, {} if there is no such server.
        """
        return next((instance.system_metadata for instance in self._departed
                     if name in powervm_names.server_names(instance.uuid)), {})

    @staticmethod
    def _prove(strange, instances):
        proof = deletion.departed_proof(
            instance.uuid for instance in instances)
        return proof._replace(owns=lambda name: (
            name in strange and proof.owns(name)))

    def _strange(self, found):
        """Return the names that may belong to servers on other hosts: set."""
        strange = set(filter(powervm_names.is_derived, found))
        for known in (self._names_here, self._names_of_lpars):
            if strange:
                strange -= known()
        return strange

    def _names_here(self):
        """Return names of storage of Nova's servers on this host."""
        return frozenset().union(*(powervm_names.server_names(instance.uuid)
                                   for instance in self.instances))

    def _names_of_lpars(self):
        """Return names of storage of servers that have LPARs here."""
        return frozenset().union(*(
            powervm_names.server_names(uuid) for lpar_w in self.lpars
            for uuid in vm.instance_uuids(lpar_w.uuid)))

    def _await_busy(self, found, instances):
        """Look again soon if a server may leave this host, or not come."""
        for instance in instances:
            if instance.task_state is not None:
                self.awaited |= (set(found) &
                                 powervm_names.server_names(instance.uuid))

    def _await(self, strange):
        for instance in self._departed:
            left = strange & powervm_names.server_names(instance.uuid)
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
    """Return whether a server that is not on this host needs nothing here.

    A server without a host may be about to come to this one while it is being
    built. It is not if it was shelved, or if its build failed.
    """
    return bool(instance.deleted) or (
        instance.task_state is None and (
            instance.host is not None or instance.vm_state in (
                vm_states.SHELVED_OFFLOADED, vm_states.ERROR)))
