#!/usr/bin/env python3
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

"""Check that built pages do not scroll sideways on a phone.

Usage: check_width.py FOLDER  (of HTML)

Chromium opens each page in a frame of 390 pixels, the width of a phone, and
tells how wide the page is. Without Chromium nothing is checked. Standard
library only.
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

#: In pixels of CSS.
PHONE = 390
#: Seconds for all pages.
TIMEOUT = 300
_FRAME = '''<!DOCTYPE html><html><body>
<iframe id="f" style="border:0; width:%(width)dpx; height:800px"></iframe>
<pre id="widths"></pre>
<script>
const pages = %(pages)s, widths = {}, frame = document.getElementById("f");
function next() {
  const page = pages.shift();
  if (page === undefined) {
    document.getElementById("widths").textContent = JSON.stringify(widths);
    return;
  }
  frame.onload = () => {
    const root = frame.contentDocument.documentElement;
    widths[page] = Math.max(root.scrollWidth,
                            frame.contentDocument.body.scrollWidth);
    next();
  };
  frame.src = page;
}
next();
</script></body></html>'''


def chromium():
    """Return the path of Chromium, or None."""
    return shutil.which('chromium') or shutil.which('chromium-browser')


def pages(folder):
    """Return the pages below a folder: sorted list of relative paths."""
    return sorted(
        os.path.relpath(os.path.join(where, name), folder)
        for where, folders, names in os.walk(folder)
        for name in names if name.endswith('.html') and
        '_static' not in where and '_sources' not in where)


def widths(folder, listed):
    """Measure pages: dict of relative path -> pixels.

    :raises ValueError: if Chromium tells no widths.
    """
    with tempfile.TemporaryDirectory() as own:
        frame = os.path.join(own, 'frame.html')
        with open(frame, 'w') as out:
            out.write(_FRAME % {'width': PHONE, 'pages': json.dumps(
                ['file://' + os.path.abspath(os.path.join(folder, page))
                 for page in listed])})
        said = subprocess.run(
            [chromium(), '--headless', '--no-sandbox', '--disable-gpu',
             '--disable-dev-shm-usage', '--allow-file-access-from-files',
             '--user-data-dir=' + os.path.join(own, 'profile'),
             '--window-size=1000,900', '--timeout=%d' % (1000 * TIMEOUT),
             '--virtual-time-budget=%d' % (1000 * TIMEOUT),
             '--dump-dom', 'file://' + frame],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            timeout=TIMEOUT).stdout
    found = re.search(r'<pre id="widths">(.+?)</pre>', said, re.DOTALL)
    if not found:
        raise ValueError('Chromium does not tell how wide the pages are.')
    prefix = 'file://' + os.path.abspath(folder) + '/'
    return {page.removeprefix(prefix): width for page, width
            in json.loads(html.unescape(found.group(1))).items()}


def main(folder):
    """Print the pages that are too wide; return the exit status."""
    if chromium() is None:
        print('There is no Chromium, so the width of pages is not checked.')
        return 0
    wide = {page: width for page, width
            in widths(folder, pages(folder)).items() if width > PHONE}
    for page, width in wide.items():
        print('%s is %d pixels wide on a phone of %d' % (page, width, PHONE))
    return 1 if wide else 0


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
