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

"""What clients, operators and profiles write: numbers and names.

All of the simulator reads text and JSON from outside with these functions, so
that each kind of value has its bounds in one place.
"""

import re

import jsonschema
from jsonschema import validators

#: No number is larger. The REST server is a Java program, whose longs end
#: here (assumed, no hardware: what it answers to more).
LARGEST = 2 ** 63 - 1

_WHOLE = re.compile('[+-]?[0-9]{1,19}')
_NUMBER = re.compile(r'[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?')
_HEXADECIMAL = re.compile('(0[xX])?[0-9A-Fa-f]{1,16}')
#: A name in a file system: no separator, no control characters.
_FILE_NAME = re.compile('[A-Za-z0-9_.-]+')
#: What XML cannot contain.
IMPOSSIBLE = ('\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff')
_IMPOSSIBLE = re.compile('[%s]' % IMPOSSIBLE)


def whole(text):
    """Read a whole number.

    :param text: str
    :returns: int, at most LARGEST
    :raises ValueError: when it is none, or too large
    """
    if not _WHOLE.fullmatch(text) or abs(int(text)) > LARGEST:
        raise ValueError('%r is not a whole number' % text[:40])
    return int(text)


def number(text):
    """Read a number.

    :param text: str
    :returns: float, finite and at most LARGEST
    :raises ValueError: when it is none, or too large
    """
    if len(text) > 400 or not _NUMBER.fullmatch(text) or (
            abs(float(text)) > LARGEST):
        raise ValueError('%r is not a number' % text[:40])
    return float(text)


def hexadecimal(text):
    """Read a number of at most 16 hexadecimal digits, with or without 0x.

    :param text: str
    :returns: int
    :raises ValueError: when it is none
    """
    if not _HEXADECIMAL.fullmatch(text):
        raise ValueError('%r is not hexadecimal' % text[:40])
    return int(text, 16)


def is_file_name(text, longest):
    """Tell whether text can be the name of one file.

    :param text: str
    :param longest: int, how many characters it may have
    """
    return (len(text) <= longest and text not in ('.', '..') and
            _FILE_NAME.fullmatch(text) is not None)


def printable(text):
    """Replace what no document can contain.

    :param text: str
    :returns: str, with '?' for each such character
    """
    return _IMPOSSIBLE.sub('?', text)


def check_text(data, free=()):
    """Check all text in data that json or yaml has read.

    :param data: dict, list or scalar
    :param free: names of keys whose text may have control characters
    :raises ValueError: for text that no document can contain
    """
    if isinstance(data, dict):
        for key, value in data.items():
            check_text(str(key))
            if isinstance(value, str) and key in free:
                # But half a character cannot be encoded.
                value = value.encode() and ''
            check_text(value, free)
    elif isinstance(data, list):
        for value in data:
            check_text(value, free)
    elif isinstance(data, str) and _IMPOSSIBLE.search(data):
        raise ValueError('%r has characters that no name can have' %
                         data[:40])


def _is_number(checker, value):
    # Nothing is less than, or equal to, what is not a number.
    return (isinstance(value, (int, float)) and not isinstance(value, bool) and
            abs(value) <= LARGEST)


def _is_integer(checker, value):
    return _is_number(checker, value) and isinstance(value, int)


#: Checks data with a JSON schema. There a number is finite, and at most
#: LARGEST.
Validator = validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many({
        'number': _is_number, 'integer': _is_integer}))
