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

"""The token that the control API and the page want, if there is one."""

import hmac
import json
import re
import urllib.parse

import werkzeug

from nova_powervm.simulator import profile

#: What the browser keeps the token in.
COOKIE = 'powervm-control'


def read(path):
    """Read the token of the control API.

    :param path: str, of a file; None for no token
    :returns: str, or None
    :raises OSError: when the file cannot be read
    :raises profile.ProfileError: when there is no token in it
    """
    if path is None:
        return None
    with open(path, encoding='utf-8', errors='replace') as token_file:
        token = token_file.readline().strip()
    if not re.fullmatch('[!-~]+', token):
        raise profile.ProfileError('The first line of %s is no token of '
                                   'visible characters' % path)
    return token


def check(environ, token):
    """Tell whether a request may use the control API.

    A client shows the token as "Authorization: Bearer TOKEN". A browser opens
    /?token=TOKEN once, and keeps it in a cookie that no script and no other
    site can use.

    :param environ: dict of WSGI
    :param token: str; None if everybody may
    :returns: None if it may, or the werkzeug.Response to answer with
    """
    if token is None:
        return None
    request = werkzeug.Request(environ)
    kind, _, shown = request.headers.get('Authorization', '').partition(' ')
    if kind.lower() == 'bearer' and _equal(shown.strip(), token):
        return None
    if _equal(request.cookies.get(COOKIE, ''), urllib.parse.quote(token, '')):
        return None
    if request.path == '/' and _equal(request.args.get('token', ''), token):
        answer = werkzeug.Response(status=303, headers={
            'Location': '/', 'Referrer-Policy': 'no-referrer',
            'Cache-Control': 'no-store'})
        answer.autocorrect_location_header = False
        answer.set_cookie(COOKIE, urllib.parse.quote(token, ''),
                          httponly=True, samesite='Strict')
        return answer
    error = {'status': 401, 'message': 'The control API wants its token'}
    return werkzeug.Response(
        json.dumps({'error': error}) + '\n', 401,
        headers={'WWW-Authenticate': 'Bearer'},
        content_type='application/json')


def _equal(shown, token):
    return hmac.compare_digest(shown.encode('utf-8', 'surrogateescape'),
                               token.encode('utf-8', 'surrogateescape'))
