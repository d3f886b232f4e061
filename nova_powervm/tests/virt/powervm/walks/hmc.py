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

"""A server on one of several systems behind an HMC."""

from nova_powervm.simulator import fingerprint
from nova_powervm.tests.virt.powervm.walks import case
from nova_powervm.tests.virt.powervm.walks import estate
from nova_powervm.tests.virt.powervm.walks import operations
from nova_powervm.tests.virt.powervm.walks import scene
from nova_powervm.tests.virt.powervm.walks import systems
from nova_powervm.virt.powervm import names

HERE, THERE = 'compute2', 'compute3'
_STRANGER = '01234567-89AB-4000-8000-000000000001'
_GONE = '11234567-89ab-4000-8000-000000000002'


class HmcCase(case.DriverCase):
    """A test with a server on the second of three systems.

    The first one has what a careless driver would take for its own: an LPAR
    with a disk and a config drive, those of a server that is gone, a cached
    image, and uploads that have not ended. Nova knows none of them.
    """

    def setUp(self):
        super().setUp()
        self.api = self.scene.api
        self._check_always = self.scene.check_always
        self.simulated = self.cloud.host_of(HERE)
        self._make_strangers()
        self.journal = self.simulated.journal
        self.journal.clear()
        self.before = self.others()

    def _make_strangers(self):
        host = self.cloud.site.hosts[0]
        if host.store.find('LogicalPartition', _STRANGER):
            return
        drive = names.config_drive_name(_STRANGER)
        disk = {'vios': 'vios1', 'volume_group': 'datavg',
                'name': names.disk_name('b_', _STRANGER),
                'size_bytes': 1024 ** 3}
        medium = {'vios': 'vios1', 'name': drive, 'content': b'iso'}
        operator = host.operator
        operator.create_partition('stranger', disk, medium, uuid=_STRANGER)
        for name in (names.group_image('image', 'content'),
                     names.disk_name('b_', _GONE)):
            operator.create_disk('vios1', 'datavg', name, 1024 ** 2, b'bytes')
        operator.create_medium('vios1', names.config_drive_name(_GONE), b'iso')
        with self.cloud.site.lock:
            for name in (drive, names.config_drive_name(_GONE)):
                estate.make_upload(host, operator.vios('vios1'), name)

    def others(self):
        """All that belongs to the other systems: dict, see fingerprint."""
        return systems.parts(self.cloud.site, self.simulated.name)

    def check_others(self):
        self.assertEqual([], fingerprint.differences(self.before,
                                                     self.others()))
        self.assertEqual([], systems.root_feeds(self.journal.records()))
        self._check_always()


class LifeMixin:
    """What a server goes through on its host, with all requests counted.

    :cvar HOST: Nova's name of the host
    :cvar FIRST: dict, how the server is made
    :cvar COUNTS: dict of operation -> requests that it needs with a NovaLink
    """

    HOST = HERE
    FIRST = {}
    COUNTS = {}

    def create(self):
        server = self.scene.create(host=self.HOST, **self.FIRST)
        self.assertEqual('active', server.status, self.cloud.failures[-1:])
        self.scene.write()
        return server

    def counted(self, name, sent):
        """Compare the requests of an operation with COUNTS.

        :param name: str
        :param sent: list of str, see requests()
        """
        raise NotImplementedError()

    def do(self, act, status='active', name=None):
        """Have a user do something, and look what has become of it.

        :param name: str, of an operation whose requests are counted
        """
        self.scene.begin()
        already = len(self.requests())
        failure = act(self.scene.server)
        self.assertIsNone(failure)
        self.assertEqual(status, self.scene.status,
                         self.cloud.failures[-1:])
        if name is not None:
            self.counted(name, self.requests()[already:])
        self.check_others()

    def requests(self):
        """What was sent, without the polls for events."""
        return ['%s %s' % (record['method'], record['path'])
                for record in self.journal.records()
                if not record['path'].endswith('/Event')]

    def live(self):
        """What all servers have in common."""
        self.do(self.api.stop, 'stopped', name='stop')
        self.do(self.api.start, name='start')
        self.do(lambda server: self.api.reboot(server, hard=True),
                name='hard reboot')
        self.do(lambda server: self.api.attach_port(server, operations.PORT),
                name='attach port')
        self.do(lambda server: self.api.detach_port(server, operations.PORT),
                name='detach port')
        self.do(lambda server: self.api.resize(server, scene.WIDE),
                'resized', name='resize')
        self.do(self.api.confirm, name='confirm')
        self.scene.check_bytes()
        self.cloud.run_periodic_tasks()
        self.cloud.restart(self.HOST)
        self.check_others()
        self.do(self.api.rescue, 'rescued', name='rescue')
        self.do(self.api.unrescue, name='unrescue')

    def delete(self):
        self.do(self.api.delete, 'gone', name='delete')
        self.scene.forget()
        self.cloud.run_periodic_tasks()
        self.check_others()

    def make_another(self):
        """Nothing that it needs has to be uploaded or made first."""
        self.do(lambda _server: self.create() and None, name='make')
        self.delete()
