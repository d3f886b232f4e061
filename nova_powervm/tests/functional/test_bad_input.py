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

"""What a user or operator gets wrong ends in a clear error, and no rest."""

from unittest import mock

from nova import exception as nova_exc
from nova import test
from nova.tests.functional.api import client

from nova_powervm import conf
from nova_powervm.simulator.resources import processor_pool
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import moves
from nova_powervm.virt.powervm import driver
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm import short_text


class BadServerTest(base.PowerVMTestCase):
    """Servers that cannot be built."""

    def setUp(self):
        super().setUp()
        self.delete(self.boot())
        self.before = self.platform_state()

    def assert_refused(self, *words, **kwargs):
        """A server that ends in ERROR with a fault that has these words."""
        server = self.boot(expected_status='ERROR', **kwargs)
        fault = server['fault']
        for word in words:
            self.assertIn(word, fault['message'])
        self.assertNotIn('Traceback', fault['message'])
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(self.before, self.platform_state(), words)

    def flavor_with(self, extra_specs, **kwargs):
        """A flavor; the API does not check these extra specs."""
        with mock.patch('nova.api.validation.extra_specs.validators.'
                        'validate'):
            return self._create_flavor(extra_spec=extra_specs, **kwargs)

    def test_unknown_extra_spec(self):
        flavor = self.flavor_with({'powervm:colour': 'red'})
        self.assert_refused('powervm:colour', flavor_id=flavor)

    def test_bad_value_of_an_extra_spec(self):
        flavor = self.flavor_with({'powervm:proc_units': 'many'})
        self.assert_refused('powervm:proc_units', 'many', flavor_id=flavor)

    def test_memory_below_one_logical_memory_block(self):
        flavor = self._create_flavor(memory_mb=64)
        # Placement is asked for memory in whole blocks; so is a host that
        # the scheduler has nothing to say about.
        self.assert_refused('No valid host', flavor_id=flavor)
        server = self.boot(expected_status='ERROR', flavor_id=flavor,
                           host='compute1')
        self.assertIn('No valid host', server['fault']['message'])
        self.delete(server)

    def test_root_disk_smaller_than_the_image(self):
        self.glance.images[self.image_id]['size'] = 2 * 1024 ** 3
        flavor = self._create_flavor(disk=1)
        with mock.patch('nova.compute.api.API._validate_flavor_image'):
            self.assert_refused('image', flavor_id=flavor)

    def test_image_is_gone(self):
        image_id = self.glance.image3['id']
        with mock.patch.object(
                self.glance, 'download',
                side_effect=nova_exc.ImageNotFound(image_id=image_id)):
            self.assert_refused(image_id, image_uuid=image_id)

    def test_image_in_a_format_that_the_platform_does_not_have(self):
        image_id = self.glance.image3['id']
        self.glance.images[image_id]['disk_format'] = 'vmdk'
        self.assert_refused('vmdk', image_uuid=image_id)


class RefusedRebuildTest(base.PowerVMTestCase):

    def test_image_is_given_back(self):
        """Nova's API has put the other one on record before."""
        server = self.boot(networks='none')
        image = self.glance.images[self.glance.image3['id']]
        image['disk_format'] = 'vmdk'
        image['properties']['os_distro'] = 'ibmi'
        # It is a call in tests.
        self.assertRaises(client.OpenStackApiException,
                          self.api.post_server_action, server['id'],
                          {'rebuild': {'imageRef': image['id']}})
        after = self._wait_for_server_parameter(
            server, {'OS-EXT-STS:task_state': None})
        self.assertEqual('ACTIVE', after['status'])
        self.assertEqual(self.image_id, after['image']['id'])
        self._stop_server(server)
        self._start_server(server)
        self.assertEqual('AIX/Linux', self.lpar_of(server)['type'])


class OtherHostTest(moves.TwoHostMixin, base.PowerVMTestCase):
    """What one host lacks, the other may have."""

    PROFILE = 'two-host'

    def test_pool_missing_on_one_host(self):
        """Nova tries compute1 first, as compute2 has a server."""
        second = self.site.hosts[1]
        with self.site.lock:
            second.add(processor_pool.SharedProcessorPool(
                second, second.new_uuid('pool', 3), 3, 'gold', maximum=8.0))
        self.enable('compute1', False)
        self.boot(flavor_id=self.large, networks='none')
        self.enable('compute1', True)
        with mock.patch('nova.api.validation.extra_specs.validators.'
                        'validate'):
            flavor = self._create_flavor(extra_spec={
                'powervm:shared_proc_pool_name': 'gold'})
        server = self.boot(flavor_id=flavor)
        self.assertEqual('compute2', self.host_of(server))
        self.assertIn('this host has 0 pools of that name',
                      self.stdlog.logger.output)


class BadHostTest(base.SimulatedPlatformMixin, test.TestCase):
    """Hosts on which nova-compute refuses to start, with the reason."""

    def start(self):
        powervm = driver.PowerVMDriver(mock.Mock())
        with self._on_its_own_host('compute1'):
            powervm.init_host('compute1')
        self.addCleanup(powervm.cleanup_host, 'compute1')

    def assert_refuses(self, expected, *words):
        exc = self.assertRaises(expected, self.start)
        for word in words:
            self.assertIn(word, str(exc))
        self.assertLessEqual(len(str(exc)), short_text.LIMIT)
        self.assertNotIn('\n', str(exc))
        self.assertEqual([], self.site.hosts[0].state()['sessions'])

    def test_volume_group_is_missing(self):
        self.flags(volume_group_name='nosuchvg', group='powervm')
        self.flags(volume_group_vios_name='', group='powervm')
        self.assert_refuses(exception.VGNotFound, 'nosuchvg',
                            'there are: datavg, rootvg')

    def test_volume_group_is_missing_on_that_vios(self):
        self.flags(volume_group_name='nosuchvg', group='powervm')
        self.assert_refuses(exception.VGHolderNotUsable, 'nosuchvg',
                            'datavg, rootvg')

    def test_volume_group_of_the_vios_itself(self):
        self.flags(volume_group_name='rootvg', group='powervm')
        self.assert_refuses(exception.InvalidOption,
                            'volume_group_name=rootvg', 'there are: datavg')

    def test_volume_group_of_the_vios_itself_has_disks_of_servers(self):
        """As after an upgrade from 9.0.0: they stay where they are."""
        self.site.hosts[0].operator.create_disk(
            'vios1', 'rootvg', names.disk_name(
                'b_', '00000001-0000-4000-8000-fedcba980001'), 2 ** 30)
        self.flags(volume_group_name='rootvg', group='powervm')
        self.start()

    def test_vios_is_missing(self):
        self.flags(volume_group_vios_name='vios3', group='powervm')
        self.assert_refuses(exception.InvalidOption,
                            'volume_group_vios_name=vios3',
                            'there are: vios1, vios2')

    def drop_repositories(self):
        host = self.site.hosts[0]
        with self.site.lock:
            for group in host.store.all('VolumeGroup'):
                group.repository = None
                group.touch()

    def test_media_volume_group_is_missing(self):
        self.drop_repositories()
        self.flags(vopt_media_volume_group='mediavg', group='powervm')
        self.assert_refuses(exception.InvalidOption,
                            'vopt_media_volume_group=mediavg',
                            'there are: datavg, rootvg')

    def test_media_volume_group_of_a_vios_that_is_down(self):
        """It may have the group: servers that need no drive can be made."""
        self.drop_repositories()
        self.flags(vopt_media_volume_group='mediavg', group='powervm')
        vios = self.site.hosts[0].store.all('VirtualIOServer')[1]
        with self.site.lock:
            vios.set_rmc('inactive')
        self.flags(vios_active_wait_timeout=0, group='powervm')
        self.start()

    def test_media_volume_group_is_too_small(self):
        self.drop_repositories()
        self.flags(vopt_media_rep_size=99999, group='powervm')
        self.assert_refuses(exception.InvalidOption,
                            'vopt_media_rep_size=99999', 'rootvg has only')

    def test_more_connections_than_vioses(self):
        self.flags(vscsi_vios_connections_required=9, group='powervm')
        self.assert_refuses(exception.InvalidOption, '=9', 'vios1, vios2')

    def test_port_of_no_vios(self):
        self.flags(fc_attach_strategy='npiv', group='powervm')
        conf.register_fabrics()
        self.flags(fabric_A_port_wwpns=['10000090FA1B2CFF'], group='powervm')
        self.assert_refuses(exception.InvalidOption,
                            'fabric_A_port_wwpns=10000090FA1B2CFF',
                            'there are: 10000090FA1B2C0')

    def test_cluster_is_missing(self):
        self.flags(disk_driver='ssp', cluster_name='nocluster',
                   volume_group_name='', volume_group_vios_name='',
                   group='powervm')
        self.assert_refuses(exception.ClusterNotFoundByName,
                            'cluster_name=nocluster', 'there are: none')

    def test_volume_group_is_not_configured(self):
        self.flags(volume_group_name='', group='powervm')
        self.assert_refuses(exception.OptRequiredIfOtherOptValue,
                            'volume_group_name')

    def test_wrong_password(self):
        self.flags(rest_password='wrong', group='powervm')
        self.assert_refuses(exception.RestAuthenticationFailed,
                            self.site.profile['user'])

    def test_server_cannot_be_reached(self):
        self.site.hosts[0].server.stop()
        self.flags(rest_connect_timeout=0, group='powervm')
        self.assert_refuses(exception.RestServerUnavailable, '127.0.0.1')

    def test_two_managed_systems(self):
        host = self.site.hosts[0]
        with self.site.lock:
            twin = type(host.system)(host, host.system.spec)
            twin.uuid = host.new_uuid('twin')
            host.add(twin)
        self.assert_refuses(exception.ManagedSystemCount, '2',
                            '[powervm] managed_system is not set',
                            host.system.mtms_of_commands)
