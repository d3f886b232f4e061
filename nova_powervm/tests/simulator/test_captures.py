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

"""Nothing that a real server was seen to send is missing unnoticed."""

import testtools

from nova_powervm.simulator.recording import paths
from nova_powervm.tests.simulator import captures
from nova_powervm.tests import tree


@tree.needs_source
class CapturesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.listed = captures.load()
        self.captured = captures.captured()
        self.paths = [path for group in self.listed['paths']
                      for path in group['paths']]

    def test_each_capture_is_used(self):
        """Or there is a reason why not."""
        excluded = [name for group in self.listed['captures']
                    for name in group['names']]
        self.assertEqual(sorted(excluded), sorted(self.captured['']))
        self.assertLess(70, len(captures.names()))

    def test_what_is_not_sent(self):
        """Each path of a capture is sent, or it is listed; never both."""
        sent, result = captures.sent()
        self.assertEqual([], result.errors + result.failures)
        listed = self.paths
        missing = set(self.captured) - sent - {''}
        self.assertEqual([], paths.tops(
            path for path in missing if not paths.covers(listed, path)))
        self.assertEqual([], [path for path in listed if not any(
            paths.covers([path], found) for found in missing)])
        self.assertEqual([], [path for path in listed if path in sent])
        # powervm-recorder compares with this list; the command
        # python -m nova_powervm.tests.simulator.captures makes it.
        self.assertEqual(captures.known(sent), tree.read(*captures.KNOWN))

    def test_each_path_is_listed_once(self):
        listed = self.paths
        self.assertEqual(len(set(listed)), len(listed))
        self.assertEqual([], [path for path in listed if paths.covers(
            set(listed) - {path}, path)])

    def test_page(self):
        self.assertEqual(captures.page(), tree.read(*captures.PAGE))


class PathsTest(testtools.TestCase):

    def test_paths(self):
        for document, found in (
                (b'{"a": {"B": [{"c": 1}, {"d": null}]}}',
                 {'a', 'a/b', 'a/b/c', 'a/b/d'}),
                (b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id/>'
                 b'<content><x:T xmlns:x="y"><x:U/><!-- no --></x:T>'
                 b'</content></entry></feed>',
                 {'feed', 'feed/entry', 'feed/entry/id',
                  'feed/entry/content', 'T', 'T/U'}),
                (b'file-based', set())):
            self.assertEqual(found, paths.paths(document))

    def test_tops(self):
        self.assertEqual(['a/b', 'c'], paths.tops(
            {'a/b', 'a/b/d', 'a/b/d/e', 'c'}))
        self.assertTrue(paths.covers(['a/b'], 'a/b/d'))
        self.assertFalse(paths.covers(['a/b'], 'a/bd'))
