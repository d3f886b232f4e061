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

"""Access the management partition, on which this process runs.

Everything that the driver does outside of the REST API is in this module. It
works on the files of a Linux on Power, below [powervm] management_root.
"""

import contextlib
import fcntl
import glob
import os
import pty
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import tty
import typing

from nova import exception as nova_exc
import nova.privsep.path
from oslo_log import log as logging
from pypowervm.wrappers import storage as pvm_stg

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import paths as disk_paths
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm.storage import transaction
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm import utils

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

# Seconds between two checks for a device.
POLL_INTERVAL = 0.1
# Seconds within which a device must appear, and disappear.
SCAN_TIMEOUT = 300
DELETE_TIMEOUT = 10
# Seconds that a command may take, and that it has to end after a signal.
COMMAND_TIMEOUT = 30
END_TIMEOUT = 5

_BOOT = disk_driver.DiskType.BOOT
# Unit address of the virtual SCSI adapter in slot 0.
_FIRST_VIO = 0x30000000
# The name of a device below by-id ends with this many characters, the last
# ones of the UDID of its disk.
_UDID_LENGTH = 32


class AttachedDisk(typing.NamedTuple):
    """A disk of a server that the management partition can read.

    :ivar path: str, its device or file.
    :ivar disk_format: str, Glance's name of its format.
    """

    path: str
    disk_format: str


class CommandResult(typing.NamedTuple):
    """What a command has returned and printed.

    :ivar code: int, None if it did not end in time.
    :ivar out: str, of its standard output.
    :ivar error: str, of its standard error.
    """

    code: typing.Optional[int]
    out: str
    error: str


class TerminalCommand:
    """A command that runs on a terminal of its own.

    If this process is killed, the terminal hangs up, which ends the command.

    :param process: subprocess.Popen
    :param terminal: binary file of the other end of its terminal, unbuffered.
    """

    def __init__(self, process, terminal):
        self._process = process
        self.terminal = terminal

    @property
    def pid(self):
        """The ID of the process, int."""
        return self._process.pid

    def end(self):
        """End the command, and wait for that.

        :returns: int, its return code; negative for a signal.
        """
        try:
            return self._process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class ManagementPartition:
    """Reads and writes the management partition itself.

    If this process must not open a file, it uses the privileges of
    nova.privsep, provided that management_root is the root of the machine.

    :param host: the owner of the REST connection (host.Host).
    :param clock: returns seconds that only increase.
    :param sleep: waits for a number of seconds.
    """

    def __init__(self, host, clock=time.monotonic, sleep=time.sleep):
        self.host = host
        self._root = CONF.powervm.management_root
        self._clock = clock
        self._sleep = sleep

    @property
    def is_here(self):
        """Whether this process runs on a partition of a PowerVM server."""
        return os.path.exists(self._path('proc/ppc64/lparcfg'))

    # ---- the boot disk of a server -------------------------------------

    def attach_boot_disk(self, disk_dvr, instance):
        """Make the boot disk of a server readable here, even if it is in use.

        If this partition is the VIOS with the disk, this needs 1 request.
        Otherwise the first VIOS that succeeds maps the disk to this partition
        (2 requests).

        :param disk_dvr: disk.driver.DiskAdapter
        :param instance: nova.objects.Instance
        :returns: AttachedDisk
        :raises InstanceDiskMappingFailed: if no VIOS maps it.
        :raises NoDiskDiscoveryException: if no device appears.
        :raises UniqueDiskDiscoveryException: if several devices appear.
        """
        if disk_dvr.local_to_mgmt:
            return self._own_disk(disk_dvr, instance)
        mapping = self._map(disk_dvr, instance)
        return AttachedDisk(
            path=self.discover_vscsi_disk(mapping),
            disk_format=_disk_format(mapping.backing_storage))

    def detach_boot_disk(self, disk_dvr, instance):
        """Undo attach_boot_disk(), even if it failed halfway.

        Needs 1 request for each VIOS of the disk, to look for a mapping to
        this partition, and 1 to remove the mapping. Remove the mapping before
        the device; otherwise another scan could bring the device back.

        :raises pypowervm.exceptions.Error: if a VIOS cannot be read or written
            in two attempts.
        """
        if disk_dvr.local_to_mgmt:
            return
        what = 'unmap the boot disk of %s from the management partition' % (
            instance.name)
        if not utils.try_to(what, self._unmap, disk_dvr, instance):
            self._unmap(disk_dvr, instance)

    def _own_disk(self, disk_dvr, instance):
        vios_uuid = disk_dvr.vios_uuids[0]
        vios_w = self.host.vios(vios_uuid, [vios_mappings.SCSI_MAPPING])
        mapping = disk_paths.find_mapping(disk_dvr, instance, _BOOT,
                                          {vios_uuid: vios_w})
        if mapping is None:
            raise exception.InstanceDiskMappingFailed(
                instance_name=instance.name,
                reason='VIOS %s does not lend it to its server' % vios_w.name)
        return AttachedDisk(
            path=self._path(mapping.server_adapter.backing_dev_name),
            disk_format=_disk_format(mapping.backing_storage))

    def _map(self, disk_dvr, instance):
        """Map the disk to this partition; return the mapping."""
        name = disk_dvr.get_disk_name(_BOOT, instance)
        [vios_w] = disk_paths.edit_first_vios(
            disk_dvr, instance, 'map_boot_disk_to_mgmt', _share_mapping,
            self.host.mgmt_uuid, disk_dvr.storage_class, name).values()
        return vios_mappings.find_mapping(vios_w, self.host.mgmt_uuid,
                                          disk_dvr.storage_class, name)

    def _unmap(self, disk_dvr, instance):
        name = disk_dvr.get_disk_name(_BOOT, instance)
        stg = transaction.StorageTransaction(self.host,
                                             'unmap_boot_disk_from_mgmt')
        disk_dvr.disconnect_disk(instance, stg, [_BOOT],
                                 clients=[self.host.mgmt_uuid])
        vioses = stg.execute()
        # The server's own mapping also has the UDID, in case the answer to an
        # earlier attempt was lost.
        disks = stg.removed_storage + [
            mapping.backing_storage for vios_w in vioses.values()
            for mapping in vios_w.scsi_mappings]
        for udid in {disk.udid for disk in disks if elements.is_named(
                disk, disk_dvr.storage_class, [name])}:
            utils.try_to('remove the devices of disk %s' % udid,
                         self.remove_disk, udid)

    # ---- devices -------------------------------------------------------

    def discover_vscsi_disk(self, mapping, scan_timeout=SCAN_TIMEOUT):
        """Find the device of a disk that was mapped to this partition.

        :param mapping: VSCSIMapping wrapper, as the platform returned it.
        :param scan_timeout: seconds within which the device must appear.
        :returns: str, path of the device.
        :raises NoDiskDiscoveryException: if no device appears.
        :raises UniqueDiskDiscoveryException: if several devices appear.
        """
        slot = '%x' % (_FIRST_VIO | mapping.client_adapter.lpar_slot_num)
        udid = mapping.backing_storage.udid
        scanned = set()

        def look():
            self._scan(slot, scanned)
            return self._devices(udid)

        devices, polls = self._poll(look, scan_timeout)
        if not devices:
            raise exception.NoDiskDiscoveryException(
                bus=slot, udid=udid, polls=polls, timeout=scan_timeout)
        if len(devices) > 1:
            raise exception.UniqueDiskDiscoveryException(
                path_pattern=self._by_id(udid), count=len(devices))
        return devices.pop()

    def remove_disk(self, udid):
        """Remove all devices of a disk that is no longer mapped.

        :param udid: str, UDID of the disk.
        :raises DeviceDeletionException: if a device does not disappear.
        """
        # If a disk has several devices, a link leads to one at a time.
        for devices in iter(lambda: self._devices(udid), set()):
            for devpath in devices:
                self.remove_block_dev(devpath)

    def remove_block_dev(self, devpath, scan_timeout=DELETE_TIMEOUT):
        """Remove a device from the operating system.

        :param devpath: str, path of the device, or of a link to it.
        :param scan_timeout: seconds within which it must disappear.
        :raises nova.exception.InvalidDevicePath: if there is no such device.
        :raises DeviceDeletionException: if it does not disappear.
        """
        devpath = os.path.realpath(devpath)
        delete = self._path('sys/block/%s/device/delete' %
                            os.path.basename(devpath))
        if not os.path.exists(devpath) or not os.path.exists(delete):
            raise nova_exc.InvalidDevicePath(path=devpath)
        self._write(delete, '1')
        gone, polls = self._poll(lambda: not os.path.exists(devpath),
                                 scan_timeout)
        if not gone:
            raise exception.DeviceDeletionException(
                devpath=devpath, polls=polls, timeout=scan_timeout)

    def _scan(self, slot, scanned):
        """Let each SCSI host of an adapter scan for disks, once.

        A new adapter takes a moment to appear.
        """
        for path in glob.glob(self._path(
                'sys/bus/vio/devices/%s/host*/scsi_host/host*/scan' % slot)):
            if path not in scanned:
                self._write(path, '- - -')
                scanned.add(path)

    def _devices(self, udid):
        """Return the paths of the devices of a disk: set."""
        return {path for path in map(os.path.realpath,
                                     glob.glob(self._by_id(udid)))
                if os.path.exists(path)}

    def _by_id(self, udid):
        return self._path('dev/disk/by-id/*%s' %
                          glob.escape(udid[-_UDID_LENGTH:]))

    def _poll(self, look, timeout):
        """Call look() until it returns a true value, or time is up.

        :returns: (last result of look, number of calls)
        """
        deadline = self._clock() + timeout
        polls = 0
        while True:
            found = look()
            polls += 1
            if found or self._clock() >= deadline:
                return found, polls
            self._sleep(POLL_INTERVAL)

    # ---- virtual terminals ---------------------------------------------

    def why_no_terminals(self, system_w):
        """Tell why mkvterm opens no terminals of the LPARs of a system.

        It knows LPARs by their IDs, so it must be that of the same system.

        :param system_w: System wrapper of the system that the driver manages.
        :returns: str, or None if it does.
        """
        if self._command('mkvterm') is None:
            return ('nova-compute does not run on the NovaLink partition of '
                    'this system: there is no command mkvterm')
        here, serial = self._serial_number(), system_w.mtms.serial
        if not here.endswith(serial):
            return ('nova-compute runs on system %s, and manages system %s: '
                    'mkvterm knows the partitions of the first' % (
                        here or 'without a serial number', serial))
        return None

    def _serial_number(self):
        """The serial number of this machine: str of letters and digits."""
        try:
            with open(self._path('proc/ppc64/lparcfg')) as lparcfg:
                lines = lparcfg.read().splitlines()
        except OSError:
            return ''
        known = dict(line.split('=', 1) for line in lines if '=' in line)
        return known.get('serial_number', '')

    def _command(self, name):
        """Path of a command for virtual terminals, or None."""
        if self._is_real:
            return shutil.which(name)
        return shutil.which(self._path('usr/bin/' + name))

    def run_command(self, name, *arguments, timeout=COMMAND_TIMEOUT):
        """Run a command for virtual terminals, and wait for its end.

        :param name: str, mkvterm or rmvterm.
        :param arguments: str, what follows it.
        :param timeout: seconds after which it is killed, with all that it has
            started.
        :returns: CommandResult
        :raises OSError: if it cannot be run.
        """
        command = [self._command(name) or name, *arguments]
        # mkvterm leaves a server behind, which may keep a pipe open.
        with (tempfile.TemporaryFile() as out,
              tempfile.TemporaryFile() as error):
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=error,
                start_new_session=True)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return CommandResult(None, '', 'it did not end in %d seconds' %
                                     timeout)
            return CommandResult(process.returncode, _text(out), _text(error))

    def start_on_terminal(self, name, *arguments):
        """Start a command for virtual terminals on a terminal of its own.

        :param name: str, mkvterm.
        :param arguments: str, what follows it.
        :returns: TerminalCommand
        :raises OSError: if it cannot be run.
        """
        # setsid(1) makes the terminal that of the session, which subprocess
        # cannot do. So the kernel ends the session when this process ends.
        command = ['setsid', '--ctty', self._command(name) or name, *arguments]
        ours, its = pty.openpty()
        try:
            tty.setraw(its)
            fcntl.ioctl(its, termios.TIOCSWINSZ,
                        struct.pack('HHHH', 24, 80, 0, 0))
            process = subprocess.Popen(command, stdin=its, stdout=its,
                                       stderr=its)
        except Exception:
            os.close(ours)
            raise
        finally:
            os.close(its)
        os.set_blocking(ours, False)
        return TerminalCommand(process, open(ours, 'r+b', buffering=0))

    # ---- files ---------------------------------------------------------

    @contextlib.contextmanager
    def open_disk(self, path, writable=False):
        """Open a device or a file to read its content.

        :param path: str, AttachedDisk.path
        :param writable: whether to open it for writing as well.
        :returns: context manager of a binary file.
        """
        with self._open(path, 'r+b' if writable else 'rb') as disk:
            yield disk

    def _open(self, path, mode):
        try:
            return open(path, mode)
        except PermissionError:
            if not self._is_real:
                raise
        # An open file stays open, so this process owns the file only for a
        # moment.
        owner = os.stat(path).st_uid
        nova.privsep.path.chown(path, uid=os.getuid())
        try:
            return open(path, mode)
        finally:
            nova.privsep.path.chown(path, uid=owner)

    def _write(self, path, content):
        try:
            with open(path, 'w') as opened:
                opened.write(content)
        except PermissionError:
            if not self._is_real:
                raise
            nova.privsep.path.writefile(path, 'w', content)

    @property
    def _is_real(self):
        return os.path.realpath(self._root) == '/'

    def _path(self, name):
        """Return the path of a file of the management partition."""
        return _below(self._root, name)


def read_uptime():
    """Return how long this machine is up, in the format of uptime(1).

    :returns: str, as in 'up 3 days, 04:05, load average: 0.10, 0.20, 0.30'.
    :raises OSError: if /proc cannot be read.
    """
    proc = _below(CONF.powervm.management_root, 'proc')
    with open(os.path.join(proc, 'uptime')) as uptime:
        minutes = int(float(uptime.read().split()[0])) // 60
    with open(os.path.join(proc, 'loadavg')) as loadavg:
        load = ', '.join(loadavg.read().split()[:3])
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return 'up %d days, %02d:%02d, load average: %s' % (
        days, hours, minutes, load)


def _text(opened):
    """What a command has written to a file: str."""
    opened.seek(0)
    return opened.read().decode(errors='replace')


def _below(root, name):
    return os.path.join(root, name.lstrip('/'))


def _share_mapping(vios_w, lpar_uuid, wrapper_class, name):
    """Map storage that a VIOS maps already to one more partition.

    :returns: the new mapping, or None if it existed.
    :raises NewMgmtMappingNotFoundException: if the VIOS has no mapping of it.
    """
    for mapping in vios_w.scsi_mappings:
        if elements.is_named(mapping.backing_storage, wrapper_class, [name]):
            return vios_mappings.add_mapping(vios_w, lpar_uuid,
                                             mapping.backing_storage)
    raise exception.NewMgmtMappingNotFoundException(stg_name=name,
                                                    vios_name=vios_w.name)


def _disk_format(element):
    """Return Glance's name for the format of a disk."""
    if getattr(element, 'file_format', None) == pvm_stg.FileFormatType.QCOW2:
        return 'qcow2'
    return 'raw'
