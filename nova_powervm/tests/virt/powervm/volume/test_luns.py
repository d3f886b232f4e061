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

"""Where Cinder says that a volume is."""

from nova import exception as nova_exc
from oslotest import base
from pypowervm.tasks import hdisk

from nova_powervm.virt.powervm.volume import luns

_A, _B = '10:00:00:90:FA:1B:A1:01', '10000090fa1ba201'
_TARGETS = ['500507680304104A', '500507680304104B']


class AddressTest(base.BaseTestCase):

    def test_as_pypowervm_has_it(self):
        for number in (0, 5, 255, 256, 0x4100, 0x40014002):
            self.assertEqual(hdisk.normalize_lun(number),
                             luns.address(number))

    def test_text(self):
        for text in ('300', ' 300 ', '0x12c', '0X12C'):
            self.assertEqual(luns.address(300), luns.address(text))
        # Ten, not sixteen.
        self.assertEqual('a000000000000', luns.address('10'))

    def test_levels(self):
        """Each number is another address, and all have eight bytes."""
        for number, address in (
                (0x1, 0x0001000000000000), (0x100, 0x0100000000000000),
                (0xffff, 0xffff000000000000), (0x10000, 0x0001000000000000),
                (0x40014002, 0x4001400200000000),
                (0x4001400200000000, 0x4001400200000000)):
            self.assertEqual(address, int(luns.address(number), 16))

    def test_modes(self):
        for mode, number, address in (
                (None, 256, 0x0100), ('SAM', 256, 0x0100),
                ('transparent', 256, 0x0100), ('SAM2', 255, 0x00ff),
                ('SAM2', 256, 0x4100), ('SAM2', '300', 0x412c),
                ('SAM3-flat', 0, 0x4000), ('SAM3-flat', 300, 0x412c)):
            self.assertEqual(address << 48,
                             int(luns.address(number, mode), 16))

    def test_nonsense(self):
        for lun, mode in ((-1, None), ('', None), ('ff', None), (None, None),
                          (True, None), (1.5, None), (2 ** 64, None),
                          (1, 'SAM9'), (0x4000, 'SAM2')):
            self.assertRaises(ValueError, luns.address, lun, mode)


class TargetsTest(base.BaseTestCase):

    def targets(self, **data):
        return luns.targets(data, 'the volume')

    def test_one_lun(self):
        for lun in ({'target_lun': 300}, {'target_luns': ['300']},
                    {'target_lun': '0x12c', 'target_luns': []}):
            self.assertEqual(
                {_B: [('500507680304104a', '12c000000000000'),
                      ('500507680304104b', '12c000000000000')]},
                self.targets(initiator_target_map={_B.upper(): _TARGETS},
                             **lun))

    def test_a_lun_for_each_target(self):
        """It counts also if target_lun is there, which is the first one."""
        for key in ('target_wwn', 'target_wwns'):
            self.assertEqual(
                {'10000090fa1ba101': [('500507680304104b', '2000000000000')],
                 _B: [('500507680304104a', '1000000000000')]},
                self.targets(
                    target_luns=[1, '2'], target_lun=1,
                    initiator_target_map={_A: _TARGETS[1:],
                                          _B: _TARGETS[:1]},
                    **{key: _TARGETS}))

    def test_luns_of_initiators(self):
        self.assertEqual(
            {_B: [('500507680304104a', '412c000000000000')]},
            self.targets(addressing_mode='SAM2', target_lun=1,
                         initiator_target_map={_B: _TARGETS},
                         initiator_target_lun_map={
                             _B: [[_TARGETS[0], '300']]}))

    def test_nonsense(self):
        for data in (
                {}, {'initiator_target_map': {_B: _TARGETS}},
                {'target_lun': 1}, {'target_luns': [1, 2]},
                {'initiator_target_map': {_B: _TARGETS}, 'target_lun': 'x'},
                {'initiator_target_map': {_B: _TARGETS}, 'target_lun': 1,
                 'addressing_mode': 'flat'},
                {'initiator_target_map': {_B: _TARGETS},
                 'target_luns': [1, 2], 'target_wwn': _TARGETS[0]}):
            exc = self.assertRaises(nova_exc.InvalidVolume, self.targets,
                                    **data)
            self.assertIn('the volume', str(exc))

    def test_initiators(self):
        self.assertEqual({'10000090fa1ba101', _B}, luns.initiators(
            {'initiator_target_map': {_A: [], _B: []}}))
        self.assertEqual(set(), luns.initiators({}))
