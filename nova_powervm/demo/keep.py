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

import threading

from nova_powervm.demo import api

_TEXT = '''
Everything stays as it is until you press Ctrl-C. Meanwhile, from another
terminal:

Watch the simulated PowerVM server, its requests and what they cost in a
browser; a click there makes a request fail
  %(site)s/

What Nova knows
  curl -s %(nova)s/servers/detail
  curl -s %(nova)s/os-hypervisors/detail

Stop a server, and start it again
  curl -s %(nova)s/servers/%(server)s/action \\
    -H 'Content-Type: application/json' -d '{"os-stop": null}'
  curl -s %(nova)s/servers/%(server)s/action \\
    -H 'Content-Type: application/json' -d '{"os-start": null}'

Boot one more
  curl -s %(nova)s/servers -H 'Content-Type: application/json' -d \\
    '{"server": {"name": "demo-3", "imageRef": "%(image)s",
      "flavorRef": "%(flavor)s", "networks": [{"uuid": "%(network)s"}]}}'

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
  %(bin)s/mkvterm --id %(id)d
  %(bin)s/rmvterm --id %(id)d

Open the console for a VNC client, which connects to the port that is printed
  %(bin)s/mkvterm --id %(id)d --vnc --local

Let Nova open it, for nova-novncproxy
  curl -s %(nova)s/servers/%(server)s/remote-consoles \\
    -H 'Content-Type: application/json' \\
    -H 'X-OpenStack-Nova-API-Version: 2.6' \\
    -d '{"remote_console": {"protocol": "vnc", "type": "novnc"}}'

More of that is in %(site)s/simulator/openapi.yaml

A session of pypowervm with the simulated server
  python -c "from pypowervm import adapter
  from pypowervm.wrappers import logical_partition
  session = adapter.Session('127.0.0.1', '%(user)s', '%(password)s',
                            protocol='http', port=%(port)d)
  for lpar in logical_partition.LPAR.get(adapter.Adapter(session)):
      print(lpar.id, lpar.name, lpar.state)"

Logs
  %(logs)s
'''


def keep(demo):
    """Tell how to talk to what there is, and wait for Ctrl-C."""
    cloud = demo.cloud
    with api.ApiServer(cloud.nova.api_fixture.app(),
                       cloud.nova.api_fixture.project_id) as server:
        demo.screen.say(_TEXT % _values(demo, server.url))
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            demo.screen.say()


def _values(demo, nova_url):
    cloud = demo.cloud
    profile = cloud.simulator.profile
    server = demo.servers[0]
    return {
        'nova': nova_url, 'site': cloud.host.url,
        'server': server['id'],
        'lpar': server['OS-EXT-SRV-ATTR:instance_name'],
        'id': _partition_id(cloud.host,
                            server['OS-EXT-SRV-ATTR:instance_name']),
        'bin': cloud.host.management_root + '/usr/bin',
        'image': demo.image['id'], 'flavor': demo.flavor,
        'network': cloud.network_id,
        'user': profile['user'], 'password': profile['password'],
        'port': cloud.host.port, 'logs': '\n  '.join(cloud.log_files)}


def _partition_id(host, name):
    """The ID of the LPAR with a name, int."""
    return next(lpar['id'] for lpar in host.state()['LogicalPartition']
                if lpar['name'] == name)
