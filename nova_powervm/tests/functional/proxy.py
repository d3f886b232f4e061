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

"""Nova's proxies for consoles, as processes of their own.

This file runs as a program, too: it imports Nova once, and then each proxy is
a child of this process. The database and the message bus of the cloud are in
the process of the test, so a proxy asks the test over HTTP where it would ask
them. All else is nova-novncproxy or nova-serialproxy as it is installed.
"""

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import urllib.request

#: Seconds that the proxies take to start, at most.
START_SECONDS = 120
#: Program -> the group of its options.
PROGRAMS = {'novncproxy': 'vnc', 'serialproxy': 'serial_console'}


class Authority:
    """Answers the proxies, in the process of the test.

    :param answer: function that takes a dict and returns one.
    """

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers['Content-Length'])
                try:
                    reply = answer(json.loads(self.rfile.read(length)))
                except Exception as exc:
                    reply = {'error': repr(exc)}
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(reply).encode())

            def log_message(self, *args):
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                       Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        daemon=True)
        self._thread.start()

    def stop(self):
        """End the thread."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Proxies:
    """nova-novncproxy and nova-serialproxy, running.

    :param answer: function that answers for the cloud, see Authority.
    :param folder: str, for configurations and the log.
    :param web: str, folder that nova-novncproxy serves to browsers, or ''.
    :ivar ports: name of the program -> int
    """

    def __init__(self, answer, folder, web=''):
        self.ports = {}
        self._authority = Authority(answer)
        arguments = [str(self._authority.port)]
        for program in PROGRAMS:
            arguments.append(os.path.join(folder, program))
            self._configure(program, arguments[-1], web)
        self._log = open(os.path.join(folder, 'log'), 'w+')
        self._process = subprocess.Popen(
            # Without the folder of this file, where modules have the names of
            # others.
            [sys.executable, '-P', __file__, *arguments],
            stdin=subprocess.PIPE, stdout=self._log, stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(os.environ, OS_NOVA_DISABLE_EVENTLET_PATCHING='1'))

    def _configure(self, program, path, web):
        with socket.create_server(('127.0.0.1', 0)) as free:
            port = self.ports[program] = free.getsockname()[1]
        with open(path, 'w') as conf:
            conf.write('[DEFAULT]\nweb = %s\n[%s]\n%s_host = 127.0.0.1\n'
                       '%s_port = %d\n' % (web, PROGRAMS[program], program,
                                           program, port))

    def wait(self):
        """Wait until they listen."""
        deadline = time.monotonic() + START_SECONDS
        waiting = list(self.ports.values())
        while waiting:
            if (time.monotonic() > deadline or
                    self._process.poll() is not None):
                raise AssertionError('A proxy does not listen: %s' %
                                     self.log())
            try:
                socket.create_connection(('127.0.0.1', waiting[0])).close()
                del waiting[0]
            except ConnectionRefusedError:
                time.sleep(0.1)

    def log(self):
        """What they have logged: str."""
        with open(self._log.name) as log:
            return log.read()

    def stop(self):
        """End the processes, and those that they have started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdin.close()
        self._log.close()
        self._authority.stop()


def _ask(authority, question):
    """Ask the process of the test.

    :raises nova.exception.InvalidToken: if it has no answer.
    """
    from nova import exception

    # A proxy of the environment cannot reach it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    reply = json.load(opener.open('http://127.0.0.1:%s/' % authority,
                                  json.dumps(question).encode()))
    if 'error' in reply:
        print(reply['error'], flush=True)
        raise exception.InvalidToken(token=reply['error'])
    return reply


class Token(types.SimpleNamespace):
    """Looks like nova.objects.ConsoleAuthToken."""

    def __contains__(self, name):
        return hasattr(self, name)


def _use(authority):
    """Replace the database and the message bus."""
    from nova.compute import rpcapi
    from nova import objects

    class ComputeAPI:
        """Looks like nova.compute.rpcapi.ComputeAPI."""

        def validate_console_port(self, _context, instance, port, kind):
            return _ask(authority, {'instance': instance.uuid, 'port': port,
                                    'kind': kind})['valid']

    objects.ConsoleAuthToken.validate = lambda _context, token: (
        Token(**_ask(authority, {'token': token})))
    objects.Instance.get_by_uuid = lambda _context, uuid: (
        types.SimpleNamespace(uuid=uuid))
    rpcapi.ComputeAPI = ComputeAPI


def main():
    """Start the proxies, and end them with the process of the test."""
    from nova.cmd import novncproxy
    from nova.cmd import serialproxy

    modules = {'novncproxy': novncproxy, 'serialproxy': serialproxy}
    authority, *paths = sys.argv[1:]
    _use(authority)
    for path in paths:
        if os.fork() == 0:
            sys.argv[:] = [path, '--config-file', path]
            modules[os.path.basename(path)].main()
            os._exit(0)
    # It ends when the process of the test does, however that ends.
    os.read(0, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == '__main__':
    main()
