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

"""Partition ids are kept for each host that a server was on."""

from unittest import mock

from nova import objects

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import host_record


class HostRecordTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance(host='compute2')
        self.save = mock.patch.object(objects.Instance, 'save').start()
        self.addCleanup(mock.patch.stopall)

    def test_each_host_has_its_own(self):
        host_record.keep_id(self.instance, 'compute1', 4)
        host_record.keep_id(self.instance, 'compute2', 7)
        self.assertEqual([[4], [7], []], [
            host_record.kept_ids(self.instance, name)
            for name in ('compute1', 'compute2', 'compute3')])

    def test_saved_only_if_it_is_new(self):
        for _time in range(2):
            host_record.keep_id(self.instance, 'compute1', 4)
        self.save.assert_called_once_with()

    def test_kept_by_an_earlier_version(self):
        """It is that of the host that the server is on."""
        self.instance.system_metadata['powervm_lpar_id'] = '5'
        self.assertEqual([5], host_record.kept_ids(self.instance, 'compute2'))
        self.assertEqual([], host_record.kept_ids(self.instance, 'compute1'))

    def test_id_of_before_is_kept(self):
        """A VIOS that is down may have what is left of it."""
        self.instance.system_metadata['powervm_lpar_id'] = '5'
        for lpar_id in (6, 5, 7):
            host_record.keep_id(self.instance, 'compute2', lpar_id)
        self.assertEqual([6, 5, 7],
                         host_record.kept_ids(self.instance, 'compute2'))

    def test_ids_are_no_more_than_nova_keeps(self):
        for lpar_id in range(60000, 60100):
            host_record.keep_id(self.instance, 'compute1', lpar_id)
        ids = host_record.kept_ids(self.instance, 'compute1')
        self.assertEqual(60099, ids[-1])
        self.assertTrue(all(len(value) <= 255 for value in
                            self.instance.system_metadata.values()))

    def macs(self, name):
        return host_record.kept_macs(self.instance.system_metadata, name)

    def test_macs(self):
        found = [host_record.keep_mac(self.instance, name, mac)
                 for name, mac in (('compute1', 'AA'), ('compute1', 'BB'),
                                   ('compute2', 'AA'), ('compute1', 'AA'))]
        self.assertEqual([True, True, True, False], found)
        self.assertEqual(3, self.save.call_count)
        self.assertEqual([['AA', 'BB'], ['AA'], []], [
            self.macs(name) for name in ('compute1', 'compute2', 'compute3')])

    def test_macs_are_no_more_than_nova_keeps(self):
        for number in range(50):
            host_record.keep_mac(self.instance, 'compute1',
                                 'FA163E0000%02d' % number)
        self.assertEqual('FA163E000049', self.macs('compute1')[-1])
        self.assertTrue(all(len(value) <= 255 for value in
                            self.instance.system_metadata.values()))

    def test_hosts_that_it_was_on(self):
        for name in ('compute1', 'compute2', 'compute2'):
            host_record.keep_host(self.instance, name)
        self.assertEqual(2, self.save.call_count)
        self.assertEqual(
            {**host_record.host_metadata('compute1'),
             **host_record.host_metadata('compute2')},
            self.instance.system_metadata)
