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

import testtools

from nova_powervm.demo import steps

SERVER = {'name': 'demo-1', 'OS-EXT-SRV-ATTR:instance_name': 'instance-1',
          'addresses': {'private': [{
              'addr': '192.168.1.3',
              'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:03'}]}}


def _mapping(kind, name):
    return {'lpar_id': 4, 'kind': kind, 'storage': name}


def _state(**lpar):
    return {
        'LogicalPartition': [dict({
            'name': 'instance-1', 'id': 4, 'state': 'running',
            'adapters': [{'mac': 'FA163E000003'}, {'mac': 'FA0020000002'}]},
            **lpar)],
        'VirtualIOServer': [{'name': 'vios1', 'mappings': [
            _mapping('VirtualDisk', 'b_1'),
            _mapping('VirtualOpticalMedia', 'cfg_1.iso')]}]}


class FakeHost:

    def __init__(self, state, checksum='00'):
        self._state = state
        self._checksum = checksum

    def state(self):
        return self._state

    def disk_checksum(self, name, length):
        return self._checksum


class FakeDemo:
    """A demo on a host that is as a test wants it."""

    def __init__(self, host):
        self.cloud = self
        self.host = host
        self.servers = [SERVER]
        self.image = {'size': 1}
        self.image_sha256 = '00'
        self.state_before = _state()


class StepsTest(testtools.TestCase):
    """The steps see what is wrong."""

    def _compare(self, state):
        steps.compare(FakeDemo(FakeHost(state)))

    def test_a_server_as_it_should_be(self):
        self._compare(_state())

    def test_lpar_missing(self):
        state = _state(name='another')
        error = self.assertRaises(steps.Failure, self._compare, state)
        self.assertIn('no LPAR instance-1', str(error))

    def test_lpar_off(self):
        self.assertRaises(steps.Failure, self._compare,
                          _state(state='not activated'))

    def test_adapter_missing(self):
        self.assertRaises(steps.Failure, self._compare,
                          _state(adapters=[{'mac': 'FA163E000003'}]))

    def test_wrong_mac_address(self):
        self.assertRaises(
            steps.Failure, self._compare,
            _state(adapters=[{'mac': 'FA163E000004'}, {'mac': '0'}]))

    def test_mapping_missing(self):
        state = _state()
        del state['VirtualIOServer'][0]['mappings'][1]
        self.assertRaises(steps.Failure, self._compare, state)

    def test_other_bytes_on_the_disk(self):
        steps.read_back(FakeDemo(FakeHost(_state())))
        error = self.assertRaises(
            steps.Failure, steps.read_back,
            FakeDemo(FakeHost(_state(), checksum='01')))
        self.assertIn('b_1', str(error))

    def test_something_left_behind(self):
        steps.compare_with_before(FakeDemo(FakeHost(_state())))
        state = _state()
        state['LogicalPartition'] *= 2
        error = self.assertRaises(steps.Failure, steps.compare_with_before,
                                  FakeDemo(FakeHost(state)))
        self.assertIn('LogicalPartition', str(error))

    def test_vlans_left_behind(self):
        """The driver keeps them, and no more."""
        demo = FakeDemo(FakeHost(_state()))
        demo.state_before.update(NetworkBridge=[1], ClientNetworkAdapter=[])
        state = demo.host.state()
        state.update(NetworkBridge=[2], ClientNetworkAdapter=[{'sea': 'ent5'}])
        self.assertIn('only VLANs', steps.compare_with_before(demo))
        state['ClientNetworkAdapter'].append({'sea': None})
        self.assertRaises(steps.Failure, steps.compare_with_before, demo)
