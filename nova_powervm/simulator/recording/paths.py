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

"""The paths of the names in documents."""

import json

from lxml import etree

_ATOM = '{http://www.w3.org/2005/Atom}'


def parse(document):
    """Parse XML that comes from outside.

    :param document: bytes
    :returns: lxml element
    :raises ValueError: when it is none
    """
    try:
        return etree.fromstring(document, etree.XMLParser(
            resolve_entities=False, no_network=True, huge_tree=True))
    except etree.XMLSyntaxError as exc:
        raise ValueError('This is no XML: %s' % exc)


def paths(document):
    """Find the paths of the names in a document.

    The content of an Atom entry begins a path of its own.

    :param document: bytes, XML or JSON
    :returns: set of str; empty if it is neither.
    :raises ValueError: when it is broken
    """
    found = set()
    document = document.strip()
    if document.startswith(b'{'):
        for name, value in json.loads(document).items():
            _note_json(value, name, found)
    elif document.startswith(b'<'):
        root = parse(document)
        _note_xml(root, local_name(root), found)
    return found


def local_name(element):
    """Return the name of an element without its namespace."""
    return etree.QName(element).localname


def _note_xml(element, path, found):
    found.add(path)
    for child in element.iterchildren('{*}*'):
        name = local_name(child)
        _note_xml(child, name if element.tag == _ATOM + 'content'
                  else '%s/%s' % (path, name), found)


def _note_json(value, path, found):
    found.add(path)
    if isinstance(value, dict):
        for name, member in value.items():
            # Some captures have a name in two spellings.
            _note_json(member, '%s/%s' % (path, name.lower()), found)
    elif isinstance(value, list):
        for member in value:
            _note_json(member, path, found)


def tops(found):
    """Return those of some paths that are below no other one, sorted."""
    found = set(found)
    return sorted(path for path in found
                  if path.rpartition('/')[0] not in found)


def covers(listed, path):
    """Return whether one of some paths is a path, or above it."""
    return any(path == above or path.startswith(above + '/')
               for above in listed)
