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

"""What a client wants of a migration: the parameters of its job."""

import re

from nova_powervm.simulator import errors

#: source: pypowervm.tasks.migration
_USED = frozenset((
    'TargetManagedSystemName', 'TargetRemoteHMCIPAddress',
    'TargetRemoteHMCUserID', 'VirtualFCMappings', 'VirtualSCSIMappings',
    'VlanMappings', 'DestMSPIPaddr', 'SourceMSPIPaddr', 'SharedProcPoolID',
    'OVSOverride', 'VLANBridgeOverride', 'Affinity', 'DestinationLparID'))
#: Accepted without an effect (source: the HMC's REST API, IBM Documentation).
_IGNORED = frozenset((
    'RedundantVIOS', 'MultipathIOOverride', 'UuidOverride', 'WaitTime',
    'DetailedLevel', 'NPIVValidation', 'RequiresRedundantMSPs',
    'RedundantMSPs', 'SharedProcPoolName', 'SourceMSPName', 'SourceMSPID',
    'DestMSPName', 'DestMSPID', 'ConcurrentMigrationPerformanceLevel',
    'PreserveVirtualAdapterIDs', 'RemoteRestart', 'TargetProfileName'))
#: What an HMC does not have (source: the HMC's REST API, IBM Documentation).
_NOVALINK_ONLY = frozenset(('VlanMappings', 'OVSOverride'))
#: The only values that some have.
_FIXED = {'OVSOverride': '2', 'VLANBridgeOverride': '2', 'Affinity': 'true'}

_MAC = re.compile('[0-9A-Fa-f]{12}')


class Adapter:
    """Where the server adapter of a client slot is to be.

    :ivar slot: int, of the client
    :ivar vios_name: str, may be empty
    :ivar vios_id: int, or None
    :ivar server_slot: int, or None for any
    :ivar port: str, name of a Fibre Channel port, or None for any
    """

    def __init__(self, text, parts):
        fields = text.split('/')
        if not 3 <= len(fields) <= parts:
            raise _malformed(text)
        fields += [''] * (parts - len(fields))
        self.text = text
        self.slot = _number(fields[0], text)
        self.vios_name = fields[1]
        self.vios_id = _number(fields[2], text) if fields[2] else None
        self.server_slot = _number(fields[3], text) if fields[3] else None
        self.port = fields[4] or None if parts > 4 else None
        if not self.vios_name and self.vios_id is None:
            raise _malformed(text)

    def find_vios(self, host):
        """Find the VIOS.

        :raises errors.Refused: when there is none
        """
        for vios in host.store.all('VirtualIOServer'):
            if (self.vios_name in ('', vios.name) and
                    self.vios_id in (None, vios.partition_id)):
                return vios
        raise errors.Refused('Mapping %s: system %s has no such VIOS' % (
            self.text, host.system.name))


class Parameters:
    """The parameters of Migrate and MigrateValidate.

    :param given: dict of str
    :param is_hmc: bool, whether an HMC gets them
    :raises errors.Refused: for what the platform does not understand
    :ivar system: str, name of the target system
    :ivar address, user: str of the target's NovaLink; None if not given
    :ivar scsi, fc: dict, client slot -> Adapter
    :ivar vlans: dict, MAC -> tuple of PVID and additional VLANs (None to keep
                 them)
    :ivar source_movers, target_movers: list of str, addresses
    :ivar pool_id: int, shared processor pool on the target, or None
    :ivar partition_id: int that it is to have there, or None
    :ivar ovs_override, vlan_override: bool, whether a check is left out
    :ivar checks_affinity: bool, whether the affinity may not get worse
    """

    def __init__(self, given, is_hmc=False):
        known = (_USED | _IGNORED) - (_NOVALINK_ONLY if is_hmc else set())
        for name in given:
            if name not in known:
                raise errors.Refused('There is no parameter %s' % name)
        for name, value in _FIXED.items():
            if given.get(name, value) != value:
                raise errors.Refused('%s can only be %s, not %r' % (
                    name, value, given[name]))
        self.system = given.get('TargetManagedSystemName', '')
        self.address = given.get('TargetRemoteHMCIPAddress')
        self.user = given.get('TargetRemoteHMCUserID')
        self.scsi = _adapters(given.get('VirtualSCSIMappings'), 4)
        self.fc = _adapters(given.get('VirtualFCMappings'), 5)
        self.vlans = dict(_vlan(text) for text in
                          _split(given.get('VlanMappings')))
        self.source_movers = _split(given.get('SourceMSPIPaddr'))
        self.target_movers = _split(given.get('DestMSPIPaddr'))
        self.pool_id = _optional_number(given, 'SharedProcPoolID')
        self.partition_id = _optional_number(given, 'DestinationLparID')
        self.ovs_override = 'OVSOverride' in given
        self.vlan_override = 'VLANBridgeOverride' in given
        self.checks_affinity = 'Affinity' in given


def _malformed(text):
    return errors.Refused('%r is not a mapping' % text)


def _split(text):
    return [part.strip() for part in (text or '').split(',')
            if part.strip()]


def _number(field, text):
    if not re.fullmatch('[0-9]{1,5}', field):
        raise _malformed(text)
    return int(field)


def _optional_number(given, name):
    value = given.get(name)
    if value is None:
        return None
    if not re.fullmatch('[0-9]{1,5}', value):
        raise errors.Refused('%s is not a number: %r' % (name, value))
    return int(value)


def _adapters(text, parts):
    found = {}
    for part in _split(text):
        adapter = Adapter(part, parts)
        if adapter.slot in found:
            raise errors.Refused('There are two mappings of slot %d: %s' % (
                adapter.slot, part))
        found[adapter.slot] = adapter
    return found


def _vlan(text):
    """Read MAC/PVID[/additional VLANs]."""
    fields = text.split('/')
    if len(fields) not in (2, 3) or not _MAC.fullmatch(fields[0]):
        raise _malformed(text)
    more = None
    if len(fields) == 3:
        more = tuple(_number(vlan, text) for vlan in fields[2].split())
    return fields[0].upper(), (_number(fields[1], text), more)
