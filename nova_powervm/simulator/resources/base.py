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

"""What all REST objects have in common."""

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors


class Resource:
    """An object of the model with a URL of its own.

    Subclasses keep plain attributes and render them on demand. All methods
    are called with ``host.site.lock`` held.

    :param host: the host.Host that it belongs to
    :param uuid: str
    :param parent: the Resource that it hangs under, or None
    """

    #: The REST type: name in URLs and tag of the document.
    TYPE = None
    #: The service root: 'uom', 'web' or 'pcm'.
    SERVICE = 'uom'
    #: Name in URLs when it is not TYPE; may hold one '/'.
    URL_NAME = None
    #: Whether /rest/api/<service>/<TYPE> exists.
    ROOT = True
    #: Types whose URL this type may hang under.
    PARENTS = ()
    #: Search keys: name -> function of the resource.
    SEARCH = {}
    #: Quick properties: name -> function of the resource.
    QUICK = {}
    #: The extended attribute groups that change its document.
    GROUPS = ()
    #: Whether its objects are made when they are asked for, not kept: then it
    #: has the class methods entries() and content() of pcm.LongTermMonitor.
    IS_MADE = False
    #: Methods that clients may use beside GET.
    METHODS = ('PUT', 'POST', 'DELETE')

    def __init__(self, host, uuid, parent=None):
        self.host = host
        self.uuid = uuid
        self.parent = parent
        self.etag = host.next_etag()
        self.modified = host.site.clock.now()
        self._documents = {}

    def __repr__(self):
        return '<%s %s>' % (self.TYPE, self.uuid)

    def touch(self, detail='', event=True):
        """Give it a new etag because something in it changed.

        :param detail: str, comma list of what changed
        :param event: False to send no MODIFY_URI
        """
        self.etag = self.host.next_etag()
        self.modified = self.host.site.clock.now()
        self._documents.clear()
        if event:
            self.host.events.emit('MODIFY_URI', self.href(), detail)

    def path(self):
        """Return the canonical path of its URL.

        :returns: str such as /rest/api/uom/LogicalPartition/<uuid>
        """
        name = self.URL_NAME or self.TYPE
        if self.parent is None:
            return '/rest/api/%s/%s/%s' % (self.SERVICE, name, self.uuid)
        return '/rest/api/%s/%s/%s/%s/%s' % (
            self.SERVICE, self.parent.TYPE, self.parent.uuid, name, self.uuid)

    def href(self, group_query=None):
        """Return its absolute URL.

        :param group_query: str, the value of group= of the request, which a
                            SELF link must repeat; None for no group
        """
        url = self.host.base_url + self.path()
        return url if group_query is None else '%s?group=%s' % (url,
                                                                group_query)

    def document(self, groups):
        """Return its serialised document; cached until the next touch().

        :param groups: frozenset of group names
        :returns: bytes
        """
        groups = groups.intersection(self.GROUPS)
        cached = self._documents.get(groups)
        if cached is None:
            items = [atom.metadata(self.uuid)] + self.render(groups)
            cached = atom.document(self.TYPE, self.SERVICE, items)
            self._documents[groups] = cached
        return cached

    def document_for(self, endpoint, groups):
        """Return its document as a client sees it.

        :param endpoint: endpoint.Endpoint, as the user of the client sees it
        :param groups: frozenset of group names
        :returns: bytes
        """
        return self.document(groups)

    def render(self, groups):
        """Make the children of the root element, in schema order.

        The Metadata of the root is not among them: document() adds it.

        :param groups: frozenset of the names in GROUPS that were asked for
        :returns: list of elements (atom.el) and fragments (bytes)
        """
        raise NotImplementedError()

    @classmethod
    def host_for(cls, endpoint, doc):
        """Choose the host of a new object that has no parent.

        :param endpoint: endpoint.Endpoint
        :param doc: atom.Document, the PUT document
        :returns: host.Host
        :raises errors.RestError: to refuse
        """
        return endpoint.hosts[0]

    @classmethod
    def create(cls, host, parent, doc):
        """Make an object from a PUT document; host.add() comes after.

        :param parent: Resource, or None for a ROOT type without one
        :param doc: atom.Document
        :returns: Resource
        :raises errors.RestError: to refuse
        """
        raise errors.NotAllowed('%s objects cannot be created' % cls.TYPE)

    def update(self, doc, groups):
        """Apply a POST document; touch() comes after.

        :param doc: atom.Document
        :param groups: frozenset, as for render(): honour only those parts
        :returns: str detail for the event, or None
        :raises errors.RestError: to refuse; nothing must have changed then
        """
        raise errors.NotAllowed('%s objects cannot be changed' % self.TYPE)

    def remove(self):
        """Check and carry out what a DELETE means elsewhere.

        The host then takes the object, and all its children, out of the
        store. It is also called when the parent goes away; a refusal is
        ignored then.

        :raises errors.RestError: to refuse; nothing must have changed then
        """
        raise errors.NotAllowed('%s objects cannot be deleted' % self.TYPE)

    def state(self):
        """Return it as data for GET /simulator/state.

        :returns: dict fit for JSON, without anything volatile: no etags,
                  time stamps or counters
        """
        return {'uuid': self.uuid}
