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

"""Normalize logical unit addresses, as VIOSes report them.

An AIX VIOS reports eight bytes in hexadecimal, such as 0x8100000000000000. A
Linux VIOS reports lun1, lun2 and so on; it is unknown at which address its
client finds these (source: capture fake_vios_hosting_vios_feed.txt of
pypowervm).
"""


def plain(text):
    """Return the normalized form of an address.

    :param text: str as a VIOS reports it, or None.
    :returns: str, 0x and 16 digits in lower case; None if it is not known.
    """
    try:
        return '0x%016x' % int(text, 16)
    except (TypeError, ValueError):
        return None


def address(mapping):
    """Return the address of the storage of a mapping; see plain().

    :param mapping: VSCSIMapping wrapper.
    """
    device = mapping.target_dev
    return plain(device.lua) if device is not None else None
