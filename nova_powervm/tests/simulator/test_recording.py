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

"""Recordings of servers, and their comparison with the simulator.

The simulated site stands for the real server.
"""

import contextlib
import http.client
import http.server
import io
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import fixtures as base_fixtures
from pypowervm import adapter as pvm_adapter
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import virtual_io_server as pvm_vios
import testtools

from nova_powervm.simulator import certificate
from nova_powervm.simulator.recording import command
from nova_powervm.simulator.recording import paths
from nova_powervm.simulator.recording import proxy
from nova_powervm.simulator.recording import reader
from nova_powervm.simulator.recording import recording
from nova_powervm.simulator.recording import report
from nova_powervm.simulator.recording import secrets
from nova_powervm.simulator import site as sim_site
from nova_powervm.tests import fixtures


class RecordingTestCase(testtools.TestCase):

    PROFILE = 'default'

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.SimulatedSite(
            self.PROFILE)).site
        self.host = self.site.hosts[0]
        self.folder = self.useFixture(base_fixtures.TempDir()).path
        self.file = os.path.join(self.folder, 'recording')

    def run_command(self, *arguments):
        """Run the command: its exit status, and what it prints."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), \
                contextlib.redirect_stderr(output):
            try:
                status = command.main(arguments)
            except SystemExit as exc:
                status = exc.code
        return status, output.getvalue()

    def text(self):
        with open(self.file, encoding='utf-8') as found:
            return found.read()


class ReadTest(RecordingTestCase):

    def check(self, *arguments):
        status, output = self.run_command('read', self.host.base_url,
                                          self.file, *arguments)
        self.assertEqual((0, '%d answers are in %s\n' % (
            len(self.text().splitlines()), self.file)), (status, output))
        self.assertEqual(0o600, os.stat(self.file).st_mode & 0o777)
        return {answer['path']: answer for answer in
                recording.read(self.file) if answer['method'] != 'DELETE'}

    def test_password(self):
        self.useFixture(base_fixtures.EnvironmentVariable(
            command.PASSWORD, 'abc123'))
        before = self.site.state()
        found = self.check('--user', 'neo')
        self.assertEqual(before, self.site.state())
        for secret in ('abc123', '>neo<', '"neo"'):
            self.assertNotIn(secret, self.text())
        self.assertIn('<X-API-Session>REMOVED<', found[proxy.LOGON]['body'])
        for path in ('ManagedSystem', 'LogicalPartition', 'VirtualIOServer',
                     'ManagedSystem/%s/VirtualSwitch' % self.host.system.uuid,
                     'LogicalPartition/%s/quick/All' %
                     self.host.partition(1).uuid,
                     'LogicalPartition/%s/do/PowerOn' %
                     self.host.partition(1).uuid):
            self.assertEqual(200, found['/rest/api/uom/' + path]['status'])
        # What the simulator sends is what it is known to send.
        status, output = self.run_command('compare', self.file)
        self.assertEqual(0, status)
        self.assertIn('the simulator never does: nothing\n', output)

    def test_file(self):
        """The token that a NovaLink puts in a file is a secret."""
        self.check('--hide-serials')
        text = self.text()
        self.assertNotIn(self.host.system.serial, text)
        self.assertIn('REMOVED-V2-C', text)
        self.assertNotIn('session-', text)

    def test_refused(self):
        self.useFixture(base_fixtures.EnvironmentVariable(
            command.PASSWORD, 'wrong'))
        status, output = self.run_command(
            'read', self.host.base_url, self.file, '--user', 'neo')
        self.assertEqual(1, status)
        self.assertIn('refuses the logon: 401', output)

    def test_file_that_is_there(self):
        with open(self.file, 'w') as other:
            other.write('precious')
        status, output = self.run_command('read', self.host.base_url,
                                          self.file)
        self.assertEqual(1, status)
        self.assertIn('File exists', output)
        self.assertEqual('precious', self.text())

    def test_no_server(self):
        for url in ('novalink', 'http://localhost:1'):
            status, output = self.run_command('read', url, self.file)
            self.assertEqual(1, status)
            self.assertIn('powervm-recorder: ', output)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.file)


class OddServer(http.server.ThreadingHTTPServer):
    """A server that answers what it is told to, and repeats headers.

    :ivar logon: bytes, what it answers to a logon
    :ivar body: bytes, what it answers to any other request; None for nothing
    """

    logon = b'<LogonResponse><X-API-Session>x</X-API-Session></LogonResponse>'
    body = b''

    def __init__(self, test):
        super().__init__(('127.0.0.1', 0), OddHandler)
        self.url = 'http://127.0.0.1:%d' % self.server_address[1]
        thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        thread.start()
        test.addCleanup(self.server_close)
        test.addCleanup(thread.join)
        test.addCleanup(self.shutdown)


class OddHandler(http.server.BaseHTTPRequestHandler):

    def log_message(self, *args):
        pass

    def answer(self):
        self.rfile.read(int(self.headers.get('Content-Length') or 0))
        server = self.server
        body = server.logon if self.path == proxy.LOGON else server.body
        if body is None:
            return
        body = body.replace(b'HEADERS', str(self.headers).encode())
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = answer


class OddServerTest(RecordingTestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(base_fixtures.EnvironmentVariable(
            command.PASSWORD, 'abc123'))
        self.server = OddServer(self)

    def read(self):
        return self.run_command('read', self.server.url, self.file, '--user',
                                'neo')

    def test_no_logon(self):
        for body in (b'', b'hi', b'<html><p></html>', b'{}', b'<a/>'):
            self.server.logon = body
            status, output = self.read()
            self.assertEqual(1, status)
            self.assertIn('no X-API-Session: this is no PowerVM', output)
            os.unlink(self.file)

    def test_bad_feeds(self):
        for body in (b'<feed><entry>', b'hi', b'<feed><entry><id>x</id>'
                     b'<link type="a/json"/></entry></feed>'):
            self.server.body = body
            status, output = self.read()
            self.assertEqual(0, status, output)
            os.unlink(self.file)

    def test_lost_answers(self):
        """It does without some, and keeps what it has."""
        self.server.body = None
        status, output = self.read()
        self.assertEqual(1, status)
        self.assertIn(proxy.LOGON, self.text())
        os.unlink(self.file)
        self.patch(reader, '_MOST_LOST', 10 ** 6)
        status, output = self.read()
        self.assertEqual(0, status)
        self.assertIn('The server did not answer: GET /rest/api/uom/Cluster\n',
                      output)

    def exchange(self, method, path, body=None, **headers):
        """Send a request through a proxy, and return the recording."""
        hidden = secrets.Secrets()
        writer = recording.Writer(self.file, hidden)
        running = proxy.Proxy(proxy.Upstream(self.server.url), hidden, writer)
        running.start()
        connection = http.client.HTTPConnection(
            running.url.partition('//')[2])
        try:
            for sent in ((method, path, body), ('GET', '/rest/x')):
                connection.request(*sent, headers={
                    name.replace('_', '-'): value
                    for name, value in headers.items()})
                connection.getresponse().read()
                connection.close()
        finally:
            running.stop()
            writer.close()
        return self.text()

    def test_headers(self):
        """However a client writes them, nothing of them is recorded."""
        self.server.body = (
            b'<E><RequestHeaders>HEADERS</RequestHeaders><RequestBody><User/>'
            b'</RequestBody><Message>HEADERS<a/>HEADERS</Message></E>')
        text = self.exchange(
            'GET', '/rest/api/uom/ManagedSystem', x_api_session='TOKEN-1234',
            authorization='Basic xyz', cookie='JSESSIONID=98')
        for secret in ('TOKEN-1234', 'xyz', 'JSESSIONID', '<User'):
            self.assertNotIn(secret, text)
        self.assertIn('<RequestHeaders>REMOVED</RequestHeaders>', text)

    def test_logon_in_chunks(self):
        self.server.body = b'<Message>No user root here, p/w 12!</Message>'
        text = self.exchange(
            'PUT', proxy.LOGON, iter([
                b'<LogonRequest><UserID>root</UserID><Password>p/w 12!',
                b'</Password></LogonRequest>']))
        self.assertIn('No user REMOVED here, REMOVED<', text)


class HmcTest(RecordingTestCase):

    PROFILE = 'hmc'

    def test_read(self):
        self.useFixture(base_fixtures.EnvironmentVariable(
            command.PASSWORD, 'abc123'))
        status, output = self.run_command(
            'read', self.host.base_url, self.file, '--user', 'neo')
        self.assertEqual(0, status, output)
        self.assertIn('the simulator never does: nothing\n',
                      self.run_command('compare', self.file)[1])


class ProxyTest(RecordingTestCase):
    """pypowervm works through the proxy, and stays with it."""

    def setUp(self):
        super().setUp()
        hidden = secrets.Secrets()
        writer = recording.Writer(self.file, hidden)
        self.addCleanup(writer.close)
        self.proxy = proxy.Proxy(proxy.Upstream(self.host.base_url), hidden,
                                 writer)
        self.proxy.start()
        self.addCleanup(self.proxy.stop)
        session = pvm_adapter.Session(
            'localhost', 'neo', 'abc123', protocol='http', certpath=None,
            port=int(self.proxy.url.rpartition(':')[2]))
        self.addCleanup(session._logoff)
        self.adapter = pvm_adapter.Adapter(session)

    def test_links(self):
        system = pvm_ms.System.get(self.adapter)[0]
        self.assertTrue(system.href.startswith(self.proxy.url))
        count = len(self.host.journal)
        self.adapter.read_by_href(system.href)
        self.assertEqual(count + 1, len(self.host.journal))
        last = recording.read(self.file)[-1]
        self.assertEqual(200, last['status'])
        # The recording has what the server has sent.
        self.assertIn(self.host.base_url + '/rest/', last['body'])

    def test_changes_and_uploads(self):
        vios = pvm_vios.VIOS.get(self.adapter)[0]
        pvm_tasks.upload_vopt(self.adapter, vios.uuid, io.BytesIO(b'iso' * 9),
                              'cfg.iso')
        medium = next(found for group in self.host.store.all('VolumeGroup')
                      if group.repository
                      for found in group.repository.media.values())
        self.assertEqual(b'iso' * 9, medium.disk.read(0, 100))
        methods = {answer['method'] for answer in recording.read(self.file)}
        self.assertEqual({'GET', 'PUT', 'DELETE'}, methods)

    def test_server_that_is_away(self):
        self.site.stop()
        exc = self.assertRaises(urllib.error.HTTPError,
                                urllib.request.urlopen, self.proxy.url)
        self.assertEqual(502, exc.code)
        exc.close()


class HttpsTest(RecordingTestCase):

    def setUp(self):
        super().setUp()
        self.site.stop()
        folder = self.useFixture(base_fixtures.TempDir()).path
        tls = certificate.make(['127.0.0.1'], folder)
        self.authority = os.path.join(folder, 'ca.pem')
        self.site = sim_site.Site(fixtures.load_profile('default'))
        self.addCleanup(self.site.stop)
        self.site.start(port=0, tls=tls)
        self.url = self.site.hosts[0].base_url

    def test_certificates(self):
        """Nothing is sent to a server whose certificate is not trusted."""
        self.useFixture(base_fixtures.EnvironmentVariable(
            command.PASSWORD, 'abc123'))
        for number, (more, status) in enumerate((
                ((), 1), (('--ca', self.authority), 0),
                (('--no-verify',), 0))):
            path = self.file + str(number)
            found, output = self.run_command('read', self.url, path, '--user',
                                             'neo', *more)
            self.assertEqual(status, found, output)
            self.assertEqual(bool(status), 'certificate' in output.lower())
            self.assertEqual(not status, bool(recording.read(path)))


class CommandTest(RecordingTestCase):

    def test_record(self):
        """It ends with a signal."""
        process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-m', command.__name__, 'record',
             self.host.base_url, self.file, '--port', '0'],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        url = process.stdout.readline().split()[5]
        with urllib.request.urlopen(url + '/simulator/state') as answer:
            self.assertEqual('default', json.load(answer)['name'])
        process.send_signal(signal.SIGTERM)
        self.assertIn('1 answers are in', process.stdout.read())
        self.assertEqual(0, process.wait())

    def test_no_recording(self):
        answer = {'method': 'GET', 'path': '/x', 'status': 200, 'body': None}
        for line in ('{"a": 1}', '[]', '[' * 10 ** 5, *(
                json.dumps(dict(answer, **wrong)) for wrong in (
                    {'path': 2}, {'status': '200'}, {'body': 5}))):
            with open(self.file, 'w') as other:
                other.write(line + '\n')
            status, output = self.run_command('compare', self.file)
            self.assertEqual(1, status)
            self.assertIn('recording:1: this is no answer', output)

    def test_ports(self):
        for port in ('99999', '-1', 'abc'):
            status, output = self.run_command(
                'record', self.host.base_url, self.file, '--port', port)
            self.assertEqual(2, status)
            self.assertIn('a port is a number from 0 to 65535', output)


class SecretsTest(testtools.TestCase):

    def test_elements(self):
        hidden = secrets.Secrets()
        for name in ('UserID', 'X-API-Session', 'MigrationUserName',
                     'Password', 'PublicSSHKey', 'AuthorizedKey'):
            self.assertEqual('<a><%s>REMOVED</%s></a>' % (name, name),
                             hidden.remove(b'<a><%s>x</%s></a>' % (
                                 name.encode(), name.encode())))
        for harmless in ('<KeylockPosition>normal</KeylockPosition>',
                         '<SessionCapable>true</SessionCapable>',
                         '<UserCount><a>1</a></UserCount>'):
            self.assertEqual(harmless, hidden.remove(harmless.encode()))

    def test_parameters_of_jobs(self):
        body = ('<p><ParameterName>%s</ParameterName>'
                '<ParameterValue>%s</ParameterValue></p>')
        hidden = secrets.Secrets()
        self.assertEqual(
            body % ('TargetRemoteHMCUserID', 'REMOVED'),
            hidden.remove((body % ('TargetRemoteHMCUserID', 'wlp')).encode()))
        self.assertEqual(body % ('operation', 'shutdown'), hidden.remove(
            (body % ('operation', 'shutdown')).encode()))

    def test_values_that_are_known(self):
        hidden = secrets.Secrets()
        hidden.learn_logon(b'<LogonRequest><UserID>adm</UserID>'
                           b'<Password>se/ret</Password></LogonRequest>')
        self.assertEqual('<a b="REMOVED"><c>REMOVED</c><d>admin</d>'
                         '<e>a REMOVED</e>REMOVED</a>', hidden.remove(
                             b'<a b="se/ret"><c>adm</c><d>admin</d>'
                             b'<e>a se/ret</e>se/ret</a>'))
        # A short one is a secret as a word.
        self.assertEqual('<a user="REMOVED">No admin REMOVED.</a>',
                         hidden.remove(b'<a user="x">No admin adm.</a>'))
        self.assertEqual('/x?y=REMOVED', hidden.clean('/x?y=se%2Fret'))

    def test_json(self):
        hidden = secrets.Secrets(serials=True)
        self.assertEqual(
            '{"userName": "REMOVED", "n": [1, "REMOVED"]}',
            hidden.remove(b'{"userName": "x", "n": [1, "8286-42A*21AB12C"]}'))

    def test_serials(self):
        body = (b'<a><SerialNumber>21AB12C</SerialNumber><b>8286.21AB12C</b>'
                b'<c>U78C9.001.WZS0002-P1-C1</c></a>')
        self.assertEqual(body.decode(), secrets.Secrets().remove(body))
        self.assertEqual(
            '<a><SerialNumber>REMOVED</SerialNumber><b>8286.REMOVED</b>'
            '<c>REMOVED-P1-C1</c></a>', secrets.Secrets(True).remove(body))

    def test_no_document(self):
        """What nobody can look into is not recorded."""
        for body in (b'', b'token', b'<a', b'{"a"', b'<a>\xff</a>'):
            self.assertIsNone(secrets.Secrets().remove(body))

    def test_entities_of_files(self):
        body = (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
                b'<a>&x;</a>')
        self.assertNotIn('root:', secrets.Secrets().remove(body) or '')


class ReportTest(testtools.TestCase):

    def report(self, body, status=200):
        return report.compare([{'method': 'GET', 'path': '/rest/x?y',
                                'status': status, 'body': body}])

    def test_new_path(self):
        text = self.report('<LogicalPartition><PartitionName/><New><a/></New>'
                           '</LogicalPartition>')
        self.assertIn('never does: 2\n  LogicalPartition/New (1)\n\n', text)
        self.assertIn('\n  LogicalPartition/PartitionID\n', text)
        self.assertNotIn('\n  VirtualIOServer', text)

    def test_left_out(self):
        text = self.report('<ClientNetworkAdapter><Gateway/>'
                           '</ClientNetworkAdapter>')
        self.assertIn('never does: nothing', text)
        self.assertIn('on purpose: 1\n  ClientNetworkAdapter/Gateway (1)\n',
                      text)

    def test_refused(self):
        self.assertIn('requests: 1\n  GET /rest/x: 404\n',
                      self.report(None, 404))

    def test_known(self):
        sent, left_out = {'a', 'a/b', 'a/b/c', 'd'}, {'a/e'}
        text = report.format_known(sent, left_out)
        self.assertEqual('a\n b\n  c\n e -\nd\n', text)
        self.patch(report, 'KNOWN', os.path.join(
            self.useFixture(base_fixtures.TempDir()).path, 'known'))
        with open(report.KNOWN, 'w') as known:
            known.write(text)
        self.assertEqual((sent, left_out), report.load_known())


class PathsTest(testtools.TestCase):

    def test_broken(self):
        for broken in (b'<a', b'{"a"'):
            self.assertRaises(ValueError, paths.paths, broken)
