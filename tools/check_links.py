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

"""Check that each link of built pages leads to something.

Usage: check_links.py FOLDER  (of HTML)

Links to other sites are left alone. Standard library only.
"""

from html import parser
import os
import sys
from urllib import parse


class Page(parser.HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, path):
        super().__init__()
        self.links = set()
        self.anchors = {''}
        with open(path, encoding='utf-8') as text:
            self.feed(text.read())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.update(attrs[name] for name in ('id', 'name')
                            if attrs.get(name))
        self.links.update(attrs[name] for name in ('href', 'src')
                          if attrs.get(name))


def read(folder):
    """Read all pages: dict of path -> Page."""
    return {path: Page(path) for path in (
        os.path.join(where, name) for where, _folders, names
        in os.walk(folder) for name in names if name.endswith('.html'))}


def dead_links(folder):
    """List the links that lead nowhere: list of (page, link)."""
    pages = read(folder)
    dead = []
    for path, page in sorted(pages.items()):
        for link in sorted(page.links):
            parts = parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = os.path.normpath(os.path.join(
                os.path.dirname(path), parse.unquote(parts.path)
            )) if parts.path else path
            if target in pages:
                if parse.unquote(parts.fragment) not in pages[target].anchors:
                    dead.append((os.path.relpath(path, folder), link))
            elif not os.path.exists(target):
                dead.append((os.path.relpath(path, folder), link))
    return dead


def main():
    dead = dead_links(sys.argv[1])
    for page, link in dead:
        print('%s: %s leads nowhere' % (page, link))
    return 1 if dead else 0


if __name__ == '__main__':
    sys.exit(main())
