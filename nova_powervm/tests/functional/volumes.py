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

import hashlib

import fixtures as fx
from nova import context as nova_context
from nova import objects
from nova.tests import fixtures as nova_fixtures

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import cinder
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.virt.powervm.volume import places

#: Cinder's ids of the volumes that a test has, by their numbers.
VOLUME = '5a5a0000-0000-4000-8000-0000000000%02d'
MIB = func_fixtures.MIB
GIB = cinder.GIB


def volume_bytes(number):
    """The first MiB of a volume."""
    return func_fixtures.image_bytes('volume %d' % number, MIB)


class VolumeMixin:
    """A cloud whose volumes are in the storage area network of its site.

    It comes before base.PowerVMTestCase in a list of bases. Volumes have
    numbers; those from 0 to VOLUMES - 1 are there from the start, each with
    bytes of its own.

    :ivar cinder: cinder.SanCinder
    """

    PROFILE = 'fc'
    STRATEGY = 'vscsi'
    VOLUMES = 10
    SIZE_GB = cinder.SanCinder.SIZE_GB
    #: Names of the VIOSes through which a server reaches a volume.
    VIOSES = ('vios1', 'vios2')

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

    def create_volume(self, number):
        lun = self.cinder.create(VOLUME % number, self.SIZE_GB)
        lun.disk.write_at(0, volume_bytes(number))

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

    # ---- what is there --------------------------------------------------

    def lun(self, number):
        """The san.Volume of a volume."""
        return self.cinder.lun(VOLUME % number)

    def vios(self, name):
        """The simulated VIOS of a name, on self.platform."""
        return next(vios for vios in
                    self.platform.store.all('VirtualIOServer')
                    if vios.name == name)

    def set_rmc(self, name, state):
        """Let a VIOS go down (inactive), or come back (active)."""
        with self.site.lock:
            self.vios(name).set_rmc(state)

    def partition_of(self, server):
        """The simulated partition of a server, on self.platform."""
        return self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])

    def disks_of(self, server):
        """What a server sees of Cinder volumes: list of guest.Disk."""
        partition = self.partition_of(server)
        with self.site.lock:
            return [disk for disk in self.platform.lpar_disks(partition)
                    if disk.volume]

    def luas_of(self, server):
        """Addresses of the volumes: {volume id: set of LUAs}."""
        found = {}
        for disk in self.disks_of(server):
            found.setdefault(disk.volume, set()).add(disk.lua)
        return found

    def assert_sees(self, server, *numbers, vioses=None, boots=False):
        """The guest sees these volumes, whole and on each path, no others.

        Each is at one address on all its paths, as before the call that came
        before this one for the server, and each path shows its bytes.

        :param vioses: names of the VIOSes that lead to them, default VIOSES
        :param boots: whether it boots from the first of them
        """
        disks = self.disks_of(server)
        seen = {number: [disk for disk in disks
                         if disk.volume == VOLUME % number]
                for number in numbers}
        self.assertEqual(sorted(VOLUME % number for number in numbers),
                         sorted({disk.volume for disk in disks}))
        for number, paths in seen.items():
            self.assertEqual(set(vioses or self.VIOSES),
                             {disk.vios for disk in paths}, number)
            self.assertEqual(1, len({disk.lua for disk in paths}), number)
            for disk in paths:
                self.assertTrue(disk.works, disk.data())
                self.assertEqual(self.STRATEGY, disk.transport)
                self.assertEqual(self.content(number),
                                 disk.disk.sha256(MIB), disk.data())
                self.assertEqual(self.lun(number).size, disk.size)
        self._assert_places(server, seen, boots and numbers[0])
        self.assert_views_agree(server)

    def _assert_places(self, server, seen, boots):
        luas = {number: paths[0].lua for number, paths in seen.items()}
        self.assertEqual(len(luas), len(set(luas.values())), luas)
        if boots is not False:
            self.assertEqual(luas[boots], min(luas.values()), luas)
        if self.STRATEGY == 'vscsi':
            known, attached = self.places_of(server), self.attached(server)
            self.assertEqual(
                {VOLUME % number: lua for number, lua in luas.items()},
                {volume_id: lua for volume_id, lua in known.items()
                 if volume_id in attached})
        kept = self.__dict__.setdefault('_luas', {}).setdefault(
            server['id'], {})
        for number in luas.keys() & kept.keys():
            self.assertEqual(kept[number], luas[number], number)
        kept.clear()
        kept.update(luas)

    def places_of(self, server):
        """Nova's view of the addresses: {volume id: LUA}.

        One that took the place of another is there by its former id too,
        until something changes.
        """
        instance = objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), server['id'],
            expected_attrs=['system_metadata'])
        return {volume_id: place.lua for volume_id, place in
                places.of(instance).items()}

    def content(self, number):
        """Hash of what is on a volume."""
        return hashlib.sha256(volume_bytes(number)).hexdigest()

    def assert_views_agree(self, server):
        """Cinder holds the attachments that Nova shows, and no others."""
        self.assertEqual(
            sorted(self.attached(server)),
            sorted(volume_id for volume_id, attachments in
                   self.cinder.volume_to_attachment.items()
                   for attachment in attachments.values()
                   if attachment['instance_uuid'] == server['id']))

    def assert_nothing_lent(self):
        """The management partition has no volume."""
        self.assertEqual([], [
            mapping for vios in self.platform.state()['VirtualIOServer']
            for mapping in vios['mappings'] if mapping['lpar'] == 'novalink'])
        self.assertEqual([], self.platform.management.state())

    def assert_detached(self):
        """Cinder holds no attachment, and nobody was careless."""
        self.assertEqual([], [
            attachment for attachments in
            self.cinder.volume_to_attachment.values()
            for attachment in attachments.values()])
        self.assertEqual([], self.cinder.complaints)


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
