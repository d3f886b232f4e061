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

"""Disks that are logical units (LU) of a Shared Storage Pool."""

import contextlib
import functools

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import image as disk_image
from nova_powervm.virt.powervm.disk import pool
from nova_powervm.virt.powervm.disk import poolimages
from nova_powervm.virt.powervm.disk import unfinished
from nova_powervm.virt.powervm.disk import units
from nova_powervm.virt.powervm.disk import unmapping
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

_CAPACITY = 'UnitCapacity'


class SSPDiskAdapter(disk_driver.DiskAdapter):
    """Keep disks in the pool of the cluster of this host's VIOSes.

    Every VIOS of the pool that is up maps a disk, so the disk stays reachable
    while one VIOS is down. All hosts of the pool see all disks, and so can
    their management partitions.

    :raises AbstractDiskException: if the pool is not clear, see pool.Pool.
    """

    storage_class = pvm_stg.LU

    def __init__(self, host, image_api):
        super().__init__(host, image_api)
        self._pool = pool.Pool(host)
        self._images = poolimages.PoolImages(self._pool, image_api)
        self._unfinished = unfinished.Unfinished()
        self.capabilities.update(shared_storage=True, has_imagecache=True,
                                 snapshot=True)
        if not self._pool.vios_uuids:
            raise exception.NoConfigNoClusterFound()

    # ---- the storage ---------------------------------------------------

    @property
    def vios_uuids(self):
        return list(self._pool.vios_uuids)

    @property
    def kept_with_host(self):
        return self._pool.kept_with_host

    def capacity(self):
        return self._pool.capacity()

    @property
    def shared_pool(self):
        return disk_driver.SharedPool(
            uuid='%s/%s' % (self._pool.ssp_uuid, self._pool.tier_uuid),
            name='%s/%s' % (self._pool.ssp_name, self._pool.tier_name))

    def clean(self, snapshot):
        """See the base class. 1 request, and 1 for each LU to delete."""
        lus = self._images.clean_at_start()
        left = _by_name(pool.Unit.from_wrapper(lu_w) for lu_w in lus
                        if lu_w.lu_type == pvm_stg.LUType.DISK)
        proof = snapshot.prove_departed(left, is_local=False)
        for name in proof.covered(left):
            for unit in units.to_delete(
                    left[name], snapshot.metadata_of_owner(name), name):
                self._delete(unit, proof)
        for instance in snapshot.instances:
            if units.pending(instance.system_metadata):
                utils.try_to('delete old disks of server %s' %
                             instance.uuid, self._delete_pending, instance,
                             lus)

    def _delete_pending(self, instance, lus):
        """Delete LUs that a server lost while a VIOS was down.

        This VIOS still maps them, maybe at the address of a newer disk.

        :param lus: wrappers of the existing LUs.
        """
        pending = units.pending(instance.system_metadata)
        names = sorted(set(pending.values()))
        clients = self.own_partitions(instance)
        stg = transaction.StorageTransaction(self.host, 'delete_pending')
        stg.edit_redundant(
            self.vios_uuids, vios_mappings.remove_storage_mappings, pvm_stg.LU,
            names, partitions=clients, udids=set(pending),
            order=transaction.Order.ANY,
            missed=lambda vios_uuid: self._unfinished.add_mappings(
                vios_uuid, unfinished.Missed(names, clients, set(pending),
                                             instance.uuid)))
        stg.execute()
        proof = self.proof(instance)
        left = {lu_w.udid for lu_w in lus if lu_w.udid in pending and
                not self._delete(pool.Unit.from_wrapper(lu_w), proof)}
        units.forget_pending(instance, set(pending) - left)

    # ---- disks of servers ----------------------------------------------

    def create_disk_from_image(self, context, instance, image_meta,
                               image_type=disk_driver.DiskType.BOOT):
        """See the base class. 1 request if the image is known."""
        image = self.find_image(context, image_meta)
        size_gb = (self.disk_size_gb(instance, image, image_type) or
                   disk_image.size_gb(image.size))
        name = self.get_disk_name(image_type, instance)
        self._remove_stale(instance, [name])
        units.forget(instance, [name])
        disk = self._images.create_clone(context, image, name, size_gb)
        units.keep(instance, [disk], self._pool.ssp_uuid)
        return disk

    def create_blank_disks(self, instance, disks, made=None):
        """See the base class. 1 request each, 1 more to keep an old one."""
        sizes = {self.get_disk_name(disk.disk_type, instance): disk.size_gb
                 for disk in disks}
        found = self._find_stale(instance, sizes)
        # Nobody needs the content of a swap disk.
        swap = self.get_disk_name(disk_driver.DiskType.SWAP, instance)
        to_replace = {name for name, lu_w in found.items() if name == swap and
                      round(lu_w.capacity) != sizes[name]}
        self._check_stale(found, sizes, to_replace)
        new = [name for name in sizes
               if name not in found or name in to_replace]
        self._remove_stale(instance, new)
        units.forget(instance, new)
        results = []
        for disk, (name, size_gb) in zip(disks, sizes.items()):
            if name in found and name not in to_replace:
                LOG.warning('Logical unit %s already exists; the server keeps '
                            'it.', name, instance=instance)
                results.append(found[name])
                continue
            if made is not None:
                made.append(disk.disk_type)
            results.append(self._pool.create(name, size_gb))
        units.keep(instance, [lu_w for lu_w in results if lu_w.name in new],
                   self._pool.ssp_uuid)
        return results

    def _find_stale(self, instance, names):
        """Find existing LUs that are not to be deleted.

        Reads the list of LUs (1 request) only if some of them are known.

        :returns: dict of name -> LUEnt wrapper; of several the one in use.
        """
        if all(self._unfinished.is_pending(unit.uuid)
               for unit in self._pool.known(names)):
            return {}
        return self._read_own(instance, names)

    def _read_own(self, instance, names):
        """Read the server's LUs among LUs of some names (1 request).

        :returns: dict of name -> LUEnt wrapper, without missing LUs.
        :raises DiskNameAmbiguous: if the owner is not clear.
        """
        found = _by_name(lu_w for lu_w in self._pool.list_units()
                         if lu_w.name in names and
                         lu_w.lu_type == pvm_stg.LUType.DISK and
                         not self._unfinished.is_pending(lu_w.uuid))
        return {name: lu_w for name, lus in found.items()
                for lu_w in units.own(lus, instance.system_metadata, name)}

    def _check_stale(self, found, sizes, to_replace):
        """Refuse LUs that can neither be used nor be replaced.

        :raises DiskNameInUse: before anything is changed.
        """
        for name, lu_w in found.items():
            reason = None
            if lu_w.in_use:
                reason = 'it is mapped to a partition'
            elif (name not in to_replace and
                  round(lu_w.capacity) != sizes[name]):
                reason = 'it has %(has)g GB, not %(wanted)d GB' % {
                    'has': lu_w.capacity, 'wanted': sizes[name]}
            if reason:
                raise exception.DiskNameInUse(
                    name=name, reason=reason,
                    location='Shared Storage Pool %s' % self._pool.ssp_name)

    def _remove_stale(self, instance, names):
        """Delete known LUs of these names.

        :raises DiskNameAmbiguous: if it is not clear which are the server's.
        """
        proof = self.proof(instance)
        for unit in [unit for name, found in
                     _by_name(self._pool.known(names)).items()
                     for unit in units.own(found, instance.system_metadata,
                                           name)]:
            LOG.warning('Deleting stale logical unit %s.',
                        unit.name)
            try:
                self._pool.delete(unit, proof)
            except pvm_exc.HttpError as exc:
                if self._unfinished.add_unit(unit, proof):
                    continue
                if not self._is_in_use(unit):
                    raise
                raise exception.DiskNameInUse(
                    name=unit.name, location='Shared Storage Pool %s' %
                    self._pool.ssp_name, reason=str(exc)) from exc

    def get_disk_refs(self, instance, disk_types):
        """See the base class.

        Needs 1 request for each disk if they are on record and known here, and
        1 if not.
        """
        by_type = {disk_type: self.get_disk_name(disk_type, instance)
                   for disk_type in disk_types}
        disks = self._read_recorded(instance, set(by_type.values()))
        if disks is None:
            disks = self._read_own(instance, by_type.values())
        return {disk_type: disks[name] for disk_type, name in by_type.items()
                if name in disks}

    def _read_recorded(self, instance, names):
        """Read the server's LUs by their UUIDs, without a list.

        :returns: dict of name -> LUEnt wrapper; None if a list is needed. A
            name that is neither on record nor known here has no LU: another
            host would have put it on record.
        """
        udids = units.recorded(instance, names, self._pool.ssp_uuid)
        if udids is None:
            return None
        if any(unit.name not in udids for unit in self._pool.known(names)):
            return None
        lus = self._pool.read({udid for udid in udids.values() if udid})
        return None if lus is None else {
            lu_w.name: lu_w for lu_w in lus
            if not self._unfinished.is_pending(lu_w.uuid)}

    def has_disks(self, instance, disk_types):
        """See the base class.

        If the server has an LU in this pool on record, and the platform does
        not report it, nobody may treat the server as one without disks.
        """
        names = [self.get_disk_name(disk_type, instance)
                 for disk_type in disk_types]
        if self._read_own(instance, names):
            return True
        lost = units.lost(instance, names, self._pool.ssp_uuid)
        if lost:
            raise nova_exc.DiskNotFound(location=', '.join(lost))
        return False

    def note_in_use(self, instance, disk):
        if not units.has(instance.system_metadata, disk.name, disk.udid):
            # It may be one to delete that a VIOS mapped while it was down.
            return False
        self._unfinished.cancel(disk.udid)
        return True

    def is_on_record(self, instance, disk_type):
        return bool(units.lost(
            instance, [self.get_disk_name(disk_type, instance)],
            self._pool.ssp_uuid))

    def connect_disk(self, instance, disk, stg):
        self._unfinished.cancel(disk.udid)
        stg.map_redundant(self.vios_uuids, vm.get_lpar_uuid(instance),
                          self.reference(disk))

    def note_own(self, instance, disk):
        units.keep(instance, [disk], self._pool.ssp_uuid)

    def reference(self, disk):
        return pvm_stg.LU.bld_ref(self.host.adapter, disk.name, disk.udid)

    def disconnect_disk(self, instance, stg, disk_types=None, clients=None):
        names = self.get_disk_names(instance, disk_types)
        clients = clients or self.own_partitions(instance)
        stg.edit_redundant(
            self.vios_uuids, vios_mappings.remove_storage_mappings, pvm_stg.LU,
            names, partitions=clients, order=transaction.Order.ANY,
            missed=functools.partial(self._note_missed, stg, names, clients,
                                     instance.uuid))

    def _note_missed(self, stg, names, clients, server, vios_uuid):
        """Remember what to unmap when a VIOS is up again."""
        udids = {unit.udid for unit in self._pool.known(names)}
        udids.update(element.udid for element in stg.removed_storage
                     if elements.is_named(element, pvm_stg.LU, names))
        self._unfinished.add_mappings(vios_uuid, unfinished.Missed(
            names, clients, udids, server))

    def delete_disks(self, instance, disk_types=None, unmapped=()):
        """See the base class.

        Needs 1 request for each disk if they were mapped and are known here,
        and 1 more if not.
        """
        names = self.get_disk_names(instance, disk_types)
        udids = {element.udid for element in unmapped
                 if elements.is_named(element, pvm_stg.LU, names)}
        proof = self.proof(instance)
        wanted = {*udids, *units.pending(instance.system_metadata, names)}
        own = [unit for name, found in
               _by_name(self._pool.find(names, wanted)).items()
               for unit in units.to_delete(found, instance.system_metadata,
                                           name, mapped=udids)]
        left = [unit for unit in own if not self._delete(unit, proof)]
        units.keep_pending(instance, left)
        units.note_deleted(instance, names, own)

    def _delete(self, unit, proof):
        """Delete an LU; if it is in use, retry in every clean_periodically().

        A host that the server has left while a VIOS was down may still map it.

        :param proof: deletion.Proof that covers it.
        :returns: bool, whether it is gone.
        """
        try:
            self._pool.delete(unit, proof)
            return True
        except pvm_exc.HttpError as exc:
            if self._unfinished.add_unit(unit, proof):
                LOG.warning('Logical unit %(lu)s will be deleted when the '
                            'VIOSes that may map it are up: %(exc)s',
                            {'lu': unit.name, 'exc': exc})
            elif self._is_in_use(unit):
                self._unfinished.add_used(unit, proof)
                LOG.warning('Logical unit %(lu)s is mapped to another '
                            'partition, as on the former host of a server '
                            'that was evacuated. It is left alone until '
                            'nothing maps it any more: %(exc)s',
                            {'lu': unit.name, 'exc': exc})
            else:
                raise
        return False

    def _is_in_use(self, unit):
        return any(lu_w.in_use for lu_w in self._pool.list_units()
                   if lu_w.uuid == unit.uuid)

    def extend_disk(self, instance, size_gb,
                    disk_type=disk_driver.DiskType.BOOT):
        """See the base class. 2 requests, 1 more if it is not known here."""
        self._edit(instance, disk_type, self._extend, size_gb)

    def check_extend(self, instance, size_gb,
                     disk_type=disk_driver.DiskType.BOOT):
        self._edit(instance, disk_type, self._check_extend, size_gb)

    def _edit(self, instance, disk_type, func, *args):
        name = self.get_disk_name(disk_type, instance)
        known = [unit for unit in self._pool.known([name])
                 if not self._unfinished.is_pending(unit.uuid)]
        for unit in units.own(known, instance.system_metadata, name):
            with contextlib.suppress(pvm_exc.HttpNotFound):
                return self._pool.edit(unit.uuid, func, *args)
        disk = self.get_disk_ref(instance, disk_type)
        if disk is None:
            raise nova_exc.DiskNotFound(location=name)
        return self._pool.edit(disk.uuid, func, *args)

    def _check_extend(self, lu_w, size_gb):
        # An LU is thin: it uses no space before data is written.
        self.check_growth(lu_w.name, lu_w.capacity, size_gb)

    def _extend(self, lu_w, size_gb):
        growth = self.check_growth(lu_w.name, lu_w.capacity, size_gb)
        if growth:
            # pypowervm has no setter. Assumed, no hardware: the platform
            # accepts another size, as the VIOS command lu -resize does.
            lu_w.set_float_gb_value(_CAPACITY, size_gb)
            lu_w.update()

    def clean_periodically(self):
        for vios_uuid in self._unfinished.vios_uuids():
            utils.try_to('clean up VIOS %s' % vios_uuid, self._clean_vios,
                         vios_uuid)
        for unit, proof in self._unfinished.take_used():
            if not utils.try_to('delete logical unit %s' % unit.name,
                                self._delete_now, unit, proof):
                self._unfinished.add_used(unit, proof)

    def _clean_vios(self, vios_uuid):
        """Remove mappings that a VIOS kept while it was down."""
        if vios_uuid in self._pool.vios_uuids:
            if not self.host.is_vios_up(vios_uuid):
                return
            work = unmapping.Unmapping(self.host, self._unfinished)
            with transaction.StorageTransaction.immediate(
                    self.host, 'clean_periodically') as stg:
                stg.edit(vios_uuid, work.unmap, vios_uuid)
            free = self._unfinished.end(vios_uuid, work.done)
        else:
            free = self._unfinished.end(vios_uuid)
        for unit, proof in free:
            self._delete_now(unit, proof)

    def _delete_now(self, unit, proof):
        """Delete an LU that could not be deleted before.

        The server may have it again by now.
        """
        owner = units.read_owner(proof.server) if proof.server else None
        if owner and units.has(owner.system_metadata, unit.name, unit.udid):
            LOG.warning('Logical unit %s was to be deleted. It stays, because '
                        'its server has it again.', unit.name, instance=owner)
            return
        self._delete(unit, proof)

    # ---- moving to another host ----------------------------------------

    def get_info(self):
        return {'cluster_name': self._pool.cluster_name,
                'ssp_name': self._pool.ssp_name,
                'ssp_uuid': self._pool.ssp_uuid,
                'tier_name': self._pool.tier_name}

    def validate(self, disk_info):
        if disk_info.get('ssp_uuid') != self._pool.ssp_uuid:
            return ('its disks are in Shared Storage Pool %s, those of this '
                    'host in %s' % (disk_info.get('ssp_name'),
                                    self._pool.ssp_name))
        if disk_info.get('tier_name') != self._pool.tier_name:
            return ('its disks are in tier %s of the Shared Storage Pool, '
                    'those of this host in %s' % (
                        disk_info.get('tier_name'), self._pool.tier_name))
        return None

    def check_instance_shared_storage_local(self, context, instance):
        return self.get_info()

    def check_instance_shared_storage_remote(self, context, data):
        return self.validate(data) is None

    # ---- images --------------------------------------------------------

    def manage_image_cache(self, context, all_instances):
        self._pool.refresh()
        self._images.update(context, all_instances)

    def cache_image(self, context, image_id):
        return self._images.ensure(context,
                                   self.find_image_by_id(context, image_id))


def _by_name(found):
    """Sort LUs by their names: dict of name -> list."""
    by_name = {}
    for unit in found:
        by_name.setdefault(unit.name, []).append(unit)
    return by_name
