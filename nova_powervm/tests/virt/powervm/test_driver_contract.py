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

"""Nova's contract of virt drivers, on our driver and the simulated site.

Nova's test passes what raises NotImplementedError. Here that may be only what
contract.NOT_IMPLEMENTED lists.
"""

import inspect
import re
import unittest
from unittest import mock

import fixtures as fx
from nova.api.openstack.compute.schemas import hypervisors as \
    hypervisors_schema
from nova.api.openstack.compute.schemas import server_diagnostics as \
    diagnostics_schema
from nova.compute import provider_tree
from nova.compute import task_states
from nova import exception as nova_exc
from nova import objects
from nova.objects import diagnostics as nova_diagnostics
from nova.scheduler import host_manager
from nova import test
from nova.tests import fixtures as nova_fixtures
from nova.tests.unit import utils as test_utils
from nova.tests.unit.virt import test_virt_drivers
from nova.virt import driver as virt_driver
from oslo_utils import units

from nova_powervm.demo import quick
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.tests.virt.powervm import contract
from nova_powervm.virt.powervm import driver
from nova_powervm.virt.powervm import driver_console
from nova_powervm.virt.powervm import driver_live
from nova_powervm.virt.powervm import volume

NODE = 'myhostname'
VOLUME = '5a5a0000-0000-4000-8000-000000000001'
WWPN = '10000090FA1B%04X'
# What Nova's test finds not implemented, and logs.
MISSING = re.compile('does not implement (\\w+) required')


class ForcedTest(unittest.TestCase):
    """What Nova lets a driver say; if this fails, say it better."""

    def test_no_word_for_powervm(self):
        """The name of the driver in diagnostics has to be one of these."""
        shown = diagnostics_schema.index_response_v248
        self.assertIn('driver', shown['required'])
        self.assertEqual({'type': 'string', 'enum': [
            'ironic', 'libvirt', 'vmwareapi', 'xenapi']},
            shown['properties']['driver'])
        for other in ('powervm', 'phyp', None):
            self.assertRaises(ValueError, nova_diagnostics.Diagnostics,
                              driver=other)

    def test_disk_without_least(self):
        """Without disk_available_least the scheduler goes by placement."""
        objects.register_all()
        self.assertTrue(
            objects.ComputeNode.fields['disk_available_least'].nullable)
        shown = hypervisors_schema.show_response['properties']['hypervisor']
        self.assertIn('null', shown['properties']['disk_available_least'][
            'type'])
        state = host_manager.HostState('host', NODE, 'cell')
        for least, free_mb in ((None, 7 * 1024), (3, 3 * 1024)):
            state._update_from_compute_node(objects.ComputeNode(
                uuid=VOLUME, free_disk_gb=7, disk_available_least=least,
                memory_mb=1, free_ram_mb=1, local_gb=9, local_gb_used=2,
                vcpus=1, vcpus_used=0, updated_at=None, numa_topology=None,
                pci_device_pools=None, host_ip=None, hypervisor_type='phyp',
                hypervisor_version=8, hypervisor_hostname=NODE,
                cpu_info='{}', supported_hv_specs=[], stats={}, metrics=None,
                cpu_allocation_ratio=1.0, ram_allocation_ratio=1.0,
                disk_allocation_ratio=1.0))
            self.assertEqual(free_mb, state.free_disk_mb)


class EachMethodTest(unittest.TestCase):
    """Method by method: it is built, or a list says why it is not."""

    @staticmethod
    def methods():
        return {name: method for name, method in inspect.getmembers(
            virt_driver.ComputeDriver, inspect.isroutine)
            if not name.startswith('_')}

    @staticmethod
    def is_built(name):
        return name in {**vars(driver_live.LiveMigrationMethods),
                        **vars(driver_console.ConsoleMethods),
                        **vars(driver.PowerVMDriver)}

    def test_each_is_in_one_place(self):
        for name in self.methods():
            with self.subTest(name):
                self.assertEqual(1, sum([
                    self.is_built(name), name in contract.NOT_IMPLEMENTED,
                    name in contract.INHERITED]))

    def test_lists_are_of_today(self):
        methods = self.methods()
        for name in contract.NOT_IMPLEMENTED:
            with self.subTest(name):
                self.assertIn('raise NotImplementedError',
                              inspect.getsource(methods[name]))
        for name in contract.INHERITED:
            with self.subTest(name):
                self.assertNotIn('raise NotImplementedError',
                                 inspect.getsource(methods[name]))

    def test_signatures(self):
        """Nova calls each method with what its contract says."""
        for name, method in self.methods().items():
            if self.is_built(name):
                with self.subTest(name):
                    ours = inspect.unwrap(getattr(driver.PowerVMDriver, name))
                    self.assertEqual(
                        list(inspect.signature(method).parameters),
                        list(inspect.signature(ours).parameters))


class DriverContractTest(test_virt_drivers._VirtDriverTestCase,
                         test.TestCase):

    driver_module = '%s.PowerVMDriver' % driver.__name__

    def setUp(self):
        self._prepare_platform()
        super().setUp()
        self.connection.init_host(NODE)
        self.addCleanup(self.connection.cleanup_host, NODE)

    def _prepare_platform(self):
        self.useFixture(quick.QuickNova())
        self.site = self.useFixture(powervm_fixtures.SimulatedSite(
            profile=self._profile(), vlans=powervm_fixtures.PORT_VLANS)).site
        simulated = self.site.hosts[0]
        self.flags(rest_host='127.0.0.1', rest_port=simulated.port,
                   rest_protocol='http',
                   rest_user=self.site.profile['user'],
                   rest_password=self.site.profile['password'],
                   disk_driver='localdisk', volume_group_name='datavg',
                   volume_group_vios_name='vios1',
                   management_root=simulated.management_root,
                   vnc_port=0, serial_console_port=0, group='powervm')
        self.flags(state_path=self.useFixture(fx.TempDir()).path)
        self.useFixture(fx.MockPatchObject(
            nova_fixtures, 'GlanceFixture', func_fixtures.GlanceFixture))
        # Nova's test makes the flavors that it needs.
        self.useFixture(fx.MockPatchObject(
            nova_fixtures, 'DefaultFlavorsFixture', fx.Fixture))
        with self.site.lock:
            self.site.san.create_volume(VOLUME, units.Gi)
        self.transport_class = volume.transport_class
        self.useFixture(fx.MockPatchObject(volume, 'transport_class',
                                           self._transport_class))

    def _setup_fakelibvirt(self):
        """Nothing here is of libvirt; its stand-in takes long to make."""

    def _teardown_fakelibvirt(self):
        pass

    @staticmethod
    def _profile():
        """A server that can snapshot, with Fibre Channel ports."""
        profile = powervm_fixtures.load_profile('mgmt-vios')
        for number, vios in enumerate(profile['hosts'][0]['vioses']):
            vios['fc_ports'] = [{'name': 'fcs0', 'wwpn': WWPN % number,
                                 'fabric': 'A', 'total_ports': 64}]
        profile['san'] = powervm_fixtures.load_profile('fc')['san']
        return profile

    def _transport_class(self, instance, connection_info):
        """Put a volume of the type 'fake' into the storage network."""
        if connection_info['driver_volume_type'] == 'fake':
            wwpns = self.connection.get_volume_connector(instance)['wwpns']
            with self.site.lock:
                data = self.site.san.export(VOLUME, wwpns)
            connection_info.update(driver_volume_type='fibre_channel',
                                   serial=VOLUME, data=data)
        return self.transport_class(instance, connection_info)

    def tearDown(self):
        missing = set(MISSING.findall(self.stdlog.logger.output))
        self.assertEqual(set(), missing.difference(
            contract.NOT_IMPLEMENTED))
        super().tearDown()

    def test_init_host(self):
        # The test starts a driver that runs already.
        self.connection.cleanup_host(NODE)
        super().test_init_host()

    def test_get_console_output(self):
        self.flags(console_log=True, group='powervm')
        super().test_get_console_output()

    def test_live_migration(self):
        self.skipTest('It migrates with the data object of libvirt.')

    def test_live_migration_force_complete(self):
        self.skipTest('It reaches into the attributes of the libvirt driver.')

    def test_migrate_disk_and_power_off(self):
        # Disks in a volume group cannot leave their host, but change size.
        self.flags(my_ip='dest_host')
        super().test_migrate_disk_and_power_off()

    def test_swap_volume(self):
        # The server of the test is on, and must not be stopped.
        self.assertRaisesRegex(
            nova_exc.VolumeRebaseFailed, 'swap_volume_stops_server',
            super().test_swap_volume)

    def test_snapshot_running(self):
        # All of the disk is read: let the test find a flavor of 1 GB, not 40.
        test_utils.get_test_flavor(options={'root_gb': 1})
        super().test_snapshot_running()

    def test_rescue(self):
        with self._rescue_image():
            super().test_rescue()

    def test_unrescue_rescued_instance(self):
        with self._rescue_image():
            super().test_unrescue_rescued_instance()

    def _rescue_image(self):
        """The test rescues from an image that has no attributes at all."""
        image = test_utils.get_test_image_object(
            self.ctxt, {'image_ref': self.image_service.image1['id']})
        return mock.patch.object(objects.ImageMeta, 'from_dict',
                                 return_value=image)

    # ---- what Nova's test does not call --------------------------------

    def test_identity(self):
        uuids = self.connection.get_nodenames_by_uuid()
        self.assertEqual([NODE], list(uuids.values()))
        self.assertEqual([NODE], self.connection.get_available_nodes())
        self.assertEqual(
            list(uuids),
            [self.connection.get_available_resource(NODE)['uuid']])

    def test_inventory(self):
        tree = provider_tree.ProviderTree()
        tree.new_root(NODE, self.connection.node_uuid)
        self.connection.update_provider_tree(tree, NODE)
        self.assertEqual({'VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'},
                         set(tree.data(NODE).inventory))

    def test_ports(self):
        instance, network_info = self._get_running_instance()
        for vif in network_info:
            self.connection.detach_interface(self.ctxt, instance, vif)
            self.connection.attach_interface(self.ctxt, instance, None, vif)
        self.connection.unplug_vifs(instance, network_info)
        self.connection.plug_vifs(instance, network_info)

    def test_hard_reboot(self):
        instance, network_info = self._get_running_instance()
        self.connection.reboot(self.ctxt, instance, network_info, 'HARD')

    def test_cleanup(self):
        instance, network_info = self._get_running_instance()
        self.connection.cleanup(self.ctxt, instance, network_info)
        self.assertFalse(self.connection.instance_exists(instance))

    def test_image_cache(self):
        image = test_utils.get_test_image_object(
            self.ctxt, {'image_ref': self.image_service.image1['id']})
        self.assertTrue(self.connection.cache_image(self.ctxt, image.id))
        self.assertFalse(self.connection.cache_image(self.ctxt, image.id))
        self.connection.manage_image_cache(self.ctxt, [])

    def test_power_of_a_server_that_is_not_there(self):
        instance = test_utils.get_test_instance(obj=True)
        for call in (lambda: self.connection.power_off(instance),
                     lambda: self.connection.power_on(self.ctxt, instance,
                                                      None)):
            self.assertRaises(nova_exc.InstanceNotFound, call)
        # A server that an earlier rebuild has left without an LPAR.
        instance.task_state = task_states.REBUILDING
        self.connection.power_off(instance)
