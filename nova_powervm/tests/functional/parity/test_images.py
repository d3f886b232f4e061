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

"""Nova's tests of snapshots and of cached images, on our driver."""

import fixtures as fx
from nova import context as nova_context
from nova.image import glance
from nova.tests.functional.compute import test_cache_image
from nova.tests.functional import test_images

from nova_powervm.tests.functional.parity import mixin
from nova_powervm.virt.powervm.disk import image as powervm_image
from nova_powervm.virt.powervm.disk import imagecache
from nova_powervm.virt.powervm import driver

#: The image that Nova's test has cached, without a Glance to have it.
IMAGE = 'an-image'


class WithGlance(mixin.OnVolumeGroup):
    """Glance has the image, and each driver tells whether its host has it."""

    def _prepare_platform(self):
        super()._prepare_platform()
        service = self.useFixture(mixin.GlanceFixture(self))
        service.create(None, dict(service.image1, id=IMAGE))

        def cached_images(driver_):
            name = imagecache.disk_name(powervm_image.Image.from_glance(
                glance.API(), nova_context.get_admin_context(), IMAGE))
            host = self.simulated_host(driver_.nodename)
            return {IMAGE for vios in host.store.all('VirtualIOServer')
                    for group in vios.volume_groups if name in group.disks}

        self.useFixture(fx.MockPatchObject(
            driver.PowerVMDriver, 'cached_images', property(cached_images),
            create=True))


class WithoutHashes(mixin.OnVolumeGroup):
    """Nobody looks at the bytes of images, which are several GiB long."""

    def _prepare_platform(self):
        super()._prepare_platform()
        self.useFixture(fx.MockPatchObject(
            mixin.GlanceFixture, 'hashes_uploads', False))


globals().update(mixin.on_powervm(
    __name__, [test_images.ImagesTest], WithoutHashes))
globals().update(mixin.on_powervm(
    __name__, [test_cache_image.ImageCacheTest], WithGlance))
