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

"""What is written below an LPAR is never for one of another system."""

from unittest import mock

from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import network as pvm_net

from nova_powervm.tests.virt.powervm import base
from nova_powervm.tests.virt.powervm import hmc_base
from nova_powervm.virt.powervm import lpars_here

_LOOK = 'GET ManagedSystem/LogicalPartition/quick/PartitionState'
_CHILD = 'LogicalPartition/ClientNetworkAdapter'


class LparsHereTest(hmc_base.HmcTestCase):

    def setUp(self):
        super().setUp()
        self.host = self.connect()
        self.lpars_here = self.host.adapter.session._lpars_here
        self.instance = base.make_instance()
        self.cna = pvm_net.CNA.bld(
            self.host.adapter, 1,
            self.host.get_vswitch('ETHERNET0').related_href)

    def create(self, lpar):
        """Create an adapter: the requests for it."""
        self.requests()
        self.cna.create(parent_type=pvm_lpar.LPAR, parent_uuid=lpar.uuid)
        return self.requests()

    def test_lpar_of_another_system(self):
        theirs = self.make_lpar(
            self.others[0], self.instance.uuid,
            adapters=[{'switch': 'ETHERNET0(Default)', 'vlan': 101}])
        before = self.site.fingerprint()
        # The driver would not take it for one of ours.
        adapter, = pvm_net.CNA.get(
            self.host.adapter, parent_type=pvm_lpar.LPAR,
            parent_uuid=theirs.uuid)
        adapter.pvid = 7
        self.requests()
        for write in (lambda: self.create(theirs), adapter.update,
                      adapter.delete):
            self.assertRaises(pvm_exc.HttpNotFound, write)
            self.assertEqual([_LOOK], self.requests())
        self.assertEqual(before, self.site.fingerprint())

    def test_lpar_that_was_just_read(self):
        ours = self.make_lpar(self.simulated, self.instance.uuid)
        write = 'PUT ' + _CHILD
        self.assertEqual([_LOOK, write], self.create(ours))
        self.assertEqual([write], self.create(ours))
        self.host.lpar(ours.uuid)
        now = self.lpars_here._clock() + lpars_here.LparsHere.MAX_AGE
        with mock.patch.object(self.lpars_here, '_clock', lambda: now):
            self.assertEqual([_LOOK, write], self.create(ours))

    def test_lpar_that_was_not_found(self):
        """What was seen before does not count."""
        ours = self.make_lpar(self.simulated, self.instance.uuid)
        self.host.lpar(ours.uuid)
        self.simulated.faults.add({'method': 'GET', 'effect': 'status',
                                   'path': 'LogicalPartition', 'status': 404})
        self.assertRaises(pvm_exc.HttpNotFound, self.host.lpar, ours.uuid)
        self.assertEqual([_LOOK, 'PUT ' + _CHILD], self.create(ours))

    def test_token_that_has_expired(self):
        """The write is sent, and is known to be sent, with the new one."""
        ours = self.make_lpar(self.simulated, self.instance.uuid)
        self.simulated.endpoint.sessions.expire_all()
        session = self.host.adapter.session
        sent = []
        real = session._send

        def send(token, method, *args, **kwargs):
            sent.append((method, token == session.token))
            return real(token, method, *args, **kwargs)

        self.patch(session, '_send', send)
        self.create(ours)
        self.assertEqual(('PUT', True), sent[-1])
        self.assertEqual({True}, {is_new for _method, is_new in sent})

    def test_lpar_that_may_have_left(self):
        """Whatever the driver does to an LPAR may end its being here."""
        ours = self.make_lpar(self.simulated, self.instance.uuid,
                              running=False)
        self.host.lpar(ours.uuid).delete()
        self.make_lpar(self.others[1], self.instance.uuid)
        self.assertRaises(pvm_exc.HttpNotFound, self.create, ours)
