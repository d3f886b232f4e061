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

"""What Nova makes of servers whose operations fail."""

import contextlib
import itertools

from nova.tests.functional.api import client as api_client

from nova_powervm.tests.functional import handover
from nova_powervm.tests.functional import shared


class ServerTest(handover.HandOverCase):
    """Operations on one host."""

    NOVA = shared.PoolNova

    def test_create(self):
        self.hand_over(lambda _none: self.create(), [
            'ACTIVE running on compute1',
            'ERROR no state on None',
            'ERROR no state on None',
            'ERROR no state on None',
            'ACTIVE running on compute1'], lambda: None,
            settle=self.delete)

    def test_delete(self):
        self.hand_over(self.nova.delete, [
            'gone',
            'ERROR running on compute1, failed',
            'ERROR running on compute1, failed',
            'ERROR running on compute1, failed',
            'gone'], self.make_server,
            settle=self.delete)

    def delete(self, server):
        """Delete a server that could not be made, or not be deleted."""
        if self.seen(server) != 'gone':
            self.assertIsNone(self.nova.delete(server))

    def test_stop(self):
        self.hand_over(self.act('os-stop'), [
            'SHUTOFF shut down on compute1'] * 5)

    def test_start(self):
        self.hand_over(self.act('os-start'), [
            'ACTIVE running on compute1',
            'SHUTOFF shut down on compute1, failed',
            'SHUTOFF shut down on compute1, failed',
            'SHUTOFF shut down on compute1, failed',
            'ACTIVE running on compute1'],
            self.after(self.act('os-stop')))

    def test_soft_reboot(self):
        self.hand_over(self.act('reboot', {'type': 'SOFT'}), [
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1'])

    def test_hard_reboot(self):
        """If it is not done at once, the server is stopped, then started."""
        self.hand_over(self.act('reboot', {'type': 'HARD'}), [
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1'])

    def test_hard_reboot_of_a_stopped_server(self):
        """It may be missing something. Its start is the only write."""
        self.hand_over(self.act('reboot', {'type': 'HARD'}), [
            'ACTIVE running on compute1',
            'ERROR shut down on compute1, failed',
            'ERROR shut down on compute1, failed',
            'ERROR shut down on compute1, failed',
            'ACTIVE running on compute1'],
            self.after(self.act('os-stop')))

    def test_rebuild(self):
        self.hand_over(self.act('rebuild', {
            'imageRef': self.nova.glance.image3['id']}), [
                'ACTIVE running on compute1',
                'ACTIVE running on compute1',
                'ERROR running on compute1, failed',
                'ERROR running on compute1, failed',
                'ACTIVE running on compute1'],
            settle=self.replace,
            # Nova drops it, whatever the driver: it takes the host for the
            # target of an evacuation.
            stale=[(0, 0)])

    def replace(self, server):
        """Go on with another server if Nova has not rebuilt this one."""
        if 'failed' in self.seen(server):
            self.delete(server)
            type(self)._server = None

    def test_rescue(self):
        self.hand_over(self.act('rescue'), [
            'RESCUE running on compute1',
            'RESCUE running on compute1',
            'RESCUE running on compute1',
            'RESCUE running on compute1',
            'RESCUE running on compute1'])

    def test_unrescue(self):
        self.hand_over(self.act('unrescue'), [
            'ACTIVE running on compute1',
            'ERROR running on compute1, failed',
            'ERROR running on compute1, failed',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1'],
            self.after(self.act('rescue')))

    def test_snapshot(self):
        self.hand_over(self.snapshot, [
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1'])

    def snapshot(self, server):
        self.nova.act(server, 'createImage', {'name': 'snapshot'})

    def test_attach_port(self):
        self.hand_over(self.attach_port, [
            'ACTIVE running on compute1',
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1, failed'], settle=self.detach_port)

    def attach_port(self, server):
        try:
            self.nova.api.attach_interface(server['id'], {
                'interfaceAttachment': {
                    'port_id': self.nova.neutron.port_1['id']}})
        except api_client.OpenStackApiException as exc:
            self.assertEqual(500, exc.response.status_code)
        self.finish(server)

    def detach_port(self, server):
        if self.nova.api.get_port_interfaces(server['id']):
            self.nova.api.detach_interface(
                server['id'], self.nova.neutron.port_1['id'])
            self.finish(server)
        self.settle(server)

    def test_detach_port(self):
        self.hand_over(self.detach_port, [
            'ACTIVE running on compute1',
            # The deletion of the adapter is its only, and last, request that
            # writes. If its answer is lost, the adapter is gone.
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1'],
            self.after(self.attach_port), settle=self.detach_port)


class MoveTest(handover.HandOverCase):
    """Resizes and moves."""

    NOVA = shared.PoolNova
    COUNTS_AGAIN = True

    def setUp(self):
        super().setUp()
        self.server()

    def resize(self, server):
        self.nova.act(server, 'resize', {'flavorRef': self.nova.large})

    @contextlib.contextmanager
    def on_one_host(self):
        """Let resizes stay on the host."""
        self.nova.enable('compute2', False)
        yield
        self.nova.enable('compute2', True)

    def replace(self, server):
        """Go on with another server."""
        self.nova.delete(server)
        self.assertEqual('gone', self.seen(server))
        type(self)._server = None

    def on_first(self):
        """A server on the first host, while the other is disabled."""
        server = self.server()
        self.nova.enable('compute2', False)
        return server

    def test_resize(self):
        with self.on_one_host():
            # Nova keeps the new one when a resize fails on its target, and
            # gives back the flavor, whatever the driver.
            self.hand_over(self.resize, [
                'VERIFY_RESIZE running on compute1',
                'VERIFY_RESIZE running on compute1',
                'ACTIVE running on compute1, failed',
                'ACTIVE running on compute1, failed',
                'VERIFY_RESIZE running on compute1'],
                settle=self.replace, begin=self.on_first,
                stale=[(2, 4096)])

    def test_revert(self):
        with self.on_one_host():
            self.hand_over(self.act('revertResize'), [
                'ACTIVE running on compute1',
                'ACTIVE running on compute1',
                'ERROR running on compute1, failed',
                'ERROR running on compute1, failed',
                'ACTIVE running on compute1'],
                self.after(self.resize))

    def test_confirm(self):
        self.hand_over(self.act('confirmResize'), [
            'ACTIVE running on compute2',
            'ERROR running on compute2, failed',
            'ACTIVE running on compute2',
            # What it grows by then is made up for at a hard reboot.
            'ACTIVE running on compute2',
            'ACTIVE running on compute2'],
            self.after(self.resize), settle=self.replace)

    def test_migrate(self):
        self.hand_over(self.act('migrate'), [
            'VERIFY_RESIZE running on compute2',
            'ERROR running on compute2, failed',
            'VERIFY_RESIZE running on compute2',
            'ERROR running on compute2, failed',
            'VERIFY_RESIZE running on compute2'], host=self.target,
            settle=self.replace)

    def test_evacuate(self):
        self.hand_over(self.evacuate, [
            'SHUTOFF shut down on compute2',
            'ERROR no state on compute1, failed',
            'SHUTOFF shut down on compute2',
            'SHUTOFF running on compute2',
            'SHUTOFF running on compute2'], host=self.target,
            settle=self.start_source)

    def evacuate(self, server):
        nova = self.nova
        nova.computes['compute1'].stop()
        nova.force_down('compute1', True)
        nova.act(server, 'evacuate', {})

    def start_source(self, server):
        """The host is back, and the server goes."""
        nova = self.nova
        nova.computes['compute1'] = nova.restart_compute_service(
            nova.computes['compute1'])
        nova.force_down('compute1', False)
        self.replace(server)


class VolumeTest(handover.HandOverCase):
    """Volumes come, grow, change and go."""

    NOVA = shared.VolumeNova

    def attach(self, server):
        self.nova.attach(server, 1)

    def detach(self, server):
        """Detach it if it is attached."""
        for volume_id in self.nova.attached(server):
            self.nova.api.delete_server_volume(server['id'], volume_id)
            self.finish(server)
        self.nova.assert_views_agree(server)
        self.settle(server)

    def test_attach(self):
        self.hand_over(self.attach, [
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1, failed'], settle=self.detach)

    def test_detach(self):
        self.hand_over(self.detach, [
            'ACTIVE running on compute1',
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1'], self.after(self.attach),
            settle=self.detach)

    def test_extend(self):
        sizes = itertools.count(2)

        # Of no other test: a volume that has grown is not swapped for these.
        def attach(server):
            self.nova.attach(server, 0)

        def extend(server):
            self.nova.extend(server, 0, next(sizes))
            self.finish(server)
        self.hand_over(extend, [
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1'], self.after(attach),
            settle=self.detach)

    def test_swap(self):
        others = itertools.count(2)

        def swap(server):
            self.nova.swap(server, 1, next(others))
        self.hand_over(swap, [
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1',
            'ACTIVE running on compute1, failed',
            'ACTIVE running on compute1'],
            self.after(self.attach), settle=self.detach)
