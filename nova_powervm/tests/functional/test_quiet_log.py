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

"""A day of ordinary operations through Nova's API: nothing is warned of."""

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import volumes


class DayTest(base.PowerVMTestCase):

    IS_QUIET = True

    def test_day(self):
        server = self.boot(networks='none')
        port = self.neutron.port_1
        self._attach_interface(server, port['id'])
        self._detach_interface(server, port['id'])
        self._attach_interface(server, port['id'])
        for hard in (False, True):
            self._reboot_server(server, hard=hard)
        self._rebuild_server(server, self.glance.image3['id'])
        self._stop_server(server)
        self.tell_of_deleted_port(server, self.neutron.port_1)
        self._delete_server(server)

    def tell_of_deleted_port(self, server, port):
        """Tell Nova what Neutron does when a port is deleted."""
        self.api.create_server_external_events([{
            'name': 'network-vif-deleted', 'server_uuid': server['id'],
            'tag': port['id']}])


class VolumeDayTest(volumes.VolumeCase):

    IS_QUIET = True

    def test_day(self):
        server = self.boot_with((1, 2), boots=True)
        self.assertTrue(self.attach(server, 3))
        self._stop_server(server)
        self._start_server(server)
        self.assertTrue(self.detach(server, 3))
        self._delete_server(server)
