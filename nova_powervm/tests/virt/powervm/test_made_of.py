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

"""Tests of what is kept of the image that a server is made of."""

from unittest import mock

from nova.compute import task_states
from nova.compute import vm_states
from nova import objects

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import made_of


class MadeOfTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance(
            image_ref='own', host='compute1', vm_state=vm_states.ACTIVE,
            task_state=None, launched_at=None,
            system_metadata={'image_os_distro': 'ibmi', 'image_min_disk': '2',
                             'other': 'note'})
        self.save = mock.Mock()
        self.instance.save = self.save

    def put_on_record(self):
        self.instance.image_ref = 'other'
        self.instance.system_metadata = {
            key: value for key, value in
            self.instance.system_metadata.items()
            if not key.startswith('image_')}
        self.instance.system_metadata['image_os_type'] = 'linux'
        self.instance.os_type = 'linux'

    def read(self, name):
        return made_of.read(self.instance.system_metadata, name)

    def spawn(self, **states):
        self.instance.update(states)
        made_of.note_spawn(self.instance, 'compute1')

    def test_read(self):
        self.assertEqual('ibmi', self.read('os_distro'))
        made_of.note(self.instance)
        self.put_on_record()
        self.assertEqual(('ibmi', None),
                         (self.read('os_distro'), self.read('os_type')))

    def test_saved_once(self):
        made_of.note(self.instance)
        made_of.note(self.instance)
        self.save.assert_called_once_with()

    def test_recreated(self):
        for states in ({'vm_state': vm_states.BUILDING},
                       {'vm_state': vm_states.ACTIVE,
                        'task_state': task_states.REBUILD_SPAWNING}):
            made_of.note(self.instance)
            self.put_on_record()
            self.spawn(**states)
            self.assertEqual('linux', self.read('os_type'))
            self.assertIsNone(self.read('os_distro'))

    def test_is_what_it_was(self):
        made_of.note(self.instance)
        self.put_on_record()
        for states in ({'vm_state': vm_states.SHELVED_OFFLOADED},
                       {'vm_state': vm_states.ACTIVE, 'host': 'compute2',
                        'image_ref': '',
                        'task_state': task_states.REBUILD_SPAWNING}):
            self.spawn(**states)
            self.assertEqual('ibmi', self.read('os_distro'))

    def test_evacuated_without_its_disks(self):
        """Nova has the image on record fetched, whatever it was made of."""
        made_of.note(self.instance)
        self.put_on_record()
        self.spawn(host='compute2', task_state=task_states.REBUILD_SPAWNING)
        self.assertEqual('linux', self.read('os_type'))
        self.assertIsNone(self.read('os_distro'))

    def test_long_names(self):
        """Nova's database has 255 characters for a key."""
        metadata = self.instance.system_metadata
        for length in (241, 242, 249):
            metadata['image_' + 'x' * length] = 'a'
        made_of.note(self.instance)
        self.assertLessEqual(max(map(len, metadata)), 255)
        self.assertEqual('a', self.read('x' * 241))
        before = dict(metadata)
        metadata['image_' + 'x' * 241] = 'b'
        made_of.give_back(self.instance, self.fail)
        self.assertEqual(before, metadata)

    def test_give_back(self):
        made_of.note(self.instance)
        before = dict(self.instance.system_metadata)
        self.put_on_record()
        made_of.give_back(self.instance, self.fail)
        self.assertEqual(before, self.instance.system_metadata)
        self.assertEqual(('own', None),
                         (self.instance.image_ref, self.instance.os_type))

    def test_boots_from_a_volume(self):
        self.instance.image_ref = ''
        made_of.note(self.instance)
        self.put_on_record()
        made_of.give_back(self.instance, self.fail)
        self.assertEqual('', self.instance.image_ref)

    def test_not_known(self):
        self.put_on_record()
        made_of.give_back(self.instance, lambda: True)
        self.assertEqual('ibmi', self.read('os_distro'))
        self.assertEqual('other', self.instance.image_ref)

    def test_as_on_record(self):
        made_of.note(self.instance)
        self.put_on_record()
        del self.instance.save
        copy = made_of.as_on_record(self.instance)
        self.assertIsNone(made_of.read(copy.system_metadata, 'os_distro'))
        self.assertEqual('ibmi', self.read('os_distro'))

    def test_start_without_older_servers(self):
        made_of.note(self.instance)
        with mock.patch.object(objects.InstanceList, 'get_by_host',
                               return_value=[self.instance]):
            made_of.take_over('compute1', self.fail)
