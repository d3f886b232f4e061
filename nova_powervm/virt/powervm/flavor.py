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

"""Build a logical partition from a flavor.

A flavor sets the memory and the number of virtual processors of a server. Its
extra specs can set all other properties of a partition. EXTRA_SPECS lists
them, each with a parser for its value.
"""

import functools
import math

from nova.compute import task_states
from oslo_log import log as logging
from oslo_utils import strutils
from pypowervm.utils import lpar_builder
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import cpu_policy
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import hypervisor
from nova_powervm.virt.powervm import made_of
from nova_powervm.virt.powervm import partition_name
from nova_powervm.virt.powervm import relations
from nova_powervm.virt.powervm import size

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

#: os_distro of images with IBM i.
IBMI = made_of.IBMI
NAMESPACE = 'powervm:'

# ---- parsers of values: text -> value, or ValueError with the reason -------


def _integer(low, high=None):
    def parse(text):
        try:
            value = int(text)
        except ValueError:
            raise ValueError('it is not an integer')
        if value < low or high is not None and value > high:
            raise ValueError('it must be at least %d' % low if high is None
                             else 'it must be %d to %d' % (low, high))
        return value
    return parse


def _units(text):
    try:
        value = round(float(text), 2)
    except (ValueError, OverflowError):
        raise ValueError('it is not a number')
    if value == math.inf:
        raise ValueError('it is not a finite number')
    # The negation catches NaN.
    if not value >= lpar_builder.PROC_UNITS_LOW_BOUND:
        raise ValueError('it must be at least %s' %
                         lpar_builder.PROC_UNITS_LOW_BOUND)
    return value


def _boolean(text):
    try:
        return strutils.bool_from_string(text, strict=True)
    except ValueError:
        raise ValueError('it must be true or false')


def _choice(meanings):
    def parse(text):
        if text.lower() not in meanings:
            raise ValueError('it must be one of: %s' % ', '.join(meanings))
        return meanings[text.lower()]
    return parse


_SHARING = pvm_bp.DedicatedSharingMode

#: Name of an extra spec, without 'powervm:' -> parser of its value. Memory is
#: in MB, processing units in processors.
EXTRA_SPECS = {
    'min_mem': _integer(lpar_builder.MEM_LOW_BOUND),
    'max_mem': _integer(lpar_builder.MEM_LOW_BOUND),
    'min_vcpu': _integer(lpar_builder.VCPU_LOW_BOUND),
    'max_vcpu': _integer(lpar_builder.VCPU_LOW_BOUND),
    'proc_units': _units,
    'min_proc_units': _units,
    'max_proc_units': _units,
    'dedicated_proc': _boolean,
    'shared_weight': _integer(0, 255),
    'uncapped': _boolean,
    'dedicated_sharing_mode': _choice({
        'share_idle_procs': _SHARING.SHARE_IDLE_PROCS,
        'keep_idle_procs': _SHARING.KEEP_IDLE_PROCS,
        'share_idle_procs_active': _SHARING.SHARE_IDLE_PROCS_ACTIVE,
        'share_idle_procs_always': _SHARING.SHARE_IDLE_PROCS_ALWAYS}),
    'shared_proc_pool_name': str,
    'processor_compatibility': str,
    'availability_priority': _integer(0, 255),
    'enable_lpar_metric': _boolean,
    'srr_capability': _boolean,
    'ppt_ratio': _choice({
        ratio: ratio for ratio in lpar_builder.ALLOWED_PPT_RATIOS}),
    'enforce_affinity_check': _boolean,
    'secure_boot': _integer(0, 9),
}


def build_lpar(host, instance, flavor=None):
    """Build the partition that a flavor describes.

    Sends no request, except one if the flavor names a processor pool. Does not
    check what is free on the host, because the platform checks it.

    :param host: the Host of the partition.
    :param instance: nova.objects.Instance, with flavor and system_metadata.
    :param flavor: nova.objects.Flavor; None means the instance's flavor.
    :returns: LPAR wrapper without a UUID, not created on the platform yet.
    :raises InvalidFlavor: with the part of the flavor that this host, or every
        host, cannot fulfil.
    :raises pypowervm.exceptions.Error: if the pools cannot be read.
    """
    return _build(host, instance, flavor or instance.flavor)


def check_rebuild(host, instance):
    """Refuse a rebuild if the LPAR cannot be built.

    :param instance: nova.objects.Instance with the new image in Nova's record.
    :raises: as build_lpar.
    """
    rebuilt = made_of.as_on_record(instance)
    _build(host, rebuilt, instance.flavor, policy_changed=cpu_policy.differs(
        instance.system_metadata, rebuilt.system_metadata))


def _build(host, instance, flavor, policy_changed=False):
    """See build_lpar.

    :param policy_changed: whether the policy for processors has changed since
        the server was created, see _Translation.
    """
    attributes = _Translation(host, instance, flavor,
                              policy_changed).attributes()
    standardizer = lpar_builder.DefaultStandardize(
        host.system, proc_units_factor=CONF.powervm.proc_units_factor,
        uncapped_weight=CONF.powervm.uncapped_proc_weight)
    try:
        return lpar_builder.LPARBuilder(host.adapter, attributes,
                                        standardizer).build()
    except (lpar_builder.LPARBuilderException, TypeError, ValueError) as exc:
        raise exception.InvalidFlavor(
            flavor=flavor.name, key='extra specs', value=flavor.extra_specs,
            reason=str(exc)) from exc


def is_ibmi(instance):
    """Return whether an instance runs IBM i, according to its image.

    The image is the one from which the server was built, see made_of.
    """
    system = made_of.read(instance.system_metadata, 'os_distro') or ''
    return system.lower() == IBMI


def change_lpar(host, instance, lpar_w, old_flavor, flavor):
    """Change a partition that is off to what another flavor describes.

    Settings that somebody has changed, and that neither flavor sets, stay; see
    size. Name, slots and adapters always stay.

    Sends no request, except one for each flavor that names a processor pool.

    :param host: the Host of the partition.
    :param instance: nova.objects.Instance, with system_metadata.
    :param lpar_w: LPAR wrapper, which is changed.
    :param old_flavor: nova.objects.Flavor for which it was created.
    :param flavor: nova.objects.Flavor that it gets.
    :raises InvalidFlavor: as build_lpar.
    :raises pypowervm.exceptions.Error: as build_lpar.
    """
    new = size.read(build_lpar(host, instance, flavor))
    named = {key[len(NAMESPACE):] for key in (
        *old_flavor.extra_specs, *flavor.extra_specs)
        if key.startswith(NAMESPACE)}
    if any(cpu_policy.policy_for(either, instance.system_metadata)
           for either in (old_flavor, flavor)):
        named.add('dedicated_proc')
    size.write(lpar_w, size.merge(
        size.read(lpar_w), _size_of(host, instance, old_flavor), new, named,
        host.system))


def has_size_of(lpar_w, flavor):
    """Return whether a partition has the memory and VCPUs of a flavor."""
    has = size.read(lpar_w)
    return (has['mem'], has['vcpu']) == (flavor.memory_mb, flavor.vcpus)


def _size_of(host, instance, flavor):
    """Return the size for a flavor; None if this host cannot fulfil it."""
    try:
        return size.read(build_lpar(host, instance, flavor))
    except exception.InvalidFlavor as exc:
        LOG.warning('It is unknown what was changed by hand; settings that '
                    'the flavors do not set stay. %s', exc, instance=instance)
        return None


class _Translation:
    """A flavor as attributes of one instance for pypowervm's LPARBuilder."""

    def __init__(self, host, instance, flavor, policy_changed=False):
        self.host = host
        self.system = host.system
        self.instance = instance
        self.flavor = flavor
        self.specs = self._parse()
        self.is_ibmi = is_ibmi(instance)
        self._is_dedicated = cpu_policy.is_dedicated(
            flavor, instance.system_metadata)
        self._check_policy(policy_changed)

    def attributes(self):
        attributes = {
            lpar_builder.NAME: partition_name.choose(self.instance),
            lpar_builder.ENV: (pvm_bp.LPARType.OS400 if self.is_ibmi
                               else pvm_bp.LPARType.AIXLINUX),
        }
        attributes.update(self._memory())
        attributes.update(self._processors())
        attributes.update(self._capabilities())
        for name, attribute in (
                ('availability_priority', lpar_builder.AVAIL_PRIORITY),
                ('enable_lpar_metric', lpar_builder.ENABLE_LPAR_METRIC)):
            if name in self.specs:
                attributes[attribute] = self.specs[name]
        return attributes

    def _parse(self):
        specs = {}
        for key, value in self.flavor.extra_specs.items():
            if not key.startswith(NAMESPACE):
                continue
            name = key[len(NAMESPACE):]
            if name not in EXTRA_SPECS:
                raise self._error(key, value, 'there is no such extra spec')
            try:
                specs[name] = EXTRA_SPECS[name](value)
            except ValueError as exc:
                raise self._error(key, value, str(exc))
        return specs

    def _check_policy(self, policy_changed):
        """Refuse a hw:cpu_policy that PowerVM does not support.

        A server from a version that ignored the policy may have such a flavor.
        Nobody can change it, because Nova stores a copy of the flavor with the
        server. The server continues without the policy.
        """
        metadata = self.instance.system_metadata
        refused = cpu_policy.find_refused(self.flavor, metadata)
        conflict = cpu_policy.find_conflict(self.flavor, metadata, self.specs,
                                            size.SHARED_ONLY)
        if not refused and not conflict:
            return
        if not policy_changed and self._was_made_so():
            self._is_dedicated = False
            return
        if refused:
            raise self._error(*refused)
        raise self._spec_error(*conflict)

    def _was_made_so(self):
        """Return whether the server was created with this flavor."""
        instance = self.instance
        if not (instance.obj_attr_is_set('launched_at') and
                instance.launched_at):
            return False
        has = [getattr(instance, name) for name in ('flavor', 'old_flavor')
               if instance.obj_attr_is_set(name)]
        return any((flavor.name, flavor.extra_specs) == (
            self.flavor.name, self.flavor.extra_specs)
            for flavor in has if flavor is not None)

    def _error(self, key, value, reason, failure=exception.InvalidFlavor):
        return failure(flavor=self.flavor.name, key=key, value=value,
                       reason=reason)

    def _spec_error(self, name, reason, failure=exception.InvalidFlavor):
        key = NAMESPACE + name
        return self._error(key, self.flavor.extra_specs[key], reason, failure)

    def _host_error(self, name, reason):
        """Return the error for an extra spec that another host may fulfil."""
        return self._spec_error(name, reason, exception.FlavorNotOnThisHost)

    def _related(self, check, *args):
        """Compare numbers; see module relations.

        :raises InvalidFlavor: with the number that does not fit.
        """
        try:
            return check(*args)
        except relations.Wrong as exc:
            failure = (exception.FlavorNotOnThisHost if exc.is_of_host
                       else exception.InvalidFlavor)
            if exc.value is not None:
                raise self._error(exc.name, exc.value, exc.reason,
                                  failure) from exc
            raise self._spec_error(exc.name, exc.reason, failure) from exc

    def _memory(self):
        found = self._related(relations.memory, self.flavor.memory_mb,
                              self.specs, self.system.memory_region_size)
        self._related(relations.fit_memory, found, self.specs,
                      self.system.memory_configurable,
                      functools.partial(hypervisor.memory_mb, self.system))
        return {lpar_builder.MIN_MEM: found.least,
                lpar_builder.MEM: found.desired,
                lpar_builder.MAX_MEM: found.most}

    def _processors(self):
        dedicated = self._has_dedicated_processors()
        counts = self._related(
            relations.processors, self.flavor.vcpus, self.specs,
            *self._limits(dedicated))
        attributes = {lpar_builder.MIN_VCPU: counts.least,
                      lpar_builder.VCPU: counts.desired,
                      lpar_builder.MAX_VCPU: counts.most,
                      lpar_builder.DED_PROCS: dedicated}
        shares = {} if dedicated else self._shares(counts)
        self._related(
            relations.fit_processors,
            shares.get(lpar_builder.PROC_UNITS, counts.desired),
            counts.desired, {} if dedicated else self.specs,
            self.system.proc_units_configurable)
        if not dedicated:
            attributes.update(shares)
        elif 'dedicated_sharing_mode' in self.specs:
            attributes[lpar_builder.SHARING_MODE] = (
                self.specs['dedicated_sharing_mode'])
        return attributes

    def _limits(self, dedicated):
        """Return the limits for processors and their maximum; 0 if unknown."""
        if dedicated:
            return (self.system.max_procs_per_aix_linux_lpar,
                    self.system.max_sys_procs_limit)
        return (self.system.max_vcpus_per_aix_linux_lpar,
                self.system.max_sys_vcpus_limit)

    def _has_dedicated_processors(self):
        mode = 'dedicated_sharing_mode' in self.specs
        shared = [name for name in size.SHARED_ONLY if name in self.specs]
        if self._is_dedicated:
            return True
        dedicated = self.specs.get('dedicated_proc', mode and not shared)
        if mode and not dedicated:
            raise self._spec_error(
                'dedicated_sharing_mode', 'the processors are shared because '
                'of %s%s' % (NAMESPACE, (shared or ['dedicated_proc'])[0]))
        if dedicated and 'uncapped' in self.specs:
            raise self._spec_error('uncapped', 'the processors are dedicated')
        if dedicated and shared:
            LOG.warning('The processors are dedicated; these extra specs have '
                        'no effect: %s', ', '.join(
                            NAMESPACE + name for name in shared),
                        instance=self.instance)
        return dedicated

    def _shares(self, counts):
        """Return the attributes of shared processors."""
        units = self._related(
            relations.units, counts, self.specs, self.system.min_proc_units,
            CONF.powervm.proc_units_factor)
        attributes = {lpar_builder.MIN_PROC_U: units.least,
                      lpar_builder.PROC_UNITS: units.desired,
                      lpar_builder.MAX_PROC_U: units.most}
        if 'uncapped' in self.specs:
            attributes[lpar_builder.SHARING_MODE] = (
                pvm_bp.SharingMode.UNCAPPED if self.specs['uncapped']
                else pvm_bp.SharingMode.CAPPED)
        if 'shared_weight' in self.specs:
            attributes[lpar_builder.UNCAPPED_WEIGHT] = (
                self.specs['shared_weight'])
        attributes[lpar_builder.SPP] = self._pool_id()
        return attributes

    def _pool_id(self):
        name = self.specs.get('shared_proc_pool_name', 'DefaultPool')
        if name == 'DefaultPool':
            return lpar_builder.DEF_SPP
        found = [pool.id for pool in self.host.processor_pools()
                 if pool.name == name]
        if len(found) != 1:
            raise self._host_error(
                'shared_proc_pool_name',
                'this host has %d pools of that name' % len(found))
        return found[0]

    def _capabilities(self):
        """Return the attributes that not every host can fulfil."""
        attributes = {
            lpar_builder.SRR_CAPABLE: self.specs.get('srr_capability', True)}
        if 'processor_compatibility' in self.specs:
            attributes[lpar_builder.PROC_COMPAT] = self._compatibility()
        if 'ppt_ratio' in self.specs and self._host_can(
                'ppt_ratio', 'physical_page_table_ratio_capable'):
            attributes[lpar_builder.PPT_RATIO] = self.specs['ppt_ratio']
        if self.specs.get('enforce_affinity_check'):
            # It is for migrations; the partition has no such setting.
            self._host_can('enforce_affinity_check', 'affinity_check_capable')
        if self.specs.get('secure_boot'):
            if self.is_ibmi:
                raise self._spec_error('secure_boot', 'IBM i has none')
            if not self.system.get_capability(
                    'partition_secure_boot_capable'):
                raise self._host_error('secure_boot', 'the host has none')
            attributes[lpar_builder.SECURE_BOOT] = self.specs['secure_boot']
        return attributes

    def _compatibility(self):
        wanted = self.specs['processor_compatibility'].replace('+', '_Plus')
        known = [mode for mode in self.system.proc_compat_modes
                 if mode in pvm_bp.LPARCompat.ALL_VALUES]
        for mode in known:
            if mode.lower() == wanted.lower():
                return mode
        raise self._host_error('processor_compatibility', 'this host has: '
                               '%s' % ', '.join(known))

    def _host_can(self, name, capability):
        """Return whether to fulfil an extra spec on this host.

        An evacuated server starts without it if the host cannot.
        """
        if self.system.get_capability(capability):
            return True
        if self.instance.task_state == task_states.REBUILD_SPAWNING:
            LOG.warning('The host is not %(capability)s; the server continues '
                        'without %(key)s.', {'capability': capability,
                                             'key': NAMESPACE + name},
                        instance=self.instance)
            return False
        raise self._host_error(name, 'the host is not %s' % capability)
