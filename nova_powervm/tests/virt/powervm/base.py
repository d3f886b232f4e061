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

"""What unit tests of the driver share: a Host on a simulated one."""

import time
import types

import fixtures
from nova import objects
from oslo_config import fixture as config_fixture
import testtools

from nova_powervm import conf as cfg
from nova_powervm.tests import fixtures as powervm_fixtures
from nova_powervm.virt.powervm import event
from nova_powervm.virt.powervm import host as powervm_host

UUID = 'b1b2c3d4-0000-4000-8000-0000000000%02x'


def make_flavor(memory_mb=1024, vcpus=2, **extra_specs):
    """Build a flavor.

    :param extra_specs: powervm: extra specs, without that prefix.
    """
    return objects.Flavor(
        name='m1.power', memory_mb=memory_mb, vcpus=vcpus, root_gb=1,
        ephemeral_gb=0, swap=0,
        extra_specs={'powervm:' + name: value
                     for name, value in extra_specs.items()})


def make_instance(number=1, flavor=None, **attrs):
    """Build an instance that no database knows."""
    values = dict(id=number, uuid=UUID % number, display_name='server',
                  hostname='server', host='compute1', system_metadata={},
                  task_state=None, flavor=flavor or make_flavor())
    values.update(attrs)
    return objects.Instance(**values)


class TestCase(testtools.TestCase):
    """A test with logs captured, and options that are reset."""

    def setUp(self):
        super().setUp()
        objects.register_all()
        self.logger = self.useFixture(fixtures.FakeLogger())
        self.config = self.useFixture(config_fixture.Config(cfg.CONF))

    def flags(self, group=None, **values):
        self.config.config(group=group, **values)


class SimulatedHostTestCase(TestCase):
    """A test on a simulated host, with options that lead to it.

    :ivar site: simulator.site.Site
    :ivar simulated: its host.
    """

    PROFILE = 'default'

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(
            powervm_fixtures.SimulatedSite(
                profile=self.PROFILE,
                vlans=powervm_fixtures.PORT_VLANS)).site
        self.simulated = self.site.hosts[0]
        self.flags(group='powervm', rest_host='127.0.0.1',
                   rest_port=self.simulated.port, rest_protocol='http',
                   rest_user=self.site.profile['user'],
                   rest_password=self.site.profile['password'],
                   rest_connect_timeout=0, vios_active_wait_timeout=0)

    def connect(self, event_handler=None):
        """Make a Host that is connected, and that the test's end closes.

        The thread of its events ends then, too: it would go on in other tests.
        """
        host = powervm_host.Host('compute1')
        host.connect(event_handler)
        self.addCleanup(host.close)
        if isinstance(event_handler, event.PowerVMNovaEventHandler):
            self.addCleanup(event_handler.shutdown)
        self.simulated.journal.clear()
        return host

    def answer_jobs_after_one_poll(self):
        """Let jobs run until they are polled, which takes no time here."""
        self.site.timing['job_polls'] = 1
        self.useFixture(fixtures.MonkeyPatch(
            'pypowervm.wrappers.job.time', types.SimpleNamespace(
                time=time.time, sleep=lambda seconds: None)))

    def requests(self):
        """What was sent since the last call: ['GET ManagedSystem', ...].

        Of a path only the letters are told, not the service and UUIDs. The
        polling for events is left out.
        """
        records = self.simulated.journal.records()
        self.simulated.journal.clear()
        return ['%s %s' % (record['method'], _words(record['path']))
                for record in records if 'Event' not in record['path'] or
                record['method'] != 'GET']

    def fail_request(self, **fault):
        """Break the next matching request."""
        self.simulated.faults.add(fault)

    def partition(self, uuid):
        """An LPAR of the simulator's model."""
        return self.simulated.store.get('LogicalPartition', uuid)


def _words(path):
    return '/'.join(part for part in path.split('/')[4:] if part.isalpha())
