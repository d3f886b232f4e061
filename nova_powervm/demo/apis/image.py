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

"""The API of Glance, version 2, on a stand-in for Glance."""

from nova import exception
from werkzeug import exceptions
from werkzeug import wsgi as werkzeug_wsgi

from nova_powervm.demo.apis import web

#: What has a field of its own; all else is a property.
FIELDS = frozenset((
    'id', 'name', 'status', 'visibility', 'protected', 'tags', 'disk_format',
    'container_format', 'size', 'checksum', 'os_hash_algo', 'os_hash_value',
    'min_disk', 'min_ram', 'created_at', 'updated_at'))
TIMES = ('created_at', 'updated_at')


class Image(web.Service):
    """The service.

    :param glance: demo.cloud.stand_ins.Images
    """

    ROUTES = (
        ('GET', '/', 'show_versions'),
        ('GET', '/versions', 'show_versions'),
        ('GET', '/v2/images', 'list'),
        ('POST', '/v2/images', 'create'),
        ('GET', '/v2/images/<image_id>', 'show'),
        ('DELETE', '/v2/images/<image_id>', 'delete'),
        ('PUT', '/v2/images/<image_id>/file', 'upload'),
    )

    def __init__(self, glance):
        super().__init__()
        self._glance = glance

    def show_versions(self, request):
        """Tell that there is version 2."""
        return {'versions': [{'id': 'v2.9', 'status': 'CURRENT', 'links': [
            {'rel': 'self', 'href': request.host_url + 'v2/'}]}]}

    def _find(self, image_id):
        try:
            return self._glance.show(None, image_id)
        except exception.ImageNotFound:
            raise exceptions.NotFound('There is no image %s.' % image_id)

    def list(self, request):
        """List images; ``id=in:`` asks for several."""
        wanted = request.args.get('id', '')
        ids = wanted.removeprefix('in:').split(',') if wanted else None
        shown = [_view(image) for image in self._glance.detail(None)
                 if ids is None or image['id'] in ids]
        return {'schema': '/v2/schemas/images', 'first': '/v2/images',
                'images': [image for image in shown if ids or
                           web.matches(image, request)]}

    def show(self, request, image_id):
        """Show an image."""
        return _view(self._find(image_id))

    def create(self, request):
        """Create an image that has no content yet."""
        wanted = request.json
        fields = {name: wanted[name] for name in FIELDS & wanted.keys()}
        properties = {name: wanted[name] for name in wanted.keys() - FIELDS}
        return web.reply(_view(self._glance.create(
            None, dict(fields, properties=properties))), 201)

    def upload(self, request, image_id):
        """Fill an image."""
        self._find(image_id)
        self._glance.update(None, image_id, {},
                            werkzeug_wsgi.get_input_stream(request.environ))
        return web.reply(None, 204)

    def delete(self, request, image_id):
        """Delete an image."""
        self._find(image_id)
        self._glance.delete(None, image_id)
        return web.reply(None, 204)


def _view(image):
    """An image as Glance shows it: dict."""
    shown = {name: image.get(name) for name in FIELDS}
    for name in TIMES:
        shown[name] = image[name].strftime('%Y-%m-%dT%H:%M:%SZ')
    shown.update(image['properties'])
    path = '/v2/images/' + image['id']
    return dict(shown, self=path, file=path + '/file', owner=None,
                schema='/v2/schemas/image')
