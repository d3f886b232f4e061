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

"""Tests of when NVRAM is stored, fetched and removed."""

from unittest import mock

import fixtures

from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.tests.virt.powervm.nvram import store
from nova_powervm.virt.powervm import nova_instances
from nova_powervm.virt.powervm.nvram import manager
from nova_powervm.virt.powervm import vm


class ManagerTest(base.StorageTestCase):

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.create_lpar(self.instance)
        self.store = store.MemoryStore()
        self.manager = manager.NvramManager(self.host, self.store)
        self.addCleanup(self.manager.shutdown)
        self.uuid = vm.get_lpar_uuid(self.instance)
        self.find = self.useFixture(fixtures.MockPatchObject(
            nova_instances, 'find_instance', return_value=self.instance)).mock

    def set_nvram(self, nvram):
        with self.site.lock:
            lpar = self.lpar(self.instance)
            lpar.nvram = nvram
            lpar.touch('NVRAM')

    def flush(self):
        self.assertTrue(self.manager.worker.flush(60))

    def kept(self):
        return self.store.content.get(self.instance.uuid)

    def test_changed(self):
        self.set_nvram('QUJD')
        self.requests()
        self.manager.store_changed(self.uuid)
        self.flush()
        self.assertEqual('QUJD', self.kept())
        self.assertEqual(['GET LogicalPartition'], self.requests())
        self.find.assert_called_once_with(self.uuid, 'compute1')

    def test_lpar_without_nvram(self):
        self.manager.store_changed(self.uuid)
        self.flush()
        self.assertEqual([], self.store.calls)

    def test_lpar_that_is_not_novas(self):
        self.find.return_value = None
        self.manager.store_changed(self.uuid)
        self.flush()
        self.assertEqual([], self.requests())

    def test_lpar_that_is_gone(self):
        self.manager.store(self.make_instance(9))
        self.flush()
        self.assertEqual([], self.store.calls)
        self.assertEqual([], self.manager.worker.failed)

    def test_store_is_down_for_a_while(self):
        self.set_nvram('QUJD')
        self.store.broken = True
        self.manager.store_changed(self.uuid)
        self.flush()
        self.assertIsNone(self.kept())
        self.store.broken = False
        # Any event will do.
        self.manager.store(self.make_instance(9))
        self.flush()
        self.assertEqual('QUJD', self.kept())

    def test_platform_fails_for_a_while(self):
        self.set_nvram('QUJD')
        self.break_request('status', 'GET', 'LogicalPartition', status=500)
        self.manager.store_changed(self.uuid)
        self.flush()
        self.assertIsNone(self.kept())
        self.manager.store(self.make_instance(9))
        self.flush()
        self.assertEqual('QUJD', self.kept())

    def test_immediately(self):
        self.set_nvram('QUJD')
        self.manager.store(self.instance, immediate=True)
        self.assertEqual('QUJD', self.kept())

    def test_immediately_while_the_store_is_down(self):
        self.set_nvram('QUJD')
        self.store.broken = True
        self.manager.store(self.instance, immediate=True)
        self.store.broken = False
        self.manager.store_changed(self.uuid)
        self.flush()
        self.assertEqual('QUJD', self.kept())

    def test_all_at_the_start(self):
        self.set_nvram('QUJD')
        gone = self.make_instance(2, host='compute2', deleted=False)
        self.instance.deleted = False
        with mock.patch.object(nova_instances, 'get_instances',
                               return_value=[gone, self.instance]):
            self.manager.store_all()
            self.flush()
        self.assertEqual({self.instance.uuid: 'QUJD'}, self.store.content)

    def test_fetch(self):
        self.assertIsNone(self.manager.fetch(self.instance))
        self.store.content[self.instance.uuid] = 'QUJD'
        self.assertEqual('QUJD', self.manager.fetch(self.instance))
        self.store.broken = True
        self.assertIsNone(self.manager.fetch(self.instance))
        self.assertIn('starts with empty NVRAM', self.logger.output)

    def test_remove(self):
        self.set_nvram('QUJD')
        self.manager.store(self.instance, immediate=True)
        self.store.broken = True
        self.manager.remove(self.instance)
        self.flush()
        self.store.broken = False
        self.manager.store(self.make_instance(9))
        self.flush()
        self.assertEqual({}, self.store.content)

    def test_removal_takes_the_place_of_what_waits(self):
        self.store.broken = True
        self.set_nvram('QUJD')
        self.manager.store_changed(self.uuid)
        self.flush()
        self.store.broken = False
        self.manager.remove(self.instance)
        self.flush()
        self.assertEqual({}, self.store.content)
