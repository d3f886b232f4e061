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

"""The API of Neutron, version 2.0, on a stand-in for Neutron."""

from werkzeug import exceptions

from nova_powervm.demo.apis import web

#: What can be listed, and the name of one.
KINDS = {'networks': 'network', 'subnets': 'subnet', 'ports': 'port',
         'security-groups': 'security_group', 'agents': 'agent',
         'extensions': 'extension'}
#: What can be created and deleted.
CHANGED = ('networks', 'subnets', 'ports')


class Network(web.Service):
    """The service.

    :param neutron: demo.cloud.stand_ins.Networks
    """

    ROUTES = (
        ('GET', '/', 'show_versions'),
        ('GET', '/v2.0/<kind>', 'list'),
        ('POST', '/v2.0/<kind>', 'create'),
        ('GET', '/v2.0/<kind>/<item_id>', 'show'),
        ('DELETE', '/v2.0/<kind>/<item_id>', 'delete'),
    )

    def __init__(self, neutron):
        super().__init__()
        self._neutron = neutron

    def show_versions(self, request):
        """Tell that there is version 2.0."""
        return {'versions': [{'id': 'v2.0', 'status': 'CURRENT', 'links': [
            {'rel': 'self', 'href': request.host_url + 'v2.0/'}]}]}

    def _items(self, kind):
        """All of a kind: list of dict.

        :raises werkzeug.exceptions.NotFound: if there is no such kind
        """
        if kind not in KINDS:
            raise exceptions.NotFound('There are no %s here.' % kind)
        name = kind.replace('-', '_')
        read = getattr(self._neutron, 'list_' + name)
        return (read(True) if kind == 'ports' else read())[name]

    def _find(self, kind, item_id):
        key = 'alias' if kind == 'extensions' else 'id'
        for item in self._items(kind):
            if item[key] == item_id:
                return item
        raise exceptions.NotFound('There is no %s %s.' % (
            KINDS[kind], item_id))

    def list(self, request, kind):
        """List what has the fields of the query."""
        return {kind.replace('-', '_'): [
            item for item in self._items(kind) if web.matches(item, request)]}

    def show(self, request, kind, item_id):
        """Show one."""
        return {KINDS[kind]: self._find(kind, item_id)}

    def create(self, request, kind):
        """Create a network, a subnet or a port."""
        self._check_changed(kind)
        network_id = request.json[KINDS[kind]].get('network_id')
        if network_id is not None:
            self._find('networks', network_id)
        create = getattr(self._neutron, 'create_' + KINDS[kind])
        return web.reply(create(request.json), 201)

    def delete(self, request, kind, item_id):
        """Delete a network, a subnet or a port."""
        self._check_changed(kind)
        self._find(kind, item_id)
        if kind == 'networks' and any(port['network_id'] == item_id
                                      for port in self._items('ports')):
            raise exceptions.Conflict('There are ports on network %s.' %
                                      item_id)
        getattr(self._neutron, 'delete_' + KINDS[kind])(item_id)
        return web.reply(None, 204)

    @staticmethod
    def _check_changed(kind):
        if kind not in CHANGED:
            raise exceptions.MethodNotAllowed(
                ['GET'], 'The demo cannot change %s.' % kind)
