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

"""The methods of the driver that a live migration consists of, in order.

They are the second page of the table of contents that driver.py is.
"""

import typing

from nova.virt import driver

from nova_powervm.virt.powervm import operations


@operations.counted('cleanup_live_migration_destination_check')
class LiveMigrationMethods(driver.ComputeDriver):
    """Live migration; the arguments are those of ComputeDriver."""

    actions: typing.Any = None

    def check_can_live_migrate_destination(self, context, instance,
                                           src_compute_info, dst_compute_info,
                                           block_migration=False,
                                           disk_over_commit=False):
        return self.actions.live.check_as_target(instance, block_migration)

    def check_can_live_migrate_source(self, context, instance,
                                      dest_check_data,
                                      block_device_info=None):
        return self.actions.live.check_as_source(instance, dest_check_data,
                                                 block_device_info)

    def check_source_migrate_data_at_dest(self, ctxt, instance,
                                          migrate_data, migration, limits,
                                          allocs):
        return self.actions.live.check_source_at_target(migrate_data)

    def cleanup_live_migration_destination_check(self, context,
                                                 dest_check_data):
        """Nothing to do: the checks change nothing."""

    def pre_live_migration(self, context, instance, block_device_info,
                           network_info, disk_info, migrate_data):
        return self.actions.live.prepare(instance, network_info,
                                         block_device_info, migrate_data)

    def live_migration(self, context, instance, dest, post_method,
                       recover_method, block_migration=False,
                       migrate_data=None):
        self.actions.live.migrate(context, instance, dest, post_method,
                                  recover_method, block_migration,
                                  migrate_data)

    def live_migration_abort(self, instance):
        self.actions.live.abort(instance)

    def rollback_live_migration_at_source(self, context, instance,
                                          migrate_data):
        self.actions.live.roll_back_at_source(instance, migrate_data)

    def rollback_live_migration_at_destination(self, context, instance,
                                               network_info,
                                               block_device_info,
                                               destroy_disks=True,
                                               migrate_data=None):
        self.actions.live.roll_back_at_target(instance, network_info,
                                              migrate_data)

    def post_live_migration(self, context, instance, block_device_info,
                            migrate_data=None):
        self.actions.live.release_volumes(instance, block_device_info,
                                          migrate_data)

    def post_live_migration_at_source(self, context, instance, network_info):
        self.actions.live.unplug_at_source(instance, network_info)

    def post_live_migration_at_destination(self, context, instance,
                                           network_info,
                                           block_migration=False,
                                           block_device_info=None):
        self.actions.live.finish_on_target(context, instance, network_info,
                                           block_device_info)

    def process_instances_at_startup(self, context, instances):
        return self.actions.settling.settle(context, instances)
