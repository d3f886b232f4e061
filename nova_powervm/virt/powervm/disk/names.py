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

"""The letters that names of disks are made of."""

import base64
import hashlib


def token(number, length=13):
    """Write the low bits of a number as lower-case base 32 characters.

    :param number: non-negative int of up to 128 bits.
    :param length: how many characters, of 5 bits each.
    :returns: str of [a-z2-7]
    """
    bits = number & ((1 << 5 * length) - 1)
    text = base64.b32encode((bits << 136 - 5 * length).to_bytes(17, 'big'))
    return text[:length].decode().lower()


def digest(text, length):
    """Reduce a text to base 32 characters of its SHA-256.

    :param length: how many characters, of 5 bits each; up to 25.
    """
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])
    return token(number, length)
