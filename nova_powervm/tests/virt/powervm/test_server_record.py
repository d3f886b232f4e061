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

"""What is stored with a server before anything is created or removed."""

from unittest import mock

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import instance_id
from nova_powervm.virt.powervm import server_record


class ServerRecordTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = mock.Mock(nodename='compute1')
        self.keep_id = self.patch_one(instance_id, 'keep')
        self.keep_host = self.patch_one(host_record, 'keep_host')

    def patch_one(self, module, name):
        mocked = mock.Mock()
        self.patch(module, name, mocked)
        return mocked

    def test_keep(self):
        instance = base.make_instance()
        server_record.keep(self.host, instance)
        self.keep_id.assert_called_once_with(instance)
        self.keep_host.assert_called_once_with(instance, 'compute1')

    def test_keep_of_deleted(self):
        gone = nova_exc.InstanceNotFound(instance_id='1')
        self.keep_host.side_effect = gone
        self.assertRaises(nova_exc.InstanceNotFound, server_record.keep,
                          self.host, base.make_instance())

    def test_keep_of_removed(self):
        server_record.keep_of_removed(self.host, base.make_instance(
            deleted=False))
        self.assertEqual(1, self.keep_host.call_count)

    def test_keep_of_removed_elsewhere(self):
        for attrs in ({'host': 'compute2', 'deleted': False},
                      {'host': 'compute1', 'deleted': True}):
            server_record.keep_of_removed(self.host,
                                          base.make_instance(**attrs))
        self.keep_id.assert_not_called()
        self.keep_host.assert_not_called()

    def test_keep_of_removed_that_nova_deletes_meanwhile(self):
        self.keep_host.side_effect = nova_exc.InstanceNotFound(
            instance_id='1')
        server_record.keep_of_removed(self.host, base.make_instance(
            deleted=False))
        self.assertEqual(1, self.keep_host.call_count)
