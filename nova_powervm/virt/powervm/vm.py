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

"""Logical partitions: those of Nova, and what is done to one."""


from nova.compute import power_state
from nova.compute import task_states
from nova.compute import vm_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from nova.virt import hardware
from oslo_log import log as logging
from oslo_utils import excutils
from pypowervm import exceptions as pvm_exc
from pypowervm.utils import transaction
from pypowervm.utils import uuid as pvm_uuids
from pypowervm.wrappers import base_partition as pvm_bp
from pypowervm.wrappers import logical_partition as pvm_lpar
from pypowervm.wrappers import managed_system as pvm_ms

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import partition_name
from nova_powervm.virt.powervm import power_states
from nova_powervm.virt.powervm import size as lpar_size

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_STATE = pvm_bp.LPARState
# What the platform says of the name of a new LPAR that another one has
# (assumed, no hardware).
_NAME_IN_USE = 'HSCL1553'


# ---- identity --------------------------------------------------------------

def get_lpar_uuid(instance):
    """Tell the UUID of an instance's LPAR.

    It is the instance's with the first bit cleared, as PowerVM wants it.

    :param instance: nova.objects.Instance, or what has its uuid.
    :returns: str, upper case.
    """
    return pvm_uuids.convert_uuid_to_pvm(instance.uuid).upper()


def instance_uuids(lpar_uuid):
    """The two UUIDs that the instance of an LPAR may have."""
    uuid = lpar_uuid.lower()
    return [uuid, '%x%s' % (int(uuid[0], 16) | 8, uuid[1:])]


def get_instances(host, context=None):
    """Find Nova's instances that have an LPAR here (1 request, 1 DB call).

    LPARs that Nova has never heard of are left out. The instance of one that
    is deleted, or belongs to another host since it was evacuated, is not:
    Nova cleans up by this list. The state of every LPAR is known afterwards.

    :param host: the Host.
    :param context: nova.context.RequestContext; None means an admin's.
    :returns: nova.objects.InstanceList, or an empty list.
    :raises pypowervm.exceptions.Error: if the LPARs cannot be read.
    """
    uuids = [uuid for lpar in host.partition_states.refresh()
             for uuid in instance_uuids(lpar.uuid)]
    if not uuids:
        return []
    return objects.InstanceList.get_by_filters(
        context or nova_context.get_admin_context(read_deleted='yes'),
        {'uuid': uuids}, expected_attrs=[])


def find_instance(lpar_uuid, nodename):
    """Find the instance of an LPAR (1 DB call).

    Both instances that it may be are asked for in one query, without a cache
    of LPARs that are not Nova's.

    :param lpar_uuid: the LPAR's UUID.
    :param nodename: Nova's name of the host that the instance must be on.
    :returns: the nova.objects.Instance, or None.
    """
    instances = objects.InstanceList.get_by_filters(
        nova_context.get_admin_context(),
        {'uuid': instance_uuids(lpar_uuid), 'host': nodename,
         'deleted': False}, expected_attrs=[])
    return instances[0] if instances else None


def get_instance_wrapper(host, instance, groups=()):
    """Read the LPAR of an instance (1 request).

    :param host: the Host.
    :param instance: nova.objects.Instance
    :param groups: extended attribute groups to read, pypowervm.const.XAG.
    :returns: LPAR wrapper
    :raises nova.exception.InstanceNotFound: if it has none.
    :raises pypowervm.exceptions.Error: if it cannot be read.
    """
    try:
        return host.lpar(get_lpar_uuid(instance), groups)
    except pvm_exc.HttpNotFound:
        raise nova_exc.InstanceNotFound(instance_id=instance.uuid) from None


def is_ibmi(host, instance):
    """Whether the LPAR of an instance is one for IBM i (1 request).

    :raises: as get_instance_wrapper.
    """
    return (get_instance_wrapper(host, instance).env ==
            pvm_bp.LPARType.OS400)


def is_gone(host, instance):
    """Whether an instance surely has no LPAR here (1-2 requests).

    It is asked after the platform has told so once, before something is
    removed: one such answer may be wrong. The list of all LPARs counts; an
    empty one proves nothing by itself.

    :raises pypowervm.exceptions.Error: if the platform does not tell.
    """
    uuids = {lpar_w.uuid.upper() for lpar_w in host.lpars()}
    if uuids:
        return get_lpar_uuid(instance).upper() not in uuids
    try:
        get_instance_wrapper(host, instance)
    except nova_exc.InstanceNotFound:
        return True
    return False


def level_of_missing(instance):
    """Tell at what level to log that a server has no LPAR.

    It is no trouble while Nova deletes the server, as Neutron tells of its
    ports after that, and while Nova rebuilds it, as it detaches what the
    server boots from after it has destroyed it. Of a server whose making has
    failed, that was told then.

    :param instance: nova.objects.Instance
    :returns: int, of the module logging.
    """
    known = {name: getattr(instance, name) for name in (
        'deleted', 'vm_state', 'task_state')
        if instance.obj_attr_is_set(name)}
    is_expected = (
        known.get('deleted') or not was_made(instance) or
        known.get('vm_state') == vm_states.DELETED or
        known.get('task_state') in (task_states.DELETING,
                                    task_states.REBUILDING))
    return logging.INFO if is_expected else logging.WARNING


def why_no_io_change(host, instance):
    """Tell why an LPAR can neither get nor lose devices now (1 request).

    :returns: str in the platform's terms, such as that it is running without
        RMC; None if it can.
    :raises nova.exception.InstanceNotFound: if there is no LPAR here.
    """
    return get_instance_wrapper(host, instance).can_modify_io()[1]


def instance_exists(host, instance):
    """Whether an instance has an LPAR here (1 request, 0 if it is known)."""
    try:
        host.partition_states.get(get_lpar_uuid(instance))
    except nova_exc.InstanceNotFound:
        return False
    return True


def may_exist(host, instance):
    """Whether there may be an LPAR before one is made (1 request, or 0).

    A server that Nova makes for the first time has none.
    """
    return was_made(instance) and instance_exists(host, instance)


def was_made(instance):
    """Whether Nova has ever made a server, or does not tell."""
    return (not instance.obj_attr_is_set('launched_at') or
            bool(instance.launched_at))


def is_off(host, instance, lpar_w=None, use_cache=True):
    """Tell whether the LPAR of an instance is off (1 request, 0 if known).

    A state that was read a minute ago is good enough: the platform tells of
    changes. One that has crashed is not off. Never raises.

    :param lpar_w: its LPAR wrapper, if it has just been read or made.
    :param use_cache: False means to ask the platform.
    :returns: bool; None if it has no LPAR, or the platform does not tell.
    """
    if lpar_w is not None:
        return (lpar_w.state == _STATE.NOT_ACTIVATED if lpar_w.state
                else None)
    try:
        states = host.partition_states
        state = (states.get if use_cache else states.ask)(
            get_lpar_uuid(instance))
    except (nova_exc.InstanceNotFound, pvm_exc.Error):
        return None
    return state == _STATE.NOT_ACTIVATED


def get_vm_info(host, instance, use_cache=True):
    """Tell the power state of an instance (1 request, 0 if it is known).

    :param host: the Host.
    :param instance: nova.objects.Instance
    :param use_cache: False means to ask the platform.
    :returns: nova.virt.hardware.InstanceInfo; internal_id is the LPAR's UUID.
    :raises nova.exception.InstanceNotFound: if it has no LPAR here.
    :raises pypowervm.exceptions.Error: if the state cannot be read.
    """
    lpar_uuid = get_lpar_uuid(instance)
    try:
        state = host.partition_states.get(lpar_uuid, use_cache=use_cache)
    except nova_exc.InstanceNotFound:
        raise nova_exc.InstanceNotFound(instance_id=instance.uuid) from None
    return hardware.InstanceInfo(
        state=power_states.nova_state(state), internal_id=lpar_uuid)


# ---- creation and deletion -------------------------------------------------

def create_lpar(host, instance, nvram=None, min_slots=0):
    """Create the LPAR of an instance, powered off.

    One request, one more if the flavor names a processor pool, and one more
    if an LPAR of somebody else has its name.

    :param host: the Host.
    :param instance: nova.objects.Instance, with flavor and system_metadata.
    :param nvram: str, the NVRAM that it had before, or None.
    :param min_slots: int, how many virtual slots it needs at least.
    :returns: LPAR wrapper
    :raises InvalidFlavor: if the flavor cannot be fulfilled on this host.
    :raises PowerVMAPIFailed: if the platform refuses; nothing was made.
    :raises pypowervm.exceptions.Error: if the platform does not answer; the
        LPAR may exist then.
    """
    lpar_uuid = get_lpar_uuid(instance)
    try:
        lpar_w = flavors.build_lpar(host, instance)
        lpar_w.uuid = lpar_uuid
        if nvram:
            lpar_w.nvram = nvram
        if min_slots > lpar_w.io_config.max_virtual_slots:
            lpar_w.io_config.max_virtual_slots = min_slots
        return _create(host, instance, lpar_w)
    except pvm_exc.HttpError as exc:
        raise _refusal(instance, exc) from exc
    finally:
        host.partition_states.forget(lpar_uuid)


def _create(host, instance, lpar_w):
    """Create an LPAR, under another name if somebody else has that one."""
    parent = {'parent_type': pvm_ms.System, 'parent_uuid': host.system_uuid}
    try:
        return lpar_w.create(**parent)
    except pvm_exc.HttpError as exc:
        name = partition_name.choose_other(instance)
        if _NAME_IN_USE not in str(exc) or lpar_w.name == name:
            raise
        LOG.warning('An LPAR that is not of this server has the name '
                    '%(taken)s; its own is called %(name)s.',
                    {'taken': lpar_w.name, 'name': name}, instance=instance)
    lpar_w.name = name
    return lpar_w.create(**parent)


def resize_lpar(host, instance, old_flavor, flavor):
    """Make the LPAR of an instance, which is off, what a flavor says.

    The size that it has before is kept with the instance. 2 requests, and one
    more for each flavor that names a processor pool.

    :param host: the Host.
    :param instance: nova.objects.Instance, with system_metadata.
    :param old_flavor: nova.objects.Flavor that the LPAR was made for.
    :param flavor: nova.objects.Flavor that it is to be.
    :returns: LPAR wrapper
    :raises nova.exception.InstanceNotFound: if it has no LPAR here.
    :raises InvalidFlavor: if the flavor cannot be fulfilled on this host.
    :raises PowerVMAPIFailed: if the platform refuses; nothing was changed.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    def change(lpar_w):
        before = lpar_size.read(lpar_w)
        flavors.change_lpar(host, instance, lpar_w, old_flavor, flavor)
        if not lpar_size.are_same(old_flavor, flavor):
            lpar_size.keep(instance, old_flavor, before)
        return lpar_w.update()

    return edit_lpar(host, instance, change)


def resize_back(host, instance, old_flavor, flavor):
    """Give the LPAR of an instance the size that it had before a resize.

    1 request, 2 if it has another. Of a resize that an earlier version began
    that size is not kept: it becomes what the flavor says.

    :param host: the Host.
    :param instance: nova.objects.Instance, with system_metadata.
    :param old_flavor: nova.objects.Flavor that the LPAR was resized to.
    :param flavor: nova.objects.Flavor that it was made for before.
    :raises: as resize_lpar.
    """
    def change(lpar_w):
        before = lpar_size.kept(instance, flavor)
        if before is not None:
            if before == lpar_size.read(lpar_w):
                return lpar_w
            lpar_size.write(lpar_w, before)
        elif flavors.has_size_of(lpar_w, old_flavor):
            flavors.change_lpar(host, instance, lpar_w, old_flavor, flavor)
        else:
            return lpar_w
        return lpar_w.update()

    return edit_lpar(host, instance, change)


def edit_lpar(host, instance, change):
    """Read and edit an LPAR, again if somebody else was faster.

    1 request, and those of the edit.

    :param host: the Host.
    :param instance: nova.objects.Instance
    :param change: called with the LPAR wrapper, maybe several times; returns
        it, updated if it is changed.
    :returns: LPAR wrapper
    :raises nova.exception.InstanceNotFound: if it has no LPAR here.
    :raises PowerVMAPIFailed: if the platform refuses.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    try:
        return transaction.entry_transaction(change)(
            host.lpar_getter(get_lpar_uuid(instance)))
    except pvm_exc.HttpNotFound:
        raise nova_exc.InstanceNotFound(instance_id=instance.uuid) from None
    except pvm_exc.HttpError as exc:
        raise _refusal(instance, exc) from exc


def make_up_size(host, instance):
    """Resize the LPAR of an instance after a resize that failed half-way.

    So it is also after the revert of one. If there was none, the LPAR may have
    another size than its flavor: an administrator of the platform may change
    it, also while it runs.

    :raises: as resize_lpar.
    """
    flavor = instance.flavor
    old_flavor = flavor
    if instance.obj_attr_is_set('old_flavor') and instance.old_flavor:
        old_flavor = instance.old_flavor
    if lpar_size.kept(instance) is None and lpar_size.are_same(old_flavor,
                                                               flavor):
        return
    LOG.warning('A resize has not ended; the LPAR gets the size of the '
                'flavor.', instance=instance)
    if lpar_size.kept(instance, flavor) is None:
        resize_lpar(host, instance, old_flavor, flavor)
    else:
        resize_back(host, instance, flavor, flavor)
    lpar_size.forget(instance)


def is_as_before(host, instance, was_on, may_be_resized):
    """Whether the LPAR of an instance is as before a move (1 request).

    :param was_on: whether it was on, by what Nova has on record.
    :param may_be_resized: whether the move may have changed its size.
    :returns: bool; False also if the platform does not tell.
    """
    try:
        lpar_w = get_instance_wrapper(host, instance)
    except (nova_exc.InstanceNotFound, pvm_exc.Error) as exc:
        LOG.warning('The LPAR cannot be looked at: %s', exc,
                    instance=instance)
        return False
    if was_on and power_states.nova_state(lpar_w.state) != power_state.RUNNING:
        return False
    before = lpar_size.kept(instance)
    return (not may_be_resized or before is None or
            before == lpar_size.read(lpar_w))


def delete_lpar(host, instance):
    """Delete the LPAR of an instance, which is off (1 request).

    Its virtual adapters go with it. An LPAR that is gone is fine, also if
    the platform's answer was lost (1 request more).

    :param host: the Host.
    :param instance: nova.objects.Instance
    :raises PowerVMAPIFailed: if the platform refuses.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    lpar_uuid = get_lpar_uuid(instance)
    try:
        host.adapter.delete(pvm_lpar.LPAR.schema_type, root_id=lpar_uuid)
    except pvm_exc.HttpNotFound:
        LOG.info('The LPAR is gone already.', instance=instance)
        host.lpar_deleted(lpar_uuid)
    except pvm_exc.HttpError as exc:
        raise _refusal(instance, exc) from exc
    except answers.NO_ANSWER:
        with excutils.save_and_reraise_exception() as reraise:
            host.partition_states.forget(lpar_uuid)
            reraise.reraise = instance_exists(host, instance)
        host.lpar_deleted(lpar_uuid)
    else:
        host.lpar_deleted(lpar_uuid)
    finally:
        host.partition_states.forget(lpar_uuid)


def _refusal(instance, exc):
    """PowerVMAPIFailed with the platform's own words, if there are any."""
    message = exc.her_wrap.message if exc.her_wrap is not None else None
    return exception.PowerVMAPIFailed(inst_name=instance.name,
                                      reason=message or str(exc))
