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

"""Apply Nova's policy for processors: hw:cpu_policy.

A dedicated processor of a server in Nova is a dedicated processor of a
partition of PowerVM. Placement grants dedicated processors as PCPU, and shared
processors as VCPU.
"""

import functools

from nova.objects import fields

from nova_powervm.virt.powervm import made_of

#: The extra spec of a flavor that sets the policy.
POLICY = 'hw:cpu_policy'
_IMAGE_POLICY = 'hw_cpu_policy'
_DEDICATED = fields.CPUAllocationPolicy.DEDICATED
_SHARED = fields.CPUAllocationPolicy.SHARED

#: Extra specs for dedicated processors that PowerVM does not support: name ->
#: values that ask for nothing.
_UNKNOWN = {
    'hw:cpu_thread_policy': (fields.CPUThreadAllocationPolicy.PREFER,),
    'hw:cpu_dedicated_mask': (),
    'hw:cpu_realtime_mask': (),
    'hw:cpu_realtime': ('false', 'no', '0', 'off', 'f', 'n'),
    'hw:emulator_threads_policy': (),
}


def policy_for(flavor, metadata):
    """Return the policy of a server; the flavor overrides the image.

    :param flavor: nova.objects.Flavor
    :param metadata: dict, the server's system_metadata.
    :returns: str as the flavor or the image has it, or None.
    """
    return flavor.extra_specs.get(POLICY) or made_of.read(metadata,
                                                          _IMAGE_POLICY)


def is_dedicated(flavor, metadata):
    """Return whether the policy of a server demands dedicated processors.

    See policy_for().
    """
    return policy_for(flavor, metadata) == _DEDICATED


def find_refused(flavor, metadata):
    """Find the part of a server's policy that PowerVM does not support.

    :returns: (key, value, reason), for InvalidFlavor, or None.
    """
    policy = policy_for(flavor, metadata)
    if policy not in (None, _DEDICATED, _SHARED):
        return (*_source(flavor, policy), 'the processors of a partition are '
                'all shared or all dedicated')
    for read, prefix in (
            (flavor.extra_specs.get, 'hw:'),
            (functools.partial(made_of.read, metadata), 'hw_')):
        for name, harmless in _UNKNOWN.items():
            key = name.replace('hw:', prefix)
            value = read(key)
            if value is not None and str(value).lower() not in harmless:
                return key, value, 'PowerVM has no such setting'
    return None


def find_conflict(flavor, metadata, specs, shared_only):
    """Find a powervm: extra spec that contradicts a server's policy.

    :param specs: dict of extra specs, without powervm:, -> value.
    :param shared_only: iterable of the names of extra specs for shared
        processors.
    :returns: (name without powervm:, reason), or None.
    """
    policy = policy_for(flavor, metadata)
    reason = 'the policy for processors is %s=%s' % _source(flavor, policy)
    if policy == _DEDICATED:
        if not specs.get('dedicated_proc', True):
            return 'dedicated_proc', reason
        return next(((name, reason) for name in shared_only
                     if name in specs), None)
    if policy == _SHARED:
        if specs.get('dedicated_proc'):
            return 'dedicated_proc', reason
        if 'dedicated_sharing_mode' in specs:
            return 'dedicated_sharing_mode', reason
    return None


def differs(metadata, other):
    """Return whether two images of a server demand different processors.

    :param metadata: dict, the server's system_metadata.
    :param other: the same with the other image.
    """
    names = [_IMAGE_POLICY, *(name.replace('hw:', 'hw_')
                              for name in _UNKNOWN)]
    return any(made_of.read(metadata, name) != made_of.read(other, name)
               for name in names)


def _source(flavor, policy):
    """Return the key and the value of the extra spec or image property."""
    if flavor.extra_specs.get(POLICY):
        return POLICY, policy
    return _IMAGE_POLICY, policy
