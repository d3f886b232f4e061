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

"""Scenarios that make trouble on purpose, so that the driver warns of it.

The log of each other one has to be quiet, see log_watch. Who adds a scenario
here has looked at what it logs, and found each warning worth one.
"""

#: 'module.Class' -> names of its tests, or ALL.
ALL = ()
TROUBLE = {
    'test_move_targets.LateTest': ALL,
    'test_move_targets.OtherWaysTest': ALL,
    # Config drives that arrive meanwhile make the document of a VIOS outdated.
    'test_at_once.AtOnceTest': ALL,
    'test_at_once.FaultsTest': ALL,
    'test_at_once.PoolAtOnceTest': ALL,
    'test_at_once.WallTimeTest': ALL,
    'test_blank_disks.EvacuationTest': ALL,
    'test_blank_disks.HardRebootPoolTest': ALL,
    'test_blank_disks.HardRebootTest': ALL,
    'test_cold_migration.SharedPoolMoveTest': ALL,
    'test_consoles.ConsolesTest': ('test_log_of_lost_lpar',),
    'test_consoles.LiveMigrationTest': (
        'test_console_ends_and_opens_on_the_target',
        'test_console_of_a_server_that_stays',
        'test_server_that_stays'),
    'test_crash_dump.CrashDumpTest': (
        'test_answer_is_lost',
        'test_lpar_is_gone'),
    'test_diagnostics.HalfBrokenTest': ALL,
    'test_half_answers.BrokenDocumentsTest': ALL,
    'test_half_answers.DetachByTagTest': ALL,
    'test_half_answers.LostAnswersTest': ALL,
    'test_half_answers.NpivBesideTest': ALL,
    'test_half_answers.StrangeDevicesTest': ALL,
    'test_half_answers.VolumesOfRunningServersTest': ALL,
    'test_hard_reboot.MissingNothingTest': (
        'test_lost_answer',
        'test_nothing_can_be_looked_at',
        'test_refused_restart',
        'test_resize_that_has_not_ended'),
    'test_hard_reboot.PoolMissingNothingTest': (
        'test_lost_answer',
        'test_nothing_can_be_looked_at',
        'test_refused_restart',
        'test_resize_that_has_not_ended',
        'test_swap_disk_that_nothing_maps'),
    # Tests of one class give their servers the same UUID: a host may know the
    # disk of the one before.
    'test_ibmi.MoveTest': ALL,
    'test_sriov.MoveTest': ALL,
    'test_ibmi.PoolTest': ('test_crash_and_a_vios_that_is_down',),
    'test_ibmi.PoolRescueTest': (
        'test_rescue_that_fails',
        'test_what_a_failed_end_has_left'),
    'test_ibmi.RescueTest': (
        'test_rescue_that_fails',
        'test_what_a_failed_end_has_left'),
    'test_ibmi.ResizeTest': ('test_resize_that_fails',),
    'test_ibmi.SpawnRevertTest': ALL,
    'test_ibmi.StartRevertTest': ALL,
    'test_ibmi_volumes.MoveTest': ('test_evacuation',),
    'test_ibmi_volumes.VscsiTest': ('test_swap_that_was_not_ended',),
    'test_late_refusals.FailureTest': ALL,
    'test_live_migration_elsewhere.OutsideTest': ALL,
    'test_live_migration_elsewhere.SlowOutsideTest': ALL,
    'test_live_migration_elsewhere.UnknownTest': ALL,
    'test_live_migration_left.LeftTest': ALL,
    'test_live_migration_left.VolumesTest': ALL,
    'test_stale.AdapterTest': ALL,
    'test_stale.FailedBuildTest': ALL,
    'test_stale.MigrationTest': ALL,
    'test_stale.RepositoryTest': ALL,
    'test_stale.SecondTest': ALL,
    'test_stale.ShelvedTest': ALL,
    'test_live_migration.OvsTest': (
        'test_adapter_of_nobody',
        'test_stays',
        'test_trunk_stays_on_the_source',
        'test_trunk_stays_on_the_target',
        'test_vlans_get_lost'),
    'test_live_migration_end.EndTest': ALL,
    'test_live_migration_end.RaceTest': ALL,
    # The source knows the disk that the target has deleted.
    'test_live_migration_hmc.MoveTest': (
        'test_answer_to_the_job_is_lost',
        'test_fails_before_the_switch',
        'test_is_stuck_after_the_switch'),
    'test_live_migration_hmc.SlowTest': ALL,
    'test_live_migration_later.LaterTest': ('test_shelve',),
    'test_live_migration_meanwhile.NpivQueueTest': (
        'test_deleted_when_prepared',
        'test_queued_and_killed'),
    'test_live_migration_meanwhile.QueueTest': (
        'test_deleted_when_prepared',
        'test_queued_and_killed'),
    'test_live_migration_meanwhile.StormTest': ('test_it_stays',),
    'test_live_migration_meanwhile.VscsiQueueTest': (
        'test_deleted_when_prepared',
        'test_queued_and_killed'),
    'test_live_migration_ports.MixedTest': (
        'test_stays',
        'test_type_on_the_target'),
    'test_live_migration_ports.VlanTest': ('test_stays',),
    'test_live_migration_pairs.LimitTest': (
        'test_is_reached_after_the_checks',
        'test_memory_is_taken',
        'test_nobody_can_move_it'),
    'test_live_migration_pairs.PairTest': (
        'test_first_is_stopped',
        'test_second_fails'),
    'test_live_migration_processors.ProcessorsTest': (
        'test_affinity_would_be_worse',),
    'test_live_migration_npiv.EndTest': ALL,
    'test_live_migration_npiv.RefusedTest': ALL,
    'test_live_migration_volumes.RefusedTest': ALL,
    'test_live_migration_volumes_end.EndTest': ALL,
    'test_live_migration_volumes_end.LeftTest': ALL,
    'test_live_migration_volumes_end.NpivRaceTest': ALL,
    'test_live_migration_volumes_end.RaceTest': ALL,
    'test_live_migration_late.NpivTest': ALL,
    'test_live_migration_late.PoolTest': ALL,
    'test_live_migration_late.VscsiTest': ALL,
    'test_live_migration_reset.LateTest': ALL,
    'test_live_migration_reset.PoolTest': ALL,
    'test_live_migration_reset.VolumesTest': ALL,
    'test_live_migration_start.StartTest': ALL,
    'test_live_migration_start.VolumesTest': ALL,
    'test_live_migration_trouble.AbortTest': ALL,
    'test_live_migration_trouble.HostsTest': ALL,
    'test_live_migration_trouble.PlatformTest': ALL,
    'test_live_migration_trouble.SlowTest': ALL,
    'test_live_migration_vnics.VnicTest': (
        'test_another_network_on_the_target',
        'test_room_is_taken_after_the_checks',
        'test_stays'),
    'test_lent_disks.SharedPoolTest': ALL,
    'test_lent_disks.VolumeGroupTest': ALL,
    'test_lent_media.LentTest': ALL,
    'test_lost_lpars.LocalDiskTest': ALL,
    'test_lost_lpars.NpivTest': ALL,
    'test_lost_lpars.RescuedLocalDiskTest': ALL,
    'test_lost_lpars.RescuedSharedPoolTest': ALL,
    'test_lost_lpars.SharedPoolTest': ALL,
    'test_lost_lpars.VolumesTest': ALL,
    'test_names_of_units.RebuiltTest': ALL,
    'test_names_of_units.SameNameTest': (
        'test_deleted_in_absence',
        'test_hard_reboot',
        'test_hard_reboot_if_nobody_knows'),
    'test_npiv.AttachTest': ('test_spawn_that_fails',),
    'test_npiv.RebootTest': ('test_without_lpar',),
    'test_npiv_moves.ColdMigrationTest': (
        'test_evacuate_to_a_host_without_ports',
        'test_evacuation_fails_and_is_repeated',
        'test_evacuation_without_cinder',
        'test_source_cannot_bring_them_back',
        'test_source_cannot_let_go',
        'test_target_sees_no_volume'),
    'test_npiv_trouble.PortIsDownTest': ('test_whole_fabric',),
    'test_npiv_trouble.ViosIsDownTest': ALL,
    'test_offers.MemoryTest': ('test_lost_lpar',),
    'test_refused_rebuilds.IbmiTest': ALL,
    'test_refused_rebuilds.LinuxTest': ALL,
    'test_refused_rebuilds.PolicyTest': ALL,
    'test_rescue.FilePoolTest': ('test_what_a_crash_has_left',),
    'test_rescue.LocalDiskTest': (
        'test_failure',
        'test_what_a_crash_has_left'),
    'test_rescue.SharedPoolTest': ('test_what_a_crash_has_left',),
    'test_resize.LocalDiskTest': ('test_confirm_cannot_grow_the_disk',),
    'test_reverts.PowerOnTest': (
        'test_answer_is_lost',
        'test_resumed_in_vain',
        'test_server_that_runs_and_whose_state_nobody_tells'),
    'test_reverts.RescuedTest': (
        'test_rescue_whose_start_is_refused',
        'test_server_that_runs_and_whose_state_nobody_tells'),
    'test_signed_images.LocalDiskTest': (
        'test_broken_off',
        'test_glance_ends_early',
        'test_tampered_image',
        'test_unsigned_image'),
    'test_signed_images.SharedPoolTest': (
        'test_broken_off',
        'test_glance_ends_early',
        'test_tampered_image',
        'test_unsigned_image'),
    'test_size.FailureTest': ALL,
    'test_sriov.LifeTest': (
        'test_full',
        'test_hard_reboot_adds_missing_devices',
        'test_logical_ports_that_stay',
        'test_logical_ports_that_stay_over_a_restart'),
    'test_start.CrowdTest': ('test_states_are_not_told',),
    'test_start.EndTest': ('test_operation_is_under_way',),
    'test_volume_identity.IdentityTest': ALL,
    'test_stale_volumes.StaleVolumesTest': ALL,
    'test_stale_volumes.MigrationTest': ALL,
    'test_volume_moves.ColdMigrationTest': (
        'test_evacuate',
        'test_source_cannot_bring_them_back',
        'test_source_cannot_let_go',
        'test_target_sees_no_volume'),
    'test_volume_ownership.NobodyElsesTest': ALL,
    'test_volume_swap.SwapTest': ('test_new_volume_is_not_there',),
    'test_volume_trouble.OneViosIsDownTest': ALL,
    'test_volume_trouble.TooManyTest': ALL,
    'test_volume_trouble.ViosIsDownTest': ALL,
    'test_volume_trouble.WrongTest': ALL,
    'test_volumes.ExtendPathsTest': ALL,
    'test_volumes.RebootTest': ('test_without_lpar',),
    'test_volumes.UnseenTest': ALL,
}


def is_made_by(test_id):
    """Whether a scenario makes trouble on purpose.

    :param test_id: str, as of unittest.TestCase.id().
    """
    module, cls, test = test_id.split('(')[0].split('.')[-3:]
    tests = TROUBLE.get('%s.%s' % (module, cls))
    return tests is not None and (tests == ALL or test in tests)
