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

"""Counts the requests of operations for walks.counts.

``python -m nova_powervm.tests.virt.powervm.walks.recount`` prints the lines of
the table that are not true any more, as they have to be.
"""

import sys
import unittest

from nova_powervm.tests.virt.powervm.walks import counts
from nova_powervm.tests.virt.powervm.walks import row
from nova_powervm.tests.virt.powervm.walks import test_states

_found = {}


class _RecountCase(test_states.StatesCase):
    """Counts what the table has of one platform."""

    def runTest(self):
        for key in counts.COUNTS:
            if key[1] == self.PLATFORM.name:
                _found[key] = row.count(self.scene, *key)


def main():
    suite = unittest.TestSuite(
        type('RecountCase', (_RecountCase,), {'PLATFORM': case.PLATFORM})()
        for case in vars(test_states).values()
        if isinstance(case, type) and case is not test_states.StatesCase and
        issubclass(case, test_states.StatesCase))
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    for key, count in _found.items():
        if counts.COUNTS[key] != count:
            print('    %r: %r,' % (key, count))
    return not result.wasSuccessful()


if __name__ == '__main__':
    sys.exit(main())
