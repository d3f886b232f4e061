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

"""The event feed of the platform: update caches, and report to Nova."""

import collections
import itertools
import math
import re
import threading
import time

from nova.compute import task_states
from nova import exception as nova_exc
from nova.objects import fields
from nova.virt import event as virt_event
from oslo_log import log as logging
from pypowervm import adapter as pvm_adapter
from pypowervm.wrappers import event as pvm_event

from nova_powervm.virt.powervm import nova_instances
from nova_powervm.virt.powervm import power_states
from nova_powervm.virt.powervm import system_lpars

LOG = logging.getLogger(__name__)

# A reboot or a job passes through several states within seconds.
SETTLE_SECONDS = 15

# What settles within this time is looked up in Nova's database together.
_GATHER_SECONDS = 1
# The most LPARs that are looked up together.
_GATHER_COUNT = 300
_NOT_LOOKED_UP = object()

_SHUTDOWN_WAIT_SECONDS = 5

# While Nova works on a server, it sets the power state itself. Only in these
# task states Nova does not change the power of the server.
_NO_EVENT_TASK_STATES = frozenset(fields.InstanceTaskState.ALL) - {
    task_states.IMAGE_SNAPSHOT, task_states.IMAGE_SNAPSHOT_PENDING,
    task_states.IMAGE_PENDING_UPLOAD, task_states.IMAGE_UPLOADING,
    task_states.IMAGE_BACKUP, task_states.UPDATING_PASSWORD}

_URI = re.compile(r'/(LogicalPartition|NetworkBridge|VirtualIOServer|'
                  r'VirtualNetwork|VirtualSwitch)/([0-9A-Fa-f-]{36})$')

_SYSTEM = re.compile(r'/ManagedSystem/([0-9A-Fa-f-]{36})/')

_TYPE = pvm_event.EventType
_EVERYTHING_CHANGED = (_TYPE.NEW_CLIENT, _TYPE.CACHE_CLEARED)
_MADE_OR_GONE = (_TYPE.ADD_URI, _TYPE.DELETE_URI)
_CHANGED = (_TYPE.ADD_URI, _TYPE.MODIFY_URI, _TYPE.INVALID_URI)


def _tells_of_state(event):
    """Return whether the state may have changed; an event may be vague."""
    return (event.etype != _TYPE.MODIFY_URI or not event.detail or
            'PartitionState' in event.detail.split(','))


def _tells_of_nvram(event):
    return (event.etype == _TYPE.MODIFY_URI and
            'NVRAM' in (event.detail or '').split(','))


class PowerVMNovaEventHandler(pvm_adapter.WrapperEventHandler):
    """Receives the events of the platform, on pypowervm's polling thread.

    :param driver: the PowerVMDriver that emits lifecycle events.
    :param host: the Host whose caches the events keep up to date.
    :param nvram: the nvram.manager.NvramManager to call when NVRAM changes;
        None if NVRAM is not stored.
    :param settle: number of seconds that a state has to last before it is
        reported to Nova.
    :param clock: returns seconds; for tests.
    """

    #: Seconds in which the loss of events has everything read again only once.
    #: An HMC with many systems may lose events all the time.
    LOSS_SECONDS = 5

    def __init__(self, driver, host, nvram=None, settle=SETTLE_SECONDS,
                 clock=time.monotonic):
        self.host = host
        self._nvram = nvram
        self._clock = clock
        # When the loss of events had everything read again, and whether
        # events were lost since then. The thread of the polls alone uses them.
        self._lost_at = -math.inf
        self._has_lost = False
        self.lifecycle = PowerVMLifecycleEventHandler(driver, host, settle)

    def process(self, events):
        """Handle a batch of events; never raises.

        :param events: list of pypowervm.wrappers.event.Event; empty if a poll
            was answered without any.
        """
        for event in events:
            try:
                self._process(event)
            except Exception:
                LOG.exception('Handling of %s failed.', event)
        try:
            self._handle_loss()
        except Exception:
            LOG.exception('Handling of lost events failed.')

    def _handle_loss(self):
        """Have everything read again if events were lost, but not too often.

        Until the next poll after LOSS_SECONDS, what has changed meanwhile may
        not be known.
        """
        now = self._clock()
        if self._has_lost and now - self._lost_at >= self.LOSS_SECONDS:
            self._has_lost, self._lost_at = False, now
            self._forget_everything()

    def _forget_everything(self):
        self.host.invalidate()
        self.host.partition_states.clear()

    def _process(self, event):
        if event.etype == _TYPE.MISSING_EVENTS:
            self._has_lost = True
            return
        if event.etype in _EVERYTHING_CHANGED:
            self._forget_everything()
            return
        match = _URI.search(event.data or '')
        if match is None or self._is_foreign(event):
            return
        rest_type, uuid = match.groups()
        if rest_type == 'LogicalPartition':
            self._partition_event(event, uuid.upper())
        elif rest_type == 'VirtualIOServer':
            self._vios_event(event, uuid)
        elif rest_type == 'NetworkBridge':
            self.host.bridges.changed(uuid)
        elif rest_type == 'VirtualNetwork':
            if event.etype == _TYPE.DELETE_URI:
                self.host.hmc_networks.forget()
        elif event.etype in _MADE_OR_GONE:
            self.host.vswitch_changed(
                uuid, is_there=event.etype == _TYPE.ADD_URI)

    def _is_foreign(self, event):
        """Return whether an event is of another system of the same HMC."""
        match = _SYSTEM.search(event.data)
        return (match is not None and
                match.group(1).lower() != self.host.system_uuid.lower())

    def _may_be_here(self, event, lpar_uuid):
        """Return whether an LPAR may be on this system (no request).

        It saves a look into Nova's database. An event of an HMC may not tell
        the system. Then the LPAR is here if the document of the system lists
        it, or if its state was read here. A NovaLink lists no LPARs, and has
        no other systems.
        """
        if _SYSTEM.search(event.data):
            return True
        here = system_lpars.listed(self.host.system)
        return (not here or lpar_uuid in here or
                self.host.partition_states.known(lpar_uuid) is not None)

    def _partition_event(self, event, lpar_uuid):
        is_here = self._may_be_here(event, lpar_uuid)
        if event.etype == _TYPE.DELETE_URI:
            self.host.partition_states.forget_deleted(lpar_uuid)
            self.lifecycle.cancel(lpar_uuid)
        elif event.etype in _CHANGED and _tells_of_state(event):
            self.host.partition_states.changed(lpar_uuid)
            if is_here:
                self.lifecycle.process(lpar_uuid)
        if self._nvram is not None and is_here and _tells_of_nvram(event):
            self._nvram.store_changed(lpar_uuid)

    def _vios_event(self, event, vios_uuid):
        if event.etype in _MADE_OR_GONE:
            self.host.vioses_changed()
        elif event.etype in _CHANGED:
            self.host.vios_changed(vios_uuid, event.detail or '')

    def shutdown(self):
        """End the lifecycle thread; later events change nothing."""
        self.lifecycle.shutdown()


class PowerVMLifecycleEventHandler(object):
    """Report the power states of LPARs to Nova once they have settled.

    One thread serves all LPARs. The first event starts it, and shutdown() ends
    it.

    :param driver: the PowerVMDriver that emits the events.
    :param host: the Host that knows the states.
    :param settle: number of seconds that a state has to last.
    """

    def __init__(self, driver, host, settle=SETTLE_SECONDS):
        self._driver = driver
        self._host = host
        self._settle = settle
        # LPAR UUID -> its instance, or None: those that were looked up
        # together and have not been used yet. Of the thread alone.
        self._found = {}
        # LPAR UUID -> time.monotonic() when it is due. All wait equally long,
        # so they are due in the order in which they were added.
        self._due = collections.OrderedDict()
        self._changed = threading.Condition()
        self._thread = None
        self._stopped = False

    def process(self, lpar_uuid):
        """Check an LPAR when its state has settled, counted from now.

        :param lpar_uuid: the LPAR's UUID, upper case.
        """
        with self._changed:
            if self._stopped:
                return
            self._due[lpar_uuid] = time.monotonic() + self._settle
            self._due.move_to_end(lpar_uuid)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name='powervm-lifecycle', daemon=True)
                self._thread.start()
            self._changed.notify()

    def cancel(self, lpar_uuid):
        """Do not check an LPAR.

        :param lpar_uuid: the LPAR's UUID, upper case.
        """
        with self._changed:
            self._due.pop(lpar_uuid, None)

    def shutdown(self):
        """Drop pending checks and end the thread."""
        with self._changed:
            self._stopped = True
            self._due.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            # The thread may be in a request, which cannot be interrupted.
            thread.join(_SHUTDOWN_WAIT_SECONDS)

    def _run(self):
        while True:
            lpar_uuids = self._wait_for_next()
            if not lpar_uuids:
                return
            self._find(lpar_uuids)
            for lpar_uuid in lpar_uuids:
                try:
                    self.emit(lpar_uuid)
                except Exception:
                    LOG.exception('Nova could not be told of the state of '
                                  'LPAR %s.', lpar_uuid)

    def _wait_for_next(self):
        """Wait for the next LPARs that are due; none of them at the end."""
        with self._changed:
            while not self._stopped:
                due = next(iter(self._due.values()), None)
                remaining = (None if due is None else due - time.monotonic() +
                             min(_GATHER_SECONDS, self._settle))
                if remaining is not None and remaining <= 0:
                    return self._take_due()
                self._changed.wait(remaining)
        return []

    def _take_due(self):
        now = time.monotonic()
        found = [lpar_uuid for lpar_uuid, due in itertools.islice(
            self._due.items(), _GATHER_COUNT) if due <= now]
        for lpar_uuid in found:
            del self._due[lpar_uuid]
        return found

    def _find(self, lpar_uuids):
        """Look up the instances of several LPARs (1 DB call, or none)."""
        self._found.clear()
        if len(lpar_uuids) == 1:
            return
        try:
            self._found.update(nova_instances.find_instances(
                lpar_uuids, self._host.nodename))
        except Exception:
            LOG.exception('The servers of %d LPARs could not be found '
                          'together; looking for each.', len(lpar_uuids))

    def emit(self, lpar_uuid):
        """Emit the lifecycle event for the state of an LPAR.

        :param lpar_uuid: the LPAR's UUID, upper case.
        :raises pypowervm.exceptions.Error: if the state cannot be read.
        """
        instance = self._found.pop(lpar_uuid, _NOT_LOOKED_UP)
        if instance is _NOT_LOOKED_UP:
            instance = nova_instances.find_instance(
                lpar_uuid, self._host.nodename)
        if instance is None:
            LOG.debug('LPAR %s is not a server of this host.', lpar_uuid)
            return
        if instance.task_state in _NO_EVENT_TASK_STATES:
            LOG.debug('No event in the task state %s.', instance.task_state,
                      instance=instance)
            return
        try:
            state = self._host.partition_states.get(lpar_uuid, use_cache=False)
        except nova_exc.InstanceNotFound:
            LOG.debug('LPAR %s is gone.', lpar_uuid, instance=instance)
            return
        transition = power_states.transition(state, instance.power_state)
        if transition is None:
            return
        LOG.info('LPAR is %(state)s while Nova has power state %(power)s; '
                 'telling Nova.', {'state': state,
                                   'power': instance.power_state},
                 instance=instance)
        self._driver.emit_event(
            virt_event.LifecycleEvent(instance.uuid, transition))
