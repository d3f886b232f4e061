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

"""URLs, envelopes, etags and errors of the simulated REST server."""

import threading
import time
import types

import fixtures as base_fixtures
from lxml import etree
from pypowervm import const
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import partition as pvm_partition
from pypowervm.utils import retry as pvm_retry
from pypowervm.wrappers import logical_partition
from pypowervm.wrappers import managed_system
from pypowervm.wrappers import virtual_io_server
import testtools

from nova_powervm.simulator import request
from nova_powervm.tests import fixtures

ATOM = '{http://www.w3.org/2005/Atom}'
UOM = '{http://www.ibm.com/xmlns/systems/power/firmware/uom/mc/2012_10/}'


class RestTest(testtools.TestCase):
    """A site, a bare client and the management partition."""

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.client = self.useFixture(fixtures.Client(self.host))
        self.lpar = self.host.store.all('LogicalPartition')[0]
        self.url = '/rest/api/uom/LogicalPartition/' + self.lpar.uuid


class TestUrls(RestTest):

    def test_root_and_child_are_one_object(self):
        system = self.host.system.uuid
        child = '/rest/api/uom/ManagedSystem/%s/LogicalPartition' % system
        for url in (self.url, '%s/%s' % (child, self.lpar.uuid)):
            reply = self.client.get(url)
            self.assertEqual(200, reply.status)
            self.assertEqual(self.lpar.uuid, reply.xml.findtext(ATOM + 'id'))
        for url in ('/rest/api/uom/LogicalPartition', child):
            self.assertEqual(
                [self.lpar.uuid],
                [e.findtext(ATOM + 'id') for e in self.client.get(
                    url).xml.findall(ATOM + 'entry')])

    def test_uuid_case_does_not_matter(self):
        self.assertEqual(200, self.client.get(self.url.lower().replace(
            'logicalpartition', 'LogicalPartition')).status)

    def test_unknown_things(self):
        system = '/rest/api/uom/ManagedSystem/%s' % self.host.system.uuid
        vios = self.host.store.all('VirtualIOServer')[0]
        for url in ('/rest', '/rest/api/uom', '/rest/api/uom/Unicorn',
                    '/rest/api/uom/LogicalPartition/nope',
                    '/rest/api/web/LogicalPartition',
                    '/rest/api/web/LogicalPartition/' + self.lpar.uuid,
                    '/rest/api/uom/ClientNetworkAdapter',
                    system + '/ClientNetworkAdapter',
                    self.url + '/ClientNetworkAdapter/nope',
                    self.url + '/VolumeGroup',
                    '%s/LogicalPartition/%s' % (system, vios.uuid),
                    self.url + '/quick/Nope', self.url + '/do/Nope',
                    self.url + '/do', '/rest/api/uom/LogicalPartition/quick',
                    '/rest/api/uom/jobs/1', '/rest/api/uom/jobs',
                    self.url + '/%2e%2e'):
            reply = self.client.get(url)
            self.assertEqual(404, reply.status, url)
            self.assertEqual('404', reply.text('HTTPStatus'), url)
            self.assertTrue(reply.text('Message'), url)

    def test_child_of_somebody_else(self):
        cna = self.host.store.all('ClientNetworkAdapter')[0]
        own = self.client.get(cna.path())
        other = self.client.get('%s/ClientNetworkAdapter/%s' % (self.url,
                                                                cna.uuid))
        self.assertEqual((200, 404), (own.status, other.status))

    def test_methods_that_are_not_possible(self):
        for method, url in (
                ('PATCH', self.url), ('PUT', self.url),
                ('POST', '/rest/api/uom/LogicalPartition'),
                ('DELETE', '/rest/api/uom/LogicalPartition'),
                ('PUT', '/rest/api/uom/ManagedSystem'),
                ('DELETE', self.host.system.path()),
                ('POST', self.url + '/quick/All'),
                ('POST', self.url + '/do/PowerOn'),
                ('POST', '/rest/api/web/Logon'),
                ('DELETE', '/rest/api/uom/Event'),
                ('GET', '/rest/api/web/File/contents/1')):
            reply = self.client.request(method, url, '<a/>')
            self.assertEqual(405, reply.status, (method, url))
            self.assertEqual('405', reply.text('HTTPStatus'))

    def test_quick(self):
        def quick(suffix):
            return self.client.get(self.url + suffix)

        self.assertEqual(b'"running"', quick('/quick/PartitionState').body)
        self.assertEqual(b'1', quick('/quick/PartitionID').body)
        self.assertEqual(quick('/quick').json, quick('/quick/All').json)
        self.assertEqual('novalink', quick('/quick').json['PartitionName'])

    def test_search(self):
        base = '/rest/api/uom/LogicalPartition/search/'
        self.lpar.name = "my vm's/1"
        hit = self.client.get(
            base + "(PartitionName=='my%20vm%27s%2F1')?group=None")
        self.assertEqual(200, hit.status)
        miss = self.client.get(base + "(PartitionName!='my%20vm%27s%2F1')")
        self.assertEqual((204, b''), (miss.status, miss.body))
        self.assertEqual(200, self.client.get(
            base + "(PartitionID=='1')").status)
        for bad in ("(Colour=='red')", 'PartitionName', "(PartitionName='a')"):
            self.assertEqual(400, self.client.get(base + bad).status)

    def test_groups(self):
        self.lpar.nvram = 'bits'
        self.lpar.touch()
        for query, there in (('', True), ('?group=None', False),
                             ('?group=NVRAM', True), ('?group=All', True),
                             ('?group=Advanced,NVRAM', True),
                             ('?group=Advanced', False)):
            reply = self.client.get(self.url + query)
            self.assertEqual(there, b'PartitionNVRAM' in reply.body, query)
        self.assertEqual(400, self.client.get(
            self.url + '?group=Nonsense').status)


class TestEnvelopes(RestTest):

    def test_entry(self):
        reply = self.client.get(self.url + '?group=NVRAM')
        root = etree.fromstring(reply.body)
        self.assertFalse(reply.body.startswith(b'<?xml'))
        self.assertIn('charset=UTF-8', reply.headers['Content-Type'])
        self.assertEqual(reply.headers['ETag'],
                         root.findtext(UOM + 'etag'))
        link = root.find(ATOM + 'link')
        self.assertEqual('SELF', link.get('rel'))
        self.assertEqual(
            '%s%s?group=NVRAM' % (self.host.base_url, self.lpar.path()),
            link.get('href'))
        content = root.find(ATOM + 'content')
        self.assertEqual(UOM + 'LogicalPartition', content[0].tag)
        self.assertEqual(self.lpar.uuid, content.findtext(
            './/%sAtomID' % UOM))

    def test_feed(self):
        reply = self.client.get('/rest/api/uom/VirtualIOServer?group=None')
        root = etree.fromstring(reply.body)
        self.assertEqual(ATOM + 'feed', root.tag)
        self.assertEqual(
            self.host.base_url + '/rest/api/uom/VirtualIOServer?group=None',
            root.find(ATOM + 'link').get('href'))
        entries = root.findall(ATOM + 'entry')
        self.assertEqual(2, len(entries))
        for entry in entries:
            self.assertTrue(entry.findtext(UOM + 'etag'))
            self.assertTrue(entry.find(ATOM + 'link').get('href').endswith(
                '?group=None'))

    def test_empty_feed(self):
        reply = self.client.get('/rest/api/web/File')
        self.assertEqual((204, b''), (reply.status, reply.body))

    def test_an_exception_is_an_error_document(self):
        def fail(groups):
            raise ValueError('<broken> \x01')

        log = self.useFixture(base_fixtures.FakeLogger())
        self.lpar.document = fail
        reply = self.client.get(self.url)
        self.assertEqual(500, reply.status)
        self.assertIn('ValueError: <broken> ?', reply.text('Message'))
        self.assertIn('Traceback', log.output)

    def test_bodies_that_are_wrong(self):
        for body in ('', 'no xml', '<a>', '<ManagedSystem/>',
                     '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'):
            for method, url in (('PUT', '/rest/api/uom/LogicalPartition'),
                                ('POST', self.url)):
                reply = self.client.request(method, url, body)
                self.assertEqual(400, reply.status, body)
                self.assertEqual('400', reply.text('HTTPStatus'))


class TestEtags(RestTest):

    def body(self):
        doc = self.client.get(self.url).xml.find(ATOM + 'content')[0]
        return etree.tostring(doc)

    def test_if_none_match(self):
        etag = self.client.get(self.url).headers['ETag']
        same = self.client.get(self.url, If_None_Match=etag)
        self.assertEqual((304, b''), (same.status, same.body))
        self.lpar.touch()
        changed = self.client.get(self.url, If_None_Match=etag)
        self.assertEqual(200, changed.status)
        self.assertNotEqual(etag, changed.headers['ETag'])

    def test_if_match(self):
        etag, body = self.lpar.etag, self.body()
        reply = self.client.request('POST', self.url, body, If_Match=etag)
        self.assertEqual(200, reply.status)
        self.assertEqual(self.lpar.etag, reply.headers['ETag'])
        stale = self.client.request('POST', self.url, body, If_Match=etag)
        self.assertEqual(412, stale.status)
        self.assertEqual('412', stale.text('HTTPStatus'))
        gone = self.client.request('DELETE', self.url, If_Match=etag)
        self.assertEqual(412, gone.status)
        free = self.client.request('POST', self.url, body)
        self.assertEqual(200, free.status)

    def test_a_new_child_changes_the_parent(self):
        etag = self.lpar.etag
        cna = self.host.store.all('ClientNetworkAdapter')[0]
        cna.parent = self.lpar
        cna.uuid = self.host.random_uuid()
        with self.site.lock:
            self.host.add(cna)
        self.assertNotEqual(etag, self.lpar.etag)


class TestTime(RestTest):
    """What a site takes for a request, by its size."""

    def setUp(self):
        super().setUp()
        self.waits = []
        self.useFixture(base_fixtures.MockPatch(
            'nova_powervm.simulator.app.time', types.SimpleNamespace(
                monotonic=time.monotonic, sleep=self.waits.append)))

    def last(self):
        return self.host.journal.records()[-1]

    def test_off(self):
        self.client.get('/rest/api/uom/VirtualIOServer')
        self.assertEqual([], self.waits)

    def test_kilobytes(self):
        """Those of the request and of its answer count."""
        self.site.timing['seconds_per_kb'] = 2
        self.client.get(self.url)
        size = self.last()['bytes_out']
        self.assertGreater(size, 1000)
        self.assertEqual([size / 500], self.waits)
        body = b'<nonsense/>' * 100
        self.client.request('POST', self.url, body)
        self.assertEqual((len(body) + self.last()['bytes_out']) / 500,
                         self.waits[-1])

    def test_entries(self):
        """Objects that an answer lists count, one that it is does not."""
        self.site.timing['seconds_per_entry'] = 3
        self.client.get(self.url)
        self.client.get(self.url + '/quick/All')
        self.assertEqual([], self.waits)
        self.client.get('/rest/api/uom/VirtualIOServer')
        vioses = len(self.host.store.all('VirtualIOServer'))
        self.assertEqual([3 * vioses], self.waits)


class TestWithPypowervm(testtools.TestCase):
    """What the library makes of it."""

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite()).site
        self.host = self.site.hosts[0]
        self.adapter = self.useFixture(fixtures.Adapter(self.host)).adapter

    def test_session(self):
        session = self.adapter.session
        self.assertEqual('PVM', session.mc_type)
        self.assertFalse(session.traits.vnet_aware)
        self.assertTrue(session.traits.has_high_slot)

    def test_system(self):
        systems = managed_system.System.get(self.adapter)
        self.assertEqual([self.host.system.uuid], [s.uuid for s in systems])
        system = systems[0]
        self.assertEqual('operating', system.system_state)
        self.assertEqual(524288, system.memory_configurable)
        self.assertEqual(24.0, system.proc_units)
        self.assertEqual(256, system.memory_region_size)
        self.assertIn('default', system.proc_compat_modes)
        self.assertEqual([], list(system.asio_config.io_slots))
        self.assertEqual(
            '8286-42A*' + self.host.system.serial, system.mtms.mtms_str)

    def test_management_partition(self):
        manager = pvm_partition.get_mgmt_partition(self.adapter)
        self.assertEqual('novalink', manager.name)

    def test_vioses(self):
        pvm_partition.validate_vios_ready(self.adapter)
        names = [v.name for v in virtual_io_server.VIOS.get(self.adapter)]
        self.assertEqual(['vios1', 'vios2'], names)

    def test_refresh(self):
        lpar = logical_partition.LPAR.get(self.adapter)[0]
        self.assertIs(lpar, lpar.refresh())
        self.host.store.get(lpar.schema_type, lpar.uuid).touch()
        self.assertIsNot(lpar, lpar.refresh())

    def test_lost_update_is_refused_and_retried(self):
        first, second = (logical_partition.LPAR.get(self.adapter)[0]
                         for _ in range(2))
        first.avail_priority = 5
        first.update()
        second.avail_priority = 6
        exc = self.assertRaises(pvm_exc.HttpError, second.update)
        self.assertEqual(412, exc.response.status)

        @pvm_retry.retry()
        def change(wrapper):
            wrapper.avail_priority = 7
            return wrapper.update()

        self.assertEqual(7, change(second.refresh()).avail_priority)

    def test_error(self):
        exc = self.assertRaises(
            pvm_exc.HttpError, self.adapter.read, 'LogicalPartition', 'nope')
        self.assertEqual(404, exc.response.status)
        self.assertIn('There is no LogicalPartition', str(exc))

    def test_many_clients_at_once(self):
        found = []

        def read():
            found.append(len(virtual_io_server.VIOS.get(self.adapter)))

        threads = [threading.Thread(target=read) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([2] * 20, found)


class TestGroups(testtools.TestCase):

    def test_groups_are_those_of_pypowervm(self):
        named = {value for name, value in vars(const.XAG).items()
                 if not name.startswith('_') and isinstance(value, str)}
        self.assertEqual(named - {'All', 'None'}, set(request.GROUPS))
