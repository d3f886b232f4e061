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

"""REST objects: entries, feeds, searches and quick properties.

site.lock is held in all functions.
"""

import json
import re

from nova_powervm.simulator import atom
from nova_powervm.simulator import endpoint as endpoints
from nova_powervm.simulator import errors
from nova_powervm.simulator import response

_SEARCH = re.compile(r"\((\w+)(==|!=)'(.*)'\)$", re.DOTALL)
_SAMPLE_TYPE = 'application/vnd.ibm.powervm.pcm.json'


def handle_type(endpoint, request, cls, parent):
    """Answer with all objects of a type, or create one.

    :param cls: subclass of Resource
    :param parent: Resource, whose children are meant; None for all objects
    """
    if request.method == 'GET':
        return _feed(endpoint, request, _all(endpoint, cls, parent))
    if request.method == 'PUT':
        return _create(endpoint, request, cls, parent)
    found = endpoint.children(parent, cls.TYPE) if parent else ()
    if request.method == 'POST' and len(found) == 1:
        return handle_object(request, found[0])
    raise errors.NotAllowed('%s is not possible here' % request.method)


def check_master(resource):
    """Refuse a change of a system that another console may change only.

    Assumed, no hardware: IBM says that the master of a co-managed system
    alone may change it, but not how others are refused. What several systems
    share, and what is not configuration (files, the monitor), has no master.

    :param resource: Resource that is to change, or the parent of a new one
    :raises errors.Refused:
    """
    system = resource.host.system
    if (resource.SERVICE == 'uom' and
            resource.TYPE not in ('ManagementConsole', *endpoints.SHARED) and
            not system.spec['master']):
        raise errors.Refused('Another management console is the master of '
                             '%s. Only that one may change it' % system.name)


def handle_object(request, resource):
    """Answer with an object, change or delete it.

    :param resource: Resource
    """
    request.check_method('GET', 'POST', 'DELETE')
    if request.method == 'GET':
        if request.etag('If-None-Match') == resource.etag:
            return response.empty(304)
        return _answer(request, resource)
    if request.method not in resource.METHODS:
        raise errors.NotAllowed('%s is not possible for %s objects' % (
            request.method, resource.TYPE))
    check_master(resource)
    wanted = request.etag('If-Match')
    if wanted and wanted != resource.etag:
        raise errors.PreconditionFailed(
            '%s %s has changed: its etag is %s, not %s' % (
                resource.TYPE, resource.uuid, resource.etag, wanted))
    if request.method == 'DELETE':
        resource.host.remove(resource)
        return response.empty()
    groups = request.groups.intersection(resource.GROUPS)
    detail = resource.update(_document(request, type(resource)), groups)
    resource.touch(detail or '')
    return _answer(request, resource)


def handle_made(host, request, cls, path):
    """Answer with objects that are made when a client asks for them.

    :param cls: subclass of Resource with IS_MADE and FEED_TITLE
    :param path: list of str, what comes after the type in the URL
    """
    request.check_method('GET')
    if path:
        return response.Response(cls.content(host, '/'.join(path)),
                                 content_type=_SAMPLE_TYPE)
    href = host.base_url + request.path
    entries = cls.entries(host, href)
    if not entries:
        return response.empty()
    return response.xml(atom.feed(
        host.system.uuid, href, entries, host.site.clock.now(),
        titles=(cls.FEED_TITLE, 'ManagedSystem ' + host.system.uuid)))


def search(endpoint, request, cls, parent, path):
    """Answer with the objects of a type that a search finds.

    :param cls: subclass of Resource
    :param parent: Resource, whose children are meant; None for all objects
    :param path: list of str, what comes after ``search`` in the URL
    """
    match = _SEARCH.match('/'.join(path))
    if not match:
        raise errors.Refused('%s is not a search' % '/'.join(path))
    key, operator, value = match.groups()
    if key not in cls.SEARCH:
        raise errors.Refused('%s cannot be searched by %s' % (cls.TYPE, key))
    read = cls.SEARCH[key]
    return _feed(endpoint, request, [
        resource for resource in _all(endpoint, cls, parent)
        if (str(read(resource)) == value) == (operator == '==')])


def quick(request, resource, path):
    """Answer with one quick property of an object, or all, as JSON.

    :param resource: Resource
    :param path: list of str, what comes after ``quick`` in the URL
    """
    request.check_method('GET')
    if path in ([], ['All']):
        value = _quick_properties(resource)
    elif len(path) == 1 and path[0] in resource.QUICK:
        value = resource.QUICK[path[0]](resource)
    else:
        raise errors.NotFound('%s has no quick property %s' % (
            resource.TYPE, '/'.join(path)))
    return _json(value)


def quick_all(endpoint, request, cls, parent):
    """Answer with the quick properties of all objects of a type, as JSON.

    :param cls: subclass of Resource
    :param parent: Resource, whose children are meant; None for all objects
    """
    request.check_method('GET')
    found = _all(endpoint, cls, parent)
    if not found:
        return response.empty()
    return _json([_quick_properties(resource) for resource in found])


def _quick_properties(resource):
    return {name: read(resource) for name, read in resource.QUICK.items()}


def _json(value):
    return response.Response(json.dumps(value).encode(),
                             content_type='application/json; charset=UTF-8')


def _all(endpoint, cls, parent):
    """Return a list of the objects of a type, below a parent or anywhere."""
    return (endpoint.all(cls.TYPE) if parent is None else
            endpoint.children(parent, cls.TYPE))


def _create(endpoint, request, cls, parent):
    if 'PUT' not in cls.METHODS:
        raise errors.NotAllowed('%s objects cannot be created' % cls.TYPE)
    doc = _document(request, cls)
    if parent is None and 'ManagedSystem' in cls.PARENTS:
        parent = endpoint.system()
    host = cls.host_for(endpoint, doc) if parent is None else parent.host
    if parent is not None and cls.SERVICE == 'uom':
        check_master(parent)
    resource = cls.create(host, parent, doc)
    host.add(resource)
    return _answer(request, resource)


def _document(request, cls):
    """Parse the body of a request, which must be of the right type."""
    doc = atom.Document(request.body)
    if doc.name != cls.TYPE:
        raise errors.Refused('The request body is a %s, not a %s' % (
            doc.name, cls.TYPE))
    return doc


def _entry(request, resource):
    return atom.entry(
        resource.TYPE, resource.SERVICE, resource.document_for(
            request.endpoint, request.groups),
        resource.uuid, resource.href(request.group_query), resource.etag,
        resource.modified)


def _answer(request, resource):
    return response.xml(_entry(request, resource), etag=resource.etag)


def _feed(endpoint, request, found):
    if not found:
        return response.empty()
    href = endpoint.base_url + request.path
    if request.group_query is not None:
        href += '?group=' + request.group_query
    answer = response.xml(atom.feed(
        endpoint.hosts[0].new_uuid('feed', request.path), href,
        [_entry(request, resource) for resource in found],
        endpoint.site.clock.now()))
    answer.entries = len(found)
    return answer
