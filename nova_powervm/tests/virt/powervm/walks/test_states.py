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

"""Operations in prior states, while something goes wrong: see pairs."""

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import known
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import pairs
from nova_powervm.tests.virt.powervm.walks import row as walk_row
from nova_powervm.tests.virt.powervm.walks import states

CONF = cfg.CONF
#: Of volumes, which a swap copies, GiB.
_SMALL = 1 / 64


class StatesCase(case.DriverCase):
    """The rows of one platform share a cloud."""

    _warm = None
    _is_tidy = False

    def setUp(self):
        super().setUp()
        CONF.set_override('resume_guests_state_on_host_boot', True)
        if type(self)._warm is not self.cloud:
            type(self)._is_tidy = False
            self._make_volumes()
            states.make_repositories(self.cloud.site)
            self._warm_up()
            type(self)._warm = self.cloud

    def _warm_up(self):
        """Let each image that is used be cached."""
        for image in pairs.images_of(self.PLATFORM.name):
            self.scene.create(image=image)
            ops.delete_for_good(self.scene)

    def _make_volumes(self):
        """Make volumes that are small, in the place of any."""
        if self.PLATFORM.profile.startswith('fc'):
            for volume in list(self.cloud.site.san.volumes):
                self.cloud.site.san.delete_volume(volume)
            ops.make_small_volumes(self.scene, _SMALL)

    def run_row(self, row):
        type(self)._is_tidy = False
        running = walk_row.Row(self.scene, row)
        running.run()
        type(self)._is_tidy = running.is_tidy
        if running.is_tidy:
            self._make_volumes()
        story = '\n'.join([self.scene.story] + running.failures)
        whys = known.explain(row.name, running.failures)
        if whys is None:
            self.fail(story)
        if whys:
            self.expectFailure('; '.join(sorted(set(whys))), self.fail, story)
        self.assertEqual([], known.find(row.name),
                         'It does not fail any more')
        if row.is_plain:
            self.assertTrue(running.hit, 'Nothing has gone wrong: are the '
                            'counts those of today?')

    @classmethod
    def _end_cloud(cls):
        """Keep the cloud if only things of others are not as they were."""
        if not cls._is_tidy:
            super()._end_cloud()

    @classmethod
    def tearDownClass(cls):
        cls._is_tidy = False
        super().tearDownClass()


def _add_rows():
    for name, platform in {**pairs.PLATFORMS, **pairs.PORT_PLATFORMS}.items():
        cls = type(name.capitalize() + 'Test', (StatesCase,), {
            'PLATFORM': platform, '__module__': __name__})
        for row in pairs.rows() + pairs.port_rows():
            if row.platform == name:
                setattr(cls, 'test_' + row.name, _make_test(row))
        globals()[cls.__name__] = cls


def _make_test(row):
    return lambda self: self.run_row(row)


_add_rows()
