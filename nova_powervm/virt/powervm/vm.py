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

"""Find, create, resize and delete the LPARs of Nova's instances."""

from nova.compute import power_state
from nova.compute import task_states
from nova.compute import vm_states
from nova import exception as nova_exc
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
from nova_powervm.virt.powervm import other_systems
from nova_powervm.virt.powervm import partition_name
from nova_powervm.virt.powervm import power_states
from nova_powervm.virt.powervm import size as lpar_size

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

_STATE = pvm_bp.LPARState
# The platform's error code if another LPAR has the name of a new LPAR
# (assumed, no hardware).
_NAME_IN_USE = 'HSCL1553'


# ---- identity --------------------------------------------------------------

def get_lpar_uuid(instance):
    """Return the UUID of the instance's LPAR.

    It is the instance's UUID with the first bit cleared, because PowerVM
    requires that.

    :param instance: nova.objects.Instance, or another object with its uuid.
    :returns: str, upper case.
    """
    return pvm_uuids.convert_uuid_to_pvm(instance.uuid).upper()


def instance_uuids(lpar_uuid):
    """Return the two UUIDs that the instance of an LPAR may have."""
    uuid = lpar_uuid.lower()
    return [uuid, '%x%s' % (int(uuid[0], 16) | 8, uuid[1:])]


def get_instance_wrapper(host, instance, groups=()):
    """Read the LPAR of an instance (1 request).

    :param host: the Host.
    :param instance: nova.objects.Instance
    :param groups: extended attribute groups to read, pypowervm.const.XAG.
    :returns: LPAR wrapper
    :raises nova.exception.InstanceNotFound: if it has no LPAR here.
    :raises pypowervm.exceptions.Error: if it cannot be read.
    """
    try:
        return host.lpar(get_lpar_uuid(instance), groups)
    except pvm_exc.HttpNotFound:
        raise nova_exc.InstanceNotFound(instance_id=instance.uuid) from None


def is_ibmi(host, instance):
    """Return whether the LPAR of an instance is for IBM i (1 request).

    :raises: as get_instance_wrapper.
    """
    return (get_instance_wrapper(host, instance).env ==
            pvm_bp.LPARType.OS400)


def is_gone(host, instance):
    """Return whether an instance certainly has no LPAR here (1-2 requests).

    If the platform has reported that the LPAR does not exist, call this before
    removing anything, because one such answer may be wrong. The list of all
    LPARs decides. An empty list proves nothing, so this function then reads
    the LPAR itself.

    :raises pypowervm.exceptions.Error: if the LPARs cannot be read.
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
    """Return the level at which to log that a server has no LPAR.

    This is expected while Nova deletes a server, because Neutron reports its
    ports after the LPAR is gone. It is expected while Nova rebuilds a server,
    because Nova detaches the boot volume after it has destroyed the server. It
    is also expected if the first build failed, which was logged at that time.

    :param instance: nova.objects.Instance
    :returns: int, logging.INFO if it is expected, otherwise logging.WARNING.
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
    """Return why an LPAR can neither get nor lose devices now (1 request).

    :returns: str, the reason, for example that the LPAR runs without RMC; None
        if it can.
    :raises nova.exception.InstanceNotFound: if there is no LPAR here.
    """
    return get_instance_wrapper(host, instance).can_modify_io()[1]


def instance_exists(host, instance):
    """Return whether an instance has an LPAR here (1 request, 0 if known)."""
    try:
        host.partition_states.get(get_lpar_uuid(instance))
    except nova_exc.InstanceNotFound:
        return False
    return True


def may_exist(host, instance):
    """Return whether an LPAR may exist before its creation (0-1 requests).

    A server that Nova builds for the first time has none.
    """
    return was_made(instance) and instance_exists(host, instance)


def was_made(instance):
    """Return whether Nova has ever built a server; True if that is unknown."""
    return (not instance.obj_attr_is_set('launched_at') or
            bool(instance.launched_at))


def is_off(host, instance, lpar_w=None, use_cache=True):
    """Return whether the LPAR of an instance is off (1 request, 0 if known).

    A state that was read up to a minute ago is good enough, because the
    platform sends events about changes. An LPAR that has crashed is not off.
    Never raises.

    :param lpar_w: LPAR wrapper, if it has just been read or created.
    :param use_cache: False means to ask the platform.
    :returns: bool; None if there is no LPAR, or its state cannot be read.
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
    """Return the power state of an instance (1 request, 0 if known).

    :param host: the Host.
    :param instance: nova.objects.Instance
    :param use_cache: False means to ask the platform. With True, the state may
        be what events tell, see PartitionStates.reported(). Nova takes that,
        and asks again before it does something.
    :returns: nova.virt.hardware.InstanceInfo; internal_id is the LPAR's UUID.
    :raises nova.exception.InstanceNotFound: if it has no LPAR here.
    :raises pypowervm.exceptions.Error: if the state cannot be read.
    """
    lpar_uuid = get_lpar_uuid(instance)
    try:
        states = host.partition_states
        state = (states.reported(lpar_uuid) if use_cache else
                 states.get(lpar_uuid, use_cache=False))
    except nova_exc.InstanceNotFound:
        raise nova_exc.InstanceNotFound(instance_id=instance.uuid) from None
    return hardware.InstanceInfo(
        state=power_states.nova_state(state), internal_id=lpar_uuid)


# ---- creation and deletion -------------------------------------------------

def check_only_here(host, instance):
    """Check that no other system of an HMC has the LPAR of an instance.

    Two LPARs with one UUID on an HMC could not be told apart. For requests see
    other_systems.check().

    :param host: the Host.
    :param instance: nova.objects.Instance
    :raises LparElsewhere: if one has.
    :raises pypowervm.exceptions.Error: if the platform does not answer.
    """
    other_systems.check(host, instance, get_lpar_uuid(instance))


def create_lpar(host, instance, nvram=None, min_slots=0):
    """Create the LPAR of an instance, powered off.

    Needs 1 request, 1 more if the flavor names a processor pool, 1 more if an
    LPAR of somebody else has its name, and 1 more on an HMC, except in a
    rebuild: another host may have failed to delete the LPAR of a failed build.

    :param host: the Host.
    :param instance: nova.objects.Instance, with flavor and system_metadata.
    :param nvram: str, the NVRAM that the server had before, or None.
    :param min_slots: int, the least number of virtual slots that it needs.
    :returns: LPAR wrapper
    :raises InvalidFlavor: if this host cannot fulfil the flavor.
    :raises PowerVMAPIFailed: if the platform refuses. Nothing was created
        then.
    :raises LparElsewhere, LparHasOtherUUID: if an HMC cannot have this LPAR.
    :raises pypowervm.exceptions.Error: if the platform does not answer. The
        LPAR may exist then.
    """
    lpar_uuid = get_lpar_uuid(instance)
    try:
        if not other_systems.was_just_here(host, instance):
            check_only_here(host, instance)
        lpar_w = flavors.build_lpar(host, instance)
        lpar_w.uuid = lpar_uuid
        if nvram:
            lpar_w.nvram = nvram
        if host.is_hmc:
            # What changes in the LPAR changes in its profile, too.
            lpar_w.profile_sync = True
        if min_slots > lpar_w.io_config.max_virtual_slots:
            lpar_w.io_config.max_virtual_slots = min_slots
        return _check_uuid(instance, _create(host, instance, lpar_w))
    except pvm_exc.HttpError as exc:
        raise _refusal(instance, exc) from exc
    finally:
        host.partition_states.forget(lpar_uuid)


def _check_uuid(instance, lpar_w):
    """Check that a new LPAR has the UUID of its instance; delete it if not.

    Assumed, no hardware: whether each HMC takes the UUID of a client.
    """
    wanted = get_lpar_uuid(instance)
    if lpar_w.uuid.upper() == wanted.upper():
        return lpar_w
    what_now = 'was deleted'
    try:
        lpar_w.delete()
    except pvm_exc.Error as exc:
        what_now = 'could not be deleted, so delete it by hand: %s' % exc
    raise exception.LparHasOtherUUID(
        instance_uuid=instance.uuid, name=lpar_w.name, found=lpar_w.uuid,
        wanted=wanted, what_now=what_now)


def _create(host, instance, lpar_w):
    """Create an LPAR; use another name if another LPAR has its name."""
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
    """Resize the LPAR of an instance, which is off, to a flavor.

    If the size changes, store the earlier size with the instance. Needs 2
    requests, and 1 more for each flavor that names a processor pool.

    :param host: the Host.
    :param instance: nova.objects.Instance, with system_metadata.
    :param old_flavor: nova.objects.Flavor for which the LPAR was created.
    :param flavor: nova.objects.Flavor that it gets.
    :returns: LPAR wrapper
    :raises nova.exception.InstanceNotFound: if it has no LPAR here.
    :raises InvalidFlavor: if this host cannot fulfil the flavor.
    :raises PowerVMAPIFailed: if the platform refuses. Nothing was changed
        then.
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
    """Restore the size that the LPAR of an instance had before a resize.

    Needs 1 request, or 2 if the size differs. If an earlier version of the
    driver began the resize, it stored no size. The LPAR then gets the size of
    the flavor.

    :param host: the Host.
    :param instance: nova.objects.Instance, with system_metadata.
    :param old_flavor: nova.objects.Flavor to which the LPAR was resized.
    :param flavor: nova.objects.Flavor for which it was created before.
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
    """Read and edit an LPAR; do so again if somebody else changed it first.

    Needs 1 request, and those of the edit.

    :param host: the Host.
    :param instance: nova.objects.Instance
    :param change: called with the LPAR wrapper, maybe several times; returns
        the wrapper, updated if it has changed.
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
    """Correct the size of an instance's LPAR after a resize failed halfway.

    Do the same after a failed revert of a resize. If no resize has failed,
    change nothing: an administrator of the platform may have changed the size,
    even while the LPAR runs.

    :raises: as resize_lpar.
    """
    if lpar_size.is_settled(instance):
        return
    flavor = instance.flavor
    LOG.warning('A resize has not ended; the LPAR gets the size of the '
                'flavor.', instance=instance)
    if lpar_size.kept(instance, flavor) is None:
        resize_lpar(host, instance, lpar_size.old_flavor(instance), flavor)
    else:
        resize_back(host, instance, flavor, flavor)
    lpar_size.forget(instance)


def is_as_before(host, instance, was_on, may_be_resized):
    """Return whether the LPAR of an instance is as before a move (1 request).

    :param was_on: whether it was on, according to Nova's record.
    :param may_be_resized: whether the move may have changed its size.
    :returns: bool; False if the LPAR cannot be read.
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

    The platform also deletes its virtual adapters. Succeeds if the LPAR no
    longer exists. If the platform's answer was lost, 1 more request finds out
    whether the LPAR exists.

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
        host.partition_states.forget_deleted(lpar_uuid)


def _refusal(instance, exc):
    """Return PowerVMAPIFailed, with the platform's message if there is one."""
    message = exc.her_wrap.message if exc.her_wrap is not None else None
    return exception.PowerVMAPIFailed(inst_name=instance.name,
                                      reason=message or str(exc))
