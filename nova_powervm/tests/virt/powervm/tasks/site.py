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

"""A site with neighbours, for tests of what a server's tasks leave alone.

On it are, besides the servers of the tests:

* another server of Nova, which is on, with one of each: disks in the volume
  group and in the pool, a config drive, a port, a volume;
* an operator's LPAR, with the same under names that are not ours;
* disks and a medium that nothing maps, with names that look like ours.
"""

import hashlib
import os
import time

import fixtures
from nova import objects
from oslo_config import fixture as config_fixture
from oslo_utils import units

from nova_powervm import conf as cfg
from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.vif import base as vif_base
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm.disk import ssp
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import mgmt
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import volumegroup
from nova_powervm.virt.powervm.vif import plugger
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume

# The names of config drives come from the beginning of it, those of disks
# from the end.
UUID = 'b1b2%04x-0000-4000-8000-%012x'
VOLUME = '5a5a0000-0000-4000-8000-%012d'
#: Numbers of servers and volumes that no test has.
NEIGHBOUR, OPERATOR = 0xf001, 0xf002
CONTENT = b'PowerVM!' * 1000
#: Bytes of each volume.
VOLUME_SIZE = 16 * units.Mi
#: How many bytes of each disk are looked at.
CHECKED = 100


def make_flavor(root_gb=2, swap=0, **kwargs):
    """A flavor with disks of these sizes, in GiB and MiB."""
    flavor = base.make_flavor(**kwargs)
    flavor.update({'root_gb': root_gb, 'swap': swap, 'ephemeral_gb': 0})
    return flavor


def make_instance(number, **attrs):
    """A server that no database knows."""
    attrs.setdefault('flavor', make_flavor())
    return base.make_instance(number, **{
        'vm_state': 'active', 'image_ref': 'image', 'project_id': 'project',
        'config_drive': 'True',
        'uuid': UUID % (number, number), **attrs})


class Platform(fixtures.Fixture):
    """A simulated site, what the driver has of it, and neighbours there.

    :ivar site: simulator.site.Site
    :ivar simulated: its host.
    :ivar host: the Host that is connected to it.
    :ivar glance: ImageApi with the image ``image_id``.
    :ivar disks: dict of the name of a DiskAdapter -> that.
    :ivar options: dict of what [powervm] must say.
    :param neighbours: bool, whether others are on the site.
    """

    def __init__(self, neighbours=True):
        super().__init__()
        self._neighbours = neighbours

    def _setUp(self):
        objects.register_all()
        # No database knows the servers.
        self.useFixture(fixtures.MockPatchObject(objects.Instance, 'save'))
        self.useFixture(fixtures.MockPatch(
            'nova_powervm.virt.powervm.kept.find', return_value={}))
        self.useFixture(fixtures.FakeLogger())
        profile = sim_profile.load('fc')
        profile['clusters'] = sim_profile.load('ssp')['clusters']
        self.site = self.useFixture(
            powervm_fixtures.SimulatedSite(
                profile, vlans=powervm_fixtures.PORT_VLANS)).site
        self.simulated = self.site.hosts[0]
        self.options = {
            'rest_host': '127.0.0.1', 'rest_port': self.simulated.port,
            'rest_protocol': 'http', 'rest_user': self.site.profile['user'],
            'rest_password': self.site.profile['password'],
            'rest_connect_timeout': 0, 'volume_group_name': 'datavg',
            'volume_group_vios_name': 'vios1',
            'cluster_name': 'cluster1', 'ssp_tier': 'SYSTEM',
            'management_root': self.simulated.management_root}
        # Nova's part of a config drive is tested with media.
        self.useFixture(fixtures.MonkeyPatch(
            'nova_powervm.virt.powervm.media.content.build_iso', _write_iso))
        # Each test sets the options itself, too.
        with config_fixture.Config(cfg.CONF) as config:
            config.config(group='powervm', **self.options)
            self._connect()
            if self._neighbours:
                Neighbours(self).move_in()

    def _connect(self):
        self.host = powervm_host.Host('compute1')
        self.addCleanup(self.host.close)
        self.host.connect(None)
        self.glance = disk_base.ImageApi()
        self.image_id = self.glance.add(CONTENT)
        self.disks = {
            'localdisk': localdisk.LocalStorage(self.host, self.glance),
            'ssp': ssp.SSPDiskAdapter(self.host, self.glance)}
        self.config_drive = media.ConfigDrive(
            self.host, self.disks['localdisk'].vios_uuids[0])
        self.mgmt = mgmt.ManagementPartition(
            self.host, clock=time.monotonic,
            sleep=lambda seconds: self.simulated.management.sync())

    def create_disk(self, disk_dvr, instance,
                    disk_type=disk_driver.DiskType.BOOT):
        """Create a disk from the image; returns its wrapper."""
        return disk_dvr.create_disk_from_image(
            None, instance, self.glance.meta(self.image_id),
            image_type=disk_type)

    def volume(self, instance, number):
        """Make a volume, export it, and return its InstanceVolumes."""
        volume_id = VOLUME % number
        wwpns = volume.connector_properties(self.host, instance)['wwpns']
        with self.site.lock:
            if volume_id not in self.site.san.volumes:
                self.site.san.create_volume(volume_id, VOLUME_SIZE)
            data = self.site.san.export(volume_id, wwpns)
        return volume.build(self.host, instance, {
            'driver_volume_type': 'fibre_channel', 'serial': volume_id,
            'data': dict(data, volume_id=volume_id)})

    def state(self):
        """All that is on the site, with the first bytes of disks.

        Jobs are left out, as who loses an answer cannot delete the job; so is
        to whom volumes are exported, which is Cinder's business.
        """
        with self.site.lock:
            state = self.site.state()
            for host in state['hosts']:
                del host['jobs']
            for lun in state['san']['volumes']:
                del lun['exports']
            state['bytes'] = {
                name: hashlib.sha1(disk.disk.read(0, CHECKED)).hexdigest()
                for name, disk in self._disks()}
        return state

    def _disks(self):
        for vios in self.simulated.store.all('VirtualIOServer'):
            for group in vios.volume_groups:
                for name, disk in group.disks.items():
                    yield '/'.join((vios.name, group.name, name)), disk
        for pool in self.site.pools:
            for unit in pool.units:
                yield 'pool/' + unit.name, unit


def _write_iso(path, *_args):
    with open(path, 'wb') as iso:
        iso.write(os.path.basename(path).encode())


class Neighbours:
    """What is on the site beside the servers of the tests.

    :param platform: Platform
    """

    def __init__(self, platform):
        self.platform = platform
        self.host = platform.host
        self.local = platform.disks['localdisk']
        self.pool = platform.disks['ssp']

    def move_in(self):
        """Make them all."""
        self._make_server()
        self._make_operators_lpar()
        self._make_what_looks_like_ours()

    def _make_server(self):
        server = make_instance(NEIGHBOUR)
        disks = [self.platform.create_disk(disk_dvr, server)
                 for disk_dvr in (self.local, self.pool)]
        disks += self.local.create_blank_disks(server, [
            disk_driver.BlankDisk(disk_driver.DiskType.SWAP, 1)])
        self._inhabit(server, vm.create_lpar(self.host, server), disks,
                      media.get_cfg_drv_name(server))
        power_jobs.PowerOp(self.host, server).start()

    def _make_operators_lpar(self):
        """Everything that a server has, under the operator's names."""
        lpar = make_instance(OPERATOR, display_name='oracle')
        disks = self._edit_group(volumegroup.create_blank_disks,
                                 {'oracle_data': 1})
        disks.append(self.pool._pool.create('oracle_lu', 1))
        self._inhabit(lpar, vm.create_lpar(self.host, lpar), disks,
                      'rhel9.iso')

    def _make_what_looks_like_ours(self):
        self._edit_group(volumegroup.create_blank_disks, {
            'b_looks_like_us': 1, 's_looks_like_us': 1})
        self.pool._pool.create('b_looks_like_us', 1)
        self._upload('cfg_%029x.iso' % 0xfeed)

    def _edit_group(self, *args):
        return list(self.local._vg.edit(*args))

    def _upload(self, name):
        """Upload a medium; returns what refers to it."""
        with fixtures.MonkeyPatch(
                'nova_powervm.virt.powervm.media.get_cfg_drv_name',
                lambda instance: name):
            return self.platform.config_drive.create(
                None, make_instance(NEIGHBOUR), [], [], None)

    def _inhabit(self, instance, lpar_w, disks, medium):
        """Give an LPAR disks, a medium, a port and a volume."""
        medium = self._upload(medium)
        volumes = self.platform.volume(instance, instance.id)
        discovered = volumes.discover()
        with transaction.StorageTransaction.immediate(
                self.host, 'inhabit', xag=volumes.xag) as stg:
            for disk in disks:
                disk_dvr = (self.pool if hasattr(disk, 'lu_type')
                            else self.local)
                disk_dvr.connect_disk(instance, disk, stg)
            self.platform.config_drive.attach(instance, medium, stg)
            volumes.connect(stg, discovered)
        plugger.VifPlugger(None, self.host, instance, [
            vif_base.make_vif(address='fa:16:3e:ff:ff:%02x' % (
                instance.id % 256))]).plug(lpar_w, new_lpar=True)
