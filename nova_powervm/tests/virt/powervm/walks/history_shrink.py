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

"""Finds a shorter history that fails in the same way.

It plays parts of the history again, and leaves out the steps that cannot be
taken any more. hypothesis, which has made the history, changes the numbers
that it was made of instead: then nearly all further steps become others.
"""

import re
import time

from nova_powervm.tests.virt.powervm.walks import history
from nova_powervm.tests.virt.powervm.walks import history_rules

_VARIABLE = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}|\d+')


def kind_of(failure):
    """What failures of the same kind have in common: str.

    :param failure: history.Broken
    """
    lines = str(failure).splitlines() or ['']
    if lines[0] == 'something is left':
        # What is left tells: its type, and the kind of its name.
        return lines[0] + ' '.join(sorted(
            {'%s %s' % (line[0], line.partition('"name"')[2][:5])
             for line in lines if '"name"' in line and line[0] in '+-'}))
    return _VARIABLE.sub('#', lines[0])


def shorten(stage, taken, failure, seconds):
    """Look for a shorter history, as long as some seconds.

    :param stage: histories.Stage
    :param taken: see history.Base
    :param failure: history.Broken, how the history failed
    :param seconds: float
    :returns: history.Broken of the shortest one that was found
    """
    deadline = time.monotonic() + seconds
    kind, best, shortest = kind_of(failure), list(taken), failure
    size = max(1, len(best) // 2)
    while time.monotonic() < deadline:
        start = max(0, len(best) - size)
        was_shortened = False
        while time.monotonic() < deadline:
            found = replay(stage, best[:start] + best[start + size:])
            if found is not None and kind_of(found[1]) == kind:
                best, shortest = found
                was_shortened = True
            if not start:
                break
            start = min(max(0, start - size), max(0, len(best) - size))
        if size == 1 and not was_shortened:
            break
        size = max(1, size // 2)
    return shortest


def replay(stage, taken):
    """Play a history, without the steps that cannot be taken.

    :returns: (steps that were taken, history.Broken), or None if it does not
        fail
    """
    played = stage.begin()
    failure = None
    try:
        for name, arguments in taken:
            if history_rules.is_allowed(played, name, arguments):
                getattr(played, name)(*arguments)
    except history.Broken as exc:
        failure = exc
    try:
        stage.end(played, failed=failure is not None)
    except history.Broken as exc:
        failure = exc
    return failure and (played.taken, failure)
