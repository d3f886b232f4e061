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

"""Volumes through the VIOSes, on the simulator."""

import fixtures as fx
from lxml import etree
from nova import exception as nova_exc
from oslo_utils import units

from nova_powervm.simulator.jobs import lua_recovery
from nova_powervm.tests.virt.powervm.volume import base

LUA = '0x%02x00000000000000'
VOLUME = base.VOLUME


class VscsiTest(base.VolumeTestCase):

    def setUp(self):
        super().setUp()
        self.warm_up()
        self.before = self.simulated.state()

    def assert_as_before(self):
        self.assertEqual([], self.devices())
        self.assertEqual(self.before, self.simulated.state())

    def test_connect_and_disconnect(self):
        self.site.timing['job_polls'] = 1
        info = self.connection()
        volumes = self.build(info)
        self.requests()

        self.connect(volumes)

        self.assertLessEqual(len(self.requests()), 9)
        self.assertEqual([('vios1', VOLUME % 1, LUA % 0x90),
                          ('vios2', VOLUME % 1, LUA % 0x90)], self.mapped())
        self.assertEqual(LUA % 0x90, info['data']['target_LUA'])

        # With what was kept, as if Nova had been started anew.
        self.disconnect(self.build(info))
        self.assertLessEqual(len(self.requests()), 9)
        self.assert_as_before()

    def test_connecting_twice_is_fine(self):
        info = self.connection()
        self.connect(self.build(info))
        mapped = self.mapped()
        info['data'].pop('target_LUA')
        self.connect(self.build(info))
        self.assertEqual(mapped, self.mapped())

    def test_several_at_once(self):
        infos = [self.connection(number) for number in range(1, 5)]
        volumes = self.build_all(*infos)
        self.requests()
        self.connect(volumes)
        # Two jobs, one read of both, two writes.
        requests = self.requests()
        self.assertLessEqual(len(requests), 9)
        self.assertEqual(2, requests.count('PUT LUARecovery'))
        self.assertEqual([LUA % unit for unit in range(0x90, 0x94)] * 2,
                         [lua for _vios, _name, lua in self.mapped()])
        self.disconnect(self.build_all(*infos))
        self.assert_as_before()

    def test_boot_volume_comes_first(self):
        self.connect(self.build_all(self.connection(2), self.connection(1),
                                    boot=1))
        self.assertEqual([LUA % 0x81, LUA % 0x90] * 2,
                         [lua for _vios, _name, lua in self.mapped()])

    def test_vios_that_takes_one_volume_at_a_time(self):
        answer_all = lua_recovery._recover

        def answer_first(vios, doc):
            answer = etree.fromstring(str(answer_all(vios, doc)))
            del answer.find('deviceList')[1:]
            return etree.tostring(answer, encoding='unicode')

        self.useFixture(fx.MockPatchObject(lua_recovery, '_recover',
                                           answer_first))
        self.connect(self.build_all(
            *[self.connection(number) for number in (1, 2, 3)]))
        self.assertEqual(6, len(self.mapped()))

    def test_one_vios_does_not_answer(self):
        self.fail_discovery('vios1')
        volumes = self.build(self.connection())
        self.connect(volumes)
        self.assertEqual([('vios2', VOLUME % 1, LUA % 0x90)], self.mapped())
        self.simulated.faults.clear()
        self.disconnect(volumes)
        self.assert_as_before()

    def test_path_that_was_missing_gets_the_same_address(self):
        self.fail_discovery('vios1')
        first, second = [self.build(self.connection(number))
                         for number in (1, 2)]
        self.connect(first)
        self.simulated.faults.clear()
        self.connect(second)
        self.connect(first)
        self.assertEqual({LUA % 0x90, LUA % 0x91},
                         {lua for _vios, _name, lua in self.mapped()})
        self.assertEqual(4, len(self.mapped()))

    def test_more_vioses_are_required(self):
        self.flags(vscsi_vios_connections_required=2, group='powervm')
        self.fail_discovery('vios1')
        volumes = self.build(self.connection())
        self.assertRaisesRegex(nova_exc.VolumeAttachFailed, 'No answer',
                               self.connect, volumes)
        volumes.disconnect_now(self.discovered)
        self.assert_as_before()

    def test_device_whose_name_another_volume_has_by_now(self):
        """What is undone twice removes nothing that came in between."""
        volumes = self.build(self.connection())
        discovered = volumes.discover()
        before = self.devices()
        volumes.disconnect_now(discovered)
        self.assertEqual([], self.devices())
        self.build(self.connection(2)).discover()
        self.assertEqual(before, self.devices())
        volumes.disconnect_now(discovered)
        self.assertEqual(before, self.devices())

    def test_vios_that_goes_down(self):
        self.flags(vscsi_vios_connections_required=2, group='powervm')
        volumes = self.build(self.connection())
        volumes.discover()
        self.vios('vios2').set_rmc('inactive')
        self.assertRaises(nova_exc.VolumeAttachFailed, self.connect,
                          volumes)

    def test_detach_while_a_vios_is_down(self):
        info = self.connection()
        self.connect(self.build(info))
        self.vios('vios2').set_rmc('inactive')
        self.disconnect(self.build(info))
        self.assertEqual([('vios2', VOLUME % 1, LUA % 0x90)], self.mapped())

    def test_nobody_sees_it(self):
        info = self.connection()
        self.withdraw()
        volumes = self.build(info)
        self.assertRaisesRegex(nova_exc.VolumeAttachFailed, 'required',
                               self.connect, volumes)
        self.disconnect(volumes)
        self.assert_as_before()

    def test_disconnect_without_udid(self):
        info = self.connection()
        self.connect(self.build(info))
        info['data'].pop('target_UDID')
        self.disconnect(self.build(info))
        self.assert_as_before()

    def test_extend(self):
        info = self.connection()
        self.connect(self.build(info))
        with self.site.lock:
            self.san.extend_volume(VOLUME % 1, 5 * units.Gi)
        self.requests()
        self.build(info).extend(5 * units.Gi)
        self.assertEqual('GET VirtualIOServer', self.requests()[-1])
        self.assertEqual([5 * units.Ki] * 2, [
            hdisk.capacity_mb for hdisk in self.lun().hdisks])

    def test_extend_what_is_gone(self):
        info = self.connection()
        self.withdraw()
        self.assertRaises(nova_exc.VolumeExtendFailed,
                          self.build(info).extend, 5 * units.Gi)

    def test_extend_what_no_vios_maps(self):
        info = self.connection()
        self.assertRaisesRegex(
            nova_exc.VolumeExtendFailed, 'no Virtual I/O Server maps it',
            self.build(info).extend, units.Gi)

    def test_too_many(self):
        volumes = self.build_all(
            *[self.connection(number) for number in range(49)])
        self.assertRaisesRegex(nova_exc.VolumeAttachFailed, '48',
                               self.connect, volumes)
        volumes.disconnect_now(self.discovered)
        self.assert_as_before()

    def test_connection_without_targets(self):
        info = self.connection()
        info['data'].pop('initiator_target_map')
        info['data'].pop('initiator_target_lun_map')
        self.assertRaisesRegex(nova_exc.InvalidVolume, 'initiator_target_map',
                               self.connect, self.build(info))

    def test_unknown_transport(self):
        self.assertRaisesRegex(
            nova_exc.InvalidVolume, 'carrier_pigeon', self.build,
            {'driver_volume_type': 'carrier_pigeon', 'data': {}})

    def test_encrypted(self):
        info = self.connection()
        info['data']['encrypted'] = True
        self.assertRaises(nova_exc.VolumeEncryptionNotSupported,
                          self.build(info).check_encryption)

    def test_wwpns_cost_nothing(self):
        self.requests()
        self.assertEqual(4, len(self.wwpns()))
        self.assertEqual([], self.requests())
