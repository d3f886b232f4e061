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

"""What functional tests of Cinder volumes share."""

import fixtures as fx
from nova.tests import fixtures as nova_fixtures

from nova_powervm import conf as cfg
from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import cinder
from nova_powervm.tests.virt.powervm.scenarios import looks

VOLUME = looks.VOLUME
MIB = looks.MIB
GIB = looks.GIB


class VolumeMixin(looks.VolumeLooks):
    """A cloud whose volumes are in the storage area network of its site.

    It comes before base.PowerVMTestCase in a list of bases. Volumes have
    numbers; those from 0 to VOLUMES - 1 are there from the start, each with
    bytes of its own.

    :ivar cinder: cinder.SanCinder
    """

    PROFILE = 'fc'

    def _prepare_platform(self):
        super()._prepare_platform()
        self.cinder = cinder.SanCinder(self)
        self.useFixture(fx.MockPatchObject(
            nova_fixtures, 'CinderFixture', lambda _test: self.cinder))
        for number in range(self.VOLUMES):
            self.create_volume(number)

    def _configure_driver(self):
        super()._configure_driver()
        self.flags(fc_attach_strategy=self.STRATEGY, group='powervm')

    def _on_its_own_host(self, hostname):
        own = super()._on_its_own_host(hostname)
        self.flags(group='powervm', management_root=self.simulated_host(
            hostname).management_root)
        return own

    # Nova's own functions give up after 5 seconds.
    def _wait_for_server_parameter(self, server, expected_params,
                                   max_retries=10, **kwargs):
        return super()._wait_for_server_parameter(
            server, expected_params, 12 * max_retries, **kwargs)

    def _wait_for_migration_status(self, server, expected_statuses):
        return self.wait_for(lambda: [
            migration for migration in self.admin_api.api_get(
                '/os-migrations').body['migrations']
            if migration['instance_uuid'] == server['id'] and
            migration['status'].lower() in expected_statuses])[0]

    # ---- what is done ---------------------------------------------------

    def attach(self, server, number, **attachment):
        """Attach a volume, and wait.

        :param attachment: more of Nova's volumeAttachment, such as tag
        :returns: whether Nova says that the server has it now
        """
        try:
            self.api.post_server_volume(server['id'], {
                'volumeAttachment': dict(attachment,
                                         volumeId=VOLUME % number)})
            self._wait_for_event(server, 'compute_attach_volume')
        except Exception:
            # With CAST_AS_CALL a failure of the compute comes back here.
            base.LOG.exception('The attachment failed.')
        return VOLUME % number in self.attached(server)

    def detach(self, server, number):
        """Detach a volume, and wait.

        :returns: whether Nova says that the server has it no more
        """
        try:
            self.api.delete_server_volume(server['id'], VOLUME % number)
            self._wait_for_event(server, 'compute_detach_volume')
        except Exception:
            base.LOG.exception('The detachment failed.')
        return VOLUME % number not in self.attached(server)

    def _wait_for_event(self, server, name):
        """Wait for the end of a step of the last action on a server."""
        self.wait_for(lambda: [
            event for event in self.last_action(server)['events']
            if event['event'] == name and event['result']])

    def last_action(self, server):
        """What Nova tells of the last action on a server."""
        action = self.api.get_instance_actions(server['id'])[0]
        return self.api.api_get('/servers/%s/os-instance-actions/%s' % (
            server['id'], action['request_id'])).body['instanceAction']

    def attached(self, server):
        """Nova's view of the volumes of a server: list of ids."""
        return [found['volumeId'] for found in
                self.api.get_server_volumes(server['id'])]

    def boot_with(self, numbers, boots=False, **kwargs):
        """Create a server with volumes, and wait until it is made or not.

        :param numbers: of the volumes, in the order of the disks
        :param boots: whether it boots from the first of them; else it has a
            disk of our own, from an image
        :returns: the server as Nova shows it
        """
        mapping = [{'source_type': 'volume', 'destination_type': 'volume',
                    'uuid': VOLUME % number, 'boot_index': -1}
                   for number in numbers]
        if boots:
            mapping[0]['boot_index'] = 0
            kwargs['image_uuid'] = ''
        else:
            mapping.insert(0, {
                'source_type': 'image', 'destination_type': 'local',
                'uuid': self.image_id, 'boot_index': 0})
        kwargs.setdefault('networks', [{'port': self.neutron.port_1['id']}])
        server = self._build_server(**kwargs)
        server['block_device_mapping_v2'] = mapping
        return self.settled(self.api.post_server({'server': server}))

    def extend(self, server, number, size_gb):
        """Make a volume larger, and have Nova tell the server's host."""
        self.cinder.extend(VOLUME % number, size_gb)
        self.api.create_server_external_events([
            {'name': 'volume-extended', 'server_uuid': server['id'],
             'tag': VOLUME % number}])

    def swap(self, server, number, other):
        """Have Nova put a volume in the place of another, and wait.

        As with Cinder, the other gets the id of the one.
        """
        self.cinder.migrating.add(VOLUME % number)
        try:
            self.admin_api.put_server_volume(
                server['id'], VOLUME % number, VOLUME % other)
            self._wait_for_event(server, 'compute_swap_volume')
        except Exception:
            base.LOG.exception('The swap failed.')
        return self.settled(server)


class NpivMixin(looks.NpivLooks, VolumeMixin):
    """A cloud whose servers have adapters on two fabrics."""

    def _configure_driver(self):
        super()._configure_driver()
        self.flags(fabrics=list(self.PORTS), group='powervm')
        cfg.register_fabrics()
        self.flags(group='powervm', **{
            'fabric_%s_port_wwpns' % fabric: wwpns
            for fabric, wwpns in self.PORTS.items()})


class VolumeCase(VolumeMixin, base.PowerVMTestCase):
    """One host, and the state that it is in when all is gone again."""

    def setUp(self):
        super().setUp()
        # The first server fills the image cache.
        self.delete(self.boot())
        self.before = self.platform_state()

    def assert_nothing_left(self):
        self.assert_state_equal(self.before, self.platform_state(), 'Left')
        self.assert_detached()

    def assert_deleted(self, server):
        """It can be deleted, and nothing stays."""
        self.assertIsNone(self.delete(server))
        self.assert_nothing_left()
