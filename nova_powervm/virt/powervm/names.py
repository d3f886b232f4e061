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

"""Derive the names of servers' disks and media, and of cached images.

The driver finds storage and cleans it up by its name, so it needs no other
record of the owner. See disk.driver for the disks, and media for config
drives.

The names of images in a cache end with a seal: characters that are computed
from all the others. Nova does not know which images were ever cached, so the
seal is what proves that this driver has chosen the name. Somebody else's disk
such as i_databasefiles also has 13 letters, but only one such name in 32,768
has a valid seal.
"""

import base64
import hashlib
import re
import uuid

#: Characters of the name of a server's disk, as many as a virtual disk may
#: have.
DISK_NAME_LENGTH = 15
_PREFIXES = ('b_', 'r_', 's_', *('e%d_' % number for number in range(10)))
_DISK_NAME = re.compile('(?:[brs]|e[0-9])_[a-z2-7]{12,13}')
_CONFIG_DRIVE_DIGITS = 29
_CONFIG_DRIVE = re.compile(r'cfg_[0-9a-f]{29}\.iso')
_SEAL_LENGTH = 3
_GROUP_IMAGE = re.compile('i_[a-z2-7]{13}')
_GROUP_IMAGE_LENGTHS = 6, 4
_POOL_IMAGE = re.compile('i_[a-z2-7]{25}_[a-z2-7]{13}')
_POOL_IMAGE_LENGTHS = 25, 10


def is_disk_name(name):
    """Return whether a disk or LU may belong to a server, by its name."""
    return len(name) == DISK_NAME_LENGTH and bool(_DISK_NAME.fullmatch(name))


def disk_name(prefix, server_uuid):
    """Return the name of a server's disk: prefix and end of the UUID.

    :param prefix: str, such as 'b_'.
    :param server_uuid: str, UUID of the server in Nova.
    """
    return prefix + token(uuid.UUID(server_uuid).int,
                          DISK_NAME_LENGTH - len(prefix))


def is_config_drive_name(name):
    """Return whether a medium may be a server's config drive, by its name."""
    return bool(_CONFIG_DRIVE.fullmatch(name))


def is_derived(name):
    """Return whether storage may belong to a server, by its name."""
    return is_disk_name(name) or is_config_drive_name(name)


def config_drive_name(server_uuid):
    """Return the name of a server's config drive.

    It is cfg_<29 hex digits of the UUID>.iso, because the platform allows
    names of 37 characters.
    """
    return 'cfg_%s.iso' % (
        server_uuid.replace('-', '').lower()[:_CONFIG_DRIVE_DIGITS])


def server_names(server_uuid):
    """Return all names that are derived from a server's UUID.

    :returns: frozenset of str.
    """
    return frozenset((config_drive_name(server_uuid), *(
        disk_name(prefix, server_uuid) for prefix in _PREFIXES)))


def group_image_prefix(image_id):
    """Return the prefix of the names of an image in a volume group."""
    return 'i_' + digest(image_id, _GROUP_IMAGE_LENGTHS[0])


def group_image(image_id, content):
    """Return the name of an image that is cached in a volume group.

    :param image_id: str, the image's id in Glance.
    :param content: str, which differs if the content of the image differs.
    :returns: str, i_<6 characters of the id><4 of the content><3, the seal>
    """
    return _sealed(group_image_prefix(image_id) +
                   digest(content, _GROUP_IMAGE_LENGTHS[1]))


def pool_image_prefix(image_id):
    """Return the prefix of the names of an image in a Shared Storage Pool."""
    return 'i_%s_' % digest(image_id, _POOL_IMAGE_LENGTHS[0])


def pool_image(image_id, content):
    """Return the name of an image in a Shared Storage Pool; see group_image().

    :returns: str, i_<25 characters of the id>_<10 of the content><3, the seal>
    """
    return _sealed(pool_image_prefix(image_id) +
                   digest(content, _POOL_IMAGE_LENGTHS[1]))


def is_group_image(name):
    """Return whether this driver named an image in a volume group."""
    return bool(_GROUP_IMAGE.fullmatch(name)) and _is_sealed(name)


def is_pool_image(name):
    """Return whether this driver named an image in a Shared Storage Pool."""
    return bool(_POOL_IMAGE.fullmatch(name)) and _is_sealed(name)


def _sealed(name):
    return name + digest('nova-powervm ' + name, _SEAL_LENGTH)


def _is_sealed(name):
    return _sealed(name[:-_SEAL_LENGTH]) == name


def token(number, length=13):
    """Write the low bits of a number as lower-case base 32 characters.

    :param number: non-negative int of up to 128 bits.
    :param length: int, number of characters, of 5 bits each.
    :returns: str of [a-z2-7]
    """
    bits = number & ((1 << 5 * length) - 1)
    text = base64.b32encode((bits << 136 - 5 * length).to_bytes(17, 'big'))
    return text[:length].decode().lower()


def digest(text, length):
    """Reduce a text to base 32 characters of its SHA-256.

    :param length: int, number of characters, of 5 bits each; up to 25.
    """
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])
    return token(number, length)
