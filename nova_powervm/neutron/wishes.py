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

"""What the binding:profile of a port wishes of its SR-IOV vNIC.

The keys are those of networking-powervm. A client may send numbers or text.
"""

import decimal

#: Backing devices of a vNIC (source: IBM's documents).
MOST_DEVICES = 6


def parse(profile):
    """Read the wishes of a port.

    :param profile: dict, the binding:profile, or None
    :returns: dict; it has the wishes of the port only. vnic_required_vfs is an
        int, the number of backing devices. capacity and maxcapacity are
        floats, fractions of a physical port.
    :raises ValueError: if a wish makes no sense; the text says which
    """
    profile = profile or {}
    found = {key: parser(key, profile[key])
             for key, parser in (('vnic_required_vfs', _count),
                                 ('capacity', _fraction),
                                 ('maxcapacity', _fraction))
             if profile.get(key) is not None}
    if found.get('capacity', 0) > found.get('maxcapacity', 1):
        raise ValueError('capacity is %(capacity)s, more than maxcapacity, '
                         'which is %(maxcapacity)s' % found)
    return found


def _number(value):
    """Read a number, or text that is one: a finite Decimal, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        return None
    return number if number.is_finite() else None


def _count(key, value):
    number = _number(value)
    # Of a huge number, such as 1e999999999, int() would not return.
    if number is None or not 1 <= number <= MOST_DEVICES or (
            number != int(number)):
        raise ValueError('%s is %r, not a whole number from 1 to %d' % (
            key, value, MOST_DEVICES))
    return int(number)


def _fraction(key, value):
    number = _number(value)
    if number is None or not 0 < number <= 1 or not float(number):
        raise ValueError('%s is %r, not a number above 0 and up to 1' % (
            key, value))
    return float(number)
