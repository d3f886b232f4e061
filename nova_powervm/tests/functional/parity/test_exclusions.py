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

"""The exclusions name tests that would run here without them."""

import importlib

import testtools

from nova_powervm.tests.functional import parity
from nova_powervm.tests.functional.parity import exclusions


class ExclusionsTest(testtools.TestCase):

    def test_each_is_a_test_that_would_run(self):
        for name in exclusions.EXCLUSIONS:
            module, test_class, test = name.rsplit('.', 2)
            adopted = importlib.import_module('%s.%s' % (
                parity.__name__, module.rpartition('.')[2]))
            self.assertTrue(
                hasattr(getattr(adopted, test_class, None), test), name)
