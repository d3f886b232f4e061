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
import pkgutil

import testtools

from nova_powervm.tests.functional import parity
from nova_powervm.tests.functional.parity import exclusions
from nova_powervm.tests.functional.parity import mixin


def _adopted():
    """Each test of Nova that is run here or skipped, by its name."""
    for module in pkgutil.iter_modules(parity.__path__, parity.__name__ + '.'):
        for member in vars(importlib.import_module(module.name)).values():
            if getattr(member, '__module__', None) != module.name:
                continue
            nova_class = getattr(member, '__bases__', (object,))[-1]
            if nova_class.__module__.startswith(mixin.NOVA_PACKAGE):
                for name in dir(member):
                    if name.startswith('test_'):
                        yield '%s.%s' % (mixin.name_of(nova_class), name)


class ExclusionsTest(testtools.TestCase):

    def test_each_is_a_test_that_would_run(self):
        self.assertEqual(
            set(), set(exclusions.EXCLUSIONS) - set(_adopted()))
