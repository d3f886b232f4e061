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

"""Swap and ephemeral disks when a move fails, or a host."""

import itertools
import os
from unittest import mock

from oslo_utils import units

from nova_powervm.simulator import disk_io
from nova_powervm.simulator import profile as sim_profile
from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import volumes
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.virt.powervm.disk import server_disks


class SwapLooks:
    """Looks at the swap disks of a server, and mends it."""

    def swap_of(self, server):
        """Sizes in GiB of the swap disks that it has; [] for none."""
        return [disk_io.find(self.platform, name).backing.disk.size // units.Gi
                for name in {mapping['storage']
                             for mapping in self.mappings_of(server)}
                if os.path.basename(name).startswith('s_')]

    def mend(self, server):
        """Do what Nova advises; returns the server as it is then."""
        self.platform.faults.clear()
        self.users.reset_state(self.walk_server(server))
        return self.act(server, 'reboot', {'type': 'HARD'})

    def assert_mended(self, server, sizes, message):
        """A hard reboot gives the server the swap disk of its flavor."""
        self.assertEqual('ACTIVE', self.mend(server)['status'], message)
        self.assertEqual(sizes, self.swap_of(server), message)
        self.assertEqual('running', self.lpar_of(server)['state'], message)
        self.assertIsNone(self.delete(server), message)


class HardRebootMixin(SwapLooks, base.MoveMixin):
    """A hard reboot mends what a resize has left of the swap disk."""

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.without = self.make_flavor('without')
        self.with_swap = self.make_flavor('with', swap=1024)
        self.with_more = self.make_flavor('more', swap=3072)
        self.empty = self.platform_state()

    def kill_at(self, name):
        """Let nova-compute be killed when a function of the disks is called.

        :returns: a context manager.
        """
        def die(*args, **kwargs):
            raise effects.Killed()

        owner = (server_disks if hasattr(server_disks, name)
                 else self.driver.services.disk)
        return mock.patch.object(owner, name, die)

    def check_killed(self, before, after, name, sizes):
        server = self.boot(flavor_id=before)
        with self.kill_at(name):
            self.act(server, 'resize', {'flavorRef': after})
        self.assertNotIn('compute1', self.cloud.computes)
        self.cloud.start('compute1')
        self.assert_mended(server, sizes, name)

    def test_killed_before_it_is_made(self):
        self.check_killed(self.without, self.with_swap, 'replace_swap', [1])
        self.check_killed(self.without, self.with_swap, 'create_blank_disks',
                          [1])

    def test_killed_before_it_is_removed(self):
        self.check_killed(self.with_swap, self.without, 'replace_swap', [])

    def test_killed_before_it_is_larger(self):
        for name in ('replace_swap', 'delete_disks', 'create_blank_disks'):
            self.check_killed(self.with_swap, self.with_more, name, [3])

    def test_gone_from_the_flavor(self):
        server = self.boot(flavor_id=self.with_swap)
        instance = self.instance_of(server)
        instance.flavor = self.without
        instance.save()
        for bdm in self.walk_server(server).bdms():
            if bdm.guest_format == 'swap':
                bdm.destroy()
        self.assert_mended(server, [], 'gone from the flavor')
        self.assert_state_equal(self.empty, self.platform_state(), 'left')

    def test_nothing_is_recreated_for_nothing(self):
        """What is on a swap disk that is right stays."""
        server = self.boot(flavor_id=self.with_swap)
        name, = {mapping['storage'] for mapping in self.mappings_of(server)
                 if os.path.basename(mapping['storage']).startswith('s_')}
        disk = disk_io.find(self.platform, name).backing.disk
        disk.write_at(0, b'swapped out')
        self.assertEqual('ACTIVE', self.mend(server)['status'])
        self.assertIs(disk, disk_io.find(self.platform, name).backing.disk)
        self.assertEqual(b'swapped out', disk.read(0, 11))


class HardRebootTest(HardRebootMixin, base.ScenarioCase):

    def break_each(self, prepare, act):
        """Let each request of an operation fail, one after the other.

        :param prepare: function that makes a server
        :param act: called with the server
        :returns: iterator of (server, what was broken)
        """
        for number in itertools.count(1):
            server = prepare()
            fault = self.platform.faults.add({
                'effect': 'status', 'status': 500, 'nth': number,
                'query': effects.NOT_THE_EVENT_POLL})
            act(server)
            if not fault.applied:
                self.platform.faults.clear()
                self.assertIsNone(self.delete(server))
                # It has sent as many as the issue names.
                self.assertLess(10, number)
                return
            yield server, 'Request %d was refused.' % number

    def resized(self, before, after):
        server = self.boot(flavor_id=before)
        self.resize(server, after)
        return server

    def test_refused_when_it_is_to_come_back(self):
        for server, message in self.break_each(
                lambda: self.resized(self.with_swap, self.without),
                lambda server: self.act(server, 'revertResize')):
            self.assert_mended(server, [1], message)
        self.assert_state_equal(self.empty, self.platform_state(), 'left')

    def test_refused_when_it_is_to_go(self):
        """In the same way: the size of the flavor, whichever Nova has."""
        sizes = set()
        for server, message in self.break_each(
                lambda: self.boot(flavor_id=self.with_swap),
                lambda server: self.act(server, 'resize', {
                    'flavorRef': self.without})):
            swap = self.instance_of(server).flavor.swap
            sizes.add(swap)
            self.assert_mended(server, [1] if swap else [], message)
        self.assert_state_equal(self.empty, self.platform_state(), 'left')


class HardRebootPoolTest(platforms.SharedPool, HardRebootMixin,
                         base.ScenarioCase):
    pass


class EvacuationTest(SwapLooks, volumes.VolumeMixin, base.TwoHostMixin,
                     base.ScenarioCase):
    """Servers that boot from a volume, with other disks in a shared pool."""

    STORAGE = {'disk_driver': 'ssp'}
    CACHED = 0

    @classmethod
    def load_profile(cls):
        """A shared pool, and a storage area network, of two hosts."""
        profile = sim_profile.load('ssp-two-host')
        profile['san'] = sim_profile.load('fc-two-host')['san']
        for number, host in enumerate(profile['hosts']):
            for position, vios in enumerate(host['vioses']):
                vios['fc_ports'] = [{
                    'name': 'fcs0', 'fabric': 'A', 'total_ports': 64,
                    'wwpn': '10000090FA1B%02X%02X' % (number, position)}]
        return profile

    def evacuated(self, flavor):
        """Let a server be written to, and evacuated."""
        self.where = 'compute1'
        server = self.boot_with((1,), boots=True, flavor_id=flavor)
        self.assertEqual('ACTIVE', server['status'], server.get('fault'))
        for name in self.disks():
            disk_io.find(self.platform, name).backing.disk.write_at(
                0, b'written on compute1')
        self.cloud.stop('compute1')
        self.users.evacuate(self.walk_server(server))
        self.assertEqual([], self.cloud.failures)
        self.assertEqual('compute2', self.host_of(server))
        self.start(server)
        self.where = 'compute2'
        return server

    def disks(self):
        """Names of the blank disks in the pool."""
        return sorted({
            mapping['storage'] for vios in
            self.platform.state()['VirtualIOServer']
            for mapping in vios['mappings']
            if mapping['storage'].startswith(('s_', 'e0_'))})

    def test_disks_go_on(self):
        server = self.evacuated(self.make_flavor(ephemeral=2, swap=1024))
        self.assertEqual(2, len(self.disks()))
        for name in self.disks():
            self.assertEqual(b'written on compute1', disk_io.find(
                self.platform, name).backing.disk.read(0, 19))
        self.assertEqual([1], self.swap_of(server))

    def test_no_other_disks(self):
        """It is made anew around its volume."""
        server = self.evacuated(self.make_flavor())
        self.assertEqual('running', self.lpar_of(server)['state'])

    def test_swap_disk_is_lost(self):
        """It is made anew; the ephemeral disk is not."""
        flavor = self.make_flavor(ephemeral=2, swap=1024)
        create = self.driver.services.disk.create_blank_disks

        def create_without_swap(instance, disks, **kwargs):
            return create(instance, [
                disk for disk in disks if disk.disk_type != 'swap'], **kwargs)

        self.driver.services.disk.create_blank_disks = create_without_swap
        server = self.evacuated(flavor)
        self.assertEqual([1], self.swap_of(server))
        self.assertEqual(b'written on compute1', disk_io.find(
            self.platform, self.disks()[0]).backing.disk.read(0, 19))
