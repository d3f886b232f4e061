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

"""A Keystone with one user and one project: tokens, and the catalog."""

import datetime
import secrets

from werkzeug import exceptions

from nova_powervm.demo.apis import web

USER = PROJECT = 'admin'
DOMAIN = {'id': 'default', 'name': 'Default'}
REGION = 'RegionOne'
LIFETIME = datetime.timedelta(days=1)


class Identity(web.Service):
    """The service; others trust whoever reaches them.

    :param project_id: str, of the one project
    :ivar password: str, of the one user
    :ivar endpoints: dict of type of a service -> URL
    """

    ROUTES = (
        ('GET', '/', 'show_versions'),
        ('GET', '/v3', 'show_version'),
        ('POST', '/v3/auth/tokens', 'create_token'),
        ('GET', '/v3/auth/catalog', 'show_catalog'),
        ('GET', '/v3/projects', 'list_projects'),
        ('GET', '/v3/projects/<project_id>', 'show_project'),
    )

    def __init__(self, project_id):
        super().__init__()
        self._project = {'id': project_id, 'name': PROJECT, 'enabled': True,
                         'domain_id': DOMAIN['id'], 'description': ''}
        self.password = secrets.token_hex(8)
        self.endpoints = {}

    @staticmethod
    def _version(request):
        return {'id': 'v3.14', 'status': 'stable', 'links': [
            {'rel': 'self', 'href': request.host_url + 'v3/'}]}

    def show_versions(self, request):
        """Tell that there is version 3."""
        return {'versions': {'values': [self._version(request)]}}

    def show_version(self, request):
        """Tell of version 3."""
        return {'version': self._version(request)}

    def create_token(self, request):
        """Log the user on.

        :raises werkzeug.exceptions.HTTPException: 401 if it is another user,
            or the password is wrong
        """
        try:
            user = request.json['auth']['identity']['password']['user']
            is_right = (user['name'], user['password']) == (
                USER, self.password)
        except (KeyError, TypeError):
            is_right = False
        if not is_right:
            raise exceptions.Unauthorized('There is only the user %s, with '
                                          'the password of clouds.yaml.' %
                                          USER)
        now = datetime.datetime.now(datetime.timezone.utc)
        return web.reply({'token': {
            'methods': ['password'], 'issued_at': _time(now),
            'expires_at': _time(now + LIFETIME),
            'user': {'id': USER, 'name': USER, 'domain': DOMAIN,
                     'password_expires_at': None},
            'project': {'id': self._project['id'], 'name': PROJECT,
                        'domain': DOMAIN},
            'is_domain': False, 'roles': [{'id': 'admin', 'name': 'admin'}],
            'catalog': self._catalog()}}, 201,
            {'X-Subject-Token': secrets.token_hex(16)})

    def _catalog(self):
        return [{'id': service, 'type': service, 'name': service,
                 'endpoints': _endpoints(service, url)}
                for service, url in self.endpoints.items()]

    def show_catalog(self, request):
        """List the services."""
        return {'catalog': self._catalog(), 'links': {}}

    def list_projects(self, request):
        """List the one project."""
        return {'projects': [project for project in [self._project]
                             if web.matches(project, request)], 'links': {}}

    def show_project(self, request, project_id):
        """Show the one project."""
        if project_id != self._project['id']:
            raise exceptions.NotFound('There is no project %s.' % project_id)
        return {'project': self._project}


def _time(moment):
    return moment.strftime('%Y-%m-%dT%H:%M:%S.%fZ')


def _endpoints(service, url):
    """The endpoints of a service, which are all the same: list of dict."""
    return [{'id': '%s-%s' % (service, interface), 'interface': interface,
             'region': REGION, 'region_id': REGION, 'url': url}
            for interface in ('public', 'internal', 'admin')]
