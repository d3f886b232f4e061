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

"""What the hosts of a live migration refuse, before anything is changed.

Nova asks the target first, then the source, then the target again. Some
obstacles show only during the move. Then the job of the platform fails, and
the server stays on its host.
"""

from nova import exception as nova_exc
from nova.virt import configdrive
from nova.virt import driver as virt_driver
from pypowervm import util as pvm_util
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.live import outcome
from nova_powervm.virt.powervm.live import processors
from nova_powervm.virt.powervm.live import vnics
from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm import vif as powervm_vif
from nova_powervm.virt.powervm.vif import rmc
from nova_powervm.virt.powervm import vm
from nova_powervm.virt.powervm import volume

CONF = cfg.CONF

_KINDS = {pvm_stg.VDisk: 'disk', pvm_stg.VOptMedia: 'medium',
          pvm_stg.PV: 'physical volume'}


def _refuse(reason, *args):
    raise nova_exc.MigrationPreCheckError(reason=reason % args)


def find_console(host):
    """Tell which HMC a host uses (1 request, once, and none to a NovaLink).

    :param host: the owner of the REST connection (host.Host).
    :returns: str, its UUID, '' if the HMC does not tell that; None if a
        NovaLink manages the host.
    :raises pypowervm.exceptions.Error: if the HMC does not answer.
    """
    return host.hmc.uuid if host.is_hmc else None


def check_console(host, other):
    """Refuse a move that is neither between NovaLinks nor within an HMC.

    Each of the two hosts compares, as an older driver compares nothing.

    :param host: the owner of the REST connection (host.Host).
    :param other: what find_console() has returned on the other host.
    :raises nova.exception.MigrationPreCheckError: if the hosts do not use the
        same HMC, or if only one of them uses one.
    :raises pypowervm.exceptions.Error: if the HMC does not answer.
    """
    own = find_console(host)
    if own != other or own == '':
        _refuse('host %s uses %s, and the other host %s. The driver can '
                'migrate running servers between two NovaLinks, or between '
                'two systems of one HMC that both hosts use', host.nodename,
                _console_text(own), _console_text(other))


def _console_text(uuid):
    return 'a NovaLink' if uuid is None else 'the HMC %s' % (
        uuid or 'that does not tell its UUID')


def check_not_left(host, instance):
    """Refuse a target that has an LPAR of the server already.

    A cold migration or an evacuation has left it, off. It takes no request,
    and 1 if the host has known such an LPAR. If the host does not know it,
    the platform refuses the migration later.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :raises nova.exception.MigrationPreCheckError: if there is one.
    """
    if (host.partition_states.known(vm.get_lpar_uuid(instance)) and
            outcome.look(host, instance) in (outcome.Location.HERE,
                                             outcome.Location.MOVING)):
        _refuse('host %s has an LPAR of the server already, which an earlier '
                'move has left there', host.nodename)


def describe_target(host):
    """Check the system of the target, and describe it (1 request).

    An HMC is asked once for more, see find_console().

    :param host: the owner of the REST connection (host.Host).
    :returns: dict that JSON can tell
    :raises nova.exception.MigrationPreCheckError: if it takes no server now.
    :raises pypowervm.exceptions.Error: if it cannot be read.
    """
    console = find_console(host)
    system = host.get_system() if console is None else _read_of_hmc(host)
    _check_system(system, 'target')
    return {
        'system': system.system_name,
        'console': console,
        'address': (CONF.powervm.live_migration_address or CONF.my_ip
                    if console is None else None),
        'modes': list(system.proc_compat_modes),
        'region_mb': system.memory_region_size,
        'affinity_capable': bool(system.get_capability(
            'affinity_check_capable')),
        'ibmi_capable': bool(system.get_capability(
            'ibmi_lpar_mobility_capable')),
        # The driver makes that of Open vSwitch when it needs it.
        'switches': sorted({*host.vswitch_names().values(), _private()})}


def _read_of_hmc(host):
    """Read the system of the target (1 request); its name must be its own.

    The job on the source names it, and an HMC may have several with one name
    (source: IBM Documentation, command rmvterm).
    """
    name = host.system.system_name
    found = [system for system in host.systems()
             if system.system_name == name]
    if len(found) != 1 or found[0].uuid.lower() != host.system_uuid.lower():
        _refuse('the HMC cannot find the target by its name: %d systems are '
                'called %s', len(found), name)
    return found[0]


def _private():
    """Name of the switch on which each port is alone with its trunk."""
    return CONF.powervm.pvm_vswitch_for_novalink_io


def _check_system(system, which):
    """Refuse a system that cannot migrate, or is busy with it.

    What it does not tell is left to the platform.
    """
    name = system.system_name
    if system.get_capability('active_lpar_mobility_capable') is False:
        _refuse('the %s system %s is not capable of migrating running '
                'partitions', which, name)
    data = system.migration_data
    limit = data['active_migrations_supported']
    running = data['active_migrations_in_progress']
    if limit is not None and running is not None and running >= limit:
        _refuse('%d migrations are in progress on the %s system %s, which '
                'supports %d at a time', running, which, name, limit)


class SourceCheck:
    """Checks whether a server can leave this host (2 requests).

    :ivar adapters: dict, what check() finds of the adapters that lead to
        storage, see InstanceVolumes.describe_adapters().
    :ivar pool: str, what check() finds of the processors, see
        processors.find_pool_name().
    :ivar vnics: list, what check() finds of vNICs, see vnics.describe().
    :param host: the owner of the REST connection (host.Host).
    :param disk_dvr: disk.driver.DiskAdapter
    :param instance: nova.objects.Instance
    :param target: dict, what describe_target() has returned there.
    """

    def __init__(self, host, disk_dvr, instance, target):
        self._host = host
        self._disk_dvr = disk_dvr
        self._instance = instance
        self._target = target
        self.adapters = {}
        self.pool = None
        self.vnics = []

    def check(self, own_disks, block_device_info):
        """Refuse a server that cannot be migrated.

        :param own_disks: list of DiskType of the disks that are ours.
        :param block_device_info: as Nova hands it to the driver.
        :returns: dict of the id of a port -> name of its virtual switch.
        :raises nova.exception.MigrationPreCheckError: with the reason.
        :raises pypowervm.exceptions.Error: if the platform does not answer.
        """
        self._check_disks(own_disks)
        volumes = self._check_volumes(block_device_info)
        switches = self._check_ports()
        system = self._check_system()
        lpar_w = vm.get_instance_wrapper(self._host, self._instance)
        processors.check_affinity(self._instance, self._target)
        self._check_partition(lpar_w, system)
        self._check_memory(lpar_w, system)
        self.pool = processors.find_pool_name(self._host, lpar_w)
        self.vnics = vnics.describe(self._host, self._instance)
        self._check_mappings(volumes)
        return switches

    def _check_system(self):
        """Check the system here by what is known of it, for a minute at most.

        Only before it refuses, it reads it (1 request).
        """
        try:
            _check_system(self._host.system, 'source')
        except nova_exc.MigrationPreCheckError:
            _check_system(self._host.get_system(), 'source')
        return self._host.system

    def _check_disks(self, own_disks):
        if own_disks and not self._disk_dvr.capabilities['shared_storage']:
            _refuse('disk %s of the server is on this host: %s',
                    self._disk_dvr.get_disk_name(own_disks[0],
                                                 self._instance),
                    self._disk_dvr.validate({}))

    def _check_volumes(self, block_device_info):
        """Refuse volumes that another host cannot have, or not as here.

        :returns: volume.instance_volumes.InstanceVolumes
        """
        try:
            volumes = volume.build_for_migration(
                self._host, self._instance,
                virt_driver.block_device_info_get_mapping(block_device_info))
            volumes.check_encryption()
        except (nova_exc.InvalidVolume,
                nova_exc.VolumeEncryptionNotSupported) as exc:
            _refuse('%s', exc)
        if len(volumes.ways) > 1:
            # Nova takes one connector of the target for all volumes.
            _refuse('the server has volumes by different ways (%s), and '
                    'Cinder would export all of them in one way',
                    ', '.join(volumes.ways))
        return volumes

    def _check_ports(self):
        """Find the virtual switches of the ports, which the target needs."""
        try:
            switches = {
                vif['id']: powervm_vif.find_switch(self._host, self._instance,
                                                   vif)
                for vif in self._instance.get_network_info()}
        except nova_exc.VirtualInterfacePlugException as exc:
            _refuse('%s', exc)
        for name in switches.values():
            if name is not None:
                self._check_switch(name)
        if _private() in switches.values():
            self._check_private_adapters()
        if self._instance.system_metadata.get(rmc.MAC_KEY):
            self._check_switch(rmc.SECURE_RMC_VSWITCH)
        return switches

    def _check_private_adapters(self):
        """Refuse adapters that would get into somebody's VLAN (1 request).

        Those of ports get another VLAN on the target, where theirs may be
        that of another server.
        """
        vswitch = self._host.get_vswitch(_private())
        known = {pvm_util.sanitize_mac_for_api(vif['address'])
                 for vif in self._instance.get_network_info()}
        for cna in self._host.network_adapters(
                vm.get_lpar_uuid(self._instance)):
            if (vswitch is not None and cna.mac not in known and
                    cna.vswitch_id == vswitch.switch_id):
                _refuse('adapter %s of the partition is on virtual switch %s, '
                        'and belongs to no port', cna.mac, _private())

    def _check_switch(self, name):
        if name not in self._target['switches']:
            _refuse('the target system %s has no virtual switch %s',
                    self._target['system'], name)

    def _check_partition(self, lpar_w, system):
        can_move, reason = lpar_w.can_lpm(system, {
            'ibmi_lpar_mobility_capable': self._target['ibmi_capable']})
        if not can_move:
            if lpar_w.state == pvm_bp.LPARState.RUNNING:
                _refuse('%s', reason)
            _refuse('the partition is %s, not running', lpar_w.state)
        if outcome.is_migrating(lpar_w):
            _refuse('the partition is being migrated already: its migration '
                    'state is %s', lpar_w.migration_state)
        mode = lpar_w.proc_compat_mode
        if self._target['modes'] and mode not in self._target['modes']:
            _refuse('the processor compatibility mode of the partition, %s, '
                    'is none of the target system %s, which has %s', mode,
                    self._target['system'], ', '.join(self._target['modes']))

    def _check_memory(self, lpar_w, system):
        here, there = system.memory_region_size, self._target['region_mb']
        if here != there:
            _refuse('the logical memory blocks of system %s have %d MB, those '
                    'of the target system %s %d MB', system.system_name, here,
                    self._target['system'], there)
        if there and lpar_w.mem_config.desired % there:
            _refuse('the memory of the partition, %d MB, is no multiple of '
                    'the logical memory blocks of the target, %d MB',
                    lpar_w.mem_config.desired, there)

    def _check_mappings(self, volumes):
        lpar_uuid = vm.get_lpar_uuid(self._instance)
        vioses = self._host.vioses(volumes.xag)
        for vios_w in vioses:
            for mapping in vios_w.scsi_mappings:
                if (clients.is_client(mapping, lpar_uuid) and
                        not self._can_move(mapping, volumes)):
                    element = mapping.backing_storage
                    _refuse('VIOS %s maps %s %s to the partition, which the '
                            'target does not have', vios_w.name,
                            _KINDS.get(type(element), 'storage'),
                            element.name)
        self.adapters = volumes.describe_adapters(vioses)

    def _can_move(self, mapping, volumes):
        """Whether storage can be moved, or is taken out before the move."""
        element = mapping.backing_storage
        if element is None or isinstance(element, pvm_stg.LU):
            return True
        return volumes.are_behind(mapping) or elements.is_named(
            element, pvm_stg.VOptMedia, [
                names.config_drive_name(self._instance.uuid)])


def why_not_here(disk_dvr, disk_info):
    """Tell why the disks of a server cannot be reached from the target.

    :param disk_dvr: disk.driver.DiskAdapter of the target.
    :param disk_info: what DiskAdapter.get_info() returned on the source; None
        if the server has no disks of ours.
    :returns: str, or None.
    """
    return None if disk_info is None else disk_dvr.validate(disk_info)


def check_vlans(instance, content):
    """Refuse to move ports into a VLAN of others (no request).

    The VLAN of a port on the private switch may be that of another server on
    the target, unless the target has chosen it.

    :param instance: nova.objects.Instance
    :param content: dict, what the hosts have told each other.
    :raises nova.exception.MigrationPreCheckError:
    """
    vlans = content.get('vlans') or {}
    for vif in instance.get_network_info():
        if (content['switches'].get(vif['id']) == _private() and
                vif['address'] not in vlans):
            _refuse('port %s has no VLAN on the target', vif['id'])


def vlans_for_job(host, instance, content):
    """Tell which ports the platform has to move into another VLAN.

    It takes no request on a NovaLink. An HMC has no such parameter, so this
    refuses to move a port that needs it (1 request, if the target has chosen
    VLANs).

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param content: dict, what the hosts have told each other.
    :returns: dict of MAC -> PVID
    :raises nova.exception.MigrationPreCheckError:
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    vlans = content.get('vlans') or {}
    if not vlans or not host.is_hmc:
        return vlans
    found = {cna.mac: cna.pvid for cna in host.network_adapters(
        vm.get_lpar_uuid(instance))}
    for address, vlan in sorted(vlans.items()):
        pvid = found.get(pvm_util.sanitize_mac_for_api(address), vlan)
        if pvid != vlan:
            _refuse('port %s is in VLAN %d, and in VLAN %d on the target: an '
                    'HMC cannot change that', address, pvid, vlan)
    return {}


def has_config_drive(instance):
    """Whether a server has a config drive, bool."""
    return bool(configdrive.required_by(instance))


def check_block_migration(is_wanted):
    """Refuse to copy disks, which the platform cannot do.

    :param is_wanted: bool, or None.
    :raises nova.exception.InvalidLocalStorage
    """
    if is_wanted:
        raise nova_exc.InvalidLocalStorage(
            path='The storage of the server',
            reason='PowerVM migrates servers whose storage both hosts reach, '
            'and copies no disks')
