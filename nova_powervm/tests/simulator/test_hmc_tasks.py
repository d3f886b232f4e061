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

"""pypowervm's own modules of tasks against the simulated HMC.

Another client than the driver uses them. Each module is driven once on the
second of three systems; the other two stay as they are. What an HMC does not
have is refused, and REFUSED says why.
"""

import io
import pkgutil

from pypowervm import exceptions as pvm_exc
from pypowervm import tasks as pvm_tasks
from pypowervm.tasks import client_storage
from pypowervm.tasks import cluster_ssp
from pypowervm.tasks import cna
from pypowervm.tasks import hdisk
from pypowervm.tasks.hdisk import _rbd as hdisk_rbd
from pypowervm.tasks import ibmi
from pypowervm.tasks import management_console
from pypowervm.tasks import master_mode
from pypowervm.tasks import memory
from pypowervm.tasks import migration
from pypowervm.tasks.monitor import host_cpu
from pypowervm.tasks.monitor import lpar as monitor_lpar
from pypowervm.tasks.monitor import util as monitor
from pypowervm.tasks import network_bridger
from pypowervm.tasks import partition
from pypowervm.tasks import power
from pypowervm.tasks import power_opts
from pypowervm.tasks import scsi_mapper
from pypowervm.tasks import slot_map
from pypowervm.tasks import sriov
from pypowervm.tasks import storage
from pypowervm.tasks import vfc_mapper
from pypowervm.tasks import vopt
from pypowervm.tasks import vterm
from pypowervm import utils as pvm_utils
from pypowervm.utils import lpar_builder
from pypowervm.utils import retry
from pypowervm.utils import transaction
from pypowervm.utils import uuid as uuid_tools
from pypowervm.utils import validation
from pypowervm.utils import wrappers as pvm_wrappers
from pypowervm.wrappers import cluster as pvm_cluster
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms
from pypowervm.wrappers import network as pvm_net
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.simulator import fingerprint
from nova_powervm.tests.simulator import hmc_base
from nova_powervm.tests.virt.powervm.walks import systems


class Store(slot_map.SlotMapStore):
    """A slot map that is kept nowhere."""

    def _load(self, _key):
        return None

    def _save(self, _key, _blob):
        """Nothing is kept."""

    def _delete(self, _key):
        """Nothing is kept."""


class TasksCase(hmc_base.HmcTestCase):
    """A test on the second of three systems.

    :ivar system: System wrapper
    :ivar uuid: its UUID
    :ivar vios: the model of its first VIOS
    :ivar lpar: the model of an LPAR there that runs
    """

    VLANS = (101,)

    def setUp(self):
        super().setUp()
        self.uuid = self.two.system.uuid
        # pypowervm would take the first system.
        self.adapter._sys_uuid = self.uuid
        self.system = pvm_ms.System.get(self.adapter, uuid=self.uuid)
        self.vios = self.two.store.all('VirtualIOServer')[0]
        self.lpar = self.make_lpar(self.two, running=True)
        self.group = self.vios.volume_groups[1]

    def lpar_w(self):
        return pvm_lpar.LPAR.get(self.adapter, uuid=self.lpar.uuid)

    def vios_w(self, *xag):
        return pvm_vios.VIOS.get(self.adapter, uuid=self.vios.uuid,
                                 xag=list(xag))

    def vioses(self, *xag):
        return pvm_vios.VIOS.get(
            self.adapter, parent_type=pvm_ms.System, parent_uuid=self.uuid,
            xag=list(xag))

    def tier(self):
        cluster, = pvm_cluster.Cluster.get(self.adapter)
        return pvm_stor.Tier.search(
            self.adapter, parent=pvm_stor.SSP.get_by_href(
                self.adapter, cluster.ssp_uri), name='SYSTEM',
            one_result=True)

    def disk(self, name='boot_1'):
        return storage.crt_vdisk(self.adapter, self.vios.uuid,
                                 self.group.uuid, name, 1)

    def map_disk(self):
        """Map a disk to the LPAR: its wrapper."""
        disk = self.disk()
        scsi_mapper.add_vscsi_mapping(self.uuid, self.vios.uuid,
                                      self.lpar.uuid, disk)
        return disk


# ---- what works ------------------------------------------------------------

def drive_client_storage(case):
    disk = case.map_disk()
    found = client_storage.udid_to_scsi_mapping(
        case.vios_w('ViosSCSIMapping'), disk.udid, case.lpar.partition_id)
    case.assertEqual('boot_1', found.backing_storage.name)


def drive_cluster_ssp(case):
    unit = cluster_ssp.get_or_upload_image_lu(
        case.tier(), 'image', case.vios.uuid, lambda: io.BytesIO(b'bytes'),
        5)
    case.assertEqual('image', unit.name)


def drive_cna(case):
    made = cna.crt_cna(case.adapter, case.uuid, case.lpar.uuid, 7)
    case.assertEqual(7, made.pvid)
    # This one looks for the management partition.
    case.assertRaises(pvm_exc.ManagementPartitionNotFoundException,
                      cna.find_orphaned_trunks, case.adapter, 'ETHERNET0')


def drive_memory(case):
    overhead, _available = memory.calculate_memory_overhead_on_host(
        case.adapter, case.uuid, {'desired_mem': 1024, 'max_mem': 2048})
    case.assertGreater(overhead, 0)


def drive_monitor_host_cpu(case):
    cache = host_cpu.HostCPUMetricCache(case.adapter, case.uuid)
    cache.refresh()
    case.assertEqual(0, cache.total_cycles)


def drive_monitor_lpar(case):
    monitor.ensure_ltm_monitors(case.adapter, case.uuid)
    case.site.clock.advance(90)
    found = monitor.LparMetricCache(case.adapter, case.uuid)
    metric = found.get_latest_metric(case.lpar.uuid)[1]
    case.assertIsInstance(metric, monitor_lpar.LparMetric)


def drive_monitor_util(case):
    monitor.ensure_ltm_monitors(case.adapter, case.uuid)
    case.site.clock.advance(90)
    case.assertIsNotNone(monitor.latest_stats(case.adapter, case.uuid)[1])


def drive_network_bridger(case):
    bridge, = pvm_net.NetBridge.get(
        case.adapter, parent_type=pvm_ms.System, parent_uuid=case.uuid)
    network_bridger.ensure_vlan_on_nb(case.adapter, case.uuid, bridge.uuid,
                                      300)
    case.assertIn(300, bridge.refresh().list_vlans())


def drive_partition(case):
    case.assertEqual(6, len(partition.get_active_vioses(case.adapter)))
    case.assertFalse(partition.has_physical_io(case.lpar_w()))


def drive_power(case):
    power.power_off_progressive(case.lpar_w())
    case.assertEqual('not activated', case.lpar.partition_state)


def drive_power_opts(case):
    power.power_off(
        case.lpar_w(), case.uuid,
        add_parms=power_opts.PowerOffOpts().immediate())
    power.power_on(case.lpar_w(), case.uuid, add_parms=power_opts.PowerOnOpts(
        ).bootmode(power_opts.BootMode.SMS))
    case.assertNotEqual('not activated', case.lpar.partition_state)


def drive_scsi_mapper(case):
    case.map_disk()
    vios_w, removed = scsi_mapper.remove_vdisk_mapping(
        case.adapter, case.vios.uuid, case.lpar.partition_id)
    case.assertEqual(['boot_1'], [disk.name for disk in removed])


def drive_slot_map(case):
    case.map_disk()
    smap = case.vios_w('ViosSCSIMapping').scsi_mappings[0]
    store = Store('server')
    store.register_vscsi_mapping(smap)
    case.assertEqual([smap.client_adapter.lpar_slot_num],
                     list(store.topology))


def drive_sriov(case):
    case.assertEqual([], sriov.find_pports_for_portlabel(
        'prod', case.adapter, msys=case.system))


def drive_storage(case):
    case.disk()
    vios_w, group_w = storage.find_vg(case.adapter, 'datavg')
    # The first system with a group of this name.
    case.assertEqual(case.one.system.uuid, vios_w.assoc_sys_uuid)
    group_w = pvm_stor.VG.get(case.adapter, uuid=case.group.uuid,
                              parent_type=pvm_vios.VIOS,
                              parent_uuid=case.vios.uuid)
    storage.rm_vg_storage(group_w, vdisks=group_w.virtual_disks)
    case.assertEqual({}, case.group.disks)


def drive_vfc_mapper(case):
    wwpns = vfc_mapper.build_wwpn_pair(case.adapter, case.uuid)
    vios_w = case.vios_w('ViosFCMapping')
    vfc_mapper.add_map(vios_w, case.uuid, case.lpar.uuid,
                       (case.vios.fc_ports[0].wwpn, ' '.join(wwpns)))
    vios_w.update()
    case.assertEqual(1, len(case.vios.fc_mappings))


def drive_vopt(case):
    """pypowervm takes the first repository of all systems."""
    for name in ('_cur_vios_uuid', '_cur_vg_uuid'):
        # It keeps them in the module.
        case.patch(vopt, name, None)
    vios = case.one.store.all('VirtualIOServer')[0]
    case.assertEqual((vios.uuid, vios.volume_groups[0].uuid),
                     vopt.validate_vopt_repo_exists(case.adapter))


def drive_hdisk_fc(case):
    with case.site.lock:
        case.site.san.create_volume('one', 1024 ** 3)
        connection = case.site.san.export(
            'one', [port.wwpn for port in case.vios.fc_ports])
    itls = [itl for port in case.vios.fc_ports for itl in hdisk.build_itls(
        [port.wwpn], connection['initiator_target_map'][port.wwpn],
        connection['target_lun'])]
    _status, name, _udid = hdisk.discover_hdisk(case.adapter, case.vios.uuid,
                                                itls)
    case.assertIn(name, case.vios.volumes)


def drive_migration(case):
    """Neither an address nor a key is needed between systems of one HMC."""
    migration.migrate_lpar(case.lpar_w(), case.three.system.name,
                           validate_only=True)


def drive_vterm(case):
    vterm.close_vterm(case.adapter, case.lpar.uuid)


def drive_lpar_builder(case):
    built = lpar_builder.LPARBuilder(
        case.adapter, {'name': 'new', 'memory': 1024, 'vcpu': 1},
        lpar_builder.DefaultStandardize(case.system)).build()
    built.create(parent=case.system)
    case.assertEqual(1, len(case.two.store.all('LogicalPartition')) - 2)


def drive_transaction(case):
    feed = transaction.FeedTask('touch', case.vioses())
    feed.add_functor_subtask(lambda vios_w: vios_w.name)
    case.assertEqual({'vios1', 'vios2'}, {
        wrapper.name for wrapper in
        [task.wrapper for task in feed.wrapper_tasks.values()]})
    feed.execute()


def drive_retry(case):
    case.assertEqual('vm1', retry.retry()(lambda: case.lpar_w().name)())


def drive_uuid(case):
    case.assertEqual(case.lpar.uuid[1:], uuid_tools.convert_uuid_to_pvm(
        case.lpar.uuid)[1:])


def drive_validation(case):
    validation.LPARWrapperValidator(
        case.lpar_w(), case.system).validate_all()


def drive_wrappers(case):
    """It is of this machine: it finds the modules of wrappers."""
    case.assertTrue(callable(pvm_wrappers.wrapper_class_iter))


# ---- what an HMC does not have ---------------------------------------------

def refuse_ibmi(case):
    lpar_w = case.lpar_w()
    lpar_w.set_parm_value('PartitionType', 'OS400')
    ibmi.start_panel_job(lpar_w, opt='dumprestart')


def refuse_management_console(case):
    case.assertIsNone(management_console.get_public_key(case.adapter))
    management_console.add_authorized_key(case.adapter, 'ssh-rsa key')


def refuse_master_mode(case):
    master_mode.request_master(case.system)


def refuse_hdisk_iscsi(case):
    hdisk.discover_iscsi_initiator(case.adapter, case.vios.uuid)


def refuse_hdisk_rbd(case):
    hdisk_rbd.rbd_exists(case.adapter, case.vios.uuid, 'pool/image')


#: Module -> function that drives it.
WORKS = {name[len('drive_'):].replace('_', '.', name.startswith((
    'drive_hdisk', 'drive_monitor'))): function
    for name, function in list(globals().items())
    if name.startswith('drive_')}
#: Module -> function that drives it, and why it is refused.
REFUSED = {
    'ibmi': (refuse_ibmi, 'the site has no panel of IBM i'),
    'management_console': (
        refuse_management_console,
        'trust between HMCs is set up with mkauthkeys, on their command line'),
    'master_mode': (
        refuse_master_mode,
        'a profile says which console is the master, for good'),
    'hdisk.iscsi': (refuse_hdisk_iscsi, 'only a NovaLink has this job'),
    'hdisk.rbd': (refuse_hdisk_rbd, 'only a NovaLink has this job'),
}


def modules(package):
    """Names of the modules of a package of pypowervm: set of str."""
    found = set()
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            below = getattr(package, module.name)
            found |= {'%s.%s' % (module.name, name.lstrip('_'))
                      for name in modules(below)}
        else:
            found.add(module.name)
    return found


def drives(cls):
    """Give a class a test for each module."""
    def works(function):
        return lambda self: self.works(function)

    def is_refused(function, _why):
        return lambda self: self.is_refused(function)

    for name, function in WORKS.items():
        setattr(cls, 'test_' + name.replace('.', '_'), works(function))
    for name, row in REFUSED.items():
        setattr(cls, 'test_' + name.replace('.', '_'), is_refused(*row))
    return cls


@drives
class TasksTest(TasksCase):

    def works(self, function):
        before = self.others()
        function(self)
        self.assertEqual([], fingerprint.differences(before, self.others()))

    def is_refused(self, function):
        before = systems.parts(self.site)
        exc = self.assertRaises(pvm_exc.HttpError, function, self)
        self.assertIn(exc.response.status, (400, 404, 405))
        self.assertEqual([], fingerprint.differences(
            before, systems.parts(self.site)))

    def others(self):
        return systems.parts(self.site, self.two.name)

    def test_each_module(self):
        self.assertEqual(modules(pvm_tasks) | modules(pvm_utils),
                         set(WORKS) | set(REFUSED))
        self.assertEqual(set(), set(WORKS) & set(REFUSED))
