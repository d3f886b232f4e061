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

from werkzeug import wsgi as werkzeug_wsgi

from nova_powervm.demo.apis import web

#: What has a field of its own; all else is a property.
FIELDS = frozenset((
    'id', 'name', 'status', 'visibility', 'protected', 'tags', 'disk_format',
    'container_format', 'size', 'checksum', 'os_hash_algo', 'os_hash_value',
    'min_disk', 'min_ram', 'created_at', 'updated_at'))
TIMES = ('created_at', 'updated_at')


class Image(web.Collections):
    """The service.

    :param glance: demo.cloud.stand_ins.Images
    """

    ROUTES = (*web.collection_routes('v2'),
              ('GET', '/versions', 'show_versions'),
              ('PUT', '/v2/images/<image_id>/file', 'upload'))
    VERSION = ('v2.9', 'v2')
    KINDS = {'images': 'image'}
    CHANGED = ('images',)

    def __init__(self, glance):
        super().__init__()
        self._glance = glance

    def items(self, kind):
        return [_view(image) for image in self._glance.detail(None)]

    def show_item(self, kind, item):
        return item

    def list(self, request, kind):
        """List images; ``id=in:`` asks for several."""
        listed = super().list(request, kind)
        wanted = request.args.get('id', '')
        if wanted.startswith('in:'):
            ids = wanted.removeprefix('in:').split(',')
            listed['images'] = [image for image in self.items(kind)
                                if image['id'] in ids]
        return dict(listed, schema='/v2/schemas/images', first='/v2/images')

    def create_item(self, kind, body):
        """Create an image that has no content yet."""
        fields = {name: body[name] for name in FIELDS & body.keys()}
        properties = {name: body[name] for name in body.keys() - FIELDS}
        return _view(self._glance.create(
            None, dict(fields, properties=properties)))

    def delete_item(self, kind, item_id):
        self._glance.delete(None, item_id)

    def upload(self, request, image_id):
        """Fill an image."""
        self.find('images', image_id)
        self._glance.update(None, image_id, {},
                            werkzeug_wsgi.get_input_stream(request.environ))
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
