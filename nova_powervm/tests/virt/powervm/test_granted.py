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

"""Tests of what Nova's servers were granted."""

from unittest import mock

import fixtures
from nova.compute import vm_states
from nova import objects
import os_resource_classes as orc
from oslo_utils import timeutils

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import granted
from nova_powervm.virt.powervm import vm

HERE, OTHER = 'compute1', 'compute2'
HOST = granted.Provider(HERE, '5e5e5e5e-0000-4000-8000-000000000001')


def allocations(**resources):
    """What Nova hands over of a server that this host has granted that."""
    return {HOST.uuid: {'generation': 1, 'resources': dict(
        resources, MEMORY_MB=512)}, 'pool': {'resources': {orc.DISK_GB: 1}}}


def make_dedicated(vcpus):
    flavor = base.make_flavor(512, vcpus)
    flavor.extra_specs = {'hw:cpu_policy': 'dedicated'}
    return flavor


class GrantedTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.system = self.connect().system
        self.small = base.make_flavor(1024, 1)
        self.large = base.make_flavor(4096, 3)
        self.instances, self.migrations = [], []
        for owner, name, find in (
                ('InstanceList', 'get_by_host', self._on),
                ('InstanceList', 'get_by_filters', self._with),
                ('MigrationList', 'get_in_progress_by_host_and_node',
                 lambda _context, _host, _node: self.migrations)):
            self.useFixture(fixtures.MockPatchObject(
                getattr(objects, owner), name, side_effect=find))

    def _on(self, _context, host, expected_attrs):
        self.assertIn('flavor', expected_attrs)
        return [instance for instance in self.instances
                if instance.host == host]

    def _with(self, _context, filters, expected_attrs):
        return [instance for instance in self.instances
                if instance.uuid in filters['uuid']]

    def add(self, flavor=None, host=HERE, vm_state=vm_states.ACTIVE, **attrs):
        instance = base.make_instance(
            len(self.instances) + 1, flavor or self.small, host=host,
            vm_state=vm_state, **dict({
                'launched_at': timeutils.utcnow(), 'old_flavor': None,
                'new_flavor': None}, **attrs))
        self.instances.append(instance)
        return instance

    def move(self, instance, source, dest, migration_type='resize',
             status='finished'):
        migration = objects.Migration(
            instance_uuid=instance.uuid, source_compute=source,
            dest_compute=dest, migration_type=migration_type, status=status)
        self.migrations.append(migration)
        return migration

    def find(self):
        return granted.find(self.system, HERE)

    def assert_granted(self, vcpus, memory_mb):
        found = self.find()
        self.assertEqual((vcpus, memory_mb), (
            granted.total(found, orc.VCPU),
            granted.total(found, orc.MEMORY_MB)))

    def test_servers(self):
        instance = self.add(uuid='f1b2c3d4-0000-4000-8000-000000000001')
        self.add(self.large)
        self.add(self.large, host=OTHER)
        self.assert_granted(4, 5120)
        first, second = self.find()
        self.assertEqual(vm.get_lpar_uuid(instance), first.lpar_uuid)
        # With a page table and adapters, in blocks of 256 MB.
        self.assertEqual((1280, 0.1, 0), tuple(first.needs))
        self.assertEqual((4352, 0.3, 0), tuple(second.needs))
        self.assertEqual(first.has, first.needs)

    def test_none(self):
        self.assertEqual([], self.find())
        self.assertEqual((0, 0, 0), tuple(granted.taken([])))

    def test_resize_within_the_host(self):
        instance = self.add(old_flavor=self.small, new_flavor=self.large)
        self.move(instance, HERE, HERE)
        self.assert_granted(4, 5120)
        server, = self.find()
        self.assertEqual(1280, server.has.memory_mb)
        self.assertEqual(4352, server.needs.memory_mb)
        instance.flavor = self.large
        instance.vm_state = vm_states.RESIZED
        server, = self.find()
        self.assertEqual(4352, server.has.memory_mb)

    def test_resize_to_less(self):
        instance = self.add(old_flavor=self.large, new_flavor=self.small,
                            vm_state=vm_states.RESIZED)
        self.move(instance, HERE, HERE)
        server, = self.find()
        # It may be reverted.
        self.assertEqual((1280, 4352), (server.has.memory_mb,
                                        server.needs.memory_mb))

    def test_move_from_here(self):
        """It has left, and it may come back."""
        instance = self.add(self.large, host=OTHER, old_flavor=self.small,
                            new_flavor=self.large, vm_state=vm_states.RESIZED)
        self.move(instance, HERE, OTHER)
        self.assert_granted(1, 1024)

    def test_move_to_here(self):
        """It comes, and Nova's record says that it has its old size."""
        for host in (OTHER, HERE):
            self.instances.clear(), self.migrations.clear()
            instance = self.add(self.small, host=host, old_flavor=self.small,
                                new_flavor=self.large)
            self.move(instance, OTHER, HERE)
            self.assert_granted(3, 4096)

    def test_evacuation(self):
        instance = self.add(host=OTHER)
        self.move(instance, OTHER, HERE, 'evacuation')
        self.assert_granted(1, 1024)
        self.migrations.clear()
        self.move(instance, HERE, OTHER, 'evacuation')
        self.assert_granted(0, 0)

    def test_move_of_a_server_that_is_gone(self):
        self.move(base.make_instance(9), OTHER, HERE)
        self.assertEqual([], self.find())

    def test_flavor_that_asks_for_something_else(self):
        flavor = base.make_flavor(1024, 2)
        flavor.extra_specs = {'resources:VCPU': '0',
                              'resources:MEMORY_MB': 'much'}
        self.add(flavor)
        self.assert_granted(0, 1024)

    def test_flavor_that_would_be_refused(self):
        self.add(base.make_flavor(1024, 2, proc_units='many', max_mem='-1'))
        server, = self.find()
        self.assertEqual((1280, 0.2, 0), tuple(server.needs))

    # ---- dedicated processors -------------------------------------------

    def resources(self, instance):
        return granted.describe(self.system, HERE, instance,
                                [instance.flavor]).resources

    def test_dedicated(self):
        instance = self.add(make_dedicated(2), launched_at=None)
        self.assertEqual({orc.PCPU: 2, orc.MEMORY_MB: 512},
                         self.resources(instance))
        # Of a version that ignored the policy.
        instance.launched_at = timeutils.utcnow()
        self.assertEqual({orc.VCPU: 2, orc.MEMORY_MB: 512},
                         self.resources(instance))
        self.assertEqual(2, self.find()[0].needs.dedicated)

    def test_resize_to_dedicated(self):
        """Granted anew, of a server that an earlier version made."""
        instance = self.add(make_dedicated(2))
        instance.old_flavor = instance.flavor
        instance.new_flavor = make_dedicated(5)
        self.move(instance, HERE, HERE)
        found = self.find()
        self.assertEqual((2, 5), (granted.total(found, orc.VCPU),
                                  granted.total(found, orc.PCPU)))

    def test_policy_of_an_image(self):
        instance = self.add(launched_at=None, system_metadata={
            'image_hw_cpu_policy': 'dedicated'})
        self.assertIn(orc.PCPU, self.resources(instance))

    def note(self, instance, name, amount=2, **kwargs):
        granted.note(instance, HOST, allocations(**{name: amount}), **kwargs)

    def test_what_was_granted_is_kept(self):
        for name in (orc.PCPU, orc.VCPU):
            instance = self.add(make_dedicated(2))
            with mock.patch.object(objects.Instance, 'save') as save:
                for _time in range(2):
                    self.note(instance, name)
            save.assert_called_once_with()
            self.assertEqual({name: 2, orc.MEMORY_MB: 512},
                             self.resources(instance))

    def test_evacuation_from_a_host_that_granted_something_else(self):
        """Nova hands over what both hosts have granted."""
        instance = self.add(make_dedicated(2))
        with mock.patch.object(objects.Instance, 'save'):
            granted.note(instance, HOST, dict(
                allocations(VCPU=2), theirs={'resources': {orc.PCPU: 2}}))
        self.assertEqual({orc.VCPU: 2, orc.MEMORY_MB: 512},
                         self.resources(instance))

    def test_nothing_to_keep(self):
        for given in ({}, None, {'theirs': {'resources': {orc.VCPU: 1}}}):
            instance = self.add()
            granted.note(instance, HOST, given)
            self.assertEqual({}, instance.system_metadata)

    @mock.patch.object(objects.Instance, 'save', mock.Mock())
    def test_move_that_is_reverted_or_confirmed(self):
        for source in (HERE, OTHER):
            old, new = make_dedicated(2), make_dedicated(5)
            instance = self.add(old, host=source, old_flavor=old,
                                new_flavor=new)
            granted.note(instance, granted.Provider(source, 'uuid'),
                         {'uuid': allocations(VCPU=2)[HOST.uuid]})
            instance.flavor = new
            instance.host = HERE
            migration = self.move(instance, source, HERE)
            with granted.noted(instance, HOST, allocations(PCPU=5),
                               migration):
                pass
            found = self.find()
            self.assertEqual(
                (2 if source == HERE else 0, 5),
                (granted.total(found, orc.VCPU),
                 granted.total(found, orc.PCPU)))
            self.migrations.clear()
            self.assertEqual(5, self.resources(instance)[orc.PCPU])
            # Nova gives it back what it had.
            instance.flavor = old
            reverted = granted.describe(self.system, source, instance,
                                        [old]).resources
            self.assertEqual({orc.VCPU: 2, orc.MEMORY_MB: 512}, reverted)
            self.instances.clear()

    @mock.patch.object(objects.Instance, 'save', mock.Mock())
    def test_move_that_fails_on_arrival(self):
        """The server has its former flavor, and what the new one has."""
        old, new = make_dedicated(2), make_dedicated(5)
        instance = self.add(new, old_flavor=old, new_flavor=new)
        instance.system_metadata.update(granted.to_keep(
            HERE, old, {orc.VCPU: 2, orc.MEMORY_MB: 512}))

        def fail():
            with granted.noted(instance, HOST, allocations(PCPU=5), self.move(
                    instance, HERE, HERE)):
                raise ValueError()

        self.assertRaises(ValueError, fail)
        instance.flavor = old
        self.migrations.clear()
        self.assertEqual({orc.PCPU: 5, orc.MEMORY_MB: 512},
                         self.resources(instance))

    def test_what_is_kept_of_an_earlier_stay(self):
        """Placement is asked anew; the host is told in the end."""
        flavor = make_dedicated(2)
        instance = self.add(flavor, host=OTHER, old_flavor=flavor,
                            new_flavor=flavor, system_metadata=granted.to_keep(
                                HERE, flavor, {orc.VCPU: 2}))
        migration = self.move(instance, OTHER, HERE, status='migrating')
        self.assertEqual(2, granted.total(self.find(), orc.PCPU))
        migration.status = 'post-migrating'
        self.assertEqual(0, granted.total(self.find(), orc.PCPU))

    # ---- what a flavor asks for -----------------------------------------

    def asked(self, **attrs):
        flavor = base.make_flavor(512, 2)
        flavor.update(dict({'root_gb': 10, 'ephemeral_gb': 5, 'swap': 1025},
                           **attrs))
        return granted.describe(self.system, HERE, self.add(flavor),
                                [flavor])

    def test_disks(self):
        self.assertEqual((10, 7, 17), self.asked().disks)
        for specs, amount in (
                ({'resources:DISK_GB': '0'}, 0),
                ({'resources:DISK_GB': '12'}, 12),
                ({'resources:DISK_GB': '40'}, 40),
                ({'resources_A:DISK_GB': '8', 'resources1:DISK_GB': '3'},
                 11)):
            self.assertEqual((amount,) * 3,
                             self.asked(extra_specs=specs).disks)
        self.assertEqual((10, 7, 17), self.asked(
            extra_specs={'resources:DISK_GB': 'much'}).disks)

    def test_disks_while_it_is_resized(self):
        flavor = base.make_flavor(512, 2)
        flavor.root_gb = 30
        other = base.make_flavor(512, 2)
        other.extra_specs = {'resources:DISK_GB': '4'}
        server = granted.describe(self.system, HERE, self.add(), [flavor],
                                  [other])
        self.assertEqual((30, 4, 34), server.disks)

    def test_processors_that_a_flavor_asks_for(self):
        """Whether its policy gives it dedicated ones or not."""
        for specs, expected in (
                ({'resources:PCPU': '2'}, {orc.PCPU: 2}),
                ({'resources:VCPU': '1', 'resources1:VCPU': '2'},
                 {orc.VCPU: 3})):
            self.assertEqual(dict(expected, MEMORY_MB=512),
                             self.asked(extra_specs=specs).resources)

    def test_policy_that_nova_refuses(self):
        instance = self.add(make_dedicated(2), launched_at=None)
        instance.flavor.extra_specs['hw:cpu_thread_policy'] = 'odd'
        self.assertEqual({orc.PCPU: 2, orc.MEMORY_MB: 512},
                         self.resources(instance))
