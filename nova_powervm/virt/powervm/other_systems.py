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

"""Ask an HMC about the LPARs of its other systems.

Everything else in the driver sees only the managed system. Here the UUID of an
LPAR proves that it belongs to a server: the driver derives it from the UUID of
the server in Nova.
"""

from nova.compute import task_states
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import system_identity

_REBUILDING = (task_states.REBUILDING,
               task_states.REBUILD_BLOCK_DEVICE_MAPPING,
               task_states.REBUILD_SPAWNING)


def check(host, instance, lpar_uuid):
    """Check that no other system of an HMC has the LPAR of an instance.

    For requests see find() and check_host().

    :param host: the owner of the REST connection (host.Host), connected.
    :param instance: nova.objects.Instance
    :param lpar_uuid: str, the UUID of its LPAR.
    :raises LparElsewhere: if one has, or may have.
    :raises pypowervm.exceptions.Error: if the HMC does not answer.
    """
    if instance.host not in (None, host.nodename):
        check_host(host, instance.host)
    system = find(host, lpar_uuid)
    if system is not None:
        raise exception.LparElsewhere(uuid=instance.uuid, system=system)


def check_host(host, nodename):
    """Check that a server does not move within one HMC.

    The user of the HMC may not see the other system, or not its LPARs. So this
    compares what Nova has stored with the other host. Needs 1 DB call, and 1
    request once, and nothing on a NovaLink.

    :param host: the owner of the REST connection (host.Host), connected.
    :param nodename: str, Nova's name of the other host.
    :raises HostOfSameHmc: if the HMC manages the systems of both hosts.
    :raises pypowervm.exceptions.Error: if the HMC does not answer.
    """
    if not host.is_hmc:
        return
    other = system_identity.stored(nodename)
    if not other.system:
        return
    if (other.system in host.hmc.system_uuids or
            host.hmc.uuid and other.hmc == host.hmc.uuid):
        raise exception.HostOfSameHmc(host=nodename)


def find(host, lpar_uuid):
    """Find another system of the HMC that has an LPAR with a UUID.

    Sends 1 request to an HMC, 1 more if there is one, and none to a NovaLink.
    A system that the user of the HMC may not see has no LPARs here.

    :param host: the owner of the REST connection (host.Host), connected.
    :param lpar_uuid: str, the LPAR's UUID.
    :returns: str that names the system for a message; None if there is none.
    :raises pypowervm.exceptions.Error: if the HMC does not answer.
    """
    if not host.is_hmc:
        return None
    uuid = host.system_of_lpar(lpar_uuid)
    if uuid is None or uuid.lower() == host.system_uuid.lower():
        return None
    # The HMC does not tell which ones if there are several.
    return next(('%s (%s)' % (system.system_name, system.mtms.mtms_str)
                 for system in (host.systems() if uuid else ())
                 if system.uuid.lower() == uuid.lower()), 'another system')


def why_not_gone(host, instance, lpar_uuid):
    """Return why a server is not gone, though it has no LPAR here.

    For requests see find(). A server that Nova has on another host may be
    there, so nothing is asked then. One that a user deletes while it is
    migrated may have arrived; the target then removes it.

    :param host: the owner of the REST connection (host.Host), connected.
    :param instance: nova.objects.Instance, which Nova has built.
    :param lpar_uuid: str, the UUID of its LPAR.
    :returns: str, if another system of the HMC has the LPAR, or may have it;
        None if the LPAR does not exist.
    """
    if (instance.host != host.nodename or
            host.partition_states.has_departed(lpar_uuid)):
        return None
    try:
        system = find(host, lpar_uuid)
    except pvm_exc.Error as exc:
        return ('The LPAR is not here, and it is not known whether the HMC '
                'has it on another system: %s' % exc)
    return system and (
        'The HMC has the LPAR on %s: somebody has moved it without Nova. Move '
        'it back with the HMC' % system)


def was_just_here(host, instance):
    """Return whether Nova has just removed the LPAR here, to make it again.

    The removal fails if another system of the HMC has it; see
    power_jobs.PowerOp. A server that is evacuated was on another host.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :returns: bool
    """
    return (instance.host == host.nodename and
            instance.task_state in _REBUILDING)
