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

"""What an operation does to volumes of several transports."""

from unittest import mock

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import driver


class Red(driver.VolumeTransport):
    """A transport that notes what it is called with."""

    DRIVER_VOLUME_TYPE = 'red'
    calls = None

    @classmethod
    def connector_properties(cls, host, instance):
        return {cls.DRIVER_VOLUME_TYPE: instance.uuid}

    @property
    def ids(self):
        return [vol.id for vol in self.volumes]

    def note(self, method, *args):
        self.host.calls.append((method, self.DRIVER_VOLUME_TYPE, *args))

    def discover(self):
        return 'seen %s' % self.ids

    def check(self, discovered):
        self.note('check', discovered)

    def connect(self, stg, discovered, replaces=None):
        if self.host.broken in self.ids:
            raise nova_exc.VolumeAttachFailed(volume_id='x', reason='y')
        self.note('connect', discovered)

    def disconnect(self, stg, discovered=None, server_going=False):
        self.note('disconnect', discovered, server_going)

    def extend(self, volume, size):
        self.note('extend', volume.id, size)

    def addresses(self, discovered):
        return {volume_id: device_addresses.DeviceAddress('0x90', discovered)
                for volume_id in self.ids}


class Blue(Red):
    """Another one, whose volumes are connected together or not at all."""

    DRIVER_VOLUME_TYPE = 'blue'
    xag = (vios_mappings.FC_MAPPING,)
    needs_io_change = False
    disconnect_changes_io = False

    @classmethod
    def connector_properties(cls, host, instance):
        return {**super().connector_properties(host, instance), 'host': 'b'}

    @classmethod
    def may_have_left(cls, host, instance):
        return True

    def split(self):
        return [self]


class InstanceVolumesTest(base.TestCase):

    def setUp(self):
        super().setUp()
        here = '%s.' % __name__
        patch = mock.patch.object(volume, 'TRANSPORTS',
                                  (here + 'Red', here + 'Blue'))
        patch.start()
        self.addCleanup(patch.stop)
        self.host = mock.Mock(calls=[], broken=None)
        self.instance = base.make_instance(system_metadata={})

    def bdms(self, *kinds):
        """Volumes a, b, c..., each of the transport of that name."""
        return [{'connection_info': {'driver_volume_type': kind,
                                     'serial': name}}
                for name, kind in zip('abcdefg', kinds)]

    def build(self, *kinds):
        return volume.build_all(self.host, self.instance, self.bdms(*kinds))

    def test_connector_properties(self):
        """What all transports tell is merged."""
        self.flags(host='host', my_block_storage_ip='192.0.2.1')
        self.assertEqual(
            {'ip': '192.0.2.1', 'host': 'b', 'initiator': None,
             'multipath': False, 'red': self.instance.uuid,
             'blue': self.instance.uuid},
            volume.connector_properties(self.host, self.instance))

    def test_unknown_type(self):
        exc = self.assertRaises(nova_exc.InvalidVolume, self.build, 'green')
        self.assertIn('blue, red', str(exc))

    def test_one_object_for_each_transport(self):
        volumes = self.build('red', 'blue', 'red')
        self.assertEqual([(Red, ['a', 'c']), (Blue, ['b'])], [
            (type(found), found.ids) for found in volumes.transports])
        self.assertEqual('a, c, b', str(volumes))
        self.assertEqual(
            [vios_mappings.FC_MAPPING, vios_mappings.SCSI_MAPPING],
            volumes.xag)

    def test_each_gets_what_it_has_discovered(self):
        volumes = self.build('red', 'blue')
        discovered = volumes.discover()
        volumes.check(discovered)
        volumes.connect(None, discovered)
        volumes.undo_connect(None, discovered)
        volumes.disconnect(None, server_going=True)
        red, blue = "seen ['a']", "seen ['b']"
        self.assertEqual([
            ('check', 'red', red), ('check', 'blue', blue),
            ('connect', 'red', red), ('connect', 'blue', blue),
            ('disconnect', 'red', red, False),
            ('disconnect', 'blue', blue, False),
            ('disconnect', 'red', None, True),
            ('disconnect', 'blue', None, True)], self.host.calls)
        self.assertEqual({'a': ('0x90', red), 'b': ('0x90', blue)},
                         volumes.addresses(discovered))

    def test_change_of_adapters(self):
        for kinds, changes in ((('red',), True), (('blue',), False),
                               (('blue', 'red'), True)):
            volumes = self.build(*kinds)
            self.assertEqual(changes, volumes.needs_io_change)
            self.assertEqual(changes, volumes.disconnect_changes_io)

    def test_extend(self):
        self.build('red').extend(5)
        self.assertEqual([('extend', 'red', 'a', 5)], self.host.calls)

    def test_what_a_removed_instance_may_have(self):
        volumes = volume.build_for_removal(self.host, self.instance,
                                           self.bdms('red', 'green'))
        self.assertEqual([(Red, ['a']), (Blue, [])], [
            (type(found), found.ids) for found in volumes.transports])

    def test_nothing(self):
        self.assertFalse(self.build())

    def test_each_is_tried_if_not_all_can_be(self):
        self.host.broken = 'b'
        with mock.patch.object(transaction.StorageTransaction, 'immediate'):
            self.assertRaises(
                nova_exc.VolumeAttachFailed,
                self.build('red', 'red', 'blue', 'blue').connect_now)
        self.assertEqual(
            ['a', 'c, d'], [call[2][6:-1].replace("'", '')
                            for call in self.host.calls
                            if call[0] == 'connect'])

    def test_only_one_is_tried_once(self):
        self.host.broken = 'a'
        with mock.patch.object(transaction.StorageTransaction, 'immediate'):
            self.assertRaises(nova_exc.VolumeAttachFailed,
                              self.build('red').connect_now)
        self.assertEqual(1, len(self.host.calls))
