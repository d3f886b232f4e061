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

"""Draws the picture of the page for the documentation.

python -m nova_powervm.tests.simulator.page_picture FILE
"""

import contextlib
import json
import sys
import tempfile
import time

from nova_powervm.simulator import profile
from nova_powervm.simulator import site as sim_site
from nova_powervm.tests import browser
from nova_powervm.tests import fixtures

#: Name, VLAN, GiB of the disk, and whether it runs.
SERVERS = (('web-1', 101, 20, True), ('web-2', 101, 20, True),
           ('db-1', 102, 80, True), ('build-7', 103, 40, False))
FAULTS = ({'effect': 'busy', 'method': 'POST', 'path': 'VirtualIOServer',
           'count': 3},
          {'effect': 'delay', 'seconds': 3, 'method': 'GET',
           'path': '/rest/api/uom/Cluster'})


class Scene:
    """A site with a few servers, and a client that sends requests.

    :param site: simulator.site.Site, started
    """

    def __init__(self, site):
        self.host = site.hosts[0]
        self._client = fixtures.Client(self.host)

    def _post(self, what, data):
        self._client.request('POST', '/simulator/' + what, json.dumps(data))

    def build(self):
        """Create the servers and the faults."""
        for number, (name, vlan, gib, runs) in enumerate(SERVERS):
            self._post('control', {
                'action': 'create_partition', 'name': name,
                'id': 10 + number, 'memory_mb': 2048 << number % 3,
                'adapters': [{'vlan': vlan}],
                'disk': {'vios': 'vios1', 'volume_group': 'datavg',
                         'name': 'boot_' + name.replace('-', '_'),
                         'size_bytes': gib * 1024 ** 3},
                'medium': {'vios': 'vios1', 'name': 'cfg_%s.iso' % name,
                           'content': 'x' * 400000}})
            if not runs:
                self._post('control', {
                    'action': 'set_partition_state', 'partition': name,
                    'state': 'not activated'})
        for fault in FAULTS:
            self._post('faults', fault)

    def send_requests(self):
        """Read and write for some seconds."""
        self._client.logon()
        vios = self.host.operator.vios('vios1').path()
        paths = ['/rest/api/uom/ManagedSystem?group=None',
                 vios + '?group=ViosSCSIMapping'] + [
            self.host.operator.partition(name).path() + more
            for name, *_rest in SERVERS for more in (
                '', '/ClientNetworkAdapter', '/quick/All')]
        for count in (1, 2, 4, 3, 6, 5, 2):
            for path in (paths * 2)[count:3 * count]:
                self._client.get(path)
            if count % 3 == 0:
                self._client.request('POST', vios, '<x/>')
            time.sleep(1)


def main(path, scheme='light'):
    """Draw the picture.

    :param path: str, the PNG file to write
    :param scheme: str, light or dark
    """
    site = sim_site.Site(profile.load('default'))
    with contextlib.ExitStack() as stack:
        stack.callback(site.stop)
        site.start(port=12080)
        scene = Scene(site)
        scene.build()
        page = browser.Browser(site.hosts[0].base_url, stack.enter_context(
            tempfile.TemporaryDirectory()), (1280, 760))
        stack.callback(page.stop)
        page.call('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme', 'value': scheme}])
        tiles = "document.querySelectorAll('.lpar')"
        page.wait_for(lambda: page.evaluate(tiles + '.length === 5'),
                      lambda: page.evaluate('document.body.innerText'))
        page.evaluate(tiles + '[2].click()')
        scene.send_requests()
        with open(path, 'wb') as picture:
            picture.write(page.screenshot())


if __name__ == '__main__':
    main(*sys.argv[1:])
