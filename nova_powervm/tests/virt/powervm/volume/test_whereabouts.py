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

"""Tests of what Nova's records tell of servers that have moved."""

from unittest import mock

import fixtures
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.volume import whereabouts

_STATE = pvm_bp.LPARState


class WhereaboutsTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.instance = base.make_instance()
        self.host = mock.Mock(nodename='here')

    def look(self, *migrations):
        """Build one with migrations: (type, source, target, status)."""
        found = [objects.Migration(
            id=number, instance_uuid=self.instance.uuid, migration_type=kind,
            source_compute=source, dest_compute=target, status=status)
            for number, (kind, source, target, status)
            in enumerate(migrations, 1)]
        self.useFixture(fixtures.MockPatchObject(
            objects.MigrationList, 'get_by_filters', return_value=found))
        return whereabouts.Whereabouts(self.host,
                                       nova_context.get_admin_context())

    def is_in_use(self, *migrations, **state):
        self.host.partition_states.get = mock.Mock(**state)
        return self.look(*migrations).is_in_use(self.instance, 'lpar')

    def test_maybe_here(self):
        live = ('live-migration', 'there', 'here')
        for migrations, expected in (
                ([(*live, 'running')], True),
                ([(*live, 'error')], True),
                ([(*live, 'completed')], False),
                ([(*live, 'error'), (*live, 'failed')], False),
                # Nova has tried something else meanwhile, in vain.
                ([(*live, 'error'),
                  ('evacuation', 'there', 'here', 'failed')], True),
                ([(*live, 'error'),
                  ('migration', 'there', 'here', 'error')], True),
                ([(*live, 'error'),
                  ('migration', 'there', 'here', 'confirmed')], False)):
            self.assertEqual({self.instance.uuid} if expected else set(),
                             self.look(*migrations).maybe_here, migrations)

    def test_lpar_is_on(self):
        """Somebody has moved it back here without Nova."""
        left = ('live-migration', 'here', 'there', 'completed')
        for state in (_STATE.RUNNING, _STATE.ERROR, _STATE.OPEN_FIRMWARE):
            self.assertTrue(self.is_in_use(left, return_value=state))
        self.assertTrue(self.is_in_use(left, side_effect=pvm_exc.Error('no')))

    def test_lpar_is_off_or_gone(self):
        self.assertFalse(self.is_in_use(return_value=_STATE.NOT_ACTIVATED))
        self.assertFalse(self.is_in_use(
            side_effect=nova_exc.InstanceNotFound(instance_id='lpar')))

    def test_evacuated(self):
        """Its LPAR still runs on the host that was taken to be off."""
        self.assertFalse(self.is_in_use(
            ('evacuation', 'here', 'there', 'done'),
            return_value=_STATE.RUNNING))
        self.assertTrue(self.is_in_use(
            ('evacuation', 'here', 'there', 'failed'),
            return_value=_STATE.RUNNING))
