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

"""The volume driver for Cinder, with a stand-in for Cinder.

Cinder needs eventlet, which Nova refuses to have in its process. So
tools/cinder_check.py runs the driver with a real Cinder.
"""

import contextlib
import importlib
import io
import sys
import types
from unittest import mock

import testtools

from nova_powervm.simulator.san import address
from nova_powervm.tests import fixtures

NAME = 'nova_powervm.simulator.cinder_driver'
GIB = 1024 ** 3
PORTS = ['10000090FA1BA101', '10000090FA1BA102']
OTHER_PORTS = ['10000090FA1BA201', '10000090FA1BA202']


class CinderException(Exception):
    """Stands in for Cinder's."""

    def __init__(self, message=None, **kwargs):
        super().__init__(message or str(kwargs))


class VolumeDriver:
    """Stands in for Cinder's."""

    def __init__(self, *args, configuration, **kwargs):
        self.configuration = configuration
        self._stats = {}

    def get_volume_stats(self, refresh=False):
        if refresh or not self._stats:
            self._update_volume_stats()
        return self._stats


def stand_in():
    """Return what stands in for the modules of Cinder: {name: module}."""
    exceptions = {name: type(name, (CinderException,), {}) for name in (
        'VolumeDriverException', 'VolumeIsBusy', 'SnapshotIsBusy',
        'InvalidConnectorException')}
    contents = {
        '': {},
        '.exception': exceptions,
        '.image': {},
        '.image.image_utils': {},
        '.interface': {'volumedriver': lambda found: found},
        '.volume': {},
        '.volume.driver': {'VolumeDriver': VolumeDriver},
        '.volume.volume_utils': {}}
    modules = {}
    for name, members in contents.items():
        module = modules['cinder' + name] = types.ModuleType('cinder' + name)
        vars(module).update(members)
        parent, _, last = ('cinder' + name).rpartition('.')
        if parent:
            setattr(modules[parent], last, module)
    return modules


class Configuration:
    """Stands in for the options of a back end."""

    def __init__(self, **values):
        self._values = values

    def append_config_values(self, options):
        for option in options:
            self._values.setdefault(option.dest, option.default)

    def safe_get(self, name):
        return self._values.get(name)

    def __getattr__(self, name):
        return self._values[name]


def volume(name='volume-1', size=1, attached=()):
    return {'name': name, 'size': size, 'volume_attachment': [
        {'connector': connector} for connector in attached]}


class CinderDriverTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        patch = mock.patch.dict(sys.modules, stand_in())
        patch.start()
        self.addCleanup(patch.stop)
        sys.modules.pop(NAME, None)
        self.module = importlib.import_module(NAME)
        self.site = self.useFixture(fixtures.SimulatedSite('fc')).site
        self.san = self.site.san
        self.url = 'http://127.0.0.1:%d' % self.site.hosts[0].port
        self.driver = self._driver()

    def _driver(self, **options):
        driver = self.module.SimulatedArrayDriver(
            configuration=Configuration(**{
                'powervm_simulator_url': self.url,
                'volume_backend_name': 'powervm',
                'volume_dd_blocksize': '1M', **options}))
        driver.do_setup(None)
        return driver

    def _refused(self, name, call, *args):
        error = getattr(sys.modules['cinder'].exception, name)
        return str(self.assertRaises(error, call, *args))

    def test_setup(self):
        self.driver.check_for_setup_error()
        said = self._refused(
            'VolumeDriverException',
            self._driver(powervm_simulator_array='x').check_for_setup_error)
        self.assertIn('no array x', said)
        self._driver(powervm_simulator_array='array1').check_for_setup_error()

    def test_no_simulator(self):
        said = self._refused(
            'VolumeDriverException', self._driver(
                powervm_simulator_url='http://127.0.0.1:1'
            ).check_for_setup_error)
        self.assertIn('No answer from http://127.0.0.1:1/simulator/san', said)

    def test_token(self):
        self.site.control_token = 's3cret'
        self.assertIn('401', self._refused(
            'VolumeDriverException', self.driver.check_for_setup_error))
        path = self.site.data_dir + '/token'
        with open(path, 'w') as out:
            out.write('s3cret\n')
        self._driver(
            powervm_simulator_token_file=path).check_for_setup_error()

    def test_options(self):
        self.assertEqual(
            {'powervm_simulator_url', 'powervm_simulator_array',
             'powervm_simulator_token_file'},
            {option.dest for option in self.driver.get_driver_options()})

    def test_stats(self):
        stats = self.driver.get_volume_stats(True)
        total = stats['total_capacity_gb']
        self.assertEqual(total, stats['free_capacity_gb'])
        self.assertEqual(('powervm', 'FC', True), (
            stats['volume_backend_name'], stats['storage_protocol'],
            stats['multiattach']))
        self.driver.create_volume(volume(size=3))
        self.assertEqual(stats, self.driver.get_volume_stats())
        stats = self.driver.get_volume_stats(True)
        self.assertEqual((total, total - 3), (
            stats['total_capacity_gb'], stats['free_capacity_gb']))

    def test_life_of_a_volume(self):
        self.driver.create_volume(volume())
        self.driver.extend_volume(volume(), 2)
        self.assertEqual(2 * GIB, self.san.volume('volume-1').size)
        self.assertIn('already exists', self._refused(
            'VolumeDriverException', self.driver.create_volume, volume()))
        self.assertIn('cannot shrink', self._refused(
            'VolumeDriverException', self.driver.extend_volume, volume(), 1))
        self.driver.delete_volume(volume())
        self.assertEqual({}, self.san.volumes)
        # Cinder may ask for it again.
        self.driver.delete_volume(volume())

    def test_copies(self):
        self.driver.create_volume(volume())
        self.san.volume('volume-1').disk.write_at(0, b'bytes')
        self.driver.create_snapshot({'name': 'snapshot-1',
                                     'volume_name': 'volume-1'})
        self.san.volume('volume-1').disk.write_at(0, b'later')
        self.driver.create_volume_from_snapshot(
            volume('volume-2', 2), {'name': 'snapshot-1'})
        self.driver.create_cloned_volume(volume('volume-3'), volume())
        self.assertEqual(
            {'volume-1': (GIB, b'later'), 'snapshot-1': (GIB, b'bytes'),
             'volume-2': (2 * GIB, b'bytes'), 'volume-3': (GIB, b'later')},
            {name: (found.size, found.disk.read(0, 5))
             for name, found in self.san.volumes.items()})
        self.driver.delete_snapshot({'name': 'snapshot-1'})
        self.driver.delete_snapshot({'name': 'snapshot-1'})
        self.assertNotIn('snapshot-1', self.san.volumes)

    def test_connection(self):
        self.driver.create_volume(volume())
        connector = {'host': 'power1', 'wwpns': PORTS}
        info = self.driver.initialize_connection(volume(), connector)
        self.assertEqual('fibre_channel', info['driver_volume_type'])
        self.assertEqual(self.san.connection('volume-1', PORTS), info['data'])
        self.assertEqual(info, self.driver.initialize_connection(
            volume(), connector))
        for name, call in (('VolumeIsBusy', self.driver.delete_volume),
                           ('SnapshotIsBusy', self.driver.delete_snapshot)):
            self.assertIn('still exported', self._refused(
                name, call, volume()))
        self.driver.terminate_connection(volume(attached=[connector]),
                                         connector)
        self.assertEqual({}, self.san.volume('volume-1').exports)
        self.driver.delete_volume(volume())
        # Also when there is nothing left.
        self.driver.terminate_connection(volume(), connector)

    def test_connectors(self):
        self.driver.create_volume(volume())
        for connector in ({'wwpns': []}, {'initiator': 'iqn'}):
            self._refused('InvalidConnectorException',
                          self.driver.initialize_connection, volume(),
                          connector)
        self.assertIn('does not know the initiators', self._refused(
            'VolumeDriverException', self.driver.initialize_connection,
            volume(), {'wwpns': ['1' * 16]}))

    def _exports(self):
        return set(self.san.volume('volume-1').exports)

    def test_two_attachments(self):
        """Of two servers on one host, and of one on another host."""
        one, two = [{'host': 'power1', 'wwpns': PORTS} for _ in 'ab']
        other = {'host': 'power2', 'wwpns': OTHER_PORTS}
        self.driver.create_volume(volume())
        for connector in (one, two, other):
            self.driver.initialize_connection(volume(), connector)
        ours, others = [{address.wwpn(wwpn) for wwpn in ports}
                        for ports in (PORTS, OTHER_PORTS)]
        self.assertTrue(self.driver.terminate_connection(
            volume(attached=[one, two, other, None]), one))
        self.assertEqual(ours | others, self._exports())
        self.assertFalse(self.driver.terminate_connection(
            volume(attached=[two, other]), two))
        self.assertEqual(others, self._exports())
        self.driver.terminate_connection(volume(attached=[other]), None)
        self.assertEqual(set(), self._exports())

    def test_two_attachments_that_end_at_the_same_time(self):
        one, two = [{'host': 'power1', 'wwpns': PORTS} for _ in 'ab']
        self.driver.create_volume(volume())
        for connector in (one, two):
            self.driver.initialize_connection(volume(), connector)
        for connector in (one, two):
            self.driver.terminate_connection(volume(attached=[one, two]),
                                             connector)
        self.driver.remove_export(None, volume(attached=[one]))
        self.assertEqual(2, len(self._exports()))
        # Cinder calls this before it deletes a volume.
        self.driver.remove_export(None, volume())
        self.assertEqual(set(), self._exports())

    def test_server_moves_with_its_ports(self):
        """Both hosts name the ports of the server (NPIV)."""
        source = {'host': 'power1', 'wwpns': PORTS}
        target = {'host': 'power2', 'wwpns': PORTS[::-1]}
        self.driver.create_volume(volume())
        self.driver.initialize_connection(volume(), source)
        self.driver.terminate_connection(
            volume(attached=[source, target]), source)
        self.assertEqual(2, len(self._exports()))

    def test_bytes(self):
        self.driver.create_volume(volume())
        self.module.CHUNK = 8
        content = b'the bytes of an image' + b'\0' * 20 + b'end'
        api = self.driver._api
        api.write('volume-1', io.BytesIO(content))
        target = io.BytesIO()
        api.read('volume-1', len(content), target)
        self.assertEqual(content, target.getvalue())

    def test_images(self):
        path = self.site.data_dir + '/image'

        def fetch(_context, _service, _image_id, to, _blocksize, **kwargs):
            self.assertEqual(1, kwargs['size'])
            with open(to, 'wb') as out:
                out.write(b'image')

        uploaded = []

        def upload(_context, _service, _meta, path, _volume, **_kwargs):
            with open(path, 'rb') as source:
                uploaded.append(source.read(7))
                uploaded.append(source.seek(0, 2))

        self.driver.create_volume(volume())
        images = self.module.image_utils
        with contextlib.ExitStack() as stack:
            for owner, values in (
                    (images, {'fetch_to_raw': fetch, 'temporary_file':
                              lambda: contextlib.nullcontext(path)}),
                    (self.module.volume_utils, {'upload_volume': upload})):
                stack.enter_context(mock.patch.multiple(
                    owner, create=True, **values))
            self.driver.copy_image_to_volume(None, volume(), None, 'id')
            self.driver.copy_volume_to_image(None, volume(), None, {})
        self.assertEqual([b'image\0\0', GIB], uploaded)
        self.assertIn('encrypted', self._refused(
            'VolumeDriverException',
            self.driver.copy_image_to_encrypted_volume, None, volume(), None,
            'id'))
