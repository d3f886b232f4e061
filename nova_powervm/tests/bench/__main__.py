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

"""The command of the benchmark: python -m nova_powervm.tests.bench"""

import argparse
import itertools
import logging
import signal
import sys
import warnings

from nova_powervm.demo.cloud import cloud as powervm_cloud
from nova_powervm.tests.bench import profiles
from nova_powervm.tests.bench import report
from nova_powervm.tests.bench import rows
from nova_powervm.tests.bench import slopes
from nova_powervm.tests.simulator import measure

#: A job has ended at the first look at it.
TIMING = {'job_polls': 1}
ALONE = 'Operations'
#: Kinds of disks that snapshots can be made of: profile, options, and rows.
DISKS = {
    'Disks of the management VIOS': ('mgmt-vios', {}, rows.ON_DISKS),
    'Files of the management VIOS': ('mgmt-vios', {
        'volume_group_name': 'QCOW VG - default'}, rows.ON_FILES),
    'Shared Storage Pool': ('ssp', {'disk_driver': 'ssp'}, rows.ON_DISKS),
}
BESIDE = 'Beside %d other LPARs'
MEMORY = 'Memory of nova-compute: %s'
SIMULATOR = 'Simulator, 500 LPARs'


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m nova_powervm.tests.bench',
        description="Count the REST requests of each operation of Nova's "
        'PowerVM driver on the simulated site, beside those of nova-powervm '
        '9.0.0. The exit status is 1 if a bar is missed.')
    parser.add_argument('--json', metavar='FILE',
                        help='write the results to a file, too')
    parser.add_argument('--quick', action='store_true',
                        help='leave out the rows about memory')
    parser.add_argument('--full', action='store_true',
                        help='also measure beside %d other LPARs' %
                        rows.LARGEST_CROWD)
    return parser


def _say(text):
    """Show on standard error what is being measured."""
    print(text, file=sys.stderr, flush=True)


def run_rows(bench, group, wanted):
    """Run rows.

    :param group: str, their heading.
    :param wanted: iterable of rows.Row
    :returns: list of report.Result
    """
    results = []
    for row in wanted:
        _say('%s: %s' % (group, row.title))
        results.append(report.Result(
            group, row.title, row.function(bench), row.old, row.bar,
            row.unit))
    return results


def run_alone():
    """Measure on a host with no LPARs but ours."""
    with powervm_cloud.Cloud(timing=TIMING) as cloud:
        with rows.Bench(cloud.start()) as bench:
            return run_rows(bench, ALONE, rows.OPERATIONS)


def run_on_disks(kind, quick):
    """Measure what stands on one kind of disks.

    :param kind: str, a key of DISKS.
    """
    profile, options, wanted = DISKS[kind]
    with powervm_cloud.Cloud(profile, TIMING, options) as cloud:
        with rows.Bench(cloud.start()) as bench:
            results = run_rows(bench, kind, wanted)
            if not quick:
                results += run_rows(bench, MEMORY % kind, rows.MEMORY)
    return results


def run_beside(count, alone):
    """Measure on a host with many LPARs of others: it must not cost more.

    :param count: int, how many LPARs.
    :param alone: list of report.Result, from a host without them.
    """
    costs = {result.title: result.value for result in alone}
    first, *others = [row._replace(bar=costs[row.title])
                      for row in rows.BESIDE_A_CROWD]
    with powervm_cloud.Cloud(timing=TIMING) as cloud:
        cloud.profile = profiles.write_crowd(cloud.folder, count)
        with rows.Bench(cloud.start()) as bench:
            # A start, which costs more once there was a server.
            started = run_rows(bench, BESIDE % count, [first])
            # What is read once is read now: the image, the forms of jobs.
            bench.boot()
            rows.destroy(bench)
            return started + run_rows(bench, BESIDE % count, others)


def run_simulator():
    """Measure how fast the simulated site answers."""
    _say(SIMULATOR)
    with measure.simulator('large') as url:
        return [report.from_simulator(SIMULATOR, row)
                for row in measure.measure(url)]


def run(quick, full):
    """Measure everything.

    :param quick: bool, whether to leave out the memory.
    :param full: bool, whether to measure beside the largest crowd, too.
    :returns: list of report.Result
    """
    simulator = run_simulator()
    alone = run_alone()
    on_disks = [result for kind in DISKS
                for result in run_on_disks(kind, quick)]
    beside = {count: run_beside(count, alone) for count in (
        *rows.CROWDS, *[rows.LARGEST_CROWD] * full)}
    return [*alone, *itertools.chain(*beside.values()),
            *slopes.compare(beside), *on_disks, *simulator]


def main(argv=None):
    """Run the command.

    :param argv: list of str, the arguments; None for those of the process.
    :returns: int, the exit status.
    """
    options = _parser().parse_args(argv)
    if not sys.warnoptions:
        warnings.simplefilter('ignore')
    # What was started is stopped, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = run(options.quick, options.full)
    except KeyboardInterrupt:
        _say('Interrupted. Everything was stopped.')
        return 1
    finally:
        # What libraries say while the interpreter ends is of no interest.
        logging.disable()
    report.print_table(results)
    if options.json:
        report.write_json(results, options.json)
    return 0 if report.passed(results) else 1


if __name__ == '__main__':
    sys.exit(main())
