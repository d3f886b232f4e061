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

"""JSON schema of a profile.

The parser fills in the ``default`` of a key that is missing.
"""


def _object(properties, required=(), **more):
    return dict({'type': 'object', 'properties': properties,
                 'required': list(required), 'additionalProperties': False},
                **more)


def _array(items, **more):
    return dict({'type': 'array', 'items': items}, **more)


_NAME = {'type': 'string', 'minLength': 1, 'maxLength': 31}
#: What becomes the name of a file or a folder.
_FILE_NAME = {'type': 'string', 'maxLength': 31,
              'pattern': r'^(?!\.{1,2}\Z)[A-Za-z0-9_.-]+\Z'}
_WWPN = {'type': 'string', 'pattern': '^[0-9A-Fa-f]{16}$'}
_UUID = {'type': 'string',
         'pattern': '^[0-7][0-9A-Fa-f]{7}(-[0-9A-Fa-f]{4}){3}-'
                    '[0-9A-Fa-f]{12}$'}
_SECONDS = {'type': 'number', 'minimum': 0, 'maximum': 1000000000}
_VLAN = {'type': 'integer', 'minimum': 1, 'maximum': 4094}
_COUNT = {'type': 'integer', 'minimum': 1, 'maximum': 2147483647}
_SLOTS = dict(_COUNT, minimum=2, maximum=65534)
_PROCESSORS = dict(_COUNT, maximum=4096)
_GIGABYTES = {'type': 'number', 'exclusiveMinimum': 0, 'maximum': 1000000000}

TIMING = _object({
    # Number of GET requests after which a job ends.
    'job_polls': {'type': 'integer', 'minimum': 0, 'default': 0},
    'job_seconds': dict(_SECONDS, default=0),
    # From the end of a boot until RMC is active.
    'rmc_seconds': dict(_SECONDS, default=0),
    # A poll for events waits at most this long.
    'event_seconds': dict(_SECONDS, default=5),
    # After the first event the poll waits this long for more events.
    'event_gather_seconds': dict(_SECONDS, default=0),
    # Added to every REST request.
    'request_seconds': dict(_SECONDS, default=0),
    # A request waits up to this much longer, by chance.
    'request_seconds_more': dict(_SECONDS, default=0),
    # A REST server answers no more requests than these at the same time; the
    # others wait for their turn. Polls for events do not count. 0 for any
    # number.
    'requests_at_once': {'type': 'integer', 'minimum': 0, 'default': 0},
    # Added for each kB (1000 bytes) of the bodies of a request and its answer.
    'seconds_per_kb': dict(_SECONDS, default=0),
    # Added for each object in an answer that lists objects (a feed).
    'seconds_per_entry': dict(_SECONDS, default=0),
    # Added to every change of a network bridge: the VIOSes configure their
    # shared Ethernet adapters.
    'sea_seconds': dict(_SECONDS, default=0),
    # Each change of a VIOS takes this long; a VIOS makes one at a time.
    'vios_write_seconds': dict(_SECONDS, default=0),
    # The simulator deletes a job this long after its end, unless a client
    # deletes it earlier.
    'job_retention_seconds': dict(_SECONDS, default=3600),
    # The guest of a partition prints a line on its console this often; 0 for
    # never.
    'guest_seconds': dict(_SECONDS, default=10),
    # How long the phases of a live migration last.
    'migration_validate_seconds': dict(_SECONDS, default=0),
    'migration_prepare_seconds': dict(_SECONDS, default=0),
    # To copy the memory: these seconds, and those for each GB.
    'migration_copy_seconds': dict(_SECONDS, default=0),
    'migration_seconds_per_gb': dict(_SECONDS, default=0),
    'migration_switch_seconds': dict(_SECONDS, default=0),
    'migration_cleanup_seconds': dict(_SECONDS, default=0),
    'session_idle_seconds': dict(_SECONDS, default=3600),
    'session_max_seconds': dict(_SECONDS, default=86400),
}, default={})

SYSTEM = _object({
    'name': _NAME,
    # Whether no other management console is its master.
    'master': {'type': 'boolean', 'default': True},
    'machine_type': {'type': 'string', 'pattern': '^[0-9A-Z]{4}$',
                     'default': '8286'},
    'model': {'type': 'string', 'pattern': '^[0-9A-Z]{3}$',
              'default': '42A'},
    # Default: derived from the name of the host.
    'serial': {'type': 'string', 'pattern': '^[0-9A-Z]{7}$'},
    'memory_mb': dict(_COUNT, default=524288),
    'memory_region_mb': dict(_COUNT, default=256),
    'hypervisor_memory_mb': {'type': 'integer', 'minimum': 0,
                             'default': 8192},
    'processors': dict(_PROCESSORS, default=24),
    'min_units_per_processor': {'type': 'number', 'exclusiveMinimum': 0,
                                'default': 0.05},
    'max_partitions': dict(_COUNT, default=1000),
    # Default: whether the host has SR-IOV adapters.
    'vnic_capable': {'type': 'boolean'},
    'vnic_failover_capable': {'type': 'boolean'},
    'compatibility_modes': _array(
        {'type': 'string'}, minItems=1, default=[
            'default', 'POWER6', 'POWER6_Plus', 'POWER7', 'POWER8']),
    'migration': _object({
        'max_active': {'type': 'integer', 'minimum': 0, 'default': 16},
        'max_inactive': {'type': 'integer', 'minimum': 0, 'default': 16},
        # Whether a partition with an open console can move no more.
        'closed_consoles': {'type': 'boolean', 'default': False},
        # Whether a migration fails that puts two partitions in one VLAN of a
        # switch without a bridge; otherwise the state tells so.
        'separate_vlans': {'type': 'boolean', 'default': False},
        # Without them the system does not tell.
        'firmware_max': {'type': 'integer', 'minimum': 0},
        'affinity_check': {'type': 'boolean'},
    }, default={}),
    'capabilities': {
        'type': 'object', 'default': {},
        'additionalProperties': {'type': ['boolean', 'string']}},
}, default={})

SWITCH = _object({
    'name': {'type': 'string', 'minLength': 1},
    'id': {'type': 'integer', 'minimum': 0},
    'mode': {'enum': ['Veb', 'Vepa'], 'default': 'Veb'},
}, ['name'])

DISK = _object({
    'name': dict(_FILE_NAME, maxLength=15),
    'size_gb': _GIGABYTES,
}, ['name', 'size_gb'])

VOLUME_GROUP = _object({
    'name': {'type': 'string', 'minLength': 1, 'maxLength': 64},
    # lvm: the disks are logical volumes; file: the disks are files.
    'kind': {'enum': ['lvm', 'file'], 'default': 'lvm'},
    # The folder of the files.
    'directory': {'type': 'string', 'maxLength': 200, 'pattern':
                  r'^(/(?!\.{1,2}(/|\Z))[A-Za-z0-9_.-]+)+\Z',
                  'default': '/var/lib/pvm/fileio'},
    'capacity_gb': _GIGABYTES,
    # Without it the volume group has no media repository.
    'media_repository_gb': _GIGABYTES,
    'disks': _array(DISK, default=[]),
}, ['name', 'capacity_gb'], **{
    'if': {'properties': {'kind': {'const': 'file'}}, 'required': ['kind']},
    'else': {'properties': {'name': dict(_FILE_NAME, maxLength=15)}}})

PHYSICAL_VOLUME = _object({
    'name': {'type': 'string', 'minLength': 1},
    'size_gb': _GIGABYTES,
    'udid': {'type': 'string'},
}, ['name', 'size_gb'])

FC_PORT = _object({
    'name': {'type': 'string', 'minLength': 1},
    'wwpn': _WWPN,
    'total_ports': {'type': 'integer', 'minimum': 0, 'default': 64},
    # Without it the port has no cable.
    'fabric': {'type': 'string'},
}, ['name', 'wwpn'])

#: A virtual SCSI server adapter that any partition may connect to.
ANY_CLIENT_ADAPTER = _object({
    # Virtual slot of the VIOS (default: the next free one).
    'slot': {'type': 'integer', 'minimum': 2},
    # Names of disks and physical volumes of the VIOS, mapped on the adapter.
    'storage': _array({'type': 'string', 'minLength': 1}, default=[],
                      uniqueItems=True),
})

#: A trunk adapter that belongs to no shared Ethernet adapter.
TRUNK_ADAPTER = _object({
    'switch': {'type': 'string', 'default': 'ETHERNET0(Default)'},
    'pvid': _VLAN,
    'vlans': _array(_VLAN, default=[], maxItems=20, uniqueItems=True),
    'priority': {'type': 'integer', 'minimum': 1, 'maximum': 15,
                 'default': 1},
}, ['pvid'])

_PARTITION = {
    'id': dict(_COUNT, maximum=65535),
    'uuid': _UUID,
    'memory_mb': _COUNT,
    'processors': dict(_PROCESSORS, default=1),
    'units': {'type': 'number', 'exclusiveMinimum': 0},
    'dedicated': {'type': 'boolean', 'default': False},
    'management': {'type': 'boolean', 'default': False},
    'running': {'type': 'boolean', 'default': True},
}

VIOS = _object(dict(
    _PARTITION,
    name=_NAME,
    memory_mb=dict(_COUNT, default=8192),
    processors=dict(_PROCESSORS, default=2),
    os_version={'type': 'string', 'default': 'VIOS 3.1.4.10'},
    ip={'type': 'string'},
    max_slots=dict(_SLOTS, default=2000),
    volume_groups=_array(VOLUME_GROUP, default=[]),
    physical_volumes=_array(PHYSICAL_VOLUME, default=[]),
    fc_ports=_array(FC_PORT, default=[]),
    any_client_adapters=_array(ANY_CLIENT_ADAPTER, default=[]),
    vnic_capable={'type': 'boolean', 'default': True},
    vnic_failover_capable={'type': 'boolean', 'default': True},
    trunk_adapters=_array(TRUNK_ADAPTER, default=[]),
    mover={'type': 'boolean', 'default': True},
    # Where other movers reach it (default: its ip).
    mover_addresses=_array({'type': 'string'}, default=[]),
    # Migrations that it moves at a time.
    mover_max=dict(_COUNT, default=8),
), ['name'])

ADAPTER = _object({
    'switch': {'type': 'string', 'default': 'ETHERNET0(Default)'},
    'vlan': dict(_VLAN, default=1),
    'mac': {'type': 'string', 'pattern': '^[0-9A-Fa-f]{12}$'},
})

SRIOV_PORT = _object({
    # Default: its position in the list, from 0.
    'id': {'type': 'integer', 'minimum': 0, 'maximum': 15},
    'kind': {'enum': ['converged', 'ethernet'], 'default': 'converged'},
    'label': {'type': 'string', 'default': ''},
    'sublabel': {'type': 'string', 'default': ''},
    'link': {'type': 'boolean', 'default': True},
    # Logical ports that it can have.
    'max_lps': dict(_COUNT, default=20),
    # Capacities of logical ports are multiples of it, in percent.
    'granularity': {'type': 'number', 'minimum': 0.01, 'maximum': 100,
                    'default': 2},
    'speed': {'enum': ['E10Mbps', 'E100Mbps', 'E1Gbps', 'E10Gbps', 'E40Gbps',
                       'E100Gbps'], 'default': 'E10Gbps'},
})

SRIOV_ADAPTER = _object({
    'adapter': {'type': 'integer', 'minimum': 1, 'maximum': 15},
    # Dedicated: it belongs to a partition, and has no ports here.
    'mode': {'enum': ['Sriov', 'Dedicated'], 'default': 'Sriov'},
    # Default: Running; NotConfigured for a dedicated one.
    'state': {'enum': ['Initializing', 'NotConfigured', 'PoweredOff',
                       'PoweringOff', 'Running', 'Dumping', 'Failed',
                       'Missing', 'PCIEIDMismatch']},
    # MAX_MIN_CAPACITY: logical ports can have a maximum capacity.
    'personality': {'enum': ['MIN_CAPACITY', 'MAX_MIN_CAPACITY'],
                    'default': 'MAX_MIN_CAPACITY'},
    'ports': _array(SRIOV_PORT, default=[]),
}, ['adapter'])

BRIDGE = _object({
    'switch': {'type': 'string', 'default': 'ETHERNET0(Default)'},
    'pvid': dict(_VLAN, default=1),
    'vlans': _array(_VLAN, default=[]),
    'vioses': _array(_NAME, minItems=1, maxItems=2),
    'device': {'type': 'string', 'default': 'ent5'},
    'backing_device': {'type': 'string', 'default': 'ent0'},
}, ['vioses'])

LPAR = _object(dict(
    _PARTITION,
    name=_NAME,
    memory_mb=dict(_COUNT, default=4096),
    type={'enum': ['AIX/Linux', 'OS400'], 'default': 'AIX/Linux'},
    max_slots=dict(_SLOTS, default=200),
    adapters=_array(ADAPTER, default=[]),
), ['name'])

#: Many equal partitions. The name of each is the prefix and a number.
LPAR_CROWD = _object({
    'count': dict(_COUNT, maximum=10000),
    'prefix': {'type': 'string', 'default': 'vm-', 'maxLength': 20},
    'memory_mb': dict(_COUNT, default=256),
    'processors': dict(_PROCESSORS, default=1),
    'units': {'type': 'number', 'exclusiveMinimum': 0, 'default': 0.05},
    'running': {'type': 'boolean', 'default': True},
    # Number of virtual disks that are mapped to these partitions. They are
    # spread over the VIOSes.
    'mappings': {'type': 'integer', 'minimum': 0, 'maximum': 100000,
                 'default': 0},
}, ['count'])

MISC = dict(_object({
    'processor_pools': _array(_object({
        'name': _NAME,
        'maximum_units': {'type': 'number', 'minimum': 0, 'default': 0},
        'reserved_units': {'type': 'number', 'minimum': 0, 'default': 0},
    }, ['name']), default=[]),
    'management_console': dict(_object({
        'name': {'type': 'string', 'default': 'localhost'},
        'authorized_keys': _array({'type': 'string'}, default=[]),
        # What TargetRemoteHMCIPAddress may be; empty for any.
        'addresses': _array({'type': 'string'}, default=[]),
    }), default={}),
}), default={})

HOST = _object({
    'name': _FILE_NAME,
    # 0 means any free port.
    'port': {'type': 'integer', 'minimum': 0, 'maximum': 65535},
    'system': SYSTEM,
    'switches': _array(SWITCH, minItems=1, default=[
        {'name': 'ETHERNET0(Default)', 'id': 0},
        {'name': 'MGMTSWITCH', 'id': 1}]),
    'sriov': _array(SRIOV_ADAPTER, default=[]),
    'vioses': _array(VIOS, default=[]),
    'bridges': _array(BRIDGE, default=[]),
    'lpars': _array(LPAR, default=[]),
    'crowd': LPAR_CROWD,
    'misc': MISC,
    # Whether clients may send events of their own.
    'custom_events': {'type': 'boolean', 'default': True},
}, ['name'])

#: An HMC that manages several hosts.
CONSOLE = _object({
    'kind': {'enum': ['hmc']},
    'name': dict(_FILE_NAME, default='hmc1'),
    # 0 means any free port.
    'port': {'type': 'integer', 'minimum': 0, 'maximum': 65535},
    # Default: every host. The others have a NovaLink each.
    'hosts': _array(_NAME, minItems=1, uniqueItems=True),
    # Another HMC that manages the same hosts. It has the port of the first
    # one, at an address of its own.
    'second': _object({
        'name': dict(_NAME, default='hmc2'),
        'address': {'type': 'string', 'minLength': 1, 'default': '127.0.0.2'},
    }),
    # Other users, whose resource role shows them some of the hosts only.
    'users': _array(_object({
        'name': _NAME,
        'password': {'type': 'string', 'minLength': 1},
        'hosts': _array(_NAME, minItems=1, uniqueItems=True),
    }, ['name', 'password', 'hosts']), default=[]),
    # Whether answers have the header X-MC-Type.
    'tells_type': {'type': 'boolean', 'default': True},
    # What a token is answered with that has expired.
    'expired_status': {'enum': [401, 403], 'default': 401},
    # Whether the first poll for events is answered with NEW_CLIENT.
    'new_client': {'type': 'boolean', 'default': True},
}, ['kind'])

TIER = _object({
    'name': _NAME,
    'capacity_gb': _GIGABYTES,
    # If no tier has this set, the first tier is the default.
    'default': {'type': 'boolean', 'default': False},
}, ['name', 'capacity_gb'])

NODE = _object({'host': _NAME, 'vios': _NAME}, ['host', 'vios'])

CLUSTER = _object({
    'name': _FILE_NAME,
    # Name of its shared storage pool.
    'pool': _NAME,
    'tiers': _array(TIER, minItems=1),
    # Default: every VIOS of every host.
    'nodes': _array(NODE, minItems=1),
    # If false, a thin logical unit uses its whole size, too.
    'thin_overcommit': {'type': 'boolean', 'default': True},
}, ['name', 'pool', 'tiers'])

ARRAY = _object({
    'name': _NAME,
    'capacity_gb': dict(_GIGABYTES, default=10000),
    'targets': _array(_object({'wwpn': _WWPN, 'fabric': _NAME},
                              ['wwpn', 'fabric']), minItems=1),
}, ['name', 'targets'])

#: The storage area network.
SAN = _object({
    'fabrics': _array(_NAME, default=[], uniqueItems=True),
    'arrays': _array(ARRAY, default=[]),
}, default={})

PROFILE = _object({
    'name': _NAME,
    'user': {'type': 'string', 'minLength': 1, 'default': 'neo'},
    'password': {'type': 'string', 'minLength': 1, 'default': 'abc123'},
    'timing': TIMING,
    'event_limit': dict(_COUNT, default=2000),
    'hosts': _array(HOST, minItems=1),
    'console': CONSOLE,
    'clusters': _array(CLUSTER, default=[]),
    'san': SAN,
}, ['name', 'hosts'])
