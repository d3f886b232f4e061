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

"""The examples of the contributor guide do what it says of them."""

import glob
import importlib
import inspect
import os
import pkgutil
import re
import sys
from unittest import mock

from nova import exception as nova_exc
from oslo_config import cfg
from oslo_config import types
from pypowervm.wrappers import storage as pvm_stg
import testtools

from nova_powervm.conf import powervm as conf_powervm
from nova_powervm.tests import tree
from nova_powervm.tests.virt.powervm.disk import base as disk_base
from nova_powervm.tests.virt.powervm.vif import base as vif_base
from nova_powervm.tests.virt.powervm.volume import base as volume_base
from nova_powervm.virt.powervm import disk
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import server_disks
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.options import static
from nova_powervm.virt.powervm.options import table
from nova_powervm.virt.powervm.options import values
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import volumegroup
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.vif import driver as vif_driver
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import driver as volume_driver

CONTRIBUTOR = ('doc', 'source', 'contributor')

#: Page -> (interface, package with its subclasses, example).
INTERFACES = {
    'new-disk-driver': (disk_driver.DiskAdapter, disk, 'plain_disk'),
    'new-vif': (vif_driver.VifDriver, vif, 'switch_vif'),
    'new-volume-transport': (volume_driver.VolumeTransport, volume,
                             'lv_volume'),
}
#: Classes that the pages name, of Nova, pypowervm and Python.
OTHERS = frozenset("""
    Any ComputeManager CurrentProfileSync Error Exception
    InstanceFaultRollback None ResourceTracker VirtDriverNotReady
""".split())

BOOT, SWAP = disk_driver.DiskType.BOOT, disk_driver.DiskType.SWAP


@tree.needs_source
class NamesTest(testtools.TestCase):
    """What the pages name is there."""

    def named(self, pattern):
        """What the contributor's pages have in literals: set of groups."""
        found = set()
        for page in glob.glob(tree.path(*CONTRIBUTOR, '*.rst')):
            with open(page, encoding='utf-8') as text:
                found.update(re.findall('``%s``' % pattern, text.read()))
        self.assertNotEqual(set(), found)
        return found

    def test_paths(self):
        paths = self.named(r'((?:nova_powervm|doc|tools|\.ci)/[\w/.]+)')
        self.assertEqual([], [path for path in sorted(paths) if
                              not os.path.exists(tree.path(path))])

    def test_test_classes(self):
        missing = []
        for module, name in self.named(r'(test_\w+)\.([A-Z]\w+)'):
            paths = glob.glob(tree.path(
                'nova_powervm', 'tests', '**', module + '.py'),
                recursive=True)
            if not any(self.has_class(path, name) for path in paths):
                missing.append('%s.%s' % (module, name))
        self.assertEqual([], missing)

    @staticmethod
    def has_class(path, name):
        with open(path, encoding='utf-8') as code:
            return re.search(r'^class %s\b' % name, code.read(), re.MULTILINE)

    def test_modules_of_tests(self):
        names = self.named(r'(test_\w+)(?:\.py)?')
        tests = tree.path('nova_powervm', 'tests')
        self.assertEqual([], [name for name in sorted(names) if not glob.glob(
            os.path.join(tests, '**', name + '.py'), recursive=True)])

    def test_modules(self):
        """A page may leave out the folders above."""
        names = self.named(r'([\w/]+\.py)')
        self.assertEqual([], [name for name in sorted(names) if not any(
            path.endswith('/' + name) for path in self.modules())])

    @staticmethod
    def modules():
        """Paths of the modules of this project, and of the examples."""
        return glob.glob(tree.path('*.py')) + [
            path for top in ('nova_powervm', 'tools', 'doc')
            for path in glob.glob(tree.path(top, '**', '*.py'),
                                  recursive=True)]

    def test_classes_and_functions(self):
        there = set(OTHERS)
        for path in self.modules():
            with open(path, encoding='utf-8') as code:
                there.update(re.findall(r'\b(?:def|class) (\w+)',
                                        code.read()))
        names = self.named(r'(?:\w+\.)*([A-Z]\w*[a-z]\w*)')
        names |= self.named(r'(?:\w+\.)*(\w+)\([^`]*\)')
        self.assertEqual(set(), names - there)


@tree.needs_source
class InterfaceTest(testtools.TestCase):
    """The pages tell of the interfaces as they are now."""

    def setUp(self):
        super().setUp()
        self.pages = {}
        for page in INTERFACES:
            with open(tree.path(*CONTRIBUTOR, page + '.rst')) as text:
                self.pages[page] = text.read()

    @staticmethod
    def overridden(interface, package):
        """What subclasses in a package have of their own: set of names."""
        for module in pkgutil.walk_packages(package.__path__,
                                            package.__name__ + '.'):
            importlib.import_module(module.name)
        classes, found = [interface], set()
        while classes:
            cls = classes.pop()
            classes += cls.__subclasses__()
            if cls is not interface and cls.__module__.startswith(
                    package.__name__):
                found.update(vars(cls))
        return {name for name in found & {*dir(interface)} if
                not name.startswith('_')}

    def test_each_that_is_overridden_is_on_the_page(self):
        for page, (interface, package, _example) in INTERFACES.items():
            names = self.overridden(interface, package)
            self.assertLess(5, len(names), page)
            self.assertEqual([], [name for name in sorted(names) if
                                  '``' + name not in self.pages[page]], page)

    def test_each_that_must_be_there_is_on_the_page(self):
        for page, (interface, _package, _example) in INTERFACES.items():
            self.assertEqual([], [
                name for name in sorted(interface.__abstractmethods__)
                if '``' + name not in self.pages[page]], page)

    def test_each_in_the_tables_is_in_the_interface(self):
        for page, (interface, _package, _example) in INTERFACES.items():
            with open(inspect.getsourcefile(interface)) as source:
                there = {*re.findall(r'\b[A-Za-z_]+\b', source.read())}
            tables = self.pages[page].split('\nRules:\n')[0].split(
                '\nThe interface\n')[1]
            names = [name for line in re.findall(
                r'^``.*(?=  )', tables, re.MULTILINE)
                for name in re.findall(r'``(\w+)(?:\(.*?\))?``',
                                       line.split('  ')[0])]
            self.assertLess(5, len(names), page)
            self.assertEqual([], [name for name in names if
                                  name not in there], page)

    def test_examples_take_the_same_arguments(self):
        for interface, _package, example in INTERFACES.values():
            code = tree.load(*CONTRIBUTOR, 'examples', example + '.py')
            for cls in [cls for cls in vars(code).values() if
                        inspect.isclass(cls) and issubclass(cls, interface)]:
                for name in {*vars(cls)} & {*vars(interface)}:
                    if inspect.isfunction(vars(cls)[name]):
                        self.assertEqual(self.arguments(interface, name),
                                         self.arguments(cls, name), name)

    @staticmethod
    def arguments(cls, name):
        """The names and defaults of the arguments of a method: list."""
        return [(argument.name, argument.default) for argument in
                inspect.signature(getattr(cls, name)).parameters.values()]


class ExampleMixin:
    """An example that is a module, and has its line in a registry.

    :cvar EXAMPLE: name of the file, which is in no package.
    """

    def setUp(self):
        super().setUp()
        self.example = tree.load(*CONTRIBUTOR, 'examples',
                                 self.EXAMPLE + '.py')
        self.patch_dict(sys.modules, self.EXAMPLE, self.example)

    def patch_dict(self, registry, key, value):
        patch = mock.patch.dict(registry, {key: value})
        patch.start()
        self.addCleanup(patch.stop)


@tree.needs_source
class NewVifTest(ExampleMixin, vif_base.SimulatedHostTestCase):

    EXAMPLE = 'switch_vif'

    def setUp(self):
        super().setUp()
        self.patch_dict(vif.VIF_DRIVERS, 'pvm_switch',
                        'switch_vif.SwitchVifDriver')
        self.instance = vif_base.make_instance()
        self.lpar_w = self.create_lpar(self.instance)

    def make_vif(self, **details):
        return vif_base.make_vif(type='pvm_switch', details=details)

    def test_plug_and_unplug(self):
        port = self.make_vif(vswitch='MGMTSWITCH', vlan='77')
        cna = vif.plug(self.host, self.instance, port, self.lpar_w)
        self.assertEqual(['PUT ClientNetworkAdapter'], self.requests())
        [adapter] = self.adapters(self.lpar(self.instance))
        self.assertEqual(('MGMTSWITCH', 77), (adapter.switch.name,
                                              adapter.pvid))
        self.assertEqual(cna.mac, adapter.mac)
        vif.unplug(self.host, self.instance, port)
        self.assertEqual([], self.adapters(self.lpar(self.instance)))

    def test_slot(self):
        cna = vif.plug(self.host, self.instance, self.make_vif(
            vswitch='ETHERNET0', vlan='77'), self.lpar_w, slot_num=33)
        self.assertEqual(33, cna.slot)

    def test_bad_values(self):
        for details in ({}, {'vswitch': 'ETHERNET0'},
                        {'vswitch': 'ETHERNET0', 'vlan': 'blue'},
                        {'vswitch': 'nonesuch', 'vlan': 77}):
            self.assertRaises(
                nova_exc.VirtualInterfacePlugException, vif.plug, self.host,
                self.instance, self.make_vif(**details), self.lpar_w)
        self.assertEqual([], self.adapters(self.lpar(self.instance)))


@tree.needs_source
class NewVolumeTransportTest(ExampleMixin, volume_base.VolumeTestCase):

    EXAMPLE = 'lv_volume'

    def setUp(self):
        super().setUp()
        patch = mock.patch.object(volume, 'TRANSPORTS', (
            *volume.TRANSPORTS, 'lv_volume.LvTransport'))
        patch.start()
        self.addCleanup(patch.stop)
        # What Cinder's driver would do.
        vios_w = next(vios_w for vios_w in self.host.active_vioses()
                      if vios_w.name == 'vios1')
        vg_w = next(vg_w for vg_w in pvm_stg.VG.get(
            self.host.adapter, parent=vios_w) if vg_w.name == 'datavg')
        volumegroup.create_disk(vg_w, 'volume-1', 1)
        self.info = {
            'driver_volume_type': 'pvm_lv', 'serial': volume_base.VOLUME % 1,
            'data': {'vios': vios_w.uuid, 'lv': 'volume-1'}}
        self.requests()

    def clients(self):
        """Names of the partitions that have the volume."""
        [group] = [group for group in self.vios('vios1').volume_groups
                   if group.name == 'datavg']
        return list(group.disks['volume-1'].clients())

    def test_connect_and_disconnect(self):
        before = self.simulated.state()
        self.connect(self.build(self.info))
        self.assertEqual(['GET VirtualIOServer', 'POST VirtualIOServer'],
                         self.requests())
        self.assertEqual(['lpar1'], self.clients())
        self.disconnect(self.build(self.info))
        self.assertEqual([], self.clients())
        self.assertEqual(before, self.simulated.state())

    def test_twice(self):
        """What the interface promises of calls after a failure."""
        self.disconnect(self.build(self.info))
        for _time in range(2):
            self.connect(self.build(self.info))
        self.assertEqual(['lpar1'], self.clients())

    def test_beside_a_fibre_channel_volume(self):
        """One transaction has the edits of all transports."""
        volumes = self.build_all(self.connection(), self.info)
        self.connect(volumes)
        self.assertEqual(['lpar1'], self.clients())
        self.disconnect(volumes)
        self.assertEqual([], self.clients())

    def test_another_server_keeps_it(self):
        other = self.make_instance(2)
        self.create_lpar(other)
        self.connect(self.build(self.info, other))
        self.disconnect(self.build(self.info))
        self.assertEqual(['lpar2'], self.clients())

    def test_bad_connection_info(self):
        del self.info['data']['lv']
        error = self.assertRaises(nova_exc.InvalidVolume, self.build,
                                  self.info)
        self.assertIn('no lv', str(error))

    def test_extend(self):
        self.build(self.info).extend(5 * 1024 ** 3)
        self.assertEqual([], self.requests())

    def test_undo(self):
        """What a flow that fails does after connect()."""
        volumes = self.build(self.info)
        self.connect(volumes)
        volumes.disconnect_now(self.discovered)
        self.assertEqual([], self.clients())


@tree.needs_source
class NewDiskDriverTest(ExampleMixin, disk_base.StorageTestCase):

    EXAMPLE = 'plain_disk'

    def setUp(self):
        super().setUp()
        self.patch_dict(disk.DISK_ADAPTERS, 'plain',
                        'plain_disk.PlainStorage')
        self.add_option(tree.read(*CONTRIBUTOR, 'new-disk-driver.rst'))
        self.flags(disk_driver='plain', plain_volume_group='datavg',
                   volume_group_name='', volume_group_vios_name='',
                   group='powervm')
        self.adapter = disk.build(self.host, self.glance)
        self.instance = self.make_instance()
        self.content = b'PowerVM!' * 30000
        self.image_id = self.glance.add(self.content)
        self.create_lpar(self.instance)

    def add_option(self, page):
        """Do what the page tells of options."""
        choice = next(opt for opt in conf_powervm.ALL_OPTS
                      if opt.dest == 'disk_driver')
        patch = mock.patch.object(choice, 'type', types.String(
            choices=[*choice.type.choices, 'plain']))
        patch.start()
        self.addCleanup(patch.stop)
        [text] = re.findall(r'^ +(cfg\.StrOpt\(.*?\)),\n\n', page,
                            re.MULTILINE | re.DOTALL)
        option = eval(text, {'cfg': cfg})
        patch = mock.patch.object(conf_powervm, 'ALL_OPTS',
                                  [*conf_powervm.ALL_OPTS, option])
        patch.start()
        self.addCleanup(patch.stop)
        cfg.CONF.register_opt(option, group='powervm')
        self.addCleanup(cfg.CONF.unregister_opt, option, group='powervm')
        [constant] = re.findall(r'^ +_PLAIN = (.*)$', page, re.MULTILINE)
        [rule] = re.findall(r"^ +'plain_volume_group': (Rule.*),$", page,
                            re.MULTILINE)
        self.patch_dict(table.RULES, option.dest, eval(rule, {
            'Rule': table.Rule, 'values': values, '_PLAIN': eval(constant)}))

    def test_options(self):
        """nova-compute starts with the option, and not without it."""
        self.assertEqual([], list(static.problems()))
        self.flags(plain_volume_group='', group='powervm')
        [problem] = static.problems()
        self.assertEqual('[powervm] plain_volume_group is not set, and '
                         'disk_driver=plain requires it.', str(problem))
        self.flags(plain_volume_group='datavg', volume_group_name='datavg',
                   group='powervm')
        [problem] = static.problems()
        self.assertIn('volume_group_name=datavg', str(problem))

    def create(self):
        return self.adapter.create_disk_from_image(
            self.context, self.instance, self.glance.meta(self.image_id))

    def name(self, disk_type=BOOT):
        return self.adapter.get_disk_name(disk_type, self.instance)

    def test_it_is_the_one(self):
        self.assertIsInstance(self.adapter, self.example.PlainStorage)
        self.assertEqual([self.vios().uuid], self.adapter.vios_uuids)

    def test_life(self):
        before = self.state()
        new = self.create()
        self.assertEqual(
            ['GET VolumeGroup', 'POST VolumeGroup', 'PUT File',
             'PUT contents', 'DELETE File'], self.requests())
        self.assertEqual(self.content,
                         self.content_of(self.name(), len(self.content)))
        self.assertEqual((2000.0, 2.0), self.adapter.capacity()[:2])
        with self.transaction_now() as stg:
            self.adapter.connect_disk(self.instance, new, stg)
        self.assertEqual([(self.name(), 'lpar1')], self.mappings())
        with self.transaction_now() as stg:
            self.adapter.disconnect_disk(self.instance, stg)
        self.adapter.delete_disks(self.instance)
        self.assertEqual(before, self.state())

    def transaction_now(self):
        return transaction.StorageTransaction.immediate(self.host, 'test')

    def test_swap_disk(self):
        made = []
        self.adapter.create_blank_disks(
            self.instance, [disk_driver.BlankDisk(SWAP, 1)], made)
        self.assertEqual([SWAP], made)
        self.assertEqual([self.name(SWAP)], self.disk_names())
        server_disks.replace_swap(self.adapter, self.instance, 2048,
                                  mapped=False)
        found = self.adapter.get_disk_refs(self.instance, [BOOT, SWAP])
        self.assertEqual({SWAP: 2.0}, {
            disk_type: found[disk_type].capacity for disk_type in found})

    def test_growth(self):
        self.assertRaises(nova_exc.DiskNotFound, self.adapter.check_extend,
                          self.instance, 3)
        self.create()
        self.adapter.check_extend(self.instance, 3)
        self.assertRaises(
            nova_exc.ComputeResourcesUnavailable, self.adapter.check_extend,
            self.instance, 3000)
        self.assertRaises(nova_exc.ResizeError, self.adapter.extend_disk,
                          self.instance, 1)
        for _time in range(2):
            self.adapter.extend_disk(self.instance, 3)
        self.assertEqual(3.0, self.adapter.get_disk_ref(
            self.instance, BOOT).capacity)

    def test_no_volume_group(self):
        self.flags(plain_volume_group='nonesuch', group='powervm')
        error = self.assertRaises(exception.InvalidOption, disk.build,
                                  self.host, self.glance)
        self.assertIn('there are: datavg', str(error))

    def test_interrupted_upload(self):
        """The revert of the task finds the disk by its name."""
        before = self.state()
        self.glance.content[self.image_id] = self.content[:-1]
        self.assertRaises(nova_exc.CouldNotFetchImage, self.create)
        self.adapter.delete_disks(self.instance)
        self.assertEqual(before, self.state())
