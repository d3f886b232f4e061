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

"""The Fibre Channel adapters of a server that is migrated live."""

from nova.compute import task_states
from nova import exception as nova_exc

from nova_powervm.tests.virt.powervm.volume import test_npiv
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.volume import fabrics
from nova_powervm.virt.powervm.volume import npiv_migration

PORTS = test_npiv.PORTS


class NpivMigrationTest(test_npiv.NpivTestCase):
    """The host plays the source and the target."""

    def setUp(self):
        super().setUp()
        self.first = self.wwpns()
        self.connect(self.build(self.connection(wwpns=self.first)))
        self.pairs = self.pairs_of()
        self.requests()

    def pairs_of(self):
        return {fabric: fabrics.adapters(self.instance, fabric)[0].wwpns
                for fabric in PORTS}

    def vios_wrappers(self):
        return self.host.vioses([vios_mappings.FC_MAPPING])

    def describe(self):
        return npiv_migration.describe(self.vios_wrappers(), self.instance)

    def come_from(self, host):
        """Let the server be on its way from another host."""
        self.instance.host = host
        self.instance.task_state = task_states.MIGRATING
        fabrics.set_host(self.instance, host)
        fabrics.save(self.instance)

    def test_connector(self):
        """The target tells Cinder the second WWPNs, and makes none."""
        self.come_from('other')
        self.requests()
        self.assertEqual([pair[1] for pair in self.pairs.values()],
                         self.wwpns())
        self.assertEqual([], self.requests())
        self.assertEqual(self.pairs, self.pairs_of())

    def test_ports(self):
        described = self.describe()
        self.requests()
        found = npiv_migration.choose_ports(self.host, self.instance,
                                            described)
        self.assertEqual(['GET VirtualIOServer'], self.requests())
        # The port with most room first, then another VIOS.
        slot, other = sorted(slot for slot, _wwpns in described)
        self.assertEqual(['%d/vios2/3//fcs0' % slot,
                          '%d/vios1/2//fcs1' % other], found)

    def test_no_adapters(self):
        self.requests()
        self.assertEqual([], npiv_migration.choose_ports(
            self.host, self.instance, []))
        self.assertEqual([], self.requests())

    def test_fabric_that_is_not_here(self):
        described = self.describe()
        self.configure(A=PORTS['A'])
        exc = self.assertRaises(
            nova_exc.MigrationPreCheckError, npiv_migration.choose_ports,
            self.host, self.instance, described)
        self.assertIn('fabric AB', str(exc))

    def test_note(self):
        """Once, how often Nova may ask for it."""
        self.come_from('other')
        for _time in range(2):
            npiv_migration.note_on_target(self.host, self.instance,
                                          self.vios_wrappers())
            self.assertEqual(
                {fabric: tuple(reversed(pair))
                 for fabric, pair in self.pairs.items()}, self.pairs_of())
        self.assertEqual(self.host.nodename, fabrics.host_of(self.instance))
        self.assertIsNotNone(self.kept_id())
        self.assertEqual({'A': 'inst_mapped', 'AB': 'inst_mapped'}, {
            fabric: fabrics.state(self.instance, fabric) for fabric in PORTS})

    def test_departure(self):
        """Once, whoever notes it, and how often."""
        swapped = {fabric: tuple(reversed(pair))
                   for fabric, pair in self.pairs.items()}
        self.come_from('other')
        self.requests()
        for _time in range(2):
            npiv_migration.note_departure(self.instance, self.host.nodename)
            self.assertEqual(swapped, self.pairs_of())
        self.assertEqual([], self.requests())
        self.assertEqual(self.host.nodename, fabrics.host_of(self.instance))
        npiv_migration.note_on_target(self.host, self.instance,
                                      self.vios_wrappers())
        self.assertEqual(swapped, self.pairs_of())

    def test_departure_without_adapters(self):
        fabrics.forget(self.instance)
        fabrics.save(self.instance)
        npiv_migration.note_departure(self.instance, 'other')
        self.assertIsNone(fabrics.host_of(self.instance))

    def test_note_without_platform(self):
        self.come_from('other')
        ports = {fabric: fabrics.adapters(self.instance, fabric)[0].port
                 for fabric in PORTS}
        npiv_migration.note_on_target(self.host, self.instance, None)
        self.assertEqual(
            {fabric: tuple(reversed(pair))
             for fabric, pair in self.pairs.items()}, self.pairs_of())
        self.assertEqual(ports, {
            fabric: fabrics.adapters(self.instance, fabric)[0].port
            for fabric in PORTS})

    def test_adapter_is_missing(self):
        self.come_from('other')
        npiv_migration.note_on_target(self.host, self.instance, [])
        self.assertEqual({'unmapped'}, {
            fabrics.state(self.instance, fabric) for fabric in PORTS})
        self.assertIn('has not come along', self.logger.output)
