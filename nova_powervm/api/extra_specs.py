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

"""Validators of the extra specs of flavors for PowerVM.

Nova's API finds them through the entry point group
nova.api.extra_spec_validators. They have an effect where this package is
installed beside nova-api; the driver checks each value itself as well.
"""

from nova.api.validation.extra_specs import base

_COMMON = 'Only supported by the PowerVM virt driver.'
_POSITIVE = {'type': int, 'min': 1}
_MEMORY = {'type': int, 'min': 128}
_UNITS = {'type': str, 'pattern': r'(\d+(\.\d*)?|\.\d+)'}
_BOOLEAN = {'type': bool}


def _spec(name, value, description):
    return base.ExtraSpecValidator(
        name='powervm:' + name, value=value,
        description='%s %s' % (description, _COMMON))


def register():
    """Return the validators.

    :returns: list of nova.api.validation.extra_specs.base.ExtraSpecValidator
    """
    return [
        _spec('min_mem', _MEMORY,
              'The least memory, in MB, that the server can be reduced to '
              'while it runs. The default is the memory of the flavor. Must '
              'be a multiple of the logical memory block of the host.'),
        _spec('max_mem', _MEMORY,
              'The most memory, in MB, that the server can be extended to '
              'while it runs. The default is the memory of the flavor. Must '
              'be a multiple of the logical memory block of the host.'),
        _spec('min_vcpu', _POSITIVE,
              'The least number of processors that the server can be reduced '
              'to while it runs. The default is the VCPUs of the flavor.'),
        _spec('max_vcpu', _POSITIVE,
              'The largest number of processors that the server can be '
              'extended to while it runs. The default is the VCPUs of the '
              'flavor.'),
        _spec('proc_units', _UNITS,
              'The share of physical processors, in processors, that the '
              'server is entitled to. The default is the VCPUs of the flavor '
              'times the option [powervm] proc_units_factor of the host.'),
        _spec('min_proc_units', _UNITS,
              'The least value that powervm:proc_units can be reduced to '
              'while the server runs. The default is powervm:proc_units.'),
        _spec('max_proc_units', _UNITS,
              'The largest value that powervm:proc_units can be extended to '
              'while the server runs. The default is powervm:proc_units.'),
        _spec('dedicated_proc', _BOOLEAN,
              'Whether the server has physical processors of its own. By '
              'default it shares them with others, unless '
              'powervm:dedicated_sharing_mode is given.'),
        _spec('shared_weight', {'type': int, 'min': 0, 'max': 255},
              'The weight with which an uncapped server competes for '
              'processors that others leave idle. The default is the option '
              '[powervm] uncapped_proc_weight of the host.'),
        _spec('uncapped', _BOOLEAN,
              'Whether a server that shares processors can use more than it '
              'is entitled to while others are idle. The default is true.'),
        _spec('dedicated_sharing_mode',
              {'type': str, 'enum': [
                  'share_idle_procs', 'keep_idle_procs',
                  'share_idle_procs_active', 'share_idle_procs_always']},
              'Whether others can use the dedicated processors of the server '
              'while these are idle: when it is off (share_idle_procs, the '
              'default), when it is on (share_idle_procs_active), at any time '
              '(share_idle_procs_always), never (keep_idle_procs).'),
        _spec('shared_proc_pool_name', {'type': str},
              'The name of the shared processor pool that the server is in. '
              'The default is DefaultPool.'),
        _spec('processor_compatibility',
              {'type': str, 'pattern': r'(?i)default|POWER\d+\S*'},
              'The processor generation that the server sees, such as '
              'POWER8, POWER9_Base, POWER6+ or default. It can migrate to '
              'every host that supports this one.'),
        _spec('availability_priority', {'type': int, 'min': 0, 'max': 255},
              'The priority of the server when a processor fails: the host '
              'takes processors from those with the least first. The default '
              'is 127.'),
        _spec('srr_capability', _BOOLEAN,
              'Whether the server is prepared for a restart on another host '
              'if its own fails (simplified remote restart), where the host '
              'is capable of it. The default is true.'),
        _spec('enable_lpar_metric', _BOOLEAN,
              'Whether the host collects performance data of the server. The '
              'default is false.'),
        _spec('ppt_ratio',
              {'type': str, 'enum': [
                  '1:64', '1:128', '1:256', '1:512', '1:1024', '1:2048',
                  '1:4096']},
              'The size of the table, relative to the memory of the server, '
              'that keeps track of its pages while it migrates. A large one '
              'makes the migration of a busy server faster.'),
        _spec('enforce_affinity_check', _BOOLEAN,
              'Whether a migration of the server must not worsen the '
              'affinity of its memory and processors. The default is false.'),
        _spec('secure_boot', {'type': int, 'min': 0, 'max': 9},
              'The policy for a secure boot: 0 is off, 1 reports violations '
              'only, 2 to 9 enforce it. The default is 0.'),
    ]
