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

"""Choose the instance id on the config drive of a server.

The id is the server's UUID in Nova. On config drives of nova-powervm 9.0.0 it
is the UUID of the LPAR, whose first bit is always 0. So the two ids differ if
the server's UUID begins with 8 to f (source: tests of 9.0.0 on the content of
config drives, and convert_uuid_to_pvm of pypowervm).

If the id changes, cloud-init treats the server as a new one: it creates host
keys and users, and runs the user's scripts again. So a server keeps its id,
even on a config drive that the driver creates again, as after a move. The
driver cannot read a medium on a VIOS, and 9.0.0 gave media the same names. It
recognises a server of 9.0.0 by its boot disk (disk.legacy). Without such a
disk it recognises the server by missing notes, because this driver stores
notes with each server in Nova, and 9.0.0 did not. It checks this once, before
it stores other notes, and stores the id in the server's system_metadata.
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
from nova_powervm.virt.powervm import server_notes
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

_KEY = 'powervm_instance_id'
#: Prefix of all notes of this driver.
_NOTES = 'powervm_'
# Notes that the driver may store before this one, even with servers of 9.0.0:
# what placement grants, before the driver creates the LPAR; and what a server
# is made of, when nova-compute starts, even if it could not store the id then.
_EARLIER = (granted.NOTES, made_of.NOTES)


def guest_id(instance):
    """Return the id for the config drive of a server: str."""
    return instance.system_metadata.get(_KEY) or instance.uuid


def legacy_id(instance):
    """Return the id that nova-powervm 9.0.0 gave a server: str."""
    return vm.get_lpar_uuid(instance).lower()


def keep(instance):
    """Store the id of a server in Nova, if it is not the UUID in Nova.

    :param instance: nova.objects.Instance
    """
    if (_KEY not in instance.system_metadata and
            legacy_id(instance) != instance.uuid and _has_legacy_id(instance)):
        LOG.info('The server keeps the id %s that nova-powervm 9.0.0 gave '
                 'it.', legacy_id(instance), instance=instance)
        instance.system_metadata[_KEY] = legacy_id(instance)
        server_notes.save(instance)


def take_over(nodename):
    """Look for servers of 9.0.0 on this host, when nova-compute starts.

    Call this after the driver has taken over disks of 9.0.0, and before it
    stores other notes with servers. It sends no request.

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
    """Return whether 9.0.0 created a server, and its config drive, if any.

    A server that is being created has not been launched. In the image of a
    shelved server, cloud-init has stored the id.
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
