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

"""Servers with IBM i, which boot from what is tagged as load source."""

import os

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_rescue

UNTAGGED = {'load_source': '0', 'alternate': 'NONE', 'console': 'HMC',
            'ipl_source': 'b', 'keylock': 'normal'}


class IbmiMixin:
    """Servers with IBM i, and looks at what they boot from."""

    def _create(self, **kwargs):
        return super()._create(properties={'os_distro': 'ibmi'}, **kwargs)

    def tags_of(self, server):
        """The tagged I/O of a server's LPAR, a dict."""
        return self.lpar_of(server)['tagged_io']

    def slots_of(self, server, prefix):
        """The slots by which it reaches a disk, as a set of str.

        :param prefix: with which the name of the disk begins.
        """
        return {str(mapping['client_slot'])
                for mapping in self.mappings_of(server)
                if os.path.basename(mapping['storage']).startswith(prefix)}

    def change(self, server, **settings):
        """Have an operator change the tagged I/O of a server's LPAR."""
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        with self.site.lock:
            for name in ('keylock', 'ipl_source'):
                setattr(lpar, name, settings.pop(name, getattr(lpar, name)))
            lpar.tagged_io = lpar.tagged_io.__class__(
                **{**lpar.tagged_io.state(), **settings})
            lpar.touch()

    def assert_boots(self, server, prefix='b_', slots=None):
        """It runs, from that disk, by an adapter that leads to it.

        :param slots: those that do; None for those of virtual SCSI.
        """
        lpar, tags = self.lpar_of(server), self.tags_of(server)
        self.assertEqual(('OS400', 'running'), (lpar['type'], lpar['state']))
        self.assertEqual(prefix, lpar['boot']['disk'][:len(prefix)])
        slots = self.slots_of(server, prefix) if slots is None else slots
        self.assertIn(tags['load_source'], slots)
        self.assertIn(tags['alternate'], {
            str(slot) for slot in lpar['slots']})
        self.assertEqual(('HMC', 'b', 'normal'), (
            tags['console'], tags['ipl_source'], tags['keylock']))


class LifeTest(IbmiMixin, base.ScenarioCase):
    """With a disk in a volume group, from the first start to the end."""

    TIMING = {'job_polls': 1}

    def setUp(self):
        super().setUp()
        self.empty = self.platform_state()

    def test_life(self):
        server = self.boot()
        self.assert_boots(server)
        tags = self.tags_of(server)
        for step in (lambda: self.stop(server) or self.start(server),
                     lambda: self.reboot(server),
                     lambda: self.reboot(server, hard=True),
                     lambda: self.act(server, 'rebuild', {
                         'imageRef': self.image_id})):
            step()
            self.assert_boots(server)
            self.assertEqual(tags, self.tags_of(server))
        self.assertIsNone(self.delete(server))
        self.assert_state_equal(self.empty, self.platform_state(), 'Left')

    def test_one_that_an_older_version_has_made(self):
        """Nothing was tagged: a start, and a hard reboot, make up for it."""
        server = self.boot()
        tags = self.tags_of(server)
        for again in (lambda: self.start(server),
                      lambda: self.reboot(server, hard=True)):
            self.stop(server)
            self.change(server, load_source='0', alternate='NONE',
                        keylock='manual', ipl_source='d')
            again()
            self.assert_boots(server)
            self.assertEqual(tags, self.tags_of(server))

    def test_what_an_operator_has_chosen(self):
        """A console, and an alternate load source that there is, stay."""
        server = self.boot()
        self.stop(server)
        self.change(server, console='5')
        self.start(server)
        self.assertEqual('5', self.tags_of(server)['console'])

    def test_requests(self):
        """2 more than of another system to spawn and start, 1 to reboot."""
        self.delete(self.boot())
        server, requests = self.requests_of(self.boot)
        self.assert_within(17 + 2, requests)
        self.assertEqual(1, sum(
            request.startswith('POST') and 'LogicalPartition' in request
            for request in requests), requests)
        self.stop(server)
        _none, requests = self.requests_of(self.start, server)
        others = [request for request in requests if '/do/' not in request and
                  'jobs' not in request]
        self.assertEqual(2, len(others), requests)
        self.assertEqual({'GET'}, {request.split()[0] for request in others})
        _none, requests = self.requests_of(self.reboot, server, True)
        self.assertEqual(2, sum(
            request.startswith('GET') and request.endswith(
                'LogicalPartition/' + self.lpar_of(server)['uuid'])
            for request in requests), requests)


class StartRevertTest(IbmiMixin, base.ScenarioCase):
    """What fails leaves the tags as they were before."""

    def test_start(self):
        server = self.boot()
        self.stop(server)
        self.change(server, load_source='0', alternate='NONE',
                    keylock='manual', ipl_source='d')
        before = self.tags_of(server)
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'path': 'do/PowerOn', 'method': 'PUT'})
        self.assertIsNotNone(self.users.start(self.walk_server(server)))
        self.assertEqual(before, self.tags_of(server))
        self.assertEqual('not activated', self.lpar_of(server)['state'])
        self.platform.faults.clear()
        self.reboot(server, hard=True)
        self.assert_boots(server)


class SpawnRevertTest(IbmiMixin, base.ScenarioCase):

    def test_platform_that_takes_no_tags(self):
        """Nothing of the server stays."""
        before = self.platform_state()
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'path': 'LogicalPartition/',
                                  'method': 'POST'})
        server = self.boot(expected_status='ERROR')
        self.platform.faults.clear()
        self.assert_state_equal(before, self.platform_state(), 'Left')
        self.assertIsNone(self.delete(server))


class PoolTest(IbmiMixin, platforms.SharedPool, base.ScenarioCase):
    """With a disk in a shared pool, which two VIOSes lead to."""

    def test_life(self):
        server = self.boot()
        self.assert_boots(server)
        paths = self.slots_of(server, 'b_')
        self.assertEqual(2, len(paths))
        tags = self.tags_of(server)
        self.assertEqual(paths, {tags['load_source'], tags['alternate']})
        self.stop(server)
        self.start(server)
        self.reboot(server, hard=True)
        self.assertEqual(tags, self.tags_of(server))

    def test_vios_that_is_down(self):
        """It boots through the other one, and keeps to that."""
        server = self.boot()
        first = self.tags_of(server)['load_source']
        vios = self._vios_of(server, first)
        self.stop(server)
        self.set_vios(vios, up=False)
        self.start(server)
        self.assert_boots(server)
        second = self.tags_of(server)['load_source']
        self.assertNotEqual(first, second)
        self.set_vios(vios, up=True)
        self.stop(server)
        self.start(server)
        self.assertEqual(second, self.tags_of(server)['load_source'])

    def test_crash_and_a_vios_that_is_down(self):
        """It is stopped before it is started, and so it is tagged."""
        server = self.boot()
        first = self.tags_of(server)['load_source']
        vios = self._vios_of(server, first)
        self.stop(server)
        self._crash(server)
        self.set_vios(vios, up=False)
        self.start(server)
        self.assert_boots(server)
        self.assertNotEqual(first, self.tags_of(server)['load_source'])

    def _crash(self, server):
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        with self.site.lock:
            lpar.booted()
            lpar.crashed()
        self.driver.services.host.partition_states.clear()

    def test_soft_reboot_and_a_vios_that_is_down(self):
        """One that has gone off, or crashed, by itself is started."""
        server = self.boot()
        for go_off in (self.driver.power_off, self._crash):
            first = self.tags_of(server)['load_source']
            vios = self._vios_of(server, first)
            go_off(self.instance_of(server) if go_off != self._crash
                   else server)
            self.set_vios(vios, up=False)
            self.reboot(server)
            self.assert_boots(server)
            self.assertNotEqual(first, self.tags_of(server)['load_source'])
            self.set_vios(vios, up=True)

    def _vios_of(self, server, slot):
        return next(mapping['vios'] for mapping in self._paths(server)
                    if str(mapping['client_slot']) == slot)

    def _paths(self, server):
        return [dict(mapping, vios=vios['name'])
                for vios in self.platform.state()['VirtualIOServer']
                for mapping in vios['mappings']
                if mapping['lpar_id'] == self.lpar_of(server)['id']]


class RescueMixin(IbmiMixin):
    """It boots from the rescue disk, then as before."""

    rescue = test_rescue.RescueMixin.rescue
    unrescue = test_rescue.RescueMixin.unrescue
    resting_state = test_rescue.RescueMixin.resting_state

    def check_rescue(self, server, assert_boots, untouched):
        """Rescue a server, start it again, and end that.

        :param assert_boots: called with the server when it boots as before.
        :param untouched: called for what is to be then as it was before.
        """
        before, tags = untouched(), self.tags_of(server)
        image = self.glance.image3['id']
        self.glance.images[image]['properties'].update(
            hw_rescue_bus='scsi', hw_rescue_device='disk')
        self.assertEqual('RESCUE', self.rescue(server, image)['status'])
        self.assert_rescued(server)
        self.start_at_host_boot(server)
        self.assertEqual('ACTIVE', self.unrescue(server)['status'])
        assert_boots(server)
        self.assertEqual(tags, self.tags_of(server))
        self.assertEqual(before, untouched())

    def assert_rescued(self, server):
        self.assert_boots(server, prefix='r_')
        # No other disk is behind that adapter.
        self.assertEqual(1, sum(
            str(mapping['client_slot']) == self.tags_of(server)['load_source']
            for mapping in self.mappings_of(server)))

    def start_at_host_boot(self, server):
        """The host has lost its power, and with it what was tagged."""
        rescue, tags = self.slots_of(server, 'r_'), self.tags_of(server)
        instance = self.instance_of(server)
        self.driver.power_off(instance)
        self.change(server, load_source='0')
        self.driver.resume_state_on_host_boot(
            self.context, instance, [], None, None)
        self.assert_rescued(server)
        self.assertEqual((rescue, tags), (
            self.slots_of(server, 'r_'), self.tags_of(server)))


class RescueTest(RescueMixin, base.ScenarioCase):

    CACHED = 2

    def test_rescue(self):
        self.check_rescue(self.boot(), self.assert_boots, self.resting_state)

    def test_rescue_that_fails(self):
        server = self.boot()
        before = self.resting_state()
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'path': 'do/PowerOn', 'count': 2,
                                  'method': 'PUT'})
        self.rescue(server)
        self.assert_boots(server)
        self.assertEqual(before, self.resting_state())

    def test_what_a_failed_end_has_left(self):
        """A hard reboot boots from the own disk."""
        server = self.boot()
        before = self.resting_state()
        self.rescue(server)
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'path': 'VirtualIOServer', 'nth': 1,
                                  'method': 'POST'})
        self.assertEqual('ERROR', self.unrescue(server)['status'])
        self.platform.faults.clear()
        self.reboot(server, hard=True)
        self.assert_boots(server)
        self.assertEqual(before, self.resting_state())


class PoolRescueTest(platforms.SharedPool, RescueTest):
    """Two paths lead to the boot disk: the same one is taken again."""


class FilePoolTest(platforms.FilePool, RescueMixin, base.ScenarioCase):
    """The disks are files of the management partition, which is a VIOS."""

    CACHED = 2

    def test_life(self):
        server = self.boot()
        self.stop(server)
        self.start(server)
        self.reboot(server, hard=True)
        self.check_rescue(server, self.assert_boots, self.resting_state)


class ResizeTest(IbmiMixin, base.MoveMixin, base.ScenarioCase):

    OPTIONS = {'shelved_offload_time': 0, 'allow_resize_to_same_host': True}

    def test_resize(self):
        server = self.boot(flavor_id=self.small)
        for end in ('revertResize', 'confirmResize'):
            self.resize(server, self.large)
            self.assert_boots(server)
            self.act(server, end)
            self.assert_boots(server)

    def test_resize_that_fails(self):
        server = self.boot(flavor_id=self.small)
        before = self.platform_state()
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'path': 'do/PowerOn', 'nth': 1,
                                  'method': 'PUT'})
        self.resize(server, self.large, status='ACTIVE')
        self.assert_boots(server)
        self.assert_state_equal(before, self.platform_state(), 'Failed')


class MoveTest(IbmiMixin, platforms.SharedPool, base.TwoHostMixin,
               base.ScenarioCase):

    PROFILE = 'ssp-two-host'

    def test_cold_migration(self):
        server = self.boot_on_first()
        self.migrate(server)
        self.where = 'compute2'
        self.assert_boots(server)
        self.act(server, 'revertResize')
        self.where = 'compute1'
        self.assert_boots(server)
        self.migrate(server)
        self.act(server, 'confirmResize')
        self.where = 'compute2'
        self.assert_boots(server)

    def test_migration_that_fails(self):
        """It goes on where it was, as it was."""
        server = self.boot_on_first()
        before = self.tags_of(server)
        self.platform.faults.add({'effect': 'status', 'status': 500,
                                  'path': 'VirtualIOServer', 'nth': 2,
                                  'method': 'POST'})
        self.act(server, 'migrate')
        self.assertEqual('compute1', self.host_of(server))
        self.assert_boots(server)
        self.assertEqual(before, self.tags_of(server))

    def test_evacuation(self):
        server = self.boot_on_first()
        self.evacuate(server)
        self.where = 'compute2'
        self.assert_boots(server)

    def test_lpar_that_is_lost(self):
        server = self.boot_on_first()
        self.lose(server)
        self.act(server, 'reboot', {'type': 'HARD'})
        self.assert_boots(server)

    def lose(self, server):
        """Have an operator delete the LPAR."""
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        with self.site.lock:
            lpar.halted()
            self.platform.remove(lpar)

    def test_shelved(self):
        server = self.boot_on_first()
        self.act(server, 'shelve')
        self.act(server, 'unshelve')
        self.assert_boots(server)
