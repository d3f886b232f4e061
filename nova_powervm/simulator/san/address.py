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

"""Addresses on a storage area network: World-Wide Port Names, and LUNs."""

import re

from nova_powervm.simulator import errors

#: The highest LUN that an array gives.
MAX_LUN = 16383
_WWPN = re.compile('[0-9a-f]{16}')


def wwpn(text):
    """Bring a WWPN into the form that is used here.

    :param text: str, in either case, with or without colons
    :returns: str of 16 lower case hex digits
    :raises errors.Refused: when it is none
    """
    digits = str(text).lower().replace(':', '')
    if not _WWPN.fullmatch(digits):
        raise errors.Refused('%r is not a WWPN' % text)
    return digits


def unit_of(lun):
    """Return the 8 bytes of the SCSI protocol that address a LUN.

    :param lun: int
    :returns: int, what pypowervm.tasks.hdisk writes in hexadecimal
    """
    return lun << (48 if lun < 1 << 28 else 32)
