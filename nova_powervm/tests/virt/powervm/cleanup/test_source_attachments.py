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

"""Attachments of servers that were deleted amid a live migration."""

import types
from unittest import mock

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.cleanup import source_attachments


class SourceAttachmentsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.gone, self.here, self.moving, self.plain = self.servers = [
            base.make_instance(number, system_metadata={
                'powervm_attachment_volume': 'one'} if number < 4 else {})
            for number in range(1, 5)]
        self.done = set()
        self.deleted = self.enterContext(mock.patch.object(
            source_attachments.attachments, 'delete_unused',
            return_value=True))
        self.enterContext(mock.patch.object(
            source_attachments.records, 'are_under_way',
            side_effect=lambda instance: instance is self.moving))

    def delete(self):
        """Run the cleaner; returns of which servers it deletes something."""
        self.deleted.reset_mock()
        source_attachments.delete(types.SimpleNamespace(
            deleted=self.servers, deleted_with_lpar=[self.here]), self.done)
        return [call.args[0] for call in self.deleted.call_args_list]

    def test_once(self):
        """Whoever has an LPAR, or is migrating, keeps them."""
        self.assertEqual([self.gone], self.delete())
        self.assertEqual([], self.delete())

    def test_later(self):
        self.delete()
        here, self.here = self.here, self.plain
        self.assertEqual([here], self.delete())

    def test_again_after_a_failure(self):
        self.deleted.return_value = False
        self.assertRaises(nova_exc.CinderConnectionFailed, self.delete)
        self.assertRaises(nova_exc.CinderConnectionFailed, self.delete)
        self.deleted.return_value = True
        self.assertEqual([self.gone], self.delete())
