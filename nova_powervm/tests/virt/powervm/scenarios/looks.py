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

"""What tests see on the simulated platform, below any Nova.

The tests that go through Nova's API and the scenarios share it.
"""

import difflib
import hashlib
import json
import os
import time

from nova import context as nova_context
from nova import objects
from oslo_utils import units
from pypowervm.utils import uuid as uuids

from nova_powervm.simulator import disk_io
from nova_powervm.tests.functional import cinder
from nova_powervm.tests.functional import fixtures as func_fixtures
from nova_powervm.virt.powervm.volume import device_addresses

#: Cinder's ids of the volumes that a test has, by their numbers.
VOLUME = '5a5a0000-0000-4000-8000-0000000000%02d'
MIB = func_fixtures.MIB
GIB = cinder.GIB
#: Fabric -> WWPNs of ports of one host.
PORTS = {
    'A': ['10:00:00:90:fa:1b:a1:01', '10000090FA1BA201'],
    'B': ['10:00:00:90:fa:1b:a1:02', '10000090FA1BA202'],
}


def volume_bytes(number):
    """The first MiB of a volume."""
    return func_fixtures.image_bytes('volume %d' % number, MIB)


class PlatformLooks:
    """Looks at a simulated site.

    Servers are dictionaries as Nova's API shows them. The class that this is
    mixed into has ``site``, ``platform`` (the simulated host that is looked
    at) and ``glance``.
    """

    #: Whether platform_state() tells of sessions, each of which ends with the
    #: service that has it.
    WITH_SESSIONS = True

    def wait_for(self, look, seconds=120):
        """Call look() until it returns something true, and return that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.25)
        self.fail('It did not happen in %d seconds.' % seconds)

    def platform_state(self):
        """The whole site as data, once it has forgotten what is over."""
        state = self.site.state()
        state['migrations'] = [migration for migration in state['migrations']
                               if migration['outcome'] is None]
        for host in state['hosts'] + state['consoles']:
            host['jobs'] = [job for job in host['jobs']
                            if not job['status'].startswith('COMPLETED')]
            if not self.WITH_SESSIONS:
                del host['sessions']
        return state

    def assert_state_equal(self, before, after, message):
        """Compare two platform states; a failure shows what differs."""
        if before != after:
            lines = [json.dumps(state, indent=1, sort_keys=True).splitlines()
                     for state in (before, after)]
            self.fail('%s\n%s' % (message, '\n'.join(
                difflib.unified_diff(*lines, 'before', 'after', n=2))))

    def lpar_of(self, server):
        """The state of a server's LPAR, or None."""
        lpar_uuid = uuids.convert_uuid_to_pvm(server['id']).upper()
        lpars = self.platform.state().get('LogicalPartition', ())
        found = [lpar for lpar in lpars if lpar['uuid'] == lpar_uuid]
        return found[0] if found else None

    def macs_of(self, server):
        """MAC addresses of a server's adapters."""
        adapters = self.platform.state()['ClientNetworkAdapter']
        return [cna['mac'] for cna in adapters
                if cna['partition'] == self.lpar_of(server)['name']]

    def mappings_of(self, server):
        """SCSI mappings of a server, over all VIOSes."""
        lpar_id = self.lpar_of(server)['id']
        return [mapping
                for vios in self.platform.state()['VirtualIOServer']
                for mapping in vios['mappings']
                if mapping['lpar_id'] == lpar_id]

    def boot_disk_of(self, server):
        """The SparseDisk from which a server boots."""
        names = {mapping['storage'] for mapping in self.mappings_of(server)}
        boot = [name for name in names
                if os.path.basename(name).startswith(('b_', 'boot_'))]
        self.assertEqual(1, len(boot), names)
        return disk_io.find(self.platform, boot[0]).backing.disk

    def assert_has_image(self, image_id, server):
        """The boot disk holds the image, byte by byte."""
        content = self.glance.content(image_id)
        self.assertEqual(hashlib.sha256(content).hexdigest(),
                         self.boot_disk_of(server).sha256(len(content)))

    def requests_of(self, operation, *args):
        """Run an operation and list the requests that it sent.

        :returns: (what the operation returns, list of 'method path')
        """
        self.platform.journal.clear()
        result = operation(*args)
        return result, [
            '%(method)s %(path)s' % record
            for record in self.platform.journal.records()
            if 'QUEUE_CLIENTKEY' not in (record['query'] or '')]

    def assert_within(self, budget, requests):
        """An operation sent no more requests than it may."""
        self.assertLessEqual(len(requests), budget, '\n'.join(requests))

    def size_of(self, server):
        """Memory (MB), processors, and root disk (GiB) on the platform."""
        lpar = self.lpar_of(server)
        return (lpar['memory_mb'], lpar['processors'],
                self.boot_disk_of(server).size // units.Gi)

    def settings_of(self, server):
        """All that a flavor can set of a server's LPAR."""
        lpar = self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])
        return [getattr(lpar, name) for name in (
            'memory', 'processors', 'availability_priority',
            'compatibility_mode', 'remote_restart')]


class TwoHostLooks:
    """Looks at two hosts; ``platform`` is the one of ``where``.

    The class that this is mixed into has ``computes``, whose keys are Nova's
    names of the hosts.
    """

    WITH_SESSIONS = False

    where = 'compute1'

    @property
    def platform(self):
        return self.simulated_host(self.where)

    def lpars_of(self, server):
        """State of its LPAR by host, for the hosts that have one."""
        found = {}
        for self.where in self.computes:
            lpar = self.lpar_of(server)
            if lpar:
                found[self.where] = lpar['state']
        self.where = self.host_of(server)
        return found

    def sizes_of_disks(self, server):
        """GiB of the disks that it has, by the first letter of their name."""
        return {
            name[0]: disk_io.find(self.platform, name).backing.disk.size //
            units.Gi for name in {
                mapping['storage'] for mapping in self.mappings_of(server)}
            if not name.startswith('cfg')}


class VolumeLooks:
    """Looks at the volumes of a site, and at what servers see of them.

    The class that this is mixed into has ``cinder``, and ``attached()``,
    Nova's view of the volumes of a server.
    """

    STRATEGY = 'vscsi'
    VOLUMES = 10
    SIZE_GB = cinder.SanCinder.SIZE_GB
    #: Names of the VIOSes through which a server reaches a volume.
    VIOSES = ('vios1', 'vios2')

    def create_volume(self, number):
        lun = self.cinder.create(VOLUME % number, self.SIZE_GB)
        lun.disk.write_at(0, volume_bytes(number))

    def lun(self, number):
        """The san.volume.Volume of a volume."""
        return self.cinder.lun(VOLUME % number)

    def vios(self, name):
        """The simulated VIOS of a name, on self.platform."""
        return next(vios for vios in
                    self.platform.store.all('VirtualIOServer')
                    if vios.name == name)

    def set_rmc(self, name, state):
        """Let a VIOS go down (inactive), or come back (active)."""
        with self.site.lock:
            self.vios(name).set_rmc(state)

    def partition_of(self, server):
        """The simulated partition of a server, on self.platform."""
        return self.platform.store.get('LogicalPartition',
                                       self.lpar_of(server)['uuid'])

    def disks_of(self, server):
        """What a server sees of Cinder volumes: list of guest_disks.Disk."""
        partition = self.partition_of(server)
        with self.site.lock:
            return [disk for disk in self.platform.lpar_disks(partition)
                    if disk.volume]

    def luas_of(self, server):
        """Addresses of the volumes: {volume id: set of LUAs}."""
        found = {}
        for disk in self.disks_of(server):
            found.setdefault(disk.volume, set()).add(disk.lua)
        return found

    def assert_sees(self, server, *numbers, vioses=None, boots=False):
        """The guest sees these volumes, whole and on each path, no others.

        Each is at one address on all its paths, as before the call that came
        before this one for the server, and each path shows its bytes.

        :param vioses: names of the VIOSes that lead to them, default VIOSES
        :param boots: whether it boots from the first of them
        """
        disks = self.disks_of(server)
        seen = {number: [disk for disk in disks
                         if disk.volume == VOLUME % number]
                for number in numbers}
        self.assertEqual(sorted(VOLUME % number for number in numbers),
                         sorted({disk.volume for disk in disks}))
        for number, paths in seen.items():
            self.assertEqual(set(vioses or self.VIOSES),
                             {disk.vios for disk in paths}, number)
            self.assertEqual(1, len({disk.lua for disk in paths}), number)
            for disk in paths:
                self.assertTrue(disk.works, disk.data())
                self.assertEqual(self.STRATEGY, disk.transport)
                self.assertEqual(self.content(number),
                                 disk.disk.sha256(MIB), disk.data())
                self.assertEqual(self.lun(number).size, disk.size)
        self._assert_addresses(server, seen, boots and numbers[0])
        self.assert_views_agree(server)

    def _assert_addresses(self, server, seen, boots):
        luas = {number: paths[0].lua for number, paths in seen.items()}
        self.assertEqual(len(luas), len(set(luas.values())), luas)
        if boots is not False:
            self.assertEqual(luas[boots], min(luas.values()), luas)
        if self.STRATEGY == 'vscsi':
            known, attached = self.addresses_of(server), self.attached(server)
            self.assertEqual(
                {VOLUME % number: lua for number, lua in luas.items()},
                {volume_id: lua for volume_id, lua in known.items()
                 if volume_id in attached})
        kept = self.__dict__.setdefault('_luas', {}).setdefault(
            server['id'], {})
        for number in luas.keys() & kept.keys():
            self.assertEqual(kept[number], luas[number], number)
        kept.clear()
        kept.update(luas)

    def addresses_of(self, server):
        """Nova's view of the addresses: {volume id: LUA}.

        One that took the place of another is there by its former id too,
        until something changes.
        """
        instance = objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), server['id'],
            expected_attrs=['system_metadata'])
        return {volume_id: address.lua for volume_id, address in
                device_addresses.read(instance).items()}

    def content(self, number):
        """Hash of what is on a volume."""
        return hashlib.sha256(volume_bytes(number)).hexdigest()

    def assert_views_agree(self, server):
        """Cinder holds the attachments that Nova shows, and no others."""
        self.assertEqual(
            sorted(self.attached(server)),
            sorted(volume_id for volume_id, attachments in
                   self.cinder.volume_to_attachment.items()
                   for attachment in attachments.values()
                   if attachment['instance_uuid'] == server['id']))

    def assert_nothing_lent(self):
        """The management partition has no volume."""
        self.assertEqual([], [
            mapping for vios in self.platform.state()['VirtualIOServer']
            for mapping in vios['mappings'] if mapping['lpar'] == 'novalink'])
        self.assertEqual([], self.platform.management.state())

    def assert_detached(self):
        """Cinder holds no attachment, and nobody was careless."""
        self.assertEqual([], [
            attachment for attachments in
            self.cinder.volume_to_attachment.values()
            for attachment in attachments.values()])
        self.assertEqual([], self.cinder.complaints)


class NpivLooks:
    """Looks at servers with adapters on two fabrics.

    It comes before VolumeLooks in a list of bases.

    :cvar PORTS: fabric -> WWPNs, what nova.conf says
    :cvar KEEPS_LUNS: whether volumes stay where they are; the array gives
        them new places if Nova attaches them anew
    """

    STRATEGY = 'npiv'
    PORTS = PORTS
    KEEPS_LUNS = True

    def _assert_addresses(self, server, seen, boots):
        if not self.KEEPS_LUNS:
            self.__dict__.get('_luas', {}).pop(server['id'], None)
        super()._assert_addresses(server, seen, boots)

    def metadata_of(self, server):
        """What Nova keeps of the server's adapters."""
        instance = objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), server['id'],
            expected_attrs=['system_metadata'])
        return {key: value for key, value in instance.system_metadata.items()
                if key.startswith(('npiv_', 'fabric_'))}

    def wwpns_of(self, server):
        """The WWPNs that Nova keeps, without the ports: set of str."""
        return {wwpn for key, value in self.metadata_of(server).items()
                if key.startswith('npiv_') for number, wwpn in
                enumerate(value.split(',')) if number % 3}

    def adapters_of(self, server):
        """[(VIOS name, port name, WWPNs), ...] on self.platform."""
        name = self.lpar_of(server)['name']
        return sorted(
            (vios['name'], mapping['port'], tuple(mapping['wwpns']))
            for vios in self.platform.state()['VirtualIOServer']
            for mapping in vios['fc_mappings'] if mapping['lpar'] == name)

    def lose_adapter(self, name):
        """Take an adapter that a VIOS has, behind Nova's back."""
        vios = self.vios(name)
        with self.site.lock:
            mapping = vios.fc_mappings.pop()
            mapping.release_slots()
            mapping.move(None)
            self.platform.remove(self.platform.store.get(
                'VirtualFibreChannelClientAdapter', mapping.adapter_uuid))
            vios.touch()
