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

"""The demo's --keep: everything stays, and can be talked to."""

import os
import shlex
import sys
import threading

from nova_powervm.demo.apis import catalog
from nova_powervm.demo import steps

_TEXT = """
Everything stays as it is until you press Ctrl-C. No guest code runs: the
partitions are simulated, their disks are real. Meanwhile, in another terminal:

Let the openstack client find this cloud
  export OS_CLIENT_CONFIG_FILE=%(clouds)s OS_CLOUD=%(cloud)s
  export PATH=%(programs)s:$PATH

What there is
  openstack server list
  openstack hypervisor list --long
  openstack image list
  openstack network list
  openstack port list

Boot one more server, look at it, stop it, start it, and delete it
  openstack server create --image %(image)s --flavor %(flavor)s \\
    --network %(network)s --wait demo-3
  openstack server show demo-3
  openstack server stop demo-3
  openstack server start demo-3
  openstack server delete --wait demo-3

Let Nova open the console of a server, for nova-novncproxy
  openstack console url show --novnc %(server)s

Watch the simulated PowerVM server, its requests and what they cost in a
browser; a click there makes a request fail
  %(site)s/

What there is on the simulated PowerVM server
  curl -s %(site)s/simulator/state

The REST requests of the driver
  curl -s %(site)s/simulator/journal

Switch a server off behind Nova's back: Nova notices within 20 seconds
  curl -s %(site)s/simulator/control -H 'Content-Type: application/json' \\
    -d '{"action": "set_partition_state", "partition": "%(lpar)s",
         "state": "not activated"}'

Let the next boot meet a Virtual I/O Server that is busy
  curl -s %(site)s/simulator/faults -H 'Content-Type: application/json' \\
    -d '{"effect": "busy", "method": "POST", "path": "VirtualIOServer"}'

Open the console of a server in this terminal; rmvterm in another one closes it
  %(tools)s/mkvterm --id %(id)d
  %(tools)s/rmvterm --id %(id)d

Open the console for a VNC client, which connects to the port that is printed
  %(tools)s/mkvterm --id %(id)d --vnc --local

More of that is in %(site)s/simulator/openapi.yaml

A session of pypowervm with the simulated server
  python -W ignore -c "from pypowervm import adapter; \\
    from pypowervm.wrappers import logical_partition; \\
    session = adapter.Session('127.0.0.1', '%(user)s', '%(password)s', \\
    protocol='http', port=%(port)d); \\
    print(*((lpar.id, lpar.name, lpar.state) for lpar in \\
    logical_partition.LPAR.get(adapter.Adapter(session))), sep='\\n')"

Logs
  %(logs)s
"""


def keep(demo):
    """Tell how to talk to what there is, and wait for Ctrl-C."""
    nova = demo.cloud.nova
    with catalog.Catalog(nova.api_fixture.app(), nova.api_fixture.project_id,
                         nova.glance, nova.neutron) as apis:
        demo.screen.say(_TEXT % _values(
            demo, apis.write_clouds(demo.cloud.folder)))
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            demo.screen.say()


def _values(demo, clouds):
    cloud = demo.cloud
    profile = cloud.simulator.profile
    server = demo.servers[0]
    lpar = server['OS-EXT-SRV-ATTR:instance_name']
    return {
        'clouds': clouds, 'cloud': catalog.CLOUD,
        'programs': os.path.dirname(sys.executable),
        'image': shlex.quote(demo.image['name']), 'flavor': steps.FLAVOR,
        'network': cloud.network_name, 'server': server['name'],
        'site': cloud.host.url, 'lpar': lpar,
        'id': _partition_id(cloud.host, lpar),
        'tools': cloud.host.management_root + '/usr/bin',
        'user': profile['user'], 'password': profile['password'],
        'port': cloud.host.port, 'logs': '\n  '.join(cloud.log_files)}


def _partition_id(host, name):
    """The ID of the LPAR with a name, int."""
    return next(lpar['id'] for lpar in host.state()['LogicalPartition']
                if lpar['name'] == name)
