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

"""What the platform does not tell, or tells otherwise, proves nothing."""

import fixtures as fx
from oslo_utils import units

from nova_powervm.simulator.jobs import lua_recovery
from nova_powervm.simulator.resources import san_disk
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import looks
from nova_powervm.tests.virt.powervm.scenarios import test_stale_volumes
from nova_powervm.tests.virt.powervm.scenarios import test_volume_identity
from nova_powervm.tests.virt.powervm.scenarios import volumes
from nova_powervm.virt.powervm import vif

_WRAPPERS = 'pypowervm.wrappers.virtual_io_server.VSCSIMapping.'


class VolumesOfRunningServersTest(test_stale_volumes.StaleMixin,
                                  volumes.VolumeCase):
    """A running server keeps its volumes."""

    WITH_SESSIONS = False

    def tell_other_udids(self, number, change, *vioses):
        """Have VIOSes tell other UDIDs of a volume.

        :param change: function, called with the UDID
        :param vioses: names; all by default
        :returns: function that undoes it
        """
        udids = {}
        with self.site.lock:
            for hdisk in self.lun(number).hdisks:
                if hdisk.vios.name in (vioses or self.VIOSES):
                    udids[hdisk] = hdisk.udid
                    self._tell(hdisk, change(hdisk.udid))

        def undo():
            with self.site.lock:
                for hdisk, udid in udids.items():
                    self._tell(hdisk, udid)
        return undo

    @staticmethod
    def _tell(hdisk, udid):
        hdisk.udid = udid
        hdisk.changed()
        hdisk.vios.touch('VirtualSCSIMappings')
        hdisk.vios.touch('PhysicalVolumes')

    def clean(self):
        """Do all cleaning there is."""
        self.restart()
        self.look_now()

    def check_kept(self, change, *vioses, boots=True):
        if boots:
            server = self.boot_with([1], boots=True)
        else:
            server = self.boot()
            self.assertTrue(self.attach(server, 1))
        undo = self.tell_other_udids(1, change, *vioses)
        self.clean()
        undo()
        self.assert_sees(server, 1, boots=boots)
        self.clean()
        self.assert_sees(server, 1, boots=boots)
        self.assert_deleted(server)

    def test_no_udid(self):
        self.check_kept(lambda udid: '')

    def test_no_udid_of_one_vios(self):
        self.check_kept(lambda udid: '', 'vios2', boots=False)

    def test_strange_udid(self):
        """As after a change of the multi-path driver, or of the array."""
        self.check_kept(lambda udid: '01NEWDRIVER' + udid[11:])

    def test_strange_udid_of_one_vios(self):
        self.check_kept(lambda udid: '01NEWDRIVER' + udid[11:], 'vios2',
                        boots=False)

    def test_no_udid_of_a_vios_that_is_back(self):
        server = self.boot_with([1], boots=True)
        self.set_rmc('vios2', 'inactive')
        self.assertIsNone(self.delete(self.boot_with([2], networks='none')))
        self.look_around()
        undo = self.tell_other_udids(1, lambda udid: '', 'vios2')
        self.set_rmc('vios2', 'active')
        self.look_around()
        undo()
        self.assert_sees(server, 1, boots=True)
        self.assert_deleted(server)

    def start_without(self, *names):
        """Start nova-compute; what mappings tell lacks some parts."""
        with fx.MonkeyPatch(_WRAPPERS + names[0],
                            property(lambda mapping: None)):
            if names[1:]:
                self.start_without(*names[1:])
            else:
                self.clean()

    def test_no_client_adapter(self):
        """The link to the LPAR is there."""
        server = self.boot_with([1], boots=True)
        self.start_without('client_adapter')
        self.assert_sees(server, 1, boots=True)
        self.assert_deleted(server)

    def test_no_client_at_all(self):
        server = self.boot_with([1], boots=True)
        self.start_without('client_adapter', 'client_lpar_href')
        self.assert_sees(server, 1, boots=True)
        self.assert_deleted(server)


class StrangeDevicesTest(test_volume_identity.MisleadMixin,
                         volumes.VolumeCase):
    """A VIOS knows a LUN of an operator's, who has not mapped it yet."""

    WITH_SESSIONS = False

    def setUp(self):
        super().setUp()
        self.server = self.boot_with([1])
        luns = self.export(3)['initiator_target_lun_map']
        vios = self.vios('vios1')
        with self.site.lock:
            san_disk.configure(vios, self.lun(3), {
                (port, target.lower(), int(lun)) for port in vios.fc_ports
                for target, lun in luns[port.wwpn]})
        self.devices = self.devices_of(3)
        self.assertEqual(1, len(self.devices))

    def devices_of(self, number):
        return [(hdisk.vios.name, hdisk.name, hdisk.clients())
                for hdisk in self.lun(number).hdisks]

    def test_hard_reboot(self):
        self.mislead(1, 3, 'vios1')
        failure = self.users.reboot(self.walk_server(self.server), hard=True)
        self.assertIn('VolumeAttachFailed', repr(failure))
        self.assertEqual(self.devices, self.devices_of(3))
        self.assert_sees(self.server, 1)

    def test_attach(self):
        self.mislead(2, 3, 'vios1')
        self.assertFalse(self.attach(self.server, 2))
        self.assertEqual(self.devices, self.devices_of(3))
        self.assert_sees(self.server, 1)


class DetachByTagTest(test_volume_identity.MisleadMixin, volumes.VolumeCase):
    """Nova has lost the UDID of a volume, and its LUN leads elsewhere."""

    WITH_SESSIONS = False

    def test_detach(self):
        self.server = self.boot_with([1])
        self.mislead(1, 3)
        instance = self.instance_of(self.server)
        for key in list(instance.system_metadata):
            if key.startswith('powervm_volume_'):
                del instance.system_metadata[key]
        instance.save()
        for bdm in self.walk_server(self.server).bdms():
            if bdm.is_volume:
                bdm.connection_info = bdm.connection_info.replace(
                    'target_UDID', 'unknown')
                bdm.save()
        self.assertTrue(self.detach(self.server, 1))
        self.assert_sees(self.server)
        self.assertEqual([], self.lun(1).hdisks)
        self.assertIsNone(self.delete(self.server))


class NpivBesideTest(test_stale_volumes.StaleMixin, volumes.VolumeCase):
    """Volumes by NPIV have no UDID, and do not matter to devices."""

    PORTS = looks.PORTS
    WITH_SESSIONS = False

    def test_device_that_is_left(self):
        server = self.boot_with([1])
        self.flags(group='powervm', fc_attach_strategy='npiv')
        self.restart()
        other = self.boot_with([2], networks='none')
        self.assertEqual('ACTIVE', other['status'], other.get('fault'))
        self.detach_without(server, 1)
        self.platform.operator.unmap_storage('vios2', self.lun(1).udid)
        self.look_now()
        self.assertEqual([], self.lun(1).hdisks)
        self.assertIsNone(self.delete(other))
        self.assertIsNone(self.delete(server))


class BrokenDocumentsTest(test_stale_volumes.StaleMixin,
                          volumes.VolumeCase):
    """A VIOS answers a discovery with half a document, or none."""

    WITH_SESSIONS = False
    _RECOVER = 'nova_powervm.simulator.jobs.lua_recovery._recover'

    def break_discovery(self, name, change):
        """Have a VIOS answer otherwise; returns function that ends that."""
        recover = lua_recovery._recover
        broken = {name}

        def answer(vios, document):
            told = recover(vios, document)
            return change(told) if vios.name in broken else told
        self.useFixture(fx.MonkeyPatch(self._RECOVER, answer))
        return broken.clear

    def test_attach(self):
        server = self.boot()
        for change in (lambda told: str(told)[:-30], lambda told: ''):
            end = self.break_discovery('vios2', change)
            self.assertTrue(self.attach(server, 1), self.last_action(server))
            self.assert_sees(server, 1, vioses=['vios1'])
            end()
            self.reboot(server, hard=True)
            self.assert_sees(server, 1)
            self.assertTrue(self.detach(server, 1))
        self.assert_deleted(server)

    def test_hard_reboot(self):
        server = self.boot_with([1])
        end = self.break_discovery('vios2', lambda told: str(told)[:-30])
        self.assertIsNone(self.users.reboot(self.walk_server(server),
                                            hard=True))
        self.assert_sees(server, 1)
        end()
        self.assert_deleted(server)

    def test_delete(self):
        self.set_rmc('vios2', 'inactive')
        server = self.boot_with([1])
        self.set_rmc('vios2', 'active')
        self.break_discovery('vios2', lambda told: str(told)[:-30])
        self.assertIsNone(self.delete(server))
        # The VIOS has found the volume, which nobody could read.
        del self.cinder.complaints[:]
        self.look_now()
        self.assert_nothing_left()


class LostAnswersTest(base.ScenarioCase):
    """The platform says that an LPAR is not there, which is there."""

    def test_hard_reboot_with_a_wrong_404(self):
        server = self.boot()
        operator = self.platform.operator
        operator.create_disk('vios2', 'datavg', 'oracle_data', units.Gi)
        operator.map_storage('vios2', 'oracle_data',
                             self.lpar_of(server)['uuid'])
        lpar_id = self.lpar_of(server)['id']
        self.platform.faults.add({
            'method': 'GET', 'path': 'LogicalPartition/[0-9A-Fa-f-]{36}$',
            'effect': 'status', 'status': 404, 'count': 1})
        self.assertIsNone(self.users.reboot(self.walk_server(server),
                                            hard=True))
        self.assertEqual(lpar_id, self.lpar_of(server)['id'])
        self.assertEqual([self.lpar_of(server)['name']], [
            mapping['lpar'] for vios in self.platform.state()[
                'VirtualIOServer'] for mapping in vios['mappings']
            if mapping['storage'] == 'oracle_data'])

    def test_detached_port_with_a_wrong_404(self):
        """The adapter goes, or Nova does not say that it has gone."""
        server = self.boot()
        mac = self.attach_port(server)
        for path, count, is_detached in (
                ('/ClientNetworkAdapter$', 1, False),
                ('LogicalPartition/[0-9A-Fa-f-]{36}$', 2, False),
                ('LogicalPartition/[0-9A-Fa-f-]{36}$', 1, True)):
            self.platform.faults.add({
                'method': 'GET', 'path': path,
                'effect': 'status', 'status': 404, 'count': count})
            error = self.users.detach_port(self.walk_server(server), 2)
            self.assertEqual(is_detached, error is None)
            self.assertEqual(is_detached, mac not in [
                adapter['mac'] for adapter in
                self.platform.state()['ClientNetworkAdapter']])


class TrunksTest(base.ScenarioCase):
    """Trunk adapters of Open vSwitch stay for a server that Nova has here."""

    VIF = {'vif_type': 'ovs',
           'vif_details': {'port_filter': True, 'bridge_name': 'br-int'}}

    def trunks(self):
        return sorted(adapter['mac'] for adapter in self.platform.state()[
            'ClientNetworkAdapter'] if adapter['partition'] == 'novalink')

    def test_start_with_an_empty_list(self):
        server = self.boot()
        # Nova plugs no ports of such a server when it starts.
        instance = self.instance_of(server)
        instance.vm_state = 'error'
        instance.save()
        before = self.trunks()
        self.assertEqual(1, len(before))
        remove = vif.remove_stale_ports

        def remove_without_lpars(host):
            with fx.MonkeyPatch(
                    'pypowervm.wrappers.logical_partition.LPAR.get',
                    classmethod(lambda *args, **kwargs: [])):
                remove(host)
        self.useFixture(fx.MonkeyPatch(
            'nova_powervm.virt.powervm.vif.remove_stale_ports',
            remove_without_lpars))
        self.restart()
        self.assertEqual(before, self.trunks())
