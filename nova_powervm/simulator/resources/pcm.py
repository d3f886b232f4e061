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

"""Performance and capacity monitoring (PCM): preferences, but no samples.

The feed of samples is there and empty: pypowervm then reports no CPU cycles,
as it does for a real system whose monitor was just switched on.
"""

from nova_powervm.simulator import atom
from nova_powervm.simulator import store

el = atom.el

_SWITCHES = ('LongTermMonitorEnabled', 'AggregationEnabled',
             'ShortTermMonitorEnabled', 'ComputeLTMEnabled')


class PcmPreference(store.Resource):
    """Which samples a system collects.

    :ivar enabled: dict, name of the switch -> bool
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

    def update(self, doc, groups):
        for name in _SWITCHES:
            self.enabled[name] = doc.bool(name, self.enabled[name])

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


class LongTermMonitor(store.Resource):
    """A sample of the long-term monitor; there never is one."""

    TYPE = 'LongTermMonitor'
    SERVICE = 'pcm'
    URL_NAME = 'RawMetrics/LongTermMonitor'
    ROOT = False
    PARENTS = ('ManagedSystem',)
    METHODS = ()
