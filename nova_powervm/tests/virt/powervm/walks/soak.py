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

"""Play random histories for as long as you like.

    python -m nova_powervm.tests.virt.powervm.walks.soak --runs 100

A run plays some histories on one platform, from a seed of its own; platforms
take turns. The first history that fails is shortened, and printed as a script
that can be pasted into a test.
"""

import argparse
import collections
import contextlib
import logging
import os
import sys
import time

from nova_powervm.tests.virt.powervm.walks import histories
from nova_powervm.tests.virt.powervm.walks import platforms

PLATFORMS = {platform.name: platform for platform in (
    platforms.VOLUME_GROUP, platforms.TWO_POOL, platforms.TWO_VSCSI,
    platforms.TWO_NPIV, platforms.POOL_VSCSI, platforms.POOL_NPIV,
    platforms.HMC_POOL, platforms.HMC_VSCSI)}


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog='soak', description='Play random histories of servers.')
    parser.add_argument('--runs', type=int, default=10,
                        help='how many seeds are played')
    parser.add_argument('--seed', type=int, default=1000,
                        help='the first seed; the next runs count on')
    parser.add_argument('--steps', type=int, default=40,
                        help='how long a history is')
    parser.add_argument('--histories', type=int, default=10,
                        help='how many histories a run has')
    parser.add_argument('--platform', choices=sorted(PLATFORMS),
                        help='the only platform; by default all take turns')
    parser.add_argument('--shrink', type=float, default=300,
                        help='seconds in which a shorter history is looked '
                             'for when one has failed')
    parser.add_argument('--go-on', action='store_true',
                        help='go on after a history that failed')
    return parser.parse_args(arguments)


def play(options, platform, seed):
    """Play the histories of a seed.

    :returns: (steps, Counter of outcomes, failure as str or None)
    """
    stage = histories.Stage(platform)
    failure = None
    try:
        histories.run(stage, seed, options.histories, options.steps,
                      options.shrink)
        stage.stop()
    except AssertionError as exc:
        failure = str(exc)
    finally:
        stage.drop()
    return stage.steps, collections.Counter(stage.outcomes), failure


def main(arguments=None):
    """Play; the exit status tells whether a history has failed."""
    options = _parse(arguments)
    # mistakes.Mistakes reads what the driver logs of errors; nobody else does.
    logging.disable(logging.WARNING)
    with _only_ours() as out:
        return _play_all(options, out)


@contextlib.contextmanager
def _only_ours():
    """Drop what is written to standard output and error, by whomever.

    :returns: file of what was standard output.
    """
    streams = sys.stdout.fileno(), sys.stderr.fileno()
    before = [os.dup(stream) for stream in streams]
    with open(os.devnull, 'w') as nowhere:
        for stream in streams:
            os.dup2(nowhere.fileno(), stream)
    try:
        with open(before[0], 'w', buffering=1, closefd=False) as out:
            yield out
    finally:
        for stream, kept in zip(streams, before):
            os.dup2(kept, stream)
            os.close(kept)


def _play_all(options, out):
    """Play what the options say; return the exit status.

    :param out: file to write the results to
    """
    chosen = ([PLATFORMS[options.platform]] if options.platform
              else list(PLATFORMS.values()))
    total, outcomes, failed = 0, collections.Counter(), 0
    for run in range(options.runs):
        platform, seed = chosen[run % len(chosen)], options.seed + run
        began = time.process_time()
        steps, counted, failure = play(options, platform, seed)
        total += steps
        outcomes += counted
        print('seed %d on %s: %d steps, %.0f CPU seconds%s' % (
            seed, platform.name, steps, time.process_time() - began,
            ', FAILED' if failure else ''), file=out)
        if failure:
            failed += 1
            print(failure, file=out)
            if not options.go_on:
                break
    print('%d steps, %d of the seeds failed' % (total, failed), file=out)
    for name in sorted({name for name, _done in outcomes}):
        print('%-15s %5d done, %5d failed' % (
            name, outcomes[name, True], outcomes[name, False]), file=out)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
