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

"""What lets a functional test class of Nova run on our driver."""

import copy
import unittest

import fixtures as fx
from nova.tests import fixtures as nova_fixtures
from nova.virt import fake as nova_fake

from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests import fixtures as pvm_fixtures
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.functional.parity import exclusions
from nova_powervm.tests.functional import test_volumes
from nova_powervm.virt.powervm import driver

NOVA_PACKAGE = 'nova.tests.functional.'
#: The image that a test asks for because no driver here can use it.
VHD_IMAGE = 'a440c04b-79fa-479c-bed1-0b816eaec379'
#: Nova's classes start this many compute services at most.
HOSTS = 3
#: Flavors of Nova's tests have memory of multiples of this; 16 MB is the
#: smallest region that real machines can be set to.
MEMORY_REGION_MB = 16
WWPN = '10000090FA1B%04X'


class GlanceFixture(func_fixtures.GlanceFixture):
    """Images that a PowerVM host can use, but for one of a foreign format."""

    def create(self, context, metadata, data=None):
        image = super().create(context, metadata, data)
        if image['id'] == VHD_IMAGE:
            self.images[VHD_IMAGE].update(disk_format='vhd')
        return image


class ParityMixin(base.SimulatedPlatformMixin):
    """Run a test class of Nova on our driver; comes before it in the bases.

    What a test patches in nova.virt.fake.FakeDriver, it patches in our
    driver.
    """

    # Nova takes snapshots: the management partition can read the disks.
    PROFILE = 'mgmt-vios'

    def _prepare_platform(self):
        super()._prepare_platform()
        for name, replacement in (('GlanceFixture', GlanceFixture),
                                  ('CinderFixture', test_volumes.SanCinder)):
            self.useFixture(fx.MockPatchObject(
                nova_fixtures, name, replacement))
        self.useFixture(fx.MockPatchObject(
            nova_fake, 'FakeDriver', driver.PowerVMDriver))
        # Some tests end while a server is built, which takes the fake driver
        # no time. As in production a service that stops waits for that.
        self.flags(manager_shutdown_timeout=60)

    def _start_site(self):
        """Start a site of hosts that differ in nothing but their names."""
        profile = sim_profile.load(self.PROFILE)
        model = profile['hosts'][0]
        model['system']['memory_region_mb'] = MEMORY_REGION_MB
        profile['hosts'] = [
            dict(copy.deepcopy(model), name='server%d' % number)
            for number in range(1, HOSTS + 1)]
        vioses = [vios for host in profile['hosts']
                  for vios in host['vioses']]
        for number, vios in enumerate(vioses):
            vios['fc_ports'] = [{'name': 'fcs0', 'wwpn': WWPN % number,
                                 'total_ports': 64}]
        return self.useFixture(pvm_fixtures.SimulatedSite(
            profile=profile, **self.TIMING)).site

    def _configure_driver(self):
        super()._configure_driver()
        self.flags(management_root=self.site.hosts[0].management_root,
                   group='powervm')


def on_powervm(module, nova_classes):
    """Make test classes that run those of Nova on our driver.

    Excluded tests are skipped, with the reason.

    :param module: str, name of the module that is to contain them.
    :param nova_classes: list of test classes of Nova.
    :returns: {name: class}, to be put into the module.
    """
    return {nova_class.__name__: _subclass(module, nova_class)
            for nova_class in nova_classes}


def _subclass(module, nova_class):
    namespace = {'__module__': module, '__doc__': nova_class.__doc__}
    prefix = '%s.%s.' % (nova_class.__module__[len(NOVA_PACKAGE):],
                         nova_class.__name__)
    for test, reason in exclusions.EXCLUSIONS.items():
        if test.startswith(prefix):
            name = test[len(prefix):]
            namespace[name] = unittest.skip(reason)(getattr(nova_class, name))
    return type(nova_class)(nova_class.__name__, (ParityMixin, nova_class),
                            namespace)
