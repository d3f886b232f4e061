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

"""Remove secrets from what a server has sent."""

import json
import re
import threading
import urllib.parse

from lxml import etree

from nova_powervm.simulator.recording import paths

#: What a secret becomes.
REMOVED = 'REMOVED'
#: Elements, parameters and keys whose value is a secret.
_SECRET = re.compile(
    r'(?i)user(_?id|_?name)?$|passw|passphrase|token|session|secret|'
    r'credential|certificate|(public|private|authorized|ssh|api)_?keys?$')
#: Elements whose value tells which machine it is.
_SERIAL = re.compile('SerialNumber|SerialNum$|^MTMS$')
#: Location codes (U8286.42A.21AB12C), and machine types with their serial
#: (8286-42A*21AB12C).
_MACHINES = (re.compile(r'\bU[0-9A-Z]{4}\.[0-9A-Z]{3}\.[0-9A-Z]{7}\b'),
             re.compile(r'\b[0-9A-Z]{4}-[0-9A-Z]{3}\*[0-9A-Z]{7}\b'))
#: A secret that is shorter may be part of a harmless word, or be one.
_SHORTEST = 6
_SHORTEST_WORD = 3
#: Elements of a refusal that repeat what the client has sent.
_OF_REQUESTS = ('RequestHeaders', 'RequestBody')
#: Headers of requests whose value is a secret.
_HEADERS = ('x-api-session', 'authorization', 'cookie')


class Secrets:
    """Knows the secrets of a recording, and removes them.

    Secrets are the values of elements with certain names, and what a client
    has sent to log on, wherever it appears.

    :param serials: bool, whether serial numbers are secret, too
    """

    def __init__(self, serials=False):
        self._serials = serials
        self._known = set()
        self._lock = threading.Lock()

    def learn(self, *values):
        """Note values that must not be in the recording.

        :param values: str, or None
        """
        with self._lock:
            for value in filter(None, values):
                self._known.update((value, urllib.parse.quote(value),
                                    urllib.parse.quote(value, safe='')))

    def learn_headers(self, headers):
        """Note what the headers of a request show of a session.

        :param headers: mapping of str; in any case
        """
        self.learn(*(value for name, value in headers.items()
                     if name.lower() in _HEADERS))

    def learn_logon(self, body):
        """Note what a client logs on with.

        :param body: bytes, the LogonRequest
        """
        try:
            root = paths.parse(body)
        except ValueError:
            return
        self.learn(*(element.text for element in root.iter('{*}UserID',
                                                           '{*}Password')))

    def remove(self, body):
        """Return a body without the secrets.

        :param body: bytes, XML or JSON
        :returns: str, or None for any other body, or a broken one
        """
        body = body.strip()
        try:
            if body.startswith(b'<'):
                return self._remove_xml(paths.parse(body))
            if body[:1] in (b'{', b'['):
                return json.dumps(self._remove_json(json.loads(body)))
        except (ValueError, RecursionError):
            return None
        return None

    def clean(self, text):
        """Return a text without the secrets that are known."""
        with self._lock:
            known = sorted(self._known, key=len, reverse=True)
        for value in known:
            if text == value:
                return REMOVED
            if len(value) >= _SHORTEST:
                text = text.replace(value, REMOVED)
            elif len(value) >= _SHORTEST_WORD:
                text = re.sub(r'(?<!\w)%s(?!\w)' % re.escape(value), REMOVED,
                              text)
        if self._serials:
            for pattern in _MACHINES:
                text = pattern.sub(REMOVED, text)
        return text

    def _is_secret(self, name, value):
        """Tell whether the name of a value says that it is a secret."""
        if self._serials and _SERIAL.search(name):
            self.learn(value)
            return True
        # A capability may have such a name.
        return bool(_SECRET.search(name)) and value not in ('true', 'false')

    def _remove_xml(self, root):
        # Learn first: a value may stand in front of the name that tells.
        for element in root.iter('{*}*'):
            if paths.local_name(element) in _OF_REQUESTS and (
                    element.text or len(element)):
                del element[:]
                element.text = REMOVED
            text = (element.text or '').strip()
            if text and not len(element) and self._is_secret(
                    paths.local_name(element), text):
                element.text = REMOVED
            if paths.local_name(element) == 'ParameterName':
                value = element.getnext()
                if value is not None and value.text and self._is_secret(
                        text, value.text):
                    value.text = REMOVED
        for element in root.iter('{*}*'):
            element.text = element.text and self.clean(element.text)
            element.tail = element.tail and self.clean(element.tail)
            for name, value in element.attrib.items():
                element.set(name, REMOVED if self._is_secret(name, value)
                            else self.clean(value))
        for comment in root.xpath('//comment()'):
            comment.text = ''
        return etree.tostring(root, encoding='unicode')

    def _remove_json(self, value, name=''):
        if isinstance(value, dict):
            return {key: self._remove_json(member, key)
                    for key, member in value.items()}
        if isinstance(value, list):
            return [self._remove_json(member, name) for member in value]
        if isinstance(value, str):
            return (REMOVED if self._is_secret(name, value)
                    else self.clean(value))
        return value
