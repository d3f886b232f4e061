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

"""The cloud of scenarios, and what a user of Nova asks of it."""

import contextlib
import types

import fixtures as fx
from nova.compute import task_states
from nova.compute import utils as compute_utils
from nova.compute import vm_states
from nova import objects

from nova_powervm.tests.virt.powervm.walks import api as walk_api
from nova_powervm.tests.virt.powervm.walks import cloud as walk_cloud

# The walks leave that out while a cloud of theirs is up.
_add_fault = compute_utils.add_instance_fault_from_exc


class Cloud(walk_cloud.Cloud):
    """A cloud that keeps what went wrong, as Nova does.

    :ivar api: what the stand-in for Cinder tells Nova through
    :param platform: platforms.Platform
    :param timing: dict, overrides of the timing of the site
    :param prepare: called with the cloud before its computes start
    """

    def __init__(self, platform, timing, prepare):
        super().__init__(platform)
        self.timing = dict(self.timing, **timing)
        self.api = types.SimpleNamespace(
            create_server_external_events=lambda _events: None)
        self._prepare = prepare
        self._now_on = None

    def configure(self):
        super().configure()
        self.useFixture(fx.MonkeyPatch(
            'nova.compute.utils.add_instance_fault_from_exc', _add_fault))
        self._prepare(self)

    @contextlib.contextmanager
    def on(self, name):
        if self._now_on == name:
            # Threads of the test may be there, too.
            yield
            return
        before, self._now_on = self._now_on, name
        try:
            with super().on(name):
                yield
        finally:
            self._now_on = before
        if before is not None:
            with super().on(before):
                """Set the options of the other process again."""


class API(walk_api.API):
    """Nova's API and conductor, as far as scenarios need them."""

    def image_number(self, image_id):
        """The number that the walks have for an image."""
        if image_id not in self.cloud.images:
            self.cloud.images.append(image_id)
        return self.cloud.images.index(image_id)

    def _image(self, number):
        if number is None:
            return {}
        found = self.cloud.glance.show(self.context, self.cloud.images[number])
        # An image of a server may lack the last two.
        return dict({'min_ram': 0, 'min_disk': 0}, **{
            key: found[key] for key in (
                'id', 'name', 'status', 'size', 'disk_format',
                'container_format', 'properties', 'min_ram', 'min_disk')
            if key in found})

    def rescue(self, server, image=None):
        if image is not None:
            return super().rescue(server, image)
        return self._call(
            server, task_states.RESCUING, 'rescue_instance',
            rescue_password=None, rescue_image_ref=None, clean_shutdown=True)

    def rebuild(self, server, image=0):
        instance = server.read()
        failure = super().rebuild(server, image)
        if not instance.image_ref:
            # It boots from a volume: Nova keeps that it has no image.
            instance = server.read()
            instance.image_ref = ''
            instance.save()
        return failure

    def shelve(self, server):
        """Take a server off its host; its disk becomes an image."""
        instance = server.read()
        instance.system_metadata['image_base_image_ref'] = instance.image_ref
        instance.save()
        if compute_utils.is_volume_backed_instance(self.context, instance):
            return self._call(server, task_states.SHELVING,
                              'shelve_offload_instance',
                              clean_shutdown=True, accel_uuids=[])
        image = self.create_image(instance, 'shelved')
        return self._call(
            server, task_states.SHELVING, 'shelve_instance',
            image_id=image['id'], clean_shutdown=True, accel_uuids=[])

    def create_image(self, instance, name):
        """Make the image, without content, that a server is written to."""
        return compute_utils.create_image(
            self.context, instance, name, 'snapshot',
            self.cloud.compute(instance.host).image_api)

    def unshelve(self, server, host='compute1'):
        """Make a shelved server again, on a host."""
        instance = server.read()
        assert instance.vm_state == vm_states.SHELVED_OFFLOADED
        instance.task_state = task_states.UNSHELVING
        instance.save(expected_task_state=[None])
        image_id = instance.system_metadata.get('shelved_image_id')
        image = image_id and self._image(self.image_number(image_id))
        return self.cloud.call(
            host, 'unshelve_instance', instance, image=image,
            filter_properties={}, node=host,
            request_spec=objects.RequestSpec(requested_resources=[]),
            accel_uuids=[])
