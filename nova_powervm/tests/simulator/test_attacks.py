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

"""What clients, operators and machines do to a site must not break it."""

import errno
import json
import os
import socket
from unittest import mock

from lxml import etree

from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.simulator import storage_base

NOT_NUMBERS = ('nan', 'inf', '-inf', '1e400', '-1', '9' * 400, '1_0', '\u0663',
               '\u00b2', '0x10')


class AttackTest(storage_base.StorageTestCase):

    GROUP = 'rootvg'

    def setUp(self):
        super().setUp()
        self.client = self.useFixture(powervm_fixtures.Client(self.host))

    def files(self):
        """The files and links of the host."""
        return sorted(os.path.join(folder, name) for folder, _folders, names
                      in os.walk(self.site.data_dir) for name in names)

    def refused(self, method, path, body, status=400):
        """Send a write that must be refused, and must change nothing."""
        before = self.site.fingerprint(), self.etags(), self.files()
        reply = self.client.request(method, path, body)
        self.assertEqual(status, reply.status, (body, reply.body))
        self.assertEqual(before, (self.site.fingerprint(), self.etags(),
                                  self.files()))
        return reply

    def etags(self):
        return [found.etag for type_ in self.host.store.types()
                for found in self.host.store.all(type_)]

    def post_group(self, find, **texts):
        """POST the volume group with a new element.

        :param find: str, path of the list that it comes into
        """
        group = self.group
        tree = etree.fromstring(group.document(frozenset()))
        place = tree.find(find)
        made = etree.SubElement(place, place.tag.replace(
            'VirtualDisks', 'VirtualDisk').replace(
                'OpticalMedia', 'VirtualOpticalMedia'))
        for name, text in texts.items():
            etree.SubElement(made, name).text = text
        return 'POST', group.path(), etree.tostring(tree)


class NumberTest(AttackTest):

    def test_sizes(self):
        for bad in NOT_NUMBERS:
            self.refused(*self.post_group(
                '{*}VirtualDisks', DiskName='lv1', DiskCapacity=bad))
            self.refused(*self.post_group(
                './/{*}OpticalMedia', MediaName='m1', Size=bad))

    def test_all_numbers_of_a_document(self):
        """No number of any object is read without bounds."""
        lpar = self.make_lpar()
        for resource in (lpar, self.vios, self.group, self.host.system):
            tree = etree.fromstring(resource.document(
                frozenset(resource.GROUPS)))
            leaves = [leaf for leaf in tree.iter() if not len(leaf) and
                      (leaf.text or '').replace('.', '').isdigit()]
            for number, leaf in enumerate(leaves):
                good, leaf.text = leaf.text, NOT_NUMBERS[
                    number % len(NOT_NUMBERS)]
                reply = self.client.request('POST', resource.path(),
                                            etree.tostring(tree))
                self.assertIn(reply.status, (200, 400, 405, 409), (
                    leaf.tag, leaf.text, reply.body))
                leaf.text = good

    def test_jobs(self):
        body = ('<JobRequest><RequestedOperation><OperationName>%s'
                '</OperationName></RequestedOperation><JobParameters>'
                '<JobParameter><ParameterName>%s</ParameterName>'
                '<ParameterValue>%s</ParameterValue></JobParameter>'
                '</JobParameters></JobRequest>')
        for operation, name in (
                ('GetNextWWPNs', 'numberPairsRequested'),
                ('QueryReservedMemoryRequiredForPartition', 'DesiredMemory'),
                ('QueryReservedMemoryRequiredForPartition',
                 'NumberOfVirtualSCSIAdapter')):
            for bad in set(NOT_NUMBERS) - {'-1'}:
                reply = self.client.request(
                    'PUT', '%s/do/%s' % (self.host.system.path(), operation),
                    body % (operation, name, bad))
                self.assertEqual(200, reply.status)
                self.assertEqual('FAILED_BEFORE_COMPLETION',
                                 reply.text('Status'), (operation, bad))

    def test_control(self):
        for bad in ('NaN', 'Infinity', '1e400', '1e308', '-1', '1.0',
                    '9' * 400, '"1"'):
            for data in (
                    '{"action": "create_disk", "vios": "vios1", "name": "x",'
                    ' "volume_group": "datavg", "size_bytes": %s}',
                    '{"action": "create_medium", "vios": "vios1",'
                    ' "name": "x", "size_bytes": %s}'):
                self.refused('POST', '/simulator/control', data % bad)
        for bad in ('NaN', 'Infinity', '1e400', '1e17', '-1'):
            self.refused('POST', '/simulator/control',
                         '{"action": "advance_time", "seconds": %s}' % bad)
            self.refused('POST', '/simulator/faults',
                         '{"effect": "delay", "seconds": %s}' % bad)
        for path in ('/simulator/faults/' + '9' * 5000,
                     '/simulator/disks/x?length=' + '9' * 5000):
            self.assertIn(self.client.request('DELETE', path).status,
                          (400, 404, 405))


class HalfWriteTest(AttackTest):

    def test_one_name_of_two_is_too_long(self):
        method, path, body = self.post_group(
            './/{*}OpticalMedia', MediaName='good', Size='0.01')
        tree = etree.fromstring(body)
        place = tree.find('.//{*}OpticalMedia')
        for bad in ('m' * 300, 'm' * 38, '\u00e4' * 30, '.', '..', 'a/b', ''):
            made = etree.SubElement(place, 'VirtualOpticalMedia')
            etree.SubElement(made, 'MediaName').text = bad
            etree.SubElement(made, 'Size').text = '0.01'
            self.refused(method, path, etree.tostring(tree))
            place.remove(made)
        self.assertEqual(200, self.client.request(
            method, path, etree.tostring(tree)).status)

    def test_one_setting_of_a_partition_is_bad(self):
        """Neither its name nor its processors change then."""
        lpar = self.make_lpar()
        tree = etree.fromstring(lpar.document(frozenset()))
        texts = {'PartitionName': 'other', 'DesiredMemory': '2048',
                 'MaximumMemory': '2048', 'MinimumMemory': '512'}
        for element in tree.iter():
            name = etree.QName(element).localname
            element.text = texts.get(name, element.text)
        for name, bad in (('AvailabilityPriority', 'nan'),
                          ('PendingSecureBoot', 'x'),
                          ('PendingProcessorCompatibilityMode', 'POWER1'),
                          ('SharingMode', '//'),
                          ('MaximumVirtualIOSlots', '1e400')):
            element = tree.find('.//{*}' + name)
            if element is None:
                element = etree.SubElement(tree, name)
            good, element.text = element.text, bad
            self.refused('POST', lpar.path(), etree.tostring(tree))
            element.text = good or '0'
        element = tree.find('{*}PendingProcessorCompatibilityMode')
        element.text = 'default'
        self.assertEqual(200, self.client.request(
            'POST', lpar.path(), etree.tostring(tree)).status)
        self.assertEqual(('other', 2048), (lpar.name, lpar.memory.desired))

    def test_the_machine_is_full(self):
        """The second file cannot be made: the first one goes, too."""
        self.make_disk('old')
        request = self.post_group('{*}VirtualDisks', DiskName='lv1',
                                  DiskCapacity='1')
        tree = etree.fromstring(request[2])
        [old] = [found for found in tree.iter('{*}DiskName')
                 if found.text == 'old']
        old.getparent().find('{*}DiskCapacity').text = '2'
        full = OSError(errno.ENOSPC, 'No space left on device')
        with mock.patch('os.truncate', side_effect=full):
            reply = self.refused(*request[:2], etree.tostring(tree))
        self.assertIn('No space left', reply.text('Message'))
        self.assertEqual(200, self.client.request(
            *request[:2], etree.tostring(tree)).status)

    def test_media_of_operators_and_uploads(self):
        for bad in ('m' * 300, '..', 'a/b', ''):
            self.refused('POST', '/simulator/control', json.dumps(
                {'action': 'create_medium', 'vios': 'vios1', 'name': bad,
                 'content': 'x'}))
            self.refused('PUT', '/rest/api/web/File', (
                '<File><Filename>%s</Filename><FileEnumType>'
                'BROKERED_MEDIA_ISO</FileEnumType><TargetVirtualIOServerUUID>'
                '%s</TargetVirtualIOServerUUID></File>') % (
                    bad, self.vios.uuid))

    def test_disks_with_the_names_of_folders(self):
        for bad in ('.', '..', 'a/b', '../x', 'x' * 16, '\u00e4', ''):
            self.refused(*self.post_group('{*}VirtualDisks', DiskName=bad,
                                          DiskCapacity='1'))
            self.refused('POST', '/simulator/control', json.dumps(
                {'action': 'create_disk', 'vios': 'vios1', 'name': bad,
                 'volume_group': 'datavg', 'size_bytes': 1}))

    def test_text_that_no_document_can_hold(self):
        """A name from the control API would spoil the documents of REST."""
        for bad in ('a\x01', 'a\ufffe', 'a\ud800'):
            for data in ({'action': 'create_partition', 'name': bad},
                         {'action': 'type_on_console', 'partition': bad,
                          'text': ''}):
                self.refused('POST', '/simulator/control', json.dumps(data))
        self.refused('POST', '/simulator/control', json.dumps(
            {'action': 'type_on_console', 'partition': 1, 'text': '\ud800'}))
        self.refused('POST', '/simulator/control', '[' * 100000)


class RefusalTest(AttackTest):
    """The refusal itself can be read."""

    def test_paths(self):
        for path in ('/rest/api/uom/%EF%BF%BE', '/%EF%BF%BE', '/%01', '/%00',
                     '/rest/api/uom/ManagedSystem/%FF'):
            reply = self.client.get(path)
            self.assertEqual(404, reply.status)
            self.assertTrue(reply.text('Message'), reply.body)

    def test_groups(self):
        for group in ('All,%01', '%EF%BF%BE', 'None,%00', 'nope'):
            reply = self.client.get(self.vios.path() + '?group=' + group)
            self.assertEqual(400, reply.status)
            self.assertIn('attribute group', reply.text('Message'))

    def test_nothing_but_the_control_api_is_below_simulator(self):
        for path in ('/simulatorstate', '/simulatorx/state', '/simulator.'):
            self.assertEqual(404, self.client.get(path).status)
        for path in ('/simulator', '/simulator/', '/simulator/state'):
            self.assertEqual(200, self.client.get(path).status)

    def test_entities(self):
        """Neither entities nor depth make a small document large."""
        bomb = '<!DOCTYPE a [<!ENTITY e0 "%s">%s]><a b="&e9;"/>' % (
            'x' * 10, ''.join('<!ENTITY e%d "%s">' % (
                number, '&e%d;' % (number - 1) * 10)
                for number in range(1, 10)))
        for body in (bomb, '<a>' * 100000, '<a b="%s"/>' % ('x' * 20000000)):
            self.refused('POST', self.group.path(), body)


class BodyTest(AttackTest):

    def answer(self, *parts):
        """Send bytes as they are, and return what comes back."""
        with socket.create_connection(('127.0.0.1', self.host.port),
                                      10) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                return connection.makefile('rb').read()
            except ConnectionError:
                return b''

    def head(self, path, *headers):
        return ('\r\n'.join(('PUT %s HTTP/1.1' % path, 'Host: x') + headers) +
                '\r\n\r\n').encode()

    def test_announced(self):
        for path in ('/rest/api/web/Logon', '/simulator/control'):
            for length in ('9' * 20, str(300 * 1024 ** 2)):
                answer = self.answer(self.head(
                    path, 'Content-Length: ' + length))
                self.assertIn(b' 413 ', answer)
                self.assertIn(b'The body has more than', answer)
            self.assertNotIn(b' 200 ', self.answer(self.head(
                path, 'Content-Length: ' + '9' * 5000)))

    def test_chunks(self):
        """Neither many chunks nor one large one are kept in memory."""
        for path in ('/rest/api/web/Logon', '/simulator/control'):
            head = self.head(path, 'Transfer-Encoding: chunked')
            chunk = b'100000\r\n' + bytes(1024 ** 2) + b'\r\n'
            answer = self.answer(head, *[chunk] * 33, b'0\r\n\r\n')
            self.assertIn(b' 413 ', answer)
            for size in (b'FFFFFFFFFFFF', b'F' * 40, b'-5', b'zz'):
                self.assertNotIn(b' 200 ', self.answer(
                    head, size + b'\r\nx\r\n0\r\n\r\n'))

    def test_headers(self):
        for head in (self.head('/simulator/state', 'X-Long: ' + 'x' * 70000),
                     self.head('/' + 'x' * 70000),
                     self.head('/x', *['X-%d: y' % n for n in range(9000)])):
            self.assertRegex(self.answer(head), b'^HTTP/1.. 41[34] |^$')
        self.assertEqual(200, self.client.get('/simulator/state').status)
