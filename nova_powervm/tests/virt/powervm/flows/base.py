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

"""What tests of flows share: services and servers to make them for, recipes.

A recipe is what a flow consists of, one word for each task:

    pwr_off_vm+force_immediate+missing_ok
    detach_storage[rescue]

That is the name of the task, the disks that it is about if those are chosen,
and what of its settings is on.
"""

import dataclasses
import inspect
import re
import typing
from unittest import mock

from nova import objects
from taskflow import engines

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm.disk import ssp
from nova_powervm.virt.powervm.flows import spawn
from nova_powervm.virt.powervm.live import keys
from nova_powervm.virt.powervm.live import running
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import mgmt
from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.nvram import manager
from nova_powervm.virt.powervm import services as powervm_services
from nova_powervm.virt.powervm.slots import maps
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.volume import stale

VOLUME = 'f10e0000-0000-4000-8000-0000000000%02d'

#: The values that tasks hand on, and what of each task it is. A name that
#: several tasks provide means the same whoever provides it.
VALUES = {
    'lpar_wrap': {'Create', 'Get'},
    'vm_adapters': {'PlugVifs'},
    'mgmt_cna': {'PlugMgmtVif'},
    'disk_dev_info': {'CreateDiskForImg', 'CreateRescueDisk'},
    'blank_disks': {'CreateBlankDisks'},
    'own_disks': {'ConnectOwnDisks', 'RestoreOwnDisks'},
    'cfg_drive': {'CreateCfgDrive'},
    'unmapped_storage': {'UpdateVioses'},
    # VIOSes by their UUIDs, as they are after an edit.
    'vioses': {'UpdateVioses', 'ConnectRescueDisk', 'ReconnectRescueDisk'},
    'boot_device': {'FindBootDevice'},
    'mgmt_disk': {'InstanceDiskToMgmt'},
    'discovered_volumes': {'DiscoverVolumes', 'RediscoverVolumes'},
    'discovered_old': {'DiscoverSwap'},
    'discovered_new': {'DiscoverSwap'},
    'bad_volumes': {'ReconnectVolumes'},
    'vlans': {'PreparePorts'},
    'served_by': {'PrepareVolumes'},
}


def flavor(root_gb=1, swap=0):
    """A flavor with disks of these sizes, in GiB and MiB."""
    return objects.Flavor(name='m1', memory_mb=1024, vcpus=1, swap=swap,
                          root_gb=root_gb, ephemeral_gb=0, extra_specs={})


def metadata(transport):
    """What is kept with a server whose volumes are attached in a way."""
    return {} if transport == 'vscsi' else {
        'fabric_state_A': 'inst_mapped', 'npiv_adpt_wwpns_A': '1000,c050,c051'}


def connection_info(number, **data):
    """What Cinder tells of a volume that it has exported."""
    return {'driver_volume_type': 'fibre_channel', 'serial': VOLUME % number,
            'data': dict({'target_lun': number, 'volume_id': VOLUME % number,
                          'initiator_target_map': {'c050': ['5005']}},
                         **data)}


class Bdm(dict):
    """A nova.virt.block_device.DriverVolumeBlockDevice, almost."""

    def save(self):
        """Would write it to the database."""


def block_device(number, boot_index=None, **data):
    """A volume of a server; the one with the boot index 0 is /dev/sda."""
    device = '/dev/sda' if boot_index == 0 else '/dev/sd%c' % (98 + number)
    return Bdm(connection_info=connection_info(number, **data),
               mount_device=device, boot_index=boot_index)


# ---- what a flow is made for ------------------------------------------------

@dataclasses.dataclass
class Server:
    """A server, and the host that it is on.

    :ivar boot_volume: whether it boots from a volume.
    :ivar volumes: how many others it has.
    :ivar transport: how its volumes are attached: vscsi or npiv.
    :ivar swap: size of its swap disk in MiB.
    :ivar swap_before: that of the flavor that it had before.
    :ivar root_gb: size of its boot disk in GiB.
    :ivar new_root_gb: that of the flavor that it is to get.
    :ivar store: whether NVRAM and slot maps are kept.
    :ivar attrs: dict of further attributes of the Instance.
    """

    config_drive: bool = False
    boot_volume: bool = False
    volumes: int = 0
    transport: str = 'vscsi'
    ephemerals: int = 0
    swap: int = 0
    swap_before: typing.Optional[int] = None
    root_gb: int = 1
    new_root_gb: int = 1
    store: bool = False
    disk_class: type = localdisk.LocalStorage
    attrs: dict = dataclasses.field(default_factory=dict)

    def instance(self):
        return base.make_instance(**{
            'flavor': flavor(self.root_gb, self.swap), 'image_ref': '',
            'config_drive': 'True' if self.config_drive else '',
            'vm_state': 'active',
            'system_metadata': (
                metadata(self.transport)
                if self.boot_volume or self.volumes else {}), **self.attrs})

    def block_device_info(self):
        swap = self.swap and {'swap_size': self.swap,
                              'device_name': '/dev/sdz'}
        return {
            'root_device_name': '/dev/sda', 'swap': swap or None,
            'ephemerals': [{'size': 1, 'device_name': '/dev/sd%c' % (
                112 + number)} for number in range(self.ephemerals)],
            'block_device_mapping': [
                block_device(number) for number in range(
                    1, self.volumes + 1)] + (
                [block_device(0, boot_index=0)] if self.boot_volume else [])}

    def services(self):
        """Services that do nothing, with the methods of real ones."""
        def service(cls, **attributes):
            return mock.NonCallableMock(spec=cls, **attributes)

        host = service(['nodename', 'adapter'], nodename='compute1')
        return powervm_services.Services(
            virtapi=None, host=host,
            disk=service(self.disk_class, image_api=None),
            config_drive=service(media.ConfigDrive),
            mgmt=service(mgmt.ManagementPartition),
            volumes=service(stale.StaleVolumes),
            slots=(service(maps.SlotMaps) if self.store
                   else no_slots.NoSlotMaps()),
            nvram=service(manager.NvramManager) if self.store else None,
            keys=service(keys.Keys),
            migrations=service(running.RunningMigrations))

    def arguments(self):
        """The arguments of a flow's function, by their names."""
        services, instance = self.services(), self.instance()
        block_device_info = self.block_device_info()
        old_flavor = (None if self.swap_before is None
                      else flavor(swap=self.swap_before))
        return {
            'services': services, 'instance': instance, 'context': 'context',
            'image_meta': objects.ImageMeta(), 'image_id': 'image',
            'injected_files': [], 'admin_password': None, 'network_info': [],
            'block_device_info': block_device_info,
            'disk_types': spawn.own_disk_types(block_device_info),
            'flavor': flavor(self.new_root_gb), 'old_flavor': old_flavor,
            'timeout': 60, 'update_task_state': None,
            'connection_info': connection_info(21),
            'old_connection_info': connection_info(21),
            'new_connection_info': connection_info(22)}


# ---- what a flow consists of ------------------------------------------------

def words(flow):
    """Render a flow: a list of one word for each task, in order."""
    return [task.name + _disks(task) + ''.join('+' + key for key in _on(task))
            for task in flow]


def _on(task):
    return sorted(key for key, value in vars(task).items()
                  if value is True and not key.startswith('_'))


def _disks(task):
    """The disks that a task is about: '[boot,swap]', or '' for all."""
    own = vars(task)
    disks = own.get('disk_types')
    if 'disks' in own:
        disks = [disk.disk_type for disk in own['disks']]
    for key in ('disk_type', 'image_type'):
        if key in own:
            disks = [own[key]]
    return '' if disks is None else '[%s]' % ','.join(disks)


def problems(flow):
    """List what is wrong with how the tasks of a flow fit together.

    :returns: list of str, empty if each task gets what it needs.
    """
    return (list(_problems_of_values(flow)) + list(_problems_of_edits(flow)))


def _problems_of_values(flow):
    given = {}
    for task in flow:
        kind = type(task).__name__
        # TaskFlow counts what revert() takes among these.
        for value in sorted(task.requires - set(given)):
            yield '%s needs %s, which no task before provides' % (kind, value)
        for value in sorted(task.provides):
            if kind not in VALUES.get(value, ()):
                yield '%s is to provide no %s' % (kind, value)
            if value in given:
                yield '%s and %s provide %s' % (given[value], kind, value)
            given[value] = kind
    seen = set()
    for task in flow:
        seen.update(task.provides)
        for value in sorted((task.optional & set(given)) - seen):
            yield '%s comes before %s, which provides %s' % (
                type(task).__name__, given[value], value)


def _problems_of_edits(flow):
    """Edits that are queued, but not made; or made, but not queued."""
    open_edits = {}
    for task in flow:
        stg = getattr(task, 'stg', None)
        if isinstance(task, tf_stg.UpdateVioses):
            if open_edits.pop(id(stg), None) is None:
                yield 'there is nothing for UpdateVioses to do'
        elif stg is not None:
            open_edits.setdefault(id(stg), []).append(type(task).__name__)
    for kinds in open_edits.values():
        yield 'no UpdateVioses makes the edits of %s' % ', '.join(kinds)


class FlowTestCase(base.TestCase):
    """A test on flows that are composed, but not run."""

    def build(self, function, server=None, **arguments):
        """Compose a flow for a server.

        :param function: of flows/.
        :param server: Server; None for the simplest.
        :param arguments: those that do not follow from the server.
        """
        server = server or Server()
        self.flags(group='powervm', fc_attach_strategy=server.transport)
        known = server.arguments()
        taken = {name: known[name] for name in inspect.signature(
            function).parameters if name in known}
        return function(**{**taken, **arguments})

    def task(self, flow, name):
        """The task of a flow that has a name."""
        found, = [task for task in flow if task.name == name]
        return found

    def assert_fits(self, flow):
        """Each task gets what it needs, and all edits are made."""
        self.assertEqual([], problems(flow))
        # TaskFlow has rules of its own, such as on names.
        engines.load(flow).compile()


class RecipesTestCase(FlowTestCase):
    """Base of a table of recipes of one flow: each of them is a test.

    :cvar FLOW: the name of the function in MODULE.
    :cvar RECIPES: dict of a title -> (attributes of the Server, arguments of
        the function, the words of the recipe).
    """

    MODULE = None
    FLOW = None
    RECIPES = {}

    def __init_subclass__(cls):
        super().__init_subclass__()
        for title, recipe in cls.RECIPES.items():
            setattr(cls, 'test_' + re.sub(r'\W+', '_', title),
                    _recipe_test(*recipe))

    def check(self, attributes, arguments, recipe):
        """The recipe is good on each kind of disks and of transport."""
        for disk_class in (localdisk.LocalStorage, ssp.SSPDiskAdapter):
            for transport in ('vscsi', 'npiv'):
                server = Server(**{'transport': transport,
                                   'disk_class': disk_class, **attributes})
                services = server.services()
                flow = self.build(getattr(self.MODULE, self.FLOW), server,
                                  services=services, **arguments)
                self.assertEqual(recipe.split(), words(flow))
                self.assert_fits(flow)
                self.assert_nothing_done(services)

    def assert_nothing_done(self, services):
        """Composing a flow asks nothing of a service but a ServerSlots."""
        for service in (services.host, services.disk, services.config_drive,
                        services.mgmt, services.nvram):
            self.assertEqual([], service.mock_calls if service else [])
        if not isinstance(services.slots, no_slots.NoSlotMaps):
            self.assertLessEqual(
                {call[0] for call in services.slots.mock_calls}, {'begin'})


def _recipe_test(attributes, arguments, recipe):
    return lambda self: self.check(attributes, arguments, recipe)
