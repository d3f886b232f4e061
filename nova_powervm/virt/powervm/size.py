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

"""The size of an LPAR: all its settings that a flavor can set.

A resize compares three sizes: the size of the LPAR, the size for the old
flavor, and the size for the new flavor. If the first two differ, somebody has
changed the LPAR by hand. The resize keeps this change unless one of the
flavors sets the value. It keeps memory and VCPUs if both flavors have the same
amount.

Before the driver changes the LPAR, it stores the LPAR's size in the server's
system_metadata. So the revert of the resize restores exactly this size, and a
hard reboot knows whether a resize has failed halfway. An LPAR with another
size than its flavor does not prove this, because an administrator of the
platform may have changed it.
"""

import hashlib
import json

from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm import cpu_policy
from nova_powervm.virt.powervm import relations
from nova_powervm.virt.powervm import server_notes

#: Optional settings that each LPAR has: extra spec -> attribute of the LPAR
#: wrapper to read, and attribute to write.
SETTINGS = (
    ('availability_priority', 'avail_priority', 'avail_priority'),
    ('enable_lpar_metric', 'allow_perf_data_collection',
     'allow_perf_data_collection'),
    ('processor_compatibility', 'pending_proc_compat_mode',
     'proc_compat_mode'),
    ('srr_capability', 'srr_enabled', 'srr_enabled'),
    ('secure_boot', 'pending_secure_boot', 'pending_secure_boot'),
)
#: The settings that make processors shared or dedicated.
SHARED_ONLY = ('proc_units', 'min_proc_units', 'max_proc_units',
               'shared_weight', 'uncapped', 'shared_proc_pool_name')
_KIND = {'dedicated_proc', 'dedicated_sharing_mode', *SHARED_ONLY}
_UNITS = ('min_proc_units', 'proc_units', 'max_proc_units')
_VCPUS = ('min_vcpu', 'vcpu', 'max_vcpu')
_RANGES = (('min_mem', 'mem', 'max_mem'), _VCPUS, _UNITS)
_PROCESSORS = ('min_vcpu', 'max_vcpu', *_UNITS, 'dedicated_proc',
               'sharing_mode', 'shared_weight', 'shared_proc_pool_name')
# The names of the values in a size, in the order in which they are stored.
_NAMES = ('min_mem', 'mem', 'max_mem', 'exp_factor', 'ppt_ratio', 'vcpu',
          *_PROCESSORS, *(name for name, _source, _target in SETTINGS))
_KEY = 'powervm_size_before'


def read(lpar_w):
    """Return the size of an LPAR.

    :param lpar_w: LPAR wrapper, as read, or as built.
    :returns: dict of the name of an extra spec, or 'mem', 'vcpu', 'exp_factor'
        or 'sharing_mode' -> value in the wrapper: memory in MB, the ID of a
        processor pool. A value that the LPAR does not have is None.
    """
    memory, processors = lpar_w.mem_config, lpar_w.proc_config
    found = dict.fromkeys(_NAMES)
    found.update(
        min_mem=memory.min, mem=memory.desired, max_mem=memory.max,
        exp_factor=memory.exp_factor, ppt_ratio=memory.ppt_ratio,
        dedicated_proc=processors.has_dedicated,
        sharing_mode=processors.sharing_mode)
    if processors.has_dedicated:
        dedicated = processors.dedicated_proc_cfg
        found.update(min_vcpu=dedicated.min, vcpu=dedicated.desired,
                     max_vcpu=dedicated.max)
    else:
        shared = processors.shared_proc_cfg
        found.update(
            min_vcpu=shared.min_virtual, vcpu=shared.desired_virtual,
            max_vcpu=shared.max_virtual, min_proc_units=shared.min_units,
            proc_units=shared.desired_units, max_proc_units=shared.max_units,
            shared_weight=shared.uncapped_weight,
            shared_proc_pool_name=shared.pool_id)
    found.update({name: getattr(lpar_w, source)
                  for name, source, _target in SETTINGS})
    return found


def write(lpar_w, size):
    """Set those values of an LPAR wrapper that differ (no request).

    :param lpar_w: LPAR wrapper, which is changed.
    :param size: dict, see read().
    """
    memory = lpar_w.mem_config
    memory.min, memory.desired, memory.max = (
        size['min_mem'], size['mem'], size['max_mem'])
    if size['exp_factor']:
        memory.exp_factor = size['exp_factor']
    if size['ppt_ratio'] is not None:
        memory.ppt_ratio = size['ppt_ratio']
    lpar_w.proc_config = _processors(lpar_w.adapter, size)
    for name, source, target in SETTINGS:
        if size[name] is not None and size[name] != getattr(lpar_w, source):
            setattr(lpar_w, target, size[name])


def _processors(adapter, size):
    if size['dedicated_proc']:
        return pvm_bp.PartitionProcessorConfiguration.bld_dedicated(
            adapter, size['vcpu'], min_proc=size['min_vcpu'],
            max_proc=size['max_vcpu'], sharing_mode=size['sharing_mode'])
    return pvm_bp.PartitionProcessorConfiguration.bld_shared(
        adapter, size['proc_units'], size['vcpu'],
        sharing_mode=size['sharing_mode'],
        uncapped_weight=size['shared_weight'],
        min_proc_unit=size['min_proc_units'],
        max_proc_unit=size['max_proc_units'], min_proc=size['min_vcpu'],
        max_proc=size['max_vcpu'], proc_pool=size['shared_proc_pool_name'])


# ---- what stays -------------------------------------------------------------

def merge(has, old, new, named, system):
    """Return the size that an LPAR gets in a resize.

    :param has: dict, the current size, see read().
    :param old: dict, the size for the old flavor; None if this host can
        no longer compute it.
    :param new: dict, the size for the new flavor.
    :param named: set of the names of extra specs that one of the flavors has.
    :param system: System wrapper of the host.
    :returns: dict, see read().
    """
    def keeps(name, *specs):
        return (named.isdisjoint(specs or (name,)) and
                (old is None or has[name] != old[name]))

    merged = dict(new, **_merge_processors(has, new, keeps))
    merged.update({name: has[name] for name in ('mem', 'vcpu')
                   if old is not None and old[name] == new[name]})
    _limit_units(merged, new, named)
    for name in ('min_mem', 'max_mem'):
        if keeps(name):
            merged[name] = has[name]
    for low, desired, high in _RANGES:
        if merged[desired] is not None:
            merged[low] = min(merged[low], merged[desired])
            merged[high] = max(merged[high], merged[desired])
    _fit_units(merged, new, system)
    for name, _source, _target in SETTINGS:
        # Do not send a setting to a host that does not support it.
        if name not in named or new[name] is None:
            merged[name] = has[name]
    merged['exp_factor'] = has['exp_factor']
    if new['ppt_ratio'] is None and has['ppt_ratio'] is not None:
        merged['ppt_ratio'] = (system.default_ppt_ratio
                               if 'ppt_ratio' in named else has['ppt_ratio'])
    return merged


def _merge_processors(has, new, keeps):
    """Return the settings of the processors that stay, a part of a size."""
    is_dedicated = (has if keeps('dedicated_proc', *_KIND)
                    else new)['dedicated_proc']
    if is_dedicated != has['dedicated_proc']:
        return {}
    if is_dedicated != new['dedicated_proc']:
        # Everything but their number, because no flavor has such processors.
        return {name: has[name] for name in _PROCESSORS}
    kept = {name: has[name] for name in (
        *_UNITS, 'min_vcpu', 'max_vcpu', 'shared_proc_pool_name')
        if keeps(name)}
    if keeps('sharing_mode', 'uncapped', 'dedicated_sharing_mode'):
        kept['sharing_mode'] = has['sharing_mode']
    mode = kept.get('sharing_mode', new['sharing_mode'])
    if mode == has['sharing_mode'] and keeps('shared_weight'):
        kept['shared_weight'] = has['shared_weight']
    return kept


def _limit_units(merged, new, named):
    """Adapt kept units to the limits that a flavor sets."""
    units = merged['proc_units']
    if units is None or units == new['proc_units']:
        return
    if 'min_proc_units' in named:
        units = max(units, new['min_proc_units'] or 0)
    if 'max_proc_units' in named:
        units = min(units, new['max_proc_units'] or units)
    merged['proc_units'] = units


def _fit_units(merged, new, system):
    """Adapt units to the VCPUs, if the resize keeps either of them.

    These are rules of the hypervisor, see module relations.
    """
    if merged['proc_units'] is None or all(
            merged[name] == new[name] for name in (*_UNITS, *_VCPUS)):
        return
    for units, vcpus in zip(_UNITS, _VCPUS):
        merged[units] = relations.fit(merged[units], merged[vcpus],
                                      system.min_proc_units)


# ---- stored with the server ------------------------------------------------

def _digest(flavor):
    """Return a digest of what a flavor sets of an LPAR, 12 characters."""
    specs = sorted(item for item in flavor.extra_specs.items()
                   if item[0].startswith('powervm:') or
                   item[0] == cpu_policy.POLICY)
    return hashlib.sha256(json.dumps(
        [flavor.memory_mb, flavor.vcpus, specs]).encode()).hexdigest()[:12]


def are_same(flavor, other):
    """Return whether two flavors make LPARs of the same size."""
    return _digest(flavor) == _digest(other)


def keep(instance, flavor, size):
    """Store the size of an LPAR before a resize.

    If a size is stored for a resize that has not ended, it stays, because the
    LPAR may have changed since.

    :param flavor: nova.objects.Flavor for which the LPAR was created.
    :param size: dict, see read().
    """
    if _KEY in instance.system_metadata:
        return
    server_notes.note(instance, {_KEY: json.dumps(
        [_digest(flavor), *(size[name] for name in _NAMES)],
        separators=(',', ':'))})


def kept(instance, flavor=None):
    """Return the size of an LPAR before a resize that has not ended.

    :param flavor: nova.objects.Flavor; if given, return a size only if it was
        stored for this flavor.
    :returns: dict, see read(), or None.
    """
    text = instance.system_metadata.get(_KEY)
    if text is None:
        return None
    digest, *values = json.loads(text)
    if len(values) != len(_NAMES) or (
            flavor is not None and digest != _digest(flavor)):
        return None
    return dict(zip(_NAMES, values))


def old_flavor(instance):
    """Return the flavor before a resize that has not ended, or else its own.

    :returns: nova.objects.Flavor
    """
    is_known = instance.obj_attr_is_set('old_flavor')
    return (is_known and instance.old_flavor) or instance.flavor


def is_settled(instance):
    """Return whether no resize has failed halfway (no request)."""
    return kept(instance) is None and are_same(old_flavor(instance),
                                               instance.flavor)


def forget(instance):
    """Record that a resize has ended, so that the LPAR fits its flavor."""
    if _KEY in instance.system_metadata:
        server_notes.note(instance, {_KEY: None})
