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

"""What servers and hosts are like after a live migration."""

import json

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.walks import view
from nova_powervm.virt.powervm import names


class LaterTest(live_migration.LiveMigrationMixin, base.ScenarioCase):

    def host_with(self, server):
        """What compute2 is like with a server, without the server's names."""
        text = json.dumps(view.view(self.site)['hosts'][1], sort_keys=True)
        for name in (server['id'], server['id'].upper(),
                     self.lpar_of(server)['name'],
                     names.config_drive_name(server['id']),
                     *{mapping['storage']
                       for mapping in self.mappings_of(server)}):
            text = text.replace(name, 'of the server')
        return json.loads(text)

    def test_target_is_as_if_it_had_made_the_server(self):
        made = self.boot(flavor_id=self.small, host='compute2')
        self.where = 'compute2'
        before = self.host_with(made)
        self.assertIsNone(self.delete(made))
        server = self.boot_on_first()
        self.live_migrate(server)
        self.where = 'compute2'
        self.assert_state_equal(before, self.host_with(server), 'the target')

    def test_resize(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.resize(server, self.large)
        self.act(server, 'confirmResize')
        self.where = self.host_of(server)
        self.assertEqual((4096, 2, 5), self.size_of(server))
        self.live_migrate(server)
        self.assert_runs_on(server, self.host_of(server))

    def test_resize_and_back(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.resize(server, self.large)
        self.act(server, 'revertResize')
        self.assert_runs_on(server, 'compute2')
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute1')

    def test_rescue(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.act(server, 'rescue', {'rescue_image_ref': self.image_id})
        self.assertEqual('RESCUE', self.status_of(server))
        self.act(server, 'unrescue')
        self.assert_runs_on(server, 'compute2')

    def test_snapshot(self):
        """The image has what the guest has written on either host."""
        server = self.boot_on_first()
        self.boot_disk_of(server).write_at(4096, b'before')
        self.live_migrate(server)
        self.where = 'compute2'
        self.boot_disk_of(server).write_at(8192, b'after')
        before = self.platform_state()
        failure, image_id = self.users.snapshot(self.walk_server(server))
        self.assertIsNone(failure)
        image = self.glance.upload(image_id)
        self.assertEqual([b'before', b'after'],
                         [image.read(4096, 6), image.read(8192, 5)])
        self.assert_state_equal(before, self.platform_state(), 'snapshot')
        self.assert_runs_on(server, 'compute2')
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute1')

    def test_shelve(self):
        server = self.boot_on_first()
        self.live_migrate(server)
        self.act(server, 'shelve')
        self.act(server, 'unshelve')
        self.assert_runs_on(server, 'compute1')

    def test_nova_compute_starts_again(self):
        """Neither host misses anything, or takes anything away."""
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        self.live_migrate(server)
        before = self.platform_state()
        for host in ('compute1', 'compute2'):
            self.restart(host)
        self.cloud.run_periodic_tasks()
        self.assert_runs_on(server, 'compute2', booted)
        self.assert_state_equal(before, self.platform_state(), 'restarted')


class OtherLparTest(live_migration.LiveMigrationMixin, base.ScenarioCase):
    """Somebody makes an LPAR on the source, which gets the server's number."""

    def test_keeps_all_that_it_has(self):
        server = self.boot_on_first()
        host = self.simulated_host('compute1')
        number = self.lpar_on(server, 'compute1').partition_id

        def make(_method, _path):
            host.operator.create_partition(
                'other', id=number, adapters=[{'switch': 'ETHERNET0',
                                               'vlan': 101}],
                disk={'vios': 'vios1', 'volume_group': 'rootvg',
                      'name': 'data', 'size_bytes': 1024 ** 3},
                medium={'vios': 'vios1', 'name': 'install.iso',
                        'content': b'disc'})

        self.addCleanup(self.remove_other, host)
        # The server has moved.
        host.faults.add({'method': 'DELETE', 'path': '/jobs/'}, make)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assertEqual(number, host.operator.partition('other').partition_id)
        self.cloud.run_periodic_tasks()
        self.restart()
        self.assert_has_all(host)
        self.assertIsNone(self.delete(server))
        self.reap()
        self.assert_has_all(host)

    def assert_has_all(self, host):
        state = host.state()
        self.assertEqual(['data', 'install.iso'], sorted(
            mapping['storage'] for vios in state['VirtualIOServer']
            for mapping in vios['mappings'] if mapping['lpar'] == 'other'))
        self.assertEqual(1, len([
            cna for cna in state['ClientNetworkAdapter']
            if cna['partition'] == 'other']))

    def remove_other(self, host):
        with self.site.lock:
            for storage in ('data', 'install.iso'):
                host.operator.unmap_storage('vios1', storage, 'other')
            host.operator.delete_partition('other')
            host.operator.delete_disk('vios1', 'data')
            host.operator.delete_medium('vios1', 'install.iso')
