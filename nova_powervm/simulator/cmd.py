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
import json
import logging as std_logging
import os
import signal
import sys
import tempfile
import threading

from oslo_log import log as logging

from nova_powervm.simulator import errors
from nova_powervm.simulator import profile
from nova_powervm.simulator import server
from nova_powervm.simulator import site

LOG = logging.getLogger(__name__)

_HTTPS_PORT = 12443

_DESCRIPTION = '''\
Run a simulated IBM PowerVM site: for each host of a profile, a NovaLink REST
server with its partitions, virtual I/O servers, disks and networks. It speaks
the real protocol, so that the unmodified pypowervm library connects to it,
and it keeps state: what is created is there, what is deleted is gone. All
state is lost when the command ends.

It is for development and tests. Do not run it where others can reach it: it
has no protection against misuse, and its control API asks for no password.
'''

_EPILOG = '''\
profiles:
  %(names)s come with the simulator. A profile is a YAML file
  that describes hosts, virtual I/O servers, volume groups, switches and
  partitions; an error in it is reported with file and line.

examples:
  powervm-simulator
        One host on http://localhost:12080. pypowervm.adapter.Session()
        without arguments connects to it, from the same user account.

  powervm-simulator --profile large --timing job_seconds=2
        A host with 500 partitions, whose jobs take two seconds.

  powervm-simulator --profile two-host --port 0 --ready-file /tmp/ready
        Two hosts on free ports, which the ready file tells.

  curl -s http://localhost:12080/simulator/state
        The whole site as JSON. http://localhost:12080/simulator/openapi.yaml
        describes this control API: journal, faults, and changes from
        outside.

exit status:
  0  after SIGTERM or SIGINT
  1  when a port cannot be had or the data folder cannot be used
  2  for wrong options or a wrong profile
'''


def _parser():
    parser = argparse.ArgumentParser(
        prog='powervm-simulator', description=_DESCRIPTION,
        epilog=_EPILOG % {'names': ', '.join(profile.names())},
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--profile', default='default', metavar='NAME|FILE',
        help='what the site consists of: the name of a profile that comes '
             'with the simulator, or the path of a YAML file (default: '
             '%(default)s)')
    parser.add_argument(
        '--bind', default='127.0.0.1', metavar='ADDRESS',
        help='address to listen on (default: %(default)s; think twice before '
             'you give another one)')
    parser.add_argument(
        '--port', type=_port, metavar='NUMBER',
        help='port of the first host, the others follow it; 0 for any free '
             'ports (default: those of the profile, or %d with --https)' %
             _HTTPS_PORT)
    parser.add_argument(
        '--https', action='store_true',
        help='serve https, with a certificate for localhost and the address '
             'to listen on that is made on the spot; its authority is '
             'written to ca.pem in the data folder')
    parser.add_argument(
        '--data-dir', metavar='FOLDER',
        help='where disks, uploads and token files are kept; new, empty, or '
             'of an earlier run, which is deleted (default: a temporary '
             'folder that is removed at the end)')
    parser.add_argument(
        '--ready-file', metavar='FILE',
        help='write a JSON file with pid, data folder, URLs and roots of the '
             'management partitions once all hosts answer; it is removed at '
             'the end')
    parser.add_argument(
        '--timing', action='append', default=[], metavar='NAME=VALUE',
        help='override a value of the timing section of the profile, such '
             'as job_polls, job_seconds, rmc_seconds, event_seconds or '
             'request_seconds; may be given more than once')
    parser.add_argument(
        '--debug', action='store_true', help='log more')
    return parser


def _port(text):
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError('a port is at most 65535')
    return number


def _load(options):
    data = profile.load(options.profile)
    for item in options.timing:
        name, _, value = item.partition('=')
        if name not in data['timing']:
            raise profile.ProfileError(
                '--timing: there is no %s; there are %s' % (
                    name or repr(item), ', '.join(sorted(data['timing']))))
        try:
            number = float(value)
        except ValueError:
            number = -1
        if number < 0:
            raise profile.ProfileError('--timing %s: %r is no number >= 0' %
                                       (name, value))
        data['timing'][name] = int(number) if number.is_integer() else number
    return data


def _make_tls(bind, directory):
    """Make a certificate authority and a certificate.

    :returns: server.Tls
    """
    # Not needed for http.
    import trustme
    authority = trustme.CA()
    names = sorted({'localhost', '127.0.0.1', bind} - {'0.0.0.0', '::'})
    certificate = authority.issue_cert(*names)
    paths = [os.path.join(directory, name)
             for name in ('ca.pem', 'server.pem', 'server.key')]
    authority.cert_pem.write_to_path(paths[0])
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(paths[1], append=True)
    descriptor = os.open(paths[2], os.O_WRONLY | os.O_CREAT | os.O_EXCL,
                         0o600)
    with os.fdopen(descriptor, 'wb') as key_file:
        key_file.write(certificate.private_key_pem.bytes())
    return server.Tls(*paths[1:])


def _write_ready(path, running):
    data = {'pid': os.getpid(), 'data_dir': running.data_dir,
            'hosts': [{'name': host.name, 'port': host.port,
                       'url': host.base_url,
                       'management_root': host.management_root}
                      for host in running.hosts]}
    # Whoever waits for the file must never see half of it.
    with tempfile.NamedTemporaryFile(
            'w', dir=os.path.dirname(os.path.abspath(path)),
            delete=False) as ready_file:
        json.dump(data, ready_file, indent=1)
    os.replace(ready_file.name, path)


def _run(options, data, stop):
    running = site.Site(data, options.data_dir)
    try:
        port, tls = options.port, None
        if options.https:
            tls = _make_tls(options.bind, running.data_dir)
            port = _HTTPS_PORT if port is None else port
            LOG.info('Clients can trust %s',
                     os.path.join(running.data_dir, 'ca.pem'))
        if options.bind not in server.LOOPBACK:
            LOG.warning('Others can reach this simulator at %s. It is not '
                        'made to be safe from them.', options.bind)
        running.start(options.bind, port, tls)
        for host in running.hosts:
            LOG.info('Host %s is at %s', host.name, host.base_url)
        if options.ready_file:
            _write_ready(options.ready_file, running)
        LOG.info('Ready')
        stop.wait()
        LOG.info('The simulated site ends')
    finally:
        if options.ready_file and os.path.exists(options.ready_file):
            os.unlink(options.ready_file)
        running.stop()


def main(argv=None):
    """Run the command.

    :param argv: list of str, the arguments; None for those of the process
    :returns: int, the exit status
    """
    parser = _parser()
    options = parser.parse_args(argv)
    std_logging.basicConfig(
        stream=sys.stderr, format='%(asctime)s %(levelname)s %(message)s',
        level=std_logging.DEBUG if options.debug else std_logging.INFO)
    try:
        data = _load(options)
    except profile.ProfileError as exc:
        parser.exit(2, 'powervm-simulator: %s\n' % exc)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        _run(options, data, stop)
    except errors.RestError as exc:
        parser.exit(2, 'powervm-simulator: %s: %s\n' % (options.profile, exc))
    except OSError as exc:
        parser.exit(1, 'powervm-simulator: %s\n' % exc)
    return 0


if __name__ == '__main__':
    sys.exit(main())
