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

"""Slot maps where nothing is kept."""

import inspect

from nova import objects
import testtools

from nova_powervm.virt.powervm import no_slots
from nova_powervm.virt.powervm.slots import maps
from nova_powervm.virt.powervm.slots import server


class SameMethodsTest(testtools.TestCase):
    """Nobody has to ask whether there is a store."""

    def setUp(self):
        super().setUp()
        # Annotations name its classes.
        objects.register_all()

    @staticmethod
    def public(cls):
        """What callers use of a class: {name: parameters, or None}."""
        return {name: inspect.signature(value, eval_str=True)
                if callable(value) else None
                for name, value in vars(cls).items()
                if not name.startswith('_')}

    def test_slots(self):
        known = self.public(server.ServerSlots)
        del known['guide']
        self.assertEqual(known, self.public(no_slots.NoSlots))

    def test_maps(self):
        known = self.public(maps.SlotMaps)
        # ServerSlots calls them.
        del known['load'], known['save']
        self.assertEqual(known, self.public(no_slots.NoSlotMaps))
