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

"""All services of a cloud, and the file that leads the client to them."""

import contextlib
import json
import os

from nova_powervm.demo.apis import identity
from nova_powervm.demo.apis import image
from nova_powervm.demo.apis import network
from nova_powervm.demo.apis import web

#: The name of the cloud in clouds.yaml.
CLOUD = 'nova-powervm'


class Catalog:
    """Serves all services of a cloud; a context manager.

    :param nova: the WSGI application of Nova's API, without Keystone's
        middleware
    :param project_id: str, of the administrator
    :param glance: demo.cloud.stand_ins.Images
    :param neutron: demo.cloud.stand_ins.Networks
    :param others: dict of type of a service -> (web.Service, path of its
        endpoint)
    """

    def __init__(self, nova, project_id, glance, neutron, others=None):
        self._identity = identity.Identity(project_id)
        self._services = dict({
            'compute': (_Administrator(nova, project_id), '/v2.1'),
            'image': (image.Image(glance), ''),
            'network': (network.Network(neutron), ''),
            'identity': (self._identity, '/v3')}, **(others or {}))
        self._exit = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for service, (app, path) in self._services.items():
                server = stack.enter_context(web.Server(app, service))
                self._identity.endpoints[service] = server.url + path
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *exc_info):
        self._exit.close()

    def url(self, service):
        """The URL of a service, str.

        :param service: str, its type, such as compute
        """
        return self._identity.endpoints[service]

    def write_clouds(self, folder):
        """Write a clouds.yaml that the openstack client can use.

        :param folder: str, path
        :returns: str, the path of the file
        """
        path = os.path.join(folder, 'clouds.yaml')
        with open(path, 'w', encoding='utf-8') as clouds:
            # JSON is YAML.
            json.dump({'clouds': {CLOUD: {
                'region_name': identity.REGION, 'auth': {
                    'auth_url': self.url('identity'),
                    'username': identity.USER,
                    'password': self._identity.password,
                    'project_name': identity.PROJECT,
                    'user_domain_name': identity.DOMAIN['name'],
                    'project_domain_name': identity.DOMAIN['name'],
                }}}}, clouds, indent=2)
            clouds.write('\n')
        return path


class _Administrator:
    """Makes each request to an application one of the administrator.

    :param app: the WSGI application
    :param project_id: str
    """

    def __init__(self, app, project_id):
        self._app = app
        self._identity = {
            'HTTP_X_AUTH_USER': identity.USER,
            'HTTP_X_USER_ID': identity.USER,
            'HTTP_X_AUTH_PROJECT_ID': project_id,
            'HTTP_X_ROLES': 'reader,member,admin'}

    def __call__(self, environ, start_response):
        return self._app(dict(environ, **self._identity), start_response)
