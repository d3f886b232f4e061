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

"""Distinguish failures of one host from failures that each host would have.

If only this host failed, Nova shall build the server on another host. If each
host would fail, Nova shall stop. What Nova does depends on the class of the
exception (source: nova.compute.manager, _build_and_run_instance()). So this
module sorts the exceptions of this driver, and those of Nova that the driver
raises.
"""

from nova.compute import vm_states
from nova import exception as nova_exc

from nova_powervm.virt.powervm import exception

#: Failures of each host, unless they are an exception.FaultOfThisHost.
REQUEST_ERRORS = (
    exception.InvalidFlavor,
    exception.VolumeTypeNotSupported,
    nova_exc.FlavorDiskTooSmall,
    nova_exc.ImageNotActive,
    nova_exc.ImageNotAuthorized,
    nova_exc.ImageNotFound,
    nova_exc.ImageUnacceptable,
    nova_exc.InvalidInput,
    # Neutron does not report the ports; Nova stops then with each driver.
    nova_exc.VirtualInterfaceCreateException,
    nova_exc.VolumeEncryptionNotSupported,
)


def is_of_request(exc):
    """Return whether the cause of an exception makes each host fail."""
    return (isinstance(exc, REQUEST_ERRORS) and
            not isinstance(exc, exception.FaultOfThisHost))


def is_users(exc):
    """Return whether the request of the user caused a failure.

    Nova tells the user. The operator of the host has nothing to repair.

    :param exc: the exception.
    :returns: bool
    """
    return (isinstance(exc, nova_exc.ResizeError) or is_of_request(exc) and
            not isinstance(exc, nova_exc.VirtualInterfaceCreateException))


def build_failure(exc, instance):
    """Return the exception that makes Nova try another host, or stop.

    :param exc: the exception that ended a build.
    :param instance: nova.objects.Instance. If it exists already, as in a
        rebuild, Nova does not try another host.
    :returns: an exception; exc itself if Nova handles it correctly.
    """
    if (not instance.obj_attr_is_set('vm_state') or
            instance.vm_state != vm_states.BUILDING):
        return exc
    if isinstance(exc, exception.FaultOfThisHost):
        return exception.NotOnThisHost(reason=str(exc))
    if is_of_request(exc):
        return nova_exc.BuildAbortException(instance_uuid=instance.uuid,
                                            reason=str(exc))
    return exc
