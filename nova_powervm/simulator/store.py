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

"""Where the REST objects of a host are kept."""

from nova_powervm.simulator import errors


class Store:
    """The objects of one host, by type, UUID and parent."""

    def __init__(self):
        self._by_type = {}
        self._children = {}

    def add(self, resource):
        """Put a resource in.

        :raises errors.Conflict: when type and UUID are taken
        """
        objects = self._by_type.setdefault(resource.TYPE, {})
        key = resource.uuid.upper()
        if key in objects:
            raise errors.Conflict('A %s with UUID %s already exists' % (
                resource.TYPE, resource.uuid))
        objects[key] = resource
        if resource.parent is not None:
            self._siblings(resource.parent, resource.TYPE)[key] = resource

    def remove(self, resource):
        """Take a resource out; nothing happens when it is not in."""
        key = resource.uuid.upper()
        self._by_type.get(resource.TYPE, {}).pop(key, None)
        if resource.parent is not None:
            self._siblings(resource.parent, resource.TYPE).pop(key, None)
        for place in [p for p in self._children if p[:2] == (
                resource.TYPE, key)]:
            del self._children[place]

    def _siblings(self, parent, type_):
        return self._children.setdefault(
            (parent.TYPE, parent.uuid.upper(), type_), {})

    def get(self, type_, uuid):
        """Find a resource; the case of the UUID does not matter.

        :raises errors.NotFound:
        """
        try:
            return self._by_type[type_][uuid.upper()]
        except KeyError:
            raise errors.NotFound('There is no %s with UUID %s' % (
                type_, uuid))

    def find(self, type_, uuid):
        """Find a resource, or return None."""
        return self._by_type.get(type_, {}).get(uuid.upper())

    def all(self, type_):
        """Return a list of all resources of a type, oldest first."""
        return list(self._by_type.get(type_, {}).values())

    def children(self, parent, type_):
        """Return a list of the resources of a type below a parent."""
        place = (parent.TYPE, parent.uuid.upper(), type_)
        return list(self._children.get(place, {}).values())

    def all_children(self, parent):
        """Return a list of everything directly below a parent."""
        place = (parent.TYPE, parent.uuid.upper())
        return [child for key, siblings in self._children.items()
                if key[:2] == place for child in siblings.values()]

    def types(self):
        """Return the list of the types that have objects."""
        return [name for name, objects in self._by_type.items() if objects]
