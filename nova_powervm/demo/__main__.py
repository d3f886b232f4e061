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

"""The command of the demo: python -m nova_powervm.demo"""

import argparse
import logging
import signal
import sys
import warnings

_DESCRIPTION = '''\
Start a simulated IBM PowerVM server and OpenStack Nova with the PowerVM
driver, boot two servers from a real image, and compare at every step what
Nova says with what there is on the simulated server. No guest code runs.
Nothing is installed, and nothing outside of a temporary folder is written.

acts:
  servers         two servers come and go on one PowerVM server
  live-migration  a server moves from one PowerVM server to another while it
                  runs, and a client watches its guest
'''

SERVERS, LIVE_MIGRATION = ACTS = 'servers', 'live-migration'

_EPILOG = '''\
exit status:
  0  everything was as it should be
  1  something was not
  2  wrong arguments
'''


def _parser():
    parser = argparse.ArgumentParser(
        prog='python -m nova_powervm.demo', description=_DESCRIPTION,
        epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--act', choices=ACTS, default=ACTS[0],
        help='what to show (default: %(default)s)')
    parser.add_argument(
        '--image', metavar='FILE',
        help='a raw disk image to boot from (default: an ISO 9660 file '
             'system, made on the spot)')
    parser.add_argument(
        '--keep', action='store_true',
        help='leave everything running, tell how to talk to it, and clean up '
             'at Ctrl-C (act servers only)')
    parser.add_argument(
        '--plain', action='store_true', help='no colours, only ASCII')
    return parser


def _run_servers(options, out):
    """Run the first act.

    :returns: tuple of the steps.Demo, and what happened in it.
    """
    # It takes seconds to import Nova: not for --help.
    from nova_powervm.demo.cloud import cloud as powervm_cloud
    from nova_powervm.demo import keep
    from nova_powervm.demo import steps

    with powervm_cloud.Cloud() as cloud:
        demo = steps.Demo(cloud, out, options.image)
        demo.run(steps.BUILD_UP)
        demo.run(steps.POWER)
        if options.keep:
            keep.keep(demo)
        demo.run(steps.TEAR_DOWN)
    return demo, '%d servers came and went' % demo.gone


def _run_live_migration(options, out):
    """Run the second act: as _run_servers()."""
    from nova_powervm.demo.cloud import cloud as powervm_cloud
    from nova_powervm.demo import live_migration

    with powervm_cloud.Cloud(live_migration.PROFILE, live_migration.TIMING,
                             live_migration.OPTIONS) as cloud:
        demo = live_migration.Demo(cloud, out, options.image)
        demo.run(live_migration.BUILD_UP)
        demo.run(live_migration.TEAR_DOWN)
    return demo, 'a server came, moved while it ran, and went'


def _run(options, out):
    """Run the demo.

    :returns: int, the exit status.
    """
    run = {SERVERS: _run_servers, LIVE_MIGRATION: _run_live_migration}
    try:
        demo, story = run[options.act](options, out)
    except Exception as exc:
        out.say('%s: %s' % (type(exc).__name__, exc), 'red')
        for note in getattr(exc, '__notes__', ()):
            out.say(note)
        out.say('The demo FAILED.', 'bold red')
        return 1
    out.say()
    out.say('The demo passed: %s in %.0f seconds and %d REST requests, and '
            'left nothing behind.' % (story, demo.seconds, demo.requests),
            'bold green')
    return 0


def main(argv=None):
    """Run the command.

    :param argv: list of str, the arguments; None for those of the process.
    :returns: int, the exit status.
    """
    from nova_powervm.demo import image
    from nova_powervm.demo import screen

    parser = _parser()
    options = parser.parse_args(argv)
    problem = options.image and image.problem(options.image)
    if problem:
        parser.error(problem)
    if options.keep and options.act != SERVERS:
        parser.error('--keep goes with the act %s' % SERVERS)
    if not sys.warnoptions:
        warnings.simplefilter('ignore')
    # Also where a shell has put it in the background, and for kill.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    out = screen.Screen(options.plain)
    out.say("nova-powervm: OpenStack Nova on a simulated IBM PowerVM server",
            'bold')
    out.say('No guest code runs. Disks have real bytes, and everything else '
            'is what Nova and the simulated server say.')
    out.heading()
    try:
        return _run(options, out)
    except KeyboardInterrupt:
        out.say('Interrupted. Everything was stopped.')
        return 1
    finally:
        # What libraries say while the interpreter ends is of no interest.
        logging.disable()


if __name__ == '__main__':
    sys.exit(main())
