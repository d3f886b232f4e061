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

"""Edit volume groups of Virtual I/O Servers: their disks and media."""

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.utils import transaction
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm import group_commit
from nova_powervm.virt.powervm import rereads
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm.storage import vios_mappings

LOG = logging.getLogger(__name__)

_FILE_POOL_PREFIX = 'QCOW VG'
# A kind of changes, see VolumeGroup._commit().
_ADDED = 'add_disks'


class VolumeGroup:
    """One volume group of one VIOS, which is read again for every use.

    :param host: the owner of the REST connection (host.Host).
    :param vios_uuid: str, UUID of the VIOS.
    :param vg_w: VG wrapper; only its UUID and its name are kept.
    """

    def __init__(self, host, vios_uuid, vg_w):
        self.host = host
        self.vios_uuid = vios_uuid
        self.uuid = vg_w.uuid
        self.name = vg_w.name
        self._rereads = rereads.Rereads(self.read, host.read_again)

    def read(self):
        """Return its wrapper (1 request)."""
        return self._getter().get()

    def look(self):
        """Return its wrapper, which must not be changed (1 request).

        If it has not changed since the last look, the platform answers without
        content.
        """
        return self._rereads.get()

    def edit(self, func, *args, known=None):
        """Call func with the wrapper, alone in this process (1 request).

        :param func: called as func(vg_wrapper, *args). It writes its changes
            itself, with update(). After a 412 it is called again with a new
            wrapper.
        :param known: wrapper that was just read, to save the request.
        :returns: the result of func.
        """
        def announced(vg_w, *args):
            self._announce(vg_w)
            return func(vg_w, *args)

        return transaction.entry_transaction(announced)(
            known or self._getter(), *args)

    def add_disks(self, name, func, *args):
        """Add disks, together with threads that do the same (2 requests).

        :param name: str, the purpose, for logs.
        :param func: called as func(vg_wrapper, *args); adds disks with
            add_disk(), and writes nothing. Returns whether it has added them.
            It may be called again, with another wrapper, and by another
            thread.
        :returns: (wrapper of the group, bool whether they were added). If so,
            do not change the wrapper: others may have got the same.
        :raises: as group_commit.GroupCommit.commit
        """
        vg_w, is_added, is_shared = self._commit(name, _ADDED, func, args)
        if is_shared and not is_added:
            vg_w = self.read()
        return vg_w, is_added

    def remove(self, name, func, *args):
        """Remove disks or media, together with threads that do the same.

        Needs 1 request, and 1 if anything is removed.

        :param func: deletion.remove_disks or deletion.remove_media; called as
            func(vg_wrapper, *args).
        :returns: bool, whether any of them existed.
        :raises: as group_commit.GroupCommit.commit
        """
        return self._commit(name, func.__name__, func, args)[1]

    def _commit(self, name, kind, func, args):
        """Change its document, together with threads that do the same.

        :param kind: str; only changes of one kind go out together. The
            platform was never seen to take others in one request.
        :returns: (wrapper of the group, what func has returned, bool whether
            others may have got the same wrapper).
        """
        returned = []

        def change(vg_w):
            self._announce(vg_w)
            returned[:] = [func(vg_w, *args)]
            return returned[0]

        wanted = group_commit.Change(name, self._getter, change, kind=kind)
        vg_w = self.host.edits.commit(self.uuid, wanted,
                                      owner=self.vios_uuid)
        return vg_w, returned[0], wanted.is_shared

    def _announce(self, vg_w):
        """If its media change, the platform sends an event about the VIOS."""
        if len(vg_w.vmedia_repos):
            self.host.expect_vios_event(self.vios_uuid)

    def clients(self, names):
        """Return which of some disks are mapped (1 request).

        :param names: collection of str, without paths.
        :returns: dict of name -> str, UUID of a partition, 'any' if it is on
            an adapter for any client, '' if the partition is gone.
        """
        vios_w = self.host.vios(self.vios_uuid, [vios_mappings.SCSI_MAPPING])
        return {
            elements.base_name(mapping.backing_storage):
                'any' if clients.is_for_any_client(mapping) else
                (clients.client(mapping) or '').upper()
            for mapping in vios_w.scsi_mappings if elements.is_named(
                mapping.backing_storage, pvm_stg.VDisk, names)}

    def _getter(self):
        return self.host.volume_group_getter(self.vios_uuid, self.uuid)


def find_disk(vg_w, name):
    """Return the virtual disk with a name in a volume group, or None."""
    return next((disk for disk in vg_w.virtual_disks
                 if elements.base_name(disk) == name), None)


def disk_names(vg_w, is_wanted):
    """Return the names of some of the disks in a volume group: list.

    :param is_wanted: function of a name.
    """
    return list(filter(is_wanted, map(elements.base_name, vg_w.virtual_disks)))


def is_file_backed(vg_w):
    """Return whether the disks of a volume group are files.

    Assumed, no hardware: the documentation of NovaLink calls such a pool "QCOW
    VG - default"; its disks have paths as their names.
    """
    return vg_w.name.startswith(_FILE_POOL_PREFIX) or any(
        disk.name.startswith('/') for disk in vg_w.virtual_disks)


def create_disk(vg_w, name, size_gb, source=None, file_format=None):
    """Create a virtual disk (1 request).

    :param vg_w: VG wrapper.
    :param name: str of at most 15 of [.0-9A-Za-z_].
    :param size_gb: int, size in GiB.
    :param source: wrapper of a disk of the same group whose content the
        platform is to copy, or None.
    :param file_format: pypowervm FileFormatType of its content, or None.
    :returns: (wrapper of the group, wrapper of the disk).
    :raises ComputeResourcesUnavailable: if the group has too little space.
    """
    vg_w, disks = _create(vg_w, [_build(vg_w, name, size_gb, source,
                                        file_format)])
    return vg_w, disks[0]


def create_blank_disks(vg_w, sizes):
    """Create virtual disks without content (1 request).

    :param sizes: dict of name -> int GiB.
    :returns: list of wrappers of the disks.
    :raises ComputeResourcesUnavailable: if the group has too little space.
    """
    return _create(vg_w, _build_blank(vg_w, sizes))[1]


def _build(vg_w, name, size_gb, source, file_format):
    return pvm_stg.VDisk.bld(vg_w.adapter, name, size_gb,
                             base_image=source and source.udid,
                             file_format=file_format)


def _build_blank(vg_w, sizes):
    return [_build(vg_w, name, size_gb, None, pvm_stg.FileFormatType.RAW)
            for name, size_gb in sizes.items()]


def add_disk(vg_w, name, size_gb, source=None, file_format=None):
    """Edit: add a new virtual disk to the document of a volume group.

    Parameters as in create_disk().

    :returns: bool, whether it was added. If not, the group has too little
        space for it and for what else was added to the document.
    """
    return _add(vg_w, [_build(vg_w, name, size_gb, source, file_format)])


def add_blank_disks(vg_w, sizes):
    """Edit: add virtual disks without content, as add_disk().

    :param sizes: dict of name -> int GiB.
    """
    return _add(vg_w, _build_blank(vg_w, sizes))


def _add(vg_w, new_disks):
    # Only the platform gives a disk its UDID.
    added = [disk for disk in vg_w.virtual_disks if not disk.udid]
    if vg_w.available_size < sum(disk.capacity for disk in added + new_disks):
        return False
    vg_w.virtual_disks.extend(new_disks)
    return True


def _create(vg_w, new_disks):
    check_room(vg_w, sum(disk.capacity for disk in new_disks))
    vg_w.virtual_disks.extend(new_disks)
    vg_w = vg_w.update()
    return vg_w, find_new_disks(vg_w, [disk.name for disk in new_disks])


def find_new_disks(vg_w, names):
    """Return disks that the platform has just created.

    :param names: list of str.
    :returns: list of wrappers, in this order.
    :raises pypowervm.exceptions.Error: if one is missing.
    """
    disks = [find_disk(vg_w, name) for name in names]
    if any(disk is None for disk in disks):
        raise pvm_exc.Error('The platform accepted disks %s in volume group '
                            '%s, but they are not there.' % (names,
                                                             vg_w.name))
    return disks


def check_room(vg_w, size_gb):
    """Raise ComputeResourcesUnavailable if a group has too little space."""
    if vg_w.available_size < size_gb:
        raise nova_exc.ComputeResourcesUnavailable(
            reason='%(need)d GB needed in volume group %(vg)s, %(free).2f GB '
            'are free' % {'need': size_gb, 'vg': vg_w.name,
                          'free': vg_w.available_size})


def has_media(vg_w, name):
    """Return whether a medium is in a media repository of a volume group."""
    return name in media_names(vg_w)


def media_names(vg_w):
    """Return the names of the media in a volume group's repository: set."""
    return {medium.name for repository in vg_w.vmedia_repos
            for medium in repository.optical_media}
