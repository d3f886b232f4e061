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

"""What the support matrix claims and no other test is about."""

import base64
import json
from unittest import mock

from nova import exception as nova_exc
from nova.tests.functional.api import client as api_client

from nova_powervm.demo import image as demo_image
from nova_powervm.simulator import disk_io
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import moves
from nova_powervm.tests.functional import platforms

#: Of Nova's API, the last that puts files into a server.
PERSONALITY = '2.56'
#: The first that has images cached in advance.
CACHE = '2.81'
#: The last that asks a host how long it is up, and the first that knows it.
UPTIME = (('2.87', '/os-hypervisors/%s/uptime'), ('2.88', None))
#: Power states of Nova's API.
RUNNING, SHUTDOWN = 1, 4


class HostTest(base.PowerVMTestCase):
    """What Nova tells of a host."""

    def test_uptime_and_address(self):
        for microversion, path in UPTIME:
            self.admin_api.microversion = microversion
            host, = self.admin_api.api_get(
                '/os-hypervisors/detail').body['hypervisors']
            self.assertEqual(self.driver.get_host_ip_addr(), host['host_ip'])
            told = host if path is None else self.admin_api.api_get(
                path % host['id']).body['hypervisor']
            self.assertRegex(told['uptime'],
                             r'^up \d+ days, \d\d:\d\d, load average: ')

    def test_traits(self):
        traits = set(self._get_provider_traits(
            self._get_provider_uuid_by_host('compute1')))
        self.assertLess({'HW_ARCH_PPC64LE', 'HW_CPU_PPC64LE_POWER8'}, traits)


class IbmiTest(base.PowerVMTestCase):

    def test_property_of_the_image(self):
        """The image says what it is; the server boots, also once more."""
        self.glance.images[self.image_id]['properties']['os_distro'] = 'IBMi'
        server = self.boot(networks='none')
        for _time in range(2):
            lpar = self.lpar_of(server)
            self.assertEqual(('OS400', 'running', 'b_'), (
                lpar['type'], lpar['state'], lpar['boot']['disk'][:2]))
            boot, = (mapping for mapping in self.mappings_of(server)
                     if mapping['storage'].startswith('b_'))
            self.assertEqual(str(boot['client_slot']),
                             lpar['tagged_io']['load_source'])
            self._stop_server(server)
            self._start_server(server)
        self.assertIsNone(self.delete(server))


class ProcessorsTest(base.PowerVMTestCase):

    def test_dedicated(self):
        """Placement grants as many as there are."""
        provider = self._get_provider_uuid_by_host('compute1')
        # Fewer than the quota of a project.
        self.platform.operator.create_partition(
            'theirs', dedicated=True, processors=15)
        self._run_periodics()
        left = int(self.platform.system.available_units)
        flavor = self._create_flavor(vcpu=left - 1, extra_spec={
            'hw:cpu_policy': 'dedicated'})
        server = self.boot(flavor_id=flavor, networks='none')
        self.assertTrue(self.platform.store.get(
            'LogicalPartition',
            self.lpar_of(server)['uuid']).processors.dedicated)
        self.assertEqual(
            left - 1, self._get_allocations_by_server_uuid(server['id'])[
                provider]['resources']['PCPU'])
        for expected_status in ('ACTIVE', 'ERROR'):
            server = self.boot(
                expected_status, networks='none',
                flavor_id=self._create_flavor(vcpu=1, extra_spec={
                    'hw:cpu_policy': 'dedicated'}))
        self.assertIn('No valid host', server['fault']['message'])


class PowerStateTest(base.PowerVMTestCase):

    # The platform tells of it when nobody waits.
    CAST_AS_CALL = False

    def test_guest_stops_by_itself(self):
        server = self.boot()
        self.assertEqual(RUNNING, server['OS-EXT-STS:power_state'])
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        with self.site.lock:
            lpar.set_state('not activated')
        self.wait_for(lambda: self.api.get_server(server['id'])[
            'OS-EXT-STS:power_state'] == SHUTDOWN)

    def test_guest_crashes(self):
        """Nova stops it then, so that it can be started again."""
        server = self.boot()
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        with self.site.lock:
            lpar.crashed()
        self.wait_for(lambda: self.api.get_server(server['id'])[
            'status'] == 'SHUTOFF')
        self.assertFalse(lpar.is_on)
        self._start_server(server)
        self.assertEqual('running', lpar.partition_state)


class DiagnosticsTest(base.PowerVMTestCase):

    def test_both_calls(self):
        server = self.boot()
        path = '/servers/%s/diagnostics' % server['id']
        self.api.microversion = '2.47'
        before = self.api.api_get(path).body
        self.assertEqual('running', before['state'])
        self.assertEqual(2, before['num_nics'])
        self.api.microversion = '2.48'
        found = self.api.api_get(path).body
        self.assertEqual(
            ('running', 'libvirt', 'phyp', 1, 2, 1),
            tuple(found[name] for name in (
                'state', 'driver', 'hypervisor', 'num_cpus', 'num_nics',
                'num_disks')))

    def test_stopped_server(self):
        server = self.boot()
        self._stop_server(server)
        refused = self.assertRaises(
            api_client.OpenStackApiException, self.api.api_get,
            '/servers/%s/diagnostics' % server['id'])
        self.assertEqual(409, refused.response.status_code)


class ConfigDriveTest(base.PowerVMTestCase):

    def read(self, server, path):
        """The content of a file of a server's config drive, bytes."""
        name = next(mapping['storage'] for mapping in self.mappings_of(server)
                    if mapping['storage'].startswith('cfg'))
        disk = disk_io.find(self.platform, name).backing.disk
        return demo_image.read_file(disk.read(0, disk.size), path)

    def test_what_the_user_gave(self):
        self.api.microversion = PERSONALITY
        request = self._build_server(
            image_uuid=self.image_id,
            networks=[{'port': self.neutron.port_1['id']}])
        request.update(
            metadata={'colour': 'blue'},
            user_data=base64.b64encode(b'#cloud-config\n').decode(),
            personality=[{'path': '/etc/motd', 'contents':
                          base64.b64encode(b'hello').decode()}])
        created = self.api.post_server({'server': request})
        server = self.settled(created)
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))

        told = json.loads(self.read(server, 'openstack/latest/meta_data.json'))

        self.assertEqual(server['id'], told['uuid'])
        self.assertEqual({'colour': 'blue'}, told['meta'])
        self.assertEqual(created['adminPass'], told['admin_pass'])
        self.assertEqual(b'#cloud-config\n',
                         self.read(server, 'openstack/latest/user_data'))
        files = {file['path']: file['content_path'] for file in told['files']}
        self.assertEqual(b'hello', self.read(
            server, 'openstack' + files['/etc/motd']))
        network = json.loads(self.read(
            server, 'openstack/latest/network_data.json'))
        self.assertIn(self.neutron.port_1['mac_address'].lower(), [
            link['ethernet_mac_address'].lower()
            for link in network['links']])


class CacheMixin:
    """Images that are there before a server wants them."""

    CAST_AS_CALL = False

    def test_cache_images(self):
        aggregate = self.admin_api.post_aggregate(
            {'aggregate': {'name': 'powervm'}})
        self.admin_api.add_host_to_aggregate(aggregate['id'], 'compute1')
        cached = []

        def cache(context, image_id):
            cached.append(self.driver.services.disk.cache_image(context,
                                                                image_id))
            return cached[-1]

        with mock.patch.object(self.admin_api, 'microversion', CACHE), \
                mock.patch.object(self.driver, 'cache_image', cache):
            self.admin_api.api_post(
                '/os-aggregates/%s/images' % aggregate['id'],
                {'cache': [{'id': self.image_id}]},
                check_response_status=[202])
            self.wait_for(lambda: cached)
        self.assertEqual([True], cached)
        with mock.patch.object(
                self.glance, 'download',
                side_effect=nova_exc.GlanceConnectionFailed(
                    server='glance', reason='it is away')):
            self.boot()


class LifeMixin:
    """What does not depend on where the disks are, on each kind of disk."""

    def test_life(self):
        other = self.glance.image3['id']
        for image_id in (self.image_id, other):
            self.delete(self.boot(image_uuid=image_id, networks='none'))
        before = self.platform_state()

        server = self.boot()

        self.assert_running_from(self.image_id, server)
        self._stop_server(server)
        self.assertEqual('not activated', self.lpar_of(server)['state'])
        self._start_server(server)
        for hard in (False, True):
            self._reboot_server(server, hard=hard)
        self.assert_running_from(self.image_id, server)
        self._rebuild_server(server, other)
        self.assert_running_from(other, server)
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(before, self.platform_state(), 'deleted')

    def assert_running_from(self, image_id, server):
        self.assertEqual('running', self.lpar_of(server)['state'])
        self.assert_has_image(image_id, server)


class FilePoolTest(platforms.FilePool, LifeMixin, base.PowerVMTestCase):
    pass


class SharedPoolTest(platforms.SharedPool, LifeMixin, base.PowerVMTestCase):
    pass


class VolumeGroupCacheTest(CacheMixin, base.PowerVMTestCase):
    pass


class FilePoolCacheTest(platforms.FilePool, CacheMixin,
                        base.PowerVMTestCase):
    pass


class SharedPoolCacheTest(platforms.SharedPool, CacheMixin,
                          base.PowerVMTestCase):
    pass


class MissingTest(moves.TwoHostMixin, base.PowerVMTestCase):
    """What is asked for and is not there; the server just goes on running."""

    PROFILE = 'two-host'

    def setUp(self):
        super().setUp()
        self.server = self.boot_on_first()
        self.before = self.platform_state()

    def assert_goes_on(self, what, fault='NotImplementedError'):
        self.assertEqual('ACTIVE', self.settled(self.server)['status'], what)
        self.assertIn(fault, self.fault_of(self.server))
        self.assert_state_equal(self.before, self.platform_state(), what)

    def test_actions(self):
        for action in ('pause', 'suspend'):
            self.act(self.server, action)
            self.assert_goes_on(action)

    def test_answers(self):
        """No password; no console that the configuration does not have."""
        for code, what, body in (
                (501, 'action', {'changePassword': {'adminPass': 'secret'}}),
                (404, 'action', {'os-getConsoleOutput': {}}),
                (400, 'remote-consoles', {'remote_console': {
                    'protocol': 'vnc', 'type': 'novnc'}}),
                (400, 'remote-consoles', {'remote_console': {
                    'protocol': 'serial', 'type': 'serial'}})):
            refused = self.assertRaises(
                api_client.OpenStackApiException, self.api.api_post,
                '/servers/%s/%s' % (self.server['id'], what), body)
            self.assertEqual(code, refused.response.status_code, body)
        self.assert_state_equal(self.before, self.platform_state(), 'refused')

    def test_live_migration(self):
        self.act(self.server, 'os-migrateLive', {
            'host': 'compute2', 'block_migration': 'auto'})
        self.assert_goes_on('live migration',
                            'of the server is on this host')
        self.assertEqual({'compute1': 'running'}, self.lpars_of(self.server))
