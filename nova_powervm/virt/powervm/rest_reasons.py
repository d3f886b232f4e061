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

"""Tell in few words why a request to the REST server has failed.

Libraries nest the reason in the text of several exceptions.
"""

import re
import time

#: (what the text has, what an operator can do about it); '' if the text is
#: enough.
_REASONS = (
    (re.compile('certificate verify failed[^(\\n]*'),
     'check [powervm] rest_ca_file'),
    (re.compile('wrong version number', re.IGNORECASE),
     'the server does not speak https; check [powervm] rest_protocol'),
    (re.compile("Failed to resolve '[^']*'"), 'check [powervm] rest_host'),
    (re.compile(r"\[Errno -?\d+\] ([^'\")>\n]*)"),
     'check [powervm] rest_host and rest_port'),
    (re.compile(r'Connection to \S+ timed out'),
     'check [powervm] rest_host and rest_port, and firewalls'),
)


class Reasons:
    """Decides which of many equal reasons are logged.

    :param clock: returns seconds; for tests.
    """

    #: Seconds after which the same reason is logged again.
    INTERVAL = 60

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._last = None
        self._logged = 0

    def is_worth_a_line(self, reason):
        """Return whether a reason is new, or was not logged for a while.

        :param reason: str
        """
        now = self._clock()
        if reason == self._last and now - self._logged < self.INTERVAL:
            return False
        self._last, self._logged = reason, now
        return True


def explain(text):
    """Shorten what an exception says.

    :param text: str
    :returns: str, the innermost reason and what to check, or the text.
    """
    for pattern, remedy in _REASONS:
        found = pattern.search(text)
        if found:
            reason = found.group(found.lastindex or 0)
            return '%s; %s' % (reason.strip(' .\'"'), remedy)
    return text
