# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""LogicalUnit: a disk in a shared storage pool, as one server shows it."""

import re

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import shared_pool
from nova_powervm.simulator.resources import storage

#: source of the length: pypowervm.const.MaxLen.FILENAME_DEFAULT; assumed, no
#: hardware, that the platform has the same limit.
_NAME = re.compile(r'[A-Za-z0-9_.-]{1,79}')


class LogicalUnit(base.Resource):
    """A logical unit.

    :param tier_view: the cluster.Tier resource that it hangs under
    :param unit: shared_pool.Unit
    """

    TYPE = 'LogicalUnit'
    ROOT = False
    PARENTS = ('Tier',)

    def __init__(self, host, tier_view, unit):
        super().__init__(host, unit.uuid, tier_view)
        self.unit = unit
        unit.views.append(self)

    @classmethod
    def create(cls, host, parent, doc):
        tier = parent.tier
        tier.pool.check_serving(host)
        unit = read_new(tier, doc)
        created(unit, but_on=host)
        return cls(host, parent, unit)

    def update(self, doc, groups):
        """Apply a POST: the size is all that can change."""
        unit = self.unit
        unit.tier.pool.check_serving(self.host)
        if doc.text('UnitName', unit.name) != unit.name:
            raise errors.Refused('Logical unit %s cannot be renamed' %
                                 unit.name)
        if read_resize(unit, doc):
            for view in unit.views:
                if view is not self:
                    view.touch('LogicalUnit')
            unit.tier.pool.changed('LogicalUnit', 'SharedStoragePool')
        return 'LogicalUnit'

    def remove(self):
        if self.unit not in self.unit.tier.units:
            # Another server has begun it.
            return
        self.unit.tier.pool.check_serving(self.host)
        self.unit.delete()
        deleted(self.unit, but_on=self.host)

    def render(self, groups):
        return self.unit.elements()

    def state(self):
        return self.unit.state()


def check_name(name):
    """Refuse what is no name for a logical unit.

    :returns: str, the name
    :raises errors.Refused:
    """
    if not _NAME.fullmatch(name):
        raise errors.Refused(
            '%r is not a name for a logical unit: it needs 1 to 79 letters, '
            'digits and characters of "_.-"' % name)
    return name


def read_new(tier, doc):
    """Create the logical unit that a document describes.

    Names may repeat (assumed, no hardware: the commands of a VIOS take a
    UDID where a name is ambiguous, and pypowervm tells units apart by it).

    :param tier: shared_pool.Tier
    :param doc: atom.Document of a LogicalUnit
    :returns: shared_pool.Unit
    :raises errors.RestError: to refuse; nothing was created then
    """
    name = check_name(doc.text('UnitName', ''))
    size = storage.to_bytes(doc.float('UnitCapacity', 0.0))
    if size <= 0:
        raise errors.Refused('Logical unit %s needs a UnitCapacity' % name)
    kind = doc.text('LogicalUnitType') or shared_pool.DISK
    if kind not in (shared_pool.DISK, shared_pool.IMAGE):
        raise errors.Refused('Logical units of type %s cannot be created' %
                             kind)
    image = None
    if doc.text('ClonedFrom'):
        image = _read_image(tier, name, size, doc.text('ClonedFrom'))
    thin = doc.bool('ThinDevice', True)
    if image and not thin:
        raise errors.Refused('Linked clone %s cannot be thick' % name)
    return tier.create_unit(name, size, kind, thin, image)


def _read_image(tier, name, size, udid):
    image = tier.pool.find_unit_by_udid(udid)
    if image is None:
        raise errors.Refused('There is no logical unit with UDID %s to clone' %
                             udid)
    if image.kind != shared_pool.IMAGE:
        raise errors.Refused('Logical unit %s is not an image and cannot '
                             'be cloned' % image.name)
    if image.tier is not tier:
        raise errors.Refused('Logical unit %s is in tier %s, a clone cannot '
                             'be in tier %s' % (image.name, image.tier.name,
                                                tier.name))
    if size < image.size:
        raise errors.Refused(
            'Logical unit %s is too small (%s GB) for a clone of %s (%s '
            'GB)' % (name, storage.gigabytes(size), image.name,
                     storage.gigabytes(image.size)))
    return image


def read_resize(unit, doc):
    """Give a unit the size that a document has for it.

    :returns: bool, whether it is another one than before
    :raises errors.Refused: to shrink, or when there is no space
    """
    shown = storage.gigabytes(unit.size)
    wanted = storage.to_bytes(doc.float('UnitCapacity', float(shown)))
    if storage.gigabytes(wanted) == shown:
        return False
    unit.resize(wanted)
    return True


def created(unit, but_on=None):
    """Show a new unit on the servers that see its pool.

    :param but_on: host.Host whose store the caller looks after
    """
    pool = unit.tier.pool
    for tier_view in pool.views:
        if getattr(tier_view, 'tier', None) is unit.tier:
            if tier_view.host is not but_on:
                tier_view.host.add(LogicalUnit(tier_view.host, tier_view,
                                               unit))
    pool.changed('LogicalUnit', 'SharedStoragePool')
    pool.changed('Tier', 'Tier')


def deleted(unit, but_on=None):
    """Take a unit that was deleted off the servers that see its pool.

    :param but_on: host.Host whose store the caller looks after
    """
    pool = unit.tier.pool
    for view in unit.views:
        if view.host is not but_on:
            view.host.remove(view)
    pool.changed('LogicalUnit', 'SharedStoragePool')
    pool.changed('Tier', 'Tier')
