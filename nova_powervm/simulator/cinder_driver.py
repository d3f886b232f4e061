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

"""A volume driver for Cinder: its volumes are in the simulated array.

This is the only module that imports Cinder, and nothing imports it but Cinder:
``volume_driver = nova_powervm.simulator.cinder_driver.SimulatedArrayDriver``.
It needs neither the extra "simulator" nor the machine of the simulator, only
the address of the control API.
"""

from urllib import parse

from cinder import exception
from cinder.image import image_utils
from cinder import interface
from cinder.volume import driver
from cinder.volume import volume_utils
from oslo_config import cfg
import requests

GIB = 1024 ** 3
#: The bytes of one request; the control API takes up to 16 MiB.
CHUNK = 4 * 1024 ** 2

OPTS = [
    cfg.URIOpt('powervm_simulator_url', default='http://127.0.0.1:12080',
               schemes=['http', 'https'],
               help='Address of a REST port of powervm-simulator.'),
    cfg.StrOpt('powervm_simulator_array',
               help='The array for new volumes. By default it is the array '
                    'with the most free space.'),
    cfg.StrOpt('powervm_simulator_token_file',
               help='The file that powervm-simulator got as '
                    '--control-token, if it wants a token.'),
]


class ControlError(exception.VolumeDriverException):
    """The control API has refused a request, or did not answer.

    :ivar status: int of HTTP; None without an answer
    """

    def __init__(self, message, status=None):
        super().__init__(message=message)
        self.status = status


class ControlApi:
    """A client of the control API.

    :param url: str, address of a REST port of the simulator
    :param token_file: str, name of a file with the token; None without one
    """

    def __init__(self, url, token_file=None):
        self._url = url.rstrip('/') + '/simulator/'
        self._session = requests.Session()
        # The simulator is on this machine, or near it: never behind a proxy.
        self._session.trust_env = False
        if token_file:
            with open(token_file, encoding='utf-8') as lines:
                token = lines.readline().strip()
            self._session.headers['Authorization'] = 'Bearer ' + token

    def _request(self, method, path, **kwargs):
        url = self._url + path
        try:
            answer = self._session.request(method, url, timeout=60, **kwargs)
        except requests.RequestException as exc:
            raise ControlError('No answer from %s: %s' % (url, exc))
        if answer.ok:
            return answer
        try:
            message = answer.json()['error']['message']
        except (ValueError, KeyError, TypeError):
            message = answer.reason
        raise ControlError('%s (HTTP %d from %s)' % (
            message, answer.status_code, url), answer.status_code)

    def act(self, action, **values):
        """Carry out an action.

        :param values: the keys of the action; those with None are left out
        :returns: dict
        :raises ControlError:
        """
        values = {key: value for key, value in values.items()
                  if value is not None}
        return self._request('POST', 'control',
                             json=dict(values, action=action)).json()

    def san(self):
        """Return the arrays, fabrics, ports and volumes as a dict.

        :raises ControlError:
        """
        return self._request('GET', 'san').json()

    @staticmethod
    def _disk(volume):
        return 'disks/' + parse.quote(volume, safe='')

    def write(self, volume, source):
        """Write a file to the beginning of a volume.

        :param source: binary file
        :raises ControlError:
        """
        offset = 0
        while chunk := source.read(CHUNK):
            self._request(
                'POST', self._disk(volume), params={'offset': offset},
                data=chunk,
                headers={'Content-Type': 'application/octet-stream'})
            offset += len(chunk)

    def read(self, volume, size, target):
        """Read a volume into a new file, with holes instead of zeroes.

        :param size: int bytes of the volume
        :param target: binary file
        :raises ControlError:
        """
        for offset in range(0, size, CHUNK):
            chunk = self._request(
                'GET', self._disk(volume),
                params={'offset': offset, 'length': CHUNK}).content
            if chunk.strip(b'\0'):
                target.seek(offset)
                target.write(chunk)
        target.truncate(size)


def _wwpns(connector):
    return {wwpn.replace(':', '').lower()
            for wwpn in (connector or {}).get('wwpns') or ()}


def _still_used(volume, connector):
    """Return the WWPNs that other attachments of a volume have, as a set.

    Servers of one host share the ports of its Virtual I/O Servers, and a
    server that moves keeps its own ports.

    :param connector: dict of the attachment that ends; Cinder still has it
    """
    others = [attachment['connector']
              for attachment in volume['volume_attachment'] or ()]
    if connector in others:
        others.remove(connector)
    return set().union(*map(_wwpns, others))


@interface.volumedriver
class SimulatedArrayDriver(driver.VolumeDriver):
    """Volumes on Fibre Channel, in the array of a simulated PowerVM site.

    A snapshot is a copy of the volume. There is no zoning.
    """

    VERSION = '1.0.0'
    CI_WIKI_NAME = 'None: for development and tests only'

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(OPTS)
        self._api = None

    @staticmethod
    def get_driver_options():
        return OPTS

    def do_setup(self, context):
        self._api = ControlApi(
            self.configuration.powervm_simulator_url,
            self.configuration.powervm_simulator_token_file)

    @property
    def _array(self):
        return self.configuration.powervm_simulator_array

    def _arrays(self, san):
        return [array for array in san['arrays']
                if self._array in (None, array['name'])]

    def check_for_setup_error(self):
        """Check that the simulated site answers, and has the array.

        :raises ControlError: without an answer
        :raises VolumeDriverException: without the array
        """
        if not self._arrays(self._api.san()):
            raise exception.VolumeDriverException(
                message='The simulated site has no array %s: its profile must '
                        'be one with a SAN, such as fc' % (self._array or ''))

    def _update_volume_stats(self):
        san = self._api.san()
        arrays = self._arrays(san)
        names = {array['name'] for array in arrays}
        free = sum(array['free_bytes'] for array in arrays)
        used = sum(volume['size_bytes'] for volume in san['volumes']
                   if volume['array'] in names)
        self._stats = {
            'volume_backend_name': self.configuration.safe_get(
                'volume_backend_name') or type(self).__name__,
            'vendor_name': 'nova-powervm',
            'driver_version': self.VERSION,
            'storage_protocol': 'FC',
            'total_capacity_gb': round((free + used) / GIB, 2),
            'free_capacity_gb': round(free / GIB, 2),
            'reserved_percentage': self.configuration.safe_get(
                'reserved_percentage') or 0,
            'multiattach': True,
            'thin_provisioning_support': False,
            'thick_provisioning_support': True,
            'QoS_support': False,
        }

    # -- volumes and snapshots ----------------------------------------------

    def create_volume(self, volume):
        self._api.act('create_volume', volume=volume['name'],
                      size_bytes=volume['size'] * GIB, array=self._array)

    def _copy(self, name, source, size_gb=None):
        self._api.act('copy_volume', volume=name, source=source,
                      size_bytes=size_gb and size_gb * GIB, array=self._array)

    def create_volume_from_snapshot(self, volume, snapshot):
        self._copy(volume['name'], snapshot['name'], volume['size'])

    def create_cloned_volume(self, volume, src_vref):
        self._copy(volume['name'], src_vref['name'], volume['size'])

    def create_snapshot(self, snapshot):
        self._copy(snapshot['name'], snapshot['volume_name'])

    def extend_volume(self, volume, new_size):
        self._api.act('extend_volume', volume=volume['name'],
                      size_bytes=new_size * GIB)

    def _delete(self, name):
        """Delete a volume of the array, if it is there.

        :returns: bool, False while it is exported
        """
        exports = {volume['id']: volume['exports']
                   for volume in self._api.san()['volumes']}
        if exports.get(name):
            return False
        try:
            self._api.act('delete_volume', volume=name)
        except ControlError as exc:
            if exc.status != 404:
                raise
        return True

    def delete_volume(self, volume):
        """Delete a volume; nothing happens if it is gone already.

        :raises VolumeIsBusy: while it is exported
        """
        if not self._delete(volume['name']):
            raise exception.VolumeIsBusy(
                'Volume %s is still exported' % volume['name'])

    def delete_snapshot(self, snapshot):
        """Delete a snapshot; nothing happens if it is gone already.

        :raises SnapshotIsBusy: while it is exported
        """
        if not self._delete(snapshot['name']):
            raise exception.SnapshotIsBusy(
                'Snapshot %s is still exported' % snapshot['name'])

    # -- images -------------------------------------------------------------

    def copy_image_to_volume(self, context, volume, image_service, image_id,
                             disable_sparse=False):
        with image_utils.temporary_file() as path:
            image_utils.fetch_to_raw(
                context, image_service, image_id, path,
                self.configuration.volume_dd_blocksize, size=volume['size'],
                run_as_root=False, disable_sparse=disable_sparse)
            with open(path, 'rb') as image:
                self._api.write(volume['name'], image)

    def copy_image_to_encrypted_volume(self, context, volume, image_service,
                                       image_id, disable_sparse=False):
        raise exception.VolumeDriverException(
            message='This driver copies no image to an encrypted volume')

    def copy_volume_to_image(self, context, volume, image_service,
                             image_meta):
        with image_utils.temporary_file() as path:
            with open(path, 'wb') as target:
                self._api.read(volume['name'], volume['size'] * GIB, target)
            volume_utils.upload_volume(context, image_service, image_meta,
                                       path, volume, run_as_root=False)

    # -- connections --------------------------------------------------------

    def ensure_export(self, context, volume):
        """The array remembers its exports."""

    def create_export(self, context, volume, connector):
        """initialize_connection() exports the volume."""

    def remove_export(self, context, volume):
        """Take away a volume of which Cinder has no attachment.

        Usually terminate_connection() has done that. But two of them at the
        same time each find the attachment of the other.
        """
        if not volume['volume_attachment']:
            self._unexport(volume)

    def _unexport(self, volume, ports=None):
        try:
            self._api.act('unexport_volume', volume=volume['name'],
                          initiators=ports)
        except ControlError as exc:
            if exc.status != 404:
                raise

    def validate_connector(self, connector):
        """Check that a connector has WWPNs.

        Our Nova driver knows no WWNNs, which Cinder's base class for Fibre
        Channel wants.

        :raises InvalidConnectorException:
        """
        if not connector.get('wwpns'):
            raise exception.InvalidConnectorException(missing='wwpns')

    def initialize_connection(self, volume, connector, **kwargs):
        """Export a volume to the ports of a connector.

        :returns: dict, the connection_info
        :raises ControlError: for a port that the site does not have
        """
        self.validate_connector(connector)
        return {'driver_volume_type': 'fibre_channel',
                'data': self._api.act('export_volume', volume=volume['name'],
                                      initiators=connector['wwpns'])}

    def terminate_connection(self, volume, connector, **kwargs):
        """Take a volume away from the ports that no other attachment uses.

        :param connector: dict; None for all ports of all hosts
        :returns: bool, whether a port of the connector keeps the volume
        """
        if connector is None:
            self._unexport(volume)
            return False
        ports = _wwpns(connector)
        used = _still_used(volume, connector)
        if ports - used:
            self._unexport(volume, sorted(ports - used))
        return not ports.isdisjoint(used)
