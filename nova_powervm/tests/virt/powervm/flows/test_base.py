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

"""The checks that all flows have to pass see what is wrong."""

from unittest import mock

from taskflow.patterns import linear_flow

from nova_powervm.tests.virt.powervm.flows import base
from nova_powervm.virt.powervm.tasks import disk as tf_disk
from nova_powervm.virt.powervm.tasks import storage as tf_stg
from nova_powervm.virt.powervm.tasks import vm as tf_vm


class ProblemsTest(base.FlowTestCase):

    def setUp(self):
        super().setUp()
        self.get = tf_vm.Get(None, None)
        self.update = tf_stg.UpdateVioses('transaction')
        self.detach = tf_disk.DetachDisk(None, None, self.update.stg)
        self.delete = tf_disk.DeleteDisk(None, None)

    def assert_problem(self, problem, *tasks):
        self.assertEqual([problem], base.problems(
            linear_flow.Flow('test').add(*tasks)))

    def test_fine(self):
        self.assert_fits(linear_flow.Flow('test').add(
            self.get, tf_vm.MakeUpSize(None, None), self.detach, self.update,
            self.delete))

    def test_value_that_nobody_provides(self):
        self.assert_problem(
            'MakeUpSize needs lpar_wrap, which no task before provides',
            tf_vm.MakeUpSize(None, None))

    def test_value_that_comes_too_late(self):
        self.assert_problem(
            'MakeUpSize needs lpar_wrap, which no task before provides',
            tf_vm.MakeUpSize(None, None), self.get)
        self.assert_problem(
            'DeleteDisk comes before UpdateVioses, which provides '
            'unmapped_storage', self.delete, self.detach, self.update)

    def test_value_of_which_only_a_revert_tells(self):
        class Reverts(tf_vm.Get):
            default_provides = ()

            def revert(self, mgmt_cna):
                pass

        self.assertIn(
            'Reverts needs mgmt_cna, which no task before provides',
            base.problems(linear_flow.Flow('test').add(Reverts(None, None))))

    def test_value_that_is_provided_twice(self):
        self.assert_problem('Create and Get provide lpar_wrap',
                            tf_vm.Create(None, None), self.get)

    def test_value_with_another_meaning(self):
        class Other(tf_vm.Get):
            pass

        self.assert_problem('Other is to provide no lpar_wrap',
                            Other(None, None))

    def test_edits_that_nobody_makes(self):
        self.assert_problem(
            'no UpdateVioses makes the edits of DetachDisk', self.detach)
        self.assert_problem('there is nothing for UpdateVioses to do',
                            self.update)
        self.assert_problem(
            'no UpdateVioses makes the edits of DetachDisk', self.detach,
            self.update, tf_disk.DetachDisk(None, None, self.update.stg))

    def test_words(self):
        self.assertEqual(
            ['pwr_off_vm+force_immediate+missing_ok', 'dlt_storage',
             'detach_storage[boot,swap]', 'crt_blank_disks[swap]'],
            base.words([
                tf_vm.PowerOff(None, None, force_immediate=True,
                               missing_ok=True),
                self.delete,
                tf_disk.DetachDisk(None, None, None, ['boot', 'swap']),
                tf_disk.CreateBlankDisks(
                    None, None, [mock.Mock(disk_type='swap')])]))
