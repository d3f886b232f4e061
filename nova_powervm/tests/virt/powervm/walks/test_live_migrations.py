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

"""Walks over live migrations: there, and back again."""

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import live_migrations
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import walk

CONF = cfg.CONF


def there_and_back(host, least, least_back, **kwargs):
    """A server moves live, and moves back; one host's requests break."""
    return [[
        walk.Step(live_migrations.live_migrate(ops.TARGET, **kwargs), least,
                  host),
        walk.Step(live_migrations.live_migrate(ops.SOURCE, **kwargs),
                  least_back, host)]]


@case.walks(kills=True)
class BareTest(case.DriverCase):
    """Without config drive: all of it arrives."""

    PLATFORM = platforms.TWO_POOL
    CYCLES = there_and_back(ops.SOURCE, 5, 2)
    SERVER = {}

    def setUp(self):
        super().setUp()
        CONF.set_override('force_config_drive', False)
        self.addCleanup(CONF.set_override, 'force_config_drive', True)


@case.walks(is_variant=True)
class ConfigDriveTest(case.DriverCase):
    """The config drive may be lost."""

    PLATFORM = platforms.TWO_POOL
    CYCLES = there_and_back(ops.SOURCE, 9, 8, has_drive=True)
    SERVER = {}


class VolumesMixin:
    """A server that boots from a volume, without config drive."""

    PLATFORM = platforms.TWO_VSCSI
    SERVER = {'volumes': (1,), 'boots': True}

    def setUp(self):
        super().setUp()
        CONF.set_override('force_config_drive', False)
        self.addCleanup(CONF.set_override, 'force_config_drive', True)


@case.walks(kills=True)
class VscsiSourceTest(VolumesMixin, case.DriverCase):
    """The platform maps the volumes, and the source forgets them."""

    CYCLES = there_and_back(ops.SOURCE, 9, 5)


@case.walks(kills=True)
class VscsiTargetTest(VolumesMixin, case.DriverCase):
    """The target looks for the volumes first."""

    CYCLES = there_and_back(ops.TARGET, 5, 9)


@case.walks(kills=True)
class NpivSourceTest(VolumesMixin, case.DriverCase):
    """The adapters get other ports, and use their other WWPNs."""

    PLATFORM = platforms.TWO_NPIV
    CYCLES = there_and_back(ops.SOURCE, 5, 2)


@case.walks(kills=True)
class NpivTargetTest(NpivSourceTest):
    CYCLES = there_and_back(ops.TARGET, 2, 5)
