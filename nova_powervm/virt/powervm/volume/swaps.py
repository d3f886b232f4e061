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

"""Swaps of volumes that a crash of nova-compute cuts off.

A swap stops the server, copies the volume and puts the new one in the place of
the old one. Nova sets no task state meanwhile, and keeps the new volume only
after all of it. So if nova-compute ends in a swap, Nova has the server running
with the old volume, and does not know that it is off, or has another one.

The flow therefore has Nova keep a note with the server for that time. When
nova-compute starts, it takes back what the swap has done of a server with such
a note: the server gets its old volume back, VIOSes forget the new one, and the
server is started if the swap has stopped it.
"""

from nova.compute import vm_states
from nova import exception as nova_exc
from nova import objects
from oslo_log import log as logging
from oslo_serialization import jsonutils
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm import load_source
from nova_powervm.virt.powervm import power_jobs
from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import copying
from nova_powervm.virt.powervm.volume import device_addresses

LOG = logging.getLogger(__name__)

#: Key of the note in system_metadata, with the number of its part. Nova keeps
#: at most 255 characters in each.
_KEY = 'powervm_swapping_'
_PART = 255


def begin(instance, old, new, was_on):
    """Have Nova keep that a volume is being swapped (1 DB call).

    :param instance: nova.objects.Instance
    :param old: volume.driver.Volume that goes.
    :param new: likewise, the one that takes its place.
    :param was_on: bool, whether the swap stops the server.
    """
    note = jsonutils.dumps({'old': old.id, 'was_on': was_on,
                            'new': new.connection_info})
    device_addresses.note(instance, {
        **_nothing(instance),
        **{_KEY + str(number): note[start:start + _PART]
           for number, start in enumerate(range(0, len(note), _PART))}})


def end(instance):
    """Have Nova forget that a volume is being swapped (1 DB call)."""
    device_addresses.note(instance, _nothing(instance))


def finish(instance, old, new, discovered):
    """Have Nova keep where the new volume is, and forget the swap.

    :param instance: nova.objects.Instance
    :param old: instance_volumes.InstanceVolumes of the replaced volume.
    :param new: likewise, of the volume that has replaced it.
    :param discovered: what new.discover() has returned.
    """
    # If Cinder has migrated the old volume, it gives the new volume the id of
    # the old one.
    for address in new.addresses(discovered).values():
        device_addresses.keep(instance, dict.fromkeys(
            (*old.ids, *new.ids), address))
    end(instance)


def _nothing(instance):
    return {key: None for key in instance.system_metadata
            if key.startswith(_KEY)}


def _read(instance):
    """The note of a server: dict; None if no volume is being swapped."""
    keys = sorted(_nothing(instance), key=lambda key: int(key[len(_KEY):]))
    return jsonutils.loads(
        ''.join(instance.system_metadata[key] for key in keys) or 'null')


def recover(host, instances, mgmt):
    """Take back swaps that were cut off (0 requests if none was).

    It is tried once for each server, and failures are logged: Nova then finds
    that the server is off, and a hard reboot connects its volumes.

    :param host: the owner of the REST connection (host.Host), connected.
    :param instances: iterable of nova.objects.Instance, Nova's servers here.
    :param mgmt: mgmt.ManagementPartition
    """
    for instance in instances:
        note = _read(instance)
        if note is None:
            continue
        LOG.warning('nova-compute has ended while it swapped volume %s; the '
                    'server gets that volume back.', note['old'],
                    instance=instance)
        try:
            undoing.each(lambda undo: undo(), _steps(
                host, instance, mgmt, note))
        except (pvm_exc.Error, nova_exc.NovaException):
            LOG.exception('The swap of volume %s could not be rolled back. '
                          'Hard reboot the server.', note['old'],
                          instance=instance)
        end(instance)


def _steps(host, instance, mgmt, note):
    """What takes a swap back, in this order: list of functions."""
    info = _connection_info(instance, note['old'])
    old = None if info is None else volume.build(host, instance, info)
    new = volume.build(host, instance, note['new'])
    steps = [lambda: _take_away(new, mgmt)]
    if old is not None:
        steps.append(lambda: old.connect_now())
        steps.append(lambda: mgmt.remove_disk(
            device_addresses.udid_of(instance, old.volumes[0])))
    if note['was_on'] and instance.vm_state == vm_states.ACTIVE:
        steps.append(lambda: _start(host, instance, old))
    return steps


def _start(host, instance, old):
    """Start the server; IBM i is told before what to boot from.

    :param old: InstanceVolumes of the volume that it has back; None if it has
        been detached.
    """
    if flavors.is_ibmi(instance):
        boots = old is not None and not {
            bdm.volume_id for bdm in _attached(instance)
            if bdm.boot_index == 0}.isdisjoint(old.ids)
        # Its other disks are where they were, and tagged.
        load_source.LoadSource(
            host, instance, old.client_slots if boots else lambda vioses: [],
            xag=old.xag if boots else ()).tag()
    power_jobs.PowerOp(host, instance).start()


def _take_away(new, mgmt):
    """Make VIOSes, and this partition, forget the new volume."""
    if not {bdm.volume_id for bdm in _attached(new.instance)}.isdisjoint(
            new.ids):
        # Nova has it as the server's: the swap was done.
        return
    discovered = new.discover()
    for device in new.devices(discovered):
        copier = copying.VolumeCopier(new.host, mgmt)
        for vios_uuid in device.hdisks:
            copier.take_back(vios_uuid, [device])
    new.disconnect_now(discovered)


def _attached(instance):
    return objects.BlockDeviceMappingList.get_by_instance_uuid(
        instance._context, instance.uuid)


def _connection_info(instance, volume_id):
    """How the server reaches a volume, as Nova has it: dict.

    :returns: None if the server does not have the volume any more.
    """
    return next((
        jsonutils.loads(bdm.connection_info) for bdm in _attached(instance)
        if bdm.volume_id == volume_id and bdm.connection_info), None)
