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

"""Have a real Cinder use the array of a running simulator.

It runs Cinder's volume manager in this process, with a database in memory and
the driver nova_powervm.simulator.cinder_driver. It leaves no volume behind.
Nova must not be in the same process: Cinder needs eventlet. Run with Cinder's
Python, at the root of a clone:

    PYTHONPATH=. python tools/cinder_check.py http://127.0.0.1:12080
"""

import json
import os
import sys
import tempfile
import urllib.request
import uuid

from cinder import monkey_patch; monkey_patch.patch()  # noqa

from cinder.common import config  # noqa
from cinder import context as cinder_context
from cinder import coordination
from cinder.db import migration
from cinder.image import image_utils
from cinder.interface import volume_driver as interface
from cinder import objects; objects.register_all()  # noqa
from cinder import privsep
from cinder import rpc  # noqa
from cinder.volume import manager
from cinder.volume import volume_types
from oslo_config import cfg

CONF = cfg.CONF
DRIVER = 'nova_powervm.simulator.cinder_driver.SimulatedArrayDriver'
BACKEND = 'powervm'
HOST = 'check@%s' % BACKEND
POOL = HOST + '#' + BACKEND
CONTENT = b'the bytes of an image'


def san(url):
    """Return what the simulator says of its storage area network."""
    with urllib.request.urlopen(url + '/simulator/san') as answer:
        return json.load(answer)


class Images:
    """Stands in for Glance: one raw image, and what is uploaded."""

    def __init__(self):
        self.uploaded = {}
        self.temp_images = image_utils.TemporaryImages(self)

    def show(self, context, image_id):
        return {'id': image_id, 'disk_format': 'raw', 'size': len(CONTENT),
                'container_format': 'bare', 'properties': {}}

    def download(self, context, image_id, data):
        data.write(CONTENT)

    def get_location(self, context, image_id):
        return None, None

    def update(self, context, image_id, meta, data, **kwargs):
        self.uploaded[image_id] = data.read(len(CONTENT))


def configure(url, folder):
    """Write cinder.conf, as the DevStack plugin does, and read it."""
    path = os.path.join(folder, 'cinder.conf')
    with open(path, 'w') as out:
        out.write('\n'.join((
            '[DEFAULT]', 'enabled_backends = ' + BACKEND, 'host = check',
            'transport_url = fake:/', 'state_path = ' + folder,
            'image_conversion_dir = ' + folder,
            '[database]', 'connection = sqlite:///%s/cinder.db' % folder,
            '[coordination]', 'backend_url = file://' + folder,
            '[oslo_concurrency]', 'lock_path = ' + folder,
            '[%s]' % BACKEND, 'volume_driver = ' + DRIVER,
            'volume_backend_name = ' + BACKEND,
            'powervm_simulator_url = ' + url, '')))
    CONF([], project='cinder', default_config_files=[path])
    # Whatever wants root's rights runs in this process, without them.
    privsep.sys_admin_pctxt.set_client_mode(False)
    migration.db_sync()
    rpc.init(CONF)
    coordination.COORDINATOR.start()


class Check:
    """The life of some volumes, by Cinder's volume manager."""

    def __init__(self, url):
        self.url = url
        self.context = cinder_context.get_admin_context()
        self.context.project_id = self.context.user_id = uuid.uuid4().hex
        self.kind = volume_types.create(self.context, BACKEND, {
            'volume_backend_name': BACKEND, 'multiattach': '<is> True'})
        self.manager = manager.VolumeManager(
            host=HOST, service_name=BACKEND)
        self.ports = [port['wwpn'] for port in san(url)['ports']]

    def volumes(self):
        return {volume['id']: volume for volume in san(self.url)['volumes']}

    def start(self):
        self.manager.init_host(service_id=1)
        driver = self.manager.driver
        assert driver.initialized
        assert issubclass(type(driver), interface.VolumeDriverCore)
        print('loaded', type(driver).__name__, driver.get_volume_stats(True))

    def volume(self, size=1, **source):
        volume = objects.Volume(
            self.context, size=size, host=POOL, status='creating',
            volume_type_id=self.kind['id'], multiattach=True,
            user_id=self.context.user_id, project_id=self.context.project_id,
            attach_status='detached', use_quota=False, **source)
        volume.create()
        self.manager.create_volume(self.context, volume, request_spec={
            'volume_id': volume.id, 'volume_properties': {}, **source},
            filter_properties={}, allow_reschedule=False)
        volume.refresh()
        assert volume.status == 'available', volume.status
        assert self.volumes()[volume.name]['size_bytes'] == size << 30
        print('created', volume.name, source)
        return volume

    def attach(self, volume, host, ports):
        attachment = objects.VolumeAttachment(
            self.context, volume_id=volume.id, attach_status='reserved',
            instance_uuid=str(uuid.uuid4()))
        attachment.create()
        info = self.manager.attachment_update(
            self.context, volume, {'host': host, 'wwpns': ports},
            attachment.id)
        assert info['driver_volume_type'] == 'fibre_channel', info
        print('attached', volume.name, json.dumps(info))
        return attachment

    def exports(self, volume):
        return set(self.volumes()[volume.name]['exports'])

    def attachments(self, volume):
        one, two = self.ports[:2], self.ports[2:]
        first, second = [self.attach(volume, 'power1', one) for _ in 'ab']
        third = self.attach(volume, 'power2', two)
        for attachment, left in ((first, {*one, *two}), (second, {*two}),
                                 (third, set())):
            # As Cinder's API does.
            attachment.refresh()
            self.manager.attachment_delete(self.context, attachment.id,
                                           attachment.volume)
            attachment.volume.finish_detach(attachment.id)
            assert self.exports(volume) == left, self.exports(volume)
        print('detached', volume.name)

    def images(self, volume):
        images = Images()
        driver = self.manager.driver
        driver.copy_image_to_volume(self.context, volume, images, 'image')
        driver.copy_volume_to_image(self.context, volume, images,
                                    images.show(None, 'uploaded'))
        assert images.uploaded == {'uploaded': CONTENT}, images.uploaded
        print('copied an image to', volume.name, 'and back')

    def delete(self, volume):
        volume.refresh()
        volume.status = 'deleting'
        volume.save()
        self.manager.delete_volume(self.context, volume)
        assert volume.name not in self.volumes()
        print('deleted', volume.name)

    def run(self):
        self.start()
        volume = self.volume()
        self.images(volume)
        snapshot = objects.Snapshot(
            self.context, volume_id=volume.id, volume_size=volume.size,
            status='creating', user_id=self.context.user_id,
            project_id=self.context.project_id, use_quota=False,
            volume_type_id=self.kind['id'])
        snapshot.create()
        self.manager.create_snapshot(self.context, snapshot)
        assert snapshot.name in self.volumes()
        others = [self.volume(2, snapshot_id=snapshot.id),
                  self.volume(source_volid=volume.id)]
        self.manager.driver.extend_volume(volume, 3)
        assert self.volumes()[volume.name]['size_bytes'] == 3 << 30
        self.attachments(volume)
        self.manager.delete_snapshot(self.context, snapshot)
        for one in (volume, *others):
            self.delete(one)
        print('Cinder could use the simulated array.')


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        configure(sys.argv[1], folder)
        Check(sys.argv[1]).run()
