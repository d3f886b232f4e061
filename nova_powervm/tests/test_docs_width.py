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

"""Pages of the documentation fit a phone; Chromium measures.

"tox -e docs" measures all pages. Here is what makes them fit: pages.css.
"""

import os

import fixtures
import testtools

from nova_powervm.tests import tree

_PAGE = '''<!DOCTYPE html><html><head>
<meta name="viewport" content="width=device-width">%s</head>
<body style="margin: 0"><div class="docs-body">%s</div></body></html>'''
_WORD = 'nova_powervm.virt.powervm.' + 'very_' * 40
_STYLE = '<link rel="stylesheet" href="file://%s">' % tree.path(
    'doc', 'source', '_static', 'pages.css')
#: What is wider than a phone, by what it is.
WIDE = {
    'table': '<table class="docutils"><tr><td><code>%s</code></td></tr>'
             '</table>' % _WORD,
    'block': '<div class="highlight"><pre>%s</pre></div>' % _WORD,
    'literal': '<ul><li><code><span class="pre">%s</span></code></li></ul>' %
               _WORD,
    'heading': '<h2>%s</h2>' % _WORD,
    'picture': '<div class="wide"><img width="900" height="9"></div>',
}


@tree.needs_source
class WidthTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.tool = tree.load('tools', 'check_width.py')
        if self.tool.chromium() is None:
            self.skipTest('Chromium is not installed')
        self.folder = self.useFixture(fixtures.TempDir()).path

    def measure(self, style):
        """Measure a page for each of WIDE: dict of name -> pixels."""
        for name, text in WIDE.items():
            with open(os.path.join(self.folder, name + '.html'), 'w') as out:
                out.write(_PAGE % (style, text))
        found = self.tool.widths(self.folder, self.tool.pages(self.folder))
        return {os.path.splitext(page)[0]: width
                for page, width in found.items()}

    def test_pages_fit(self):
        self.assertEqual(dict.fromkeys(WIDE, self.tool.PHONE),
                         self.measure(_STYLE))

    def test_without_the_style_they_do_not(self):
        found = self.measure('')
        self.assertEqual({*WIDE}, {*found})
        self.assertEqual([], [name for name, width in found.items()
                              if width <= self.tool.PHONE])
