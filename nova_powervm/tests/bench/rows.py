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

"""The rows of the benchmark.

A row is a function of a Bench that returns a Measurement. Rows are run in
their order: the first ones boot the servers that the others need.
"""

import contextlib
import os
import typing
from unittest import mock

from nova_powervm.demo.cloud import site
from nova_powervm.tests.bench import meter

GIB = 1024 ** 3
IMAGE_SIZE = 8 * 1024 ** 2
#: Servers on the host when power states are synchronised.
SERVERS = 4


class Row(typing.NamedTuple):
    """A row.

    :ivar title: str
    :ivar function: of a Bench; returns a Measurement.
    :ivar old: str, what nova-powervm 9.0.0 needed (see the developer
        documentation); '' if that was not measured.
    :ivar bar: what the value may be at most; None if there is no limit.
    :ivar unit: str, of the value.
    """

    title: str
    function: typing.Callable
    old: str = ''
    bar: float = None
    unit: str = 'requests'


class Bench:
    """A cloud, and what the rows need of it.

    :param cloud: cloud.Cloud, started.
    :ivar servers: list of dicts, the servers that run.
    """

    def __init__(self, cloud):
        self.cloud = cloud
        self.meter = meter.Meter(cloud.host)
        self.servers = []
        self.image = cloud.create_image(self._make_file('small', IMAGE_SIZE),
                                        'small')
        self.flavor = cloud.create_flavor('small')
        self.larger = cloud.create_flavor('larger', memory_mb=4096, disk_gb=2)
        cloud.nova.flags(allow_resize_to_same_host=True)
        # A power change makes the driver look once more when it has settled,
        # 15 seconds later, in the middle of whatever is measured then. It has
        # a row of its own.
        self._settling = mock.patch.object(cloud.driver.events.lifecycle,
                                           'process')

    def __enter__(self):
        self._settling.start()
        return self

    def __exit__(self, *exc_info):
        self._settling.stop()

    def _make_file(self, name, size):
        path = os.path.join(self.cloud.folder, name)
        with open(path, 'wb') as image:
            image.write(os.urandom(1024))
            image.truncate(size)
        return path

    def boot(self, image=None, flavor=None):
        """Boot one more server with a port and a config drive."""
        self.servers.append(self.cloud.boot(
            'server-%d' % len(self.servers), image or self.image,
            flavor or self.flavor))
        return self.servers[-1]

    def big_image(self, size):
        """Make an image of many bytes that takes no room."""
        return self.cloud.create_image(self._make_file('big', size), 'big')

    def act(self, status, action, argument=None):
        """Measure all that happens while Nova acts on the last server."""
        with self.meter.operation() as measured:
            self.cloud.act(self.servers[-1], status, action, argument)
        return measured

    def driver_call(self, method):
        """Measure a call of the driver; see Meter."""
        return self.meter.driver_call(self.cloud.driver, method)


# ---- on an otherwise empty host --------------------------------------------

def init_host(bench):
    driver = type(bench.cloud.driver)(bench.cloud.driver.virtapi)
    with contextlib.ExitStack() as end:
        end.callback(driver.cleanup_host, bench.cloud.nova.compute.host)
        with bench.meter.operation() as measured:
            driver.init_host(bench.cloud.nova.compute.host)
    return measured


def spawn(bench):
    with bench.driver_call('spawn') as measured:
        bench.boot()
    return measured


def update_resources(bench):
    with bench.meter.operation() as measured:
        bench.cloud.manager.update_available_resource(bench.cloud.context())
    return measured


def sync_power_states(bench):
    manager = bench.cloud.manager

    def done():
        with manager.syncs_in_progress() as syncs:
            return not syncs

    while len(bench.servers) < SERVERS:
        bench.boot()
    with bench.meter.operation() as measured:
        manager._sync_power_states(bench.cloud.context())
        site.wait_for(done, 'for the power states')
    return measured


def settled_power_state(bench):
    server = bench.servers[0]['OS-EXT-SRV-ATTR:instance_name']
    [uuid] = [lpar['uuid']
              for lpar in bench.cloud.host.state()['LogicalPartition']
              if lpar['name'] == server]
    with bench.meter.operation() as measured:
        bench.cloud.driver.events.lifecycle.emit(uuid)
    return measured


def stop(bench):
    with bench.driver_call('power_off') as measured:
        bench.cloud.act(bench.servers[0], 'SHUTOFF', 'os-stop')
    return measured


def start(bench):
    with bench.driver_call('power_on') as measured:
        bench.cloud.act(bench.servers[0], 'ACTIVE', 'os-start')
    return measured


def reboot_soft(bench):
    with bench.driver_call('reboot') as measured:
        bench.cloud.act(bench.servers[0], 'ACTIVE', 'reboot',
                        {'type': 'SOFT'})
    return measured


def reboot_hard(bench):
    with bench.driver_call('reboot') as measured:
        bench.cloud.act(bench.servers[0], 'ACTIVE', 'reboot',
                        {'type': 'HARD'})
    return measured


def attach_interface(bench):
    bench.port = bench.cloud.create_port()
    with bench.driver_call('attach_interface') as measured:
        bench.cloud.attach_port(bench.servers[0], bench.port)
    return measured


def detach_interface(bench):
    with bench.driver_call('detach_interface') as measured:
        bench.cloud.detach_port(bench.servers[0], bench.port)
    return measured


def image_cache(bench):
    with bench.meter.operation() as measured:
        bench.cloud.manager._run_image_cache_manager_pass(
            bench.cloud.context())
    return measured


def destroy(bench):
    with bench.driver_call('destroy') as measured:
        bench.cloud.delete(bench.servers.pop())
    return measured


def snapshot(bench):
    return bench.act('ACTIVE', 'createImage', {'name': 'snapshot'})


def rescue(bench):
    return bench.act('RESCUE', 'rescue', {})


def unrescue(bench):
    return bench.act('ACTIVE', 'unrescue')


def resize(bench):
    return bench.act('VERIFY_RESIZE', 'resize', {'flavorRef': bench.larger})


def confirm_resize(bench):
    return bench.act('ACTIVE', 'confirmResize')


OPERATIONS = [
    Row('init_host', init_host, old='13', bar=13),
    Row('first spawn, uploads the image', spawn, old='33'),
    Row('second spawn', spawn, old='26', bar=14),
    Row('periodic resource update', update_resources, old='5', bar=2),
    Row('power-state sync of %d servers' % SERVERS, sync_power_states,
        old='%d' % (SERVERS + 1), bar=1),
    Row('after a power change has settled', settled_power_state, old='1'),
    Row('stop', stop, old='5'),
    Row('start', start, old='5'),
    Row('soft reboot', reboot_soft, old='5'),
    Row('hard reboot', reboot_hard, old='5', bar=6),
    Row('attach interface', attach_interface, bar=3),
    Row('detach interface', detach_interface, bar=3),
    Row('image-cache pass', image_cache, old='1'),
    Row('destroy of a running server', destroy, old='18-19', bar=13),
]

# ---- beside many other LPARs -----------------------------------------------

#: What stands on the disks; all that Nova has the driver do counts.
ON_DISKS = [
    Row('first spawn, uploads the image', spawn, old='33'),
    Row('second spawn', spawn, old='26', bar=14),
    Row('snapshot', snapshot, bar=14),
    Row('rescue', rescue, old='15', bar=12),
    Row('unrescue', unrescue, old='12', bar=10),
    Row('resize on the same host', resize, bar=12),
    Row('its confirmation', confirm_resize, bar=2),
    Row('destroy of a running server', destroy, old='18-19', bar=13),
]
#: Files do not grow.
ON_FILES = [row for row in ON_DISKS
            if row.function not in (resize, confirm_resize)]

CROWDS = (10, 100, 500)
#: With --full, another one.
LARGEST_CROWD = 1000
BESIDE_A_CROWD = [row for row in OPERATIONS if row.bar is not None or
                  row.function in (stop, start, reboot_soft)]


def memory_of_spawn(bench):
    image = bench.big_image(2 * GIB)
    flavor = bench.cloud.create_flavor('big', disk_gb=2)
    with meter.memory() as measured:
        bench.boot(image, flavor)
    return measured


def memory_of_snapshot(bench):
    with meter.memory() as measured:
        snapshot(bench)
    return measured


MEMORY = [
    Row('spawn of a 2 GiB image, above idle', memory_of_spawn, bar=64,
        unit='MiB'),
    Row('snapshot of its 2 GiB, above idle', memory_of_snapshot, bar=64,
        unit='MiB'),
]
