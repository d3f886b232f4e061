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

"""Chromium, without a screen, and noVNC to show in it.

Chromium takes commands of the Chrome DevTools Protocol through two pipes.
"""

import base64
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import time

#: Names of the program, and the folder of noVNC: by default that of Debian.
PROGRAMS = ('chromium', 'chromium-browser', 'google-chrome')
NOVNC = os.environ.get('OS_TEST_NOVNC', '/usr/share/novnc')
#: noVNC up to 1.3, as in Debian 12, draws wrong rows if the browser is slow:
#: it copies the pixels from the beginning of all that it has received.
_WRONG = 'new Uint8Array(arr.buffer, 0, newArr.length)'
#: Seconds that Chromium takes for anything, at most.
TIMEOUT = 120
_OPTIONS = ('--headless=new', '--no-sandbox', '--disable-gpu',
            '--disable-dev-shm-usage', '--disable-extensions',
            '--disable-background-networking', '--disable-sync',
            '--no-first-run', '--no-proxy-server', '--hide-scrollbars',
            '--disable-features=Translate,OptimizationHints,MediaRouter',
            '--remote-debugging-pipe')
_CODES = {' ': 'Space', '\n': 'Enter'}


def find():
    """Path of Chromium, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def missing():
    """What is missing here to show noVNC: list of str."""
    return [what for what, is_there in (
        ('chromium', find() is not None),
        ('noVNC 1.4 or later, see OS_TEST_NOVNC', _is_usable())
    ) if not is_there]


def _is_usable():
    try:
        with open(os.path.join(NOVNC, 'core', 'display.js'),
                  encoding='utf-8') as display:
            return _WRONG not in display.read()
    except FileNotFoundError:
        return False


class Browser:
    """A Chromium with one page.

    :param url: str, what it shows.
    :param folder: str, for its files.
    :param size: (width, height) of the page, in pixels.
    :ivar errors: list of str, exceptions of JavaScript that nobody has caught,
                  and what was written to the console as an error.
    """

    def __init__(self, url, folder, size=(640, 440)):
        self._numbers = itertools.count(1)
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        # It reads from 3 and writes to 4.
        self._process = subprocess.Popen(
            ['bash', '-c', 'exec "$0" "$@" 3<&%d 4>&%d' % (
                commands, answers), find(), *_OPTIONS,
             '--user-data-dir=' + folder, 'about:blank'],
            pass_fds=(commands, answers), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=folder))
        os.close(commands)
        os.close(answers)
        self._data = b''
        self._session = {}
        self.errors = []
        target = self.call('Target.createTarget',
                           url='about:blank')['targetId']
        self._session = {'sessionId': self.call(
            'Target.attachToTarget', targetId=target,
            flatten=True)['sessionId']}
        self.call('Runtime.enable')
        self.call('Page.navigate', url=url)
        self.call('Page.bringToFront')
        self.call('Emulation.setDeviceMetricsOverride', width=size[0],
                  height=size[1], deviceScaleFactor=1, mobile=False)

    def stop(self):
        """End it."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method, **params):
        """Have it carry out a command.

        :returns: dict
        """
        number = next(self._numbers)
        command = json.dumps(dict(self._session, id=number, method=method,
                                  params=params)).encode() + b'\0'
        while command:
            command = command[os.write(self._commands, command):]
        while True:
            answer = self._read()
            self._note_error(answer)
            if answer.get('id') == number:
                if 'error' in answer:
                    raise AssertionError('%s: %s' % (method, answer['error']))
                return answer['result']

    def _note_error(self, message):
        """Note an event that says that something is wrong."""
        params = message.get('params', {})
        if message.get('method') == 'Runtime.exceptionThrown':
            details = params['exceptionDetails']
            self.errors.append(details.get('exception', {}).get(
                'description', details['text']))
        elif (message.get('method') == 'Runtime.consoleAPICalled' and
                params['type'] in ('error', 'assert')):
            self.errors.append(json.dumps(params['args']))

    def _read(self):
        while b'\0' not in self._data:
            ready, _writable, _failed = select.select(
                [self._answers], [], [], TIMEOUT)
            more = ready and os.read(self._answers, 1 << 20)
            if not more:
                raise AssertionError('Chromium does not answer.')
            self._data += more
        message, _end, self._data = self._data.partition(b'\0')
        return json.loads(message)

    def evaluate(self, script):
        """The value of an expression of JavaScript."""
        result = self.call('Runtime.evaluate', expression=script,
                           returnByValue=True)
        if 'exceptionDetails' in result:
            raise AssertionError(result['exceptionDetails'])
        return result['result'].get('value')

    def wait_for(self, look, what):
        """Call a function until it returns something true.

        :param what: function that tells what there is instead.
        """
        deadline = time.monotonic() + TIMEOUT
        while not look():
            if time.monotonic() > deadline:
                raise AssertionError(what())
            time.sleep(0.1)

    def type(self, text):
        """Press and release a key for each character."""
        for character in text:
            key = {'\n': 'Enter'}.get(character, character)
            code = _CODES.get(character, 'Key' + character.upper())
            for event in ('keyDown', 'keyUp'):
                self.call('Input.dispatchKeyEvent', type=event, key=key,
                          code=code, windowsVirtualKeyCode=ord(
                              character.upper()))

    def screenshot(self):
        """What the page looks like: bytes of a PNG file."""
        return base64.b64decode(self.call('Page.captureScreenshot')['data'])
