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

"""Tests of how the instances of LPARs are found, on a simulated host."""

import fixtures
from nova.compute import power_state
from nova import context as nova_context
from nova import objects

from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import test_vm
from nova_powervm.virt.powervm import nova_instances
from nova_powervm.virt.powervm import vm


class InstancesTest(test_vm.VmTestCase):

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(fixtures.MockPatchObject(
            objects.InstanceList, 'get_by_filters')).mock
        self.database.side_effect = self.filter
        self.known = []

    def filter(self, context, filters, expected_attrs=None):
        return [instance for instance in self.known
                if instance.uuid in filters['uuid']]

    def test_instances(self):
        self.create()
        low = base.make_instance(2, uuid=test_vm.LPAR_UUID.lower()[:-1] + '2')
        self.create(instance=low)
        self.create(instance=base.make_instance(3))
        self.known = [self.instance, low, base.make_instance(4)]
        self.assertEqual([self.instance, low],
                         nova_instances.get_instances(self.host))
        self.assertEqual(['GET LogicalPartition'], self.requests())
        self.assertEqual(1, self.database.call_count)
        context = self.database.call_args.args[0]
        self.assertTrue(context.is_admin)
        # The instance of an LPAR may be deleted: Nova cleans up by this.
        self.assertEqual('yes', context.read_deleted)
        self.assertNotIn('deleted', self.database.call_args.args[1])

    def test_instances_with_context(self):
        self.create()
        context = nova_context.get_admin_context()
        nova_instances.get_instances(self.host, context)
        self.assertIs(context, self.database.call_args.args[0])

    def test_foreign_lpars_only(self):
        self.create()
        self.assertEqual([], nova_instances.get_instances(self.host))

    def test_management_partition_only(self):
        self.assertEqual([], nova_instances.get_instances(self.host))
        self.database.assert_not_called()

    def test_one_request_for_all_states(self):
        self.known = [base.make_instance(n) for n in range(2, 10)]
        for instance in self.known:
            self.create(running=True, instance=instance)
        self.assertEqual(8, len(nova_instances.get_instances(self.host)))
        for instance in self.known:
            self.assertEqual(power_state.RUNNING, vm.get_vm_info(
                self.host, instance).state)
        self.assertEqual(['GET LogicalPartition'], self.requests())

    def test_instances_of_some_lpars(self):
        other = base.make_instance(2)
        uuids = [vm.get_lpar_uuid(instance)
                 for instance in (self.instance, other)]
        self.known = [self.instance]
        self.assertEqual(
            {uuids[0]: self.instance, uuids[1]: None},
            nova_instances.find_instances(uuids, 'compute1'))
        filters = self.database.call_args.args[1]
        self.assertEqual(4, len(filters['uuid']))
        self.assertEqual('compute1', filters['host'])
        self.assertIs(self.instance, nova_instances.find_instance(
            uuids[0], 'compute1'))
