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

"""Running TaskFlow flows on behalf of an instance."""

from oslo_log import log as logging
from taskflow import engines
from taskflow.listeners import timing

LOG = logging.getLogger(__name__)


def run(flow, instance=None):
    """Run a flow to its end, or revert it.

    :param flow: the taskflow flow to run.
    :param instance: the nova.objects.Instance for which it runs; the duration
                     of every task is logged with it.
    :returns: dict of everything that the tasks provided, by name.
    :raises: the exception of the task that failed, after the finished tasks
             have been reverted.
    """
    def log_with_instance(*args, **kwargs):
        LOG.info(*args, instance=instance, **kwargs)

    engine = engines.load(flow)
    with timing.PrintingDurationListener(engine, printer=log_with_instance):
        engine.run()
    return engine.storage.fetch_all()
