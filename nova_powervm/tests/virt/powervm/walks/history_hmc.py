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

"""The steps of a history that an HMC does not allow."""

from nova_powervm.simulator import fingerprint
from nova_powervm.tests.virt.powervm.walks import api as walk_api
from nova_powervm.tests.virt.powervm.walks import history
from nova_powervm.tests.virt.powervm.walks import systems

#: How a server could go to another system: name -> (method of api.API, states
#: in which Nova would let it go).
WAYS = {
    'migrate': (lambda api, found, host: api.resize(found, None, host),
                ('active', 'stopped')),
    'evacuate': (walk_api.API.evacuate, ('active', 'stopped', 'error')),
}
_REASONS = ('cannot move a server between two systems',
            'storage that no other host reaches')


class HmcSteps(history.Base):
    """What users want of two systems of one HMC."""

    @history.step
    def move_away(self, number, way, host):
        """Try to take a server to another system; nothing changes.

        :param way: str, one of WAYS
        :param host: int, the host of that system
        """
        source = self.look(number).host
        if way == 'evacuate' and source in self.cloud.computes:
            with self.systems.stay(source):
                self.cloud.stop(source)
        is_easy = not self.has_fault() and self._has_reported(host)
        site, act = self.cloud.site, WAYS[way][0]
        before = systems.parts(site)
        uuid = self._do(number, lambda found: act(
            self.api, found, 'compute%d' % host))
        changes = fingerprint.differences(before, systems.parts(site))
        if changes or self.look(number).host != source:
            raise history.Broken(self.tell('\n'.join(
                ['the move of server %d was to be refused' % number] +
                changes)))
        if is_easy and not any(reason in str(self.cloud.failures[-1:])
                               for reason in _REASONS):
            raise history.Broken(self.tell('nobody says why it stays'))
        return uuid

    def _has_reported(self, host):
        """Whether Nova has the resources of a host.

        If not, it hides why it could not evacuate a server to the host.
        """
        name = 'compute%d' % host
        return name in self.cloud.compute(name).rt.compute_nodes


def choices(played):
    """List (number, way, host) of all that can be tried.

    :param played: history.Base
    """
    found = []
    for number in played.servers if played.cloud.platform.is_hmc else ():
        look, source = played.look(number), played.host_number(number)
        found += [
            (number, way, host) for way, (_act, statuses) in WAYS.items()
            if source and played.lpar(number) and look.status in statuses and (
                way == 'evacuate' or played.is_up(source))
            for host in played.hosts
            if host != source and played.is_up(host)]
    return found
