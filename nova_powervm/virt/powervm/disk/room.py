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

"""Choose the cached images to remove in favour of a disk."""

from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm.storage import volumegroup


def images(vg_w):
    """Return the names of the cached images in a volume group: list."""
    return volumegroup.disk_names(vg_w, names.is_group_image)


def most(vg_w, but=()):
    """Return the GiB that would be free without cached images, a float.

    :param vg_w: wrapper of the volume group.
    :param but: names of images that are to stay.
    """
    return vg_w.available_size + sum(
        volumegroup.find_disk(vg_w, name).capacity
        for name in images(vg_w) if name not in but)


def needed(sizes, size_gb, free_gb, to_keep):
    """Choose images to remove, and no more than necessary.

    :param sizes: dict of the name of a removable image -> GiB of its disk.
    :param size_gb: int, GiB that must be free.
    :param free_gb: float, GiB that are free.
    :param to_keep: function of a name; returns how important it is to keep
        this image, as a value to compare. Of equally important images the
        larger ones stay.
    :returns: list of names; empty if no image has to be removed, or if
        removing all of them would not make enough space.
    """
    left = free_gb + sum(sizes.values())
    if left < size_gb:
        return []
    to_delete = []
    for name in sorted(sizes, reverse=True,
                       key=lambda name: (to_keep(name), sizes[name])):
        if left - sizes[name] >= size_gb:
            left -= sizes[name]
        else:
            to_delete.append(name)
    return to_delete
