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

"""Holds documents of the simulator against captures of real servers.

The captures are the ones that the installed pypowervm package carries in
``pypowervm/tests/data``; they are read at test time and never copied.

``compare_structure`` looks at the XML: names, order and value formats.
``compare_wrapper`` looks at what a pypowervm wrapper makes of it.  Both
return a list of problems, empty when our document could have come from a
real server as far as the captures can tell.
"""

import collections
import itertools
import re

from lxml import etree
from pypowervm.tests.test_utils import pvmhttp

# Attributes that describe the schema and which no client reads.
SCHEMA_ATTRIBUTES = frozenset(('schemaVersion', 'kb', 'kxe', 'ksv', 'group'))

_UUID = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
# Value formats.  A value may have several: 12 decimal digits are also a MAC.
_FORMATS = {name: re.compile('(%s)' % pattern) for name, pattern in {
    'bool': 'true|false',
    'int': r'-?\d+',
    'decimal': r'-?\d+\.\d+',
    'percent': r'\d+(\.\d+)?%',
    'mac': '[0-9A-F]{12}',
    'upper hex': '[0-9A-F]{16,}',
    'lower hex': '[0-9a-f]{16,}',
    '0x hex': '0x[0-9a-f]+',
    'upper uuid': '[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}',
    'lower uuid': '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}',
    'location code': r'U[0-9A-Z]{4}\.[0-9A-Z]{3}\.[0-9A-Z]{7}(-\w+)*',
    'time': r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)',
    'ip address': r'\d{1,3}(\.\d{1,3}){3}',
}.items()}


def local_name(element):
    """Name of an lxml element without its namespace (str)."""
    return etree.QName(element).localname


def capture_elements(type_name, *files):
    """Elements of a type in captured responses.

    :param type_name: element name, e.g. 'VirtualDisk'.
    :param files: names of files in pypowervm/tests/data.
    :returns: list of lxml elements, in the order of the files.  Empty
        elements (mere references, such as the VolumeGroup link of a disk)
        are left out.
    """
    found = []
    for name in files:
        root = etree.fromstring(pvmhttp.PVMFile(name).body.strip())
        found.extend(element for element in root.iter('{*}' + type_name)
                     if len(element))
    return found


def capture_wrappers(wrapper_class, *files, **kwargs):
    """Wrappers of the entries of captured responses.

    :param wrapper_class: a pypowervm EntryWrapper class.
    :param files: names of files in pypowervm/tests/data.
    :param adapter: (keyword) a pypowervm adapter for the wrappers' traits.
    :returns: list of wrappers.
    """
    wrappers = []
    for name in files:
        response = pvmhttp.load_pvm_resp(
            name, adapter=kwargs.get('adapter')).get_response()
        wrapped = wrapper_class.wrap(response)
        wrappers.extend(wrapped if isinstance(wrapped, list) else [wrapped])
    return wrappers


def compare_structure(ours, captured, newer=()):
    """Compares the XML of an object with captures of the same type.

    Every element that we emit must occur under the same parent in some
    capture, with the same attributes, in the same relative order, and with a
    value of the same format.  That a capture has more than we emit is no
    problem; ``compare_wrapper`` tells what is needed.

    :param ours: lxml element of the object (with or without namespace).
    :param captured: lxml elements from capture_elements(), of the same type,
        or of one that shares a part of its schema (LPAR and VIOS do).
    :param newer: names of elements which pypowervm reads but which are newer
        than all captures; they and what is in them are not looked at.
    :returns: list of str, one per problem.
    """
    root = local_name(ours)
    if not captured:
        return ['no capture of %s to compare with' % root]
    return list(_problems(ours, root, _Facts(root, captured), newer))


def compare_wrapper(ours, captured, skip=()):
    """Compares what the properties of a wrapper return.

    Every public property which can be read from some capture (no exception,
    not None) must be readable from ours, with the same Python type.

    :param ours: a pypowervm wrapper of our object.
    :param captured: wrappers of the same class around captures.
    :param skip: names of properties not to look at.
    :returns: list of str, one per problem.
    """
    problems = []
    for name in _properties(type(ours)):
        if name in skip:
            continue
        expected = {type(value) for value in (
            _read(wrapper, name)[0] for wrapper in captured)
            if value is not None}
        if not expected:
            continue
        value, error = _read(ours, name)
        if error is not None:
            problems.append('%s cannot be read: %r' % (name, error))
        elif type(value) not in expected:
            problems.append('%s is %r, captured is %s' % (
                name, value, ' or '.join(sorted(
                    kind.__name__ for kind in expected))))
    return problems


class _Facts(object):
    """What a set of captures says about each path in them.

    :param root: str, name that the root of each has in a path
    """

    def __init__(self, root, elements):
        self.attributes = collections.defaultdict(set)
        self.formats = collections.defaultdict(set)
        self.links = collections.defaultdict(set)
        # path of the parent -> name -> names seen after it
        self.followers = collections.defaultdict(
            lambda: collections.defaultdict(set))
        for element in elements:
            self._learn(element, root)

    def _learn(self, element, path):
        self.attributes[path].update(element.attrib)
        if element.get('href') is not None:
            self.links[path].add(_link_shape(element.get('href')))
        children = _children(element)
        if not children:
            self.formats[path].update(_formats(element.text))
        earlier = set()
        for child in children:
            name = local_name(child)
            for before in earlier - {name}:
                self.followers[path][before].add(name)
            earlier.add(name)
            self._learn(child, path + '/' + name)

    def may_precede(self, path, first, second):
        """Whether first may come before second, as far as captures tell.

        Captures of different versions may contradict each other: then both
        orders are good.
        """
        followers = self.followers[path]
        return (_reachable(followers, first, second) or
                not _reachable(followers, second, first))


def _problems(element, path, facts, newer):
    if path not in facts.attributes:
        yield '%s is in no capture' % path
        return
    for name in element.attrib:
        if (name not in facts.attributes[path] and
                name not in SCHEMA_ATTRIBUTES):
            yield '%s has an attribute %s' % (path, name)
    href = element.get('href')
    if href is not None and _link_shape(href) not in facts.links[path]:
        yield '%s links to %s, captured are %s' % (
            path, _link_shape(href), sorted(facts.links[path]))
    children = [child for child in _children(element)
                if local_name(child) not in newer]
    if not len(element):
        if not _formats(element.text, ours=True) & facts.formats[path]:
            yield '%s is %r, captured formats are %s' % (
                path, element.text, sorted(facts.formats[path]))
    names = [local_name(child) for child in children]
    runs = [name for name, _group in itertools.groupby(names)]
    for first, second in sorted(set(itertools.combinations(runs, 2))):
        if first != second and not facts.may_precede(path, first, second):
            yield '%s: %s comes before %s' % (path, first, second)
    for child, name in zip(children, names):
        yield from _problems(child, path + '/' + name, facts, newer)


def _children(element):
    return [child for child in element if isinstance(child.tag, str)]


def _reachable(followers, start, goal):
    """Whether captured orders, one after the other, lead from start to goal.

    Needed for siblings which never occur in one capture together.
    """
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            todo.extend(followers.get(name, ()))
    return False


def _formats(text, ours=False):
    """Names of the formats that a value has.

    :param ours: also the formats which this one is a special case of.
    """
    text = (text or '').strip()
    if not text:
        return {'empty'}
    names = {name for name, pattern in _FORMATS.items()
             if pattern.fullmatch(text)} or {'text'}
    if ours:
        names.add('text')
        if 'int' in names:
            names.add('decimal')
    return names


def _link_shape(href):
    """Path of a link with its UUIDs replaced and its query cut off."""
    path = href.split('?')[0]
    if '/rest/' in path:
        path = path[path.index('/rest/'):]
    return re.sub(_UUID, '*', path)


def _properties(wrapper_class):
    return sorted(
        name for name in dir(wrapper_class) if not name.startswith('_') and
        isinstance(getattr(wrapper_class, name, None), property))


def _read(wrapper, name):
    try:
        return getattr(wrapper, name), None
    except Exception as exc:
        return None, exc
