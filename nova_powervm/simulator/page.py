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

"""The page at / that shows a site in a browser.

It has no other data than that of the control API: see stream.py.
"""

import importlib.resources

import werkzeug

from nova_powervm.simulator import errors

_KINDS = {'html': 'text/html', 'css': 'text/css', 'js': 'text/javascript',
          'svg': 'image/svg+xml'}
FILES = ('index.html', 'page.css', 'icon.svg', 'main.js', 'dom.js',
         'site.js', 'lines.js', 'requests.js', 'faults.js', 'san.js')
#: The browser runs nothing and asks nobody but what comes from here, whatever
#: a name on the site tells it.
HEADERS = {
    'Content-Security-Policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-cache'}


def respond(method, name):
    """Answer with a file of the page.

    :param method: str, of the request
    :param name: str, what the client asks for
    :returns: werkzeug.Response
    :raises errors.NotFound:
    :raises errors.NotAllowed:
    """
    if name not in FILES:
        raise errors.NotFound('The page has no file %r' % name)
    if method not in ('GET', 'HEAD'):
        raise errors.NotAllowed('Only GET is possible here')
    place = importlib.resources.files(__package__) / 'web' / name
    return werkzeug.Response(
        place.read_bytes(), headers=HEADERS, content_type='%s; charset=utf-8' %
        _KINDS[name.rpartition('.')[2]])
