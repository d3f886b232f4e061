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

"""Performance and capacity monitoring (PCM): preferences and samples.

The feed of samples is empty at first, as on a real system whose monitor was
just turned on. The simulator creates a sample when a client reads it. The
sample has the objects at the time of the read, with the counters at the time
of the sample.
"""

import json
import time

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import pcm_samples

el = atom.el

_SWITCHES = ('LongTermMonitorEnabled', 'AggregationEnabled',
             'ShortTermMonitorEnabled', 'ComputeLTMEnabled')
#: Seconds between samples, and between samples of the guests (source:
#: pypowervm.tasks.monitor.util).
INTERVAL, GUEST_INTERVAL = 30, 120
#: How many samples of a kind there are at most (assumed, no hardware; in
#: capture ltm_feed2.txt they go back 32 minutes).
KEPT = 20
_PHYP, _GUESTS, _VIOS = 'phyp', 'lpar', 'vios_'


class PcmPreference(base.Resource):
    """Which samples a system collects.

    :ivar enabled: dict, name of the switch -> bool
    :ivar since: float seconds of the epoch, when the long-term monitor was
        turned on; None while it is off
    """

    TYPE = 'ManagedSystemPcmPreference'
    SERVICE = 'pcm'
    URL_NAME = 'preferences'
    ROOT = False
    PARENTS = ('ManagedSystem',)
    METHODS = ('POST',)

    def __init__(self, host):
        # Known by the UUID of its system (source: capture pcm_pref.txt).
        super().__init__(host, host.system.uuid, host.system)
        self.enabled = dict.fromkeys(_SWITCHES, False)
        self.since = None

    def update(self, doc, groups):
        for name in _SWITCHES:
            self.enabled[name] = doc.bool(name, self.enabled[name])
        if not self.enabled['LongTermMonitorEnabled']:
            self.since = None
        elif self.since is None:
            self.since = self.host.site.clock.now()

    def render(self, groups):
        system = self.host.system
        return [
            el('SystemName', system.name),
            atom.section('MachineTypeModelSerialNumber',
                         el('MachineType', system.machine_type),
                         el('Model', system.model),
                         el('SerialNumber', system.serial)),
            *[el(name, self.enabled[name]) for name in _SWITCHES],
            atom.link('AssociatedManagedSystem', system.href())]

    def state(self):
        return dict({'uuid': self.uuid}, **self.enabled)


class LongTermMonitor(base.Resource):
    """The samples of the long-term monitor; none is kept."""

    TYPE = 'LongTermMonitor'
    SERVICE = 'pcm'
    URL_NAME = 'RawMetrics/LongTermMonitor'
    FEED_TITLE = 'LongTermMetrics'
    ROOT = False
    PARENTS = ('ManagedSystem',)
    METHODS = ()
    IS_MADE = True

    @classmethod
    def entries(cls, host, url):
        """Make the entries of the feed.

        :param host: host.Host
        :param url: str, absolute URL of the feed
        :returns: list of bytes
        """
        return [atom.link_entry(
            host.new_uuid(cls.TYPE, name), name, '%s/%s' % (url, name), kind,
            at) for name, (kind, at) in sorted(_samples(host).items())]

    @classmethod
    def content(cls, host, name):
        """Make a sample.

        :param host: host.Host
        :param name: str, its name in the feed
        :returns: bytes, JSON
        :raises errors.NotFound: when there is none of that name
        """
        try:
            kind, at = _samples(host)[name]
        except KeyError:
            raise errors.NotFound('There is no sample %s' % name)
        return json.dumps(_make(host, kind, at)).encode()


def _samples(host):
    """List the samples that there are: dict of name -> (kind, time)."""
    preference, = host.store.all(PcmPreference.TYPE)
    if preference.since is None:
        return {}
    vioses = [_VIOS + str(vios.partition_id) for vios in
              host.store.all('VirtualIOServer') if pcm_samples.tells(vios)]
    found = {}
    for interval, kinds in ((INTERVAL, [_PHYP] + vioses),
                            (GUEST_INTERVAL, [_GUESTS])):
        last = int(host.site.clock.now()) // interval * interval
        for at in range(last, max(int(preference.since),
                                  last - KEPT * INTERVAL), -interval):
            found.update((_name(host.system, kind, at), (kind, at))
                         for kind in kinds)
    return found


def build(host, spec):
    """Make the preferences of a host, as no client has changed them yet.

    :param spec: dict, the host's part of the profile; nothing of it is used
    """
    host.add(PcmPreference(host))


def _name(system, kind, at):
    return 'LTM_%s-%s*%s_%s_%s.json' % (
        system.machine_type, system.model, system.serial, kind,
        time.strftime('%Y%m%dT%H%M%S+0000', time.gmtime(at)))


def _make(host, kind, at):
    if kind == _PHYP:
        preference, = host.store.all(PcmPreference.TYPE)
        return pcm_samples.phyp(host, preference.since, at)
    if kind == _GUESTS:
        return pcm_samples.guests(host, at)
    return pcm_samples.vios(host.partition(int(kind[len(_VIOS):])), at)
