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

"""Run the flows of servers, and share what tasks have in common.

If a flow fails, TaskFlow calls the revert() of each task that has begun, the
last one first. By itself, TaskFlow stops at the first revert() that raises,
and then raises this error instead of the one that made the flow fail. run()
changes this: it calls each revert(), logs those that fail, and raises what
made the flow fail. failed_reverts() reads from this exception which tasks are
not undone. So a revert() catches nothing itself.

A task passes a result on through TaskFlow: it provides the result by a name,
and another execute() or revert() takes it by this name. A task keeps in itself
only what its own revert() needs after an execute() that failed: in that case
TaskFlow passes the failure instead of a result.
"""

import functools

from oslo_log import log as logging
from taskflow import engines
from taskflow import flow as tf_flow
from taskflow.listeners import timing
from taskflow.persistence.backends import impl_memory
from taskflow import task as tf_task
from taskflow.utils import persistence_utils

LOG = logging.getLogger(__name__)


class Task(tf_task.Task):
    """Base of all tasks.

    A class without a revert() does not undo anything. If what it provides has
    a name, default_provides of TaskFlow is this name.

    :cvar NAME: str, the name in the log, and in the flow.
    """

    NAME: str

    def __init__(self):
        super().__init__(self.NAME)


class InstanceTask(Task):
    """Base of the tasks on one server.

    :param instance: nova.objects.Instance
    """

    def __init__(self, instance):
        super().__init__()
        self.instance = instance


class HostTask(InstanceTask):
    """Base of the tasks that read or change the LPAR of a server.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    """

    def __init__(self, host, instance):
        super().__init__(instance)
        self.host = host


class _Connection(impl_memory.Connection):
    """Returns details of tasks and flows instead of saving them."""

    def update_atom_details(self, atom_detail):
        return atom_detail

    def update_flow_details(self, flow_detail):
        return flow_detail


class _Backend(impl_memory.MemoryBackend):
    """Saves nothing.

    TaskFlow saves each change of a flow, so that another process can continue
    the flow. No other process can read what it saves in memory, and the engine
    does not need it. Saving took two fifths of the time of an engine.
    """

    def __init__(self):
        super().__init__()
        self._connection = _Connection(self)

    def get_connection(self):
        return self._connection


class _Durations(timing.PrintingDurationListener):
    """Logs how long each task took, without saving it."""

    def _record_ending(self, timer, item_type, item_name, state):
        self._printer("It took %s '%s' %0.2f seconds to finish." % (
            item_type, item_name, timer.elapsed()))


class _Reverts:
    """Calls the revert() of each task of a flow, and notes those that fail.

    :ivar failed: list of the names of the tasks that are not undone.
    """

    def __init__(self, flow, instance):
        self.failed = []
        self._instance = instance
        for found in _tasks(flow):
            found.revert = functools.partial(self._try, found.name,
                                             found.revert)

    def _try(self, name, revert, *args, **kwargs):
        try:
            return revert(*args, **kwargs)
        except Exception:
            self.failed.append(name)
            LOG.exception('What task %s did is not undone; the tasks before '
                          'it are undone nevertheless.', name,
                          instance=self._instance)


def _tasks(flow):
    """Yield the tasks of a flow, and of the flows in it."""
    for item in flow:
        if isinstance(item, tf_flow.Flow):
            yield from _tasks(item)
        else:
            yield item


def failed_reverts(exc):
    """Return what is not undone after a flow has failed.

    :param exc: the exception that run() raised, or one raised from it.
    :returns: list of the names of the tasks whose revert() failed.
    """
    while exc is not None:
        if hasattr(exc, '_failed_reverts'):
            return exc._failed_reverts
        exc = exc.__cause__
    return []


def run(flow, instance=None):
    """Run a flow to its end, or revert it. A flow can be run once.

    :param flow: the taskflow flow to run.
    :param instance: the nova.objects.Instance for which it runs; the duration
                     of every task is logged with it.
    :returns: dict of everything that the tasks provided, by name.
    :raises: the exception of the task that failed, after the finished tasks
             have been reverted; see failed_reverts().
    """
    def log_with_instance(*args, **kwargs):
        LOG.info(*args, instance=instance, **kwargs)

    # Without a flow detail TaskFlow warns that there is no book to put it in.
    engine = engines.load(
        flow, flow_detail=persistence_utils.create_flow_detail(flow),
        backend=_Backend())
    reverts = _Reverts(flow, instance)
    with _Durations(engine, printer=log_with_instance):
        try:
            engine.run()
        except Exception as exc:
            setattr(exc, '_failed_reverts', reverts.failed)
            raise
    return engine.storage.fetch_all()
