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

"""Find or create the media repository of a VIOS for config drives."""

import threading

from oslo_log import log as logging
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import volumegroup

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
_NAME = 'vopt'


class Repository:
    """Finds or creates the media repository for new config drives.

    If the preferred VIOS has a repository, use it. Otherwise use the first
    one, in the order of the VIOSes' names. If no VIOS has one, create one. The
    search takes place at the first use, and again after forget().

    :param host: the owner of the REST connection (host.Host), connected.
    :param preferred_vios_uuid: UUID of a VIOS, or None.
    """

    def __init__(self, host, preferred_vios_uuid=None):
        self.host = host
        self._preferred = preferred_vios_uuid
        self._group = None
        # Held during the search or creation, so only threads that need the
        # repository wait.
        self._finding = threading.Lock()
        # UUID of the VIOS that was down at the last use.
        self._avoided = None
        # What the last search has read if it found none: list of (VIOS
        # wrapper, wrapper of its group). None if a VIOS could not be asked.
        self._seen = None

    @property
    def known(self):
        """What find() found last, without a request, or None."""
        with self._finding:
            return self._group

    def find(self, create=False):
        """Return the volume group with the media repository.

        The first time, this needs 1 request if the preferred VIOS has a
        repository. Otherwise it needs 1 request and 1 for each VIOS, and 1 to
        create one.

        :param create: whether to create a repository if there is none.
        :returns: volumegroup.VolumeGroup, or None.
        """
        with self._finding:
            if self._group is None:
                self._group = (self._preferred_group() or
                               self._any_group(create))
            return self._group

    def forget(self, avoid=None):
        """Forget the repository, so that the next use searches again.

        :param avoid: UUID of a VIOS that is down and must not be used, or
            None.
        """
        with self._finding:
            self._group = None
            self._avoided = avoid

    def check_options(self):
        """Refuse options with which no repository can be created (0 requests).

        Nothing is refused before find() has asked all VIOSes. If only the
        management partition has the group, an operator can create a repository
        there.

        :raises InvalidOption: if no VIOS has the group, or if it is too full.
        """
        if self._group is not None or self._seen is None:
            return
        name = CONF.powervm.vopt_media_volume_group
        if name not in {vg_w.name for _vios_w, vg_w in self._seen}:
            raise exception.InvalidOption(
                option='vopt_media_volume_group', value=name,
                reason='no Virtual I/O Server has it, nor a media repository',
                there=sorted({vg_w.name for _vios_w, vg_w in self._seen}))
        free = [vg_w.available_size for vios_w, vg_w in self._seen
                if self._can_have_repository(vios_w, vg_w)]
        if free and max(free) < CONF.powervm.vopt_media_rep_size:
            raise exception.InvalidOption(
                option='vopt_media_rep_size',
                value=CONF.powervm.vopt_media_rep_size,
                reason='volume group %s has only %.1f GB of free space' % (
                    name, max(free)))

    def _preferred_group(self):
        if self._preferred in (None, self._avoided):
            return None
        for vg_w in self.host.volume_groups(self._preferred):
            if len(vg_w.vmedia_repos):
                return volumegroup.VolumeGroup(self.host, self._preferred,
                                               vg_w)
        return None

    def _any_group(self, create):
        candidate, seen, self._seen = None, [], None
        vioses, is_complete = self._vioses()
        for vios_w in vioses:
            for vg_w in self.host.volume_groups(vios_w.uuid):
                seen.append((vios_w, vg_w))
                group = volumegroup.VolumeGroup(self.host, vios_w.uuid, vg_w)
                if len(vg_w.vmedia_repos):
                    return group
                if self._can_have_repository(vios_w, vg_w) and (
                        candidate is None or vios_w.uuid == self._preferred):
                    candidate = group
        self._seen = seen if is_complete else None
        if not create:
            return None
        if candidate is None:
            raise exception.NoMediaRepoVolumeGroupFound(
                vol_grp=CONF.powervm.vopt_media_volume_group)
        return candidate.edit(add_repository, candidate)

    @staticmethod
    def _can_have_repository(vios_w, vg_w):
        """Return whether a repository may be created in a volume group.

        The volume groups of the management partition are its own.
        """
        return (vg_w.name == CONF.powervm.vopt_media_volume_group and
                not vios_w.is_mgmt_partition)

    def _vioses(self):
        """Return the VIOSes that are up, and whether these are all."""
        vioses = self.host.vioses()
        active = self.host.filter_active(vioses)
        return (sorted(active, key=lambda vios_w: vios_w.name),
                len(active) == len(vioses))


def add_repository(vg_w, group):
    """Edit: create a repository in a volume group that has none.

    :param vg_w: wrapper of the group.
    :param group: volumegroup.VolumeGroup
    :returns: group
    """
    if not len(vg_w.vmedia_repos):
        LOG.info('Creating a media repository in volume group %s.',
                 vg_w.name)
        vg_w.vmedia_repos = [pvm_stg.VMediaRepos.bld(
            vg_w.adapter, _NAME, CONF.powervm.vopt_media_rep_size)]
        vg_w.update()
    return group
