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

"""The layer of the walks, held against Nova's own services.

Each story runs once through Nova's API, and once through walks.api. The
driver must be asked for the same.
"""

import dataclasses
import typing

import testtools

from nova_powervm.tests.functional import handover
from nova_powervm.tests.functional import shared
from nova_powervm.tests.functional import trace
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import scene


@dataclasses.dataclass(frozen=True)
class Story:
    """Something that is done to a server which is ACTIVE, on two layers.

    :ivar nova: called with a subclass of shared.Nova, and a server
    :ivar layer: called with an api.API, and a server
    :ivar fault: dict, of the simulator
    :ivar host: int, the number of the host with the fault, from 0
    """

    nova: typing.Callable
    layer: typing.Callable
    fault: typing.Optional[dict] = None
    host: int = 0


def act(action, body=None):
    return lambda nova, server: nova.act(server, action, body)


def _evacuate(nova, server):
    nova.computes['compute1'].stop()
    nova.force_down('compute1', True)
    nova.act(server, 'evacuate', {})


def _evacuate_layer(api, server):
    api.cloud.stop('compute1')
    api.evacuate(server)


FAILS = {'effect': 'status', 'status': 500, 'method': 'PUT|POST|DELETE',
         'path': '^(?!.*/jobs/)'}
LARGE = scene.LARGE


def _hard_reboot():
    return Story(act('reboot', {'type': 'HARD'}),
                 lambda api, server: api.reboot(server, hard=True))


def _soft_reboot():
    return Story(act('reboot', {'type': 'SOFT'}),
                 lambda api, server: api.reboot(server))


def _rescue():
    return Story(
        lambda nova, server: nova.act(server, 'rescue', {
            'rescue_image_ref': nova.glance.image3['id']}),
        lambda api, server: api.rescue(server))


def _snapshot():
    return Story(act('createImage', {'name': 'snapshot'}),
                 lambda api, server: api.snapshot(server))


def _rebuild():
    return Story(
        lambda nova, server: nova.act(server, 'rebuild', {
            'imageRef': nova.image_id}),
        lambda api, server: api.rebuild(server))


def _resize(fault=None, host=0):
    return Story(
        lambda nova, server: nova.act(server, 'resize', {
            'flavorRef': nova.large}),
        lambda api, server: api.resize(server, LARGE, 'compute2'), fault,
        host)


def _delete(fault=None, host=0):
    return Story(lambda nova, server: nova.delete(server),
                 lambda api, server: api.delete(server), fault, host)


def _detach(number, fault=None):
    return Story(lambda nova, server: nova.detach(server, number),
                 lambda api, server: api.detach(server, number), fault)


def _attach(number, fault=None):
    return Story(lambda nova, server: nova.attach(server, number),
                 lambda api, server: api.attach(server, number), fault)


BASIC = {
    'stop': Story(act('os-stop'), lambda api, server: api.stop(server)),
    'start': Story(act('os-start'), lambda api, server: api.start(server)),
    'soft_reboot': _soft_reboot(),
    'hard_reboot': _hard_reboot(),
    'rescue': _rescue(),
    'unrescue': Story(act('unrescue'),
                      lambda api, server: api.unrescue(server)),
    'attach_port': Story(
        lambda nova, server: nova.api.attach_interface(server['id'], {
            'interfaceAttachment': {
                'port_id': nova.neutron.port_1['id']}}),
        lambda api, server: api.attach_port(server, 1)),
    'detach_port': Story(
        lambda nova, server: nova.api.detach_interface(
            server['id'], nova.neutron.port_1['id']),
        lambda api, server: api.detach_port(server, 1)),
    'snapshot': _snapshot(),
    'rebuild': _rebuild(),
    'resize_fails_at_its_end': _resize(FAILS, host=1),
    'mend': _hard_reboot(),
    'delete_fails': _delete(FAILS, host=1),
    'delete': _delete(),
}


class LayerCase(testtools.TestCase):
    """Stories of one server, each of which begins where the last has ended.

    :cvar STORIES: dict of name -> Story
    """

    NOVA = None
    PLATFORM = None
    STORIES = None
    _calls = None

    @classmethod
    def calls(cls):
        """The calls of all stories, on both layers: name -> two lists."""
        if cls._calls is None:
            found = [cls._calls_of_nova(), cls._calls_of_layer()]
            cls._calls = {name: [calls[name] for calls in found]
                          for name in found[0]}
        return cls._calls

    @classmethod
    def _calls_of_nova(cls):
        nova = cls.NOVA()
        nova.setUp()
        try:
            traced = nova.useFixture(trace.Trace())

            def make():
                nova.enable('compute2', False)
                made = nova.settled(nova.start_boot(
                    flavor_id=nova.small, networks='none'))
                nova.enable('compute2', True)
                return made

            def tell(story, server):
                story.nova(nova, server)
                nova.settled(server)
            return cls._tell(nova.site, traced, make, tell)
        finally:
            for compute in nova.computes.values():
                if compute.manager.driver.services is None:
                    nova.restart_compute_service(compute)
            nova.doCleanups()

    @classmethod
    def _calls_of_layer(cls):
        told = scene.make(None, cls.PLATFORM)
        numbers = iter(range(1, 99))
        try:
            with trace.Trace() as traced:
                return cls._tell(
                    told.cloud.site, traced,
                    lambda: told.create(next(numbers), ports=()),
                    lambda story, server: story.layer(told.api, server))
        finally:
            told.cloud.cleanUp()

    @classmethod
    def _tell(cls, site, traced, make, tell):
        found = {}
        with handover.broken(site.hosts[0], {'effect': 'status',
                                             'status': 500}):
            make()
        found['make_fails'] = traced.take()
        server = make()
        found['make'] = traced.take()
        for name, story in cls.STORIES.items():
            if story.fault:
                with handover.broken(site.hosts[story.host], story.fault):
                    tell(story, server)
            else:
                tell(story, server)
            found[name] = traced.take()
        return found


def compares(cls):
    """Give a class a test for each story."""
    def make_test(name):
        def test(self):
            expected, found = self.calls()[name]
            self.assertTrue(expected)
            self.assertEqual(expected, found)
        return test
    for name in ['make_fails', 'make', *cls.STORIES]:
        setattr(cls, 'test_' + name, make_test(name))
    return cls


@compares
class PoolTest(LayerCase):
    NOVA = shared.PoolNova
    PLATFORM = platforms.TWO_POOL
    STORIES = BASIC


@compares
class EvacuationTest(LayerCase):
    NOVA = shared.PoolNova
    PLATFORM = platforms.TWO_POOL
    STORIES = {
        'evacuation_fails': Story(_evacuate, _evacuate_layer, FAILS, 1)}


@compares
class MoveTest(LayerCase):
    """It goes to compute2, and back, and is deleted before that is settled."""

    NOVA = shared.PoolNova
    PLATFORM = platforms.TWO_POOL
    STORIES = {
        'resize': _resize(),
        'revert': Story(act('revertResize'),
                        lambda api, server: api.revert(server)),
        'resize_again': _resize(),
        'confirm': Story(act('confirmResize'),
                         lambda api, server: api.confirm(server)),
        'migrate_back': Story(
            act('migrate'),
            lambda api, server: api.resize(server, None, 'compute1')),
        'delete_resized': _delete(),
    }


@compares
class VolumeTest(LayerCase):
    NOVA = shared.VolumeNova
    PLATFORM = platforms.TWO_VSCSI
    STORIES = {
        'attach_fails': _attach(2, dict(FAILS, nth=2)),
        'attach': _attach(3),
        'attach_another': _attach(4),
        'extend': Story(lambda nova, server: nova.extend(server, 3, 3),
                        lambda api, server: api.extend(server, 3, 3)),
        'swap': Story(lambda nova, server: nova.swap(server, 4, 6),
                      lambda api, server: api.swap(server, 4, 6)),
        'hard_reboot': _hard_reboot(),
        'rescue': Story(act('rescue'),
                        lambda api, server: api.rescue(server, 0)),
        'unrescue': Story(act('unrescue'),
                          lambda api, server: api.unrescue(server)),
        'detach_fails': _detach(3, FAILS),
        'detach': _detach(3),
        'delete': _delete(),
    }
