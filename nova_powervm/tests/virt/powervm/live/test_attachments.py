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

"""Cinder's attachments on the source, kept until a migration has ended."""

from unittest import mock

from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from oslo_serialization import jsonutils

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.live import attachments

VOLUME = '5a5a0000-0000-4000-8000-00000000000%d'


class AttachmentsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance(system_metadata={'other': 'x'})
        self.instance._context = nova_context.get_admin_context()
        self.saved = objects.Instance(
            system_metadata=self.instance.system_metadata)
        patcher = mock.patch.multiple(
            objects.Instance, save=mock.DEFAULT,
            get_by_uuid=mock.Mock(return_value=self.saved))
        patcher.start()
        self.addCleanup(patcher.stop)

    def note(self, *ids):
        """Note the attachments of volumes, from number 1 on."""
        with self.have_bdms(ids):
            attachments.note(self.instance)

    def have_bdms(self, ids):
        """Let Nova have volumes with these attachments, and a disk."""
        found = objects.BlockDeviceMappingList(objects=[
            objects.BlockDeviceMapping(
                volume_id=VOLUME % number, destination_type='volume',
                attachment_id=attachment, connection_info='{}')
            for number, attachment in enumerate(ids, 1)] + [
                objects.BlockDeviceMapping(
                    volume_id=None, destination_type='local',
                    attachment_id=None, connection_info=None)])
        return mock.patch.object(objects.BlockDeviceMappingList,
                                 'get_by_instance_uuid', return_value=found)

    def test_note_and_forget(self):
        self.note('one', None)
        for instance in (self.instance, self.saved):
            self.assertEqual({VOLUME % 1: 'one'}, attachments.read(instance))
        attachments.forget(self.instance)
        for instance in (self.instance, self.saved):
            self.assertEqual({'other': 'x'}, instance.system_metadata)

    def bdms(self):
        """What source_bdms() makes of the volumes 1 to 3 and a disk."""
        self.cinder = mock.Mock()
        self.cinder.attachment_get.side_effect = self.get
        with self.have_bdms(['new1', 'new2', 'new3']):
            return attachments.source_bdms(None, self.instance, self.cinder)

    def get(self, _context, attachment_id):
        if attachment_id == 'gone':
            raise nova_exc.VolumeAttachmentNotFound(
                attachment_id=attachment_id)
        return {'connection_info': {'data': attachment_id}}

    def test_source_bdms(self):
        self.note('one', 'gone')
        found = self.bdms()
        self.assertEqual(['one', 'new2', 'new3', None],
                         [bdm.attachment_id for bdm in found])
        self.assertEqual({'data': 'one', 'serial': VOLUME % 1},
                         jsonutils.loads(found[0].connection_info))
        self.assertEqual('{}', found[1].connection_info)

    def test_restore(self):
        """One that cannot be read does not keep the others from it."""
        bdms = {VOLUME % number: objects.BlockDeviceMapping(
            volume_id=VOLUME % number, attachment_id='new%d' % number,
            connection_info='{}') for number in (1, 2)}
        volume_api = mock.Mock()
        volume_api.attachment_get.side_effect = self.get
        with mock.patch.object(
                attachments.cinder, 'API', return_value=volume_api), (
                mock.patch.object(
                    objects.BlockDeviceMapping, 'get_by_volume_and_instance',
                    side_effect=lambda _context, volume_id, _uuid:
                    bdms[volume_id])), mock.patch.object(
                        objects.BlockDeviceMapping, 'save') as save:
            attachments.restore(self.instance, {VOLUME % 2: 'gone',
                                                VOLUME % 1: 'one'})
        save.assert_called_once_with()
        self.assertEqual(['one', 'new2'], [
            bdms[VOLUME % number].attachment_id for number in (1, 2)])
        self.assertEqual(
            {'data': 'one', 'serial': VOLUME % 1},
            jsonutils.loads(bdms[VOLUME % 1].connection_info))

    def test_delete(self):
        """One that is gone is no failure; others are deleted after one."""
        answers = {'one': nova_exc.VolumeAttachmentNotFound(
            attachment_id='one'), 'two': None}
        with mock.patch.object(attachments.cinder, 'API') as api:
            delete = api.return_value.attachment_delete
            delete.side_effect = lambda _context, found: self.answer(
                answers[found])
            self.assertIs(True, attachments.delete(self.instance, {
                VOLUME % 1: 'one', VOLUME % 2: 'two'}))
            answers['one'] = nova_exc.CinderConnectionFailed(reason='down')
            self.assertIs(False, attachments.delete(self.instance, {
                VOLUME % 1: 'one', VOLUME % 2: 'two'}))
        self.assertEqual(['one', 'two'] * 2, [
            call.args[1] for call in delete.call_args_list])

    @staticmethod
    def answer(failure):
        if failure is not None:
            raise failure
