# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What an operator does to a host, past the REST API."""

import json

from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import power as pvm_power
from pypowervm.tasks import power_opts as pvm_popts
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import logical_partition as pvm_lpar

from nova_powervm.simulator import errors
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import storage_base

GIB = storage_base.GIB
DISK = {'vios': 'vios1', 'volume_group': 'datavg', 'name': 'their_boot',
        'size_bytes': GIB, 'content': b'theirs'}
MEDIUM = {'vios': 'vios1', 'name': 'their.iso', 'content': b'iso'}


class OperatorTest(storage_base.StorageTestCase):

    def setUp(self):
        super().setUp()
        self.operator = self.host.operator
        self.before = self.site.state()

    def assertRefuses(self, text, method, *args, **kwargs):
        """Check that the platform says no, and that nothing has changed."""
        before = self.site.state()
        exc = self.assertRaises(errors.RestError, method, *args, **kwargs)
        self.assertIn(text, exc.message)
        self.assertEqual(before, self.site.state())


class StorageTest(OperatorTest):

    def test_disk(self):
        etag = self.group.etag
        disk = self.operator.create_disk(**DISK)
        self.assertNotEqual(etag, self.group.etag)
        [shown] = self.group_w().virtual_disks
        self.assertEqual(('their_boot', disk.udid, 1.0),
                         (shown.name, shown.udid, shown.capacity))
        self.assertEqual(b'theirs\0', disk.disk.read(0, 7))
        self.operator.delete_disk('vios1', 'their_boot')
        self.assertEqual([], self.group_w().virtual_disks)
        self.assertEqual(self.before, self.site.state())

    def test_disks_that_cannot_be(self):
        self.operator.create_disk(**DISK)
        for text, changes in (
                ('already exists in VIOS vios1', {}),
                ('not a name for a virtual disk', {'name': 'x' * 16}),
                ('no volume group nope', {'volume_group': 'nope'}),
                ('is not a VIOS', {'vios': 'novalink'}),
                ('no partition vios9', {'vios': 'vios9'}),
                ('GB free', {'name': 'big', 'size_bytes': 4000 * GIB}),
                ('6 bytes do not fit', {'name': 'b', 'size_bytes': 5}),
                ('needs a size', {'name': 'b', 'size_bytes': 0})):
            self.assertRefuses(text, self.operator.create_disk,
                               **dict(DISK, **changes))
        self.operator.map_storage('vios1', 'their_boot')
        self.assertRefuses('is mapped to', self.operator.delete_disk,
                           'vios1', 'their_boot')
        self.assertRefuses('is a PhysicalVolume', self.operator.delete_disk,
                           'vios1', 'hdisk10')
        self.vios.halted()
        for method, arguments in (
                (self.operator.create_disk, DISK),
                (self.operator.create_medium, MEDIUM),
                (self.operator.map_storage,
                 {'vios': 'vios1', 'storage': 'hdisk11'})):
            self.assertRefuses('its state is not activated', method,
                               **arguments)

    def test_medium(self):
        medium = self.operator.create_medium(**MEDIUM)
        repository = self.group_w(self.group_of(self.vios, 'rootvg'))
        self.assertEqual(['their.iso'], [
            m.name for m in repository.vmedia_repos[0].optical_media])
        self.assertEqual((3, b'iso'), (medium.size, medium.disk.read(0, 9)))
        self.assertRefuses('already', self.operator.create_medium, **MEDIUM)
        self.assertRefuses('bytes free', self.operator.create_medium,
                           'vios1', 'b.iso', b'', 11 * GIB)
        self.assertRefuses('no media repository',
                           self.operator.create_medium, 'vios2', 'b.iso',
                           b'x')
        self.operator.delete_medium('vios1', 'their.iso')
        self.assertEqual(self.before, self.site.state())

    def test_map_and_unmap(self):
        lpar = self.make_lpar()
        self.operator.create_disk(**DISK)
        self.operator.create_medium(**MEDIUM)
        before = self.site.state()
        target = self.operator.map_storage('vios1', 'their_boot', 'vm1')
        self.operator.map_storage('vios1', 'hdisk10', lpar.partition_id)
        self.operator.map_storage('vios1', 'hdisk11', lpar.uuid, slot=9,
                                  server_slot=70, target_name='mine')
        self.assertEqual(
            [('their_boot', 'vhost0', 2), ('hdisk10', 'vhost0', 2),
             ('hdisk11', 'vhost1', 9)],
            [(m['storage'], m['adapter'], m['client_slot'])
             for m in self.vios.state()['mappings']])
        self.assertEqual(['vm1'], target.backing.clients())
        smap = self.vios_w().scsi_mappings[2]
        self.assertEqual(('mine', 70), (smap.target_dev.name,
                                        smap.server_adapter.vios_slot_num))
        for text, arguments in (
                ('already mapped', {'storage': 'hdisk10'}),
                ('cannot map storage to itself',
                 {'partition': 'vios1', 'storage': 'their.iso'}),
                ('belongs to volume group', {'storage': 'hdisk0'}),
                ('no storage nope', {'storage': 'nope'})):
            self.assertRefuses(text, self.operator.map_storage, 'vios1',
                               **arguments)
        self.assertRefuses('has not mapped', self.operator.unmap_storage,
                           'vios1', 'hdisk10', 'novalink')
        for name in ('hdisk11', 'their_boot', 'hdisk10'):
            self.operator.unmap_storage('vios1', name)
        self.assertEqual(before, self.site.state())

    def test_what_adapters_for_any_client_refuse(self):
        self.operator.map_storage('vios1', 'hdisk10', target_name='a')
        for text, arguments in (
                ('already has a target device a', {'target_name': 'a'}),
                ('no slot of a partition', {'slot': 3})):
            self.assertRefuses(text, self.operator.map_storage, 'vios1',
                               'hdisk11', **arguments)


class LogicalUnitTest(storage_base.PoolTestCase):

    def test_life(self):
        before = self.site.state()
        operator = self.host.operator
        unit = operator.create_logical_unit('theirs', GIB, b'data')
        self.assertEqual(['theirs'], [
            lu.name for lu in self.tier_w() and self.pool.units])
        self.assertEqual(b'data', unit.disk.read(0, 4))
        self.assertTrue(unit.used)
        self.assertEqual(unit.udid, self.adapter.read(
            'Tier', root_id=self.tier.uuid, child_type='LogicalUnit'
            ).feed.entries[0].element.findtext('UniqueDeviceID'))
        again = operator.create_logical_unit('theirs', GIB, tier='SYSTEM')
        for method, arguments in (
                (operator.delete_logical_unit, ('theirs',)),
                (operator.delete_logical_unit, ('nope',)),
                (operator.create_logical_unit, ('a b', GIB)),
                (operator.create_logical_unit, ('a', GIB, b'', 'nope')),
                (operator.create_logical_unit, ('a', GIB, b'', None, 'no'))):
            self.assertRaises(errors.RestError, method, *arguments)
        operator.map_storage('vios1', unit.udid)
        self.assertRaises(errors.Refused, operator.delete_logical_unit,
                          unit.udid)
        operator.unmap_storage('vios1', unit.udid)
        for each in (unit, again):
            operator.delete_logical_unit(each.udid)
        self.assertEqual(before, self.site.state())


class PartitionTest(OperatorTest):

    def test_foreign_partition(self):
        lpar = self.operator.create_partition(
            'theirs', id=7, memory_mb=2048, disk=DISK, medium=MEDIUM,
            adapters=[{'switch': 'ETHERNET0(Default)', 'vlan': 9}])
        lpar_w = pvm_lpar.LPAR.get(self.adapter, uuid=lpar.uuid)
        self.assertEqual(
            ('theirs', 7, 2048, 'running', 'active'),
            (lpar_w.name, lpar_w.id, lpar_w.mem_config.desired,
             lpar_w.state, lpar_w.rmc_state))
        self.assertEqual(
            [('their_boot', 'theirs'), ('their.iso', 'theirs')],
            [(m['storage'], m['lpar'])
             for m in self.vios.state()['mappings']])
        self.assertEqual('their_boot', lpar.boot['disk'])
        self.assertEqual([9], [a['pvid'] for a in lpar.state()['adapters']])
        self.operator.delete_partition('theirs')
        self.assertEqual([(None, 7, 'their_boot'), (None, 7, 'their.iso')],
                         [(m['lpar'], m['lpar_id'], m['storage'])
                          for m in self.vios.state()['mappings']])
        self.assertIsNone(self.host.partition(7))
        for name in ('their_boot', 'their.iso'):
            self.operator.unmap_storage('vios1', name)
        self.operator.delete_disk('vios1', 'their_boot')
        self.operator.delete_medium('vios1', 'their.iso')
        self.assertEqual(self.before, self.site.state())

    def test_id_is_used_again(self):
        self.make_disk()
        self.operator.create_partition('a', id=9)
        self.operator.map_storage('vios1', 'boot_1', 'a')
        self.operator.delete_partition('a')
        lpar = self.operator.create_partition('b', id=9, disk=DISK)
        self.assertEqual([(None, 9), ('b', 9)], [
            (m['lpar'], m['lpar_id'])
            for m in self.vios.state()['mappings']])
        self.assertEqual(['their_boot'], [
            disk.backing.name for disk in self.host.lpar_disks(lpar)])

    def test_partitions_that_cannot_be(self):
        self.make_disk('taken')
        vios_id = self.vios.partition_id
        for text, arguments in (
                ('name novalink already exists', {'name': 'novalink'}),
                ('is not free', {'id': vios_id}),
                ('with the UUID', {'uuid': self.vios.uuid.lower()}),
                ('not enough memory', {'memory_mb': 1024 ** 2}),
                ('management partition', {'management': True}),
                ("'colour' was unexpected", {'colour': 'red'}),
                ('no switch', {'adapters': [{'switch': 'nope'}]}),
                ('disk with the name taken',
                 {'disk': dict(DISK, name='taken')}),
                ('no media repository',
                 {'disk': DISK, 'medium': dict(MEDIUM, vios='vios2')})):
            self.assertRefuses(text, self.operator.create_partition,
                               **dict({'name': 'theirs'}, **arguments))

    def test_what_cannot_be_deleted(self):
        for name in ('novalink', 'vios1'):
            self.assertRefuses('cannot be deleted',
                               self.operator.delete_partition, name)


class CrashTest(OperatorTest):
    """A partition in the state error."""

    def setUp(self):
        super().setUp()
        self.lpar = self.operator.create_partition('vm1', disk=DISK)
        self.assertEqual('active', self.lpar.rmc)
        self.lpar.crashed()

    def wrapper(self):
        return pvm_lpar.LPAR.get(self.adapter, uuid=self.lpar.uuid)

    def test_how_it_looks(self):
        lpar_w = self.wrapper()
        self.assertEqual((pvm_bp.LPARState.ERROR, 'inactive'),
                         (lpar_w.state, lpar_w.rmc_state))
        self.assertEqual('Unknown', self.lpar.os_version)
        self.assertFalse(lpar_w.can_modify_io()[0])
        self.assertFalse(self.lpar.can_change_io)

    def test_power_off_at_once(self):
        pvm_power.PowerOp.stop(
            self.wrapper(), opts=pvm_popts.PowerOffOpts().vsp_hard())
        self.assertEqual('not activated', self.lpar.partition_state)
        pvm_power.PowerOp.start(self.wrapper(), None)
        self.assertEqual(('running', 'their_boot'),
                         (self.lpar.partition_state, self.lpar.boot['disk']))

    def test_restart(self):
        pvm_power.PowerOp.stop(
            self.wrapper(),
            opts=pvm_popts.PowerOffOpts().vsp_hard().restart())
        self.assertEqual('running', self.lpar.partition_state)

    def test_power_on_is_refused(self):
        exc = self.assertRaises(
            pvm_exc.VMPowerOnFailure, pvm_power.PowerOp.start,
            self.wrapper(), None)
        self.assertIn('HSCL3683', str(exc))
        self.assertEqual('error', self.lpar.partition_state)

    def test_no_operating_system_to_shut_down(self):
        self.lpar.rmc = 'active'
        self.lpar.touch()
        exc = self.assertRaises(
            pvm_exc.VMPowerOffFailure, pvm_power.PowerOp.stop,
            self.wrapper(), opts=pvm_popts.PowerOffOpts().os_immediate())
        self.assertIn('HSCL0DB4', str(exc))

    def test_clients_cannot_delete_it(self):
        self.assertRefused('HSCL1575', self.adapter.delete,
                           'LogicalPartition', root_id=self.lpar.uuid)
        self.operator.delete_partition('vm1')
        self.assertIsNone(self.host.partition(self.lpar.partition_id))


class ControlTest(storage_base.StorageTestCase):
    """The same through the control API."""

    def act(self, action, status=200, /, **data):
        reply = powervm_fixtures.Client(self.host).request(
            'POST', '/simulator/control',
            json.dumps(dict(data, action=action)))
        self.assertEqual(status, reply.status, reply.body)
        return reply.json

    def test_foreign_things(self):
        before = self.site.state()
        made = self.act('create_partition', name='theirs', id=5,
                        running=False, disk=dict(DISK, content='ours?'),
                        medium=dict(MEDIUM, content='iso'))
        self.assertEqual(('theirs', 5, 'not activated'),
                         (made['name'], made['id'], made['state']))
        [disk] = self.host.lpar_disks(self.host.partition(5))
        self.assertEqual(b'ours?', disk.disk.read(0, 5))
        self.act('delete_partition', partition=5)
        for name in ('their_boot', 'their.iso'):
            self.act('unmap_storage', vios='vios1', storage=name)
        self.act('delete_disk', vios='vios1', name='their_boot')
        self.act('delete_medium', vios='vios1', name='their.iso')
        self.assertEqual(before, self.site.state())

    def test_any_client(self):
        disk = self.act('create_disk', **dict(DISK, content=''))
        self.assertEqual([], disk['mapped_to'])
        mapping = self.act('map_storage', vios='vios1', storage=disk['udid'],
                           server_slot=50, target_name='theirs')
        self.assertEqual((65535, 50, 'theirs'), (
            mapping['lpar_id'], mapping['server_slot'], mapping['target']))
        self.act('create_medium', vios=2, name='a.iso', size_bytes=5)
        lpar = self.act('create_partition', name='b', id=8)
        mapping = self.act('map_storage', vios='vios1', storage='a.iso',
                           partition=lpar['uuid'])
        self.assertEqual(('b', 2), (mapping['lpar'], mapping['client_slot']))

    def test_crash(self):
        self.act('create_partition', name='b')
        state = self.act('set_partition_state', partition='b', state='error')
        self.assertEqual(('error', 'inactive'), (state['state'],
                                                 state['rmc']))

    def test_wrong_actions(self):
        for action, data in (
                ('create_disk', {'vios': 'vios1'}),
                ('create_disk', dict(DISK, content=5)),
                ('create_partition', {'name': 'b', 'disk': {'name': 'x'}}),
                ('create_partition', {'name': 'b', 'adapters': [{'x': 1}]}),
                ('delete_partition', {}),
                ('create_logical_unit', {'name': 'b'}),
                ('map_storage', {'storage': 'hdisk10'})):
            self.act(action, 400, **data)
        self.act('create_logical_unit', 404, name='b', size_bytes=1)
