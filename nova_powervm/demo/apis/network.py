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


class Network(web.Collections):
    """The service.

    :param neutron: demo.cloud.stand_ins.Networks
    """

    ROUTES = web.collection_routes('v2.0')
    VERSION = ('v2.0', 'v2.0')
    KINDS = {'networks': 'network', 'subnets': 'subnet', 'ports': 'port',
             'security-groups': 'security_group', 'agents': 'agent',
             'extensions': 'extension'}
    CHANGED = ('networks', 'subnets', 'ports')

    def __init__(self, neutron):
        super().__init__()
        self._neutron = neutron

    def items(self, kind):
        name = kind.replace('-', '_')
        read = getattr(self._neutron, 'list_' + name)
        return (read(True) if kind == 'ports' else read())[name]

    def create_item(self, kind, body):
        network_id = body[self.KINDS[kind]].get('network_id')
        if network_id is not None:
            self.find('networks', network_id)
        return getattr(self._neutron, 'create_' + self.KINDS[kind])(body)

    def delete_item(self, kind, item_id):
        if kind == 'networks' and any(port['network_id'] == item_id
                                      for port in self.items('ports')):
            raise exceptions.Conflict('There are ports on network %s.' %
                                      item_id)
        getattr(self._neutron, 'delete_' + self.KINDS[kind])(item_id)
