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

"""What proves today what slower tests, through Nova's API, proved before.

Run as a program, it prints the table of doc/source/contributor/testing.rst.
"""

BEFORE = 'nova_powervm.tests.functional.'
NOW = 'nova_powervm.tests.'
DRIVER = 'virt.powervm.'
WALKS = DRIVER + 'walks.'
SCENARIOS = DRIVER + 'scenarios.'

#: Former class of tests -> what has taken its place: walks, with a test of the
#: same name for each effect, or scenarios, with the same tests.
SUCCESSORS = {
    'test_crash_walk.CrashWalkTest': (
        WALKS + 'test_servers.VolumeGroupTest',),
    'test_fault_walk.FaultWalkDestroyTest': (
        WALKS + 'test_servers.VolumeGroupTest',),
    'test_fault_walk.FaultWalkSpawnTest': (
        WALKS + 'test_servers.VolumeGroupTest',),
    'test_move_crash.ConfirmCrashTest': (
        WALKS + 'test_moves.PoolMigrationConfirmTest',),
    'test_move_crash.LeaveCrashTest': (
        WALKS + 'test_moves.PoolSourceTest',),
    'test_move_crash.ResizeCrashTest': (
        WALKS + 'test_moves.VolumeGroupResizeTest',),
    'test_move_walk.ConfirmOnSharedPoolTest': (
        WALKS + 'test_moves.PoolConfirmTest',),
    'test_move_walk.ConfirmTest': (
        WALKS + 'test_moves.VolumeGroupConfirmTest',),
    'test_move_walk.EvacuateTest': (
        WALKS + 'test_moves.EvacuationTest', WALKS + 'test_moves.ReturnTest'),
    'test_move_walk.MigrationArriveTest': (
        WALKS + 'test_moves.PoolTargetTest',),
    'test_move_walk.MigrationConfirmTest': (
        WALKS + 'test_moves.PoolMigrationConfirmTest',),
    'test_move_walk.MigrationLeaveTest': (
        WALKS + 'test_moves.PoolSourceTest',),
    'test_move_walk.MigrationRevertAtSourceTest': (
        WALKS + 'test_moves.PoolSourceTest',),
    'test_move_walk.MigrationRevertAtTargetTest': (
        WALKS + 'test_moves.PoolTargetTest',),
    'test_move_walk.ResizeTest': (
        WALKS + 'test_moves.VolumeGroupResizeTest',),
    'test_move_walk.RevertTest': (
        WALKS + 'test_moves.VolumeGroupResizeTest',),
    'test_npiv_walk.AttachTest': (
        WALKS + 'test_volumes.NpivTest',),
    'test_npiv_walk.BootTest': (
        WALKS + 'test_servers.NpivTest',),
    'test_npiv_walk.DeleteTest': (
        WALKS + 'test_servers.NpivTest',),
    'test_npiv_walk.FurtherTest': (
        WALKS + 'test_volumes.NpivFurtherTest',),
    'test_npiv_walk.NoRequestTest': (
        WALKS + 'test_volumes.NpivFurtherTest',),
    'test_ovs_walk.OvsWalkDestroyTest': (
        WALKS + 'test_servers.OpenVSwitchTest',),
    'test_ovs_walk.OvsWalkSpawnTest': (
        WALKS + 'test_servers.OpenVSwitchTest',),
    'test_pool_walk.DestroyTest': (
        WALKS + 'test_servers.PoolTest',),
    'test_pool_walk.SpawnTest': (
        WALKS + 'test_servers.PoolTest',),
    'test_rescue_walk.RescueOnSharedPoolTest': (
        WALKS + 'test_images.PoolRescueTest',),
    'test_rescue_walk.RescueTest': (
        WALKS + 'test_images.VolumeGroupRescueTest',),
    'test_rescue_walk.UnrescueOnSharedPoolTest': (
        WALKS + 'test_images.PoolRescueTest',),
    'test_rescue_walk.UnrescueTest': (
        WALKS + 'test_images.VolumeGroupRescueTest',),
    'test_snapshot.ManagementViosWalkTest': (
        WALKS + 'test_images.ManagementViosSnapshotTest',),
    'test_snapshot.SharedPoolWalkTest': (
        WALKS + 'test_images.PoolSnapshotTest',),
    'test_volume_move_walk.NpivArriveTest': (
        WALKS + 'test_moves.NpivTargetTest',),
    'test_volume_move_walk.NpivConfirmTest': (
        WALKS + 'test_moves.NpivMigrationConfirmTest',),
    'test_volume_move_walk.NpivLeaveTest': (
        WALKS + 'test_moves.NpivSourceTest',),
    'test_volume_move_walk.NpivRevertAtSourceTest': (
        WALKS + 'test_moves.NpivSourceTest',),
    'test_volume_move_walk.NpivRevertAtTargetTest': (
        WALKS + 'test_moves.NpivTargetTest',),
    'test_volume_move_walk.VscsiArriveTest': (
        WALKS + 'test_moves.VscsiTargetTest',),
    'test_volume_move_walk.VscsiConfirmTest': (
        WALKS + 'test_moves.VscsiMigrationConfirmTest',),
    'test_volume_move_walk.VscsiLeaveTest': (
        WALKS + 'test_moves.VscsiSourceTest',),
    'test_volume_move_walk.VscsiRevertAtSourceTest': (
        WALKS + 'test_moves.VscsiSourceTest',),
    'test_volume_move_walk.VscsiRevertAtTargetTest': (
        WALKS + 'test_moves.VscsiTargetTest',),
    'test_volume_walk.AttachTest': (
        WALKS + 'test_volumes.VscsiTest',),
    'test_volume_walk.BootTest': (
        WALKS + 'test_servers.VscsiTest',),
    'test_volume_walk.DeleteTest': (
        WALKS + 'test_servers.VscsiTest',),
    'test_volume_walk.DetachTest': (
        WALKS + 'test_volumes.VscsiTest',),
    'test_volume_walk.ExtendTest': (
        WALKS + 'test_volumes.VscsiExtendTest',),
    'test_volume_walk.SwapTest': (
        WALKS + 'test_volumes.VscsiSwapTest',),
}

#: Modules that are scenarios at the driver now, and their classes of tests,
#: which have the same names and tests there.
MOVED = {
    'test_budgets': (
        'BudgetTest CrowdedBudget10Test CrowdedBudget100Test '
        'CrowdedBudget500Test'),
    'test_cold_migration': 'SharedPoolMoveTest LocalDiskMoveTest',
    'test_features': 'FilePoolMoveTest',
    'test_npiv': 'AttachTest RebootTest ExtendTest',
    'test_npiv_budgets': (
        'OneFabricBudgetTest TwoFabricBudgetTest CrowdedBudget10Test '
        'CrowdedBudget100Test CrowdedBudget500Test'),
    'test_npiv_moves': (
        'ResizeTest ColdMigrationTest RescueTest RebuildOfVolumeTest '
        'ShelveTest'),
    'test_npiv_sharing': 'SharingTest',
    'test_npiv_trouble': 'ViosIsDownTest PortIsDownTest',
    'test_rescue': (
        'LocalDiskTest SharedPoolTest FilePoolTest LocalDiskBudgetTest '
        'SharedPoolBudgetTest'),
    'test_resize': (
        'LocalDiskTest SharedPoolTest FilePoolTest ResizeBudgetTest '
        'SharedPoolBudgetTest'),
    'test_shared_pool': 'PoolBudgetTest',
    'test_volume_budgets': (
        'VolumeBudgetTest CrowdedVolumeBudget10Test '
        'CrowdedVolumeBudget100Test CrowdedVolumeBudget500Test'),
    'test_volume_moves': (
        'ResizeTest ResizeOfImageTest ColdMigrationTest RescueTest '
        'RebuildOfVolumeTest ShelveTest'),
    'test_volume_sharing': 'MultiattachTest MultiattachOnTwoHostsTest',
    'test_volume_swap': 'SwapTest',
    'test_volume_trouble': 'OneViosIsDownTest WrongTest TooManyTest',
    'test_volumes': 'AttachTest RebootTest ExtendTest EncryptedTest',
}
SUCCESSORS.update({
    '%s.%s' % (module, name): ('%s%s.%s' % (SCENARIOS, module, name),)
    for module, names in MOVED.items() for name in names.split()})


def table():
    """Make the table of the documentation: list of lines, in RST."""
    lines = ['.. list-table::', '   :header-rows: 1', '',
             '   * - Before, in ``tests/functional``',
             '     - Now, in ``tests/virt/powervm``']
    for earlier, names in sorted(SUCCESSORS.items()):
        lines.append('   * - ' + earlier)
        lines.append('     - ' + names[0].removeprefix(DRIVER))
        lines.extend('       ' + name.removeprefix(DRIVER)
                     for name in names[1:])
    return lines


if __name__ == '__main__':
    print('\n'.join(table()))
