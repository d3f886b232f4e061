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

"""The API of Cinder, version 3, on a stand-in for Cinder."""

import uuid

from werkzeug import exceptions

from nova_powervm.demo.apis import web


class Volume(web.Service):
    """The service, as far as the openstack client needs it for volumes.

    :param cinder: cinder.SanCinder
    """

    ROUTES = (
        ('GET', '/', 'show_versions'),
        ('GET', '/v3', 'show_versions'),
        ('POST', '/v3/<project_id>/volumes', 'create'),
        ('GET', '/v3/<project_id>/volumes/detail', 'list'),
        ('GET', '/v3/<project_id>/volumes/<volume_id>', 'show'),
    )

    def __init__(self, cinder):
        super().__init__()
        self._cinder = cinder
        #: ID of a volume -> its name.
        self._names = {}

    def show_versions(self, request):
        """Tell that there is version 3."""
        return {'versions': [{
            'id': 'v3.0', 'status': 'CURRENT', 'version': '3.70',
            'min_version': '3.0', 'links': [
                {'rel': 'self', 'href': request.host_url + 'v3/'}]}]}

    def create(self, request, project_id):
        """Create a volume."""
        wanted = request.json['volume']
        volume_id = str(uuid.uuid4())
        self._cinder.create(volume_id, wanted['size'])
        self._names[volume_id] = wanted['name']
        return web.reply({'volume': self._view(volume_id)}, 202)

    def list(self, request, project_id):
        """List volumes."""
        return {'volumes': [
            shown for shown in map(self._view, self._names)
            if web.matches(shown, request)]}

    def show(self, request, project_id, volume_id):
        """Show a volume."""
        if volume_id not in self._names:
            raise exceptions.NotFound('There is no volume %s.' % volume_id)
        return {'volume': self._view(volume_id)}

    def _view(self, volume_id):
        """A volume as Cinder shows it: dict."""
        found = self._cinder.fake_get(None, volume_id)
        return {
            'id': volume_id, 'name': self._names[volume_id],
            'size': found['size'], 'status': found['status'],
            'attachments': [
                {'server_id': server_id, 'volume_id': volume_id,
                 'attachment_id': attachment['attachment_id'],
                 'device': attachment['mountpoint']}
                for server_id, attachment in
                found.get('attachments', {}).items()]}
