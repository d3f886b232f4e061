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

"""Tests of the store in Swift, on a stand-in of it."""

import sys
from unittest import mock

import fixtures
from nova import exception as nova_exc

from nova_powervm.tests import swift as fake_swift
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import nvram
from nova_powervm.virt.powervm.nvram import api

UUID = base.UUID % 1
KEY = UUID + '_slot_map'


class SwiftTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'swiftclient.client.sleep', lambda seconds: None))
        self.swift = self.useFixture(fake_swift.SwiftFixture())
        self.flags(group='powervm', **self.swift.options)
        self.store = nvram.build_store()
        self.addCleanup(self.store.close)

    def requests(self):
        requests, self.swift.requests = self.swift.requests, []
        return [request.replace('/swift/v1/', '') for request in requests]

    def test_nothing_is_sent_before_it_is_needed(self):
        self.assertEqual([], self.requests())
        self.assertEqual(set(), self.swift.tokens)

    def test_nvram_there_and_back(self):
        self.assertIsNone(self.store.fetch(UUID))
        self.requests()
        self.store.store(UUID, 'QUJD')
        self.assertEqual(
            ['PUT powervm_nvram/' + UUID, 'PUT powervm_nvram',
             'PUT powervm_nvram/' + UUID], self.requests())
        self.assertEqual({UUID: b'QUJD'}, self.swift.objects())
        self.assertEqual('QUJD', self.store.fetch(UUID))
        self.requests()
        self.store.store(UUID, 'REVG')
        self.assertEqual(1, len(self.requests()))
        self.assertEqual('REVG', self.store.fetch(UUID))
        self.store.delete(UUID)
        self.assertEqual({}, self.swift.objects())
        self.store.delete(UUID)

    def test_slot_map_there_and_back(self):
        self.assertIsNone(self.store.fetch_slot_map(KEY))
        self.store.store_slot_map(KEY, b'\x80\x02')
        self.assertEqual({KEY: b'\x80\x02'}, self.swift.objects())
        self.assertEqual(b'\x80\x02', self.store.fetch_slot_map(KEY))
        self.store.delete_slot_map(KEY)
        self.store.delete_slot_map(KEY)
        self.assertEqual({}, self.swift.objects())

    def test_what_has_not_changed_is_not_sent(self):
        self.store.store(UUID, 'QUJD', force=False)
        self.requests()
        self.store.store(UUID, 'QUJD', force=False)
        self.assertEqual(['HEAD powervm_nvram/' + UUID], self.requests())
        self.store.store(UUID, 'REVG', force=False)
        self.assertEqual(b'REVG', self.swift.objects()[UUID])

    def test_other_container(self):
        self.flags(group='powervm', swift_container='other')
        store = nvram.build_store()
        self.addCleanup(store.close)
        store.store(UUID, 'QUJD')
        self.assertEqual({UUID: b'QUJD'}, self.swift.objects('other'))

    def test_expired_token(self):
        self.store.store(UUID, 'QUJD')
        self.swift.expire_tokens()
        self.assertEqual('QUJD', self.store.fetch(UUID))
        self.swift.expire_tokens()
        self.store.store(UUID, 'REVG')
        self.swift.expire_tokens()
        self.store.delete(UUID)
        self.assertEqual({}, self.swift.objects())

    def assert_all_fail(self, reason):
        for failure, func, args in (
                (api.NVRAMUploadException, self.store.store, (UUID, 'QUJD')),
                (api.NVRAMUploadException, self.store.store,
                 (UUID, 'QUJD', False)),
                (api.NVRAMDownloadException, self.store.fetch, (UUID,)),
                (api.NVRAMDeleteException, self.store.delete, (UUID,)),
                (api.NVRAMUploadException, self.store.store_slot_map,
                 (KEY, b'')),
                (api.NVRAMDownloadException, self.store.fetch_slot_map,
                 (KEY,)),
                (api.NVRAMDeleteException, self.store.delete_slot_map,
                 (KEY,))):
            exc = self.assertRaises(failure, func, *args)
            self.assertIn(UUID, str(exc))
            self.assertIn(reason, str(exc))

    def test_swift_in_trouble(self):
        self.swift.status = 503
        self.assert_all_fail('503')
        self.swift.status = None
        self.store.store(UUID, 'QUJD')

    def test_swift_refuses(self):
        self.swift.status = 403
        self.assert_all_fail('403')

    def test_nobody_answers(self):
        self.swift.stop()
        self.assert_all_fail('')

    def test_wrong_password(self):
        self.flags(group='powervm', swift_password='wrong')
        self.store = nvram.build_store()
        self.addCleanup(self.store.close)
        self.assert_all_fail('401')

    def test_no_swift_in_the_catalog(self):
        self.swift.has_swift = False
        self.assert_all_fail('object-store')

    def test_missing_option(self):
        for option in ('swift_auth_url', 'swift_password'):
            self.flags(group='powervm', **self.swift.options)
            self.flags(group='powervm', **{option: None})
            exc = self.assertRaises(api.NVRAMConfigOptionNotSet,
                                    nvram.build_store)
            self.assertIn(option, str(exc))
            self.assertIsInstance(exc, nova_exc.InvalidConfiguration)

    def test_unknown_version(self):
        self.flags(group='powervm', swift_auth_version='1')
        self.assertRaises(exception.InvalidOption, nvram.build_store)

    def test_version_2(self):
        self.flags(group='powervm', swift_auth_version='2.0')
        nvram.build_store().close()

    def test_missing_package(self):
        with mock.patch.dict(sys.modules, {'swiftclient': None}):
            exc = self.assertRaises(nova_exc.InvalidConfiguration,
                                    nvram.build_store)
        self.assertIn('nova-powervm[swift]', str(exc))

    def test_none(self):
        for value in ('none', 'None'):
            self.flags(group='powervm', nvram_store=value)
            self.assertIsNone(nvram.build_store())
