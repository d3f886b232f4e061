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

"""Rows that fail because of faults of the driver, and what mends these.

A row that is known to fail and does not fail is a failure, too.
"""

import re
import typing


class Known(typing.NamedTuple):
    """A fault of the driver.

    :ivar failure: regular expression that is found in what the test says
    :ivar why: what happens, and which issue mends it
    :ivar rows: regular expression that the whole name of the row matches
    """

    failure: str
    why: str
    rows: str = '.*'


#: None at present.
KNOWN = ()


def find(name):
    """Find out whether a row is known to fail.

    :param name: str, of the row
    :returns: list of Known
    """
    return [known for known in KNOWN if re.fullmatch(known.rows, name)]


def explain(name, failures):
    """Tell why a row fails.

    :param failures: list of str
    :returns: list of str; None if a failure is not known
    """
    whys = [next((known.why for known in find(name)
                  if re.search(known.failure, failure)), None)
            for failure in failures]
    return None if None in whys else whys
