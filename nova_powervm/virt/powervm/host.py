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

"""Own the REST connection to a PowerVM server, and cache facts about it.

Module reader has the methods that read the platform.
"""

from __future__ import annotations

import threading
import typing

from nova import exception as nova_exc
from oslo_log import log as logging
from oslo_utils import excutils
from pypowervm import adapter as pvm_adapter
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks.monitor import host_cpu
from pypowervm.tasks import partition as pvm_partition
from pypowervm.utils import retry as pvm_retry
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import network as pvm_net
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import bridges
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import facts
from nova_powervm.virt.powervm import fc_ports
from nova_powervm.virt.powervm import group_commit
from nova_powervm.virt.powervm import managed_system
from nova_powervm.virt.powervm import partition_states
from nova_powervm.virt.powervm import private_vlans
from nova_powervm.virt.powervm import reader
from nova_powervm.virt.powervm import rest
from nova_powervm.virt.powervm import rest_settings
from nova_powervm.virt.powervm import sriov
from nova_powervm.virt.powervm import system_identity
from nova_powervm.virt.powervm import vios_looks
from nova_powervm.virt.powervm import virtual_networks

LOG = logging.getLogger(__name__)
CONF = cfg.CONF


class Host(reader.PlatformReader):
    """The single owner of the REST connection to one PowerVM server.

    It reads what hardly ever changes only once. Events of the platform make it
    forget such a fact; without events it does so after a minute. All methods
    may be called from any thread. Threads that need the same fact at the same
    time share one read; no thread waits for the read of another fact. Methods
    that send requests raise pypowervm.exceptions.Error if the platform refuses
    or does not answer.

    :ivar news: facts.News, without which what was read is old soon.
    :ivar bridges: bridges.Bridges, its Shared Ethernet Adapters.
    :ivar private_vlans: private_vlans.PrivateVlans, for ports of Open vSwitch.
    :ivar sriov: sriov.Sriov, for ports on SR-IOV adapters.
    :ivar hmc_networks: virtual_networks.VirtualNetworks, of an HMC.
    :param nodename: Nova's name of this host.
    """

    def __init__(self, nodename: str) -> None:
        self.nodename = nodename
        self.news = facts.News()
        self.partition_states = partition_states.PartitionStates(self)
        self.bridges = bridges.Bridges(self)
        self.private_vlans = private_vlans.PrivateVlans(self)
        self.sriov = sriov.Sriov(self)
        self.hmc_networks = virtual_networks.VirtualNetworks(self)
        self._adapter: pvm_adapter.Adapter | None = None
        self._system: pvm_ms.System | None = None
        #: Edits the documents of the VIOSes.
        self.edits = group_commit.GroupCommit(self.read_again)
        #: Looks at VIOSes without an edit.
        self.vios_looks = vios_looks.ViosLooks(self)
        self._vswitches = facts.Fact(self._read_vswitches, self.news)
        self._mgmt = facts.Fact(self._read_mgmt, self.news)
        self._vios_ids = facts.Fact(self._read_vios_ids, self.news)
        self._hmc = facts.Fact(
            lambda: (system_identity.read_hmc(self), True), self.news)
        self._fc_ports = fc_ports.FcPorts(self._read_fc_ports, self.news)
        self._missed_vioses: set[str] = set()
        self._missed_lock = threading.Lock()
        self._cpu_lock = threading.Lock()
        self._cpu_cache: host_cpu.HostCPUMetricCache | None = None

    # ---- start and end -------------------------------------------------

    def connect(self,
                event_handler: pvm_adapter.EventHandler | None = None) -> None:
        """Log on, and find the system that this nova-compute manages.

        :param event_handler: pypowervm event handler that is to receive the
            platform's events until close(), or None.
        :raises nova.exception.InvalidConfiguration: if connection options are
            invalid.
        :raises RestAuthenticationFailed: if the server refuses user and
            password.
        :raises RestServerUnavailable: if the server cannot be used.
        :raises ManagedSystemCount, ManagedSystemNotFound,
            ManagedSystemAmbiguous, ManagedSystemNotMaster: if it is not clear
            which system this is, or if it may not be changed.
        """
        try:
            self._system = self._log_on()
            self.adapter.manage(self._system)
            self.adapter.session.on_switch = self.invalidate
            if event_handler is not None:
                self._listen(event_handler)
        except Exception:
            with excutils.save_and_reraise_exception():
                self.close()

    def _log_on(self) -> pvm_ms.System:
        """Log on to the first server that may change the system."""
        refusals: dict[str, exception.OneLine] = {}
        while rest_settings.hosts(passed_over=refusals):
            try:
                self._adapter = rest.connect(passed_over=refusals)
            except exception.RestServerUnavailable as exc:
                raise next(iter(refusals.values()), exc)
            try:
                return self._find_system()
            except (exception.ManagedSystemNotFound,
                    exception.ManagedSystemNotMaster,
                    exception.RestServerUnavailable) as exc:
                refusals[self.adapter.session.host] = exc
                if rest_settings.hosts(passed_over=refusals):
                    LOG.warning('This server of rest_host is of no use: %s',
                                exc)
                self.close()
        raise next(iter(refusals.values()))

    def _find_system(self) -> pvm_ms.System:
        url = self.adapter.session.dest
        try:
            systems = self._read_systems(CONF.powervm.managed_system)
        except pvm_exc.Error as exc:
            raise exception.RestServerUnavailable(
                url=url, reason=str(exc)) from exc
        return managed_system.choose(systems, CONF.powervm.managed_system,
                                     url)

    def _read_systems(self, wanted: str | None) -> list[pvm_ms.System]:
        """Read the systems (1 request, or 2); only one if a UUID is known."""
        if self.is_hmc and managed_system.is_uuid(wanted):
            try:
                return [pvm_ms.System.get(self.adapter, uuid=wanted)]
            except pvm_exc.HttpNotFound:
                LOG.debug('There is no system %s; what is there?', wanted)
        return self.systems()

    def _listen(self, event_handler: pvm_adapter.EventHandler) -> None:
        self.adapter.session.on_poll = self.news.note_poll
        try:
            self.adapter.session.listen(event_handler)
        except (pvm_exc.Error, ValueError) as exc:
            if self.is_hmc:
                self.news.note_silence()
                LOG.warning('The HMC opens no event queue, so nova-compute '
                            'learns of changes late: %s', exc)
                return
            raise exception.RestServerUnavailable(
                url=self.adapter.session.dest,
                reason='it opens no event queue: %s' % exc) from exc

    def close(self) -> None:
        """End the event thread and log off. May be called twice."""
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            adapter.session.close()
        self.invalidate()

    def wait_for_vioses(self, max_wait_time: int | None = None) -> None:
        """Wait until the VIOSes that are powered on can be managed.

        :param max_wait_time: seconds; None means vios_active_wait_timeout.
        :raises ViosNotAvailable: if no VIOS can be managed by then.
        """
        if max_wait_time is None:
            max_wait_time = CONF.powervm.vios_active_wait_timeout
        try:
            pvm_partition.validate_vios_ready(self.adapter,
                                              max_wait_time=max_wait_time)
        except pvm_exc.ViosNotAvailable:
            raise exception.ViosNotAvailable(
                wait_time=max_wait_time) from None

    # ---- the connection ------------------------------------------------

    @property
    def adapter(self) -> pvm_adapter.Adapter:
        """The pypowervm Adapter.

        :raises nova.exception.VirtDriverNotReady: before connect() and after
            close().
        """
        adapter = self._adapter
        if adapter is None:
            raise nova_exc.VirtDriverNotReady()
        return adapter

    @property
    def is_hmc(self) -> bool:
        """Whether an HMC manages the server, together with others.

        Then there is no management partition, and no Open vSwitch.
        """
        return rest.is_hmc(self.adapter.session)

    @property
    def hmc(self) -> system_identity.Hmc:
        """The HMC that the session is with, see is_hmc (1 request, once)."""
        return self._hmc.get()

    # ---- the system ----------------------------------------------------

    @property
    def system(self) -> pvm_ms.System:
        """The System wrapper, as it was last read.

        Use it only for what hardly changes: identity, capabilities and limits.
        """
        if self._system is None:
            raise nova_exc.VirtDriverNotReady()
        return self._system

    @property
    def system_uuid(self) -> str:
        """The UUID of the managed system, str."""
        return self.system.uuid

    def get_system(self) -> pvm_ms.System:
        """Read the whole System wrapper (1 request)."""
        self._system = self.read_system()
        return self._system

    def refresh_system(self) -> pvm_ms.System:
        """Read the System wrapper again (1 request).

        If it has not changed, the platform answers without content.
        """
        self._system = self.read_again(self.system)
        return self._system

    def get_vswitch(self, name: str) -> pvm_net.VSwitch | None:
        """Find a virtual switch (1 request, once).

        :param name: its name, as in 'ETHERNET0'.
        :returns: a VSwitch wrapper, not to be changed, or None.
        """
        return self._vswitches.get().get(name)

    def vswitch_names(self) -> dict[int, str]:
        """Return the names of the virtual switches (1 request, once).

        :returns: dict of int, the number of a switch, -> str.
        """
        return {vswitch.switch_id: name
                for name, vswitch in self._vswitches.get().items()}

    def _read_vswitches(self) -> tuple[dict[str, pvm_net.VSwitch], bool]:
        return {vswitch.name: vswitch
                for vswitch in self.virtual_switches()}, True

    @property
    def mgmt_uuid(self) -> str | None:
        """The UUID of the management partition (1-2 requests, once).

        :returns: str; None on an HMC, which needs no such partition.
        :raises pypowervm.exceptions.ManagementPartitionNotFoundException: if
            there is not exactly one.
        """
        return self._mgmt.get()[0]

    @property
    def mgmt_is_vios(self) -> bool:
        """Whether the management partition is a VIOS, see mgmt_uuid."""
        return self._mgmt.get()[1]

    def read_mgmt_partition(self) -> pvm_bp.BasePartition:
        """Read the management partition: VIOS or LPAR (1 request).

        :raises: as mgmt_uuid, the first time.
        """
        if self.mgmt_uuid is None:
            raise pvm_exc.ManagementPartitionNotFoundException(count=0)
        read = self.vios if self.mgmt_is_vios else self.lpar
        return read(self.mgmt_uuid)

    def mgmt_network_adapters(self) -> list[pvm_net.CNA]:
        """Read the adapters of the management partition: list of CNA.

        See read_mgmt_partition(). Behind an HMC there are none.
        """
        if self.mgmt_uuid is None:
            return []
        return self.network_adapters(self.mgmt_uuid,
                                     is_vios=self.mgmt_is_vios)

    def vios_id(self, vios_uuid: str) -> int:
        """Tell the partition ID of a VIOS (1 request, once for all)."""
        return (self._vios_ids.get().get(vios_uuid.lower()) or
                self.vios(vios_uuid).id)

    def _read_vios_ids(self) -> tuple[dict[str, int], bool]:
        return _ids_of(self.vioses()), True

    def is_mgmt(self, uuid: str | None) -> bool:
        """Whether a UUID is that of the management partition."""
        return bool(uuid and self.mgmt_uuid and
                    uuid.lower() == self.mgmt_uuid.lower())

    def _read_mgmt(self) -> tuple[tuple[str | None, bool], bool]:
        if self.is_hmc:
            return (None, False), True
        return _identity(self.find_mgmt_partition()), True

    def note_partitions(
            self, partitions: typing.Iterable[pvm_bp.BasePartition]) -> None:
        """Find the management partition among wrappers that were read before.

        This saves the requests that would find it.

        :param partitions: wrappers of all LPARs and VIOSes.
        """
        partitions = list(partitions)
        vioses = [partition_w for partition_w in partitions
                  if isinstance(partition_w, pvm_vios.VIOS)]
        self._vios_ids.set(_ids_of(vioses))
        self.bridges.note_vioses(vioses)
        found = [partition_w for partition_w in partitions
                 if partition_w.is_mgmt_partition]
        if len(found) == 1:
            self._mgmt.set(_identity(found[0]))

    def note_missed_vios(self, vios_uuid: str) -> None:
        """Note that an operation continued without a VIOS.

        When the VIOS is back, the driver cleans up what the operation left
        there.

        :param vios_uuid: UUID of the VIOS.
        """
        with self._missed_lock:
            self._missed_vioses.add(vios_uuid)

    def take_missed_vioses(self) -> set[str]:
        """Return the VIOSes noted since the last call: set of UUIDs."""
        with self._missed_lock:
            missed, self._missed_vioses = self._missed_vioses, set()
            return missed

    def fc_ports(self) -> dict[str, list[str]]:
        """Return the Fibre Channel ports of the VIOSes (1 request, then 0).

        They are read again after a VIOS may have got or lost ports, see module
        fc_ports.

        :returns: dict of VIOS UUID -> list of the WWPNs, str, of its usable
            ports.
        """
        return self._fc_ports.get()

    def vios_partitions(self) -> dict[str, tuple[str, int]]:
        """Find the names and partition ids of the VIOSes, by their UUIDs.

        It is read with their ports, see fc_ports().
        """
        return self._fc_ports.partitions()

    @pvm_retry.retry(tries=3, delay_func=pvm_retry.STEPPED_DELAY,
                     retry_except=pvm_exc.Error)
    def _read_fc_ports(self) -> tuple[list[pvm_vios.VIOS], bool]:
        """Read the VIOSes with their ports, in up to three attempts.

        Nova asks for the ports after a server has left its host. If this
        failed, the server's volumes would stay exported only to that host.

        :returns: list of VIOS wrappers, and whether all are up.
        """
        vioses = self.vioses([pvm_const.XAG.VIO_STOR])
        return vioses, len(vioses) == len(self.filter_active(vioses))

    def expect_vios_event(self, vios_uuid: str) -> None:
        """Announce that the driver is about to change the media of a VIOS."""
        self._fc_ports.expect_event(vios_uuid)

    # ---- what has changed ----------------------------------------------

    def vios_changed(self, vios_uuid: str, detail: str = '') -> None:
        """Forget the facts that a change of a VIOS may concern.

        :param vios_uuid: UUID of the VIOS.
        :param detail: str, comma-separated list of what has changed; '' if
            unknown.
        """
        self.vios_looks.forget(vios_uuid)
        self._fc_ports.changed(vios_uuid, detail)
        self.bridges.changed(vios_uuid, detail)
        self.sriov.changed(detail)

    def vioses_changed(self) -> None:
        """Forget the facts about VIOSes, because one was added or removed."""
        self._vios_ids.forget()
        self._fc_ports.forget()
        self.bridges.forget()
        self.sriov.forget()

    def lpar_deleted(self, lpar_uuid: str) -> None:
        """Update the facts after an LPAR was deleted with its adapters.

        :param lpar_uuid: UUID of the LPAR.
        """
        self.private_vlans.lpar_deleted(lpar_uuid)
        self.sriov.lpar_deleted(lpar_uuid)

    def vswitch_changed(self, uuid: str, is_there: bool) -> None:
        """Forget the virtual switches, unless the change is known already.

        The platform also reports switches that this driver has created, but
        late.

        :param uuid: UUID of the switch.
        :param is_there: bool, whether the switch was created; False means
            deleted.
        """
        self._vswitches.forget(lambda vswitches: is_there == (
            uuid.lower() in {vswitch.uuid.lower()
                             for vswitch in vswitches.values()}))

    def vswitches_changed(self) -> None:
        """Forget the virtual switches: one was created or may have changed."""
        self._vswitches.forget()

    def invalidate(self) -> None:
        """Forget all facts, because they may have changed."""
        for known in (
                self._vswitches, self._mgmt, self._fc_ports, self._vios_ids,
                self._hmc, self.bridges, self.vios_looks, self.edits.answers,
                self.private_vlans, self.sriov, self.hmc_networks):
            known.forget()
        self.partition_states.clear()

    # ---- statistics ----------------------------------------------------

    def get_cpu_stats(self) -> dict[str, int]:
        """Read how busy the processors are (at most once in 30 seconds).

        The first call turns on long-term monitoring on the platform.

        :returns: dict like ComputeDriver.get_host_cpu_stats. Times are in
            ticks of the time base: 'kernel' is the time of the hypervisor,
            'user' the time of all partitions. 'frequency' is in MHz, 0 if this
            is not a Power machine.
        :raises pypowervm.exceptions.Error: if the metrics cannot be read.
        """
        with self._cpu_lock:
            with answers.understood('metrics'):
                if self._cpu_cache is None:
                    self._cpu_cache = host_cpu.HostCPUMetricCache(
                        self.adapter, self.system_uuid)
                cache = self._cpu_cache
                cache.refresh()
            busy = cache.total_user_cycles + cache.total_fw_cycles
            return {
                'kernel': int(cache.total_fw_cycles),
                'user': int(cache.total_user_cycles),
                'idle': int(cache.total_cycles - busy),
                'iowait': 0,
                'frequency': cache.cpu_freq or 0,
            }


def _ids_of(vioses: typing.Iterable[pvm_vios.VIOS]) -> dict[str, int]:
    """Return the partition IDs of VIOSes by UUID."""
    return {vios_w.uuid.lower(): vios_w.id for vios_w in vioses}


def _identity(mgmt_w: pvm_bp.BasePartition) -> tuple[str, bool]:
    """Return the UUID of the management partition and whether it is a VIOS."""
    return mgmt_w.uuid, isinstance(mgmt_w, pvm_vios.VIOS)
