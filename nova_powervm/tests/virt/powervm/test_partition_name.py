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


import uuid

from pypowervm import util as pvm_util

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import partition_name
from nova_powervm.virt.powervm import vm

NAMES = ('web', 'x' * 63, '', ' ', '  web  ', 'Größe', '日本語', 'a/b', '[x]',
         'a\nb', '$(reboot)', '-', '_' * 40, 'x' * 16 + ' y')


class NameTest(base.TestCase):

    def name(self, number=1, **attrs):
        return partition_name.choose(base.make_instance(number, **attrs))

    def test_by_default(self):
        for number in (1, 2, 0x7fffffff):
            self.assertEqual('instance-%08x' % number, self.name(
                id=number))

    def test_names_that_users_choose(self):
        """They are valid, and differ, whatever users call their servers."""
        for template in ('%(display_name)s', 'server of %(display_name)s',
                         '%(uuid)s', 'all', '%(nonesuch)s',
                         '%(display_name)s-%(uuid)s'):
            self.flags(instance_name_template=template)
            names = [self.name(number, display_name=name)
                     for name in NAMES for number in (1, 2)]
            self.assertEqual(
                2, len(set(names[:2])), (template, names))
            for name, other in zip(names[::2], names[1::2]):
                self.assertNotEqual(name, other, template)
            for name in names:
                self.assert_valid(name)

    def assert_valid(self, name):
        self.assertEqual(name.strip(), name)
        self.assertEqual(
            name, pvm_util.sanitize_partition_name_for_api(
                name, trunc_ok=False))

    def test_how_they_look(self):
        self.flags(instance_name_template='%(display_name)s')
        for name, expected in (
                ('web', 'web-qaaaaaaaaaaac'), ('Größe', 'Gr__e-qaaaaaaaaaaac'),
                ('x' * 63, 'x' * 17 + '-qaaaaaaaaaaac'),
                ('', 'server-qaaaaaaaaaaac')):
            self.assertEqual(expected, self.name(display_name=name))

    def test_number_that_is_too_long_or_not_valid(self):
        for template in ('x' * 31 + '%d', '[%d]', 'ä%x'):
            self.flags(instance_name_template=template)
            self.assert_valid(self.name())
            self.assertNotEqual(self.name(1), self.name(2))

    def test_bad_template(self):
        for template in ('%', '%q', '%d %d'):
            self.flags(instance_name_template=template)
            self.assertFalse(partition_name._is_numbered(), template)


class CreateTest(base.SimulatedHostTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()

    def create(self, number, **attrs):
        instance = base.make_instance(number, **attrs)
        vm.create_lpar(self.host, instance)
        return self.partition(vm.get_lpar_uuid(instance)).name

    def test_servers_of_the_same_name(self):
        self.flags(instance_name_template='%(display_name)s')
        for name in ('web', 'x' * 40, 'Größe', ''):
            names = {self.create(number, uuid=str(uuid.uuid4()),
                                 display_name=name) for number in range(3)}
            self.assertEqual(3, len(names))

    def test_somebody_else_has_the_name(self):
        self.assertEqual('instance-00000001', self.create(1))
        # Of another cloud, say, whose database counts from 1 too.
        self.requests()
        self.assertEqual('instance-00000001-qaaaaaaaaaaae', self.create(
            1, uuid='a1b2c3d4-0000-4000-8000-000000000002'))
        self.assertEqual(2 * ['PUT ManagedSystem/LogicalPartition'],
                         self.requests())
