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

"""Migrations of servers with volumes that are cut off, and what they leave."""

from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import live_migration
from nova_powervm.tests.virt.powervm.scenarios import live_volumes
from nova_powervm.tests.virt.powervm.scenarios import volumes
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.virt.powervm.volume import instance_volumes

_REMOVE = {'method': 'PUT', 'path': '/do/RemoveDevice$', 'effect': 'status',
           'status': 500}


class EndTest(live_migration.SourceEndMixin, live_volumes.LiveVolumeMixin,
              base.ScenarioCase):
    """nova-compute of the source ends, or loses its platform."""

    def look_in_the_copy(self, server):
        self.assertEqual(8, len(self.hdisks_on('compute1') +
                                self.hdisks_on('compute2')))

    def test_target_starts_in_the_copy(self):
        """Its start takes nothing from a server that comes."""
        server = self.boot_on_first()
        booted = self.lpar_on(server, 'compute1').boot_time
        self.hold(server, 'copy')

        def restart():
            self.restart('compute2')
            self.cloud.run_periodic_tasks()
            self.release(server)

        self.meanwhile(*[None] * 30, restart)
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2', booted)

    def test_nobody_knows(self):
        """The server keeps its volumes where it runs."""
        self.flags(group='powervm', live_migration_timeout=300)
        server = self.boot_on_first()
        self.meanwhile(*[None] * 4, self.go_away)
        self.live_migrate(server, status='ERROR')
        self.simulated_host('compute1').faults.clear()
        self.restart('compute2')
        self.cloud.run_periodic_tasks()
        self.assertEqual('compute1', self.host_of(server))
        self.assertEqual({'compute2': 'running'}, self.lpars_of(server))
        self.where = 'compute2'
        self.assert_sees_both(server)

    def assert_sees_both(self, server):
        """The guest sees its volumes; Cinder has each attached twice."""
        self.assertEqual(4, len([disk for disk in self.disks_of(server)
                                 if disk.works]))


class VolumeRaceMixin(live_migration.RaceMixin):
    """Races with volumes, of which Nova makes attachments for the target."""

    def test_source_starts_again_between_attachments(self):
        """One volume has an attachment for the target, the other has not."""
        self.check_race(self.boot_on_first(), lambda: self.after(
            self.cloud.compute('compute2').volume_api, 'attachment_create'))

    def test_source_starts_again_when_the_target_sees_the_volumes(self):
        self.check_race(self.boot_on_first(), lambda: self.after(
            instance_volumes.InstanceVolumes, 'prepare_target'))

    def test_source_dies_between_attachments(self):
        """The target dies, too, before it has asked for the second one."""
        server, before = self.boot_and_look()
        bdms = self.bdms_of(server)
        target = self.cloud.compute('compute2')

        create, made = target.volume_api.attachment_create, []

        def create_one_and_die(*args, **kwargs):
            if made:
                self.cloud.kill('compute1')
                target.is_dead = True
                raise effects.Killed()
            made.append(create(*args, **kwargs))
            return made[0]

        target.volume_api.attachment_create = create_one_and_die
        self.users.live_migrate(self.walk_server(server), 'compute2')
        self.cloud.start_all()
        self.assertEqual(bdms, self.bdms_of(server))
        self.assert_stayed(server, before)
        self.assert_moves_again(server)


class RaceTest(VolumeRaceMixin, live_volumes.LiveVolumeMixin,
               base.ScenarioCase):
    """By virtual SCSI."""


class NpivRaceTest(VolumeRaceMixin, live_volumes.LiveNpivMixin,
                   base.ScenarioCase):
    """Through NPIV."""


class LeftTest(live_volumes.LiveVolumeMixin, base.ScenarioCase):
    """Devices that could not be removed."""

    def run_tasks_of(self, host):
        self.restart(host)
        self.cloud.run_periodic_tasks()

    def test_on_the_target(self):
        server, before = self.boot_and_look()
        self.break_migration('copy')
        self.simulated_host('compute2').faults.add(dict(_REMOVE, count=0))
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute1', before[1])
        self.assertEqual(4, len(self.hdisks_on('compute2')))
        self.simulated_host('compute2').faults.clear()
        self.run_tasks_of('compute2')
        self.assert_stayed(server, before)
        self.assert_moves_again(server)

    def test_on_the_source(self):
        server = self.boot_on_first()
        self.simulated_host('compute1').faults.add(dict(_REMOVE, count=0))
        self.live_migrate(server)
        self.assert_runs_on(server, 'compute2')
        self.assertEqual(4, len(self.hdisks_on('compute1')))
        # Nova has deleted the attachments of the source all the same.
        self.assertEqual(4, len([
            complaint for complaint in self.cinder.complaints
            if 'is still there, on server1' in complaint]))
        self.cinder.complaints.clear()
        self.simulated_host('compute1').faults.clear()
        self.run_tasks_of('compute1')
        self.assertEqual([], self.hdisks_on('compute1'))
        self.assert_gone(server)

    def test_mapping_of_a_vios_that_was_down(self):
        """The platform has made it, so it has no tag."""
        server = self.boot_on_first()
        self.live_migrate(server)
        self.where = 'compute2'
        self.set_rmc('vios2', 'inactive')
        self.assertTrue(self.detach(server, 3))
        self.assertIn(('vios2', volumes.VOLUME % 3),
                      self.hdisks_on('compute2'))
        self.set_rmc('vios2', 'active')
        self.cloud.run_periodic_tasks()
        self.assertNotIn(('vios2', volumes.VOLUME % 3),
                         self.hdisks_on('compute2'))
        self.assert_sees(server, 1, boots=True)
