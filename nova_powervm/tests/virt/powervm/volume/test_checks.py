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

"""Operations on volumes that the platform cannot perform are refused."""

from unittest import mock

from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm.volume import checks


class CheckIoTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.why_not = mock.Mock(return_value='no RMC')
        self.patch(vm, 'why_no_io_change', self.why_not)
        self.host = mock.Mock(nodename='compute1', is_hmc=False)
        self.instance = base.make_instance()
        self.volumes = mock.MagicMock()
        self.volumes.__str__.return_value = 'a, b'

    def check(self, function):
        function(self.host, self.instance, self.volumes)

    def test_refused(self):
        for check, failure in (
                (checks.check_attach, nova_exc.VolumeAttachFailed),
                (checks.check_detach, nova_exc.DeviceDetachFailed)):
            exc = self.assertRaises(failure, self.check, check)
            self.assertIn('no RMC', str(exc))
            self.assertIn('a, b', str(exc))

    def test_possible(self):
        self.why_not.return_value = None
        self.check(checks.check_attach)
        self.check(checks.check_detach)
        self.assertEqual([mock.call(self.host, self.instance)] * 2,
                         self.why_not.mock_calls)

    def test_adapters_that_stay(self):
        """Nothing is asked then."""
        self.volumes.needs_io_change = False
        self.volumes.disconnect_changes_io = False
        self.check(checks.check_attach)
        self.check(checks.check_detach)
        self.why_not.assert_not_called()

    def test_without_lpar(self):
        self.why_not.side_effect = nova_exc.InstanceNotFound(instance_id='1')
        self.assertRaises(nova_exc.InstanceNotFound, self.check,
                          checks.check_attach)
        self.check(checks.check_detach)
        self.assertIn('The LPAR is gone', self.logger.output)


class CheckSwapTest(base.TestCase):

    def check(self, old=True, new=True, reason=None, may_stop=True):
        checks.check_swap(mock.Mock(can_be_copied=old),
                          mock.Mock(can_be_copied=new),
                          mock.Mock(**{'why_not.return_value': reason}),
                          may_stop)

    def test_possible(self):
        self.check()

    def test_refused(self):
        for settings, word in (({'old': False}, 'in this way'),
                               ({'new': False}, 'in this way'),
                               ({'may_stop': False}, 'must not stop it'),
                               ({'reason': 'no dd'}, 'no dd')):
            exc = self.assertRaises(nova_exc.VolumeRebaseFailed, self.check,
                                    **settings)
            self.assertIn(word, str(exc))
