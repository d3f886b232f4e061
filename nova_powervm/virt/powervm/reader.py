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

"""Read the REST API of a PowerVM server.

Every read of the driver is a method of PlatformReader. No other module calls
the functions of pypowervm that read (tests/test_imports.py). Host inherits
from this class, so services ask their host.
"""

from __future__ import annotations

import abc
import json
import typing

from pypowervm import adapter as pvm_adapter
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import partition as pvm_partition
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import cluster as pvm_cluster
from pypowervm.wrappers import entry_wrapper as pvm_wrapper
from pypowervm.wrappers import iocard as pvm_card
from pypowervm.wrappers import job as pvm_job
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import management_console as pvm_console
from pypowervm.wrappers import monitor as pvm_mon
from pypowervm.wrappers import network as pvm_net
from pypowervm.wrappers import shared_proc_pool as pvm_spp
from pypowervm.wrappers import storage as pvm_stg
from pypowervm.wrappers import vios_file
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import rest

#: HTTP status.
_CONFLICT = 409


class PlatformReader(abc.ABC):
    """Reads objects of one PowerVM server, without a cache.

    Each method sends 1 request, unless it says otherwise, and returns
    pypowervm wrappers. It raises pypowervm.exceptions.Error if the platform
    refuses or does not answer; this is an HttpNotFound if the object does not
    exist. A getter sends its request when its get() is called, or when the
    transaction that has the getter is executed.

    groups are the extended attribute groups, pypowervm.const.XAG, that the
    answer shall contain. Without groups it contains only what belongs to no
    group.
    """

    @property
    @abc.abstractmethod
    def adapter(self) -> pvm_adapter.Adapter:
        """The pypowervm Adapter."""

    @property
    @abc.abstractmethod
    def system_uuid(self) -> str:
        """The UUID of the managed system, str."""

    # ---- the system ----------------------------------------------------

    def systems(self) -> list[pvm_ms.System]:
        """Read the systems that the REST server manages: list of System."""
        return pvm_ms.System.get(self.adapter)

    def read_system(self) -> pvm_ms.System:
        """Read the managed system: System."""
        return pvm_ms.System.get(self.adapter, uuid=self.system_uuid)

    def processor_pools(self) -> list[pvm_spp.SharedProcPool]:
        """Read the shared processor pools: list of SharedProcPool."""
        return self._children_of_system(pvm_spp.SharedProcPool)

    def virtual_switches(self) -> list[pvm_net.VSwitch]:
        """Read the virtual switches: list of VSwitch."""
        return self._children_of_system(pvm_net.VSwitch)

    def virtual_networks(self) -> list[pvm_net.VNet]:
        """Read the virtual networks, 1 for each VLAN in use: list of VNet."""
        return self._children_of_system(pvm_net.VNet)

    def network_bridges(self) -> list[pvm_net.NetBridge]:
        """Read the network bridges, each with its SEAs: list of NetBridge."""
        return self._children_of_system(pvm_net.NetBridge)

    def _children_of_system(
            self,
            wrapper_class: type[pvm_wrapper.EntryWrapper]) -> list[typing.Any]:
        return wrapper_class.get(self.adapter, parent_type=pvm_ms.System,
                                 parent_uuid=self.system_uuid)

    def latest_samples(self, timeout: float) -> pvm_adapter.Response:
        """Read the list of samples of the long-term monitor.

        Do not wait for a busy monitor, and do not keep the answer for the log.

        :param timeout: seconds to wait for the answer.
        :returns: pypowervm Response with a feed.
        """
        path = pvm_adapter.Adapter.build_path(
            pvm_mon.PCM_SERVICE, pvm_ms.System.schema_type,
            root_id=self.system_uuid, child_type=pvm_mon.RAW_METRICS,
            child_id=pvm_mon.LONG_TERM_MONITOR, xag=[])
        return self.adapter.read_by_path(path, timeout=timeout, helpers=[])

    def sample(self, url: str, timeout: float) -> pvm_adapter.Response:
        """Read a sample of the monitor, in the way of latest_samples().

        :param url: str, URL of the sample.
        :returns: pypowervm Response whose body is JSON.
        """
        return self.adapter.read_by_href(url, timeout=timeout, helpers=[],
                                         xag=[])

    # ---- partitions ----------------------------------------------------

    def vioses(self, groups: typing.Iterable[str] = (),
               log_errors: bool = True) -> list[pvm_vios.VIOS]:
        """Read all VIOSes: list of VIOS.

        :param log_errors: whether to log an error of the platform.
        """
        helpers = {} if log_errors else {'helpers': rest.UNLOGGED}
        return pvm_vios.VIOS.get(self.adapter, xag=_xag(groups), **helpers)

    def vios(self, vios_uuid: str,
             groups: typing.Iterable[str] = ()) -> pvm_vios.VIOS:
        """Read a VIOS: VIOS."""
        return pvm_vios.VIOS.get(self.adapter, uuid=vios_uuid,
                                 xag=_xag(groups))

    def vios_getter(
        self, vios_uuid: str, groups: typing.Iterable[str] = ()
    ) -> pvm_wrapper.EntryWrapperGetter:
        """Return a getter of a VIOS (no request)."""
        return pvm_vios.VIOS.getter(self.adapter, entry_uuid=vios_uuid,
                                    xag=_xag(groups))

    def active_vioses(
            self, groups: typing.Iterable[str] = ()) -> list[pvm_vios.VIOS]:
        """Read the VIOSes that are up, see filter_active(): list of VIOS."""
        return self.filter_active(self.vioses(groups))

    def is_vios_up(self, vios_uuid: str) -> bool:
        """Return whether a VIOS is up; True if that is unknown. Never raises.

        :returns: bool
        """
        try:
            return any(vios_w.uuid.lower() == vios_uuid.lower()
                       for vios_w in self.active_vioses())
        except pvm_exc.Error:
            return True

    @staticmethod
    def filter_active(
            vioses: typing.Iterable[pvm_vios.VIOS]) -> list[pvm_vios.VIOS]:
        """Return the VIOSes that are up (no request).

        :param vioses: iterable of VIOS wrappers.
        :returns: list of the VIOSes that run and either have RMC or are the
            management partition, which comes first.
        """
        return pvm_partition.get_active_vioses(None, vios_wraps=vioses)

    def lpars(self) -> list[pvm_lpar.LPAR]:
        """Read all LPARs, without the VIOSes: list of LPAR."""
        return pvm_lpar.LPAR.get(self.adapter)

    def lpar(self, lpar_uuid: str,
             groups: typing.Iterable[str] = ()) -> pvm_lpar.LPAR:
        """Read an LPAR: LPAR."""
        return pvm_lpar.LPAR.get(self.adapter, uuid=lpar_uuid,
                                 xag=_xag(groups))

    def lpar_getter(self, lpar_uuid: str) -> pvm_wrapper.EntryWrapperGetter:
        """Return a getter of an LPAR (no request)."""
        return pvm_lpar.LPAR.getter(self.adapter, entry_uuid=lpar_uuid)

    def lpar_state(self, lpar_uuid: str) -> str:
        """Read the state of an LPAR: a pypowervm LPARState, str.

        Do not log it if the LPAR does not exist.
        """
        what = 'PartitionState'
        answer = self.adapter.read(
            pvm_lpar.LPAR.schema_type, lpar_uuid, suffix_type='quick',
            suffix_parm=what, helpers=rest.UNLOGGED)
        with answers.understood('%s of %s' % (what, lpar_uuid), answer):
            state = json.loads(answer.body)
            if not isinstance(state, str) or not state:
                raise ValueError('it is no text')
        return state

    def system_of_lpar(self, lpar_uuid: str) -> str | None:
        """Find the system of an LPAR, among all systems of an HMC.

        :returns: str, UUID of the system; '' if several systems have such an
            LPAR; None if none has.
        """
        try:
            answer = self.adapter.read_anywhere(
                pvm_lpar.LPAR.schema_type, lpar_uuid, helpers=rest.UNLOGGED)
        except pvm_exc.HttpNotFound:
            return None
        except pvm_exc.HttpError as exc:
            # Assumed, no hardware: the HMC does not choose one of them.
            if exc.response.status != _CONFLICT:
                raise
            return ''
        return pvm_lpar.LPAR.wrap(answer).assoc_sys_uuid

    def find_mgmt_partition(self) -> pvm_bp.BasePartition:
        """Find the management partition (1-2 requests).

        :returns: VIOS or LPAR wrapper.
        :raises pypowervm.exceptions.ManagementPartitionNotFoundException: if
            there is not exactly one.
        """
        return pvm_partition.get_mgmt_partition(self.adapter)

    def network_adapters(self, lpar_uuid: str,
                         is_vios: bool = False) -> list[pvm_net.CNA]:
        """Read the virtual Ethernet adapters of a partition: list of CNA.

        :param is_vios: whether the partition is a VIOS.
        """
        found = pvm_net.CNA.get(
            self.adapter, parent_type=pvm_vios.VIOS if is_vios else
            pvm_lpar.LPAR, parent_uuid=lpar_uuid)
        return [cna for cna in found if self._is_here(cna.vswitch_uri)]

    def vnics(self, lpar_uuid: str) -> list[pvm_card.VNIC]:
        """Read the vNICs of an LPAR: list of VNIC."""
        found = pvm_card.VNIC.get(self.adapter, parent_type=pvm_lpar.LPAR,
                                  parent_uuid=lpar_uuid)
        return [vnic for vnic in found if all(
            self._is_here(device.vios_href) for device in vnic.back_devs)]

    def _is_here(self, href: str) -> bool:
        """Whether a link leads to something of this system (no request).

        An HMC may have an LPAR with the UUID of one of ours on another system.

        :param href: str, link with the UUID of the system, as those to virtual
            switches and from vNICs to VIOSes (pypowervm's vnic_feed.txt).
        """
        return (not rest.is_hmc(self.adapter.session) or
                '/%s/' % self.system_uuid.lower() in href.lower())

    def logical_ports(self, vios_uuid: str) -> list[pvm_card.SRIOVEthLPort]:
        """Read the SR-IOV logical ports of a VIOS: list of SRIOVEthLPort."""
        return pvm_card.SRIOVEthLPort.get(
            self.adapter, parent_type=pvm_vios.VIOS, parent_uuid=vios_uuid)

    def job_form(self, wrapper_class: type[pvm_wrapper.EntryWrapper],
                 uuid: str | None, operation: str,
                 log_errors: bool = True) -> pvm_job.Job:
        """Read the form of a job, which the caller fills in: Job.

        Each form is read only once, see rest.Adapter.

        :param wrapper_class: class of the object that the job works on.
        :param uuid: str, UUID of the object.
        :param operation: str, the platform's name of the job.
        :param log_errors: whether to log an error of the platform.
        """
        helpers = {} if log_errors else {'helpers': rest.UNLOGGED}
        return pvm_job.Job.wrap(self.adapter.read(
            wrapper_class.schema_type, uuid,
            suffix_type=pvm_const.SUFFIX_TYPE_DO, suffix_parm=operation,
            **helpers))

    def job(self, job_id: str) -> pvm_job.Job:
        """Read a job that was submitted: Job.

        :param job_id: str
        """
        return pvm_job.Job.wrap(self.adapter.read_job(job_id))

    def management_console(
            self, log_errors: bool = True) -> pvm_console.ManagementConsole:
        """Read the NovaLink itself, or the HMC: ManagementConsole.

        :param log_errors: whether to log an error of the platform.
        """
        helpers = {} if log_errors else {'helpers': rest.UNLOGGED}
        found = pvm_console.ManagementConsole.get(self.adapter, **helpers)
        with answers.understood('the console'):
            console, = found
        return console

    # ---- storage -------------------------------------------------------

    def volume_groups(self, vios_uuid: str) -> list[pvm_stg.VG]:
        """Read the volume groups of a VIOS: list of VG."""
        return pvm_stg.VG.get(self.adapter, parent_type=pvm_vios.VIOS,
                              parent_uuid=vios_uuid)

    def volume_group_getter(self, vios_uuid: str,
                            vg_uuid: str) -> pvm_wrapper.EntryWrapperGetter:
        """Return a getter of a volume group of a VIOS (no request)."""
        return pvm_stg.VG.getter(
            self.adapter, entry_uuid=vg_uuid, parent_class=pvm_vios.VIOS,
            parent_uuid=vios_uuid)

    def upload_files(self) -> list[vios_file.File]:
        """Read the web Files, the descriptors of uploads: list of File.

        An HMC returns the Files of all its systems.
        """
        return vios_file.File.get(self.adapter, service='web', xag=[])

    def clusters(self) -> list[pvm_cluster.Cluster]:
        """Read the clusters that the VIOSes are in: list of Cluster."""
        return pvm_cluster.Cluster.get(self.adapter)

    def clusters_named(self, name: str) -> list[pvm_cluster.Cluster]:
        """Find clusters by name: list of Cluster."""
        return pvm_cluster.Cluster.search(self.adapter, name=name)

    def cluster(self, cluster_uuid: str) -> pvm_cluster.Cluster:
        """Read a cluster: Cluster."""
        return pvm_cluster.Cluster.get(self.adapter, uuid=cluster_uuid)

    def shared_storage_pool(self, cluster: pvm_cluster.Cluster) -> pvm_stg.SSP:
        """Read the pool of a Cluster wrapper: SSP."""
        return pvm_stg.SSP.get_by_href(self.adapter, cluster.ssp_uri)

    def tiers(self, ssp: pvm_stg.SSP) -> list[pvm_stg.Tier]:
        """Read the tiers of a pool, an SSP wrapper: list of Tier."""
        return pvm_stg.Tier.get(self.adapter, parent=ssp)

    def logical_units(self, tier_uuid: str) -> list[pvm_stg.LUEnt]:
        """Read all logical units of a tier: list of LUEnt."""
        return pvm_stg.LUEnt.get(self.adapter, parent_type=pvm_stg.Tier,
                                 parent_uuid=tier_uuid)

    def logical_unit_getter(self, tier_uuid: str,
                            lu_uuid: str) -> pvm_wrapper.EntryWrapperGetter:
        """Return a getter of a logical unit of a tier (no request)."""
        return pvm_stg.LUEnt.getter(
            self.adapter, entry_uuid=lu_uuid, parent_class=pvm_stg.Tier,
            parent_uuid=tier_uuid)

    # ---- anything ------------------------------------------------------

    @staticmethod
    def read_again(wrapper: pvm_wrapper.EntryWrapper) -> typing.Any:
        """Read an object again.

        If it has not changed, the platform answers without content.

        :param wrapper: pypowervm wrapper of the object, as read before.
        :returns: wrapper; the earlier one if the object has not changed.
        """
        return wrapper.refresh()


def _xag(groups: typing.Iterable[str]) -> list[str] | None:
    # To pypowervm an empty list means all groups, which is expensive.
    return list(groups) or None
