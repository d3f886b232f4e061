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

"""The command powervm-recorder."""

import argparse
import contextlib
import getpass
import http.client
import os
import signal
import sys

from nova_powervm.simulator.recording import proxy
from nova_powervm.simulator.recording import recording
from nova_powervm.simulator.recording import report
from nova_powervm.simulator.recording import secrets
from nova_powervm.simulator import values

#: Where the password of --user may be.
PASSWORD = 'POWERVM_PASSWORD'
#: What ends a proxy.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_DESCRIPTION = '''\
Record what a real NovaLink or HMC answers, and compare it with the simulator.
The recording has no passwords, tokens or user names. Look at it before you
send it to anybody: it has the names of your partitions, and their addresses.
'''


def make_parser():
    """Return the argparse.ArgumentParser of the command."""
    parser = argparse.ArgumentParser(prog='powervm-recorder',
                                     description=_DESCRIPTION)
    actions = parser.add_subparsers(required=True, metavar='ACTION')
    action = actions.add_parser(
        'read', help='read all that the server has to show, and record it; '
        'nothing is changed')
    _add_server(action)
    action.add_argument(
        '--user', help='user to log on with; the password is asked for, or '
        'taken from %s (default: log on with a file, which needs a NovaLink '
        'on this machine)' % PASSWORD)
    action.set_defaults(run=_read)
    action = actions.add_parser(
        'record', help='be a proxy of the server, and record its answers to '
        'a client of yours')
    _add_server(action)
    action.add_argument(
        '--port', type=_port, default=12081,
        help='port of 127.0.0.1 to listen on, with http (default: '
        '%(default)s)')
    action.set_defaults(run=_record)
    action = actions.add_parser(
        'compare', help='tell what the server sends and the simulator never '
        'does, and the other way round')
    action.add_argument('files', nargs='+', metavar='FILE',
                        help='a recording')
    action.set_defaults(run=_compare)
    return parser


def _port(text):
    with contextlib.suppress(ValueError):
        port = values.whole(text)
        if 0 <= port <= 65535:
            return port
    raise argparse.ArgumentTypeError(
        'a port is a number from 0 to 65535, not %r' % text)


def _add_server(action):
    action.add_argument(
        'url', metavar='URL', help='the server, such as '
        'http://localhost:12080 or https://hmc.example.org:12443')
    action.add_argument('file', metavar='FILE',
                        help='new file for the recording')
    action.add_argument(
        '--ca', metavar='FILE', help='certificate of the authority of the '
        'server (default: those that the system trusts)')
    action.add_argument(
        '--no-verify', action='store_true',
        help='do not check the certificate of the server')
    action.add_argument(
        '--hide-serials', action='store_true',
        help='remove serial numbers and location codes, too')


@contextlib.contextmanager
def _recording(options, port=0):
    """Record with a proxy.

    :returns: tuple of proxy.Proxy and recording.Writer
    """
    upstream = proxy.Upstream(options.url, options.ca, not options.no_verify)
    hidden = secrets.Secrets(options.hide_serials)
    writer = recording.Writer(options.file, hidden)
    try:
        running = proxy.Proxy(upstream, hidden, writer, port)
        running.start()
        try:
            yield running, writer
        finally:
            running.stop()
    finally:
        writer.close()
    print('%d answers are in %s' % (writer.count, options.file))


def _read(options):
    # Only this needs the libraries of the simulator.
    from nova_powervm.simulator.recording import reader
    password = ''
    if options.user is not None:
        password = os.environ.get(PASSWORD) or getpass.getpass()
    with _recording(options) as (running, _writer):
        reading = reader.Reader(running.exchange)
        reading.logon(options.user, password)
        try:
            reading.read()
        finally:
            reading.logoff()
    for path in reading.lost:
        print('The server did not answer: GET ' + path)


def _record(options):
    # sigwait() needs them blocked in all threads.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    with _recording(options, options.port) as (running, _writer):
        print('Let your client connect to %s instead of %s. End with Ctrl-C.' %
              (running.url, options.url), flush=True)
        signal.sigwait(_SIGNALS)


def _compare(options):
    answers = [answer for path in options.files
               for answer in recording.read(path)]
    print(report.compare(answers), end='')


def main(argv=None):
    """Run the command.

    :param argv: list of str, the arguments; None for those of the process
    :returns: int, the exit status
    """
    parser = make_parser()
    options = parser.parse_args(argv)
    try:
        options.run(options)
    except KeyboardInterrupt:
        parser.exit(130, 'powervm-recorder: stopped\n')
    except ModuleNotFoundError as exc:
        parser.exit(1, "powervm-recorder: there is no module %s; run: pip "
                       "install 'nova-powervm[simulator]'\n" % exc.name)
    except (OSError, ValueError, RuntimeError,
            http.client.HTTPException) as exc:
        parser.exit(1, 'powervm-recorder: %s\n' % exc)
    return 0


if __name__ == '__main__':
    sys.exit(main())
