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

"""Nova's compute manager, without the services around it.

The walks drive the driver with the code that drives it in production: Nova's
ComputeManager and ResourceTracker. Only their neighbours are stand-ins:
Neutron, placement, the conductor and the other computes. So the driver sees
the calls, the arguments and the reactions to its exceptions that it sees in a
whole Nova, at a third of the price.
"""

from concurrent import futures
import contextlib
import threading

from nova.compute import manager
from nova.compute import resource_tracker
from nova.image import glance
from nova import objects
from nova import thread_pool_factory
from nova.virt import virtapi
from nova.volume import cinder
from oslo_log import log as logging

from nova_powervm import conf as cfg
from nova_powervm.tests.virt.powervm.walks import neighbours
from nova_powervm.virt.powervm import driver

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
_EXECUTORS = thread_pool_factory.ExecutorType


class VirtAPI(virtapi.VirtAPI):
    """What the driver can ask of Nova: here every event has come already.

    :param compute: Compute; Nova's has its manager by that name, too
    """

    def __init__(self, compute):
        self._compute = compute

    @contextlib.contextmanager
    def wait_for_instance_event(self, instance, event_names, deadline=300,
                                error_callback=None, timeout=None):
        yield

    def exit_wait_early(self, events):
        """Nothing waits."""

    def update_compute_provider_status(self, context, rp_uuid, enabled):
        """Nobody schedules by it."""


class Compute(manager.ComputeManager):
    """The compute manager of one host.

    :ivar is_dead: whether its process was killed: nothing that it still does
        has any effect
    :ivar is_migrating: whether its thread for live migrations is busy, so that
        the next one stays in the queue
    :param cloud: cloud.Cloud, which has the neighbours
    :param host: str, Nova's name of the host
    """

    is_dead = False
    is_migrating = False

    def __init__(self, cloud, host):
        # Nova's own __init__() makes clients for all neighbours.
        self.cloud = cloud
        self.host = host
        self.notifier = neighbours.Silence()
        self.reportclient = neighbours.Placement()
        self.virtapi = VirtAPI(self)
        self.network_api = cloud.ports
        self.volume_api = cinder.API()
        self.image_api = glance.API()
        self.compute_rpcapi = neighbours.ComputeRPC(cloud)
        self.compute_task_api = neighbours.Conductor()
        self.compute_api = neighbours.ComputeAPI(cloud)
        self.share_manager = neighbours.Shares()
        self.instance_events = manager.InstanceEvents()
        self.send_instance_updates = False
        self._pending_dest_resizes = {}
        self._pending_dest_live_migrations = {}
        self._waiting_live_migrations = {}
        self._snapshot_semaphore = contextlib.nullcontext()
        self._syncs_in_progress = set()
        self._syncs_in_progress_lock = threading.Lock()
        self.driver = driver.PowerVMDriver(self.virtapi)
        self.rt = resource_tracker.ResourceTracker(
            host, self.driver, reportclient=self.reportclient)
        self.service_ref = self.rt.service_ref = cloud.service_of(host)

    def start(self):
        """Start as nova-compute does; raises what its start would."""
        context = self.cloud.context
        self.init_host(self.service_ref)
        self.update_available_resource(context, startup=True)
        self.cloud.waiting.run_threads()

    # ---- what Nova does in other threads, or for other services ---------

    def _notify_about_instance_usage(self, context, instance, event_suffix,
                                     **kwargs):
        pass

    def _build_networks_for_instance(self, context, instance,
                                     requested_networks, *args):
        """Give the server its ports at once, not in another thread."""
        return self.network_api.allocate_for_instance(
            context, instance, requested_networks)

    def _start_recorded_task(self, executor_type, task_name, instance,
                             context, func, *args, **kwargs):
        """Do at once what Nova does in another thread.

        A live migration has a thread of its own, so nobody else meets what it
        raises.
        """
        if executor_type == _EXECUTORS.LIVE_MIGRATION and self.is_migrating:
            return futures.Future()
        try:
            func(*args, **kwargs)
        except Exception as exc:
            if executor_type != _EXECUTORS.LIVE_MIGRATION:
                raise
            self.cloud.failures.append(exc)
        return None

    def live_migration(self, context, dest, instance, *args):
        """Migrate a server at once, unless it has to wait in the queue."""
        super().live_migration(context, dest, instance, *args)
        if not self.is_migrating:
            self._waiting_live_migrations.pop(instance.uuid, None)

    def _validate_instance_group_policy(self, *args, **kwargs):
        """No server is in a group."""

    def _record_task_start(self, *args, **kwargs):
        pass

    def _record_task_end(self, *args, **kwargs):
        pass

    def init_virt_events(self):
        """Take no events: the walks look at power states themselves."""

    def run_periodic_tasks_once(self):
        """What Nova does every minute, or every half an hour."""
        for task in (self.update_available_resource, self._sync_all,
                     self._run_image_cache_manager_pass,
                     self._cleanup_running_deleted_instances):
            try:
                task(self.cloud.context)
            except Exception as exc:
                LOG.exception('A periodic task failed.')
                self.cloud.failures.append(exc)

    def _sync_all(self, context):
        """Look at each server; Nova goes on with the next after a failure."""
        for instance in objects.InstanceList.get_by_host(context, self.host):
            try:
                self._query_driver_power_state_and_sync(context, instance)
            except Exception as exc:
                LOG.exception('A power state could not be looked at.')
                self.cloud.failures.append(exc)
