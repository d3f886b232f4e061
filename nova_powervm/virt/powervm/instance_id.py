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

"""The id that a server finds on its config drive.

It is the server's UUID in Nova. On the config drives of nova-powervm 9.0.0 it
is the UUID of the LPAR, in which the first bit is always 0: for UUIDs that
begin with 8 to f it is another one (source: tests of 9.0.0 on the content of
config drives, and convert_uuid_to_pvm of pypowervm).

cloud-init takes a server with another id for a new one: it makes host keys and
users, and runs the user's scripts once more. So a server keeps the id that it
has, also on a config drive that is made anew, as after a move. A medium cannot
be read on a VIOS, and has the same name in 9.0.0. So what 9.0.0 made is known
by the boot disk that was taken over from it (disk.legacy), or, without such
a disk, by what is missing: this driver makes notes of each server in Nova,
which 9.0.0 did not. That is found out once, before anything else is noted, and
the id is kept in the server's system_metadata.
"""

from nova.compute import vm_states
from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects
from oslo_log import log as logging

from nova_powervm.virt.powervm.disk import legacy
from nova_powervm.virt.powervm import granted
from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import made_of
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

_KEY = 'powervm_instance_id'
#: What the notes of this driver begin with.
_NOTES = 'powervm_'
# Notes that may come before this one, also of servers of 9.0.0: what placement
# grants is noted before the LPAR is made, and what a server is made of when
# nova-compute starts, even if it could not keep the id then.
_EARLIER = (granted.NOTES, made_of.NOTES)


def guest_id(instance):
    """The id for the config drive of a server: str."""
    return instance.system_metadata.get(_KEY) or instance.uuid


def legacy_id(instance):
    """The id that nova-powervm 9.0.0 gave a server: str."""
    return vm.get_lpar_uuid(instance).lower()


def keep(instance):
    """Have Nova keep the id of a server, if it is not the UUID in Nova.

    :param instance: nova.objects.Instance
    """
    if (_KEY not in instance.system_metadata and
            legacy_id(instance) != instance.uuid and _has_legacy_id(instance)):
        LOG.info('The server keeps the id %s that nova-powervm 9.0.0 gave '
                 'it.', legacy_id(instance), instance=instance)
        instance.system_metadata[_KEY] = legacy_id(instance)
        instance.save()


def take_over(nodename):
    """Look for servers of 9.0.0 on this host, when nova-compute starts.

    It comes after disks of 9.0.0 are taken over, and before what makes other
    notes of servers. Takes no request.

    :param nodename: str, Nova's name of the host.
    """
    for instance in objects.InstanceList.get_by_host(
            nova_context.get_admin_context(), nodename,
            expected_attrs=['system_metadata']):
        try:
            keep(instance)
        except nova_exc.NovaException as exc:
            LOG.warning('The id that 9.0.0 gave the server could not be '
                        'kept. Start nova-compute again before the server is '
                        'moved or rebuilt: %s', exc, instance=instance)


def _has_legacy_id(instance):
    """Whether 9.0.0 has made a server, and its config drive, if it has one.

    A server that is being made has not been launched. The image of one that
    was shelved has cloud-init's memory of the id.
    """
    if instance.launched_at is None or host_record.was_made_here(instance):
        return False
    if legacy.boot_disk_name(instance):
        return True
    has_own_disk = (instance.image_ref and
                    instance.vm_state != vm_states.SHELVED_OFFLOADED)
    return not has_own_disk and not any(
        key.startswith(_NOTES) and not key.startswith(_EARLIER)
        for key in instance.system_metadata)
