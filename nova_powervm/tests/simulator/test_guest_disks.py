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

"""What a partition sees of its disks, in process and by the control API."""

import functools
import json

import jsonschema
from pypowervm.tasks import power
from pypowervm.tasks import scsi_mapper
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import storage as pvm_stor
from ruamel import yaml

from nova_powervm.simulator import control
from nova_powervm.simulator import disk_io
from nova_powervm.simulator.san import volume as san_volume
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import fc_base


class GuestTest(fc_base.FcTestCase):

    def setUp(self):
        super().setUp()
        self.lpar = self.make_lpar()

    def paths(self, lpar=None):
        """[(volume, VIOS, adapter, address, works), ...]"""
        return [(disk.volume, disk.vios, disk.adapter, disk.lua, disk.works)
                for disk in self.seen(lpar or self.lpar)]

    def with_ports(self):
        """Give the partition a port in each fabric, and it volume 'one'.

        :returns: the first WWPN of each
        """
        wwpns = self.new_wwpns(2)
        self.add_map(self.lpar, wwpns[:2])
        self.add_map(self.lpar, wwpns[2:], port=1, vios=self.vios2)
        self.export(initiators=wwpns[::2], lun=3)
        return wwpns[::2]

    def boot(self):
        power.PowerOp.start(pvm_lpar.LPAR.get(self.adapter,
                                              uuid=self.lpar.uuid))
        return self.lpar.state()['boot']

    # -- virtual SCSI -----------------------------------------------------

    def test_vscsi(self):
        self.volume.disk.write_at(0, b'payload')
        self.connect(self.lpar)
        self.assertEqual([('one', 'vios1', 'vhost0', fc_base.LUA, True),
                          ('one', 'vios2', 'vhost0', fc_base.LUA, True)],
                         self.paths())
        for disk in self.seen(self.lpar):
            self.assertEqual(b'payload', disk.disk.read(0, 7))
            self.assertEqual(self.volume.udid, disk.data()['udid'])
            self.assertIsNone(disk.target)
        self.assertEqual([2, 3], [disk.slot for disk in
                                  self.seen(self.lpar)])

    def test_vscsi_that_does_not_work(self):
        self.connect(self.lpar)
        self.vios.set_state('not activated')
        self.assertEqual([False, True], [path[-1] for path in self.paths()])
        self.volume.set_fault(san_volume.PATH_DOWN)
        self.assertEqual([False, False], [path[-1] for path in self.paths()])
        self.volume.clear_faults()
        self.san.unexport('one', self.wwpns(self.vios2))
        self.assertEqual([False, False], [path[-1] for path in self.paths()])

    def test_other_disks(self):
        self.make_disk('boot_1')
        self.upload()
        for element in (pvm_stor.VDisk.bld_ref(self.adapter, 'boot_1'),
                        pvm_stor.VOptMedia.bld_ref(self.adapter, 'cfg.iso')):
            scsi_mapper.add_vscsi_mapping(None, self.vios.uuid,
                                          self.lpar.uuid, element)
        volume = self.vios2.volumes['hdisk2']
        self.map_hdisk('hdisk2', volume.udid, self.lpar, self.vios2)
        boot, local = self.seen(self.lpar)
        self.assertEqual(('boot_1', None), (boot.backing.name, boot.volume))
        self.assertEqual(('hdisk2', None, 100 * fc_base.GIB),
                         (local.backing.name, local.disk, local.size))
        self.assertEqual([], self.seen(self.make_lpar('vm2')))

    # -- virtual ports ----------------------------------------------------

    def test_npiv(self):
        self.with_ports()
        lua = '0x0003000000000000'
        self.assertEqual([('one', 'vios1', 'vfchost0', lua, True)] * 2 +
                         [('one', 'vios2', 'vfchost0', lua, True)] * 2,
                         self.paths())
        self.assertEqual(
            ['500507680110a001', '500507680120a001', '500507680110a002',
             '500507680120a002'],
            [disk.target for disk in self.seen(self.lpar)])
        self.assertIs(self.volume.disk, self.seen(self.lpar)[0].disk)

    def test_npiv_that_does_not_work(self):
        first, _second = self.with_ports()
        self.san.set_port(self.wwpns(self.vios)[0], False)
        self.assertEqual({'vios2'}, {path[1] for path in self.paths()})
        self.san.set_port(self.wwpns(self.vios)[0], True)
        self.san.set_fabric('B', False)
        self.assertEqual({'vios1'}, {path[1] for path in self.paths()})
        self.san.set_fabric('B', True)
        self.vios.set_state('not activated')
        self.assertEqual({'vios2'}, {path[1] for path in self.paths()})
        self.vios.set_state('running')
        self.volume.set_fault(san_volume.NOT_EXPORTED, [first])
        self.assertEqual({'vios2'}, {path[1] for path in self.paths()})
        self.volume.set_fault(san_volume.WRONG_LUN)
        self.assertEqual({'0x0103000000000000'},
                         {path[3] for path in self.paths()})
        self.san.unexport('one')
        self.assertEqual([], self.paths())

    def test_npiv_size(self):
        self.with_ports()
        self.san.extend_volume('one', 2 * fc_base.GIB)
        self.assertEqual({2 * fc_base.GIB},
                         {disk.size for disk in self.seen(self.lpar)})

    # -- boot -------------------------------------------------------------

    def test_boot_from_a_volume(self):
        self.connect(self.lpar)
        self.assertEqual('one', self.boot()['disk'])

    def test_boot_through_a_virtual_port(self):
        self.with_ports()
        self.assertEqual('one', self.boot()['disk'])

    def test_boot_string(self):
        self.with_ports()
        path = ('/vdevice/vfc-client@30000002/disk@500507680110a001,'
                '3000000000000')
        with self.site.lock:
            self.lpar.booted(boot_string=path)
        self.assertEqual('one', self.lpar.state()['boot']['disk'])

    def test_no_boot_without_a_path(self):
        self.connect(self.lpar)
        self.volume.set_fault(san_volume.PATH_DOWN)
        self.assertIsNone(self.boot()['disk'])


class ControlTest(GuestTest):
    """The same for those who are not in this process."""

    def setUp(self):
        super().setUp()
        self.client = powervm_fixtures.Client(self.host)

    @functools.cached_property
    def document(self):
        return yaml.YAML(typ='safe', pure=True).load(control.openapi_text())

    def act(self, action, status=200, /, **data):
        reply = self.client.request('POST', '/simulator/control', json.dumps(
            dict(data, action=action)))
        self.assertEqual(status, reply.status, reply.body)
        return reply.json

    def seen(self, lpar):
        """Check what the API shows, and return what is in process."""
        seen = super().seen(lpar)
        shown = self.client.get('/simulator/partitions/%s/disks' %
                                lpar.name).json['disks']
        self.assertEqual([disk.data() for disk in seen], shown)
        schema = {'$ref': '#/components/schemas/GuestDisk',
                  'components': self.document['components']}
        for disk in shown:
            jsonschema.validate(disk, schema)
        return seen

    def test_hash(self):
        self.connect(self.lpar)
        shown = self.client.get('/simulator/partitions/vm1/disks?sha256=100')
        self.assertEqual([self.volume.disk.sha256(100)] * 2,
                         [disk['sha256'] for disk in shown.json['disks']])
        for path, status in (('nobody/disks', 404),
                             ('vm1/disks?sha256=x', 400)):
            self.assertEqual(status, self.client.get(
                '/simulator/partitions/' + path).status)

    def test_life_of_a_volume(self):
        wwpns = self.wwpns(self.vios)
        size = fc_base.GIB
        made = self.act('create_volume', volume='two', size_bytes=size)
        self.assertEqual(size, made['size_bytes'])
        data = self.act('export_volume', volume='two', initiators=wwpns,
                        lun=4)
        self.assertEqual(4, data['target_lun'])
        self.assertEqual(set(wwpns), set(data['initiator_target_map']))
        # It is what Cinder hands to Nova, as it is.
        self.assertEqual(self.site.san.connection('two', wwpns), data)
        grown = self.act('extend_volume', volume='two', size_bytes=2 * size)
        self.assertEqual(2 * size, grown['size_bytes'])
        broken = self.act('set_volume_fault', volume='two', fault='path_down',
                          wwpns=wwpns[:1])
        self.assertEqual({'path_down': [wwpns[0].lower()]}, broken['faults'])
        self.act('clear_volume_faults', volume='two')
        self.act('delete_volume', 400, volume='two')
        self.act('unexport_volume', volume='two', initiators=wwpns[:1])
        self.act('unexport_volume', volume='two')
        self.act('delete_volume', volume='two')
        self.act('delete_volume', 404, volume='two')

    def test_copy_of_a_volume(self):
        self.act('create_volume', volume='two', size_bytes=fc_base.GIB)
        path = '/simulator/disks/%s?length=5'
        self.client.request('POST', path % 'two', b'bytes')
        two = self.site.san.volume('two')
        for name, size in (('three', None), ('four', 2 * fc_base.GIB)):
            made = self.act('copy_volume', volume=name, source='two', **(
                {'size_bytes': size} if size else {}))
            self.assertEqual((size or fc_base.GIB, {}),
                             (made['size_bytes'], made['exports']))
            self.assertNotEqual(two.naa, made['naa'])
            self.assertEqual(b'bytes', self.client.get(path % name).body)
        # The copy does not follow its source.
        self.client.request('POST', path % 'two', b'other')
        self.act('delete_volume', volume='two')
        self.assertEqual(b'bytes', self.client.get(path % 'three').body)
        before = self.site.san.state()
        for status, data in (
                (404, {'volume': 'five', 'source': 'two'}),
                (409, {'volume': 'four', 'source': 'three'}),
                (400, {'volume': 'five', 'source': 'four',
                       'size_bytes': 1}),
                (404, {'volume': 'five', 'source': 'four', 'array': 'no'}),
                (400, {'volume': 'five', 'source': 'four',
                       'size_bytes': 10 ** 15})):
            self.act('copy_volume', status, **data)
        self.assertEqual(before, self.site.san.state())

    def test_bad_requests(self):
        for action, data in (
                ('create_volume', {'volume': 'two'}),
                ('create_volume', {'volume': 'two', 'size_bytes': 0}),
                ('export_volume', {'volume': 'one', 'initiators': []}),
                ('export_volume', {'volume': 'one', 'initiators': ['x']}),
                ('set_volume_fault', {'volume': 'one', 'fault': 'x'}),
                ('set_fabric', {'fabric': 'A'})):
            self.act(action, 400, **data)

    def test_network(self):
        self.act('set_fabric', fabric='A', up=False)
        self.act('set_fc_port', wwpn=self.wwpns(self.vios)[0], up=False)
        network = self.client.get('/simulator/san').json
        self.assertEqual([{'name': 'A', 'up': False},
                          {'name': 'B', 'up': True}], network['fabrics'])
        self.assertEqual(4, len(network['arrays'][0]['targets']))
        self.assertEqual({'host': 'server1', 'vios': 'vios1', 'name': 'fcs0',
                          'wwpn': '10000090fa1ba101', 'up': False,
                          'fabric': 'A'}, network['ports'][0])
        self.assertEqual([self.volume.state()], network['volumes'])

    def test_bytes_of_a_volume(self):
        self.client.request('POST', '/simulator/disks/one?offset=3', b'data')
        self.assertEqual(b'data', self.volume.disk.read(3, 4))
        self.assertEqual(self.volume, disk_io.find(self.host, 'one').backing)
        self.assertIn('one', [disk['name'] for disk in self.client.get(
            '/simulator/disks').json['disks']])
