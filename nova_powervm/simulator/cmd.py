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

"""The command powervm-simulator."""

import argparse
import contextlib
from importlib import metadata
import json
import logging as std_logging
import os
import signal
import socket
import sys
import tempfile
import textwrap

from oslo_log import log as logging

from nova_powervm.simulator import certificate
from nova_powervm.simulator import control_token
from nova_powervm.simulator import errors
from nova_powervm.simulator import keeper
from nova_powervm.simulator import profile
from nova_powervm.simulator import schema_profile
from nova_powervm.simulator import server
from nova_powervm.simulator import site
from nova_powervm.simulator import values

LOG = logging.getLogger(__name__)

_HTTPS_PORT = 12443
#: What ends the command.
_SIGNALS = frozenset((signal.SIGTERM, signal.SIGINT))

_DESCRIPTION = '''\
Run a simulated IBM PowerVM site. For each host in a profile the command starts
a NovaLink REST server that has partitions, virtual I/O servers, disks and
networks. The server speaks the real protocol, so the unmodified pypowervm
library can connect to it. It keeps state: a client finds what it created, and
does not find what it deleted. The state is lost when the command ends, unless
you give --keep-state.

Use the simulator for development and tests only. Do not run it where others
can reach it: it has no protection against misuse, and its control API asks
for no password unless you give --control-token.
'''

#: What --timing and the section "timing" of a profile can set.
_TIMING = (
    ('job_polls', 'A job ends when clients have polled it this many times.'),
    ('job_seconds', 'A job ends after this many seconds. If job_polls is set '
                    'too, the job ends when the first of the two is reached. '
                    'If both are 0, a job ends at once.'),
    ('rmc_seconds', 'Seconds from the end of a boot until RMC is active.'),
    ('event_seconds', 'Seconds that a poll for events waits at most.'),
    ('event_gather_seconds', 'Seconds that the poll waits for more events '
                             'after the first one.'),
    ('request_seconds', 'Seconds that are added to every REST request.'),
    ('request_seconds_more',
     'The most seconds that are added to a REST request by chance.'),
    ('requests_at_once',
     'Number of requests that a REST server answers at the same time, besides '
     'polls for events; the others wait. 0 means any number.'),
    ('seconds_per_kb', 'Seconds that are added for each kB (1000 bytes) of '
                       'the bodies of a request and its answer.'),
    ('seconds_per_entry', 'Seconds that are added for each object in an '
                          'answer that lists objects.'),
    ('sea_seconds', 'Seconds that are added to every change of a network '
                    'bridge.'),
    ('vios_write_seconds', 'Seconds that each change of a VIOS, its volume '
                           'groups and its media takes. A VIOS makes one '
                           'change at a time, whoever asks. It refuses a '
                           'change at once.'),
    ('job_retention_seconds', 'The simulator deletes a job this many seconds '
                              'after its end, unless a client deletes it '
                              'earlier.'),
    ('guest_seconds', 'The guest of a partition prints a line on its console '
                      'every so many seconds; 0 for never.'),
    ('migration_validate_seconds', 'Seconds that a live migration takes to '
                                   'check what it needs.'),
    ('migration_prepare_seconds', 'Seconds that it then takes to create the '
                                  'partition on the target.'),
    ('migration_copy_seconds', 'Seconds that it then takes to copy the '
                               'memory.'),
    ('migration_seconds_per_gb', 'Seconds that are added for each GB of '
                                 'memory.'),
    ('migration_switch_seconds', 'Seconds that it then takes to switch over.'),
    ('migration_cleanup_seconds', 'Seconds that it takes at the end to clean '
                                  'up the source.'),
    ('session_idle_seconds', 'A session that is not used ends after this many '
                             'seconds.'),
    ('session_max_seconds', 'Every session ends after this many seconds.'),
)

#: What follows the options: titles, and pairs of a term and what it means.
_SECTIONS = (
    ('profiles', (
        ('PROFILES',
         'These profiles come with the simulator. A profile is a YAML file '
         'that describes hosts, virtual I/O servers, volume groups, switches, '
         'partitions, clusters and a storage area network. If a profile has '
         'errors, the command reports the file and line of each.'),)),
    ('timing', _TIMING),
    ('files', (
        ('FOLDER/.powervm-simulator',
         'Marks FOLDER as a data folder. When the command starts, it empties '
         'a folder that has this file, unless another command uses the '
         'folder. When it ends, it keeps the folder that '
         '--data-dir names. It refuses a folder that has a state.'),
        ('FOLDER/state.sqlite, FOLDER/state.disks, FOLDER/state.reserve',
         'With --keep-state, the state of the site, a second link to the '
         'file of each disk, and space for a last change.'),
        ('FOLDER/HOST/mgmt',
         'The root directory of the management partition of a host.'),
        ('FOLDER/HOST/sessions',
         'The tokens of local logons. Only the user who runs the command can '
         'read these files.'),
        ('FOLDER/san',
         'The volumes of the storage area network, as sparse files.'),
        ('FOLDER/ca.pem',
         'With --https, the certificate of the authority that clients have '
         'to trust.'))),
    ('environment variables', (
        ('NOTIFY_SOCKET',
         'The socket on which the command tells systemd that all hosts answer '
         '(Type=notify).'),
        ('TMPDIR',
         'Where the command creates its temporary data folder (default: '
         '/tmp). A disk uses as much space there as was written to it.'))),
    ('exit status', (
        ('0', 'SIGTERM or SIGINT has ended the command.'),
        ('1', 'The command cannot use a port, a file, the data folder or '
              'the state in it. It '
              'takes its ports before it changes anything.'),
        ('2', 'An option or the profile is wrong.'))),
    ('examples', (
        ('powervm-simulator',
         'One host on http://localhost:12080. pypowervm.adapter.Session() '
         'without arguments connects to it, if the same user calls it.'),
        ('powervm-simulator --profile large --timing job_seconds=2',
         'A host with 500 partitions. Each job takes two seconds.'),
        ('powervm-simulator --profile two-host --port 0 --ready-file '
         '/tmp/ready',
         'Two hosts on free ports. The ready file has the port numbers.'),
        ('powervm-simulator --https --data-dir /tmp/site',
         'One host on https://localhost:12443. Clients have to trust '
         '/tmp/site/ca.pem. They log on as user neo with password abc123; a '
         'profile can set others.'),
        ('powervm-simulator --data-dir /tmp/site --keep-state',
         'One host that is the same after a restart.'),
        ('powervm-simulator --profile two-host',
         'Two hosts. http://localhost:12080/ in a browser shows both of '
         'them, and what clients do.'),
        ('curl -s http://localhost:12080/simulator/state',
         'The state of the whole site, as JSON. '
         'http://localhost:12080/simulator/openapi.yaml describes this '
         'control API: journal, faults, disks, and changes from outside.'))),
)


def sections():
    """Return the sections of the manual that follow the options.

    :returns: list of (title, list of (term, meaning)), all str
    """
    defaults = schema_profile.TIMING['properties']
    computed = {name: '%s (default: %s)' % (name, spec['default'])
                for name, spec in defaults.items()}
    computed['PROFILES'] = ', '.join(profile.names())
    return [(title, [(computed.get(term, term), meaning)
                     for term, meaning in entries])
            for title, entries in _SECTIONS]


def _epilog():
    """Return the sections as text for a terminal of 80 columns."""
    lines = []
    for title, entries in sections():
        lines += ['', title + ':']
        for term, meaning in entries:
            short = len(term) < 5
            if not short:
                lines += textwrap.wrap(term, 77, initial_indent='  ',
                                       subsequent_indent='  ',
                                       break_on_hyphens=False)
            lines += textwrap.wrap(
                meaning, 77, subsequent_indent=' ' * 8,
                initial_indent='  %-6s' % (term if short else ''),
                break_on_hyphens=False)
    return '\n'.join(lines[1:])


def make_parser():
    """Return the argparse.ArgumentParser of the command."""
    parser = argparse.ArgumentParser(
        prog='powervm-simulator', description=_DESCRIPTION, epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_site(parser.add_argument_group('site'))
    _add_network(parser.add_argument_group('network'))
    _add_output(parser.add_argument_group('output'))
    _add_information(parser.add_argument_group('information'))
    return parser


def _add_site(group):
    group.add_argument(
        '--profile', default='default', metavar='NAME|FILE',
        help='profile of the site: the name of a profile that comes with the '
             'simulator, or the path of a YAML file (default: %(default)s)')
    group.add_argument(
        '--timing', action='append', default=[], metavar='NAME=VALUE',
        help='override a value in the timing section of the profile; you may '
             'give this option several times (default: the value in the '
             'profile, or the default below)')
    group.add_argument(
        '--data-dir', metavar='FOLDER',
        help='folder for disks, uploads and token files; it must be new, '
             'empty, or left by an earlier run, whose files the command '
             'deletes (default: a temporary folder that the command removes '
             'when it ends)')
    group.add_argument(
        '--keep-state', action='store_true',
        help='keep the state of the site in the folder that --data-dir '
             'names, so that the next run with this option, the folder and '
             'the profile goes on with it; no change that a client has an '
             'answer to is lost, however the command ends (default: the '
             'state is lost)')


def _add_network(group):
    group.add_argument(
        '--bind', default='127.0.0.1', metavar='ADDRESS',
        help='IP address or host name to listen on (default: %(default)s; '
             'with another address, other machines may reach the simulator)')
    group.add_argument(
        '--port', type=_port, metavar='NUMBER',
        help='TCP port of the first host, 0 to 65535; the other hosts take '
             'the ports after it; 0 takes free ports (default: the ports in '
             'the profile, or %d with --https)' % _HTTPS_PORT)
    group.add_argument(
        '--control-token', metavar='FILE',
        help='file with a token that clients of the control API have to send '
             'as "Authorization: Bearer TOKEN"; a browser opens '
             '/?token=TOKEN once (default: everybody who reaches the port can '
             'use the control API)')
    group.add_argument(
        '--https', action='store_true',
        help='serve https; the command creates a certificate for localhost '
             'and the addresses that it listens on, and writes the '
             'certificate of its authority to ca.pem in the data folder '
             '(default: http)')


def _add_output(group):
    group.add_argument(
        '--ready-file', metavar='FILE',
        help='once all hosts answer, write a JSON file with the process ID, '
             'the data folder, the URLs, and the root directories of the '
             'management partitions; the command removes the file when it '
             'ends (default: no file)')
    group.add_argument(
        '--debug', action='store_true',
        help='log debug messages, too, to standard error (default: a line '
             'for each step)')


def _add_information(group):
    group.add_argument(
        '--version', action='version',
        version='%(prog)s ' + metadata.version('nova-powervm'),
        help='print the version of nova-powervm, and exit')
    group.add_argument(
        '--list-profiles', action='store_true',
        help='print the names of the profiles that come with the simulator, '
             'and what they are for, and exit')
    group.add_argument(
        '--print-profile', metavar='NAME',
        help='print a profile that comes with the simulator, to make your own '
             'from it, and exit')


def _inform(options):
    """Print what was asked for.

    :returns: bool, whether anything was.
    :raises profile.ProfileError: if there is no such profile.
    """
    if options.list_profiles:
        for name in profile.names():
            print('\n'.join(textwrap.wrap(
                '%-16s%s' % (name, profile.describe(name)), 79,
                subsequent_indent=' ' * 16)))
    if options.print_profile:
        print(profile.read(options.print_profile)[0], end='')
    return bool(options.list_profiles or options.print_profile)


def _port(text):
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(
            'a port is a number from 0 to 65535, not %r' % text)
    return int(text)


def _load(options):
    data = profile.load(options.profile)
    for item in options.timing:
        name, _, value = item.partition('=')
        if name not in data['timing']:
            raise profile.ProfileError(
                '--timing: unknown name %s; known names are %s' % (
                    name or repr(item), ', '.join(sorted(data['timing']))))
        try:
            number = values.number(value)
        except ValueError:
            number = -1
        if number < 0:
            raise profile.ProfileError('--timing %s: %r is not a number >= 0' %
                                       (name, value))
        data['timing'][name] = int(number) if number.is_integer() else number
    return dict(data, timing=profile.fill(data['timing'],
                                          schema_profile.TIMING))


def _write_ready(path, running):
    data = {'pid': os.getpid(), 'data_dir': running.data_dir,
            'hosts': [{'name': host.name, 'port': host.port,
                       'url': host.base_url,
                       'management_root': host.management_root}
                      for host in running.hosts]}
    # A process that waits for the file must never read half of it.
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            whole = os.path.join(beside, 'ready')
            with open(os.open(whole, os.O_WRONLY | os.O_CREAT, 0o600),
                      'w') as ready_file:
                json.dump(data, ready_file, indent=1)
            os.replace(whole, path)
    except OSError as exc:
        raise OSError(exc.errno, 'Cannot write the ready file: ' +
                      exc.strerror, path)


def _remove_ready(path):
    """Remove the file, unless another command has replaced it."""
    try:
        with open(path) as ready_file:
            if json.load(ready_file)['pid'] == os.getpid():
                os.unlink(path)
    except (OSError, ValueError, LookupError, TypeError) as exc:
        LOG.info('The ready file %s stays: %s', path, exc)


def _notify():
    """Tell systemd that the site is ready, if systemd started us."""
    address = os.environ.get('NOTIFY_SOCKET', '')
    if not address:
        return
    if address.startswith('@'):
        address = '\0' + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.connect(address)
            notify.send(b'READY=1')
    except OSError as exc:
        LOG.warning('Cannot tell systemd that the site is ready: %s', exc)


@contextlib.contextmanager
def _blocked_signals():
    """Block the signals in this thread and in all threads that it starts.

    sigwait() then receives a signal whenever it comes. A signal handler is
    not enough: Python runs it between two instructions of the main thread. If
    the signal comes just before the main thread waits for a lock, the wait
    goes on.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        # Ignore further signals that came while the site stopped.
        while signal.sigtimedwait(_SIGNALS, 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Ended(BaseException):
    """A signal has come while the site starts."""


def _check_signals():
    """Raise _Ended if a signal waits; the signals must be blocked.

    An exception that a signal handler raises could come anywhere, such as
    between the creation of a folder and the note of its name.
    """
    if signal.sigpending() & _SIGNALS:
        raise _Ended()


def _start(options, sites):
    """Start the site: whatever can fail fails before a folder is touched.

    :param sites: list that the site.Site is added to, once there is one
    """
    data, token = _load(options), control_token.read(
        options.control_token)
    port, tls = options.port, None
    if options.https and port is None:
        port = _HTTPS_PORT
    sockets = server.take(options.bind, site.wanted_ports(data, port))
    try:
        sites.append(site.Site(data, options.data_dir, _check_signals,
                               options.keep_state))
        running, = sites
        running.control_token = token
        if options.https:
            tls = certificate.make(running.addresses(options.bind),
                                   running.data_dir)
            LOG.info('Clients can trust %s',
                     os.path.join(running.data_dir, 'ca.pem'))
        if options.bind not in server.LOOPBACK:
            LOG.warning('Other machines may reach this simulator at %s. It '
                        'has no protection against misuse.', options.bind)
        _check_signals()
        running.start(options.bind, port, tls, sockets)
    except BaseException:
        for taken in sockets:
            taken.close()
        raise
    for host in running.hosts:
        LOG.info('Host %s is at %s', host.name, host.base_url)
    LOG.info('Open %s/ in a browser to watch the site',
             running.endpoints[0].base_url)


def _run(options):
    """Run the site until a signal comes. The signals must be blocked."""
    sites, is_ready = [], False
    try:
        _start(options, sites)
        _check_signals()
        if options.ready_file:
            is_ready = True
            _write_ready(options.ready_file, sites[0])
        _notify()
        LOG.info('Ready')
        signal.sigwait(_SIGNALS)
        LOG.info('Stopping the simulated site')
    except _Ended:
        LOG.info('Stopping the simulated site, which has not started')
    finally:
        if is_ready:
            _remove_ready(options.ready_file)
        for running in sites:
            running.stop()


def main(argv=None):
    """Run the command.

    :param argv: list of str, the arguments; None for those of the process
    :returns: int, the exit status
    """
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.keep_state and options.data_dir is None:
        parser.error('--keep-state needs --data-dir')
    std_logging.basicConfig(
        stream=sys.stderr, format='%(asctime)s %(levelname)s %(message)s',
        level=std_logging.DEBUG if options.debug else std_logging.INFO)
    try:
        if _inform(options):
            return 0
        with _blocked_signals():
            _run(options)
    except profile.ProfileError as exc:
        parser.exit(2, 'powervm-simulator: %s\n' % exc)
    except errors.RestError as exc:
        parser.exit(2, 'powervm-simulator: %s: %s\n' % (options.profile, exc))
    except (OSError, keeper.StateError) as exc:
        parser.exit(1, 'powervm-simulator: %s\n' % exc)
    return 0


if __name__ == '__main__':
    sys.exit(main())
