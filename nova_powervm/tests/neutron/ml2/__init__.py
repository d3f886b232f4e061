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

"""Tests with a real Neutron: ``tox -e neutron``.

Neutron is large and is not among the requirements of other tests, and it
imports eventlet, which Nova's native threads do not allow. So these tests run
in processes of their own, with OS_TEST_NEUTRON in the environment. Without it
they are not there. ../test_real.py runs a few of them in the default run.
"""

import os


def load_tests(loader, tests, pattern):
    """Find the tests of this package; unittest calls this."""
    if 'OS_TEST_NEUTRON' in os.environ:
        tests.addTests(loader.discover(
            os.path.dirname(os.path.abspath(__file__)),
            pattern=pattern or 'test*.py'))
    return tests
