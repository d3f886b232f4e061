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

"""Devices of volumes of a server that is not on a host any more."""

from unittest import mock

from pypowervm import exceptions as pvm_exc

from nova_powervm.tests.virt.powervm.volume import base
from nova_powervm.virt.powervm.volume import departure
from nova_powervm.virt.powervm.volume import owners


class DepartureTest(base.VolumeTestCase):

    def setUp(self):
        super().setUp()
        self.warm_up()
        self.volumes = self.build_all(self.connection(1), self.connection(2))
        self.volumes.discover()
        self.udids = {lun.id: lun.udid for lun in (self.lun(1), self.lun(2))}
        self.needed = set()
        self.patch_needed()

    def patch_needed(self):
        patcher = mock.patch.object(
            owners, 'is_of_others',
            side_effect=lambda _host, _instance, volume_id, _udid:
            volume_id in self.needed)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_forget(self):
        self.assertEqual(4, len(self.devices()))
        self.requests()
        departure.forget(self.host, self.instance, self.udids)
        self.assertEqual([], self.devices())
        self.assertEqual(['GET VirtualIOServer'], [
            request for request in self.requests() if 'GET' in request and
            'jobs' not in request])

    def test_nothing(self):
        self.requests()
        departure.forget(self.host, self.instance, {})
        self.assertEqual([], self.requests())

    def test_others(self):
        """A device of another volume, one that is mapped, one needed."""
        del self.udids[base.VOLUME % 2]
        departure.forget(self.host, self.instance, self.udids)
        self.assertEqual(2, len(self.devices()))
        self.connect(self.build(self.connection(1)))
        departure.forget(self.host, self.instance, self.udids)
        self.assertEqual(4, len(self.devices()))
        self.disconnect(self.build(self.connection(1)))
        self.needed.add(base.VOLUME % 2)
        departure.forget(self.host, self.instance,
                         {base.VOLUME % 2: self.lun(2).udid})
        self.assertEqual(2, len(self.devices()))

    def test_vios_is_down(self):
        with self.site.lock:
            self.vios('vios2').set_rmc('inactive')
        departure.forget(self.host, self.instance, self.udids)
        self.assertEqual({'vios2'}, {name for name, _hdisk in self.devices()})
        self.assertEqual({self.vios('vios2').uuid},
                         {uuid.upper() for uuid in
                          self.host.take_missed_vioses()})

    def test_nobody_knows_what_is_mapped(self):
        self.simulated.faults.add({
            'effect': 'status', 'status': 500, 'count': 0,
            'path': '/VirtualIOServer'})
        self.assertRaises(pvm_exc.Error, departure.forget, self.host,
                          self.instance, self.udids)
        self.assertEqual(4, len(self.devices()))
