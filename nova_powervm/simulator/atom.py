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

"""Atom documents as the PowerVM REST API speaks them.

Elements are made without a namespace; the root that an envelope puts around
them declares the one of its service, and everything below inherits it.
"""

import re
import time
from xml.sax import saxutils

from lxml import etree

from nova_powervm.simulator import errors
from nova_powervm.simulator import values

ATOM_NS = 'http://www.w3.org/2005/Atom'
_IBM = 'http://www.ibm.com/xmlns/systems/power/firmware/%s/mc/2012_10/'
NAMESPACES = {service: _IBM % service for service in ('uom', 'web', 'pcm')}
SCHEMA_VERSION = 'V1_3_0'
AUTHOR = 'IBM Power Systems Management Console'
CONTENT_TYPE = 'application/atom+xml; charset=UTF-8'

#: Characters to escape, and characters that XML cannot contain.
_IMPOSSIBLE = re.compile('[%s]' % values.IMPOSSIBLE)
_SPECIAL = re.compile('[&<>"\t\n\r%s]' % values.IMPOSSIBLE)
_IN_TEXT = {ord(char): code for char, code in (
    ('&', '&amp;'), ('<', '&lt;'), ('>', '&gt;'), ('\r', '&#13;'))}
_IN_ATTRIBUTES = _IN_TEXT | {ord(char): code for char, code in (
    ('"', '&quot;'), ('\t', '&#9;'), ('\n', '&#10;'))}


def text(value):
    """Format a scalar as the REST server does.

    :param value: bool, int, float or str
    :returns: str; booleans in lower case, floats without trailing zeroes
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, float):
        return format(value, '.12g')
    return str(value)


def _escape(value, table):
    """Escape text, or refuse characters that XML cannot contain.

    :raises ValueError: for control characters and the like
    """
    if not _SPECIAL.search(value):
        return value
    if _IMPOSSIBLE.search(value):
        raise ValueError('XML cannot hold %r' % value)
    return value.translate(table)


class Element:
    """An element that is serialised when it is created.

    A tree of lxml elements takes several times as long to build.

    :ivar tag: str
    """

    __slots__ = ('tag', '_head', '_inside')

    def __init__(self, tag, attrs=None):
        self.tag = tag
        self._head = '<' + tag
        self._inside = None
        if attrs:
            self._head += ''.join(
                ' %s="%s"' % (name, _escape(value, _IN_ATTRIBUTES))
                for name, value in attrs.items())

    def __str__(self):
        if self._inside is None:
            return self._head + '/>'
        return '%s>%s</%s>' % (self._head, self._inside, self.tag)

    def put(self, child):
        """Add a child.

        :param child: Element, list of children, None (skipped), or a scalar
                      for the text
        """
        if child is None:
            return
        if isinstance(child, Element):
            added = str(child)
        elif isinstance(child, (list, tuple)):
            for item in child:
                self.put(item)
            return
        elif isinstance(child, bytes):
            raise TypeError('bytes may stand in the list of Resource.render() '
                            'only, not below %s' % self.tag)
        else:
            added = _escape(text(child), _IN_TEXT)
        self._inside = added if self._inside is None else (
            self._inside + added)


def el(name, *children, **attrs):
    """Make an element without a namespace.

    :param name: str, the tag
    :param children: elements, lists of elements, None (skipped), or one
                     scalar that becomes the text
    :param attrs: str attributes
    :returns: Element
    """
    element = Element(name, attrs)
    for child in children:
        element.put(child)
    return element


_NO_METADATA = el('Metadata', el('Atom'))


def section(name, *children, **attrs):
    """Make a structured element: schemaVersion and a Metadata come first.

    :returns: Element
    """
    return el(name, metadata(), *children, schemaVersion=SCHEMA_VERSION,
              **attrs)


def metadata(atom_id=None):
    """Make the Metadata element that leads every object.

    :param atom_id: str UUID, for objects that have one
    """
    if atom_id is None:
        return _NO_METADATA
    return el('Metadata', el('Atom', el('AtomID', atom_id),
                             el('AtomCreated', '0')))


def link(name, href, rel='related', **attrs):
    """Make an element that points to another object.

    :param name: str, the tag: often just ``link``
    :param href: str, absolute
    """
    return el(name, href=href, rel=rel, **attrs)


def _serialise(element):
    return str(element).encode('ascii', 'xmlcharrefreplace')


def fragment(element):
    """Serialise an element, for a cache.

    :returns: bytes, good as an item of the list of ``Resource.render()``
    """
    return _serialise(element)


def document(type_, service, items):
    """Serialise an object.

    :param type_: str, tag of the root
    :param service: str, 'uom', 'web' or 'pcm'
    :param items: iterable of elements, fragments (bytes) and None
    :returns: bytes
    """
    parts = [b'<%s xmlns="%s" schemaVersion="%s">' % (
        type_.encode(), NAMESPACES[service].encode(),
        SCHEMA_VERSION.encode())]
    parts.extend(item if isinstance(item, bytes) else _serialise(item)
                 for item in items if item is not None)
    parts.append(b'</%s>' % type_.encode())
    return b''.join(parts)


def timestamp(seconds):
    """Format seconds of the epoch as Atom does, in UTC.

    :returns: str such as 2015-08-10T15:51:45.603Z
    """
    whole = time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))
    return '%s.%03dZ' % (whole, int(seconds * 1000) % 1000)


def entry(type_, service, body, atom_id, href=None, etag=None, published=0.0):
    """Put an envelope around a document.

    :param body: bytes of :func:`document`
    :param atom_id: str, becomes the UUID of the client's wrapper
    :param href: str, absolute SELF link, with the group= of the request
    :param etag: str, None leaves the element out
    :param published: float seconds of the epoch
    :returns: bytes
    """
    self_link = etag_element = ''
    if href:
        self_link = '<link rel="SELF" href=%s/>' % saxutils.quoteattr(href)
    if etag:
        etag_element = '<etag:etag xmlns:etag="%s">%s</etag:etag>' % (
            NAMESPACES['uom'], etag)
    head = (
        '<entry xmlns="%s"><id>%s</id><title>%s</title>'
        '<published>%s</published>%s<author><name>%s</name></author>%s'
        '<content type="application/vnd.ibm.powervm.%s+xml; type=%s">' % (
            ATOM_NS, saxutils.escape(atom_id), type_, timestamp(published),
            self_link, AUTHOR, etag_element, service, type_))
    return head.encode() + body + b'</content></entry>'


def link_entry(atom_id, title, href, term, updated):
    """Make an entry that only points to another object.

    The performance monitor has such entries (source: capture ltm_feed.txt).

    :param term: str, the category
    :param updated: float seconds of the epoch
    :returns: bytes
    """
    return (
        '<entry xmlns="%s"><id>%s</id><updated>%s</updated>'
        '<title type="text">%s</title><published>%s</published>'
        '<link type="application/vnd.ibm.powervm.pcm.json" href=%s/>'
        '<author><name>%s</name></author><category term="%s"/></entry>' % (
            ATOM_NS, atom_id, timestamp(updated), saxutils.escape(title),
            timestamp(updated), saxutils.quoteattr(href), AUTHOR,
            term)).encode()


def feed(feed_id, href, entries, updated=0.0, titles=None):
    """Put the envelope of a feed around entries.

    :param entries: list of bytes, each of :func:`entry`
    :param titles: tuple of title and subtitle, str; only the feeds of the
        performance monitor have them (source: capture ltm_feed.txt).
    :returns: bytes
    """
    titled = ''
    if titles is not None:
        titled = ('<title type="text">%s</title>'
                  '<subtitle type="text">%s</subtitle>' % titles)
    head = (
        '<feed xmlns="%s"><id>%s</id><updated>%s</updated>%s'
        '<link rel="SELF" href=%s/><generator>%s</generator>' % (
            ATOM_NS, feed_id, timestamp(updated), titled,
            saxutils.quoteattr(href), AUTHOR))
    return b''.join([head.encode()] + entries + [b'</feed>'])


def error_entry(error_id, status, uri, reason, message, headers,
                published=0.0):
    """Make the body of a refusal.

    :param status: int, the HTTP status
    :param uri: str, path of the request
    :param headers: dict of str, headers of the request
    :returns: bytes
    """
    body = document('HttpErrorResponse', 'web', [
        metadata(), el('HTTPStatus', status),
        el('RequestURI', values.printable(uri)),
        el('ReasonCode', values.printable(reason)),
        el('Message', values.printable(message)),
        el('RequestBody'),
        el('RequestHeaders', '{%s}' % values.printable(', '.join(
            '%s=%s' % item for item in sorted(headers.items()))))])
    return entry('HttpErrorResponse', 'web', body, error_id,
                 published=published)


class Document:
    """A request document, read by paths such as 'A/B'.

    :param source: bytes of XML, or an element of another Document
    :raises errors.Refused: when the bytes are no XML
    """

    def __init__(self, source):
        if not isinstance(source, bytes):
            self.root = source
            return
        parser = etree.XMLParser(resolve_entities=False, no_network=True,
                                 remove_comments=True, remove_pis=True)
        try:
            self.root = etree.fromstring(source, parser)
        except etree.XMLSyntaxError as exc:
            raise errors.Refused('The request body is not XML: %s' % exc)
        if self.root.getroottree().docinfo.doctype:
            raise errors.Refused('The request body has a document type')
        for element in self.root.iter('*'):
            element.tag = element.tag.rpartition('}')[2]

    @property
    def name(self):
        """The tag of the root."""
        return self.root.tag

    def has(self, path):
        """Tell whether the element is there, also when it is empty."""
        return self.root.find(path) is not None

    def text(self, path, default=None):
        """Return the stripped text; '' when the element is empty."""
        element = self.root.find(path)
        if element is None:
            return default
        return (element.text or '').strip()

    def int(self, path, default=None):
        """Return a whole number; default when absent or empty.

        :raises errors.Refused: when it is none
        """
        return self._number(path, default, values.whole)

    def float(self, path, default=None):
        """Return a number; default when absent or empty.

        :raises errors.Refused: when it is none
        """
        return self._number(path, default, values.number)

    def _number(self, path, default, kind):
        value = self.text(path)
        if not value:
            return default
        try:
            return kind(value)
        except ValueError:
            raise errors.Refused('%s is not a number: %r' % (path,
                                                             value[:40]))

    def bool(self, path, default=None):
        """Return a truth value; default when absent or empty."""
        value = self.text(path)
        if not value:
            return default
        return value.lower() == 'true'

    def find(self, path):
        """Return the Document of the first match, or None."""
        element = self.root.find(path)
        return None if element is None else Document(element)

    def all(self, path):
        """Return a list with the Document of each match."""
        return [Document(element) for element in self.root.findall(path)]

    def href(self, path):
        """Return the href attribute of the first match, or None."""
        element = self.root.find(path)
        return None if element is None else element.get('href')

    def hrefs(self, path):
        """Return the href attributes of all matches."""
        return [element.get('href') for element in self.root.findall(path)]
