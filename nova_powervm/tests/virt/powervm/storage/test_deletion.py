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

"""The gateway: what it deletes, and that there is no way around it."""

import ast
import uuid

import testtools

from nova_powervm.tests import test_imports
from nova_powervm.tests.virt.powervm.disk import base
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm.storage import volumegroup

GATEWAY = 'nova_powervm.virt.powervm.storage.deletion'
#: Functions of pypowervm that delete storage, or do so by default.
DELETING = {
    'add_lpar_storage_scrub_tasks', 'add_orphan_storage_scrub_tasks',
    'remove_hdisk', 'rm_ssp_storage', 'rm_tier_storage', 'rm_vg_storage',
    'ComprehensiveScrub', 'ScrubOrphanStorageForLpar',
    'ScrubOrphanStorage', 'ScrubLPARStorage', '_rm_vdisks', '_rm_vopts',
    '_rm_lus', 'delete_vio_file'}
#: Attributes of wrappers whose lists are storage.
LISTS = {'virtual_disks', 'optical_media', 'vmedia_repos', 'phys_vols',
         'logical_units'}
SHRINKING = {'remove', 'pop', 'clear'}
#: Kinds that adapter.delete() may be asked for without proof; 'jobs' are the
#: records of jobs that have ended.
NO_STORAGE = {'LPAR', 'CNA', 'VNIC', 'VSwitch', 'VNet', 'TrunkAdapter',
              'VFCClient', 'pvm_lpar', 'pvm_net', "'jobs'"}


def deletions(tree):
    """Yield (line, text) of what deletes storage in a module."""
    shrunk = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(
                isinstance(part, ast.Attribute) and part.attr in LISTS
                for part in ast.walk(node.value)):
            shrunk.update(target.id for target in node.targets
                          if isinstance(target, ast.Name))
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, ast.Call) else ''
        if isinstance(node, ast.Attribute) and node.attr in DELETING:
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call) and isinstance(
                node.func, ast.Attribute):
            owner, verb = node.func.value, node.func.attr
            if verb in SHRINKING and (
                    isinstance(owner, ast.Attribute) and owner.attr in LISTS
                    or isinstance(owner, ast.Name) and owner.id in shrunk):
                yield node.lineno, text
            elif verb == 'delete' and ast.unparse(owner).endswith('adapter'):
                if not any(kind in text for kind in NO_STORAGE):
                    yield node.lineno, text
        if isinstance(node, ast.keyword) and (
                node.arg == 'remove_storage' and
                ast.unparse(node.value) != 'False'):
            yield node.value.lineno, 'remove_storage'


class NoOtherWayTest(testtools.TestCase):

    def test_only_the_gateway_deletes_storage(self):
        found = ['%s:%d %s' % (name, line, text)
                 for name, tree in sorted(test_imports.read_modules().items())
                 if test_imports.is_in(name, 'nova_powervm.virt') and
                 name != GATEWAY
                 for line, text in deletions(tree)]
        self.assertEqual([], found)

    def test_the_gateway_is_seen(self):
        """Else the test above would find nothing at all."""
        tree = test_imports.read_modules()[GATEWAY]
        found = ' '.join(text for _line, text in deletions(tree))
        for part in ('virtual_disks.remove', 'remove_hdisk', 'LUEnt', 'File'):
            self.assertIn(part, found)

    def test_ways_around_are_seen(self):
        source = '''
pvm_storage.add_orphan_storage_scrub_tasks(task)
disks = vg_w.virtual_disks
disks.remove(disk)
repository.optical_media.remove(medium)
self.host.adapter.delete(pvm_stg.Tier.schema_type, child_id=uuid)
remove(vios_w, remove_storage=True)
adapter.delete(pvm_lpar.LPAR.schema_type, root_id=uuid)
mappings.remove(mapping)
'''
        self.assertEqual([2, 4, 5, 6, 7], sorted(
            {line for line, _text in deletions(ast.parse(source))}))


class ProofTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.base.make_instance(1, uuid=str(uuid.uuid4()))
        self.other = base.base.make_instance(2, uuid=str(uuid.uuid4()))

    def test_of_a_server(self):
        proof = deletion.server_proof(self.instance, also='boot_old')
        for prefix in ('b_', 'r_', 's_', 'e0_', 'e9_'):
            self.assertTrue(proof.owns(
                names.disk_name(prefix, self.instance.uuid)))
            self.assertFalse(proof.owns(
                names.disk_name(prefix, self.other.uuid)))
        self.assertTrue(proof.owns('boot_old'))
        for name in ('', 'b_', 'oracle_data', 'cfg_.iso',
                     names.config_drive_name(self.other.uuid)):
            self.assertFalse(proof.owns(name), name)

    def test_of_a_server_without_an_old_disk(self):
        self.assertFalse(deletion.server_proof(self.instance).owns(None))

    def test_of_departed_servers(self):
        proof = deletion.departed_proof([self.instance.uuid])
        name = names.config_drive_name(self.instance.uuid)
        self.assertEqual([name], proof.covered(
            {name, 'rhel9.iso', names.config_drive_name(self.other.uuid)}))
        self.assertEqual([], deletion.departed_proof([]).covered({name}))

    def test_of_a_cache(self):
        """A name that somebody else has chosen only looks like ours."""
        proof = deletion.cache_proof(names.is_group_image)
        name = names.group_image('id', 'content')
        self.assertEqual([name], proof.covered(
            [name, name + 'a', 'x' + name, 'i_oraclebackups']))


class GatewayTest(base.StorageTestCase):
    """What a proof does not cover stays; so does what it does beside it."""

    def setUp(self):
        super().setUp()
        self.instance = self.make_instance()
        self.proof = deletion.server_proof(self.instance)
        self.vg = volumegroup.VolumeGroup(
            self.host, self.vios().uuid, self._volume_group())

    def _volume_group(self):
        return next(vg_w for vg_w in self.host.volume_groups(self.vios().uuid)
                    if vg_w.name == 'datavg')

    def test_disks(self):
        own = names.disk_name('b_', self.instance.uuid)
        for name in (own, 'oracle_data'):
            self.vg.edit(volumegroup.create_disk, name, 1)
        self.assertRaises(exception.StorageIsNotOurs, self.vg.edit,
                          deletion.disks, [own, 'oracle_data'], self.proof)
        self.assertEqual(sorted([own, 'oracle_data']), self.disk_names())
        self.vg.edit(deletion.disks, [own], self.proof)
        self.assertEqual(['oracle_data'], self.disk_names())

    def test_media(self):
        error = self.assertRaises(
            exception.StorageIsNotOurs, deletion.media, self.vg.read(),
            ['rhel9.iso'], self.proof)
        self.assertIn('rhel9.iso', str(error))
        self.assertIn(self.instance.uuid, str(error))
