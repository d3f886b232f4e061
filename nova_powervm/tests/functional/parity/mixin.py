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
from nova.tests.functional.api import client as api_client
from nova.tests.functional import fixtures as nova_func_fixtures
from nova.virt import fake as nova_fake
from pypowervm.utils import lpar_builder

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import cinder
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.functional.parity import exclusions
from nova_powervm.tests.functional import platforms
from nova_powervm.virt.powervm import driver

NOVA_PACKAGE = 'nova.tests.functional.'
#: The image that a test asks for because no driver here can use it.
VHD_IMAGE = 'a440c04b-79fa-479c-bed1-0b816eaec379'
#: Nova's classes start this many compute services at most.
HOSTS = 6
#: Nova's tests have flavors of 64 MB. The smallest memory region that real
#: machines can be set to is 16 MB; an LPAR that small is for tests only.
MEMORY_REGION_MB = 16
WWPN = '10000090FA1B%04X'
#: Nova's tests wait 5 seconds for most things, which the fake driver does in
#: no time. Here they wait this many times longer before they fail.
PATIENCE = 12


class GlanceFixture(func_fixtures.GlanceFixture):
    """Images that a PowerVM host can use, but for one of a foreign format."""

    def setUp(self):
        super().setUp()
        # SanCinder looks for it there, where not all of Nova's classes put it.
        self.test.glance = self

    def create(self, context, metadata, data=None):
        image = super().create(context, metadata, data)
        if image['id'] == VHD_IMAGE:
            self.images[VHD_IMAGE].update(disk_format='vhd')
        return image


class PlacementApiClient(nova_func_fixtures.PlacementApiClient):
    """Tells only what is used: no test of Nova expects PCPU of FakeDriver."""

    def get(self, url, **kwargs):
        response = super().get(url, **kwargs)
        usages = response.body.get('usages') if response.body else None
        if usages and usages.get('PCPU') == 0:
            del usages['PCPU']
        return response


class NotificationFixture(nova_fixtures.NotificationFixture):
    """Waits as long as it takes here."""

    def wait_for_versioned_notifications(self, event_type, n_events=1,
                                         timeout=10.0):
        return super().wait_for_versioned_notifications(
            event_type, n_events, timeout * PATIENCE)


def _post_server_action(client, server_id, data, **kwargs):
    """Ask for an action, and for no copies of disks in a live migration.

    PowerVM copies none, and refuses to. For Nova's tests it makes no
    difference.
    """
    wanted = data.get('os-migrateLive')
    if wanted and wanted.get('block_migration') is True:
        data = {'os-migrateLive': dict(wanted, block_migration='auto')}
    return client.api_post('/servers/%s/action' % server_id, data,
                           **kwargs).body


class _ParityMixin(base.SimulatedPlatformMixin):
    """Run a test class of Nova on our driver; comes before it in the bases.

    What a test patches in nova.virt.fake.FakeDriver, it patches in our
    driver.
    """

    def _prepare_platform(self):
        super()._prepare_platform()
        for where, name, replacement in (
                (nova_fixtures, 'GlanceFixture', GlanceFixture),
                (nova_fixtures, 'CinderFixture', cinder.SanCinder),
                (nova_fixtures, 'NotificationFixture', NotificationFixture),
                (nova_func_fixtures, 'PlacementApiClient',
                 PlacementApiClient),
                (nova_fake, 'FakeDriver', driver.PowerVMDriver),
                (api_client.TestOpenStackClient, 'post_server_action',
                 _post_server_action),
                (lpar_builder, 'MEM_LOW_BOUND', MEMORY_REGION_MB)):
            self.useFixture(fx.MockPatchObject(where, name, replacement))
        # Some tests end while a server is built, which takes the fake driver
        # no time. As in production a service that stops waits for that, for 20
        # seconds less than this.
        self.flags(manager_shutdown_timeout=35)

    def _start_site(self):
        """Start a site of hosts that differ in nothing but their names."""
        profile = powervm_fixtures.load_profile(self.PROFILE)
        model = profile['hosts'][0]
        model['system']['memory_region_mb'] = MEMORY_REGION_MB
        profile['hosts'] = [
            dict(copy.deepcopy(model), name='server%d' % number)
            for number in range(1, HOSTS + 1)]
        vioses = [vios for host in profile['hosts']
                  for vios in host['vioses']]
        for number, vios in enumerate(vioses):
            vios['fc_ports'] = [{'name': 'fcs0', 'wwpn': WWPN % number,
                                 'fabric': 'A', 'total_ports': 64}]
        profile['san'] = powervm_fixtures.load_profile('fc')['san']
        return self.useFixture(powervm_fixtures.SimulatedSite(
            profile=profile, vlans=powervm_fixtures.PORT_VLANS,
            **self.TIMING)).site

    def start_service(self, name, host=None, cell_name=None, **kwargs):
        # Some classes choose one of Nova's fake drivers in their setUp().
        self.flags(compute_driver=self.compute_driver)
        return super().start_service(name, host=host, cell_name=cell_name,
                                     **kwargs)

    def _wait_for_server_parameter(self, server, expected_params,
                                   max_retries=10, **kwargs):
        return super()._wait_for_server_parameter(
            server, expected_params, max_retries * PATIENCE, **kwargs)

    def _wait_for_assert(self, assert_func, max_retries=10, **kwargs):
        return super()._wait_for_assert(
            assert_func, max_retries * PATIENCE, **kwargs)


class OnVolumeGroup(platforms.ManagementVios, _ParityMixin):
    """Each host has its own disks, and can take snapshots of them."""


class OnSharedPool(platforms.SharedPool, _ParityMixin):
    """All hosts have their disks in one Shared Storage Pool.

    Nova's tests look for the disk space of a host where its memory is.
    """

    STORAGE = dict(platforms.SharedPool.STORAGE, ssp_sharing_provider=False)


def on_powervm(module, nova_classes, platform=OnVolumeGroup):
    """Make test classes that run those of Nova on our driver.

    Excluded tests are skipped, with the reason.

    :param module: str, name of the module that is to contain them.
    :param nova_classes: list of test classes of Nova.
    :param platform: OnVolumeGroup or OnSharedPool.
    :returns: {name: class}, to be put into the module.
    """
    return {nova_class.__name__: _subclass(module, nova_class, platform)
            for nova_class in nova_classes}


def _subclass(module, nova_class, platform):
    namespace = {'__module__': module, '__doc__': nova_class.__doc__}
    prefix = name_of(nova_class) + '.'
    for test, reason in exclusions.EXCLUSIONS.items():
        if test.startswith(prefix):
            name = test[len(prefix):]
            namespace[name] = unittest.skip(reason)(getattr(nova_class, name))
    return type(nova_class)(nova_class.__name__, (platform, nova_class),
                            namespace)


def name_of(nova_class):
    """Name of a test class of Nova as the exclusions have it."""
    return '%s.%s' % (nova_class.__module__[len(NOVA_PACKAGE):],
                      nova_class.__name__)
