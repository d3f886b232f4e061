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

"""Volumes of many servers at once, which Nova serves in threads."""

from concurrent import futures

from nova_powervm.tests.functional import base
from nova_powervm.tests.functional import volumes

VOLUME = volumes.VOLUME
#: Of Nova's API, the first that attaches a volume to several servers.
MULTIATTACH = '2.60'


class MultiattachAtOnceTest(volumes.VolumeCase):
    """Two servers of one host share a volume."""

    def setUp(self):
        super().setUp()
        self.api.microversion = MULTIATTACH
        self.cinder.multiattach.add(VOLUME % 1)

    def test_detach_at_once(self):
        servers = [self.boot(), self.boot(networks='none')]
        without = self.platform_state()
        with futures.ThreadPoolExecutor(2) as pool:
            for act in (self.attach, self.detach):
                self.assertEqual([True] * 2, list(pool.map(
                    lambda server: act(server, 1), servers)))
        self.assert_state_equal(without, self.platform_state(), 'Left')


class ConcurrencyTest(volumes.VolumeCase):
    """Many attachments at once, two for each server."""

    CAST_AS_CALL = False
    RPC_THREADS = 64
    SERVERS = 8
    VOLUMES = 3 * SERVERS

    def numbers(self, index):
        """Volumes of a server: one that stays, two that come and go."""
        return [index, self.SERVERS + 2 * index, self.SERVERS + 2 * index + 1]

    def at_once(self, request, servers):
        """Ask for something with each volume that comes and goes."""
        def ask(server, number):
            # Nova has some requests wait for others of the same server.
            self.wait_for(lambda: self.try_to(request, server, number))

        with futures.ThreadPoolExecutor(2 * self.SERVERS) as pool:
            asked = [pool.submit(ask, server, number)
                     for index, server in enumerate(servers)
                     for number in self.numbers(index)[1:]]
        for future in asked:
            future.result()
        for server in servers:
            self.wait_for(lambda: self.is_done(server))

    def try_to(self, request, server, number):
        try:
            request(server, number)
            return True
        except Exception:
            base.LOG.exception('Not yet.')
            return False

    def is_done(self, server):
        """Whether all that was asked for has been done, or has failed."""
        return all(
            event['result']
            for action in self.api.get_instance_actions(server['id'])
            for event in self.steps_of(server, action))

    def steps_of(self, server, action):
        """What was asked for, as Nova's record of its last step."""
        steps = {event['event']: event for event in self.api.api_get(
            '/servers/%s/os-instance-actions/%s' % (
                server['id'], action['request_id'])
        ).body['instanceAction']['events']}
        name = 'compute_' + action['action']
        if action['action'] in ('attach_volume', 'detach_volume'):
            return [steps.get(name) or {'result': None}]
        return []

    def post_attachment(self, server, number):
        self.api.post_server_volume(server['id'], {
            'volumeAttachment': {'volumeId': VOLUME % number}})

    def delete_attachment(self, server, number):
        self.api.delete_server_volume(server['id'], VOLUME % number)

    def test_all(self):
        servers = [self.boot_with(self.numbers(index)[:1], networks='none')
                   for index in range(self.SERVERS)]
        before = self.platform_state()
        self.at_once(self.post_attachment, servers)
        for index, server in enumerate(servers):
            self.assert_sees(server, *self.numbers(index))
        self.at_once(self.delete_attachment, servers)
        for index, server in enumerate(servers):
            self.assert_sees(server, *self.numbers(index)[:1])
        self.assert_state_equal(before, self.platform_state(), 'Left')
        for server in servers:
            self.assertIsNone(self.delete(server))
        self.assert_detached()
