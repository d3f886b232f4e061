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

"""Roll back swaps of volumes that a crash of nova-compute interrupts.

A swap stops the server, copies the volume and replaces the old volume by the
new one. Nova sets no task state during a swap, and stores the new volume only
at its end. So if nova-compute ends during a swap, Nova has the server running
with the old volume, and does not know that it is off, or has another volume.

So the flow stores a note with the server for the time of the swap. When
nova-compute starts, it rolls back the swap of each server with such a note:
the server gets its old volume back, VIOSes forget the new one, and the server
is started if the swap has stopped it.
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
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm import undoing
from nova_powervm.virt.powervm import volume
from nova_powervm.virt.powervm.volume import copying
from nova_powervm.virt.powervm.volume import device_addresses
from nova_powervm.virt.powervm.volume import whereabouts

LOG = logging.getLogger(__name__)

#: Prefix of the keys of the note in system_metadata; the number of the part
#: follows. Nova stores at most 255 characters in each.
_KEY = 'powervm_swapping_'
_PART = 255


def begin(instance, old, new, was_on):
    """Store in Nova that a volume is being swapped (2 DB calls).

    :param instance: nova.objects.Instance
    :param old: volume.driver.Volume to replace.
    :param new: likewise, the volume that replaces it.
    :param was_on: bool, whether the swap stops the server.
    """
    note = jsonutils.dumps({'old': old.id, 'was_on': was_on,
                            'new': new.connection_info})
    server_notes.note(instance, {
        **_nothing(instance),
        **{_KEY + str(number): note[start:start + _PART]
           for number, start in enumerate(range(0, len(note), _PART))}})


def end(instance):
    """Remove the note about a swap from Nova (2 DB calls)."""
    server_notes.note(instance, _nothing(instance))


def finish(instance, old, new, discovered):
    """Store the address of the new volume in Nova, and end the swap.

    :param instance: nova.objects.Instance
    :param old: instance_volumes.InstanceVolumes of the replaced volume.
    :param new: likewise, of the volume that has replaced it.
    :param discovered: the result of new.discover().
    """
    replaced = device_addresses.udid_of(instance, old.volumes[0])
    if replaced and whereabouts.has_moved(instance):
        # A host that was down when the server left it may still have it.
        device_addresses.keep_missed(instance, old.volumes[0].id, replaced)
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
    """Return the note of a server: dict; None if there is no swap."""
    keys = sorted(_nothing(instance), key=lambda key: int(key[len(_KEY):]))
    return jsonutils.loads(
        ''.join(instance.system_metadata[key] for key in keys) or 'null')


def recover(host, instances, mgmt):
    """Roll back interrupted swaps (0 requests if there are none).

    Try this once for each server, and log failures. After a failure Nova finds
    that the server is off, and a hard reboot connects its volumes.

    :param host: the owner of the REST connection (host.Host), connected.
    A server that Nova has deleted meanwhile only loses the new volume. Nova
    does not know of that, so nobody else would remove it.

    :param instances: iterable of nova.objects.Instance, Nova's servers here,
        and deleted servers whose LPARs are here.
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
        if not instance.deleted:
            end(instance)


def _steps(host, instance, mgmt, note):
    """Return the steps of a rollback, in this order: list of functions."""
    info = _connection_info(instance, note['old'])
    old = None if info is None else volume.build(host, instance, info)
    new = volume.build(host, instance, note['new'])
    steps = [lambda: _take_away(new, mgmt)]
    if old is not None:
        if not instance.deleted:
            steps.append(lambda: old.connect_now())
        steps.append(lambda: mgmt.remove_disk(
            device_addresses.udid_of(instance, old.volumes[0])))
    if (note['was_on'] and not instance.deleted and
            instance.vm_state == vm_states.ACTIVE):
        steps.append(lambda: _start(host, instance, old))
    return steps


def _start(host, instance, old):
    """Start the server; for IBM i, first tag the disk to boot from.

    :param old: InstanceVolumes of the restored volume; None if it has been
        detached.
    """
    if flavors.is_ibmi(instance):
        boots = old is not None and not {
            bdm.volume_id for bdm in _attached(instance)
            if bdm.boot_index == 0}.isdisjoint(old.ids)
        # Its other disks have kept their slots and tags.
        load_source.LoadSource(
            host, instance, old.client_slots if boots else lambda vioses: [],
            xag=old.xag if boots else ()).tag()
    power_jobs.PowerOp(host, instance).start()


def _take_away(new, mgmt):
    """Make VIOSes, and this partition, forget the new volume."""
    if not {bdm.volume_id for bdm in _attached(new.instance)}.isdisjoint(
            new.ids):
        # Nova has it as the server's volume, so the swap was complete.
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
    """Return Nova's connection_info of a volume of the server: dict.

    :returns: None if the server does not have the volume any more.
    """
    return next((
        jsonutils.loads(bdm.connection_info) for bdm in _attached(instance)
        if bdm.volume_id == volume_id and bdm.connection_info), None)
