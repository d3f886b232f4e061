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

"""The base of tests of config drives: servers on a host with two VIOSes."""

import fixtures
from nova import objects
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.demo import quick
from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm.media import repository
from nova_powervm.virt.powervm.storage import transaction


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
        repository.add_repository(vg_w, None)
        self.simulated.journal.clear()

    def drop_repository(self):
        """Let no VIOS have one."""
        group = self.group('rootvg')
        group.repository = None
        group.touch()
        self.before = self.state()


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
