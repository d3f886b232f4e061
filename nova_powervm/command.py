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

"""The command nova-powervm."""

import argparse
import logging
import sys
import warnings

from nova_powervm import conf

_CHECK = '''\
Check the options in [powervm] as nova-compute does when it starts, connect to
the PowerVM REST API server, and print what nova-compute would use. Nothing is
changed, and Nova is not asked. The exit status is 1 if an option cannot be
used.
'''
_UPGRADE = '''\
Check what is installed and configured before an upgrade. Neither the platform
nor Nova is asked. The exit status is 0 if all is well, 1 for a warning, 2 for
a failure.
'''


def make_parser():
    """Make the parser of the arguments."""
    parser = argparse.ArgumentParser(prog='nova-powervm')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    _add_check(commands, run_check, help='check the options',
               description=_CHECK)
    others = commands.add_parser(
        'upgrade', help='prepare an upgrade').add_subparsers(
            required=True, metavar='COMMAND')
    _add_check(others, run_upgrade_check, help='check what an upgrade needs',
               description=_UPGRADE)
    return parser


def _add_check(commands, function, **texts):
    """Add a command that reads the configuration."""
    check = commands.add_parser('check', **texts)
    for name, what in (('--config-file', 'a file of the configuration'),
                       ('--config-dir', 'a folder with such files')):
        check.add_argument(
            name, action='append', default=[], metavar='PATH',
            help=what + '; may be given several times. By default the command '
            'reads what nova-compute reads')
    check.set_defaults(run=function)


def _read(arguments):
    """Read the configuration that the arguments name."""
    # What a library logs, the command says.
    logging.getLogger().addHandler(logging.NullHandler())
    conf.CONF([word for name, paths in (
        ('--config-file', arguments.config_file),
        ('--config-dir', arguments.config_dir))
        for path in paths for word in (name, path)],
        project='nova', prog='nova-compute')


def run_check(arguments):
    """Check the options.

    :param arguments: what the parser returned.
    :returns: int, the exit status.
    """
    from nova_powervm.virt.powervm.options import report

    _read(arguments)
    found = report.Report(print)
    found.run()
    for problem in found.problems:
        print('BAD: ' + problem)
    return 1 if found.problems else 0


def run_upgrade_check(arguments):
    """Check what an upgrade needs.

    :param arguments: what the parser returned.
    :returns: int, the exit status.
    """
    from nova_powervm.virt.powervm.options import upgrade

    _read(arguments)
    return int(upgrade.Checks().check())


def main(arguments=None):
    """Run the command.

    :param arguments: list of str; None means those of the process.
    :returns: int, the exit status.
    """
    options = make_parser().parse_args(arguments)
    if not sys.warnoptions:
        # A library of Nova imports Eventlet if it is installed.
        warnings.filterwarnings('ignore', r'\s*Eventlet is deprecated')
    return options.run(options)


if __name__ == '__main__':
    sys.exit(main())
