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

"""Volumes through VIOSes: discovery, mapping and removal of hdisks."""

import base64

from lxml import etree
from pypowervm import exceptions as pvm_exc
from pypowervm.tasks import hdisk
from pypowervm.tasks import storage as pvm_tasks
from pypowervm.wrappers import job as pvm_job
from pypowervm.wrappers import storage as pvm_stor
from pypowervm.wrappers import virtual_io_server as pvm_vios

from nova_powervm.simulator.san import volume as san_volume
from nova_powervm.tests.simulator import fc_base

STATUS = hdisk.LUAStatus
XAG = ['ViosSCSIMapping', 'ViosStorage']


class DiscoveryTest(fc_base.FcTestCase):

    def run_job(self, operation, vios=None, **parameters):
        """Run a job of a VIOS; returns its results."""
        vios = vios or self.vios
        job = pvm_job.Job.wrap(self.adapter.read(
            'VirtualIOServer', root_id=vios.uuid, suffix_type='do',
            suffix_parm=operation))
        job.run_job(vios.uuid, job_parms=[
            job.create_job_parameter(name, value, cdata='<' in value)
            for name, value in parameters.items()])
        return job.get_job_results_as_dict()

    def volumes(self, vios=None):
        """The wrappers of the physical volumes of the network."""
        vios = vios or self.vios
        vios_w = pvm_vios.VIOS.get(self.adapter, uuid=vios.uuid, xag=XAG)
        return [volume for volume in vios_w.phys_vols
                if volume.udid == self.volume.udid]

    def assert_status(self, status, connection, vios=None, **kwargs):
        found = self.discover(connection, vios, **kwargs)
        self.assertEqual(status, found[0], found)
        return found

    def test_life_of_an_hdisk(self):
        before = self.site.state()
        connection = self.export()
        self.assertEqual([], self.volumes())

        names = []
        for vios in (self.vios, self.vios2):
            _status, name, udid = self.assert_status(
                STATUS.DEVICE_AVAILABLE, connection, vios)
            names.append(name)
            self.assertEqual(self.volume.udid, udid)
            volume = self.volumes(vios)[0]
            self.assertEqual(name, volume.name)
            self.assertEqual(1024, volume.capacity)
            self.assertTrue(volume.is_fc_backed)
            self.assertTrue(volume.avail_for_use)
            self.assertEqual(self.volume.naa, volume.pg83)
        self.assertEqual(['hdisk2', 'hdisk3'], names)
        # Once more.
        self.assert_status(STATUS.DEVICE_AVAILABLE, connection)
        self.assertEqual(1, len(self.volumes()))

        for vios, name in zip((self.vios, self.vios2), names):
            self.remove_hdisk(name, vios)
        self.san.unexport('one')
        self.assertEqual([], self.volumes())
        self.assertEqual([], self.volume.hdisks)
        self.assertEqual(before, self.site.state())

    def test_udid_is_like_that_of_the_captures(self):
        _status, _name, udid = self.discover(self.export())
        self.assertTrue(udid.startswith('01M0lCTTIxNDUyNEM2MDA1MDc2'), udid)
        self.assertEqual('3IBM214524C' + self.volume.naa,
                         base64.b64decode(udid[2:]).decode())

    def test_mapped(self):
        lpar = self.make_lpar()
        connection = self.export()
        self.connect(lpar, connection)
        _status, name, _udid = self.assert_status(STATUS.DEVICE_IN_USE,
                                                  connection)
        self.assertFalse(self.volumes()[0].avail_for_use)
        vios_w = self.vios_w()
        mapping = vios_w.scsi_mappings[0]
        self.assertIsInstance(mapping.backing_storage, pvm_stor.PV)
        self.assertEqual((name, 'one', fc_base.LUA), (
            mapping.backing_storage.name, mapping.backing_storage.tag,
            mapping.target_dev.lua))
        self.assertRaisesRegex(pvm_exc.JobRequestFailed, 'mapped to vm1',
                               self.remove_hdisk, name)
        vios_w.scsi_mappings = []
        vios_w.update()
        self.assertIsNone(self.volumes()[0].tag)
        self.remove_hdisk(name)

    def test_several_servers(self):
        first, second = self.make_lpar('vm1'), self.make_lpar('vm2')
        connection = self.export()
        _status, name, udid = self.discover(connection)
        for lpar in (first, second):
            self.map_hdisk(name, udid, lpar)
        self.assertEqual(['vm1', 'vm2'], self.volume.clients())
        self.assertEqual(2, len(self.vios_w().scsi_mappings))

    def test_storage_document_does_not_lose_it(self):
        self.discover(self.export())
        self.vios_w().update()
        self.assertEqual(1, len(self.volumes()))

    def test_extend(self):
        lpar = self.make_lpar()
        connection = self.export()
        self.connect(lpar, connection)
        self.san.extend_volume('one', 3 * fc_base.GIB)
        self.assertEqual([fc_base.GIB] * 2,
                         [disk.size for disk in self.seen(lpar)])
        self.assert_status(STATUS.DEVICE_IN_USE, connection)
        self.assertEqual(
            {'vios1': 3 * fc_base.GIB, 'vios2': fc_base.GIB},
            {disk.vios: disk.size for disk in self.seen(lpar)})
        self.assertEqual(
            3072, self.vios_w().scsi_mappings[0].backing_storage.capacity)
        pvm_tasks.rescan_vstor(self.vios2.uuid, self.volume.udid,
                               adapter=self.adapter)
        self.assertEqual([3 * fc_base.GIB] * 2,
                         [disk.size for disk in self.seen(lpar)])

    # -- what goes wrong --------------------------------------------------

    def test_some_paths(self):
        connection = self.export()
        itls = self.itls(connection, all_targets=True)
        found = hdisk.discover_hdisk(self.adapter, self.vios.uuid, itls)
        self.assertEqual(STATUS.FOUND_ITL_ERR, found[0])
        self.assertTrue(hdisk.good_discovery(*found[:2]))

    def test_initiators_of_another_vios(self):
        connection = self.export()
        found = hdisk.lua_recovery(self.adapter, self.vios.uuid,
                                   self.itls(connection, self.vios2))
        self.assertEqual((STATUS.INCORRECT_ITL, None, None), found)

    def test_not_exported(self):
        connection = self.export()
        self.san.unexport('one')
        self.assert_status(STATUS.INCORRECT_ITL, connection)
        self.assertEqual([], self.volumes())

    def test_wrong_lun_in_the_request(self):
        connection = dict(self.export(), target_lun=5)
        self.assert_status(STATUS.INCORRECT_ITL, connection)

    def test_large_lun(self):
        self.assert_status(STATUS.DEVICE_AVAILABLE, self.export(lun=16000))

    def test_faults(self):
        connection = self.export()
        for fault in (san_volume.NOT_EXPORTED, san_volume.WRONG_LUN,
                      san_volume.PATH_DOWN):
            self.volume.set_fault(fault)
            self.assert_status(STATUS.INCORRECT_ITL, connection)
            self.volume.set_fault(fault, self.wwpns(self.vios)[:1])
            _status, name, _udid = self.assert_status(STATUS.FOUND_ITL_ERR,
                                                      connection)
            self.volume.clear_faults()
            self.remove_hdisk(name)
        self.volume.set_fault(san_volume.PATH_DOWN,
                              connection['target_wwn'][:1])
        self.assert_status(STATUS.FOUND_ITL_ERR, connection)

    def test_reservation(self):
        connection = self.export()
        self.volume.set_fault(san_volume.RESERVED)
        found = self.assert_status(STATUS.FOUND_DEVICE_UNKNOWN_UDID,
                                   connection)
        self.assertEqual(('hdisk2', None), found[1:])
        self.volume.clear_faults()
        self.assert_status(STATUS.DEVICE_AVAILABLE, connection)

    def test_what_is_down(self):
        connection = self.export()
        port = self.wwpns(self.vios)[0]
        for down, up in (
                (lambda: self.san.set_port(port, False),
                 lambda: self.san.set_port(port, True)),
                (lambda: self.san.set_fabric('B', False),
                 lambda: self.san.set_fabric('B', True)),
                (lambda: self.san.set_port('500507680110A001', False),
                 lambda: self.san.set_port('500507680110A001', True))):
            down()
            self.assert_status(STATUS.FOUND_ITL_ERR, connection)
            up()
            self.assert_status(STATUS.DEVICE_AVAILABLE, connection)

    def test_port_that_is_down_shows_it(self):
        self.assertEqual(
            set(self.wwpns(self.vios)),
            set(self.fc_w().get_active_pfc_wwpns()))
        self.san.set_port(self.wwpns(self.vios)[0], False)
        self.assertEqual(self.wwpns(self.vios)[1:],
                         self.fc_w().get_active_pfc_wwpns())

    def test_device_id(self):
        connection = self.export()
        self.assert_status(STATUS.DEVICE_AVAILABLE, connection,
                           device_id=self.volume.page83)
        self.assert_status(STATUS.INCORRECT_ITL, connection,
                           device_id=self.create('two').page83)

    def test_vios_is_down(self):
        connection = self.export()
        self.vios.set_rmc('inactive')
        self.assertRaises(pvm_exc.JobRequestFailed, self.discover, connection)
        self.assertRaises(pvm_exc.JobRequestFailed, self.remove_hdisk,
                          'hdisk0')

    # -- stale devices ----------------------------------------------------

    def replace_volume(self):
        """Put another volume where VIOSes have found the first one."""
        self.san.unexport('one')
        self.create('two')
        return self.export('two')

    def test_stale_device(self):
        self.discover(self.export())
        connection = self.replace_volume()
        stale = self.vios.volumes['hdisk2']
        self.assertFalse(stale.works)
        _status, name, udid = self.assert_status(STATUS.DEVICE_AVAILABLE,
                                                 connection)
        self.assertEqual('hdisk2', name)
        self.assertEqual(self.san.volume('two').udid, udid)
        self.assertEqual([], self.volume.hdisks)

    def test_stale_device_in_use(self):
        lpar = self.make_lpar()
        self.connect(lpar)
        connection = self.replace_volume()
        found = self.assert_status(STATUS.ITL_NOT_RELIABLE, connection)
        self.assertEqual((None, None), found[1:])
        # What was left by a partition is in the way only until pypowervm
        # has seen that it is gone.
        self.adapter.delete('LogicalPartition', root_id=lpar.uuid)
        self.assert_status(STATUS.DEVICE_AVAILABLE, connection)

    def test_several_volumes_behind_the_paths(self):
        self.create('two')
        port_a, port_b = self.wwpns(self.vios)
        connection = self.export(initiators=[port_a])
        connection['initiator_target_map'].update(
            self.export('two', [port_b])['initiator_target_map'])
        self.assert_status(STATUS.ITL_NOT_RELIABLE, connection)

    # -- documents --------------------------------------------------------

    def device(self, tag, itls):
        """The text of a device to look for."""
        return ('<device><vendor>OTHER</vendor><deviceTag>%s</deviceTag>'
                '<itlList><number>%d</number>%s</itlList></device>' % (
                    tag, len(itls), ''.join(
                        '<itl><Iwwpn>%s</Iwwpn><Twwpn>%s</Twwpn><lua>%s</lua>'
                        '</itl>' % (itl.initiator, itl.target, itl.lun)
                        for itl in itls)))

    def test_several_devices(self):
        self.create('two')
        devices = [self.device(tag, self.itls(self.export(volume_id)))
                   for tag, volume_id in ((1, 'one'), (2, 'two'))]
        devices.append(self.device(3, []))
        results = self.run_job('LUARecovery', inputXML=(
            '<XML_LIST><general><cmd_version>3</cmd_version></general>'
            '<deviceList>%s</deviceList></XML_LIST>' % ''.join(devices)))
        answer = etree.fromstring(results['OutputXML'])
        self.assertEqual(
            [('1', '3', 'hdisk2', self.volume.udid),
             ('2', '3', 'hdisk3', self.san.volume('two').udid),
             ('3', '6', None, None)],
            [tuple(device.findtext(name) for name in (
                'deviceTag', 'status', 'pvName', 'udid'))
             for device in answer.findall('deviceList/device')])

    def test_inventory(self):
        _status, _name, udid = self.discover(self.export())
        self.assertEqual(self.volume.page83, hdisk.get_pg83_via_job(
            self.adapter, self.vios.uuid, udid))
        self.assertIsNone(hdisk.get_pg83_via_job(
            self.adapter, self.vios.uuid, 'other'))

    def test_bad_requests(self):
        for text in ('', 'text', '<A/>', '<XML_LIST><deviceList><device>'
                     '<itlList><itl><Iwwpn>x</Iwwpn></itl></itlList></device>'
                     '</deviceList></XML_LIST>'):
            self.assertRaises(pvm_exc.JobRequestFailed, self.run_job,
                              'LUARecovery', inputXML=text)

    def test_bad_removals(self):
        for name, reason in (('hdisk77', 'no device hdisk77'),
                             ('hdisk0', 'belongs to volume group rootvg')):
            self.assertRaisesRegex(pvm_exc.JobRequestFailed, reason,
                                   self.remove_hdisk, name)

    def test_remove_a_device_of_the_profile(self):
        self.remove_hdisk('hdisk2', self.vios2)
        self.assertNotIn('hdisk2', self.vios2.volumes)

    def test_failed_job_does_nothing(self):
        connection = self.export()
        self.host.faults.add({'effect': 'job_failed', 'method': 'PUT',
                              'path': 'LUARecovery'})
        self.assertRaises(pvm_exc.JobRequestFailed, self.discover, connection)
        self.assertEqual([], self.volumes())
