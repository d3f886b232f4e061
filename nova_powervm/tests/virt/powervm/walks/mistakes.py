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

"""Finds mistakes in the driver that the driver itself logs, and goes on.

Much of it must never raise, such as the clean-up of what is left. So a wrong
line there would show in the log only.
"""

import logging

import fixtures as fx

#: What no state of the platform and of Nova explains.
_KINDS = (ArithmeticError, AssertionError, AttributeError, LookupError,
          NameError, TypeError, UnicodeError)


class Mistakes(fx.Fixture):
    """Notes the mistakes that the driver logs.

    :ivar found: list of str; who reports them clears it.
    """

    def __init__(self):
        super().__init__()
        self.found = []

    def _setUp(self):
        handler = _Handler(self.found)
        logger = logging.getLogger('nova_powervm')
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)

    def check(self):
        """Fail if there are some.

        :raises AssertionError:
        """
        found, self.found[:] = list(self.found), ()
        if found:
            raise AssertionError('\n'.join(found))


class _Handler(logging.Handler):

    def __init__(self, found):
        super().__init__(logging.DEBUG)
        self._found = found

    def emit(self, record):
        """Note a record that comes with a mistake."""
        exc = record.exc_info and record.exc_info[1]
        if isinstance(exc, _KINDS):
            self._found.append('%s: %s: %s' % (
                record.getMessage(), type(exc).__name__, exc))
