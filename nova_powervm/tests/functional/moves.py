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

"""Servers that move, through Nova's API."""

from nova import context as nova_context

from nova_powervm.tests.virt.powervm.scenarios import looks


class MoveMixin:
    """Moves of servers, and what they are to be like afterwards."""

    # A failure would come back to the conductor, which does not expect it.
    CAST_AS_CALL = False

    def setUp(self):
        super().setUp()
        # What a service that stops still does must not reach the next test:
        # it is waited for, 20 seconds less. After a failure Nova waits all of
        # that, as it takes the operation for unfinished.
        self.flags(manager_shutdown_timeout=35)
        self.small = self.make_flavor('small')
        self.large = self.make_flavor('large', memory_mb=4096, vcpu=2, disk=5)

    def make_flavor(self, name, memory_mb=2048, vcpu=1, disk=2, ephemeral=0,
                    **kwargs):
        return self._create_flavor(
            name=name, memory_mb=memory_mb, vcpu=vcpu, disk=disk,
            ephemeral=ephemeral, **kwargs)

    def act(self, server, action, body=None):
        """Let Nova act, and wait until it has done, or failed to.

        :returns: the server as it is then.
        """
        self.api.post_server_action(server['id'], {action: body})
        if action == 'confirmResize':
            # No task state tells that it is under way.
            self.wait_for(lambda: self.api.get_server(server['id'])[
                'status'] != 'VERIFY_RESIZE')
        after = self.settled(server)
        # Nova still tidies up when the server looks as if it was done.
        self.wait_for(lambda: all(
            event['result'] for event in self.events_of(server)))
        return after

    def resize(self, server, flavor_id, status='VERIFY_RESIZE'):
        after = self.act(server, 'resize', {'flavorRef': flavor_id})
        self.assertEqual(status, after['status'], after.get('fault'))
        return after

    def delete(self, server):
        self.api.delete_server(server['id'])

        def look():
            now = self.settled(server)
            if now is None or now['status'] == 'ERROR':
                return [now]
        return self.wait_for(look)[0]

    def fault_of(self, server):
        """What Nova says went wrong in the last action on a server."""
        return str([event['details'] for event in self.events_of(server)])

    def events_of(self, server):
        """What Nova tells of the steps of the last action on a server."""
        action = self.api.get_instance_actions(server['id'])[0]
        return self.api.api_get('/servers/%s/os-instance-actions/%s' % (
            server['id'], action['request_id'])
        ).body['instanceAction']['events']


class TwoHostMixin(looks.TwoHostLooks, MoveMixin):
    """A cloud of two hosts; self.platform is the one of self.where."""

    def setUp(self):
        super().setUp()
        self.other = self._start_compute('compute2')
        self.computes = {'compute1': self.compute, 'compute2': self.other}

    def boot_on_first(self, **kwargs):
        """Create a server on compute1.

        To name it would make Nova overlook the pool that the hosts share.
        """
        kwargs.setdefault('flavor_id', self.small)
        self.enable('compute2', False)
        server = self.boot(**kwargs)
        self.enable('compute2', True)
        self.assertEqual('compute1', self.host_of(server))
        return server

    def enable(self, host, enabled):
        """Let the scheduler choose a host, or not."""
        service = self.computes[host].service_ref
        self.admin_api.put_service(service.uuid, {
            'status': 'enabled' if enabled else 'disabled'})

    def force_down(self, host, down):
        """Tell Nova that a host is dead, or no longer."""
        self.admin_api.put_service_force_down(
            self.computes[host].service_ref.uuid, down)

    def host_of(self, server):
        return self.api.get_server(server['id'])['OS-EXT-SRV-ATTR:host']

    def evacuate(self, server):
        """Let compute1 die, and the server go on on compute2."""
        self.compute.stop()
        self.force_down('compute1', True)
        # Nova stops what it has evacuated.
        self._evacuate_server(server, expected_host='compute2')
        self._start_server(server)

    def reap(self):
        """Let Nova remove deleted servers that hosts still have.

        It does so every half an hour (running_deleted_instance_action). The
        report of resources, every minute, deletes what had to wait.
        """
        context = nova_context.get_admin_context()
        for compute in self.computes.values():
            compute.manager._cleanup_running_deleted_instances(context)
            compute.manager.update_available_resource(context)

    def migrate(self, server, status='VERIFY_RESIZE'):
        after = self.act(server, 'migrate')
        self.assertEqual(status, after['status'], after.get('fault'))
        return after
