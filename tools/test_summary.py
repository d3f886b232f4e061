#!/usr/bin/env python3
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

"""Print the last word of each test that stestr has a record of, as a count.

Usage: test_summary.py FOLDER (the one of .stestr; all the runs in it count)
"""

import collections
import sys

from stestr.repository import file as stestr_file
import testtools

FAILED = ('fail', 'inprogress', 'unknown', 'uxsuccess')


def read_outcomes(folder):
    """Return {test id: outcome} of all runs, a later one over an earlier."""
    outcomes = {}

    def note(test):
        outcomes[test['id']] = test['status']

    repository = stestr_file.RepositoryFactory().open(folder)
    for run in range(repository.count()):
        result = testtools.StreamToDict(note)
        result.startTestRun()
        repository.get_test_run(run).get_test().run(result)
        result.stopTestRun()
    return outcomes


def main():
    outcomes = read_outcomes(sys.argv[1])
    for name in sorted(outcomes):
        if outcomes[name] in FAILED:
            print('%s: %s' % (outcomes[name].upper(), name))
    count = collections.Counter(outcomes.values())
    failed = sum(count[status] for status in FAILED)
    skipped = count['skip']
    print('%d passed, %d failed, %d skipped' % (
        len(outcomes) - failed - skipped, failed, skipped))
    return 1 if failed or not outcomes else 0


if __name__ == '__main__':
    sys.exit(main())
