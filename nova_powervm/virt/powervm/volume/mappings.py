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

"""Recognize mappings that were made for volumes of Nova.

The driver removes a mapping only if its content proves this: its storage is a
physical volume whose tag is the id of a volume in Cinder. That the LPAR is
missing proves nothing, because its owner may have deleted it and kept the
disks.

A mapping that the platform has made in a live migration has no tag, and cannot
get one: the platform takes a tag when storage is mapped, and ignores it in
updates (source: PV.tag of pypowervm.wrappers.storage). For such a mapping the
UDID counts, if Nova has stored it with a volume of this host; see owners.
"""

from oslo_utils import uuidutils
from pypowervm.wrappers import storage as pvm_stg


def is_of_volume(mapping):
    """Return whether a mapping is for a volume that Cinder has or had."""
    element = mapping.backing_storage
    return isinstance(element, pvm_stg.PV) and uuidutils.is_uuid_like(
        element.tag)


def may_be_of_volume(mapping):
    """Whether a mapping is of a volume, or has no tag that tells.

    Nova's database has to be asked then, see owners.Owners.is_of_volume().
    """
    element = mapping.backing_storage
    return is_of_volume(mapping) or (isinstance(element, pvm_stg.PV) and
                                     not element.tag)
