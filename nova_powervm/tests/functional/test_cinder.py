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

"""The stand-in for Cinder itself, without Nova's services."""

from unittest import mock

from cinderclient import exceptions as cinder_exc
from nova import exception as nova_exc
from nova import test
from nova.volume import cinder as nova_cinder
from oslo_utils.fixture import uuidsentinel as uuids

from nova_powervm.simulator.resources import san_disk
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.functional import cinder
from nova_powervm.tests.functional import fixtures as func_fixtures

GIB = cinder.GIB


class SanCinderTest(test.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(powervm_fixtures.SimulatedSite('fc')).site
        self.glance = self.useFixture(func_fixtures.GlanceFixture(self))
        self.cinder = self.useFixture(cinder.SanCinder(self))
        self.api = nova_cinder.API()
        self.vioses = self.site.hosts[0].store.all('VirtualIOServer')

    def connector(self, *vioses, **more):
        return dict({'host': 'compute1', 'wwpns': [
            port.wwpn for vios in vioses or self.vioses
            for port in vios.fc_ports]}, **more)

    def reserve(self, volume_id=uuids.volume, instance=uuids.server):
        return self.api.attachment_create(None, volume_id, instance)['id']

    def attach(self, volume_id=uuids.volume, instance=uuids.server,
               connector=None):
        """Attach a volume: (id of the attachment, connection_info)."""
        attachment_id = self.reserve(volume_id, instance)
        attachment = self.api.attachment_update(
            None, attachment_id, connector or self.connector())
        self.api.attachment_complete(None, attachment_id)
        return attachment_id, attachment['connection_info']

    def lun(self, volume_id=uuids.volume):
        return self.cinder.lun(volume_id)

    def test_attach(self):
        attachment_id = self.reserve()
        self.assertEqual({}, self.api.attachment_get(
            None, attachment_id)['connection_info'])
        self.assertEqual({}, self.site.san.volumes)

        info = self.api.attachment_update(
            None, attachment_id, self.connector())['connection_info']

        self.assertEqual('fibre_channel', info['driver_volume_type'])
        data = info['data']
        self.assertEqual(uuids.volume, data['volume_id'])
        self.assertFalse(data['encrypted'])
        self.assertEqual(set(self.connector()['wwpns']),
                         set(data['initiator_target_map']))
        self.assertEqual(4, len(self.lun().exports))
        self.assertEqual(info, self.api.attachment_get(
            None, attachment_id)['connection_info'])
        self.assertEqual('in-use', self.api.get(None, uuids.volume)['status'])

    def test_create_with_a_connector(self):
        attachment = self.api.attachment_create(
            None, uuids.volume, uuids.server, connector=self.connector())
        self.assertIn('target_lun', attachment['connection_info']['data'])
        self.assertEqual(4, len(self.lun().exports))

    def test_detach(self):
        attachment_id, _info = self.attach()
        self.api.attachment_delete(None, attachment_id)
        self.assertEqual({}, self.lun().exports)
        self.assertEqual([], self.cinder.complaints)
        self.assertEqual('available',
                         self.api.get(None, uuids.volume)['status'])

    def test_connectors_that_are_refused(self):
        for connector in ({'host': 'compute1'}, self.connector(wwpns=[]),
                          self.connector(wwpns=['12' * 8]),
                          self.connector(wwpns=['hello'])):
            attachment_id = self.reserve()
            self.assertRaises(cinder_exc.ClientException,
                              self.api.attachment_update, None, attachment_id,
                              connector)
            self.assertRaises(
                cinder_exc.ClientException, self.api.attachment_create, None,
                uuids.volume, uuids.server, connector=connector)
            self.api.attachment_delete(None, attachment_id)
        self.assertEqual({}, self.lun().exports)
        self.assertEqual({}, self.cinder.volume_to_attachment[uuids.volume])

    def test_wwpns_of_the_platform(self):
        pair = self.site.san.issue_wwpns(self.site.hosts[0])
        _id, info = self.attach(connector=self.connector(wwpns=pair[:1]))
        self.assertEqual([pair[0]], list(info['data']['initiator_target_map']))

    def test_only_one_server(self):
        self.attach()
        self.assertRaises(nova_exc.InvalidInput, self.attach,
                          instance=uuids.other)

    def test_several_servers(self):
        self.cinder.multiattach.add(uuids.volume)
        for volume_id in (uuids.volume, self.cinder.MULTIATTACH_VOL):
            first, _info = self.attach(volume_id)
            second, _info = self.attach(
                volume_id, uuids.other, self.connector(self.vioses[0]))
            self.assertTrue(self.api.get(None, volume_id)['multiattach'])
            self.api.attachment_delete(None, first)
            # What the other server needs is still there.
            self.assertEqual(
                {port.wwpn.lower() for port in self.vioses[0].fc_ports},
                set(self.lun(volume_id).exports))
            self.api.attachment_delete(None, second)
            self.assertEqual({}, self.lun(volume_id).exports)

    def test_device_that_is_left(self):
        attachment_id, info = self.attach()
        vios, data = self.vioses[0], info['data']
        # As a discovery does; see the tests of the simulator for that.
        with self.site.lock:
            san_disk.configure(vios, self.lun(), {
                (vios.fc_ports[0], data['target_wwn'][0].lower(), 0)})
        self.api.attachment_delete(None, attachment_id)
        self.assertEqual(
            ['hdisk2 of vios1 is still there, on %s' % vios.host.name],
            self.cinder.complaints)

    def test_device_that_a_server_has_left_before(self):
        """Each server is blamed for its own devices."""
        self.cinder.multiattach.add(uuids.volume)
        found = [self.attach(instance=server, connector=self.connector(vios))
                 for server, vios in zip((uuids.server, uuids.other),
                                         self.vioses)]
        vios, data = self.vioses[0], found[0][1]['data']
        with self.site.lock:
            san_disk.configure(vios, self.lun(), {
                (vios.fc_ports[0], data['target_wwn'][0].lower(), 0)})
        for attachment_id, _info in found:
            self.api.attachment_delete(None, attachment_id)
            self.assertEqual(
                ['hdisk2 of vios1 is still there, on %s' % vios.host.name],
                self.cinder.complaints)

    def test_delete(self):
        attachment_id, _info = self.attach()
        self.assertRaises(nova_exc.InvalidInput, self.api.delete, None,
                          uuids.volume)
        self.api.attachment_delete(None, attachment_id)
        self.api.delete(None, uuids.volume)
        self.assertEqual({}, self.site.san.volumes)

    def test_migration(self):
        """The new volume gets the id of the old one, which is deleted."""
        old_id, _info = self.attach()
        self.cinder.migrating.add(uuids.volume)
        self.assertEqual('migrating', self.api.get(None, uuids.volume)[
            'migration_status'])
        new_id, _info = self.attach(uuids.new)
        naa = self.lun(uuids.new).naa
        self.api.attachment_delete(None, old_id)
        self.assertEqual(
            {'save_volume_id': uuids.volume},
            self.api.migrate_volume_completion(None, uuids.volume, uuids.new,
                                               error=False))
        self.assertEqual(naa, self.lun().naa)
        self.assertEqual([uuids.volume], list(self.site.san.volumes))
        self.api.attachment_delete(None, new_id)
        self.assertEqual({}, self.lun().exports)

    def test_migration_that_fails(self):
        self.attach()
        self.cinder.migrating.add(uuids.volume)
        naa = self.lun().naa
        self.assertEqual(
            {'save_volume_id': uuids.volume},
            self.api.migrate_volume_completion(None, uuids.volume, uuids.new,
                                               error=True))
        self.assertEqual(naa, self.lun().naa)
        self.assertNotIn('migration_status',
                         self.api.get(None, uuids.other))

    def test_sizes(self):
        self.cinder.create(uuids.volume, 2)
        self.assertEqual(2, self.api.get(None, uuids.volume)['size'])
        self.cinder.extend(uuids.volume, 3)
        self.assertEqual(3, self.api.get(None, uuids.volume)['size'])
        made = self.api.create(None, 4, 'name', 'description')
        self.assertEqual(4 * GIB, self.lun(made['id']).size)
        self.cinder.extend(made['id'], 5)
        self.assertEqual(5, self.api.get(None, made['id'])['size'])

    def content(self, volume_id, size):
        return self.lun(volume_id).disk.read(0, size)

    def test_images(self):
        image_id = self.glance.image1['id']
        content = self.glance.content(image_id)
        made = self.api.create(None, 1, 'name', 'text', image_id=image_id)
        self.assertEqual(content, self.content(made['id'], len(content)))
        shown = self.api.get(None, made['id'])
        self.assertEqual(image_id, shown['volume_image_metadata']['image_id'])
        # A volume of Nova's fixture.
        volume_id = self.cinder.IMAGE_BACKED_VOL
        image_id = self.api.get(None, volume_id)['volume_image_metadata'][
            'image_id']
        content = self.glance.content(image_id)
        self.assertEqual(content, self.content(volume_id, len(content)))
        other = self.glance.image2['id']
        self.api.reimage_volume(None, volume_id, other, reimage_reserved=True)
        content = self.glance.content(other)
        self.assertEqual(content, self.content(volume_id, len(content)))

    def test_snapshots(self):
        self.lun().disk.write_at(0, b'data')
        snapshot = self.api.create_snapshot_force(None, uuids.volume, 'n',
                                                  'd')
        self.lun().disk.write_at(0, b'else')
        made = self.api.create(None, 1, 'name', 'text', snapshot=snapshot)
        self.assertEqual(b'data', self.content(made['id'], 4))

    def test_spoiled_connections(self):
        self.cinder.encrypted.add(uuids.volume)
        self.cinder.edits[uuids.volume] = (
            lambda info: info['data'].pop('initiator_target_map'))
        _id, info = self.attach()
        self.assertTrue(info['data']['encrypted'])
        self.assertNotIn('initiator_target_map', info['data'])

    def test_special_volumes_of_nova(self):
        _id, info = self.attach(self.cinder.ISCSI_BACKED_VOL)
        self.assertEqual('iscsi', info['driver_volume_type'])
        with mock.patch.object(self.cinder, 'attachment_error_id',
                               self.cinder.SWAP_ERR_ATTACH_ID):
            _id, info = self.attach(self.cinder.SWAP_ERR_NEW_VOL)
        self.assertEqual((), info)
