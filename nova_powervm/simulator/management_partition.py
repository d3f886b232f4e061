# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The management partition of a host, as a directory tree.

A driver works on its own machine in these files, below a root directory::

    proc/ppc64/lparcfg   proc/uptime   proc/loadavg
    sys/bus/vio/devices/30000002/host2/scsi_host/host2/scan
    sys/block/sdb/device/delete   sys/block/sdb/size
    dev/sdb   dev/disk/by-id/scsi-SAIX_VDASD_<UDID of the disk>
    dev/datavg/boot_1

There is an entry below ``vio/devices`` for each virtual SCSI client adapter
of the partition, named after its slot. A disk that is mapped to the partition
appears as a device after something was written to the ``scan`` file of its
adapter, and goes when something was written to its ``delete`` file; it also
stays when the mapping goes first, and comes back with the next scan when it
does not, as with Linux.

If the partition is a VIOS, its own virtual disks are always there, under the
name that a mapping gives as BackingDeviceName: /dev/<volume group>/<name>, or
the path of a file-backed disk. (Assumed, no hardware: such a VIOS is a Linux
with logical volumes.)

A device is a hard link to the sparse file of the disk, so a write to the
device changes the disk. Optical media and physical volumes have no device.

``scan`` and ``delete`` are regular files, which a thread looks at while there
are any: what was written is carried out and the file emptied within
POLL_SECONDS. A test in the same process need not wait for that: sync() does
it at once.
"""

import os
import shutil
import threading

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

POLL_SECONDS = 0.05
_FIRST_VIO = 0x30000000
_LPARCFG = """lparcfg 1.9
serial_number=IBM,02%(serial)s
system_type=IBM,%(type)s-%(model)s
partition_id=%(id)d
partition_entitled_capacity=%(entitled)d
partition_max_entitled_capacity=%(entitled)d
shared_processor_mode=%(shared)d
"""
#: Assumed, it has no consequences: the partition has run idly for a day.
_UPTIME = '86400.00 86000.00\n'
_LOADAVG = '0.00 0.00 0.00 1/100 1000\n'


class _Device:
    """A disk of the management partition.

    :param name: str such as sdb
    :param target: scsi_mappings.Target behind it
    """

    def __init__(self, name, target):
        self.name = name
        self.bus = target.bus
        self.lua = target.lua
        self.udid = target.backing.udid
        self.storage = target.backing.name
        self.disk = target.backing.disk
        self.size = self.disk.size

    @property
    def by_id(self):
        """Name of its link below dev/disk/by-id."""
        return 'scsi-SAIX_VDASD_' + self.udid[2:]


class Management:
    """The directory tree of a host.

    :param host: host.Host
    :ivar root: str, path of the directory that represents /
    """

    def __init__(self, host):
        self._host = host
        self.root = os.path.join(host.data_dir, 'mgmt')
        self._adapters = {}
        self._devices = {}
        self._thread = None
        self._stopped = threading.Event()

    def build(self):
        """Make what is always there; the host has been built before.

        Behind an HMC this is the machine that nova-compute runs on, which is
        no partition of the host.
        """
        self._write('proc/uptime', _UPTIME)
        self._write('proc/loadavg', _LOADAVG)
        if self._host.endpoint.is_hmc:
            return
        partition = next(p for p in self._host.partitions()
                         if p.is_management)
        system = self._host.system
        self._write('proc/ppc64/lparcfg', _LPARCFG % {
            'serial': system.serial, 'type': system.machine_type,
            'model': system.model, 'id': partition.partition_id,
            'entitled': partition.processors.used_units * 100,
            'shared': not partition.processors.dedicated})
        for path in ('sys/bus/vio/devices', 'sys/block', 'dev/disk/by-id'):
            os.makedirs(self._path(path), exist_ok=True)
        self.adapters_changed()
        # There are some if a state was loaded.
        for name, device in self._devices.items():
            self._make_device(name, device)

    def stop(self):
        """End the thread; the lock of the site must not be held."""
        self._stopped.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _path(self, name):
        return os.path.join(self.root, name.lstrip('/'))

    def _write(self, name, text=''):
        path = self._path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as new:
            new.write(text)

    # -- disks of a management partition that is a VIOS ----------------------

    def show(self, name, path):
        """Create a device for a disk.

        :param name: str, absolute below the root
        :param path: str, of its sparse file
        """
        link = self._path(name)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.link(path, link)

    def hide(self, name):
        """Take away what show() made."""
        os.unlink(self._path(name))

    # -- adapters and devices: the lock of the site is held ------------------

    def adapters_changed(self):
        """Follow the virtual SCSI client adapters of the partition."""
        adapters = {
            bus.client_slot: bus
            for vios in self._host.store.all('VirtualIOServer')
            for bus in vios.buses
            if bus.client is not None and bus.client.is_management}
        for slot in set(self._adapters) - set(adapters):
            shutil.rmtree(self._path(self._vio_device(slot)))
        for slot in set(adapters) - set(self._adapters):
            self._write(self._scan_file(slot))
        self._adapters = adapters
        if (adapters and self._thread is None and
                not self._stopped.is_set()):
            self._thread = threading.Thread(
                target=self._watch, daemon=True,
                name='simulator-mgmt-%s' % self._host.name)
            self._thread.start()

    @staticmethod
    def _vio_device(slot):
        return 'sys/bus/vio/devices/%x' % (_FIRST_VIO | slot)

    def _scan_file(self, slot):
        return '%s/host%d/scsi_host/host%d/scan' % (self._vio_device(slot),
                                                    slot, slot)

    @staticmethod
    def _delete_file(name):
        return 'sys/block/%s/device/delete' % name

    def _watch(self):
        while not self._stopped.wait(POLL_SECONDS):
            try:
                self.sync()
            except OSError:
                LOG.exception('Cannot update the management partition of %s',
                              self._host.name)
            with self._host.site.lock:
                if not self._adapters and not self._devices:
                    self._thread = None
                    return

    def sync(self):
        """Carry out what was written to the tree."""
        with self._host.site.lock:
            before = dict(self._devices)
            for name in list(self._devices):
                if self._was_written(self._delete_file(name)):
                    self._remove_device(name)
            for slot, bus in self._adapters.items():
                if self._was_written(self._scan_file(slot)):
                    self._scan(bus)
            if self._devices != before:
                self._host.site.save()

    def _was_written(self, name):
        """Tell whether a file has content, and empty it."""
        path = self._path(name)
        try:
            if not os.stat(path).st_size:
                return False
            os.truncate(path, 0)
        except FileNotFoundError:
            return False
        return True

    def _scan(self, bus):
        known = {(device.bus, device.lua)
                 for device in self._devices.values()}
        for target in bus.targets:
            if target.backing.is_disk and (bus, target.lua) not in known:
                self._add_device(target)

    def _add_device(self, target):
        name = next(name for name in _disk_names()
                    if name not in self._devices)
        self._make_device(name, _Device(name, target))

    def _make_device(self, name, device):
        self._devices[name] = device
        os.link(device.disk.path, self._path('dev/' + name))
        self._write(self._delete_file(name))
        self._write('sys/block/%s/size' % name, '%d\n' % (device.size // 512))
        self._link_by_id(device.by_id)

    def _remove_device(self, name):
        device = self._devices.pop(name)
        os.unlink(self._path('dev/' + name))
        shutil.rmtree(self._path('sys/block/' + name))
        self._link_by_id(device.by_id)

    def _link_by_id(self, by_id):
        """Point the link to the newest device of a disk, if there is one."""
        path = self._path('dev/disk/by-id/' + by_id)
        if os.path.lexists(path):
            os.unlink(path)
        names = [name for name, device in self._devices.items()
                 if device.by_id == by_id]
        if names:
            os.symlink('../../' + names[-1], path)

    def state(self):
        """Return the devices as a list of dicts fit for JSON."""
        return [{'name': name, 'storage': device.storage}
                for name, device in sorted(self._devices.items())]


def _disk_names():
    """Yield sdb, sdc ... sdzz; sda is the disk that it runs from."""
    letters = 'abcdefghijklmnopqrstuvwxyz'
    for first in ('',) + tuple(letters):
        for second in letters:
            if first + second != 'a':
                yield 'sd' + first + second
