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

"""Requests of the REST API that are nearly good, for attacks."""

import copy
import urllib.parse

from lxml import etree

from nova_powervm.simulator import jobs
from nova_powervm.simulator import resources

#: What no element, parameter or name is ready for.
EVIL = (
    '', ' ', '0', '-1', '1', '7', '1.5', '65535', '65536', '4095', 'nan',
    'NaN', 'inf', '-inf', '1e400', '1e308', '1e-320', '9' * 20, '9' * 4000,
    '1000000000', '-1000000', '8' + '0' * 18,
    '-' + '9' * 30, '\u0663', '\u00b2', '1_000', '0x10', '+1', '1 2 x', 'true',
    'None', '.', '..', '../../x', '/', '//', 'a/b', '/etc/passwd', 'm' * 40,
    'm' * 300, '\u00e4' * 100, '\U0001f4a5', "'", '"<&>', '%', '%s%n', '{}',
    'a b', 'a,b', '*', '\t\n', '\x7f', '\x85', 'FFFFFFFFFFFF', 'PARTIAL')
_BAD_SEGMENTS = (
    '', '.', '..', '%EF%BF%BE', '%00', '%01', '%FF', '%2F', '%', '%zz',
    'quick', 'search', 'do', 'All', 'jobs', 'cancel', 'Logon', 'File',
    'contents', 'Event', 'a' * 3000, '\xff', "(PartitionName=='x')",
    "(PartitionID=='1')",
    "(PartitionName!='%01')", "(Nope=='1')", '(', 'PartitionState', 'uom',
    'web', 'pcm')
_QUERIES = ('', '', '', '?', '?group=None', '?group=All', '?group=%00',
            '?group=All,%01', '?group=ViosSCSIMapping,%EF%BF%BE', '?=&&=',
            '?group=ViosStorage', '?group=nope', '?QUEUE_APPLICATIONID=%01')
_BAD_BODIES = (b'', b'x', b'<a/>', b'<a>', b'\x00', b'\xff\xfe<\x00a\x00/\x00',
               b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
               b'<a xmlns="' + b'u' * 100 + b'"/>',
               b'<?xml version="1.0" encoding="UTF-7"?><a/>')
_PARAMETERS = (
    'operation', 'immediate', 'restart', 'force', 'bootmode', 'bootstring',
    'keylock', 'iIPLsource', 'novsi', 'numberPairsRequested', 'inputXML',
    'DesiredMemory', 'MaximumMemory', 'DesiredProcessors', 'LogicalPartition',
    'NumberOfVirtualEthernetAdapter', 'NumberOfVirtualSCSIAdapter', 'cmd',
    'acknowledgeThisAPIMayGoAwayInTheFuture', 'TargetManagedSystemName',
    'VirtualSCSIMappings', 'VirtualFCMappings', 'VlanMappings',
    'SharedProcPoolID', 'DestinationLparID', 'Force', 'devName', 'Affinity')
_FILE = ('<File><Filename>%s</Filename><ExpectedFileSizeInBytes>%s'
         '</ExpectedFileSizeInBytes><FileEnumType>%s</FileEnumType>'
         '<TargetVirtualIOServerUUID>%s</TargetVirtualIOServerUUID>'
         '<TargetDeviceUniqueDeviceID>%s</TargetDeviceUniqueDeviceID></File>')
_LOGON = ('<LogonRequest><UserID>%s</UserID><Password>%s</Password>'
          '<GenerateX-API-SessionFile>%s</GenerateX-API-SessionFile>'
          '</LogonRequest>')


def unquote(path):
    """Decode a path as the WSGI server does for PATH_INFO."""
    return urllib.parse.unquote_to_bytes(path.encode('latin-1')).decode(
        'latin-1')


def quote(text):
    """Encode a segment of a path."""
    return urllib.parse.quote(text, safe='', errors='surrogatepass')


def escape(text):
    """Make text part of an XML document."""
    return text.replace('&', '&amp;').replace('<', '&lt;')


class Grammar:
    """Makes requests for the REST API of the objects that a site has.

    :param rng: random.Random
    :param target: attack.Target
    """

    def __init__(self, rng, target):
        self._rng = rng
        self._target = target
        self._site = target.site
        self._tokens = {}

    def request(self, endpoint):
        """Make a request.

        :param endpoint: int, the number of the endpoint that gets it
        :returns: tuple of method, path, body and headers
        """
        endpoint = self._site.endpoints[endpoint]
        make = self._rng.choice(
            [self._change] * 8 + [self._create] * 5 + [self._job] * 3 +
            [self._read] * 3 + [self._delete, self._upload, self._nonsense,
                                self._logon])
        method, path, body = make(endpoint)
        if isinstance(body, str):
            body = body.encode('utf-8', 'replace')
        headers = {'X-API-Session': self._token(endpoint)}
        if self._rng.random() < 0.1:
            headers['If-Match'] = self._rng.choice(('1', '"x"', '\x80', ''))
        return method, path, body, headers

    def _token(self, endpoint):
        sessions = endpoint.sessions
        try:
            sessions.check(self._tokens.get(endpoint, ''))
        except Exception:
            profile = self._site.profile
            self._tokens[endpoint] = sessions.logon_password(
                profile['user'], profile['password']).token
        return self._tokens[endpoint]

    # -- objects --------------------------------------------------------------

    def _object(self, endpoint):
        types = [cls for cls in resources.ALL if endpoint.all(cls.TYPE)]
        return self._rng.choice(endpoint.all(self._rng.choice(types).TYPE))

    def _document(self, resource):
        groups = frozenset(resource.GROUPS)
        return etree.fromstring(resource.document(groups))

    def _change(self, endpoint):
        resource = self._object(endpoint)
        tree = self._mutated(self._document(resource), endpoint)
        return 'POST', resource.path() + self._query(), self._bytes(tree)

    def _create(self, endpoint):
        """Send the document of an object as that of a new one."""
        resource = self._object(endpoint)
        tree = self._document(resource)
        if self._rng.random() < 0.8:
            self._make_new(tree)
        tree = self._mutated(tree, endpoint)
        path = resource.path().rpartition('/')[0]
        return 'PUT', path, self._bytes(tree)

    def _make_new(self, tree):
        """Take away what only the platform gives."""
        for name in ('PartitionID', 'PartitionUUID', 'UniqueDeviceID',
                     'MACAddress', 'VirtualSlotNumber', 'Metadata',
                     'NetworkUUID', 'LocationCode'):
            for found in tree.findall('{*}' + name):
                if self._rng.random() < 0.8:
                    tree.remove(found)
        for name in ('PartitionName', 'UnitName', 'NetworkName',
                     'NetworkVLANID'):
            for found in tree.findall('{*}' + name):
                found.text = str(self._rng.randrange(4096))

    def _query(self):
        return self._rng.choice(_QUERIES) if self._rng.random() < 0.3 else ''

    def _delete(self, endpoint):
        return 'DELETE', self._object(endpoint).path(), b''

    def _read(self, endpoint):
        parts = self._object(endpoint).path().strip('/').split('/')
        for _ in range(self._rng.choice((0, 1, 1, 2))):
            place = self._rng.randrange(len(parts) + 1)
            parts[place:place + self._rng.randrange(2)] = [
                self._rng.choice(_BAD_SEGMENTS)]
        if self._rng.random() < 0.3:
            del parts[self._rng.randrange(len(parts)):]
        method = self._rng.choice(('GET',) * 8 + ('PUT', 'POST', 'DELETE',
                                                  'HEAD', 'PATCH'))
        return method, '/' + '/'.join(parts) + self._rng.choice(
            _QUERIES), b''

    def _nonsense(self, endpoint):
        return (self._rng.choice(('PUT', 'POST')),
                self._object(endpoint).path(), self._rng.choice(_BAD_BODIES))

    def _logon(self, endpoint):
        if self._rng.random() < 0.2:
            return 'DELETE', '/rest/api/web/Logon', b''
        return 'PUT', '/rest/api/web/Logon', _LOGON % (
            escape(self._value(endpoint)), escape(self._value(endpoint)),
            self._rng.choice(('true', 'false', 'x')))

    # -- jobs and files -------------------------------------------------------

    def _job(self, endpoint):
        type_, operation = self._rng.choice(list(jobs.OPERATIONS))
        targets = endpoint.all(type_)
        if not targets or self._rng.random() < 0.1:
            targets = [self._object(endpoint)]
        names = self._rng.sample(_PARAMETERS, self._rng.randrange(6))
        if operation == 'GetNextWWPNs':
            names.append('numberPairsRequested')
        if operation in ('LUARecovery', 'RemoveDevice'):
            names += ['inputXML', 'devName']
        body = ('<JobRequest><RequestedOperation><OperationName>%s'
                '</OperationName></RequestedOperation><JobParameters>%s'
                '</JobParameters></JobRequest>' % (operation, ''.join(
                    '<JobParameter><ParameterName>%s</ParameterName>'
                    '<ParameterValue>%s</ParameterValue></JobParameter>' % (
                        name, escape(self._parameter(endpoint, name)))
                    for name in names)))
        if self._rng.random() < 0.2:
            body = self._bytes(self._mutated(etree.fromstring(body),
                                             endpoint))
        return 'PUT', '%s/do/%s' % (self._rng.choice(targets).path(),
                                    operation), body

    def _parameter(self, endpoint, name):
        choice = self._rng.random()
        if name == 'inputXML' and choice < 0.8:
            return (
                '<XML_LIST><general><version>%s</version></general>'
                '<deviceList><device><deviceTag>%s</deviceTag><itlList><itl>'
                '<Iwwpn>%s</Iwwpn><Twwpn>%s</Twwpn><lua>%s</lua></itl>'
                '</itlList></device></deviceList></XML_LIST>' % tuple(
                    escape(self._value(endpoint)) for _ in range(5)))
        if name == 'cmd' and choice < 0.8:
            return 'viosvrcmd -m %s -p %s -c "rmdev -dev %s"' % tuple(
                self._value(endpoint) for _ in range(3))
        if 'Mappings' in name and choice < 0.8:
            return '/'.join(self._value(endpoint) for _ in range(
                self._rng.randrange(2, 6)))
        if choice < 0.3:
            return self._rng.choice(('true', 'false', 'shutdown', 'osshutdown',
                                     'on', 'norm', 'sms', 'immediate'))
        return self._value(endpoint)

    def _upload(self, endpoint):
        files = endpoint.all('File')
        if files and self._rng.random() < 0.7:
            found = self._rng.choice(files)
            body = self._rng.choice((b'', b'x', b'0' * 1000))
            return 'PUT', '/rest/api/web/File/contents/' + found.uuid, body
        vioses = endpoint.all('VirtualIOServer')
        disks = [disk for vios in vioses for group in vios.volume_groups
                 for disk in group.disks.values()]
        udid = self._rng.choice(disks).udid if disks else ''
        return 'PUT', '/rest/api/web/File', _FILE % (
            escape(self._rng.choice(('iso1', self._value(endpoint)))),
            escape(self._rng.choice(('1', '1000', self._value(endpoint)))),
            self._rng.choice(('BROKERED_MEDIA_ISO', 'BROKERED_DISK_IMAGE',
                              'nope')),
            self._rng.choice(vioses).uuid, escape(udid))

    # -- mutations ------------------------------------------------------------

    def _value(self, endpoint):
        """Return an evil value, or the name of something that there is."""
        if self._rng.random() < 0.7:
            return self._rng.choice(EVIL)
        found = self._object(endpoint)
        return str(self._rng.choice((
            found.uuid, found.href(), getattr(found, 'name', ''),
            getattr(found, 'partition_id', ''))))

    def _mutated(self, tree, endpoint):
        for _ in range(self._rng.choice((0, 1, 1, 1, 2, 3))):
            self._mutate(tree, endpoint)
        return tree

    def _mutate(self, tree, endpoint):
        elements = list(tree.iter())
        place = self._rng.choice(elements)
        leaves = [found for found in elements if not len(found)]
        what = self._rng.randrange(10)
        if what < 5:
            self._rng.choice(leaves).text = self._value(endpoint)
        elif what == 5 and place.getparent() is not None:
            place.getparent().remove(place)
        elif what == 6 and place.getparent() is not None:
            place.addnext(copy.deepcopy(place))
        elif what == 7:
            other = list(self._document(self._object(endpoint)).iter())
            place.append(copy.deepcopy(self._rng.choice(other)))
        elif what == 8:
            for name in place.attrib:
                place.set(name, self._value(endpoint))
        else:
            self._add_new(tree)

    def _add_new(self, tree):
        """Copy a child without an identity of its own, as new ones are."""
        children = [found for found in tree.iter() if len(found) > 1 and
                    found.getparent() is not None]
        if not children:
            return
        place = self._rng.choice(children)
        made = copy.deepcopy(place)
        for found in list(made):
            name = etree.QName(found).localname
            if name in ('UniqueDeviceID', 'MediaUDID'):
                made.remove(found)
            elif name.endswith('Name'):
                found.text = 'new%d' % self._rng.randrange(10)
            elif name in ('Size', 'DiskCapacity', 'UnitCapacity'):
                found.text = self._rng.choice(('1', '0.1', 'nan', '1e9'))
        place.addnext(made)

    def _bytes(self, tree):
        body = etree.tostring(tree)
        if self._rng.random() < 0.03:
            body = body[:self._rng.randrange(len(body))]
        return body
