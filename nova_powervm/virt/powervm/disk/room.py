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

"""Which cached images give way to a disk."""


def needed(sizes, size_gb, free_gb, to_keep):
    """Choose images that make room, each of which is needed for that.

    :param sizes: dict of the name of an image that may go -> GiB of its disk.
    :param size_gb: int, GiB that must be free.
    :param free_gb: float, GiB that are free.
    :param to_keep: function that tells how much it matters that an image
        stays, by its name: the larger what it returns, the more. Of images
        that matter alike the larger stay.
    :returns: list of names; empty if nothing needs to go, or if all of them
        do not make the room.
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
