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

"""The scene of a walk: a cloud, a server, and what must always hold."""

from nova.compute import power_state
from nova.compute import vm_states

from nova_powervm.tests.virt.powervm.walks import api as walk_api
from nova_powervm.tests.virt.powervm.walks import cloud as walk_cloud
from nova_powervm.tests.virt.powervm.walks import server as walk_server
from nova_powervm.tests.virt.powervm.walks import view

#: What a guest writes onto a disk, behind the bytes of the image.
OFFSET = 900 * 1024 ** 2 + 4097
WRITTEN = b'written by the guest of %s onto %s'

SMALL = walk_server.make_flavor('small')
WIDE = walk_server.make_flavor('wide', memory_mb=2048)
WITH_DISKS = walk_server.make_flavor('with disks', ephemeral_gb=2,
                                     swap_mb=1024)
LARGE = walk_server.make_flavor('large', memory_mb=2048, vcpus=2, root_gb=3)


class Scene:
    """A cloud with the server that a walk is about.

    :ivar cloud: cloud.Cloud
    :ivar api: api.API
    :ivar server: server.Server, or None
    :ivar empty: view of the site without a server, if it is known
    :param test: the test, which fails when something does not hold
    :param cloud: cloud.Cloud
    """

    def __init__(self, test, cloud):
        self.test = test
        self.cloud = cloud
        self.api = walk_api.API(cloud)
        self.server = None
        self.empty = None
        #: What the message of a failure begins with.
        self.story = ''
        #: Whether nova-compute was killed during the last operation.
        self.was_killed = False
        self._was_on = {}

    # ---- the server ------------------------------------------------------

    def create(self, number=1, **kwargs):
        """Make the server that the walk is about."""
        self.server = self.api.create(number, **kwargs)
        return self.server

    def forget(self):
        """Forget the server, which Nova has deleted."""
        self.cloud.forget(self.server)
        self.server = None

    def make_neighbour(self, number, host):
        """Make another server of Nova, which has written onto its disk.

        :param number: int, see server.Server
        :param host: Nova's name of the host
        :returns: server.Server
        """
        made = self.api.create(number, host=host)
        self.check(made.status == 'active', self.cloud.failures[-1:])
        self.write(made)
        return made

    def end_neighbour(self, server):
        """Bring back the LPAR of another server, and delete the server.

        What it has written is on its disk.
        """
        self.api.reboot(server, hard=True)
        lpar = view.partition_of(self.host(server.host), server.uuid)
        self.check(view.is_on(lpar) and self.own_disks(server),
                   'the other server cannot be brought back: it is %s; %s' % (
                       server.status, self.cloud.failures[-1:]))
        self.check_bytes(server)
        self.api.delete(server)
        self.check(server.status == 'gone', 'the other server is %s' %
                   server.status)
        self.cloud.run_periodic_tasks()
        self.cloud.forget(server)

    @property
    def status(self):
        return self.server.status

    def host(self, name=None):
        """The simulated host that the server is on, or one by name."""
        return self.cloud.host_of(name or self.server.host)

    def lpar(self, name=None):
        """The simulated LPAR of the server, or None."""
        return view.partition_of(self.host(name), self.server.uuid)

    def write(self, server=None):
        """Let the guest write something onto each of its own disks.

        :param server: server.Server; None for that of the walk
        """
        server = server or self.server
        for name, disk in self.own_disks(server).items():
            disk.write_at(OFFSET, WRITTEN % (server.uuid.encode(),
                                             name.encode()))

    def own_disks(self, server=None):
        """The disks of ours that are mapped to a server: name -> disk."""
        server = server or self.server
        host = server.host
        return {} if host is None else view.own_disks(
            self.cloud.host_of(host), server.uuid)

    # ---- what must always hold -------------------------------------------

    def fail(self, message):
        self.test.fail('%s: %s' % (self.story, message))

    def check(self, condition, message):
        if not condition:
            self.fail(message)

    def begin(self):
        """Remember what runs before an operation."""
        self._was_on = {uuid: view.is_on(view.partition_of(
            self.cloud.host_of(host), uuid))
            for uuid, host in self._servers_that_nova_says_run()}

    def check_always(self):
        """Look whether what must hold after any operation does."""
        for disk, lpars in view.writers(self.cloud.site).items():
            # A host that is wrongly thought dead writes until it is back.
            if disk not in self.cloud.shared_volumes and (
                    len(self.cloud.computes) == len(self.cloud.site.hosts)):
                self.check(len(lpars) < 2, '%s is written by %s' % (
                    disk, sorted(lpars)))
        for instance in self.cloud.instances():
            lpars = [host.name for host in self.cloud.site.hosts
                     if view.is_on(view.partition_of(host, instance.uuid))]
            # What is not known to be dead may be wrongly thought so.
            self.check(len(lpars) < 2 or
                       len(self.cloud.computes) < len(self.cloud.site.hosts),
                       'the server runs on %s' % lpars)
        for uuid, host in self._servers_that_nova_says_run():
            lpar = view.partition_of(self.cloud.host_of(host), uuid)
            if self._was_on.get(uuid):
                self.check(view.is_on(lpar), 'Nova says that the server '
                           'runs, and its LPAR does not')
        self.check(not self.cloud.cinder.complaints,
                   self.cloud.cinder.complaints)

    def _servers_that_nova_says_run(self):
        return [(instance.uuid, instance.host)
                for instance in self.cloud.instances()
                if instance.vm_state == vm_states.ACTIVE and
                instance.task_state is None and instance.host and
                instance.power_state == power_state.RUNNING]

    def check_bytes(self, server=None):
        """The guest finds what it has written onto its disks."""
        server = server or self.server
        for name, disk in self.own_disks(server).items():
            expected = WRITTEN % (server.uuid.encode(), name.encode())
            found = disk.read(OFFSET, len(expected))
            self.check(name.startswith('r_') or found == expected,
                       'the content of disk %s is lost' % name)

    def view(self):
        return view.view(self.cloud.site)

    def difference(self, expected):
        """Tell how the site differs from a view of it, str; empty if not."""
        return view.difference(expected, self.view())

    def clean_periodically(self, expected=None):
        """Run the periodic tasks, unless the site is as expected anyway.

        :param expected: a view; None if nobody knows
        """
        if expected is None or self.difference(expected):
            self.cloud.run_periodic_tasks()

    def check_view(self, expected):
        """The site looks as it should."""
        difference = self.difference(expected)
        self.check(not difference, 'the site is not what it should be\n' +
                   difference)


def make(test, platform):
    """Start a cloud for a test.

    :param platform: platforms.Platform
    :returns: Scene; the caller ends its cloud
    """
    cloud = walk_cloud.Cloud(platform)
    cloud.setUp()
    return Scene(test, cloud)
