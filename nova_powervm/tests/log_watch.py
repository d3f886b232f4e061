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

"""What the driver and pypowervm log that ordinary operation should not."""

import logging
import re

import fixtures

#: Loggers whose warnings and errors count, with those below them.
LOGGERS = ('nova_powervm.virt', 'nova_powervm.conf', 'nova_powervm.api',
           'pypowervm')
# What is so of each simulated site, and right to be warned of: it speaks
# HTTP, on another host than localhost.
_EXPECTED = ('Unencrypted communication with PowerVM!',)
_XML = re.compile(r'<\?xml|xmlns[:=]|</\w|<\w+:\w+')


class LogWatch(fixtures.Fixture):
    """Note warnings, errors, and XML at INFO and above.

    :ivar noise: list of str, '<level> <logger> <message>'
    """

    def _setUp(self):
        self.noise = []
        handler = _Handler(self.noise)
        for name in LOGGERS:
            logger = logging.getLogger(name)
            logger.addHandler(handler)
            self.addCleanup(logger.removeHandler, handler)

    def clear(self):
        """Forget what was logged until now."""
        del self.noise[:]

    def check(self):
        """Make sure that nothing was noted.

        :raises AssertionError: if something was, with all of it.
        """
        if self.noise:
            raise AssertionError(
                'Ordinary operation was not quiet. If this test makes trouble '
                'on purpose, name it in TROUBLE of scenarios/trouble.py:\n' +
                '\n'.join(self.noise))


class _Handler(logging.Handler):
    """Takes in a message that is noise."""

    def __init__(self, noise):
        super().__init__(level=logging.INFO)
        self._noise = noise

    def emit(self, record):
        message = record.getMessage()
        if message.startswith(_EXPECTED):
            return
        is_xml = bool(_XML.search(message))
        if record.levelno >= logging.WARNING or is_xml:
            self._noise.append('%s %s %s%.1500s' % (
                record.levelname, record.name, '(XML) ' if is_xml else '',
                message))
