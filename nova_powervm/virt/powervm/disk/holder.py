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

"""The VIOS that has the volume group for the disks of servers.

Several VIOSes may have a volume group of the same name, and a VIOS that is
down does not report its groups. If the driver used any group that it sees, new
disks could go to another VIOS after a start at the wrong moment. Therefore
these rules apply:

* If the option volume_group_vios_name names the VIOS, only this counts.
* Without it, the driver uses the VIOS of its last start. Nova stores its UUID
  with the host, see module kept.
* If Nova has stored none, as after an upgrade from 9.0.0, the driver uses the
  only VIOS with such a group, provided that all VIOSes are up.

In any other case nova-compute does not start, and the message names the
VIOSes.
"""


from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import kept
from nova_powervm.virt.powervm import names as powervm_names
from nova_powervm.virt.powervm.storage import elements

CONF = cfg.CONF

_GROUP_KEY = 'powervm_volume_group'
_VIOS_KEY = 'powervm_volume_group_vios'
# The group with the system of a VIOS. 9.0.0 accepted it, so it may have disks.
_ROOT = 'rootvg'


def find(host, group_name):
    """Find the volume group (2 requests; 1 for each VIOS the first time).

    :param host: the owner of the REST connection (host.Host), connected.
    :param group_name: str, name of the volume group.
    :returns: (VIOS wrapper, VG wrapper).
    :raises InvalidOption: if volume_group_vios_name names no VIOS, or if the
        group is rootvg and has no disks of servers yet.
    :raises VGHolderNotUsable: if the VIOS is known, but is down, gone, or has
        no such group.
    :raises VGHolderAmbiguous: if several VIOSes have such a group.
    :raises VGHolderUnknown: if one has it, and another one does not answer.
    :raises VGHolderChanged: if the option names another VIOS than the one
        that may still have disks of servers.
    :raises VGNotFound: if no VIOS has such a group.
    """
    return _Search(host, group_name).find()


def to_keep(vios_uuid, group_name):
    """Return what Nova stores with the host for the next start, a dict."""
    return {_GROUP_KEY: group_name, _VIOS_KEY: vios_uuid}


def _kept_uuid(host, group_name):
    """Return the UUID of the VIOS that had the group until now, or None."""
    return kept.find(host.nodename, **{_GROUP_KEY: group_name}).get(_VIOS_KEY)


class _Search:
    """One search of the VIOSes for a volume group."""

    def __init__(self, host, group_name):
        self._host = host
        self._name = group_name
        self._vioses = sorted(host.vioses(), key=lambda vios_w: vios_w.name)
        self._up = {vios_w.uuid
                    for vios_w in host.filter_active(self._vioses)}
        # Names of the groups that were read.
        self._names = set()

    def find(self):
        vios_w, vg_w = self._find()
        if vg_w.name == _ROOT and not _disks_of_servers(vg_w):
            raise exception.InvalidOption(
                option='volume_group_name', value=_ROOT,
                reason='it has the Virtual I/O Server itself',
                there=sorted(self._names - {_ROOT}))
        return vios_w, vg_w

    def _find(self):
        vios_name = CONF.powervm.volume_group_vios_name
        kept_uuid = _kept_uuid(self._host, self._name)
        if vios_name:
            named = self._named(vios_name)
            self._check_previous(kept_uuid, named)
            return self._usable_group(named)
        if kept_uuid:
            return self._usable_group(self._with_uuid(kept_uuid))
        return self._only_one()

    def _named(self, vios_name):
        found = [vios_w for vios_w in self._vioses
                 if vios_w.name == vios_name]
        if len(found) != 1:
            raise exception.InvalidOption(
                option='volume_group_vios_name', value=vios_name,
                reason='%d Virtual I/O Servers have that name' % len(found),
                there=[vios_w.name for vios_w in self._vioses])
        return found[0]

    def _check_previous(self, kept_uuid, named):
        """Check that no other VIOS has disks of servers.

        :param kept_uuid: UUID of the VIOS that had the group until now.
        :param named: wrapper of the VIOS that the option names.
        """
        previous = next((vios_w for vios_w in self._vioses if kept_uuid and
                         vios_w.uuid.upper() == kept_uuid.upper()), None)
        if previous is None or previous.uuid == named.uuid:
            return
        if previous.uuid not in self._up:
            reason = 'it is down'
        else:
            vg_w = self._group(previous)
            left = _disks_of_servers(vg_w) if vg_w else []
            if not left:
                return
            reason = 'it has disks of servers: %s' % ', '.join(left)
        raise exception.VGHolderChanged(
            vg_name=self._name, previous=previous.name, named=named.name,
            reason=reason)

    def _with_uuid(self, vios_uuid):
        for vios_w in self._vioses:
            if vios_w.uuid.upper() == vios_uuid.upper():
                return vios_w
        raise exception.VGHolderNotUsable(
            vg_name=self._name, vios=vios_uuid,
            reason='this system no longer has it')

    def _usable_group(self, vios_w):
        """Return the group of a certain VIOS."""
        if vios_w.uuid not in self._up:
            raise exception.VGHolderNotUsable(
                vg_name=self._name, vios=vios_w.name,
                reason='it is down')
        vg_w = self._group(vios_w)
        if vg_w is None:
            raise exception.VGHolderNotUsable(
                vg_name=self._name, vios=vios_w.name,
                reason='it has no such volume group; there are: %s' % (
                    ', '.join(sorted(self._names)) or 'none'))
        return vios_w, vg_w

    def _only_one(self):
        """Return the group, if one VIOS has it and no other can have it."""
        found = [(vios_w, self._group(vios_w)) for vios_w in self._vioses
                 if vios_w.uuid in self._up]
        found = [(vios_w, vg_w) for vios_w, vg_w in found if vg_w is not None]
        if not found:
            raise exception.VGNotFound(vg_name=self._name,
                                       there=sorted(self._names))
        holders = _names(vios_w for vios_w, _vg_w in found)
        if len(found) > 1:
            raise exception.VGHolderAmbiguous(vg_name=self._name,
                                              vioses=holders)
        down = [vios_w for vios_w in self._vioses
                if vios_w.uuid not in self._up]
        if down:
            raise exception.VGHolderUnknown(
                vg_name=self._name, vioses=holders, down=_names(down))
        return found[0]

    def _group(self, vios_w):
        groups = self._host.volume_groups(vios_w.uuid)
        self._names.update(vg_w.name for vg_w in groups)
        return next((vg_w for vg_w in groups if vg_w.name == self._name),
                    None)


def _disks_of_servers(vg_w):
    """Return the names of the disks of servers in a group: sorted list."""
    return sorted(filter(powervm_names.is_disk_name, map(
        elements.base_name, vg_w.virtual_disks)))


def _names(vioses):
    return [vios_w.name for vios_w in vioses]
