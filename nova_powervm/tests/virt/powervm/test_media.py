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

import io
import itertools
import json
import os
import types
from unittest import mock

import fixtures
from nova import exception as nova_exc
from nova.network import model as network_model
from nova import objects
from oslo_concurrency import processutils
import pycdlib
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.tests import quick
from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.tests.virt.powervm.vif import base as vif_base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import uploads

UPLOAD = ['PUT File', 'PUT contents', 'DELETE File']
DISCOVERY = ['GET VolumeGroup']
DELETE = ['GET VolumeGroup', 'POST VolumeGroup']
MAPPING = ['GET VirtualIOServer', 'POST VirtualIOServer']


class MediaTestCase(base.StorageTestCase):

    def setUp(self):
        super().setUp()
        self.flags(mkisofs_cmd=quick.MKISOFS)
        self.useFixture(quick.ConfigDrives())
        self.tempdir = self.useFixture(fixtures.TempDir()).path
        self.flags(tempdir=self.tempdir)
        # Nova reads who distributes it from a file of its configuration.
        self.useFixture(fixtures.MonkeyPatch('nova.version.loaded', True))
        # What Nova asks its database and Neutron for the metadata.
        for function in ('_format_instance_mapping',
                         'security_group_api.get_instance_security_groups'):
            self.useFixture(fixtures.MockPatch(
                'nova.api.metadata.base.' + function, return_value=[]))
        self.instance = self.make_server()
        self.name = media.get_cfg_drv_name(self.instance)
        self.drive = self.restart()
        self.before = self.state()

    def make_server(self, number=1):
        return self.make_instance(
            number, uuid='%08x-1234-4000-8000-000000000000' % number,
            ec2_ids=objects.EC2Ids(
                instance_id='i-1', ami_id='ami-1', kernel_id=None,
                ramdisk_id=None),
            keypairs=objects.KeyPairList(
                objects=[]), device_metadata=None, numa_topology=None,
            user_data=None, metadata={}, project_id='project',
            user_id='user', launch_index=0, key_name=None, key_data=None,
            availability_zone='nova', reservation_id='r-1', image_ref='',
            info_cache=None, config_drive='True')

    def restart(self, preferred='vios1'):
        """Begin anew with what is on the platform."""
        self.simulated.journal.clear()
        return media.ConfigDrive(
            self.host, preferred and self.vios(preferred).uuid)

    def create(self, instance=None, network_info=(), admin_pass=None,
               **kwargs):
        return self.drive.create(
            self.context, instance or self.instance,
            [('/etc/motd', b'Hello')], network_info, admin_pass, **kwargs)

    def transaction(self, action, *args):
        with transaction.StorageTransaction.immediate(
                self.host, 'test') as stg:
            action(self.instance, *args, stg)

    def media_names(self, vios='vios1'):
        repository = self.vios(vios).repository
        return sorted(repository.media) if repository else None

    def use_repository_of(self, vios):
        """Make a repository on a VIOS, with space in its rootvg."""
        group = self.group('rootvg', vios)
        vg_w = next(vg_w for vg_w in pvm_stg.VG.get(
            self.host.adapter, parent_type='VirtualIOServer',
            parent_uuid=group.parent.uuid) if vg_w.name == 'rootvg')
        media._create_repository(vg_w, None)
        self.simulated.journal.clear()

    def drop_repository(self):
        """Let no VIOS have one."""
        group = self.group('rootvg')
        group.repository = None
        group.touch()
        self.before = self.state()


class LifeTestCase(MediaTestCase):

    def test_name(self):
        self.assertEqual('cfg_00000001123440008000000000000.iso', self.name)
        self.assertEqual(37, len(self.name))

    def test_life(self):
        self.create_lpar(self.instance)
        self.before = self.state()
        medium = self.create()
        self.assertEqual(DISCOVERY + UPLOAD, self.requests())
        self.assertEqual([self.name], self.media_names())
        self.transaction(self.drive.attach, medium)
        self.assertEqual(MAPPING, self.requests())
        self.assertEqual([(self.name, 'lpar1')], self.mappings())
        self.transaction(self.drive.detach)
        self.assertEqual(MAPPING, self.requests())
        self.drive.delete(self.instance)
        self.assertEqual(DELETE, self.requests())
        self.assertEqual(self.before, self.state())
        self.assertEqual([], os.listdir(self.tempdir))

    def test_second_server(self):
        self.create()
        self.simulated.journal.clear()
        self.create(self.make_server(2))
        self.assertEqual(UPLOAD, self.requests())

    def test_without_lpar_and_after_a_restart(self):
        self.create_lpar(self.instance)
        self.transaction(self.drive.attach, self.create())
        self.host.adapter.delete('LogicalPartition',
                                 root_id=self.lpar(self.instance).uuid)
        self.drive = self.restart()
        self.transaction(self.drive.detach)
        self.assertEqual(DISCOVERY + MAPPING, self.requests())
        self.drive.delete(self.instance)
        self.assertEqual(self.before, self.state())

    def test_attach_again(self):
        self.create_lpar(self.instance)
        self.before = self.state()
        medium = self.create()
        self.simulated.journal.clear()
        for expected in (MAPPING[:1] + DISCOVERY + MAPPING[1:], MAPPING[:1]):
            self.transaction(self.drive.attach_again)
            self.assertEqual(expected, self.requests())
            self.assertEqual([(self.name, 'lpar1')], self.mappings())
        self.assertEqual(self.vios().uuid, medium.vios_uuid)
        self.transaction(self.drive.detach)
        self.drive.delete(self.instance)
        self.transaction(self.drive.attach_again)
        self.assertEqual(self.before, self.state())

    def test_nothing_there(self):
        self.transaction(self.drive.detach)
        self.drive.delete(self.instance)
        self.assertEqual(self.before, self.state())
        self.assertNotIn('POST VolumeGroup', self.requests())

    def test_made_while_another_repository_was_in_use(self):
        self.create_lpar(self.instance)
        self.use_repository_of('vios2')
        self.before = self.state()
        self.drive = self.restart('vios2')
        self.transaction(self.drive.attach, self.create())
        self.assertEqual([self.name], self.media_names('vios2'))
        self.drive = self.restart('vios1')
        self.transaction(self.drive.detach)
        self.drive.delete(self.instance)
        self.assertEqual(self.before, self.state())


class ViosBase(MediaTestCase):
    """Two VIOSes have repositories; the server has an LPAR."""

    def setUp(self):
        super().setUp()
        self.use_repository_of('vios2')
        self.create_lpar(self.instance)
        self.before = self.state()
        self.drive = self.restart()

    def set_vios(self, up, name='vios1'):
        vios = self.vios(name)
        with self.site.lock:
            vios.set_state('running' if up else 'not activated')
            vios.set_rmc('active' if up else 'inactive')

    def attach(self):
        self.transaction(self.drive.attach, self.create())

    def destroy(self):
        self.transaction(self.drive.detach)
        self.drive.delete(self.instance)


class ViosDownTestCase(ViosBase):
    """The VIOS that has the repository is down; the other one is not."""

    def test_create_on_the_other(self):
        self.set_vios(False)
        self.attach()
        self.assertEqual([(self.name, 'lpar1')], self.mappings('vios2'))
        self.set_vios(True)
        self.destroy()
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())

    def test_create_on_the_other_when_it_goes_down_later(self):
        self.create(self.make_server(2))
        self.set_vios(False)
        self.attach()
        self.assertEqual([self.name], self.media_names('vios2'))
        self.set_vios(True)
        self.destroy()
        self.drive.delete(self.make_server(2))
        self.assertEqual(self.before, self.state())

    def test_back_to_the_preferred_one(self):
        self.set_vios(False)
        self.create()
        self.drive.delete(self.instance)
        self.set_vios(True)
        self.set_vios(False, 'vios2')
        self.create()
        self.assertEqual([self.name], self.media_names('vios1'))

    def test_all_down(self):
        self.set_vios(False)
        self.set_vios(False, 'vios2')
        error = self.assertRaises(exception.NoMediaRepoVolumeGroupFound,
                                  self.create)
        self.assertIn('rootvg', str(error))

    def test_upload_fails_though_it_is_up(self):
        self.break_request('status', 'PUT', 'File', status=500)
        self.assertRaises(pvm_exc.HttpError, self.create)
        self.assertEqual([], self.media_names('vios2'))

    def test_delete_later(self):
        self.attach()
        self.set_vios(False)
        self.destroy()
        self.host.adapter.delete('LogicalPartition',
                                 root_id=self.lpar(self.instance).uuid)
        self.create_lpar(self.instance)
        self.drive.clean_periodically()
        self.assertEqual([self.name], self.media_names('vios1'))
        self.set_vios(True)
        self.simulated.journal.clear()
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())
        self.simulated.journal.clear()
        self.drive.clean_periodically()
        self.assertEqual([], self.requests())

    def test_delete_later_what_may_be_on_the_one_that_is_down(self):
        """Another repository is in use meanwhile."""
        self.attach()
        self.drive = self.restart('vios2')
        self.set_vios(False)
        self.destroy()
        self.set_vios(True)
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())

    def test_goes_down_between_unmapping_and_deletion(self):
        self.attach()
        self.transaction(self.drive.detach)
        self.set_vios(False)
        self.drive.delete(self.instance)
        self.set_vios(True)
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())

    def test_periodic_clean_fails_and_is_tried_again(self):
        self.create()
        self.set_vios(False)
        self.drive.delete(self.instance)
        self.set_vios(True)
        self.break_request('status', 'POST', 'VolumeGroup', status=500)
        self.drive.clean_periodically()
        self.assertEqual([self.name], self.media_names('vios1'))
        self.drive.clean_periodically()
        self.assertEqual([], self.media_names('vios1'))

    def test_fails_where_nobody_asks_again(self):
        """The server has left this host, and its LPAR is gone."""
        self.create()
        self.break_request('status', 'POST', 'VolumeGroup', status=500)
        self.drive.delete(self.instance, may_wait=True)
        self.assertEqual([self.name], self.media_names('vios1'))
        self.drive.clean_periodically()
        self.assertEqual(self.before, self.state())

    def test_server_comes_back_before_it_is_deleted(self):
        self.create()
        self.break_request('status', 'POST', 'VolumeGroup', status=500)
        self.drive.delete(self.instance, may_wait=True)
        self.attach()
        self.drive.clean_periodically()
        self.assertEqual([self.name], self.media_names('vios1'))
        self.assertEqual([(self.name, 'lpar1')], self.mappings())
        self.destroy()
        self.assertEqual(self.before, self.state())


class RepositoryTestCase(MediaTestCase):

    def test_of_another_vios(self):
        for preferred, feeds in (('vios2', 2), (None, 1)):
            self.drive = self.restart(preferred)
            self.create()
            self.assertEqual(feeds, self.requests().count('GET VolumeGroup'))
            self.drive.delete(self.instance)
            self.assertEqual(self.before, self.state())

    def test_preferred(self):
        self.use_repository_of('vios2')
        self.drive = self.restart('vios2')
        self.create()
        self.assertEqual(DISCOVERY + UPLOAD, self.requests())
        self.assertEqual(([], [self.name]), (
            self.media_names('vios1'), self.media_names('vios2')))

    def test_made_on_the_preferred_vios(self):
        self.drop_repository()
        self.flags(vopt_media_rep_size=3, group='powervm')
        self.drive = self.restart('vios2')
        self.create()
        self.assertEqual(1, self.requests().count('POST VolumeGroup'))
        self.assertEqual((None, [self.name]), (
            self.media_names('vios1'), self.media_names('vios2')))
        self.assertEqual(3 * 1024 ** 3, self.vios('vios2').repository.size)

    def test_made_in_the_group_of_the_option(self):
        self.drop_repository()
        self.flags(vopt_media_volume_group='datavg', group='powervm')
        self.drive = self.restart(None)
        self.create()
        self.assertIsNotNone(self.group('datavg').repository)

    def test_not_made_to_clean_up(self):
        self.drop_repository()
        self.transaction(self.drive.detach)
        self.drive.delete(self.instance)
        self.assertEqual(self.before, self.state())

    def test_no_volume_group(self):
        self.drop_repository()
        self.flags(vopt_media_volume_group='nonesuch', group='powervm')
        error = self.assertRaises(exception.NoMediaRepoVolumeGroupFound,
                                  self.create)
        self.assertIn('nonesuch', str(error))
        self.assertEqual(self.before, self.state())

    def test_not_made_on_the_management_partition(self):
        self.drop_repository()
        self.useFixture(fixtures.MonkeyPatch(
            'pypowervm.wrappers.virtual_io_server.VIOS.is_mgmt_partition',
            True))
        self.assertRaises(exception.NoMediaRepoVolumeGroupFound, self.create)

    def test_looked_for_again_after_a_failure(self):
        self.create()
        self.use_repository_of('vios2')
        self.group('rootvg').repository = None
        self.group('rootvg').touch()
        other = self.make_server(2)
        self.assertRaises(pvm_exc.HttpError, self.create, other)
        self.create(other)
        self.assertEqual([media.get_cfg_drv_name(other)],
                         self.media_names('vios2'))


class FailureTestCase(MediaTestCase):

    def assert_nothing_left(self):
        self.assertEqual(self.before, self.state())
        self.assertEqual([], os.listdir(self.tempdir))

    def test_every_request_broken(self):
        for effect, more in (('status', {'status': 500}),
                             ('drop_before', {}), ('drop_after', {})):
            for number in itertools.count(1):
                self.drive = self.restart()
                fault = self.break_request(effect, nth=number, **more)
                try:
                    self.create()
                except pvm_exc.Error:
                    self.assert_nothing_left()
                self.simulated.faults.clear()
                self.drive.delete(self.instance)
                self.assert_nothing_left()
                if not fault.applied:
                    break
            self.assertEqual(5, number)

    def test_crash_at_every_request(self):
        for effect in ('drop_before', 'drop_after'):
            for number in itertools.count(1):
                self.drive = self.restart()
                last = self.break_request(effect, nth=number)
                self.break_request('drop_before', nth=number + 1, count=0)
                try:
                    self.create()
                except pvm_exc.Error:
                    pass
                self.simulated.faults.clear()
                self.drive = self.restart()
                self.drive.delete(self.instance)
                uploads.delete_files(self.host, [self.name],
                                     self.vios().uuid)
                self.assert_nothing_left()
                if not last.applied:
                    break
            self.assertEqual(5, number)

    def test_no_iso_builder(self):
        self.flags(mkisofs_cmd='/nonesuch/mkisofs')
        self.assertRaises((OSError, processutils.ProcessExecutionError),
                          self.create)
        self.assert_nothing_left()

    def test_format_that_is_no_medium(self):
        self.flags(config_drive_format='vfat')
        self.assertRaises(nova_exc.ConfigDriveUnsupportedFormat, self.create)
        self.assert_nothing_left()


class ContentTestCase(MediaTestCase):

    def read(self, *paths):
        """Read files of the medium as JSON."""
        disk = self.vios().repository.media[self.name].disk
        iso = pycdlib.PyCdlib()
        iso.open_fp(io.BytesIO(disk.read(0, disk.size)))
        self.addCleanup(iso.close)
        self.assertEqual(b'config-2',
                         iso.pvd.volume_identifier.rstrip(b' \0'))
        documents = []
        for path in paths:
            content = io.BytesIO()
            iso.get_file_from_iso_fp(
                content, joliet_path='/openstack/latest/%s.json' % path)
            documents.append(json.loads(content.getvalue()))
        return documents

    def test_metadata(self):
        self.create(admin_pass='secret')
        metadata, = self.read('meta_data')
        self.assertEqual(self.instance.uuid, metadata['uuid'])
        self.assertEqual('secret', metadata['admin_pass'])
        self.assertEqual(['/etc/motd'],
                         [file['path'] for file in metadata['files']])

    def test_id_of_9(self):
        self.instance.system_metadata['powervm_instance_id'] = 'of 9.0.0'
        self.create()
        self.assertEqual('of 9.0.0', self.read('meta_data')[0]['uuid'])

    def test_no_password(self):
        self.create()
        self.assertNotIn('admin_pass', self.read('meta_data')[0])

    def test_network(self):
        sea = vif_base.make_vif(1, network=self.network('10.1.0.5'))
        ovs = vif_base.make_vif(2, network=self.network('10.1.0.6'),
                                type='ovs')
        network_info = network_model.NetworkInfo([sea, ovs])
        cna = types.SimpleNamespace(mac='FA163E01F2B3')
        self.create(network_info=network_info, mgmt_cna=cna)
        network, = self.read('network_data')
        self.assertEqual(
            [('vif', 'fa:16:3e:00:00:01'), ('ovs', 'fa:16:3e:00:00:02'),
             ('vif', 'fa:16:3e:01:f2:b3')],
            [(link['type'], link['ethernet_mac_address'])
             for link in network['links']])
        self.assertEqual(
            ['10.1.0.5', '10.1.0.6', 'fe80::f816:3eff:fe01:f2b3'],
            [address['ip_address'] for address in network['networks']])
        # The caller's is as it was.
        self.assertEqual(['pvm_sea', 'ovs'],
                         [vif['type'] for vif in network_info])

    def network(self, address):
        subnet = network_model.Subnet(
            version=4, cidr='10.1.0.0/24',
            ips=[network_model.FixedIP(address=address, version=4)])
        return network_model.Network(id='net', bridge='br-int',
                                     subnets=[subnet])

    def test_no_management_address(self):
        self.flags(use_rmc_ipv6_scheme=False, group='powervm')
        self.create(mgmt_cna=mock.Mock(mac='FA163E01F2B3'))
        self.assertEqual([{}], self.read('network_data'))
