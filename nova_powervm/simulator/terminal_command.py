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
"""What mkvterm and rmvterm are on the simulated management partition.

The site copies this into the commands, which need nothing but Python. They
have the site carry out what they were called with. A mkvterm without --vnc
then shows the terminal on its own, until one of both ends.
"""

import json
import os
import select
import socket
import sys
import termios
import tty
import urllib.parse


def main(url, token=None):
    """Carry out the command that this process is.

    :param url: str, begins the URLs of the host
    :param token: str that the control API wants, or None
    """
    command = [os.path.basename(sys.argv[0])] + sys.argv[1:]
    if (command[0] == 'mkvterm' and '--vnc' not in command and
            not os.isatty(0)):
        sys.exit('mkvterm needs a terminal')
    answer = send(url, {'arguments': command}, token)
    sys.stdout.write(answer['stdout'])
    sys.stderr.write(answer['stderr'])
    if 'token' in answer:
        show(answer['port'], answer['token'])
    sys.exit(answer['rc'])


def send(url, request, token=None):
    """Have the site carry out a command: dict of JSON, there and back."""
    address = urllib.parse.urlsplit(url)
    body = json.dumps(request).encode()
    shown = 'Authorization: Bearer %s\r\n' % token if token else ''
    with socket.create_connection((address.hostname, address.port)) as opened:
        if address.scheme == 'https':
            import ssl
            context = ssl._create_unverified_context()
            opened = context.wrap_socket(opened)
        opened.sendall(b'POST /simulator/commands HTTP/1.0\r\n'
                       b'%sContent-Length: %d\r\n\r\n' % (
                           shown.encode(), len(body)) + body)
        answer = b''.join(iter(lambda: opened.recv(65536), b''))
    head, _, body = answer.partition(b'\r\n\r\n')
    if b' 200 ' not in head.split(b'\r\n')[0]:
        sys.exit(body.decode())
    return json.loads(body)


def show(port, token):
    """Pipe bytes between the terminal of this process and the site."""
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        with socket.create_connection(('127.0.0.1', port)) as opened:
            opened.sendall(token.encode() + b'\n')
            pipe(opened)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def pipe(opened):
    """Move bytes until there are no more."""
    while True:
        for ready in select.select([0, opened], [], [])[0]:
            try:
                data = (opened.recv(65536) if ready is opened
                        else os.read(0, 65536))
            except OSError:
                data = b''
            if not data:
                return
            if ready is opened:
                while data:
                    data = data[os.write(1, data):]
            else:
                opened.sendall(data)
